"""The patient's details."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from booking.models import Booking, State
from tests.pages.conftest import Place
from tests.pages.patient import Page
from vendors.sandbox.qmatic import BANKSIDE, guid

TRAVEL = {"service": guid("Travel advice"), "clinic": BANKSIDE["id"], "provider": "any"}
IN_FOUR_PARTS = {"Year": 1981, "Month": 12, "Day": 18, "ExtraDigits": "9876"}
PERSONAL = ["Nässlind", "asa@patient.example", "19811218", "5506228", "550 62 28"]


def test_only_what_the_dentists_vendor_wants_is_asked(opus: Place) -> None:
    page = opus.hold(opus.patient())
    assert list(page.fields) == ["first_name", "last_name", "personal_number", "email", "phone", "postal_code"]


def test_only_what_the_health_centres_vendor_wants_is_asked(qmatic: Place) -> None:
    page = qmatic.hold(qmatic.patient())
    assert list(page.fields) == ["first_name", "last_name", "birth_date", "email", "phone"]


def test_every_field_has_its_label(place: Place) -> None:
    place.set(privacy_url="https://www.clinic.example/privacy")
    page = place.hold(place.patient())
    for field in page.fields.values():
        assert page.one("label", for_=field["id"]).text


def test_a_field_that_may_stay_empty_says_so(opus: Place) -> None:
    page = opus.hold(opus.patient())
    optional = {n for n, field in page.fields.items() if page.one("label", for_=field["id"]).has("span")}
    assert optional == {"postal_code"}
    assert {n for n, field in page.fields.items() if field.get("aria-required") != "true"} == optional


def test_a_browser_can_fill_in_what_it_knows(place: Place) -> None:
    expected = {
        "first_name": ("given-name", None, "text"),
        "last_name": ("family-name", None, "text"),
        "email": ("email", "email", "email"),
        "phone": ("tel", "tel", "tel"),
        "postal_code": ("postal-code", "numeric", "text"),
        "birth_date": ("bday", None, "date"),
        "personal_number": ("off", "text", "text"),
    }
    for name, field in place.hold(place.patient()).fields.items():
        assert (field.get("autocomplete"), field.get("inputmode"), field.get("type")) == expected[name]


def test_the_vendors_questions_are_asked_in_their_own_words(qmatic: Place) -> None:
    page = qmatic.hold(qmatic.patient(), **TRAVEL)
    countries, leaving = (field for name, field in page.fields.items() if name.startswith("question_"))
    assert page.one("label", for_=countries["id"]).text == "Which countries will you visit?"
    assert "In the order of your journey." in page.text
    assert page.one("label", for_=leaving["id"]).text.startswith("When do you leave? (")


def test_a_required_question_must_be_answered_and_its_answer_reaches_the_vendor(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = qmatic.hold(patient, **TRAVEL)
    countries, leaving = (name for name in page.fields if name.startswith("question_"))
    page = patient.fill_in(page, **qmatic.details, **{leaving: "In May"})
    assert (page.status, page.invalid) == (200, {countries})
    assert page.typed[leaving] == "In May"
    page = patient.fill_in(page, **{countries: "Kenya & Tanzania <both>"})
    assert "Kenya & Tanzania <both>" in page.text
    patient.book(page)
    (appointment,) = qmatic.sandbox.appointments()
    assert appointment["informationQuestions"] == [
        {"questionText": "Which countries will you visit?", "answer": "Kenya & Tanzania <both>"},
        {"questionText": "When do you leave?", "answer": "In May"},
    ]


def test_the_practices_privacy_notice_must_be_agreed_to(opus: Place) -> None:
    opus.set(privacy_url="https://www.clinic.example/privacy")
    patient = opus.patient()
    page = opus.hold(patient)
    assert page.has("a", href="https://www.clinic.example/privacy")
    page = patient.fill_in(page, **opus.details)
    assert (page.status, page.invalid) == (200, {"consent"})
    page = patient.fill_in(page, consent="on")
    assert page.path.endswith("/confirm/")
    assert patient.book(page).state == "confirmed"


WRONG = [
    ("opus", "first_name", ""),
    ("opus", "first_name", "   "),
    ("opus", "first_name", "1234"),
    ("opus", "first_name", "\u200b"),
    ("opus", "last_name", "x" * 101),
    ("opus", "personal_number", ""),
    ("opus", "personal_number", "811218"),
    ("opus", "personal_number", "19811218-9875"),
    ("opus", "personal_number", "19811318-9876"),
    ("opus", "personal_number", "29811218-9876"),
    ("opus", "email", ""),
    ("opus", "email", "asa@"),
    ("opus", "email", "asa at patient.example"),
    ("opus", "phone", ""),
    ("opus", "phone", "12"),
    ("opus", "phone", "call me"),
    ("opus", "postal_code", "1"),
    ("opus", "postal_code", "ABCDE"),
    ("qmatic", "birth_date", "1980-02-30"),
    ("qmatic", "birth_date", "yesterday"),
    ("qmatic", "birth_date", "2999-01-01"),
    ("qmatic", "birth_date", "0001-01-01"),
    ("qmatic", "phone", "0" * 300),
    ("qmatic", "email", "a" * 250 + "@patient.example"),
    ("qmatic", "last_name", "x" * 256),
]


@pytest.mark.parametrize(("name", "field", "wrong"), WRONG)
def test_a_mistake_is_pointed_out_at_its_field_and_everything_typed_is_kept(
    request: pytest.FixtureRequest, transactional_db: None, name: str, field: str, wrong: str
) -> None:
    place: Place = request.getfixturevalue(name)
    patient = place.patient()
    held = place.hold(patient)
    page = patient.fill_in(held, **{**place.details, field: wrong})
    assert (page.status, page.address) == (200, held.address)
    assert page.invalid == {field}
    assert page.typed == {**place.details, field: wrong}
    control = page.fields[field]
    message = page.one("p", id=f"{control['id']}_error")
    assert message.text
    assert message["id"] in control["aria-describedby"].split()
    summary = page.one("div", class_="errors", role="alert")
    assert [link["href"] for link in summary.all("a")] == [f"#{control['id']}"]
    assert message.text in summary.text
    assert page.one("title").text != held.one("title").text
    assert place.booking.details == {}


def test_all_mistakes_are_pointed_out_at_once(opus: Place) -> None:
    patient = opus.patient()
    page = patient.fill_in(opus.hold(patient))
    assert page.invalid == {"first_name", "last_name", "personal_number", "email", "phone"}
    assert len(page.one("div", class_="errors").all("a")) == 5


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ({"personal_number": "811218-9876"}, {"PersonalNumber": IN_FOUR_PARTS}),
        ({"personal_number": "19811218 9876"}, {"PersonalNumber": IN_FOUR_PARTS}),
        ({"phone": "+46 (0)70 550 62 28"}, {"MobilePhoneNumber": "+46705506228"}),
        ({"phone": "0046705506228"}, {"MobilePhoneNumber": "+46705506228"}),
        ({"phone": "+1 650 253 0000"}, {"MobilePhoneNumber": "+16502530000"}),
        ({"first_name": "  A\u030asa   Maria "}, {"FirstName": "Åsa Maria"}),
        ({"last_name": "O’Brien-Šťastný"}, {"LastName": "O’Brien-Šťastný"}),
        ({"postal_code": "111-22"}, {"PostalCode": "11122"}),
    ],
)  # fmt: skip
def test_what_is_typed_in_a_usual_way_reaches_the_vendor_in_its_own(
    opus: Place, typed: dict[str, str], sent: dict[str, object]
) -> None:
    patient = opus.patient()
    patient.book(patient.fill_in(opus.hold(patient), **{**opus.details, **typed}))
    (appointment,) = opus.sandbox.appointments()
    assert sent.items() <= appointment["Patient"].items()


def test_what_may_stay_empty_may_stay_empty(opus: Place) -> None:
    patient = opus.patient()
    page = patient.fill_in(opus.hold(patient), **{**opus.details, "postal_code": ""})
    assert patient.book(page).state == "confirmed"
    assert "PostalCode" not in opus.sandbox.appointments()[0]["Patient"]


def test_what_was_typed_goes_on_under_a_second_token(place: Place) -> None:
    patient = place.patient()
    held = place.hold(patient)
    page = patient.fill_in(held, **place.details, follow=False)
    assert page.status == 303
    second = page["Location"].split("/")[-3]
    assert page["Location"] == f"/{place.slug}/en/booking/{second}/confirm/"
    assert second != held.token
    assert page["Cache-Control"] == "no-store"


def shows_something_personal(page: Page) -> bool:
    return any(text in page.html for text in PERSONAL)


def test_under_the_first_token_nothing_personal_is_shown_afterwards(opus: Place) -> None:
    patient = opus.patient()
    held = opus.hold(patient)
    review = patient.fill_in(held, **opus.details)
    assert shows_something_personal(review)
    stranger = opus.patient()
    page = stranger.open(held.address)
    assert (page.status, set(page.typed.values())) == (200, {""})
    assert page.notice
    for step in ("confirm/", "", "calendar.ics"):
        page = stranger.open(held.path.replace("details/", step))
        assert not shows_something_personal(page)
        assert not page.has(data_state=True)
    patient.book(review)
    for step in ("details/", "confirm/", "", "calendar.ics"):
        page = stranger.open(held.path.replace("details/", step))
        assert not shows_something_personal(page)
        assert not page.has(data_reference=True)
        assert opus.booking.reference not in page.html


def test_under_the_first_token_nothing_can_be_confirmed(opus: Place) -> None:
    patient = opus.patient()
    held = opus.hold(patient)
    patient.fill_in(held, **opus.details)
    stranger = opus.patient()
    address = held.path.replace("details/", "confirm/")
    assert stranger.open(address).path == held.path
    assert stranger.post(address, {}).path == held.path
    assert opus.sandbox.appointments() == []
    assert opus.booking.state == State.HELD


def test_the_review_before_the_details_leads_to_the_details(place: Place) -> None:
    patient = place.patient()
    held = place.hold(patient)
    assert patient.open(held.path.replace("details/", "confirm/")).path == held.path
    assert patient.post(held.path.replace("details/", "confirm/"), {}).path == held.path
    assert not {"book", "confirm"} & set(place.sandbox.calls)


def test_details_that_are_sent_again_take_the_older_personal_address_its_meaning(opus: Place) -> None:
    patient, another = opus.patient(), opus.patient()
    held = opus.hold(patient)
    first = patient.fill_in(held, **opus.details)
    second = another.fill_in(held, **{**opus.details, "first_name": "Somebody", "last_name": "Else"})
    assert second.token not in (first.token, held.token)
    assert "Somebody" in second.text
    page = patient.open(first.address)
    assert page.path.endswith("/details/")
    assert "Somebody" not in page.html
    assert set(page.typed.values()) == {""}
    assert patient.post(first.address, {}).path.endswith("/details/")
    assert opus.sandbox.appointments() == []


def test_details_can_be_changed_before_they_are_confirmed(opus: Place) -> None:
    patient = opus.patient()
    review = opus.review(patient)
    page = patient.open(review.one("a", href=review.path.replace("confirm/", "details/"))["href"])
    assert page.typed["first_name"] == "Åsa"
    assert page.typed["personal_number"] == "19811218-9876"
    assert page.typed["email"] == "asa@patient.example"
    page = patient.fill_in(page, first_name="Asa")
    assert "Asa" in page.text
    patient.book(page)
    assert opus.sandbox.appointments()[0]["Patient"]["FirstName"] == "Asa"


def test_what_is_typed_lies_encrypted_in_the_database(opus: Place) -> None:
    opus.review(opus.patient())
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM booking_booking")
        stored = str(cursor.fetchall())
    assert "Norrmalms Tandvård City" in stored
    assert not [text for text in (*PERSONAL, "Åsa") if text in stored]


def test_text_that_looks_like_html_is_shown_as_it_was_typed(opus: Place) -> None:
    patient = opus.patient()
    name = '<b>Åsa</b> & "O\'Neill"'
    page = patient.fill_in(opus.hold(patient), **{**opus.details, "first_name": name})
    assert name in page.text
    assert not page.one("main").has("b")


def test_a_hold_that_ran_out_while_typing_keeps_what_was_typed(opus: Place) -> None:
    patient = opus.patient()
    held = opus.hold(patient)
    Booking.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    page = patient.fill_in(held, **opus.details)
    assert page.path == "/norrmalm/en/times/"
    assert page.notice
    page = patient.press(page, page.slots[0])
    assert page.path.endswith("/details/")
    assert page.typed == opus.details | {"phone": page.typed["phone"], "postal_code": page.typed["postal_code"]}
    assert patient.book(patient.fill_in(page)).state == "confirmed"


# --- From a page that was left open ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", [False, True], ids=["valid", "with a mistake"])
def test_what_is_typed_for_a_time_that_was_given_up_since_is_kept(opus: Place, mistake: bool) -> None:
    patient = opus.patient()
    times = opus.times(patient)
    old = patient.press(times, times.slots[0])
    patient.press(times, times.slots[-1])  # the list was still open beside it
    typed = opus.details | ({"email": "nobody at mail"} if mistake else {})
    page = patient.post(old.path, typed)
    if mistake:
        assert page.has("input", name="last_name", value=opus.details["last_name"])
        page = patient.post(old.path, opus.details)
    assert page.path.endswith("/times/")
    form = patient.press(page, page.slots[0])
    assert form.path.endswith("/details/")
    assert form.has("input", name="last_name", value=opus.details["last_name"])
