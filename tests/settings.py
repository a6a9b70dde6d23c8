"""The product's own settings, with an environment that a test needs."""

import os
import tempfile

os.environ.setdefault("SECRET_KEY", "for tests only, nothing depends on it staying secret")
os.environ.setdefault("FIELD_KEYS", "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=")
os.environ.setdefault("DATABASE_URL", "sqlite://:memory:")
os.environ.setdefault("ALLOW_PRIVATE_VENDOR_HOSTS", "true")
os.environ.setdefault("EMAIL_URL", "memorymail://")

from booking.settings import *  # noqa: F403

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as the product has it: several threads that share one in memory lock each other out at once.
    folder = tempfile.TemporaryDirectory(prefix="anteroom-tests-")
    DATABASES["default"]["TEST"] = {"NAME": f"{folder.name}/tests.sqlite3"}  # noqa: F405
STORAGES = {  # pages without collectstatic
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
