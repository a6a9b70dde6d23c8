"""The details form: what patients type in their own way, and what is remembered of it."""

import unicodedata
from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from booking.forms import DetailsForm, ScreeningForm, initial, likely_typo
from booking.models import Practice
from tests.fake_vendor import ADULT, REFERRED, Diary
from vendors.base import Asked, Field

EVERYTHING = (
    Asked(Field.PERSONAL_NUMBER),
    Asked(Field.FIRST_NAME, max_length=20),
    Asked(Field.LAST_NAME, max_length=20),
    Asked(Field.EMAIL),
    Asked(Field.PHONE),
    Asked(Field.BIRTH_DATE, required=False),
    Asked(Field.POSTAL_CODE, required=False),
    Asked(Field.NOTE, required=False, max_length=200),
)
TYPED = {
    "personal_number": "811228-9874",
    "first_name": "Eva",
    "last_name": "Berg",
    "email": "eva@example.com",
    "phone": "070-123 45 67",
    "birth_date": "1981-12-28",
    "postal_code": "113 24",
    "note": "I am afraid\nof needles",
}
QUESTIONS = [
    {"id": "q1", "text": "Where does it hurt?", "help": "", "required": True},
    {"id": "q2", "text": "Anything else?", "help": "In a few words", "required": False},
]


@pytest.fixture
def here(fakes: None, diary: Diary) -> Practice:
    """A practice whose vendor asks everything. No row of it is needed."""
    diary.asks = EVERYTHING
    return Practice(
        slug="norr",
        vendor="fake",
        timezone="Europe/Stockholm",
        languages=["en"],
        phone="+46 8 123 45 67",
        connection=diary.connection(),
    )


def form(practice: Practice, questions: list[dict[str, Any]] | None = None, **typed: str) -> DetailsForm:
    return DetailsForm(practice, questions or [], {**TYPED, **typed})


def cleaned(practice: Practice, name: str, text: str) -> Any:
    filled = form(practice, **{name: text})
    assert filled.is_valid(), filled.errors
    return filled.cleaned_data[name]


def message(practice: Practice, name: str, text: str) -> str:
    filled = form(practice, **{name: text})
    assert list(filled.errors) == [name]
    return str(filled.errors[name][0])


# --- Which fields ----------------------------------------------------------------------------------------------------


def test_the_vendor_says_what_is_asked_and_in_which_order(here: Practice, diary: Diary) -> None:
    diary.asks = (Asked(Field.PHONE), Asked(Field.LAST_NAME))
    assert list(DetailsForm(here, []).fields) == ["phone", "last_name"]


def test_a_vendors_own_questions_come_after_the_details(here: Practice) -> None:
    assert list(DetailsForm(here, QUESTIONS).fields)[-2:] == ["question_q1", "question_q2"]


def test_consent_is_asked_where_there_is_a_privacy_notice(here: Practice) -> None:
    assert "consent" not in DetailsForm(here, []).fields
    here.privacy_url = "https://clinic.example/privacy"
    assert list(form(here).errors) == ["consent"]
    assert form(here, consent="on").is_valid()


def test_what_is_required_is_marked_as_required(here: Practice) -> None:
    page = DetailsForm(here, [])
    assert 'aria-required="true"' in str(page["phone"])
    assert "aria-required" not in str(page["note"])


@pytest.mark.parametrize("name", ["personal_number", "first_name", "last_name", "email", "phone"])
def test_an_empty_field_that_is_needed_is_said_to_be_empty(here: Practice, name: str) -> None:
    assert message(here, name, "") == "Fill this in."
    assert message(here, name, "   ") == "Fill this in."


@pytest.mark.parametrize("name", ["birth_date", "postal_code", "note"])
def test_a_field_that_is_not_needed_may_stay_empty(here: Practice, name: str) -> None:
    assert form(here, **{name: ""}).is_valid()


def test_a_field_that_the_vendor_refused_is_marked(here: Practice) -> None:
    page = DetailsForm(here, [], initial=TYPED, refused=["phone", "unknown"])
    assert 'aria-invalid="true"' in str(page["phone"])
    assert [name for name, _label, _text in page.wrong()] == ["phone"]


def test_wrong_fields_come_in_the_order_of_the_page(here: Practice) -> None:
    page = form(here, phone="1", last_name="", personal_number="2")
    assert [name for name, _label, _text in page.wrong()] == ["personal_number", "last_name", "phone"]


def test_a_wrong_form_keeps_everything_as_it_was_typed(here: Practice) -> None:
    typed = {**TYPED, "phone": "070 - oops", "postal_code": "113 24 ", "question_q1": "At the  back"}
    page = DetailsForm(here, QUESTIONS, typed)
    assert not page.is_valid()
    assert {name: page[name].value() for name in typed} == typed
    assert 'value="070 - oops"' in str(page["phone"])


