"""From the practice's address to a booked time, in the ways that patients come."""

import re
from datetime import datetime

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Visit
from tests.browser.visitor import Visitor
from vendors.sandbox import SANDBOXES, qmatic

WAYS = {"js-phone": (True, PHONE), "no-js-phone": (False, PHONE), "js-desktop": (True, DESKTOP)}
JOURNEYS = [
    *((vendor, "js-phone") for vendor in SANDBOXES),
    ("opus", "no-js-phone"),
    ("qmatic", "no-js-phone"),
    ("opus", "js-desktop"),
]


@pytest.mark.parametrize(("vendor", "way"), JOURNEYS)
def test_a_patient_books(visit: Visit, vendor: str, way: str) -> None:
    javascript, width = WAYS[way]
    patient = visit(vendor, javascript=javascript, width=width)
    patient.open()
    reference = patient.book_all_the_way()
    assert reference in patient.view.locator("#main").inner_text()
    assert patient.booked() == 1


def test_any_clinic_and_anyone_show_the_times_of_all(visit: Visit) -> None:
    patient = visit("opus")
    patient.open()
    assert patient.book_all_the_way(clinic="any", provider="any")
    assert patient.booked() == 1


def test_screening_questions_come_before_the_times(visit: Visit) -> None:
    patient = visit("qmatic")
    patient.open()
    patient.choose("service", qmatic.guid("Flu vaccination"))
    patient.choose("clinic", qmatic.BANKSIDE["id"])
    patient.expect_step("screening")
    patient.go_on()
    assert patient.gets_focus(".errors")
    answer(patient, "yes", "no")
    patient.expect_step("times", "provider")
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    assert patient.book()
    assert patient.booked() == 1


def test_a_wrong_answer_to_a_screening_question_ends_with_what_to_do_instead(visit: Visit) -> None:
    patient = visit("qmatic", javascript=False)
    patient.open("clinic/", service=qmatic.guid("Flu vaccination"))
    patient.choose("clinic", qmatic.BANKSIDE["id"])
    answer(patient, "yes", "yes")
    expect(patient.see(".notice")).to_contain_text("call us first")
    expect(patient.see('#main a[href^="tel:"]')).to_be_visible()


def answer(patient: Visitor, *answers: str) -> None:
    for number, said in enumerate(answers):
        patient.view.locator(f'input[name="screening_{number}"][value="{said}"]').check()
    patient.go_on()


def test_the_vendors_own_questions_reach_it(visit: Visit) -> None:
    patient = visit("qmatic")
    patient.open(service=qmatic.guid("Travel advice"))
    patient.go_to_times()
    patient.hold()
    patient.fill_and_go_on()
    assert patient.book()
    [entry] = patient.product.ledger("qmatic", patient.patient.family_name)
    assert {said["answer"] for said in entry["informationQuestions"]} == {"Spain"}


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])
def test_later_days_and_back_to_the_earlier_ones(visit: Visit, javascript: bool) -> None:
    patient = visit("opus", javascript=javascript)
    patient.open()
    patient.go_to_times()
    first, address = patient.times(), patient.view.url
    patient.see('a[rel="next"]').click()
    expect(patient.time(first[0])).to_have_count(0)
    assert "from" in patient.query()
    later = patient.times()
    if javascript:
        assert patient.gets_focus("#week .range")
    patient.page.reload()
    assert patient.times() == later
    patient.back()
    expect(patient.time(first[0])).to_be_visible()
    assert patient.view.url == address
    patient.forward()
    expect(patient.time(later[0])).to_be_visible()
    patient.see('a[rel="prev"]').click()
    expect(patient.time(first[0])).to_be_visible()
    patient.hold()
    patient.fill_and_go_on()
    assert patient.book()


def test_the_time_on_the_button_is_the_time_that_is_booked(visit: Visit) -> None:
    patient = visit("opus")
    patient.open()
    patient.go_to_times()
    slot = patient.times()[-1]
    start = datetime.fromisoformat(patient.time(slot).locator("time").get_attribute("datetime") or "")
    patient.hold(slot)
    patient.fill_and_go_on()
    patient.book()
    shown = patient.see("[data-state=confirmed] time").get_attribute("datetime") or ""
    assert datetime.fromisoformat(shown) == start
    [entry] = patient.product.ledger("opus", patient.patient.family_name)
    assert entry["TimeSlot"]["Start"] == start.replace(tzinfo=None).isoformat()


def test_the_calendar_file_of_a_booked_time_can_be_kept(visit: Visit) -> None:
    patient = visit("opus")
    patient.open()
    reference = patient.book_all_the_way()
    with patient.page.expect_download() as download:
        patient.see('a[href$="calendar.ics"]').click()
    text = download.value.path().read_text()
    assert download.value.suggested_filename.endswith(".ics")
    assert "BEGIN:VEVENT" in text
    assert reference in text


def test_the_language_can_be_changed_on_every_step(visit: Visit) -> None:
    patient = visit("opus")
    patient.open()
    other = '.languages a[rel="alternate"]'

    def change() -> None:
        step, before = patient.step, patient.view.url
        language = patient.view.locator("html").get_attribute("lang")
        patient.view.locator(other).first.click()
        expect(patient.view.locator("html")).not_to_have_attribute("lang", str(language))
        assert patient.step == step
        tail = re.compile(r"^.*?/(sv|en)/")
        assert tail.sub("", patient.view.url) == tail.sub("", before)

    for what in ("service", "clinic", "provider"):
        change()
        patient.choose(what, "1" if what == "service" else "")
    change()
    patient.hold()
    change()
    patient.fill_and_go_on()
    change()
    patient.book()
    change()
    assert patient.booked() == 1
