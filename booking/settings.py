"""The environment, read once. What each variable means for somebody who runs Anteroom is in the README."""

import base64
import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="only for development, and never for patients" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. Set it to 50 random characters, or DEBUG=true to only try it out."
    )

FIELD_KEYS: list[str] = env.list("FIELD_KEYS", default=[])
"""The keys that encrypt secrets and patients' fields, newest first: each 32 bytes in URL-safe base64."""
if not FIELD_KEYS and DEBUG:
    FIELD_KEYS = [base64.urlsafe_b64encode(hashlib.sha256(SECRET_KEY.encode()).digest()).decode()]
if not FIELD_KEYS:
    raise ImproperlyConfigured("FIELD_KEYS is not set. Make a key: openssl rand -base64 32 | tr '+/' '-_'")

BASE_URL = env.str("BASE_URL", default="http://127.0.0.1:8000").rstrip("/")
_base = urlsplit(BASE_URL)
if _base.scheme not in ("http", "https") or not _base.hostname or _base.path:
    raise ImproperlyConfigured(f"BASE_URL is {BASE_URL!r}, but must be like https://booking.example.com")
HTTPS = _base.scheme == "https"

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=sorted({_base.hostname, "localhost", "127.0.0.1", "[::1]"}))
ALLOW_PRIVATE_VENDOR_HOSTS = env.bool("ALLOW_PRIVATE_VENDOR_HOSTS", default=False)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_tasks_db",
    "booking",
]
MIDDLEWARE = [
    "booking.middleware.FramingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # with random bytes against guessing what is secret by its length
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "booking.middleware.PracticeMiddleware",
]
ROOT_URLCONF = "booking.urls"
WSGI_APPLICATION = "booking.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- What we remember ------------------------------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'anteroom.sqlite3'}")}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # With Django's defaults, "database is locked" at 300 patients at once; with these, no error at 1,000.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
elif _database["ENGINE"] == "django.db.backends.postgresql":
    _database["CONN_MAX_AGE"] = 0
    _database["CONN_HEALTH_CHECKS"] = True  # else the first patients after its restart get dead connections
    _database["OPTIONS"] = {"pool": {"min_size": 2, "max_size": 12, "timeout": 15}}
CACHES = {
    "default": env.cache_url("CACHE_URL", default="locmemcache://"),
    "template_fragments": {  # what is the same for all visitors, for `{% cache %}` and pages; each process has its own
        "BACKEND": f"django.core.cache.backends.{'dummy.DummyCache' if DEBUG else 'locmem.LocMemCache'}",
        "LOCATION": "template fragments",
        "OPTIONS": {"MAX_ENTRIES": 3000},  # of some kilobytes each
    },
}
_mail = env.email_url("EMAIL_URL", default="smtp://localhost:25")
MAILERS = {
    "default": {
        "BACKEND": _mail["EMAIL_BACKEND"],
        "OPTIONS": {
            "django.core.mail.backends.smtp.EmailBackend": {
                "host": _mail["EMAIL_HOST"],
                "port": _mail["EMAIL_PORT"] or 25,
                "username": _mail["EMAIL_HOST_USER"] or "",
                "password": _mail["EMAIL_HOST_PASSWORD"] or "",
                "use_tls": _mail.get("EMAIL_USE_TLS", False),
                "use_ssl": _mail.get("EMAIL_USE_SSL", False),
                "timeout": 20,
            },
            "django.core.mail.backends.filebased.EmailBackend": {"file_path": _mail["EMAIL_FILE_PATH"]},
        }.get(_mail["EMAIL_BACKEND"], {}),
    }
}

DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default=f"booking@{_base.hostname}")
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# --- Words and times -------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("sv", "Svenska"),
    ("nb", "Norsk bokmål"),
    ("nl", "Nederlands"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("it", "Italiano"),
    ("es", "Español"),
    ("sk", "Slovenčina"),
]
LOCALE_PATHS = [BASE_DIR / "booking" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Files -----------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / ".staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Safety ----------------------------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$"]  # a load balancer asks these in plain
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 3600
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_REFERRER_POLICY = "same-origin"  # "no-referrer" would turn Origin into "null", and the origin guard refuse it
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CSP = {  # frame-ancestors is set per practice, by FramingMiddleware
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # X-Frame-Options cannot name several sites; FramingMiddleware sends frame-ancestors instead
    "security.W005",  # the practice's subdomains are not ours to force onto https
    "security.W021",
]

# --- How long, in seconds --------------------------------------------------------------------------------------------

HOLD_SECONDS = env.int("HOLD_SECONDS", default=15 * 60)
PAGE_SECONDS = 9.0
"""What the vendor calls of one page may take together: no page takes longer than ten seconds."""

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"tokens": {"()": "booking.logs.WithoutTokens"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["tokens"], "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # Django's own handler would print addresses before our filter has seen them.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "django_tasks_db": {"level": "WARNING"},  # a line a second otherwise
        "httpx": {"level": "WARNING"},  # its lines hold whole addresses, and some vendors take a patient in the query
        "httpcore": {"level": "WARNING"},
    },
}
