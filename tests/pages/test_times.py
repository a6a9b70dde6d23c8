"""The free times of a week or more."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from booking.models import AuditEntry, Booking
from tests.pages.conftest import Place, a_week
from tests.pages.patient import Page, Patient, start_of
from vendors.sandbox import QmaticSandbox
from vendors.sandbox.opus import CITY
from vendors.sandbox.qmatic import BANKSIDE, guid


def today(place: Place) -> date:
    return timezone.now().astimezone(place.row.zone).date()


def close(place: Place, first: date, last: date) -> None:
    """Nobody at the dentist's works on these days."""
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for clinician in place.sandbox.diary["clinicians"]:
            row = {"Start": f"{day}T00:00:00", "End": f"{day}T23:59:00", "ClinicID": clinician["ClinicID"]}
            place.sandbox.diary["bookings"].append(
                {"ID": 1, "Patient": None, "TimeSlot": row | {"ClinicianID": clinician["ID"], "TreatmentID": 1}}
            )


def look_on(page: Page) -> str:
    """The address from which on nothing is known yet."""
    (link,) = [link["href"] for link in page.all("a") if "from=" in link["href"] and link.text == "Look further ahead"]
    return link


def test_each_free_time_is_a_button_with_its_start_in_the_clinics_own_offset(place: Place) -> None:
    page = place.times(place.patient())
    zone = ZoneInfo(place.table["timezone"])
    for button in page.slots:
        start = start_of(button)
        assert start.utcoffset() == start.astimezone(zone).utcoffset()
        assert start.strftime("%H:%M") in button.one("time").text
        assert a_week() <= start.date() < a_week() + timedelta(days=7)
    assert page.starts == sorted(page.starts)
    assert len({button["value"] for button in page.slots}) == len(page.slots)
    assert place.table["timezone"] in page.text


def test_a_time_says_with_whom_and_where_if_that_was_left_open(opus: Place) -> None:
    page = opus.times(opus.patient(), clinic="any", provider="any")
    words = " ".join(button.text for button in page.slots)
    for name in ("Anna Lindqvist", "Johan Ek", "Fatima Rahimi", "Norrmalms Tandvård City", "Norrmalms Tandvård Solna"):
        assert name in words
    page = opus.times(opus.patient())
    assert all("Anna" not in button.text for button in page.slots)


def test_days_are_headings_with_the_number_of_their_times(opus: Place) -> None:
    page = opus.times(opus.patient())
    for day in page.all("section", class_="day"):
        count = len(day.all("button", name="slot"))
        assert count
        assert f"{count} time" in day.one("h3").text


def test_later_and_earlier_days_are_links_that_lead_there_and_back(place: Place) -> None:
    patient = place.patient()
    page = place.times(patient)
    later = patient.open(page.all("a", rel="next")[0]["href"])
    assert later.query["from"] == (a_week() + timedelta(days=7)).isoformat()
    assert min(later.starts) > max(page.starts)
    back = patient.open(later.all("a", rel="prev")[0]["href"])
    assert back.query["from"] == page.query["from"]
    assert back.starts == page.starts


