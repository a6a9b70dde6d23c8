"""Choose a service; and the address that pre-selects and goes on to the first step still open."""

from datetime import timedelta

import pytest
from django.utils import timezone

from booking.models import AuditEntry, Booking, Snapshot
from tests.pages.conftest import Place
from vendors.sandbox.opus import CITY, SOLNA
from vendors.sandbox.qmatic import BANKSIDE, CANALSIDE, guid


def test_each_service_is_a_link_with_the_vendors_id(opus: Place) -> None:
    page = opus.patient().open("/norrmalm/en/")
    assert page.status == 200
    assert list(page.choices("service")) == ["1", "2", "3", "4", "5", "6"]
    first = page.one("a", data_service="1").text
    assert "Undersökning" in first
    assert "Kontroll av tänder" in first
    assert "30 minutes" in first


def test_services_stand_in_the_vendors_groups_and_order_with_their_descriptions(qmatic: Place) -> None:
    page = qmatic.patient().open("/riverside/en/")
    assert [group.text for group in page.all("h2", class_="group")] == ["General practice", "Vaccinations and travel"]
    names = ["GP appointment", "New patient health check", "Blood test", "Flu vaccination", "Travel advice"]
    assert [link.one("span", class_="choice-name").text for link in page.all("a", data_service=True)] == [
        *names,
        "Physiotherapy",
    ]
    assert "One problem per appointment, please." in page.one("a", data_service=guid("GP appointment")).text


def test_what_is_for_staff_only_is_not_offered(qmatic: Place) -> None:
    page = qmatic.patient().open("/riverside/en/")
    assert guid("Minor surgery") not in page.choices("service")


def test_the_practices_own_words_come_before_the_vendors(opus: Place) -> None:
    words = {"name": {"en": "Check-up", "sv": "Kontroll"}, "description": {"en": "For patients we know."}}
    opus.set(service=[{"id": "1", **words}, {"id": "5", "hidden": True}])
    english = opus.patient().open("/norrmalm/en/")
    assert "Check-up For patients we know." in english.one("a", data_service="1").text
    assert "5" not in english.choices("service")
    swedish = opus.patient("sv").open("/norrmalm/sv/").one("a", data_service="1").text
    assert "Kontroll" in swedish
    assert "röntgen" in swedish  # no description of the practice's in Swedish, so the vendor's


def test_a_hidden_service_is_gone_also_for_who_has_its_address(opus: Place) -> None:
    opus.set(service=[{"id": "5", "hidden": True}])
    page = opus.patient().open("/norrmalm/en/times/?service=5&clinic=any&provider=any")
    assert (page.status, page.path) == (200, "/norrmalm/en/")
    assert "not offered here any more" in page.notice


def test_the_practices_settings_narrow_where_and_with_whom(opus: Place) -> None:
    opus.set(service=[{"id": "1", "clinics": [CITY], "providers": ["3"]}])
    patient = opus.patient()
    page = patient.open("/norrmalm/en/?service=1")
    assert page.path == "/norrmalm/en/times/"  # one clinic and one provider are left
    assert page.query["provider"] == "3"
    assert "Johan Ek" in page.summary["With"].text
    assert {slot.around("form").tag for slot in page.slots} == {"form"}


@pytest.mark.parametrize(
    ("query", "path", "left"),
    [
        ("service=1", "clinic/", {"service": "1"}),
        (f"service=1&clinic={CITY}", "provider/", {"service": "1", "clinic": CITY}),
        (f"service=1&clinic={CITY}&provider=1", "times/", {"service": "1", "clinic": CITY, "provider": "1"}),
        ("service=1&clinic=any", "provider/", {"service": "1", "clinic": "any"}),
        ("service=1&clinic=any&provider=any", "times/", {"service": "1", "clinic": "any", "provider": "any"}),
        ("service=1&clinic=any&provider=1", "times/", {"service": "1", "clinic": CITY, "provider": "1"}),
        ("service=5", "times/", {"service": "5", "clinic": CITY, "provider": "4"}),
        (f"service=1&clinic={CITY}&provider=any&from=2026-01-01", "times/", {"service": "1", "from": "2026-01-01"}),
    ],
)
def test_what_the_address_says_is_chosen_already(opus: Place, query: str, path: str, left: dict[str, str]) -> None:
    page = opus.patient().open(f"/norrmalm/en/?{query}")
    assert (page.status, page.path) == (200, f"/norrmalm/en/{path}")
    assert left.items() <= page.query.items()


