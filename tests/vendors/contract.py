"""What every vendor must do, said once. A vendor's test class inherits this and adds its own corners."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from vendors.base import (
    Answer,
    Appointment,
    AuthenticationFailed,
    BookingRequest,
    Capabilities,
    Context,
    Field,
    InvalidPatient,
    MemoryStore,
    Offer,
    OutcomeUnknown,
    Patient,
    ProviderChoice,
    Search,
    Secret,
    Service,
    Slot,
    SlotTaken,
    UnexpectedResponse,
    Unsupported,
    Url,
    Vendor,
    VendorError,
    VendorUnavailable,
)
from vendors.sandbox.base import Sandbox

KEY = "k3y0000000000000000000000000tst1"


class VendorContract:
    """Subclasses set the attributes below and `connection`."""

    Vendor: type[Vendor]
    Sandbox: type[Sandbox]
    zone: ZoneInfo
    country: str
    patient: Patient
    """One whom this vendor accepts, with everything it `asks`."""
    times: str
    """The sandbox's operation that lists free times."""
    booking: str
    """The sandbox's operation that puts an appointment in the diary."""
    lookup: str
    """The sandbox's operation by which `find` looks."""
    standing: str
    """The sandbox's operation by which `standing` looks, where the vendor can tell."""
    changes: str
    """The sandbox's operation by which `changed` looks, where the vendor can tell."""

    def connection(self, base_url: str) -> Any:
        """A `Connection` that the sandbox accepts."""
        raise NotImplementedError

    def wrong_credentials(self, base_url: str) -> Any:
        """A `Connection` that the sandbox refuses."""
        raise NotImplementedError

    # --- Tools for tests ------------------------------------------------------------------------------------------

    @pytest.fixture
    def sandbox(self) -> Sandbox:
        return self.Sandbox()

    @pytest.fixture
    def base_url(self, sandbox: Sandbox) -> Iterator[str]:
        with sandbox.serve() as address:
            yield address

    @pytest.fixture
    def vendor(self, base_url: str) -> Vendor:
        return self.connect(self.connection(base_url))

    def connect(self, connection: Any, **changes: Any) -> Vendor:
        context = Context("test", self.zone, self.country, MemoryStore(), allow_private_hosts=True, budget=30)
        return self.Vendor(connection, replace(context, **changes))

    def today(self, sandbox: Sandbox) -> date:
        return sandbox.clock().astimezone(self.zone).date()

    def offers(self, vendor: Vendor, service: Service) -> list[Offer]:
        return vendor.offers(service.id, "en") if service.offers is None else list(service.offers)

    def choice(self, vendor: Vendor, sandbox: Sandbox) -> tuple[Service, Search]:
        """A service that can be booked at once, and the search for its coming times at one clinic."""
        today = self.today(sandbox)
        for service in vendor.services("en"):
            for offer in self.offers(vendor, service):
                provider = offer.providers[0].id if offer.provider_choice is not ProviderChoice.NONE else None
                return service, Search(service.id, today, today + timedelta(days=20), offer.clinic.id, provider)
        raise AssertionError("the sandbox offers nothing")

    def free(self, vendor: Vendor, sandbox: Sandbox) -> list[Slot]:
        """From tomorrow on: what is free soon may begin while a test goes on."""
        _, search = self.choice(vendor, sandbox)
        today = self.today(sandbox)
        return [slot for slot in vendor.slots(search) if slot.start.astimezone(self.zone).date() > today]

    def request(self, vendor: Vendor, sandbox: Sandbox, slot: Slot, **changes: Any) -> BookingRequest:
        """For the first service, with the vendor's reservation where it has one."""
        service, _ = self.choice(vendor, sandbox)
        offer = next(o for o in self.offers(vendor, service) if o.clinic.id == slot.clinic_id)
        request = BookingRequest(
            key=KEY,
            reference="ABC-234",
            service_id=service.id,
            service_name=service.name,
            slot=slot,
            patient=self.patient,
            answers=tuple(Answer(question.text, "As before") for question in offer.questions),
        )
        request = replace(request, **changes)
        if self.Vendor.capabilities.reserve and request.reservation_id is None:
            reservation = vendor.reserve(replace(request, patient=Patient()))
            request = replace(request, reservation_id=reservation.id)
        return request

    def ready(self, vendor: Vendor, sandbox: Sandbox) -> BookingRequest:
        return self.request(vendor, sandbox, self.free(vendor, sandbox)[0])

    @contextmanager
    def no_breach(self, sandbox: Sandbox) -> Iterator[None]:
        yield
        assert sandbox.breaches == []

    # --- The catalogue --------------------------------------------------------------------------------------------

    def test_every_service_has_a_name_and_somewhere_to_go(self, vendor: Vendor, sandbox: Sandbox) -> None:
        with self.no_breach(sandbox):
            services = vendor.services("en")
            assert services
            assert len({service.id for service in services}) == len(services)
            for service in services:
                assert service.id
                assert service.name.strip()
                for offer in self.offers(vendor, service):
                    assert offer.clinic.id
                    assert offer.clinic.name.strip()
                    assert len({p.id for p in offer.providers}) == len(offer.providers)
                    assert bool(offer.providers) == (offer.provider_choice is not ProviderChoice.NONE)

    def test_capabilities_agree_with_what_the_catalogue_holds(self, vendor: Vendor) -> None:
        services = vendor.services("en")
        offers = [offer for service in services for offer in self.offers(vendor, service)]
        capabilities = self.Vendor.capabilities
        assert capabilities.groups == any(service.group for service in services)
        assert capabilities.questions == any(offer.questions for offer in offers)
        assert capabilities.screening == any(offer.screening for offer in offers)
        assert capabilities.note == (Field.NOTE in {asked.field for asked in vendor.asks()})

    def test_the_connection_types_its_fields(self) -> None:
        assert is_dataclass(self.Vendor.Connection)
        assert {field.type for field in fields(self.Vendor.Connection)} <= {Url, Secret, str, int, bool}
        assert "base_url" in {field.name for field in fields(self.Vendor.Connection)}

    def test_a_connection_does_not_show_its_secrets(self, base_url: str) -> None:
        connection = self.connection(base_url)
        for field in fields(self.Vendor.Connection):
            if field.type is Secret and getattr(connection, field.name):
                assert str(getattr(connection, field.name)) not in repr(connection)

    # --- Times ----------------------------------------------------------------------------------------------------

    def test_times_are_aware_in_order_and_of_the_days_asked_for(self, vendor: Vendor, sandbox: Sandbox) -> None:
        with self.no_breach(sandbox):
            _, search = self.choice(vendor, sandbox)
            slots = vendor.slots(search)
            assert slots
            assert len({slot.id for slot in slots}) == len(slots)
            for slot in slots:
                assert slot.start.utcoffset() == slot.start.astimezone(self.zone).utcoffset()
                assert slot.start < slot.end
                assert search.first <= slot.start.astimezone(self.zone).date() <= search.last
                assert slot.clinic_id == search.clinic_id
                assert search.provider_id is None or slot.provider_id == search.provider_id
            assert all(a.start <= b.start for a, b in pairwise(slots))

    def test_the_id_of_a_time_says_when_where_and_with_whom(self, vendor: Vendor, sandbox: Sandbox) -> None:
        slots = self.free(vendor, sandbox)
        before = len(sandbox.calls)
        for slot in (slots[0], slots[-1]):
            told = vendor.slot_of(slot.id)
            assert told is not None
            assert (told.id, told.start, told.end) == (slot.id, slot.start, slot.end)
            assert told.start.utcoffset() == slot.start.utcoffset()
            assert (told.clinic_id, told.provider_id) == (slot.clinic_id, slot.provider_id)
        assert len(sandbox.calls) == before

    @pytest.mark.parametrize(
        "slot_id", ["", "x", ",,,,", "~~~", "~~~~~", "2026-06-08T09:00:00", "1,2,3,4,5", "\0", "9" * 5000]
    )
    def test_an_id_of_another_making_says_nothing(self, vendor: Vendor, slot_id: str) -> None:
        assert vendor.slot_of(slot_id) is None

    def test_without_a_clinic_and_provider_the_times_name_theirs(self, vendor: Vendor, sandbox: Sandbox) -> None:
        with self.no_breach(sandbox):
            service, search = self.choice(vendor, sandbox)
            everywhere = vendor.slots(replace(search, clinic_id=None, provider_id=None))
            clinics = {offer.clinic.id for offer in self.offers(vendor, service)}
            assert everywhere
            assert {slot.clinic_id for slot in everywhere} <= clinics

    def test_the_window_holds_its_day(self, vendor: Vendor, sandbox: Sandbox) -> None:
        day = self.today(sandbox)
        first, last = vendor.window(day)
        assert first <= day <= last

    def test_no_free_time_is_an_empty_list(self, vendor: Vendor, sandbox: Sandbox) -> None:
        _, search = self.choice(vendor, sandbox)
        far = self.today(sandbox) + timedelta(days=800)
        assert vendor.slots(replace(search, first=far, last=far + timedelta(days=3))) == []

    def test_a_time_taken_at_the_desk_is_no_longer_free(self, vendor: Vendor, sandbox: Sandbox) -> None:
        slot = self.free(vendor, sandbox)[0]
        sandbox.take_at_desk(slot.id)
        assert slot.id not in {s.id for s in self.free(vendor, sandbox)}

    # --- Booking --------------------------------------------------------------------------------------------------

    def test_a_booking_stands_in_the_diary_once(self, vendor: Vendor, sandbox: Sandbox) -> None:
        with self.no_breach(sandbox):
            before = len(sandbox.appointments())
            request = self.ready(vendor, sandbox)
            appointment = vendor.book(request)
            assert appointment.id
            assert (appointment.start, appointment.end) == (request.slot.start, request.slot.end)
            assert len(sandbox.appointments()) == before + 1
            assert request.slot.id not in {s.id for s in self.free(vendor, sandbox)}

    def test_what_was_booked_is_found_again(self, vendor: Vendor, sandbox: Sandbox) -> None:
        with self.no_breach(sandbox):
            request = self.ready(vendor, sandbox)
            assert vendor.find(request) == []
            appointment = vendor.book(request)
            assert [found.id for found in vendor.find(request)] == [appointment.id]

    def test_somebody_elses_booking_is_not_taken_for_ours(self, vendor: Vendor, sandbox: Sandbox) -> None:
        first, second = self.two_apart(self.free(vendor, sandbox))
        vendor.book(self.request(vendor, sandbox, first))
        other = self.request(vendor, sandbox, second, key="another0key000000000000000000001x")
        assert vendor.find(other) == []

    @staticmethod
    def two_apart(slots: list[Slot]) -> tuple[Slot, Slot]:
        first = slots[0]
        return first, next(slot for slot in slots if slot.start >= first.end)

    def test_a_time_taken_at_the_last_moment_is_refused_as_taken(self, vendor: Vendor, sandbox: Sandbox) -> None:
        slot = self.free(vendor, sandbox)[0]
        before = len(sandbox.appointments())
        sandbox.take_at_desk(slot.id)
        taken = len(sandbox.appointments())
        with pytest.raises(SlotTaken):
            vendor.book(self.request(vendor, sandbox, slot))
        assert len(sandbox.appointments()) == taken >= before

    def test_an_answer_lost_after_the_booking_is_an_unknown_outcome_that_a_look_settles(
        self, vendor: Vendor, sandbox: Sandbox
    ) -> None:
        request = self.ready(vendor, sandbox)
        sandbox.lose_answer_after(self.booking)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == 1

    def test_an_answer_lost_before_the_booking_is_an_unknown_outcome_too(
        self, vendor: Vendor, sandbox: Sandbox
    ) -> None:
        request = self.ready(vendor, sandbox)
        sandbox.lose_answer_before(self.booking)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert vendor.find(request) == []

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 302])
    def test_a_server_error_on_booking_is_an_unknown_outcome(
        self, vendor: Vendor, sandbox: Sandbox, status: int
    ) -> None:
        request = self.ready(vendor, sandbox)
        sandbox.answer(self.booking, status, done=True)
        with pytest.raises(OutcomeUnknown):
            vendor.book(request)
        assert len(vendor.find(request)) == 1

    @pytest.mark.parametrize("nonsense", ["garbage", "html"])
    def test_nonsense_in_answer_to_a_booking_is_an_unknown_outcome_or_read_back(
        self, vendor: Vendor, sandbox: Sandbox, nonsense: str
    ) -> None:
        request = self.ready(vendor, sandbox)
        getattr(sandbox, nonsense)(self.booking, done=True)
        try:
            appointment = vendor.book(request)
        except OutcomeUnknown:
            return
        assert [found.id for found in vendor.find(request)] == [appointment.id]

    def test_a_booking_that_never_reached_the_vendor_is_no_unknown_outcome(
        self, base_url: str, vendor: Vendor, sandbox: Sandbox
    ) -> None:
        request = self.ready(vendor, sandbox)
        port = base_url.rpartition(":")[2]
        gone = self.connect(self.connection(base_url.replace(port, "9")))
        with pytest.raises(VendorUnavailable):
            gone.book(request)

    def test_a_look_that_fails_is_an_error_and_never_an_empty_answer(self, vendor: Vendor, sandbox: Sandbox) -> None:
        request = self.ready(vendor, sandbox)
        vendor.book(request)
        sandbox.answer(self.lookup, 500, times=3)
        with pytest.raises(VendorUnavailable):
            vendor.find(request)

    # --- Trouble --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 301])
    def test_a_vendor_in_trouble_is_unavailable_and_never_empty(
        self, vendor: Vendor, sandbox: Sandbox, status: int
    ) -> None:
        _, search = self.choice(vendor, sandbox)
        sandbox.answer(self.times, status, times=3)
        with pytest.raises(VendorUnavailable):
            vendor.slots(search)

    @pytest.mark.parametrize("body", [b"<html>", b'{"x": [', {"unexpected": "object"}, "text", [1, 2], [None], b""])
    def test_an_answer_of_the_wrong_shape_is_said_to_be_so(
        self, vendor: Vendor, sandbox: Sandbox, body: object
    ) -> None:
        _, search = self.choice(vendor, sandbox)
        sandbox.answer(self.times, 200, body, times=3)
        with pytest.raises((UnexpectedResponse, VendorUnavailable)):
            vendor.slots(search)

    def test_wrong_credentials_are_said_to_be_so(self, base_url: str) -> None:
        with pytest.raises(AuthenticationFailed):
            self.connect(self.wrong_credentials(base_url)).services("en")

    def test_a_read_that_was_cut_off_is_tried_again(self, vendor: Vendor, sandbox: Sandbox) -> None:
        _, search = self.choice(vendor, sandbox)
        sandbox.lose_answer_before(self.times)
        assert vendor.slots(search)

    def test_a_private_address_is_refused_unless_it_is_allowed(self, base_url: str, sandbox: Sandbox) -> None:
        calls = len(sandbox.calls)
        with pytest.raises(AuthenticationFailed):
            self.connect(self.connection(base_url), allow_private_hosts=False).services("en")
        assert len(sandbox.calls) == calls

    def test_no_error_and_no_log_line_carries_the_patient(
        self, vendor: Vendor, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG", logger="vendors")
        request = self.ready(vendor, sandbox)
        vendor.book(request)
        vendor.find(request)
        sandbox.garbage(self.lookup, times=2)
        with pytest.raises(VendorError) as raised:
            vendor.find(request)
        said = caplog.text + repr(raised.value) + str(raised.value) + repr(request.patient)
        for value in (self.patient.last_name, self.patient.email, self.patient.phone, self.patient.personal_number):
            assert not value or value not in said
        assert "vendors.http" in caplog.text

    # --- Capabilities are true ------------------------------------------------------------------------------------

    def test_what_it_cannot_do_is_unsupported(self, vendor: Vendor, sandbox: Sandbox) -> None:
        request = self.ready(vendor, sandbox)
        capabilities: Capabilities = self.Vendor.capabilities
        if not capabilities.reserve:
            with pytest.raises(Unsupported):
                vendor.reserve(request)
        if not capabilities.release:
            with pytest.raises(Unsupported):
                vendor.release("1")
        if not capabilities.cancel:
            with pytest.raises(Unsupported):
                vendor.cancel("1", request)
        if not capabilities.move:
            with pytest.raises(Unsupported):
                vendor.move("1", request)
        if not capabilities.standing:
            with pytest.raises(Unsupported):
                vendor.standing("1", request)
        if not capabilities.changed:
            with pytest.raises(Unsupported):
                vendor.changed(sandbox.clock())

    def test_a_reserved_time_is_held_against_others(self, vendor: Vendor, sandbox: Sandbox) -> None:
        if not self.Vendor.capabilities.reserve:
            pytest.skip("this vendor does not reserve")
        with self.no_breach(sandbox):
            slot = self.free(vendor, sandbox)[0]
            request = self.request(vendor, sandbox, slot)
            assert request.reservation_id
            assert slot.id not in {s.id for s in self.free(vendor, sandbox)}
            with pytest.raises(SlotTaken):
                self.request(vendor, sandbox, slot, key="another0key000000000000000000001x")

    def test_a_cancelled_booking_leaves_the_diary_and_its_time_is_free(self, vendor: Vendor, sandbox: Sandbox) -> None:
        if not self.Vendor.capabilities.cancel:
            pytest.skip("this vendor does not cancel")
        with self.no_breach(sandbox):
            request = self.ready(vendor, sandbox)
            appointment = vendor.book(request)
            vendor.cancel(appointment.id, request)
            assert vendor.find(request) == []
            assert request.slot.start in {s.start for s in self.free(vendor, sandbox)}
            vendor.cancel(appointment.id, request)  # a second time is no error

    def test_a_moved_booking_stands_at_its_new_time_only(self, vendor: Vendor, sandbox: Sandbox) -> None:
        if not self.Vendor.capabilities.move:
            pytest.skip("this vendor does not move")
        with self.no_breach(sandbox):
            first, second = self.two_apart(self.free(vendor, sandbox))
            appointment = vendor.book(self.request(vendor, sandbox, first))
            before = len(sandbox.appointments())
            there = self.request(vendor, sandbox, second)
            moved = vendor.move(appointment.id, there)
            assert (moved.start, moved.end) == (second.start, second.end)
            assert len(sandbox.appointments()) == before
            assert first.start in {s.start for s in self.free(vendor, sandbox)}

    # --- How it stands later --------------------------------------------------------------------------------------

    @pytest.fixture
    def kept(self, vendor: Vendor, sandbox: Sandbox) -> tuple[Appointment, BookingRequest]:
        """What was booked, and the request as far as it is still kept much later."""
        if not self.Vendor.capabilities.standing:
            pytest.skip("this vendor does not tell how an appointment stands")
        request = self.ready(vendor, sandbox)
        return vendor.book(request), replace(request, patient=replace(self.patient, personal_number=""), answers=())

    def test_an_appointment_that_nobody_touched_stands_as_it_was_booked(
        self, vendor: Vendor, sandbox: Sandbox, kept: tuple[Appointment, BookingRequest]
    ) -> None:
        with self.no_breach(sandbox):
            appointment, request = kept
            assert vendor.standing(appointment.id, request) == appointment

    def test_how_an_appointment_stands_is_told_also_when_the_patient_is_forgotten(
        self, vendor: Vendor, sandbox: Sandbox, kept: tuple[Appointment, BookingRequest]
    ) -> None:
        with self.no_breach(sandbox):
            appointment, request = kept
            assert vendor.standing(appointment.id, replace(request, patient=Patient())) == appointment

    @pytest.mark.parametrize(("days", "hours"), [(1, 0), (0, 1), (30, -1)])
    def test_an_appointment_that_staff_moved_stands_at_its_new_time(
        self,
        vendor: Vendor,
        sandbox: Sandbox,
        kept: tuple[Appointment, BookingRequest],
        days: int,
        hours: int,
    ) -> None:
        with self.no_breach(sandbox):
            appointment, request = kept
            start, end = (t + timedelta(days=days, hours=hours) for t in (appointment.start, appointment.end))
            sandbox.move_by_staff(appointment.id, start)
            stands = vendor.standing(appointment.id, request)
            assert stands == Appointment(appointment.id, start, end)
            assert stands.start.utcoffset() == start.utcoffset()

    @pytest.mark.parametrize("by_staff", ["cancel_by_staff", "delete_by_staff"])
    def test_an_appointment_that_staff_cancelled_or_deleted_does_not_stand(
        self, vendor: Vendor, sandbox: Sandbox, kept: tuple[Appointment, BookingRequest], by_staff: str
    ) -> None:
        with self.no_breach(sandbox):
            appointment, request = kept
            getattr(sandbox, by_staff)(appointment.id)
            assert vendor.standing(appointment.id, request) is None

    def test_an_appointment_that_the_patient_cancelled_does_not_stand(
        self, vendor: Vendor, sandbox: Sandbox, kept: tuple[Appointment, BookingRequest]
    ) -> None:
        if not self.Vendor.capabilities.cancel:
            pytest.skip("this vendor does not cancel")
        with self.no_breach(sandbox):
            appointment, request = kept
            vendor.cancel(appointment.id, request)
            assert vendor.standing(appointment.id, request) is None

    @pytest.mark.parametrize("status", [500, 503, 429, 301])
    def test_an_appointment_that_could_not_be_read_is_not_taken_for_gone(
        self, vendor: Vendor, sandbox: Sandbox, kept: tuple[Appointment, BookingRequest], status: int
    ) -> None:
        appointment, request = kept
        sandbox.answer(self.standing, status, times=3)
        with pytest.raises(VendorUnavailable):
            vendor.standing(appointment.id, request)

    @pytest.mark.parametrize("body", [b"<html>", b'{"x": [', {"unexpected": "object"}, "text", [1, 2], [None], b""])
    def test_an_appointment_of_the_wrong_shape_is_not_taken_for_gone(
        self, vendor: Vendor, sandbox: Sandbox, kept: tuple[Appointment, BookingRequest], body: object
    ) -> None:
        appointment, request = kept
        sandbox.answer(self.standing, 200, body, times=3)
        with pytest.raises((UnexpectedResponse, VendorUnavailable)):
            vendor.standing(appointment.id, request)

    def test_an_appointment_at_a_vendor_that_cannot_be_reached_is_not_taken_for_gone(
        self, base_url: str, kept: tuple[Appointment, BookingRequest]
    ) -> None:
        appointment, request = kept
        gone = self.connect(self.connection(base_url.replace(base_url.rpartition(":")[2], "9")))
        with pytest.raises(VendorUnavailable):
            gone.standing(appointment.id, request)

    # --- Whether anything changed ---------------------------------------------------------------------------------

    @pytest.fixture
    def old(self, vendor: Vendor, sandbox: Sandbox) -> Appointment:
        """Somebody's, booked half an hour ago."""
        if not self.Vendor.capabilities.changed:
            pytest.skip("this vendor does not tell whether its diary changed")
        request, now = self.ready(vendor, sandbox), sandbox.clock
        sandbox.clock = lambda: now() - timedelta(minutes=30)
        appointment = vendor.book(request)
        sandbox.clock = now
        return appointment

    def test_a_diary_in_which_nothing_happened_has_not_changed(
        self, vendor: Vendor, sandbox: Sandbox, old: Appointment
    ) -> None:
        with self.no_breach(sandbox):
            now = sandbox.clock()
            assert not vendor.changed(now)
            assert not vendor.changed(now - timedelta(minutes=15))
            assert vendor.changed(now - timedelta(minutes=31))

    def test_a_booking_by_somebody_else_is_a_change(self, vendor: Vendor, sandbox: Sandbox, old: Appointment) -> None:
        with self.no_breach(sandbox):
            since = sandbox.clock()
            sandbox.take_at_desk(self.free(vendor, sandbox)[-1].id)
            assert vendor.changed(since)

    @pytest.mark.parametrize("by_staff", ["cancel", "move"])
    def test_a_cancellation_and_a_move_by_staff_are_changes(
        self, vendor: Vendor, sandbox: Sandbox, old: Appointment, by_staff: str
    ) -> None:
        with self.no_breach(sandbox):
            since = sandbox.clock()
            if by_staff == "cancel":
                sandbox.cancel_by_staff(old.id)
            else:
                sandbox.move_by_staff(old.id, old.start + timedelta(days=1))
            assert vendor.changed(since)

    def test_whether_anything_changed_costs_one_call(self, vendor: Vendor, sandbox: Sandbox, old: Appointment) -> None:
        sandbox.calls.clear()
        vendor.changed(sandbox.clock() - timedelta(hours=1))
        assert sandbox.calls == [self.changes]

    @pytest.mark.parametrize("status", [500, 503, 429, 301])
    def test_a_vendor_in_trouble_does_not_say_that_nothing_changed(
        self, vendor: Vendor, sandbox: Sandbox, old: Appointment, status: int
    ) -> None:
        sandbox.answer(self.changes, status, times=3)
        with pytest.raises(VendorUnavailable):
            vendor.changed(sandbox.clock())

    @pytest.mark.parametrize("body", [b"<html>", b'{"x": [', {"unexpected": "object"}, "text", [1, 2], [None], b""])
    def test_changes_of_the_wrong_shape_do_not_say_that_nothing_changed(
        self, vendor: Vendor, sandbox: Sandbox, old: Appointment, body: object
    ) -> None:
        sandbox.answer(self.changes, 200, body, times=3)
        with pytest.raises((UnexpectedResponse, VendorUnavailable)):
            vendor.changed(sandbox.clock())

    # --- Refused details ------------------------------------------------------------------------------------------

    def test_a_details_field_the_vendor_refuses_comes_back_by_its_name(self, vendor: Vendor, sandbox: Sandbox) -> None:
        request = self.ready(vendor, sandbox)
        self.refuse_the_patient(sandbox)
        with pytest.raises(InvalidPatient) as raised:
            vendor.book(request)
        asked = {str(asked.field) for asked in vendor.asks()}
        assert raised.value.fields
        assert set(raised.value.fields) <= asked

    def refuse_the_patient(self, sandbox: Sandbox) -> None:
        """Makes the sandbox refuse the next booking for the patient's details."""
        raise NotImplementedError
