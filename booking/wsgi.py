"""The way in for a WSGI server."""

import atexit
import gc
import os

from django.core.wsgi import get_wsgi_application
from django.db import connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking.settings")
application = get_wsgi_application()

# What is loaded by now stays: not looking through it again and again saves a twentieth of the processor's time.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 50)


@atexit.register
def close_pool() -> None:
    """Otherwise a process that ends waits twenty seconds for the pool's own threads."""
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