def test_later_days_end_where_patients_may_book_no_further(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open(patient.at("times/", **opus.choice, day="2999-01-01"))
    assert page.status == 200
    assert not page.has("a", rel="next")
    assert page.has("a", rel="prev")


def test_nobody_is_trapped_on_later_days_without_a_free_time(opus: Place) -> None:
    close(opus, a_week(), a_week() + timedelta(days=6))
    patient = opus.patient()
    page = patient.open(patient.at("times/", **opus.choice, day=a_week()))
    assert (page.status, page.slots) == (200, [])
    onward = next(a for a in page.one("p", class_="notice").all("a"))
    assert patient.open(onward["href"]).slots
    assert page.has("a", rel="prev"), "the way back is always there"


@pytest.mark.parametrize("day", ["2020-01-01", "0001-01-01"])
def test_a_past_day_is_today(place: Place, day: str) -> None:
    patient = place.patient()
    page = patient.open(patient.at("times/", **place.choice, day=day))
    assert page.status == 200
    assert not page.has("a", rel="prev")
    assert all(start > timezone.now() for start in page.starts)
    assert all(start.date() < today(place) + timedelta(days=7) for start in page.starts)


@pytest.mark.parametrize("day", ["tomorrow", "2026-02-30", "20261301", "", "9" * 400, "2026-01-01T10:00", "\u0661"])
def test_a_day_that_is_none_is_ignored(opus: Place, day: str) -> None:
    patient = opus.patient()
    plain = patient.open(patient.at("times/", **opus.choice))
    page = patient.open(patient.at("times/", **opus.choice, day=day))
    assert page.status == 200
    assert page.starts == plain.starts


def test_the_times_open_on_the_first_free_day_if_this_week_has_none(opus: Place) -> None:
    close(opus, today(opus), today(opus) + timedelta(days=16))
    patient = opus.patient()
    page = patient.open(patient.at("times/", **opus.choice))
    assert page.status == 200
    assert page.starts
    first = min(page.starts).date()
    assert first > today(opus) + timedelta(days=16)
    assert page.all("section", class_="day")[0].one("h3")["id"] == f"day-{first}"
    assert page.has("a", rel="prev"), "the days before can be looked at"


def test_a_service_with_no_free_time_at_all_says_so_and_how_far_it_looked(opus: Place) -> None:
    for clinician in opus.sandbox.diary["clinicians"]:
        clinician["Hours"] = {}
    patient = opus.patient()
    for query in ({}, {"day": a_week()}):
        page = patient.open(patient.at("times/", **opus.choice, **query))
        assert (page.status, page.slots) == (200, [])
        horizon = today(opus) + timedelta(days=90)
        assert f"{horizon.day} {horizon:%B %Y}" in page.text
        assert page.one("div", class_="notice").all("a")[-1]["href"] == "tel:+4681234567"


def test_an_empty_answer_is_no_trouble_but_no_times(qmatic: Place) -> None:
    qmatic.sandbox.answer("timeslots", 200, [], times=9)
    patient = qmatic.patient()
    page = patient.open(patient.at("times/", **qmatic.choice))
    assert (page.status, page.slots) == (200, [])
    assert page.one("div", class_="notice").all("a")[-1]["href"] == "tel:+442079460123"


def answers_503(place: Place) -> None:
    place.sandbox.answer("timeslots", 503, times=99)


def drops(place: Place) -> None:
    place.sandbox.lose_answer_before("timeslots", times=99)


def answers_html(place: Place) -> None:
    place.sandbox.html("timeslots", times=99)


def answers_half(place: Place) -> None:
    place.sandbox.half("timeslots", times=99)


def answers_an_object(place: Place) -> None:
    place.sandbox.answer("timeslots", 200, {"slots": []}, times=99)


def answers_null(place: Place) -> None:
    place.sandbox.answer("timeslots", 200, b"null", times=99)


def answers_rows_of_something_else(place: Place) -> None:
    place.sandbox.answer("timeslots", 200, [{"begin": "soon"}], times=99)


def redirects(place: Place) -> None:
    place.sandbox.answer("timeslots", 302, headers=(("Location", "https://elsewhere.example/"),), times=99)


FAULTS = [
    answers_503, drops, answers_html, answers_half, answers_an_object, answers_null, answers_rows_of_something_else,
    redirects,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_calendar_that_cannot_be_read_is_never_shown_as_no_times(
    place: Place, fault: Callable[[Place], None]
) -> None:
    patient = place.patient()
    fault(place)
    page = patient.open(patient.at("times/", **place.choice, day=a_week()))
    assert page.status == 503
    assert page["Cache-Control"] == "no-store"
    assert int(page["Retry-After"]) > 0
    assert place.table["phone"] in page.text
    assert place.table["name"] in page.one("header").text
    assert not page.has(id="week"), "not a word about which times are free"
    place.sandbox.well_again()
    page = patient.open(page.one("a", class_="button")["href"])
    assert page.status == 200
    assert page.slots


@pytest.mark.parametrize("fault", [answers_html, answers_half, answers_an_object, answers_rows_of_something_else])
def test_a_calendar_that_makes_no_sense_is_written_down_for_the_staff_once(
    place: Place, fault: Callable[[Place], None]
) -> None:
    fault(place)
    for _ in range(3):
        patient = place.patient()
        assert patient.open(patient.at("times/", **place.choice, day=a_week())).status == 503
    entry = AuditEntry.objects.get(action="vendor trouble")
    assert entry.practice == place.slug
    assert "UnexpectedResponse" in entry.outcome


def test_a_search_that_fails_halfway_is_not_the_end_of_the_times(opus: Place) -> None:
    close(opus, today(opus), today(opus) + timedelta(days=89))
    patient = opus.patient()
    assert patient.open(patient.at("times/", **opus.choice)).has("div", class_="notice")
    assert opus.sandbox.count("timeslots") > 2
    opus.set(name="Norrmalms Tandvård AB")  # what was read is forgotten
    opus.sandbox.late("timeslots", 0, times=2)
    opus.sandbox.answer("timeslots", 503, times=99)
    page = patient.open(patient.at("times/", **opus.choice))
    assert look_on(page)
    assert "no free times up to" not in page.text


# --- Holds ------------------------------------------------------------------------------------------------------------


def shown(place: Place, patient: Patient, **query: object) -> list[str]:
    page = patient.open(patient.at("times/", **{**place.choice, "day": a_week(), **query}))
    assert page.status == 200
    return [button["value"] for button in page.slots]


def test_a_time_that_another_patient_holds_is_not_shown(opus: Place) -> None:
    before = shown(opus, opus.patient())
    opus.hold(opus.patient(), number=1)
    after = shown(opus, opus.patient())
    assert before[1] not in after
    assert before[-1] in after


def test_times_that_overlap_a_held_one_are_not_shown_also_of_another_service(opus: Place) -> None:
    opus.hold(opus.patient(), number=2)
    held = opus.booking
    page = opus.times(opus.patient(), service="4")  # an hour, where a check-up takes half of one
    for start in page.starts:
        assert not (start < held.end and held.start < start + timedelta(minutes=60))


def test_a_hold_with_one_provider_leaves_the_others_free(opus: Place) -> None:
    before = shown(opus, opus.patient(), provider="3")
    opus.hold(opus.patient())
    assert shown(opus, opus.patient(), provider="3") == before


def test_the_own_hold_is_shown_as_own(opus: Place) -> None:
    patient = opus.patient()
    details = opus.hold(patient)
    page = patient.open(details.summary["Time"].one("a")["href"])
    assert page.path == "/norrmalm/en/times/"
    own = page.one("section", class_="own")
    assert own.one("a", class_="button")["href"] == details.path
    assert opus.booking.slot_id in [button["value"] for button in page.slots]
    assert page["Cache-Control"] == "no-store"


def test_a_browser_that_went_back_to_its_page_holds_the_same_time_once(opus: Place) -> None:
    patient = opus.patient()
    times = opus.times(patient)
    first = patient.press(times, times.slots[0])
    again = patient.press(times, times.slots[0])
    assert again.address == first.address
    assert Booking.objects.count() == 1


def test_a_hold_that_ran_out_is_not_shown_as_kept(opus: Place) -> None:
    patient = opus.patient()
    details = opus.hold(patient)
    Booking.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    page = patient.open(details.summary["Time"].one("a")["href"])
    assert not page.has("section", class_="own")
    assert opus.booking.slot_id in [button["value"] for button in page.slots]


def test_a_token_that_is_none_shows_the_times_as_to_anybody(opus: Place) -> None:
    for held in ("x" * 43, "short", "<script>", "x" * 400):
        assert shown(opus, opus.patient(), held=held)


# --- The part that htmx replaces --------------------------------------------------------------------------------------


def part(place: Place, **headers: str) -> Page:
    patient = place.patient()
    return patient.open(patient.at("times/", **place.choice, day=a_week()), **headers)


def test_htmx_gets_only_the_part_that_it_replaces(opus: Place) -> None:
    whole, week = part(opus), part(opus, **{"HX-Request": "true"})
    assert not week.has("html")
    assert not week.has("main")
    assert [b["value"] for b in week.slots] == [b["value"] for b in whole.slots]
    assert all("HX-Request" in page["Vary"] for page in (whole, week))
    target = whole.all("a", rel="next")[0]
    assert (target["hx-get"], target["hx-target"]) == (target["href"], "#week")
    assert whole.has(id="week")


def test_a_history_restore_gets_the_whole_page(opus: Place) -> None:
    page = part(opus, **{"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert page.has("html")
    assert page.has(id="week")


# --- The day's edges --------------------------------------------------------------------------------------------------


def test_times_after_the_clocks_change_have_the_new_offset(qmatic: Place) -> None:
    """At the vendor's own offsets, whichever side of a change of clocks the 60 days lie on."""
    patient = qmatic.patient()
    page = patient.open(patient.at("times/", **qmatic.choice))
    seen: list[datetime] = []
    while page.slots and page.has("a", rel="next"):
        seen += page.starts
        page = patient.open(page.all("a", rel="next")[0]["href"])
    assert len(seen) > 100
    zone = ZoneInfo("Europe/London")
    assert all(start.utcoffset() == start.astimezone(zone).utcoffset() for start in seen)
    assert len(set(seen)) == len(seen)


def test_each_day_of_the_list_is_one_link_away(place: Place) -> None:
    page = place.times(place.patient())
    (days,) = page.all("nav", class_="days")
    links = [link["href"].removeprefix("#") for link in days.all("a")]
    assert links == [day.one("h3")["id"] for day in page.all("section", class_="day")]
    assert len(links) > 1


def test_where_one_day_has_times_no_links_to_days_are_shown(opus: Place) -> None:
    close(opus, a_week() + timedelta(days=1), a_week() + timedelta(days=6))
    page = opus.times(opus.patient())
    assert len(page.all("section", class_="day")) == 1
    assert not page.all("nav", class_="days")


def test_a_time_at_any_clinic_where_nobody_is_named_can_be_held(qmatic: Place) -> None:
    page = qmatic.hold(qmatic.patient(), service=guid("New patient health check"), clinic="any", provider="any")
    assert page.status == 200
    page = qmatic.hold(
        qmatic.patient(), service=guid("Physiotherapy"), clinic=BANKSIDE["id"], provider=guid("Ewa Nowak")
    )
    assert page.status == 200


def test_a_time_with_anybody_goes_with_the_only_provider_who_had_it(qmatic: Place) -> None:
    assert isinstance(qmatic.sandbox, QmaticSandbox)
    anybody, patient = qmatic.patient(), qmatic.patient()
    offered = [button["value"] for button in qmatic.times(anybody, provider="any").slots]
    free = {slot: qmatic.sandbox.resources_free_at(qmatic.choice["service"], slot) for slot in offered}
    hers = qmatic.times(patient, provider=guid("Dr Amara Okafor"))
    only = next(b for b in hers.slots if free.get(b["value"].rpartition("~")[0] + "~") == 1)
    assert patient.press(hers, only).path.endswith("/details/")
    left = [button["value"] for button in qmatic.times(anybody, provider="any").slots]
    assert set(offered) - set(left) == {only["value"].rpartition("~")[0] + "~"}


def test_a_clinic_alone_in_the_address_asks_with_whom(opus: Place) -> None:
    page = opus.patient().open(f"/norrmalm/en/times/?service=1&clinic={CITY}")
    assert (page.status, page.path) == (200, "/norrmalm/en/provider/")


def test_where_the_vendor_is_too_slow_to_look_all_the_way_ahead_the_page_says_how_far_it_got(
    opus: Place, settings
) -> None:
    close(opus, today(opus), today(opus) + timedelta(days=200))
    settings.PAGE_SECONDS = 4.0
    opus.sandbox.slow("timeslots", 1.5, times=99)  # of a month: two are read, the third would take too long
    page = opus.patient().open(opus.patient().at("times/", **opus.choice))
    assert page.status == 200
    onward = look_on(page)
    opus.sandbox.well_again()
    page = opus.patient().open(onward)
    assert "no free times up to" in page.text


def test_where_the_vendor_is_down_from_the_first_days_on_nothing_is_said_to_be_taken(opus: Place) -> None:
    opus.sandbox.answer("timeslots", 503, times=99)
    assert opus.patient().open(opus.patient().at("times/", **opus.choice)).status == 503
