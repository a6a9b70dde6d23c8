"""Choose a clinic."""

from tests.pages.conftest import Place
from vendors.sandbox.opus import CITY, SOLNA
from vendors.sandbox.qmatic import BANKSIDE, CANALSIDE, guid


def test_each_clinic_is_a_link_with_the_vendors_id_and_any_is_a_choice(opus: Place) -> None:
    page = opus.patient().open("/norrmalm/en/clinic/?service=1")
    assert page.status == 200
    assert list(page.choices("clinic")) == ["any", CITY, SOLNA]
    assert "Drottninggatan 71, 11136 Stockholm" in page.one("a", data_clinic=CITY).text
    assert "Undersökning" in page.summary["Service"].text


def test_a_clinic_leads_to_its_providers(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open("/norrmalm/en/clinic/?service=1")
    page = patient.open(page.choices("clinic")[CITY])
    assert page.path == "/norrmalm/en/provider/"
    assert list(page.choices("provider")) == ["any", "1", "3"]
    assert "Norrmalms Tandvård City" in page.summary["Clinic"].text


def test_the_only_clinic_is_not_asked_for_but_stands_in_the_summary_and_can_be_seen(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open("/norrmalm/en/clinic/?service=5")
    assert page.path == "/norrmalm/en/times/"
    assert "Norrmalms Tandvård City" in page.summary["Clinic"].text
    shown = patient.open(page.summary["Clinic"].one("a")["href"])
    assert (shown.status, shown.path, shown.hops) == (200, "/norrmalm/en/clinic/", [])
    assert list(shown.choices("clinic")) == [CITY]  # "any" is a choice only where there are several
    assert patient.open(shown.choices("clinic")[CITY]).path == "/norrmalm/en/times/"


def test_a_clinic_where_the_service_is_for_staff_only_is_left_out(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.at("clinic/", service=guid("Blood test")))
    assert page.path == "/riverside/en/times/"
    assert page.query["clinic"] == BANKSIDE["id"]


def test_without_a_service_the_service_is_asked_for_first(opus: Place) -> None:
    page = opus.patient().open("/norrmalm/en/clinic/")
    assert (page.status, page.path) == (200, "/norrmalm/en/")
    assert page.choices("service")


def test_a_service_that_is_gone_leads_back_to_the_services_with_a_sentence(opus: Place) -> None:
    page = opus.patient().open("/norrmalm/en/clinic/?service=999")
    assert (page.status, page.path) == (200, "/norrmalm/en/")
    assert "not offered here any more" in page.notice


def test_a_change_of_the_clinic_keeps_the_day_and_the_hold(qmatic: Place) -> None:
    patient = qmatic.patient()
    details = qmatic.hold(patient)
    page = patient.open(details.summary["Clinic"].one("a")["href"])
    assert list(page.choices("clinic")) == ["any", BANKSIDE["id"], CANALSIDE["id"]]
    page = patient.open(page.choices("clinic")["any"])
    page = patient.open(page.choices("provider")["any"])
    assert page.path == "/riverside/en/times/"
    assert page.query["held"] == details.token
    assert page.query["from"] == qmatic.booking.local_start.date().isoformat()
