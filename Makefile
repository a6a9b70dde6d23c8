# The commands of this project. Each works from a fresh clone; what is missing is said in one line.

SHELL := /bin/sh
PORT ?= 8000
PYTHON_VENV := .venv/bin/python
DEMO := .demo

.PHONY: setup demo demo-reset serve worker test lock

setup: ## .venv with everything pinned, the translations, the static files
	@.ci/setup requirements.txt
	@$(PYTHON_VENV) .ci/build

demo: setup ## demo practices on http://127.0.0.1:$(PORT)
	@mkdir -p $(DEMO)
	@test -e $(DEMO)/env || (umask 077; $(PYTHON_VENV) .ci/demo_env > $(DEMO)/env)
	@set -a; . ./$(DEMO)/env; set +a; \
	  DATABASE_URL="sqlite:///$(CURDIR)/$(DEMO)/demo.sqlite3" EMAIL_URL="filemail:///$(CURDIR)/$(DEMO)/mail" \
	  BASE_URL="http://127.0.0.1:$(PORT)" ALLOW_PRIVATE_VENDOR_HOSTS=true \
	  exec $(PYTHON_VENV) manage.py demo $(DEMO) --port $(PORT)

demo-reset: ## forgets the demo's data
	@rm -rf $(DEMO)
	@echo "The demo starts afresh next time."

serve: setup ## as in production: settings from the environment, on PORT
	@$(PYTHON_VENV) manage.py migrate --verbosity 0
	@exec $(PYTHON_VENV) -m gunicorn --bind 0.0.0.0:$(PORT) --workers 2 --threads 128 --worker-class gthread \
	  --graceful-timeout 30 --max-requests 20000 --max-requests-jitter 2000 booking.wsgi

worker: setup ## the background work beside `make serve`
	@exec $(PYTHON_VENV) manage.py worker

test: setup ## everything that must hold
	@.ci/setup requirements-dev.txt
	@.ci/test

lock: setup ## the lock files anew, from pyproject.toml
	@.ci/lock
