"""Says, line by line, what of a practice works. Exit status 0 only if a patient could book."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from booking import going_live
from booking.models import Practice


class Command(BaseCommand):
    help = "Calls a practice's vendor, reading only, and says what works."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")

    def handle(self, *args: Any, **options: Any) -> None:
        practice = Practice.objects.filter(slug=options["slug"]).first()
        if practice is None:
            known = ", ".join(Practice.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f'no practice "{options["slug"]}" (known: {known})')
        bookable = True
        for finding in going_live.check(practice):
            bookable = bookable and finding.fine
            self.stdout.write(f"{'ok  ' if finding.fine else 'FAIL'} {finding.what}: {finding.text}")
        if not bookable:
            raise CommandError("a patient could not book")
