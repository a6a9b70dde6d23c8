"""The way in for a WSGI server."""

import atexit
import os

from django.core.wsgi import get_wsgi_application
from django.db import connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking.settings")
application = get_wsgi_application()


@atexit.register
def close_pool() -> None:
    """Otherwise a process that ends waits twenty seconds for the pool's own threads."""
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
