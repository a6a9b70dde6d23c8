# One image for both: the web server, which is its command, and the worker: `python manage.py worker`.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1
WORKDIR /app

COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes -r requirements.txt

COPY LICENSE manage.py ./
COPY .ci/build .ci/build
COPY static static
COPY templates templates
COPY vendors vendors
COPY booking booking
RUN python .ci/build

RUN useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin anteroom
USER anteroom

EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]

# As `make serve` does it; the user has no home for a control socket.
CMD ["sh", "-c", "python manage.py migrate --verbosity 0 && exec python -m gunicorn --bind 0.0.0.0:8000 --workers 2 --threads 128 --worker-class gthread --graceful-timeout 30 --max-requests 20000 --max-requests-jitter 2000 --no-control-socket booking.wsgi"]
