# The commands of this project. Each works from a fresh clone; what is missing is said in one line.

SHELL := /bin/sh
PORT ?= 8000
PYTHON_VENV := .venv/bin/python
DEMO ?= .demo
DEMO_FOLDER = $(abspath $(DEMO))

.PHONY: setup demo demo-reset serve worker test bench gallery lock

setup: ## .venv with everything pinned, the translations, the static files
	@.ci/setup requirements.txt
	@$(PYTHON_VENV) .ci/build

demo: setup ## demo practices on http://127.0.0.1:$(PORT)
	@mkdir -p $(DEMO_FOLDER)
	@test -e $(DEMO_FOLDER)/env || (umask 077; $(PYTHON_VENV) .ci/demo_env > $(DEMO_FOLDER)/env)
	@set -a; . $(DEMO_FOLDER)/env; set +a; \
	  DATABASE_URL="sqlite:///$(DEMO_FOLDER)/demo.sqlite3" EMAIL_URL="filemail:///$(DEMO_FOLDER)/mail" \
	  BASE_URL="http://127.0.0.1:$(PORT)" ALLOW_PRIVATE_VENDOR_HOSTS=true \
	  exec $(PYTHON_VENV) manage.py demo $(DEMO_FOLDER) --port $(PORT)

demo-reset: ## forgets the demo's data
	@rm -rf $(DEMO_FOLDER)
	@echo "The demo starts afresh next time."

serve: setup ## as in production: settings from the environment, on PORT
	@$(PYTHON_VENV) manage.py migrate --verbosity 0
	@exec $(PYTHON_VENV) -m gunicorn --bind 0.0.0.0:$(PORT) --workers 2 --threads 128 --worker-class gthread --no-control-socket \
	  --graceful-timeout 30 --max-requests 20000 --max-requests-jitter 2000 booking.wsgi

worker: setup ## the background work beside `make serve`
	@exec $(PYTHON_VENV) manage.py worker

test: setup ## everything that must hold
	@.ci/setup requirements-dev.txt
	@.ci/test

bench: setup ## measures, and prints tables: `make bench PARTS="times journeys"` only those
	@.ci/setup requirements-dev.txt
	@CHROMIUM=$$(.ci/browser) $(PYTHON_VENV) -m tests.bench $(PARTS)

gallery: setup ## pictures of every page in every state, into .gallery/
	@.ci/setup requirements-dev.txt
	@CHROMIUM=$$(.ci/browser) $(PYTHON_VENV) -m tests.gallery

lock: setup ## the lock files anew, from pyproject.toml
	@.ci/lock
