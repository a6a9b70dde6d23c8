"""Whether a practice's patients could book, and what to do where they could not."""

from dataclasses import replace
from typing import Any

import pytest

from booking import going_live
from booking.models import Practice
from tests.booking.journey import hold
from tests.fake_vendor import AT_NORTH, AT_SOUTH, CHECKUP, FILLING, Diary, slot_at
from vendors.base import AuthenticationFailed, ProviderChoice, UnexpectedResponse, VendorError, VendorUnavailable


def findings(practice: Practice) -> dict[str, tuple[bool, str]]:
    """By what they are about; of several, the last."""
    return {finding.what: (finding.fine, finding.text) for finding in going_live.check(practice)}


def bookable(practice: Practice) -> bool:
    return all(finding.fine for finding in going_live.check(practice))


def test_a_practice_where_all_is_well(practice: Practice) -> None:
    found = findings(practice)
    assert list(found) == ["credentials", "services", "clinics", "providers", "times", "online"]
    assert found["credentials"] == (True, "Fake answers")
    assert found["services"] == (True, "2: Check-up, Filling")
    assert found["clinics"] == (True, "2: Norrtull, Söder")
    assert found["providers"] == (True, "3: Anna Ek, Bo Alm, Cia Lind")
    assert found["times"][1].startswith("the first for Check-up at Norrtull: ")
    assert bookable(practice)


def test_it_only_reads(practice: Practice, diary: Diary) -> None:
    bookable(practice)
    assert set(diary.calls) <= {"services", "offers", "slots"}


@pytest.mark.vendor("fake_asking")
def test_offers_that_are_told_per_service_are_asked_for(practice: Practice) -> None:
    assert bookable(practice)


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (AuthenticationFailed("status 401", status=401), "each key of the connection"),
        (AuthenticationFailed("status 403", status=403), "right"),
        (UnexpectedResponse("odd"), "Check base_url"),
        (VendorUnavailable("down"), "try again later"),
    ],
)
@pytest.mark.parametrize(("operation", "what"), [("services", "credentials"), ("slots", "times")])
def test_every_trouble_has_its_cure(
    practice: Practice, diary: Diary, error: VendorError, cure: str, operation: str, what: str
) -> None:
    diary.fail(operation, error)
    fine, text = findings(practice)[what]
    assert not fine
    assert cure in text


@pytest.mark.vendor("fake_asking")
def test_clinics_that_cannot_be_read_are_trouble(practice: Practice, diary: Diary) -> None:
    diary.fail("offers", VendorUnavailable("down"))
    assert findings(practice)["clinics"][0] is False


def test_a_connection_that_is_not_filled_in_is_told_by_its_keys(practice: Practice) -> None:
    practice.connection = {}
    fine, text = findings(practice)["credentials"]
    assert not fine
    assert "connection.base_url: is missing" in text


def test_without_services_nobody_can_book(practice: Practice, diary: Diary) -> None:
    diary.services = []
    assert list(findings(practice)) == ["credentials", "services"]
    assert not bookable(practice)


def test_where_all_services_are_hidden_nobody_can_book(practice: Practice) -> None:
    practice.services = [{"id": "checkup", "hidden": True}, {"id": "filling", "hidden": True}]
    assert findings(practice)["services"][0] is False


def test_a_service_that_the_practice_names_and_the_vendor_does_not_have_is_pointed_out(practice: Practice) -> None:
    practice.services = [{"id": "whitening", "hidden": False}]
    texts = [finding.text for finding in going_live.check(practice)]
    assert any('"whitening"' in text for text in texts)
    assert bookable(practice)


def test_without_a_clinic_nobody_can_book(practice: Practice, diary: Diary) -> None:
    diary.services = [replace(CHECKUP, offers=())]
    assert findings(practice)["clinics"] == (False, "no clinic offers any of the services")


