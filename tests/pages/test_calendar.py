"""A confirmed booking as a calendar file."""

import re

from icalendar import Calendar

from booking.models import Booking
from tests.pages.conftest import Place


def test_a_confirmed_booking_is_a_calendar_file_in_the_clinics_local_time(place: Place) -> None:
    patient = place.patient()
    page = place.book(patient)
    file = patient.open(page.one("a", class_="button")["href"])
    booking = place.booking
    assert file.status == 200
    assert file["Content-Type"] == "text/calendar; charset=utf-8"
    assert file["Content-Disposition"] == f'attachment; filename="{booking.reference}.ics"'
    assert file["Cache-Control"] == "no-store"
    text = file.response.content.decode()
    zone = place.table["timezone"]
    assert "BEGIN:VTIMEZONE" in text
    assert f"TZID:{zone}" in text
    assert f"DTSTART;TZID={zone}:{booking.local_start:%Y%m%dT%H%M%S}" in text
    assert f"DTEND;TZID={zone}:{booking.local_end:%Y%m%dT%H%M%S}" in text
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    assert event["dtstart"].dt == booking.local_start
    assert booking.service_name in event["summary"]
    assert booking.clinic_address in event["location"]
    assert booking.reference in event["description"]


def test_a_calendar_file_holds_nothing_that_opens_the_booking_nor_what_was_typed(opus: Place) -> None:
    patient = opus.patient()
    page = opus.book(patient)
    text = patient.open(page.path + "calendar.ics").response.content.decode()
    unfolded = re.sub(r"\r\n ", "", text)
    for secret in (page.token, "Nässlind", "asa@patient.example", "19811218", "550"):
        assert secret not in unfolded.replace(opus.booking.key, "")


def test_the_same_booking_keeps_its_place_in_the_calendar(opus: Place) -> None:
    patient = opus.patient()
    address = opus.book(patient).path + "calendar.ics"
    first, second = (Calendar.from_ical(patient.open(address).response.content) for _ in range(2))
    assert first.walk("VEVENT")[0]["uid"] == second.walk("VEVENT")[0]["uid"]


def test_there_is_no_calendar_file_of_what_is_not_confirmed(place: Place) -> None:
    patient = place.patient()
    review = place.review(patient)
    assert patient.open(review.path.replace("confirm/", "calendar.ics")).status == 404


def test_there_is_no_calendar_file_of_what_is_being_checked(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    opus.sandbox.lose_answer_after("book")
    assert patient.open(patient.book(review).path + "calendar.ics").status == 404


def test_there_is_no_calendar_file_under_the_first_token(place: Place) -> None:
    patient = place.patient()
    held = place.hold(patient)
    page = patient.book(patient.fill_in(held, **place.details))
    assert patient.open(page.path + "calendar.ics").status == 200
    assert patient.open(held.path.replace("details/", "calendar.ics")).status == 404
    assert Booking.objects.count() == 1
