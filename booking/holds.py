"""Take, release, expire: our claim on a time while the patient types, and the vendor's reservation where it has one."""

import contextlib
import secrets
import string
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from booking import audit, catalogue, collisions, lifecycle, rules, tokens
from booking.connections import vendor_for
from booking.models import Booking, BookingToken, Practice, State
from booking.steps import Position
from vendors.base import Reservation, Slot, SlotTaken, Vendor, VendorError

READABLE = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that are not taken for one another when read aloud: no 0 and O, no 1 and I."""

RENEWALS = 3
"""So often a patient may have a hold prolonged: enough to be in no hurry, too little to keep a time from others."""
LEAST_GAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Held:
    """A time that is now the patient's, and the token that the next address carries."""

    booking: Booking
    token: str


def lock(practice: Practice) -> None:
    """Until the end of the transaction, nobody else takes a time of this practice.

    On PostgreSQL by the practice's row; on SQLite the transaction itself, which is IMMEDIATE, already locks.
    """
    Practice.objects.select_for_update().only("pk").get(pk=practice.pk)


def take(
    practice: Practice,
    language: str,
    where: Position,
    slot_id: str,
    held: str = "",
    *,
    locked: Callable[[Practice], None] = lock,
) -> Held:
    """Hold a time for the patient who comes from this position. Raises `SlotTaken`, or what the vendor raises.

    `held` is the token that the patient's page had: of a booking that this one replaces, or one yet unused, which then
    names the new booking; so a page that is still open, or is returned to, is known again. `locked` is how the check
    and the insert are kept together.
    """
    before = tokens.find(practice, held)
    previous = before.booking if before else None
    if before and (already := _held_already(before, held, slot_id, where.choice.service)):
        return already

    slot, read_at = catalogue.read_live(practice, language, where, slot_id)
    living = _living_reservation(previous, slot_id)
    if slot is None and living:
        slot = living.slot()
    if slot is None or slot.start <= timezone.now() or not catalogue.is_here(where, slot):
        raise SlotTaken("not offered any more")
    now = timezone.now().astimezone(practice.zone)
    if not rules.of(practice, where.choice.service).allow(slot.start.astimezone(practice.zone), now):
        raise rules.NotBookable("outside of what the practice lets patients book")

    with transaction.atomic():
        locked(practice)
        again = tokens.find(practice, held)
        if again and not before:  # a double click, and the other one was first
            if again.booking.slot_id == slot_id:
                return Held(again.booking, held)
            before, previous = again, again.booking
        others = collisions.overlapping(collisions.living(practice, read_at), slot.start, slot.end)
        replaced: list[Booking] = []  # as of here: of two choices at once the later replaces the earlier, not also back
        if previous:
            others = others.exclude(collisions.own(previous))
            replaced = list(Booking.objects.filter(collisions.own(previous)))
        if collisions.collides(slot, collisions.known(others)):
            raise SlotTaken("held by another patient")
        booking = _new(practice, language, where, slot, previous)
        if before and before.personal:
            Booking.objects.filter(pk=booking.pk).update(details=before.booking.details)
            booking.details = before.booking.details
        personal = bool(before and before.personal)
        token = tokens.issue(booking, personal=personal, token="" if before else tokens.unused(held))
        audit.write(audit.PATIENT, "booking held", practice=practice.slug, reference=booking.reference)

    vendor = vendor_for(practice)
    if vendor.capabilities.reserve:
        _reserve(vendor, booking, living)
    for other in replaced:
        other.practice = practice
        release(other, because="another time was chosen", keep_details=False)
    return Held(booking, token)


def _held_already(before: BookingToken, held: str, slot_id: str, service_id: str) -> Held | None:
    """This time, where the same patient holds it: also from a page that was left open and knows an older token."""
    own = Booking.objects.filter(
        collisions.own(before.booking), slot_id=slot_id, service_id=service_id, held_until__gt=timezone.now()
    )
    booking = own.select_related("practice").defer("practice__logo").first()
    if booking is None or not _is_whole(booking):
        return None
    if booking.pk == before.booking.pk:
        return Held(before.booking, held)
    return Held(booking, tokens.issue(booking, personal=before.personal and bool(booking.details)))


def release(booking: Booking, *, because: str = "", keep_details: bool = True) -> bool:
    """Give a held time back, at the vendor too where it can. What was typed is kept a while, for the next choice.

    One that was sent to the vendor, which said that nothing happened, only ends: `reconciliation.last_looks` asks.
    """
    if booking.sent_before:
        return _end(booking, because)
    changes: dict[str, Any] = {} if keep_details else {"details": {}}
    released = lifecycle.move(booking, State.HELD, State.RELEASED, actor=audit.PATIENT, outcome=because, **changes)
    if released and booking.reservation_id:
        with contextlib.suppress(VendorError):  # it lapses there by itself
            vendor = vendor_for(booking.practice)
            if vendor.capabilities.release:
                vendor.release(booking.reservation_id)
                Booking.objects.filter(pk=booking.pk).update(reserved_until=None)
                catalogue.forget_times(booking.practice, booking.service_id)
    return released


def _end(booking: Booking, because: str) -> bool:
    now = timezone.now()
    held = Booking.objects.filter(pk=booking.pk, state=State.HELD, held_until__gt=now)
    with transaction.atomic():
        ended = held.update(held_until=now, look_at=None)
        if ended:
            slug, reference = booking.practice.slug, booking.reference
            audit.write(audit.PATIENT, "hold ended", practice=slug, reference=reference, outcome=because)
    booking.refresh_from_db(fields=["state", "held_until"])
    return bool(ended)


