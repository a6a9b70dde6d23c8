"""How many calls a booking costs at the vendor, from the chosen time on, with the catalogue read already."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking import catalogue, confirmation, connections, holds, practices
from booking.models import Booking, Practice, State
from booking.steps import Choice, Step
from vendors.base import SlotTaken
from vendors.sandbox.bookio import BookioSandbox

DETAILS = {"first_name": "Jana", "last_name": "Nová", "email": "jana@example.com", "phone": "+421948762315"}


@pytest.mark.django_db(transaction=True)
def test_bookio_reads_the_chosen_time_once_and_refuses_a_taken_one_by_itself() -> None:
    sandbox = BookioSandbox()
    with sandbox.serve() as address:
        practices.load_tables([sandbox.practice(address)], actor="command")
        practice = Practice.objects.get()
        service = next(s for s in catalogue.services(practice, "sk") if s.offers)
        [offer, *_others] = service.offers or ()
        choice = Choice(service.id, offer.clinic.id, offer.providers[0].id)
        where = catalogue.position(practice, "sk", choice)
        assert where.step is Step.TIMES
        slot = catalogue.week(practice, "sk", where).days[-1].times[-1].slot
        before = len(sandbox.calls)
        booking = holds.take(practice, "sk", where, slot.id).booking
        Booking.objects.filter(pk=booking.pk).update(details=DETAILS)
        booking.refresh_from_db()
        confirmation.confirm(booking)
        assert booking.state == State.CONFIRMED
        assert sorted(sandbox.calls[before:]) == ["blocked_times", "create_reservation", "reservations"]
        assert connections.vendor_for(practice).capabilities.refuses_taken
        assert sandbox.breaches == []


@pytest.mark.django_db(transaction=True)
def test_two_patients_cannot_both_hold_the_last_of_several_places() -> None:
    sandbox = BookioSandbox()
    with sandbox.serve() as address:
        practices.load_tables([sandbox.practice(address)], actor="command")
        practice = Practice.objects.get()
        where = catalogue.position(practice, "sk", Choice("9031", "101", "503"))
        week = catalogue.week(practice, "sk", where)
        slot = next(t.slot for day in reversed(week.days) for t in day.times if t.slot.places == 2)
        sandbox.reserve(9031, slot.start.strftime("%Y-%m-%dT%H:%M:%S"))  # one at the desk
        holds.take(practice, "sk", where, slot.id)
        with pytest.raises(SlotTaken):
            holds.take(practice, "sk", where, slot.id)


@pytest.mark.django_db(transaction=True)
def test_a_booking_that_the_diary_counts_already_takes_one_place_and_not_two() -> None:
    sandbox = BookioSandbox()
    with sandbox.serve() as address:
        practices.load_tables([sandbox.practice(address)], actor="command")
        practice = Practice.objects.get()
        where = catalogue.position(practice, "sk", Choice("9031", "101", "503"))
        week = catalogue.week(practice, "sk", where)
        slot = next(t.slot for day in reversed(week.days) for t in day.times if t.slot.places == 2)
        booking = holds.take(practice, "sk", where, slot.id).booking
        Booking.objects.filter(pk=booking.pk).update(details=DETAILS)
        booking.refresh_from_db()
        confirmation.confirm(booking)
        # As if a little later: the clocks of two machines may be two seconds apart.
        Booking.objects.filter(pk=booking.pk).update(changed_at=timezone.now() - timedelta(seconds=3))
        holds.take(practice, "sk", where, slot.id)
        with pytest.raises(SlotTaken):
            holds.take(practice, "sk", where, slot.id)
