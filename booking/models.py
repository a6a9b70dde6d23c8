"""What we remember: fields, constraints, state names. No network, no e-mail, no rules that another module keeps."""

from datetime import date, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from booking.encryption import EncryptedJSONField
from vendors.base import Answer, BookingRequest, Field, Patient, Slot


class Online(models.TextChoices):
    """Whether patients can book."""

    OPEN = "open", _("open")
    NOT_YET = "not_yet", _("not open yet")
    PAUSED = "paused", _("paused")


class Practice(models.Model):
    """One of our customers: a name, a vendor, a connection. `practices.py` checks what is saved."""

    slug = models.SlugField(_("address"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=200)
    vendor = models.CharField(_("vendor"), max_length=30)
    timezone = models.CharField(_("time zone"), max_length=60)
    languages = models.JSONField(_("languages"), default=list)
    embed_origins = models.JSONField(_("sites that may show the page in a frame"), default=list, blank=True)
    phone = models.CharField(_("phone"), max_length=50)
    email = models.EmailField(_("e-mail"), blank=True)
    privacy_url = models.URLField(_("privacy notice"), blank=True)
    hours_url = models.URLField(_("opening hours"), blank=True)
    directions_url = models.URLField(_("directions"), blank=True)
    colour = models.CharField(_("colour"), max_length=7, blank=True)
    """`#rrggbb`, as the practice gave it; pages show it where it can be read."""
    logo = models.BinaryField(_("logo"), default=b"", blank=True, editable=False)
    online = models.CharField(_("online booking"), max_length=10, choices=Online, default=Online.OPEN)
    connection = EncryptedJSONField(_("connection"), default=dict, blank=True)
    clinic = models.JSONField(_("clinic"), default=dict, blank=True)
    """Name and address of the one clinic, where the vendor does not know them."""
    services = models.JSONField(_("services"), default=list, blank=True)
    """What the practices file adds per service, as checked by `practices.read_service`."""
    rules = models.JSONField(_("rules"), default=dict, blank=True)
    """When patients may book, as checked by `rules.read`; services may have their own."""
    changed_at = models.DateTimeField(_("changed"), auto_now=True)
    visited_at = models.DateTimeField(null=True, editable=False)
    """When somebody last looked at its pages, to a minute: only for those is anything read ahead."""

    class Meta:
        verbose_name = _("practice")
        verbose_name_plural = _("practices")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class State(models.TextChoices):
    """How a booking stands. Only `lifecycle.move` changes it."""

    HELD = "held", _("held")
    CHECKING = "checking", _("being checked")
    CONFIRMED = "confirmed", _("confirmed")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    RELEASED = "released", _("given back")
    EXPIRED = "expired", _("hold ran out")


class Booking(models.Model):
    """From hold to end. A hold has an end; whether it still counts is judged by the clock, in the query."""

    practice = models.ForeignKey(
        Practice, verbose_name=_("practice"), on_delete=models.PROTECT, related_name="bookings"
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.HELD)
    reference = models.CharField(_("reference"), max_length=10, unique=True)
    key = models.CharField(max_length=32, unique=True)
    """What the vendor may know this booking by; random, and made before the first call about it."""
    language = models.CharField(_("language"), max_length=10)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    # What was chosen, in the vendor's ids, with the names that the patient saw.
    choice = models.JSONField(default=dict)
    """The query that leads back to the times: service, clinic and provider as chosen ("any" is one), screened."""
    service_id = models.CharField(max_length=200)
    service_name = models.CharField(_("service"), max_length=300)
    clinic_id = models.CharField(max_length=200)
    clinic_name = models.CharField(_("clinic"), max_length=300)
    clinic_address = models.CharField(max_length=500, blank=True)
    provider_id = models.CharField(max_length=200, blank=True)
    provider_name = models.CharField(_("provider"), max_length=300, blank=True)
    slot_id = models.TextField()
    start = models.DateTimeField(_("start"))
    end = models.DateTimeField(_("end"))
    timezone = models.CharField(max_length=60)
    occupies = models.JSONField(default=list)
    places = models.PositiveSmallIntegerField(default=1)
    referral_letter = models.BooleanField(default=False)
    questions = models.JSONField(default=list)
    """The vendor's questions as they were shown: id, text, help, required."""

    # The hold, ours and the vendor's.
    visit = models.CharField(max_length=32, db_index=True)
    """Joins the bookings that one patient held one after the other, so that a reservation can be taken up again."""
    held_until = models.DateTimeField(_("held until"))
    renewals = models.PositiveSmallIntegerField(default=0)
    """How often the patient had the hold prolonged."""
    reservation_id = models.CharField(max_length=200, blank=True)
    reserved_until = models.DateTimeField(null=True)
    """Until when the vendor keeps the time for us, also after we gave it back, where it cannot be given back there."""

    # The patient, forgotten as soon as it is no longer needed (`retention.py`).
    details = EncryptedJSONField(default=dict)
    refused_fields = models.JSONField(default=list)
    """Fields that the vendor refused, until they are typed again."""

    # The vendor's diary.
    appointment_id = models.CharField(_("the vendor's number"), max_length=200, blank=True)
    sent_before = models.BooleanField(default=False)
    """An earlier attempt to book it ended without a booking, as far as the vendor said."""
    checking_since = models.DateTimeField(_("being checked since"), null=True)
    look_at = models.DateTimeField(null=True)
    """When the worker next asks the vendor about an unknown outcome."""
    first_empty_look_at = models.DateTimeField(null=True)
    """When the vendor was first seen not to have it, since it was sent."""
    compare_at = models.DateTimeField(null=True)
    """When the worker next compares a coming appointment with the vendor's diary."""
    sequence = models.PositiveSmallIntegerField(default=0)
    """How often the appointment was changed since it was booked: calendar programs go by it."""
    missing_since = models.DateTimeField(null=True)
    """When a confirmed appointment was first not found in the vendor's diary any more."""
    compared_at = models.DateTimeField(null=True)
    """When the vendor last said how the appointment stands."""
    made_over = models.CharField(max_length=16, blank=True)
    """The connection over which it was sent, by `drift.fingerprint`. Empty: from before that was written down."""

    class Meta:
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["practice", "state", "start"], name="booking_collisions"),
            models.Index(fields=["state", "look_at"], name="booking_due_looks"),
            models.Index(fields=["state", "held_until"], name="booking_due_holds"),
            models.Index(fields=["state", "compare_at"], name="booking_due_comparisons"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(start__lt=models.F("end")), name="booking_ends_after_it_starts"),
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="booking_state_is_known"),
            models.CheckConstraint(
                condition=~models.Q(state=State.CONFIRMED) | ~models.Q(appointment_id=""),
                name="booking_is_confirmed_by_the_vendor",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=State.CHECKING) | models.Q(checking_since__isnull=False),
                name="booking_is_checked_since_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def slot(self) -> Slot:
        return Slot(
            id=self.slot_id,
            start=self.local_start,
            end=self.local_end,
            clinic_id=self.clinic_id,
            provider_id=self.provider_id or None,
            occupies=tuple(self.occupies),
            places=self.places,
        )

    def patient(self) -> Patient:
        given = {name: self.details.get(name, "") for name in Field if name is not Field.NOTE}
        birth_date = given.pop(Field.BIRTH_DATE)
        return Patient(**given, birth_date=date.fromisoformat(birth_date) if birth_date else None)

    def request(self) -> BookingRequest:
        """What the vendor is told, and asked, about this booking."""
        answers = self.details.get("answers", {})
        return BookingRequest(
            key=self.key,
            reference=self.reference,
            service_id=self.service_id,
            service_name=self.service_name,
            slot=self.slot(),
            patient=self.patient(),
            language=self.language,
            answers=tuple(Answer(q["text"], answers[q["id"]]) for q in self.questions if answers.get(q["id"])),
            note=self.details.get(Field.NOTE, ""),
            reservation_id=self.reservation_id or None,
        )

    @property
    def local_start(self) -> datetime:
        return self.start.astimezone(ZoneInfo(self.timezone))

    @property
    def local_end(self) -> datetime:
        return self.end.astimezone(ZoneInfo(self.timezone))