def can_be_extended(booking: Booking) -> bool:
    """Now, or later on the same page: right after a time is held there is nothing to gain yet."""
    kept_until = booking.reserved_until if booking.reservation_id else None
    gains = kept_until is None or kept_until - booking.held_until >= LEAST_GAIN
    return _is_held(booking) and booking.renewals < RENEWALS and gains


def extended_until(booking: Booking) -> datetime | None:
    """Until when the hold would last if it were prolonged now; None where it cannot be, or would gain too little."""
    if not can_be_extended(booking):
        return None
    end = timezone.now() + timedelta(seconds=settings.HOLD_SECONDS)
    if booking.reservation_id and booking.reserved_until:
        end = min(end, booking.reserved_until)
    return end if end - booking.held_until >= LEAST_GAIN else None


def extend(booking: Booking) -> bool:
    """Prolong a hold that has not ended, as often as `RENEWALS` allows and never beyond the vendor's reservation."""
    end = extended_until(booking)
    if end is None:
        return False
    with transaction.atomic():
        extended = Booking.objects.filter(
            pk=booking.pk, state=State.HELD, held_until__gt=timezone.now(), renewals=booking.renewals
        ).update(held_until=end, renewals=booking.renewals + 1)
        if extended:
            audit.write(audit.PATIENT, "hold prolonged", practice=booking.practice.slug, reference=booking.reference)
    booking.refresh_from_db()
    return bool(extended)


def expire_due() -> int:
    """Tidies holds whose end has passed (they stopped counting by the clock already). Answers how many.

    Those that were once sent to the vendor are left to `reconciliation.last_looks`.
    """
    due = Booking.objects.filter(state=State.HELD, held_until__lte=timezone.now(), sent_before=False)
    return sum(lifecycle.move(booking, State.HELD, State.EXPIRED, actor=audit.WORKER) for booking in due)


def kept_after_release(booking: Booking | None, service_id: str) -> Booking | None:
    """The time that this patient gave back last, for this service, while the vendor keeps it for us all the same."""
    if booking is None or not booking.visit:
        return None
    given_back = _living_reservations(booking).filter(service_id=service_id, start__gt=timezone.now())
    return given_back.order_by("-changed_at").first()


def _is_whole(booking: Booking) -> bool:
    """Whether the vendor has reserved it, where it does that: not so if we died while it was asked to."""
    return bool(booking.reservation_id) or not vendor_for(booking.practice).capabilities.reserve


def _is_held(booking: Booking) -> bool:
    return booking.state == State.HELD and booking.held_until > timezone.now()


def _living_reservation(previous: Booking | None, slot_id: str) -> Booking | None:
    """An earlier booking of the same patient for this slot that the vendor still keeps for us, and we gave up."""
    return _living_reservations(previous).filter(slot_id=slot_id).first() if previous else None


def _living_reservations(booking: Booking) -> QuerySet[Booking]:
    return Booking.objects.filter(
        practice=booking.practice,
        visit=booking.visit,
        state__in=[State.RELEASED, State.EXPIRED],
        reserved_until__gt=timezone.now() + timedelta(minutes=1),
    )


def _new(practice: Practice, language: str, where: Position, slot: Slot, previous: Booking | None) -> Booking:
    offer = next((offer for offer in where.offers if offer.clinic.id == slot.clinic_id), None)
    if offer is None or where.service is None:
        raise SlotTaken("its clinic is not offered any more")
    provider = next((p for p in offer.providers if p.id == slot.provider_id), None)
    return Booking.objects.create(
        practice=practice,
        reference=_reference(),
        key="".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(32)),
        language=language,
        choice=where.choice.to_keep(),
        service_id=where.choice.service,
        service_name=where.service.name,
        clinic_id=slot.clinic_id,
        clinic_name=offer.clinic.name,
        clinic_address=offer.clinic.address,
        provider_id=slot.provider_id or "",
        provider_name=provider.name if provider else "",
        slot_id=slot.id,
        start=slot.start,
        end=slot.end,
        timezone=practice.timezone,
        occupies=list(slot.occupies),
        places=slot.places,
        referral_letter=offer.referral_letter,
        questions=[asdict(question) for question in offer.questions],
        visit=previous.visit if previous else secrets.token_hex(16),
        held_until=timezone.now() + timedelta(seconds=settings.HOLD_SECONDS),
    )


def _reference() -> str:
    letters = [secrets.choice(READABLE) for _ in range(7)]
    return "".join(letters[:3]) + "-" + "".join(letters[3:])


def _reserve(vendor: Vendor, booking: Booking, living: Booking | None) -> None:
    try:
        if living and living.reserved_until:
            reservation = Reservation(living.reservation_id, living.reserved_until)
            Booking.objects.filter(pk=living.pk).update(reserved_until=None)
        else:
            reservation = vendor.reserve(booking.request())
    except VendorError:
        lifecycle.move(booking, State.HELD, State.RELEASED, actor=audit.PATIENT, outcome="not reserved at the vendor")
        catalogue.taken(booking.practice, booking.service_id, booking.slot_id)
        raise
    booking.reservation_id = reservation.id
    booking.reserved_until = reservation.expires_at
    booking.held_until = min(booking.held_until, reservation.expires_at)
    booking.save(update_fields=["reservation_id", "reserved_until", "held_until"])
    catalogue.held(booking)
