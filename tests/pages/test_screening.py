"""The vendor's screening questions: asked before anything is held, and their answers go nowhere."""

from urllib.parse import unquote

import pytest

from booking.models import Booking
from tests.pages.conftest import Place, a_week
from tests.pages.patient import Page, Patient
from vendors.sandbox.qmatic import BANKSIDE, CANALSIDE, guid

FLU = guid("Flu vaccination")
RIGHT = {"screening_0": "yes", "screening_1": "no"}


def questions(place: Place, patient: Patient, clinic: str = BANKSIDE["id"]) -> Page:
    page = patient.open(patient.at("", service=FLU, clinic=clinic, day=a_week()))
    assert page.path == "/riverside/en/screening/"
    return page


def test_the_questions_come_after_the_clinic_and_before_the_times(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.open("/riverside/en/").choices("service")[FLU])
    assert page.path == "/riverside/en/clinic/"
    page = patient.open(page.choices("clinic")[BANKSIDE["id"]])
    assert page.path == "/riverside/en/screening/"
    assert [legend.text for legend in page.all("legend")] == [
        "Are you 18 or older?",
        "Have you ever had a severe reaction to a vaccine?",
    ]
    assert "Children are vaccinated at school." in page.text
    assert set(page.fields) == set(RIGHT)
    assert {radio["value"] for radio in page.all("input", type="radio")} == {"yes", "no"}


def test_right_answers_go_on_with_a_signed_statement_and_without_the_answers(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.fill_in(questions(qmatic, patient), **RIGHT)
    assert page.hops[0].status == 303
    assert page.path == "/riverside/en/times/"
    assert page.query["screened"]
    assert page.query["from"] == a_week().isoformat()
    assert "screening_" not in unquote(page.address)
    assert page.slots
    assert not {"reserve", "confirm"} & set(qmatic.sandbox.calls)


def test_any_clinic_is_screened_too(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.fill_in(questions(qmatic, patient, "any"), **RIGHT)
    assert (page.path, page.query["clinic"]) == ("/riverside/en/times/", "any")
    assert page.slots


def test_who_answered_for_any_clinic_is_not_asked_again_by_the_one_they_choose(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.fill_in(questions(qmatic, patient, "any"), **RIGHT)
    page = patient.open(page.summary["Clinic"].one("a")["href"])
    page = patient.open(page.choices("clinic")[BANKSIDE["id"]])
    assert (page.path, page.query["clinic"]) == ("/riverside/en/times/", BANKSIDE["id"])
    page = patient.press(page, page.slots[0])
    assert page.path.endswith("/details/")


@pytest.mark.parametrize(
    ("answers", "refusal"),
    [
        ({"screening_0": "no", "screening_1": "no"}, "This appointment is for adults."),
        ({"screening_0": "yes", "screening_1": "yes"}, "Please call us first, so that a doctor can advise you."),
        ({"screening_0": "no", "screening_1": "yes"}, "This appointment is for adults."),
    ],
)
def test_a_wrong_answer_ends_with_the_vendors_own_words(qmatic: Place, answers: dict[str, str], refusal: str) -> None:
    patient = qmatic.patient()
    page = patient.fill_in(questions(qmatic, patient), **answers)
    assert (page.status, page.hops) == (200, [])
    assert refusal in page.text
    assert "+44 20 7946 0123" in page.text
    assert not page.slots
    assert "screened=" not in page.html
    assert not {"reserve", "timeslots"} & set(qmatic.sandbox.calls)


def test_who_was_refused_by_mistake_comes_back_to_the_questions(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.fill_in(questions(qmatic, patient), screening_0="no", screening_1="no")
    back = next(link["href"] for link in page.all("a") if link["href"] == page.address)
    page = patient.fill_in(patient.open(back), **RIGHT)
    assert page.path == "/riverside/en/times/"


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({}, {"screening_0", "screening_1"}),
        ({"screening_0": "yes"}, {"screening_1"}),
        ({"screening_0": "perhaps", "screening_1": "no"}, {"screening_0"}),
    ],
)
def test_an_unanswered_question_is_pointed_out_where_it_stands(
    qmatic: Place, answers: dict[str, str], wrong: set[str]
) -> None:
    patient = qmatic.patient()
    page = patient.fill_in(questions(qmatic, patient), **answers)
    assert (page.status, page.path) == (200, "/riverside/en/screening/")
    marked = page.all("fieldset", aria_invalid="true")
    assert {fieldset.all("input")[0]["name"] for fieldset in marked} == wrong
    for fieldset in marked:
        assert fieldset.one("p", class_="error").text == "Answer with yes or no."
    assert len(page.one("div", class_="errors").all("a")) == len(wrong)
    kept = {name: value for name, value in answers.items() if value in ("yes", "no")}
    assert {r["name"]: r["value"] for r in page.all("input", type="radio", checked=True)} == kept


def test_times_are_not_shown_without_the_questions(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.at("times/", service=FLU, clinic=BANKSIDE["id"], provider="any"))
    assert (page.status, page.path) == (200, "/riverside/en/screening/")


def a_slot(place: Place) -> Page:
    patient = place.patient()
    return patient.fill_in(questions(place, patient), **RIGHT)


@pytest.mark.parametrize("statement", ["", "yes", "WyJyaXZlcnNpZGUiXQ:1tXyZa:forged", "x" * 400])
def test_no_time_is_held_without_a_statement_of_ours(qmatic: Place, statement: str) -> None:
    times = a_slot(qmatic)
    patient = qmatic.patient()
    form = {"service": FLU, "clinic": BANKSIDE["id"], "provider": "any", "slot": times.slots[0]["value"]}
    page = patient.post(patient.at("hold/"), form | {"screened": statement})
    assert page.hops[0].status == 303
    assert (page.status, page.path) == (200, "/riverside/en/screening/")
    assert page.notice
    assert qmatic.sandbox.count("reserve") == 0
    assert not Booking.objects.exists()


def test_a_statement_counts_only_for_the_clinic_whose_questions_were_answered(qmatic: Place) -> None:
    statement = a_slot(qmatic).query["screened"]
    patient = qmatic.patient()
    page = patient.open(patient.at("times/", service=FLU, clinic=BANKSIDE["id"], provider="any", screened=statement))
    assert page.path == "/riverside/en/times/"
    page = patient.open(patient.at("times/", service=FLU, clinic=CANALSIDE["id"], provider="any", screened=statement))
    assert page.path == "/riverside/en/screening/"


def test_a_statement_is_still_good_after_a_change_of_language(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.fill_in(questions(qmatic, patient), **RIGHT)
    page = patient.open(page.one("a", hreflang="sv")["href"])
    assert page.path == "/riverside/sv/times/"


def test_whoever_was_screened_books(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.fill_in(questions(qmatic, patient), **RIGHT)
    page = patient.press(page, page.slots[0])
    page = patient.book(patient.fill_in(page, **qmatic.details))
    assert page.state == "confirmed"
    assert len(qmatic.sandbox.appointments()) == 1


def test_other_times_after_one_that_was_taken_need_no_second_screening(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.fill_in(questions(qmatic, patient), **RIGHT)
    taken = page.slots[0]
    qmatic.sandbox.take_at_desk(taken["value"])
    page = patient.press(page, taken)
    assert page.status == 200
    page = patient.press(page, page.slots[0])
    assert page.path.endswith("/details/")


def test_a_service_without_questions_has_no_page_of_questions(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.at("screening/", service=guid("GP appointment"), clinic=BANKSIDE["id"]))
    assert (page.status, page.path) == (200, "/riverside/en/provider/")