class BookingToken(models.Model):
    """A token in an address that names a booking; only its digest is kept.

    Anybody can plant an address on somebody. So only a `personal` token, which nobody but the sender of the details was
    given, shows personal data or confirms; a newer one takes that from the older.
    """

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    personal = models.BooleanField(default=False)


class AuditEntry(models.Model):
    """Append-only (a trigger in the database keeps it so): when, who, what, outcome. Nothing that a patient typed."""

    at = models.DateTimeField(_("when"), auto_now_add=True, db_index=True)
    actor = models.CharField(_("who"), max_length=150)
    """`patient`, `worker`, `command`, or `staff:` and a user name."""
    action = models.CharField(_("what"), max_length=50)
    outcome = models.CharField(_("outcome"), max_length=200, blank=True)
    practice = models.CharField(_("practice"), max_length=50, blank=True, db_index=True)
    """The slug; entries outlive what they are about."""
    reference = models.CharField(_("reference"), max_length=10, blank=True, db_index=True)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering: ClassVar = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.reference or self.practice}"


class Snapshot(models.Model):
    """Something read from a practice's vendor, kept so that all processes share it. `catalogue.py` knows its form."""

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="snapshots")
    name = models.CharField(max_length=1000)
    about = models.JSONField(default=dict)
    """What was asked for, so that the worker can ask again."""
    value = models.TextField()
    read_at = models.DateTimeField()
    """When the vendor was asked: it is as old as that."""
    whole_read_at = models.DateTimeField(null=True)
    """When it was last read as a whole, where since then the vendor only said that nothing changed."""
    asked_at = models.DateTimeField(null=True)
    """When a page last showed it, to a quarter of a minute: what nobody asks for is not read again."""

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["practice", "name"], name="snapshot_is_kept_once")]


