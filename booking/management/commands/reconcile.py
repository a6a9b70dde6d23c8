"""Does by hand what the worker does about bookings of unknown outcome, and prints what it found."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from booking import reconciliation
from booking.models import Booking, Practice, State


class Command(BaseCommand):
    help = "Asks the vendors about every booking that is being checked, of one practice or of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="?", help="only this practice")

    def handle(self, *args: Any, **options: Any) -> None:
        bookings = Booking.objects.filter(state=State.CHECKING).select_related("practice").order_by("checking_since")
        if options["slug"]:
            if not Practice.objects.filter(slug=options["slug"]).exists():
                raise CommandError(f'no practice "{options["slug"]}"')
            bookings = bookings.filter(practice__slug=options["slug"])
        if not bookings:
            self.stdout.write("No booking is being checked.")
        for booking in bookings:
            since = f"{booking.checking_since:%Y-%m-%d %H:%M}"
            outcome = reconciliation.look(booking)
            self.stdout.write(f"{booking.practice.slug} {booking.reference} (since {since} UTC): {outcome.value}")