@pytest.mark.parametrize(
    ("query", "path", "words", "what"),
    [
        ("service=999", "", "not offered here any more", "service"),
        ("service=<script>", "", "not offered here any more", "service"),
        ("service=" + "9" * 5000, "", "not offered here any more", "service"),
        ("service=1&clinic=elsewhere", "clinic/", "That clinic does not offer this", "clinic"),
        (f"service=5&clinic={SOLNA}", "clinic/", "That clinic does not offer this", "clinic"),
        (f"service=1&clinic={CITY}&provider=999", "provider/", "not available for this", "provider"),
        (f"service=1&clinic={CITY}&provider=5", "provider/", "not available for this", "provider"),
        (f"service=1&clinic={CITY}&provider=7", "provider/", "not available for this", "provider"),
    ],
)
def test_an_id_that_is_unknown_or_gone_leads_to_that_choice_with_a_sentence(
    opus: Place, query: str, path: str, words: str, what: str
) -> None:
    page = opus.patient().open(f"/norrmalm/en/?{query}")
    assert (page.status, page.path) == (200, f"/norrmalm/en/{path}")
    assert words in page.notice
    assert page.choices(what)


def test_a_clinic_chosen_before_the_service_is_kept(opus: Place) -> None:
    patient = opus.patient()
    page = patient.open(f"/norrmalm/en/?clinic={SOLNA}")
    assert page.path == "/norrmalm/en/"
    page = patient.open(page.choices("service")["3"])
    assert page.path == "/norrmalm/en/times/"  # Solna has one hygienist
    assert (page.query["clinic"], page.query["provider"]) == (SOLNA, "5")
    page = patient.open(patient.open(f"/norrmalm/en/?clinic={CITY}").choices("service")["1"])
    assert (page.path, page.query["clinic"]) == ("/norrmalm/en/provider/", CITY)


def test_a_clinic_and_a_provider_chosen_before_the_service_are_kept(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.at("", clinic=BANKSIDE["id"], provider=guid("Dr Tom Hughes")))
    page = patient.open(page.choices("service")[guid("GP appointment")])
    assert page.path == "/riverside/en/times/"
    assert page.query["provider"] == guid("Dr Tom Hughes")


def test_a_clinic_chosen_before_a_service_that_it_lacks_is_chosen_again(qmatic: Place) -> None:
    patient = qmatic.patient()
    page = patient.open(patient.at("", clinic=CANALSIDE["id"]))
    page = patient.open(page.choices("service")[guid("Travel advice")])
    assert (page.status, page.path) == (200, "/riverside/en/clinic/")
    assert list(page.choices("clinic")) == [BANKSIDE["id"]]
    assert "That clinic does not offer this" in page.notice


def test_the_only_service_is_not_asked_for_but_can_be_seen(opus: Place) -> None:
    opus.set(service=[{"id": number, "hidden": True} for number in "23456"])
    patient = opus.patient()
    page = patient.open("/norrmalm/en/")
    assert page.path == "/norrmalm/en/clinic/"
    page = patient.open(page.summary["Service"].one("a")["href"])
    assert (page.status, page.path) == (200, "/norrmalm/en/")
    assert list(page.choices("service")) == ["1"]