class Turn(models.Model):
    """When the next call of a practice may go out, where its vendor allows only so many a second."""

    practice = models.OneToOneField(Practice, on_delete=models.CASCADE, related_name="turn", primary_key=True)
    free_at = models.DateTimeField()
    paused_until = models.DateTimeField(null=True)
    """Until when the vendor asked for quiet: who had a turn before that queues again."""


class Circuit(models.Model):
    """How a practice's vendor fared lately, at one host. `circuits.py` knows what follows from it."""

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="circuits")
    host = models.CharField(max_length=255)
    failures = models.PositiveIntegerField(default=0)
    """In a row, since the last answer."""
    probe_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["practice", "host"], name="circuit_is_kept_once")]


class Letter(models.Model):
    """A mail that a change of a booking causes: made in the transaction of the change, one of each kind a booking."""

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="letters")
    kind = models.CharField(max_length=20)
    about = models.CharField(max_length=40, blank=True)
    """Tells two of one kind apart: of letters about moves, which change of the appointment it is."""
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["booking", "kind", "about"], name="letter_goes_out_once")
        ]


class Report(models.Model):
    """What a night's comparison of a practice's coming appointments with its diary found."""

    practice = models.ForeignKey(Practice, verbose_name=_("practice"), on_delete=models.CASCADE, related_name="reports")
    day = models.DateField(_("day"))
    """The practice's day on whose morning it was written."""
    found = models.JSONField(_("found"), default=dict)
    """Numbers, and lists of [reference, outcome]; nothing that a patient typed. `drift.py` knows its form."""
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        verbose_name = _("nightly report")
        verbose_name_plural = _("nightly reports")
        ordering: ClassVar = ["-day"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["practice", "day"], name="report_is_written_once")]

    def __str__(self) -> str:
        return f"{self.practice} {self.day}"

    @property
    def by_hand(self) -> list[tuple[str, str]]:
        """Reference and what there is to do about it, in words."""
        words = {
            "unknown": gettext("look whether it is there, for its answer never reached us"),
            "missing": gettext("not found, like most others: look whether it is there, for the patient was not told"),
            "elsewhere": gettext("look whether it is there: it was booked over another connection and is not compared"),
        }
        return [(reference, words.get(what, what)) for reference, what in self.found["by_hand"]]


class VendorMemory(models.Model):
    """What a vendor remembers between requests (a token), shared by all processes."""

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="memories")
    name = models.CharField(max_length=100)
    value = EncryptedJSONField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["practice", "name"], name="memory_is_kept_once")]


class EmbedSighting(models.Model):
    """A website in which a practice's page really stood in a frame. `embedding.seen` writes it, once a day at most."""

    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="sightings")
    origin = models.CharField(max_length=300)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["practice", "origin"], name="sighting_is_kept_once")]
