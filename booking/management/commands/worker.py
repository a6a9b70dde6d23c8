"""The background work, until it is told to stop."""

import logging
import os
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from booking import due

log = logging.getLogger(__name__)

LESS_URGENT = 5
"""Added to its niceness: where it shares the processors with the web server, pages come before reading ahead."""


class Command(BaseCommand):
    help = "Does the work that is due: bookings of unknown outcome, holds that ran out, forgetting."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            due.do_all()
            return
        os.nice(LESS_URGENT)
        work = due.Work()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        log.info("worker started")
        while not stop.is_set():
            try:
                work.do(to_the_end=False)
            except Exception:
                log.exception("the work that was due failed; it is tried again")
            close_old_connections()
            stop.wait(1)
        work.stop()
        log.info("worker stopped")