def test_a_practice_that_offers_nothing_says_so_and_gives_its_number(opus: Place) -> None:
    opus.sandbox.diary["treatments"] = []
    page = opus.patient().open("/norrmalm/en/")
    assert page.status == 200
    assert "Nothing can be booked online here" in page.text
    assert "+46 8 123 45 67" in page.one("footer").text


def test_a_vendor_that_cannot_be_reached_is_never_an_empty_list(opus: Place) -> None:
    opus.sandbox.answer("treatments", 503, times=9)
    page = opus.patient().open("/norrmalm/en/")
    assert (page.status, page["Retry-After"], page["Cache-Control"]) == (503, "30", "no-store")
    assert "+46 8 123 45 67" in page.text
    assert "Nothing can be booked" not in page.text
    assert page.one("a", class_="button")["href"] == "/norrmalm/en/"


@pytest.mark.parametrize("fault", ["html", "garbage", "half"])
def test_an_answer_that_makes_no_sense_is_trouble_and_staff_can_see_it(opus: Place, fault: str) -> None:
    getattr(opus.sandbox, fault)("treatments", times=3)
    assert opus.patient().open("/norrmalm/en/").status == 503
    entry = AuditEntry.objects.get(action="vendor trouble")
    assert (entry.practice, entry.actor) == ("norrmalm", "system")
    assert "UnexpectedResponse" in entry.outcome


@pytest.mark.parametrize("operation", ["services", "groups"])
def test_a_list_where_an_object_belongs_is_trouble_and_the_other_way_round(qmatic: Place, operation: str) -> None:
    wrong = {"services": "none"} if operation == "services" else [{"name": "none"}]
    qmatic.sandbox.answer(operation, 200, wrong, times=2)
    assert qmatic.patient().open("/riverside/en/").status == 503
    assert AuditEntry.objects.filter(action="vendor trouble", practice="riverside").count() == 1


def test_a_key_that_the_vendor_refuses_is_trouble_and_staff_can_see_it(opus: Place) -> None:
    opus.set(connection={**opus.table["connection"], "api_key": "revoked"})
    page = opus.patient().open("/norrmalm/en/")
    assert page.status == 503
    assert "revoked" not in page.html
    assert "AuthenticationFailed" in AuditEntry.objects.get(action="vendor trouble").outcome


def test_what_was_read_lately_is_shown_while_the_vendor_is_down(opus: Place) -> None:
    patient = opus.patient()
    before = patient.open("/norrmalm/en/").choices("service")
    opus.sandbox.answer("treatments", 503, times=99)
    Snapshot.objects.update(read_at=timezone.now() - timedelta(hours=20))
    page = patient.open("/norrmalm/en/")
    assert page.choices("service") == before
    as_of = (timezone.now() - timedelta(hours=20)).astimezone(opus.row.zone)
    assert f"{as_of:%H:%M}" in page.one("p", class_="age").text
    Snapshot.objects.update(read_at=timezone.now() - timedelta(hours=25))
    assert patient.open("/norrmalm/en/").status == 503


def test_a_vendor_that_hangs_holds_no_patient_for_longer_than_a_page_may_take(opus: Place, settings) -> None:
    settings.PAGE_SECONDS = 0.5
    opus.sandbox.slow("treatments", 20, times=2)
    started = timezone.now()
    assert opus.patient().open("/norrmalm/en/").status == 503
    assert timezone.now() - started < timedelta(seconds=10)


def test_looking_around_books_nothing_and_reserves_nothing(qmatic: Place) -> None:
    patient = qmatic.patient()
    for address in patient.open("/riverside/en/").choices("service").values():
        assert patient.open(address).status == 200
    assert not {"reserve", "confirm"} & set(qmatic.sandbox.calls)
    assert not Booking.objects.exists()


def test_an_address_answers_only_what_it_is_for(opus: Place) -> None:
    patient = opus.patient()
    for step in ("", "clinic/", "provider/", "times/"):
        assert patient.post(patient.at(step), {}).status in (403, 405)
    assert patient.open(patient.at("hold/")).status == 405
