"""Book a held time at the vendor, once."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from booking import audit, catalogue, drift, lifecycle, rules
from booking.connections import vendor_for
from booking.models import Booking, State
from vendors.base import InvalidPatient, OutcomeUnknown, SlotTaken, VendorError

FIRST_LOOK_AFTER = timedelta(seconds=4)


class HoldEnded(SlotTaken):
    """The hold ran out before it was confirmed. Nothing was booked."""


def confirm(booking: Booking) -> None:
    """Book the held time. Ends CONFIRMED, or raises and says why.

    The state is written before the call, so that a crash, a timeout and a lost answer are the same case. Of ten clicks
    one gets past the first lines; to the others the booking's page tells how it stands.
    """
    if booking.state != State.HELD:
        return
    now = timezone.now()
    if booking.held_until <= now or booking.start <= now:
        raise HoldEnded("the hold ran out")
    vendor = vendor_for(booking.practice)
    if vendor.capabilities.reserve and not booking.reservation_id:
        lifecycle.move(booking, State.HELD, State.EXPIRED, actor=audit.PATIENT, outcome="never reserved at the vendor")
        raise HoldEnded("the vendor never reserved it")
    # Judged as of when the time was taken: the minutes of typing are not the patient's fault, new rules count.
    zone = booking.practice.zone
    if not rules.of(booking.practice, booking.service_id).allow(
        booking.local_start, booking.created_at.astimezone(zone)
    ):
        lifecycle.move(
            booking, State.HELD, State.FAILED, actor=audit.PATIENT, outcome="outside of the practice's rules"
        )
        raise rules.NotBookable("outside of what the practice lets patients book")
    # A crash from here on leaves CHECKING; the worker looks once this call can no longer be under way.
    if not lifecycle.move(
        booking,
        State.HELD,
        State.CHECKING,
        actor=audit.PATIENT,
        provided=Q(held_until__gt=timezone.now()),
        checking_since=now,
        look_at=now + timedelta(seconds=15),
        made_over=drift.fingerprint(booking.practice),
    ):
        if booking.state == State.HELD:
            raise HoldEnded("the hold ran out meanwhile")
        return
    booking.refresh_from_db(fields=["details"])  # another tab may have corrected them meanwhile
    try:
        # An earlier try was answered as if nothing had happened; were it wrong, this one would find its own time taken.
        if booking.sent_before and (there := vendor.find(booking.request())):
            settled(booking, there[0].id, actor=audit.PATIENT)
            return
        protected = vendor.capabilities.reserve or vendor.capabilities.refuses_taken
        if not protected and not catalogue.still_offered(booking):
            raise SlotTaken("not offered any more")
        appointment = vendor.book(booking.request())
    except OutcomeUnknown:
        Booking.objects.filter(pk=booking.pk, state=State.CHECKING).update(look_at=timezone.now() + FIRST_LOOK_AFTER)
        raise  # it stays CHECKING, and the worker settles it
    except SlotTaken:
        lifecycle.move(booking, State.CHECKING, State.FAILED, actor=audit.PATIENT, outcome="the time was taken")
        catalogue.taken(booking.practice, booking.service_id, booking.slot_id)
        raise
    except VendorError as error:  # every other one means that nothing happened
        refused = list(error.fields) if isinstance(error, InvalidPatient) else []
        lifecycle.move(
            booking,
            State.CHECKING,
            State.HELD,
            actor=audit.PATIENT,
            outcome=f"not booked: {type(error).__name__}",
            refused_fields=refused,
            sent_before=booking.sent_before or not isinstance(error, InvalidPatient),
            checking_since=None,
            look_at=None,
        )
        raise
    settled(booking, appointment.id, actor=audit.PATIENT)


def settled(booking: Booking, appointment_id: str, *, actor: str, before: State = State.CHECKING) -> bool:
    """The vendor's diary has it: it becomes CONFIRMED, and what only a look-up needed is forgotten."""
    details = {name: value for name, value in booking.details.items() if name != "personal_number"}
    confirmed = lifecycle.move(
        booking,
        before,
        State.CONFIRMED,
        actor=actor,
        letter="confirmed",
        appointment_id=appointment_id,
        details=details,
        look_at=None,
        compare_at=drift.next_comparison(booking),
    )
    catalogue.booked(booking)
    return confirmed