# --- Phone -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "0701234567",
        "070-123 45 67",
        "070 123 45 67",
        "(070) 123 45 67",
        "070.123.45.67",
        "070/123 45 67",
        "+46701234567",
        "+46 70 123 45 67",
        "+46 (0)70-123 45 67",
        "0046 70 123 45 67",
        "tel:+46-70-123-45-67",
        "\u00a0070\u2011123\u202f45 67 ",
        "\u202a070-123 45 67\u202c",
        "０７０１２３４５６７",  # noqa: RUF001
        "٠٧٠١٢٣٤٥٦٧",
    ],
)
def test_one_phone_number_written_in_many_ways_is_one_number(here: Practice, typed: str) -> None:
    assert cleaned(here, "phone", typed) == "+46701234567"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("08-123 456 78", "+46812345678"),
        ("+47 406 12 345", "+4740612345"),
        ("+44 7400 123456", "+447400123456"),
        ("0049 1512 3456789", "+4915123456789"),
    ],
)
def test_landlines_and_foreign_numbers_are_numbers_too(here: Practice, typed: str, number: str) -> None:
    assert cleaned(here, "phone", typed) == number


@pytest.mark.parametrize("typed", ["123", "070-123", "Eva", "+999 123 456 789", "070-123 45 67 89 01 23", "+46"])
def test_what_is_no_phone_number_is_told_with_an_example(here: Practice, typed: str) -> None:
    assert "070-123 45 67" in message(here, "phone", typed)


def test_a_national_number_belongs_to_the_country_of_the_practices_own_phone(here: Practice) -> None:
    here.phone = "+47 22 12 34 56"
    assert form(here).fields["phone"].clean("406 12 345") == "+4740612345"


def test_a_practice_with_a_national_phone_is_in_the_country_of_its_time_zone(here: Practice) -> None:
    here.phone, here.timezone = "22 12 34 56", "Europe/Oslo"
    assert form(here).fields["phone"].clean("406 12 345") == "+4740612345"


# --- Names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Åsa",
        "Łukasz",
        "Þórdís",
        "O’Brien",
        "O'Brien",
        "Anne-Marie",
        "Đặng Thị Hồng",
        "Nuñez y García",
        "محمد",
        "李小龍",
        "Юлия",
        "សុខា",
        "X",
        "Ng",
        "von der Heide",
        "D. E. F.",
        "می\u200cترا",  # noqa: RUF001
        "Jr. 3",
    ],
)
def test_a_name_in_any_script_stays_as_it_is(here: Practice, name: str) -> None:
    assert cleaned(here, "first_name", name) == name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (unicodedata.normalize("NFD", "Åsa"), "Åsa"),
        ("  Eva  Karin ", "Eva Karin"),
        ("Eva\u00a0Karin", "Eva Karin"),
        ("Eva\tKarin", "Eva Karin"),
        ("Eva\r\nKarin", "Eva Karin"),
        ("\u200bEva\ufeff", "Eva"),
        ("\u202eEva", "Eva"),
        ("E\u00adva", "Eva"),
        ("Eva\x00", "Eva"),
    ],
)
def test_a_name_is_composed_and_without_anything_invisible(here: Practice, typed: str, name: str) -> None:
    assert cleaned(here, "first_name", typed) == name


def test_a_name_is_as_long_as_it_looks(here: Practice) -> None:
    assert cleaned(here, "first_name", unicodedata.normalize("NFD", "Å" * 20)) == "Å" * 20
    assert "20" in message(here, "first_name", "Å" * 21)


@pytest.mark.parametrize("typed", ["123", "-", "...", "😀"])
def test_a_name_has_letters(here: Practice, typed: str) -> None:
    assert "letters" in message(here, "last_name", typed)


def test_lines_of_a_message_stay_lines(here: Practice) -> None:
    assert cleaned(here, "note", "One\r\ntwo \t three\u0007\n") == "One\ntwo three"


# --- E-mail ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["eva@example.com", "eva+tand@example.co.uk", "Eva.Berg@Example.com", "e@å.se"])
def test_an_ordinary_address_is_taken(here: Practice, typed: str) -> None:
    assert cleaned(here, "email", f" {typed} ") == typed


@pytest.mark.parametrize("typed", ["eva", "eva@", "@example.com", "eva@example", "eva@exa mple.com", "a@b.se, c@d.se"])
def test_what_is_no_address_is_told_with_an_example(here: Practice, typed: str) -> None:
    assert "name@example.com" in message(here, "email", typed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("eva@gmial.com", "eva@gmail.com"),
        ("eva@gmail.con", "eva@gmail.com"),
        ("eva@GMAIL.CO", "eva@gmail.com"),
        ("eva@hotmial.com", "eva@hotmail.com"),
        ("eva@hotmail.s", "eva@hotmail.se"),
        ("eva@outlok.com", "eva@outlook.com"),
        ("eva@iclod.com", "eva@icloud.com"),
    ],
)
def test_a_likely_slip_in_an_address_is_noticed(typed: str, meant: str) -> None:
    assert likely_typo(typed) == meant