def test_without_providers_patients_choose_none(practice: Practice, diary: Diary) -> None:
    alone = replace(AT_SOUTH, providers=(), provider_choice=ProviderChoice.NONE)
    diary.services = [replace(CHECKUP, offers=(alone,))]
    diary.times["checkup"] = [slot_at(CHECKUP, "south", None, 2, 9)]
    assert findings(practice)["providers"] == (True, "patients choose none")
    assert bookable(practice)


def test_without_a_free_time_nobody_can_book(practice: Practice, diary: Diary) -> None:
    diary.times = {"checkup": [], "filling": []}
    fine, text = findings(practice)["times"]
    assert not fine
    assert "Publish times" in text


def test_one_free_time_is_enough(practice: Practice, diary: Diary) -> None:
    diary.times = {"checkup": [], "filling": [slot_at(FILLING, "north", "bo", 20, 9)]}
    assert bookable(practice)


def test_where_a_provider_must_be_chosen_one_is_asked_for(practice: Practice, diary: Diary) -> None:
    must = replace(AT_NORTH, provider_choice=ProviderChoice.REQUIRED)
    diary.services = [replace(CHECKUP, offers=(must,))]
    assert bookable(practice)
    searches: list[Any] = [r for c, r in zip(diary.calls, diary.requests, strict=True) if c == "slots"]
    assert searches[0].provider_id == "anna"


@pytest.mark.parametrize("words", [{"clinics": ["nowhere"]}, {"providers": ["nobody"]}])
def test_what_the_practices_own_settings_leave_out_does_not_count(practice: Practice, words: dict[str, Any]) -> None:
    """A limit to a clinic that is gone leaves patients nothing to book."""
    practice.services = [{"id": "checkup", **words}, {"id": "filling", "hidden": True}]
    assert not bookable(practice)


def test_a_free_time_of_somebody_whom_the_practice_left_out_does_not_count(practice: Practice, diary: Diary) -> None:
    practice.services = [{"id": "checkup", "providers": ["bo"]}, {"id": "filling", "hidden": True}]
    diary.times["checkup"] = [slot_at(CHECKUP, "north", "anna", 2, 9)]
    assert not bookable(practice)
    diary.times["checkup"] = [slot_at(CHECKUP, "north", "bo", 2, 9)]
    assert bookable(practice)


@pytest.mark.parametrize(("online", "how"), [("paused", "is paused"), ("not_yet", "is not open yet")])
def test_where_online_booking_is_not_open_nobody_can_book(practice: Practice, online: str, how: str) -> None:
    practice.online = online
    fine, text = findings(practice)["online"]
    assert not fine
    assert how in text


@pytest.mark.parametrize("rules", [{"lead_minutes": 10 * 24 * 60}, {"horizon_days": 1}])
def test_times_that_the_practices_rules_do_not_let_patients_book_do_not_count(
    practice: Practice, diary: Diary, rules: dict[str, int]
) -> None:
    diary.times = {"checkup": [slot_at(CHECKUP, "north", "anna", 2, 9)], "filling": []}
    assert bookable(practice)
    practice.rules = rules
    fine, text = findings(practice)["times"]
    assert not fine
    assert "rules" in text
    practice.services = [{"id": "checkup", "rules": {"lead_minutes": 0, "horizon_days": 30}}]
    assert bookable(practice)


def test_the_only_time_does_not_count_while_another_patient_has_it(practice: Practice, diary: Diary) -> None:
    only = slot_at(CHECKUP, "north", "anna", 2, 9)
    diary.times = {"checkup": [only], "filling": []}
    hold(practice, only)
    assert findings(practice)["times"][0] is False


def test_where_a_provider_must_be_chosen_all_of_them_are_asked_for(practice: Practice, diary: Diary) -> None:
    must = replace(AT_NORTH, provider_choice=ProviderChoice.REQUIRED)
    diary.services = [replace(CHECKUP, offers=(must,))]
    diary.times["checkup"] = [slot_at(CHECKUP, "north", "bo", 2, 9)]
    assert bookable(practice)
