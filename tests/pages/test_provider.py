"""Choose a provider."""

from tests.pages.conftest import Place, a_week
from vendors.sandbox.opus import CITY, SOLNA
from vendors.sandbox.qmatic import BANKSIDE, CANALSIDE, guid


def test_each_provider_is_a_link_with_the_vendors_id_and_any_is_a_choice(opus: Place) -> None:
    page = opus.patient().open(f"/norrmalm/en/provider/?service=1&clinic={CITY}")
    assert page.status == 200
    assert list(page.choices("provider")) == ["any", "1", "3"]  # 7 is retired
    assert page.one("a", data_provider="1").text == "Anna Lindqvist Tandläkare"


def test_any_clinic_shows_the_providers_of_all_with_their_clinics(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open("/norrmalm/en/provider/?service=1&clinic=any")
    links = page.all("a", data_provider=True)
    assert [link["data-provider"] for link in links] == ["any", "1", "3", "3"]
    johan, fatima = (next(link for link in links if name in link.text) for name in ("Johan Ek", "Fatima Rahimi"))
    assert "City" in johan.text
    assert "Solna" in fatima.text
    for link, clinic in ((johan, CITY), (fatima, SOLNA)):  # one number, two people
        page = patient.open(link["href"])
        assert (page.path, page.query["clinic"], page.query["provider"]) == ("/norrmalm/en/times/", clinic, "3")


def test_the_only_provider_is_not_asked_for_but_stands_in_the_summary_and_can_be_seen(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open(f"/norrmalm/en/provider/?service=1&clinic={SOLNA}")
    assert page.path == "/norrmalm/en/times/"
    assert "Fatima Rahimi" in page.summary["With"].text
    shown = patient.open(page.summary["With"].one("a")["href"])
    assert (shown.status, shown.path, shown.hops) == (200, "/norrmalm/en/provider/", [])
    assert list(shown.choices("provider")) == ["3"]  # "any" is a choice only where there are several
    assert patient.open(shown.choices("provider")["3"]).path == "/norrmalm/en/times/"


def test_anyone_is_no_choice_where_the_vendor_wants_one_named(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.at("provider/", service=guid("Physiotherapy"), clinic=BANKSIDE["id"]))
    assert list(page.choices("provider")) == [guid("Ewa Nowak"), guid("James Reid")]
    page = patient.open(patient.at("times/", service=guid("Physiotherapy"), clinic=BANKSIDE["id"], provider="any"))
    assert (page.status, page.path) == (200, "/riverside/en/provider/")


def test_anyone_is_a_choice_where_the_vendor_leaves_it_open(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.at("provider/", service=guid("GP appointment"), clinic=BANKSIDE["id"]))
    assert list(page.choices("provider")) == ["any", guid("Dr Amara Okafor"), guid("Dr Tom Hughes")]


def test_where_nobody_can_be_chosen_the_step_is_skipped_and_not_in_the_summary(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.at("provider/", service=guid("New patient health check"), clinic=CANALSIDE["id"]))
    assert page.path == "/riverside/en/times/"
    assert set(page.summary) == {"Service", "Clinic"}


def test_somebody_of_another_clinic_leads_back_to_the_providers_with_a_sentence(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(
        patient.at("times/", service=guid("GP appointment"), clinic=CANALSIDE["id"], provider=guid("Dr Tom Hughes"))
    )
    # Canalside has one doctor only. Nobody is led to her without a word who came for somebody else.
    assert (page.status, page.path) == (200, "/riverside/en/provider/")
    assert "not available for this" in page.notice
    assert list(page.choices("provider")) == [guid("Dr Priya Shah")]


def test_a_provider_without_free_times_can_be_chosen_and_is_said_to_have_none(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open(f"/norrmalm/en/provider/?service=3&clinic={CITY}")
    assert list(page.choices("provider")) == ["any", "4", "6"]
    page = patient.open(page.choices("provider")["6"])
    assert (page.status, page.slots) == (200, [])


def test_a_clinic_that_is_gone_leads_back_to_the_clinics_with_a_sentence(opus: Place) -> None:
    page = opus.patient().open("/norrmalm/en/provider/?service=1&clinic=closed")
    assert (page.status, page.path) == (200, "/norrmalm/en/clinic/")
    assert "That clinic does not offer this" in page.notice


def test_a_provider_leads_to_their_times_of_the_day_that_was_asked_for(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open(patient.at("provider/", service="1", clinic=CITY, day=a_week()))
    page = patient.open(page.choices("provider")["3"])
    assert page.path == "/norrmalm/en/times/"
    assert page.query["from"] == a_week().isoformat()


def test_who_chooses_somebody_is_shown_their_times_also_where_others_looked_at_anyones(qmatic: Place) -> None:
    """What is kept of anyone's times does not say with whom they are."""
    patient = qmatic.patient()
    choice = {"service": guid("GP appointment"), "clinic": BANKSIDE["id"]}
    page = patient.open(patient.at("provider/", **choice))
    somebody = next(a["data-provider"] for a in page.all("a", data_provider=True) if a["data-provider"] != "any")
    assert patient.open(patient.at("times/", **choice, provider="any")).slots
    shown = patient.open(patient.at("times/", **choice, provider=somebody)).slots
    assert shown
    assert all(somebody in button["value"] for button in shown)