@pytest.mark.parametrize(
    "typed", ["eva@gmail.com", "eva@Gmail.com", "eva@example.com", "eva@ki.se", "eva@tandlakare.se", "", "eva"]
)
def test_an_address_without_a_slip_is_left_alone(typed: str) -> None:
    assert likely_typo(typed) == ""


def test_a_likely_slip_is_only_a_hint(here: Practice) -> None:
    assert cleaned(here, "email", "eva@gmial.com") == "eva@gmial.com"


# --- The other details -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["1981-12-28", "19811228", "28.12.1981", "28/12/1981"])
def test_a_date_of_birth_is_understood_however_it_is_written(here: Practice, typed: str) -> None:
    assert cleaned(here, "birth_date", typed) == date(1981, 12, 28)


def test_a_date_of_birth_lies_within_a_life(here: Practice) -> None:
    today = timezone.localdate()
    assert cleaned(here, "birth_date", today.isoformat()) == today
    assert "year" in message(here, "birth_date", date(today.year + 1, 1, 1).isoformat())
    assert "year" in message(here, "birth_date", date(today.year - 131, 12, 31).isoformat())
    assert "1980-05-31" in message(here, "birth_date", "31 May")


@pytest.mark.parametrize(
    ("typed", "says"),
    [("811228", "all its digits"), ("811328-9874", "does not exist"), ("811228-9875", "last digit does not fit")],
)
def test_a_mistake_in_a_personal_number_is_explained(here: Practice, typed: str, says: str) -> None:
    assert says in message(here, "personal_number", typed)


def test_a_norwegian_practice_takes_norwegian_numbers(here: Practice) -> None:
    here.phone = "+47 22 12 34 56"
    assert "all its digits" in form(here).errors["personal_number"][0]
    norwegian = form(here, personal_number="151086 95088", phone="406 12 345", postal_code="0150")
    assert norwegian.is_valid()
    assert norwegian.cleaned_data["personal_number"] == "1986101595088"


@pytest.mark.parametrize(
    ("phone", "typed", "code"),
    [
        ("+46 8 123 45 67", "113 24", "11324"),
        ("+46 8 123 45 67", "113-24", "11324"),
        ("+47 22 12 34 56", "0150", "0150"),
        ("+44 20 7946 0000", "sw1a 1aa", "SW1A1AA"),
    ],
)
def test_a_postal_code_loses_its_blanks(here: Practice, phone: str, typed: str, code: str) -> None:
    here.phone = phone
    page = form(here, postal_code=typed)
    assert page.fields["postal_code"].clean(typed) == code


@pytest.mark.parametrize("typed", ["1132", "113 245", "ABCDE"])
def test_a_swedish_postal_code_has_five_digits(here: Practice, typed: str) -> None:
    assert "5 digits" in message(here, "postal_code", typed)


# --- What is remembered ----------------------------------------------------------------------------------------------


def test_what_was_typed_comes_back_as_it_would_be_typed_again(here: Practice) -> None:
    page = DetailsForm(here, QUESTIONS, {**TYPED, "question_q1": "Left", "question_q2": ""})
    assert page.is_valid(), page.errors
    remembered = page.details()
    assert remembered["answers"] == {"q1": "Left", "q2": ""}
    assert remembered["birth_date"] == "1981-12-28"
    shown = initial(here, remembered)
    assert shown["personal_number"] == "19811228-9874"
    again = DetailsForm(here, QUESTIONS, shown)
    assert again.is_valid(), again.errors
    assert again.details() == remembered


def test_a_question_that_must_be_answered_is(here: Practice) -> None:
    page = DetailsForm(here, QUESTIONS, {**TYPED, "question_q1": " "})
    assert list(page.errors) == ["question_q1"]


# --- Screening -------------------------------------------------------------------------------------------------------


def test_right_answers_let_the_patient_go_on() -> None:
    page = ScreeningForm([ADULT, REFERRED], {"screening_0": "yes", "screening_1": "no"})
    assert page.is_valid()
    assert page.refusal() is None


@pytest.mark.parametrize(("first", "second", "refused"), [("no", "no", ADULT), ("yes", "yes", REFERRED)])
def test_the_first_wrong_answer_ends_it(first: str, second: str, refused: object) -> None:
    page = ScreeningForm([ADULT, REFERRED], {"screening_0": first, "screening_1": second})
    assert page.is_valid()
    assert page.refusal() == refused


@pytest.mark.parametrize("answer", ["", "maybe", "YES"])
def test_every_question_is_answered_with_yes_or_no(answer: str) -> None:
    page = ScreeningForm([ADULT, REFERRED], {"screening_0": answer, "screening_1": "no"})
    assert [(name, text) for name, _label, text in page.wrong()] == [("screening_0", "Answer with yes or no.")]
