"""From a free time to a hold."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking.models import Booking, Snapshot, State
from tests.pages.conftest import Place, a_week
from tests.pages.patient import OURS, Patient, start_of
from vendors.sandbox.opus import CITY, SOLNA
from vendors.sandbox.qmatic import guid


def test_a_chosen_time_is_held_and_leads_to_the_details_under_a_token(place: Place) -> None:
    patient = place.patient()
    times = place.times(patient)
    page = patient.press(times, times.slots[0], follow=False)
    assert page.status == 303
    booking = place.booking
    assert booking.state == State.HELD
    assert booking.start == times.starts[0]
    assert timedelta(minutes=10) < booking.held_until - timezone.now() <= timedelta(minutes=15)
    token = page["Location"].split("/")[-3]
    assert page["Location"] == f"/{place.slug}/en/booking/{token}/details/"
    assert len(token) == 43
    assert page["Cache-Control"] == "no-store"


def test_the_details_page_says_what_is_held_and_until_when(place: Place) -> None:
    page = place.hold(place.patient())
    booking = place.booking
    assert booking.service_name in page.summary["Service"].text
    assert booking.clinic_name in page.summary["Clinic"].text
    assert page.one("dl").one("time")["datetime"] == booking.local_start.isoformat()
    until = booking.held_until.astimezone(place.row.zone)
    assert f"{until:%H:%M}" in page.one("p", class_="until").text


def test_a_form_without_javascript_or_our_hidden_fields_is_enough(opus: Place) -> None:
    patient = opus.patient()
    slot = opus.times(patient).slots[0]["value"]
    page = patient.post(patient.at("hold/"), {**opus.choice, "slot": slot})
    assert page.path.endswith("/details/")


def test_a_vendor_that_reserves_has_the_time_reserved(qmatic: Place) -> None:
    qmatic.hold(qmatic.patient())
    assert qmatic.sandbox.count("reserve") == 1
    assert len(qmatic.sandbox.diary["reservations"]) == 1


def test_a_time_taken_at_the_desk_leads_to_up_to_three_others(place: Place) -> None:
    patient = place.patient()
    times = place.times(patient)
    wanted = times.slots[2]
    place.sandbox.take_at_desk(wanted["value"])
    page = patient.press(times, wanted)
    assert (page.status, page.hops, page.path) == (200, [], f"/{place.slug}/en/hold/")
    assert page.other_times
    assert len(page.slots) == 3
    assert wanted["value"] not in [button["value"] for button in page.slots]
    assert not Booking.objects.filter(state=State.HELD).exists()
    page = patient.press(page, page.slots[0])
    assert page.path.endswith("/details/")


def test_a_time_that_another_patient_holds_leads_to_others(opus: Place) -> None:
    first, second = opus.patient(), opus.patient()
    page_of_first, page_of_second = opus.times(first), opus.times(second)
    first.press(page_of_first, page_of_first.slots[0])
    page = second.press(page_of_second, page_of_second.slots[0])
    assert page.status == 200
    assert page.other_times
    assert len(page.slots) == 3
    assert Booking.objects.count() == 1


def test_a_time_that_left_what_is_kept_costs_one_reading_and_leads_to_its_neighbours(opus: Place) -> None:
    first, second = opus.patient(), opus.patient()
    page, same = opus.times(first), opus.times(second)
    button = page.slots[len(page.slots) // 2]
    desk = start_of(button)
    opus.hold(first, len(page.slots) // 2)
    Snapshot.objects.all().delete()  # a minute later nobody remembers
    opus.sandbox.calls.clear()
    taken = second.press(same, same.slots[len(same.slots) // 2])
    assert taken.other_times
    assert opus.sandbox.calls.count("timeslots") <= 4  # the day of the time, and what the neighbours lie in
    assert all(abs(start - desk) < timedelta(days=2) for start in taken.starts)


def test_a_time_that_is_taken_is_said_to_be_so_also_if_no_others_can_be_read(opus: Place) -> None:
    first, second = opus.patient(), opus.patient()
    page = opus.times(second)
    opus.hold(first)
    Snapshot.objects.filter(name__startswith="times ").delete()
    opus.sandbox.late("timeslots", 0, times=1)  # the chosen time itself is read
    opus.sandbox.answer("timeslots", 503, times=99)
    taken = second.press(page, page.slots[0])
    assert taken.status == 200
    assert "just taken" in taken.heading
    assert "cannot be reached" in taken.text
    assert not taken.slots


def test_the_times_instead_are_near_and_with_others_too(opus: Place) -> None:
    first, second = opus.patient(), opus.patient()
    times = opus.times(second, provider="any")
    opus.hold(first, provider="any")
    wanted = times.slots[0]
    page = second.press(times, wanted)
    offered = [button["value"].split(",")[2] for button in page.slots]
    assert wanted["value"].split(",")[2] in offered
    assert len(set(offered)) > 1
    assert min(abs(start - times.starts[0]) for start in page.starts) <= timedelta(days=1)


def test_the_times_instead_are_at_the_same_clinic_and_say_with_whom(opus: Place) -> None:
    first, second = opus.patient(), opus.patient()
    times = opus.times(second)
    opus.hold(first)
    page = second.press(times, times.slots[0])
    assert len(page.slots) == 3
    for button in page.slots:
        _start, _end, clinician, _treatment, clinic = button["value"].split(",")
        assert clinic == CITY
        assert {"1": "Anna Lindqvist", "3": "Johan Ek"}[clinician] in button.text
    colleague = next(button for button in page.slots if button["value"].split(",")[2] == "3")
    assert "Johan Ek" in second.press(page, colleague).summary["With"].text


def test_a_new_choice_gives_the_old_time_back(opus: Place) -> None:
    patient = opus.patient()
    details = opus.hold(patient)
    first = opus.booking
    page = patient.open(details.summary["Time"].one("a")["href"])
    other = next(b for b in page.slots if b["value"] != first.slot_id and start_of(b) >= first.end)
    page = patient.press(page, other)
    assert page.path.endswith("/details/")
    first.refresh_from_db()
    assert first.state == State.RELEASED
    assert Booking.objects.filter(state=State.HELD).count() == 1
    assert first.slot_id in [b["value"] for b in opus.times(opus.patient()).slots]


@pytest.mark.parametrize("slot", [None, ""])
def test_without_a_time_the_times_are_shown_again_with_a_sentence(place: Place, slot: str | None) -> None:
    patient = place.patient()
    form = dict(place.choice) | ({} if slot is None else {"slot": slot})
    page = patient.post(patient.at("hold/"), form)
    assert page.hops[0].status == 303
    assert (page.status, page.path) == (200, f"/{place.slug}/en/times/")
    assert page.notice
    assert not Booking.objects.exists()


@pytest.mark.parametrize(
    "slot",
    [
        "nonsense",
        "2020-01-01T08:00:00,2020-01-01T08:30:00,1,1,x",
        "2999-01-01T08:00:00,2999-01-01T08:30:00,1,1,x",
        "~~~",
        "a~b~c~d",
        "<script>alert(1)</script>",
        "x" * 5000,
        "\u2603",
    ],
)
def test_a_time_that_nobody_offered_is_never_held(place: Place, slot: str) -> None:
    patient = place.patient()
    page = patient.post(patient.at("hold/"), {**place.choice, "slot": slot})
    assert page.status == 200
    assert page.slots
    assert slot not in [button["value"] for button in page.slots]
    assert not Booking.objects.exists()
    assert not {"reserve", "book"} & set(place.sandbox.calls)


def test_a_time_of_another_clinic_is_not_held_under_this_choice(opus: Place) -> None:
    patient = opus.patient()
    slot = opus.times(patient, clinic=SOLNA, provider="3").slots[0]["value"]
    page = patient.post(patient.at("hold/"), {"service": "1", "clinic": CITY, "provider": "1", "slot": slot})
    for booking in Booking.objects.all():
        assert booking.clinic_name == "Norrmalms Tandvård Solna", "it says what it is"
    assert page.status == 200


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"service": ""}, ""),
        ({"service": "999"}, ""),
        ({"clinic": "", "provider": ""}, "clinic/"),
        ({"clinic": "closed"}, "clinic/"),
        ({"provider": ""}, "provider/"),
        ({"provider": "999"}, "provider/"),
    ],
)
def test_what_is_missing_or_gone_leads_to_that_choice_with_a_sentence(
    opus: Place, changes: dict[str, str], path: str
) -> None:
    patient = opus.patient()
    slot = opus.times(patient).slots[0]["value"]
    page = patient.post(patient.at("hold/"), {**opus.choice, "slot": slot, **changes})
    assert page.hops[0].status == 303
    assert (page.status, page.path) == (200, f"/norrmalm/en/{path}")
    assert page.notice
    assert not Booking.objects.exists()


@pytest.mark.parametrize("operation", ["answer", "html"])
def test_a_vendor_in_trouble_at_the_hold_leaves_nothing_held(place: Place, operation: str) -> None:
    patient = place.patient()
    times = place.times(patient)
    for call in ("timeslots", "reserve"):
        if operation == "answer":
            place.sandbox.answer(call, 503, times=9)
        else:
            place.sandbox.html(call, times=9)
    page = patient.press(times, times.slots[0])
    assert page.status == 503
    assert page["Cache-Control"] == "no-store"
    assert place.table["phone"] in page.text
    assert not Booking.objects.filter(state=State.HELD).exists()
    place.sandbox.well_again()
    assert patient.press(times, times.slots[0]).path.endswith("/details/"), "going back and pressing again works"


def test_a_reservation_whose_answer_was_lost_is_said_to_come_free_again(qmatic: Place) -> None:
    patient = qmatic.patient()
    times = qmatic.times(patient, provider=guid("Dr Tom Hughes"))
    qmatic.sandbox.lose_answer_after("reserve")
    page = patient.press(times, times.slots[0])
    assert page.other_times
    assert "a quarter of an hour" in page.text
    assert not Booking.objects.filter(state=State.HELD).exists()
    assert len(page.slots) == 3


def test_a_reservation_that_never_arrived_is_made_again(qmatic: Place) -> None:
    patient = qmatic.patient()
    times = qmatic.times(patient, provider=guid("Dr Tom Hughes"))
    qmatic.sandbox.lose_answer_before("reserve")
    assert patient.press(times, times.slots[0]).path.endswith("/details/")
    assert len(qmatic.sandbox.diary["reservations"]) == 1


# --- Who may post -----------------------------------------------------------------------------------------------------

REFUSED = {
    "nothing that says where it comes from": {},
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "a sister site": {"Sec-Fetch-Site": "same-site"},
    "no site at all": {"Sec-Fetch-Site": "none"},
    "another site with our origin": {"Sec-Fetch-Site": "cross-site", "Origin": OURS},
    "another origin": {"Origin": "https://elsewhere.example"},
    "another origin that claims to be ours": {"Sec-Fetch-Site": "same-origin", "Origin": "https://elsewhere.example"},
    "a hidden origin": {"Origin": "null"},
    "a hidden origin that claims to be ours": {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    "another scheme": {"Origin": "https://testserver"},
    "another port": {"Origin": "http://testserver:81"},
    "our name as the beginning of another": {"Origin": "http://testserver.elsewhere.example"},
    "a site that may frame us": {"Origin": "http://localhost:8080"},
}
TAKEN = {
    "our origin": {"Origin": OURS},
    "our site": {"Sec-Fetch-Site": "same-origin"},
    "both": {"Sec-Fetch-Site": "same-origin", "Origin": OURS},
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
def test_what_another_site_sends_is_refused_in_the_practices_look(opus: Place, headers: dict[str, str]) -> None:
    patient = opus.patient()
    slot = opus.times(patient).slots[0]["value"]
    page = patient.post(patient.at("hold/"), {**opus.choice, "slot": slot}, headers=headers)
    assert page.status == 403
    assert "Norrmalms Tandvård" in page.one("header").text
    assert "+46 8 123 45 67" in page.one("footer").text
    assert page["Cache-Control"] == "no-store"
    assert not Booking.objects.exists()


@pytest.mark.parametrize("headers", TAKEN.values(), ids=TAKEN)
def test_what_our_own_page_sends_is_taken(opus: Place, headers: dict[str, str]) -> None:
    patient = opus.patient()
    slot = opus.times(patient).slots[0]["value"]
    page = patient.post(patient.at("hold/"), {**opus.choice, "slot": slot}, headers=headers)
    assert page.path.endswith("/details/")


@pytest.mark.parametrize("step", ["screening/", "hold/", "details/", "confirm/", "release/"])
def test_every_form_of_a_patient_is_guarded(opus: Place, step: str) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    address = patient.at(step) if step in ("screening/", "hold/") else review.path.replace("confirm/", step)
    for headers in ({}, {"Origin": "null"}, {"Origin": "https://elsewhere.example"}):
        page = patient.post(address, opus.details, headers=headers)
        assert page.status == 403
        assert "Norrmalms Tandvård" in page.one("header").text
    assert opus.booking.state == State.HELD
    assert opus.sandbox.appointments() == []


def test_a_patient_without_cookies_goes_all_the_way(place: Place) -> None:
    """Every page of every test is checked for cookies; here a browser that would refuse to send any."""
    patient = place.patient()
    times = place.times(patient)
    page = patient.like().press(times, times.slots[0])
    page = patient.like().fill_in(page, **place.details)
    page = patient.like().book(page)
    assert page.state == "confirmed"


def test_a_practice_without_a_single_free_time_at_the_hold_still_answers(opus: Place) -> None:
    patient = Patient("norrmalm")
    slot = opus.times(patient).slots[0]["value"]
    for clinician in opus.sandbox.diary["clinicians"]:
        clinician["Hours"] = {}
    page = patient.post(patient.at("hold/"), {**opus.choice, "slot": slot})
    assert (page.status, page.path, page.slots) == (200, "/norrmalm/en/hold/", [])
    assert any("times/" in link["href"] for link in page.one("main").all("a"))


def test_a_start_that_has_passed_meanwhile_is_not_held(opus: Place) -> None:
    patient = opus.patient()
    times = opus.times(patient)
    start = times.starts[0]
    assert start.date() >= a_week()
    slot = times.slots[0]["value"].replace(start.date().isoformat(), "2026-01-05")
    page = patient.post(patient.at("hold/"), {**opus.choice, "slot": slot})
    assert page.other_times
    assert not Booking.objects.exists()
