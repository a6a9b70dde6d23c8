"""Somebody in particular, chosen before the clinic: by a clinic's website, or a link. One number may be two people."""

import pytest

from tests.pages.conftest import Place, a_week
from vendors.sandbox.opus import CITY, SOLNA

JOHAN, FATIMA = (CITY, "Johan Ek"), (SOLNA, "Fatima Rahimi")


@pytest.mark.parametrize("clinic", ["", "&clinic=any"])
@pytest.mark.parametrize(("where", "name"), [JOHAN, FATIMA])
def test_a_number_of_two_people_asks_for_the_clinic_and_then_is_the_one_who_works_there(
    opus: Place, clinic: str, where: str, name: str
) -> None:
    patient = opus.patient()
    page = patient.open(f"/norrmalm/en/?service=1{clinic}&provider=3&from={a_week()}")
    assert (page.status, page.path) == (200, "/norrmalm/en/clinic/")
    assert list(page.choices("clinic")) == [CITY, SOLNA]  # not any: that would be one of two people
    page = patient.open(page.choices("clinic")[where])
    assert page.path == "/norrmalm/en/times/"
    chosen = (page.query["clinic"], page.query["provider"], page.query["from"])
    assert chosen == (where, "3", a_week().isoformat())
    assert name in page.summary["With"].text
    assert page.slots


def test_who_a_website_preselects_is_kept_through_service_and_clinic(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open("/norrmalm/en/?provider=3")
    page = patient.open(page.choices("service")["1"])
    assert page.path == "/norrmalm/en/clinic/"
    page = patient.open(page.choices("clinic")[SOLNA])
    assert (page.path, page.query["provider"]) == ("/norrmalm/en/times/", "3")


def test_a_language_or_a_new_look_at_the_clinics_loses_nobody(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open("/norrmalm/en/?service=1&provider=3")
    page = patient.open(page.one("a", hreflang="sv")["href"])
    page = patient.open(page.choices("clinic")[SOLNA])
    assert (page.path, page.query["provider"]) == ("/norrmalm/sv/times/", "3")


def test_somebody_unknown_is_said_to_be_so_once_the_clinic_is_chosen(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open("/norrmalm/en/?service=1&provider=999")
    assert list(page.choices("clinic")) == ["any", CITY, SOLNA]
    page = patient.open(page.choices("clinic")[CITY])
    assert page.path == "/norrmalm/en/provider/"
    assert "not available for this" in page.notice


def test_anyone_who_was_preselected_is_not_asked_for_again(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open("/norrmalm/en/?service=1&provider=any")
    page = patient.open(page.choices("clinic")[CITY])
    assert (page.path, page.query["provider"]) == ("/norrmalm/en/times/", "any")


def test_a_changed_clinic_leaves_the_provider_of_the_old_one_behind(opus: Place) -> None:
    patient = opus.patient()
    page = opus.times(patient, provider="3")
    page = patient.open(page.summary["Clinic"].one("a")["href"])
    assert list(page.choices("clinic")) == ["any", CITY, SOLNA]
    page = patient.open(page.choices("clinic")[CITY])
    assert page.path == "/norrmalm/en/provider/"


def test_nobody_is_held_a_time_with_another_person_of_the_same_number(opus: Place) -> None:
    patient = opus.patient()
    slot = opus.times(patient, provider="3").slots[0]["value"]
    form = {"service": "1", "clinic": "any", "provider": "3", "slot": slot}
    page = patient.post(patient.at("hold/"), form)
    assert (page.status, page.path, page.query["provider"]) == (200, "/norrmalm/en/clinic/", "3")
