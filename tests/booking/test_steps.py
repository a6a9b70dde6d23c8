"""Which step is open: a table of choices against what is offered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from booking.steps import ANY, Choice, Position, Step, position
from tests.fake_vendor import ADULT, ANNA, AT_NORTH, AT_SOUTH, BO, CHECKUP, CIA, FILLING, NORTH, REFERRED, SOUTH
from vendors.base import Offer, ProviderChoice, Service

BOTH = [CHECKUP, FILLING]
TWO_CLINICS = [AT_NORTH, AT_SOUTH]


def stand(
    choice: Choice,
    services: Sequence[Service] = BOTH,
    offers: Sequence[Offer] = TWO_CLINICS,
    screened: bool = False,
) -> Position:
    return position(choice, services, lambda service: offers, lambda choice, questions: screened)


def offer(**changes: Any) -> Offer:
    return replace(AT_NORTH, **changes)


@pytest.mark.parametrize(
    ("choice", "step", "gone"),
    [
        (Choice(), Step.SERVICE, ""),
        (Choice(clinic="north"), Step.SERVICE, ""),
        (Choice(service="unknown"), Step.SERVICE, "service"),
        (Choice(service="any"), Step.SERVICE, "service"),
        (Choice(service="checkup"), Step.CLINIC, ""),
        (Choice(service="checkup", clinic="unknown"), Step.CLINIC, "clinic"),
        (Choice(service="checkup", clinic="north"), Step.PROVIDER, ""),
        (Choice(service="checkup", clinic="any"), Step.PROVIDER, ""),
        (Choice(service="checkup", clinic="north", provider="unknown"), Step.PROVIDER, "provider"),
        (Choice(service="checkup", clinic="north", provider="cia"), Step.PROVIDER, "provider"),
        (Choice(service="checkup", clinic="any", provider="unknown"), Step.PROVIDER, "provider"),
        (Choice(service="checkup", clinic="north", provider="bo"), Step.TIMES, ""),
        (Choice(service="checkup", clinic="north", provider="any"), Step.TIMES, ""),
        (Choice(service="checkup", clinic="any", provider="any"), Step.TIMES, ""),
        (Choice(service="checkup", clinic="any", provider="cia"), Step.TIMES, ""),
    ],
)
def test_the_first_step_still_open_among_two_services_clinics_and_providers(
    choice: Choice, step: Step, gone: str
) -> None:
    where = stand(choice)
    assert (where.step, where.gone) == (step, gone)


# --- A step with one possible choice is skipped ----------------------------------------------------------------------


def test_the_only_service_is_chosen_already() -> None:
    where = stand(Choice(), services=[CHECKUP])
    assert (where.step, where.choice.service, where.service) == (Step.CLINIC, "checkup", CHECKUP)
    assert where.skipped(Step.SERVICE)


def test_the_only_clinic_is_chosen_already() -> None:
    where = stand(Choice(service="checkup"), offers=[AT_NORTH])
    assert (where.step, where.choice.clinic, where.offer) == (Step.PROVIDER, "north", AT_NORTH)
    assert where.skipped(Step.CLINIC)


def test_any_clinic_where_there_is_one_is_that_one() -> None:
    assert stand(Choice(service="checkup", clinic=ANY), offers=[AT_NORTH]).choice.clinic == "north"


def test_the_only_provider_is_chosen_already() -> None:
    where = stand(Choice(service="checkup", clinic="south"))
    assert (where.step, where.choice.provider, where.provider) == (Step.TIMES, "cia", CIA)
    assert where.skipped(Step.PROVIDER)


def test_any_provider_where_there_is_one_is_that_one() -> None:
    assert stand(Choice(service="checkup", clinic="south", provider=ANY)).choice.provider == "cia"


def test_the_only_provider_must_be_named_and_is_chosen_already() -> None:
    only = offer(providers=(ANNA,), provider_choice=ProviderChoice.REQUIRED)
    assert stand(Choice(service="checkup"), offers=[only]).choice.provider == "anna"


def test_where_there_are_no_providers_none_is_asked_for() -> None:
    nobody = offer(providers=(), provider_choice=ProviderChoice.NONE)
    where = stand(Choice(service="checkup", provider="anna"), offers=[nobody])
    assert (where.step, where.choice.provider, where.provider) == (Step.TIMES, ANY, None)


def test_one_of_everything_leads_straight_to_the_times() -> None:
    where = stand(Choice(), services=[CHECKUP], offers=[AT_SOUTH])
    assert (where.step, where.choice) == (Step.TIMES, Choice(service="checkup", clinic="south", provider="cia"))


def test_nothing_is_skipped_where_there_is_a_choice() -> None:
    where = stand(Choice(service="checkup", clinic="north", provider="bo"))
    assert not any(where.skipped(step) for step in (Step.SERVICE, Step.CLINIC, Step.PROVIDER))


# --- Any -------------------------------------------------------------------------------------------------------------


def test_any_clinic_leaves_all_clinics_open() -> None:
    where = stand(Choice(service="checkup", clinic=ANY, provider=ANY))
    assert (where.choice.clinic, where.choice.provider, where.offer) == (ANY, ANY, None)
    assert list(where.here) == TWO_CLINICS


def test_any_clinic_is_no_choice_where_there_is_one() -> None:
    assert not stand(Choice(service="checkup"), offers=[AT_NORTH]).any_clinic


def test_any_clinic_is_no_choice_where_they_screen_differently() -> None:
    offers = [offer(screening=(ADULT,)), AT_SOUTH]
    where = stand(Choice(service="checkup", clinic=ANY), offers=offers)
    assert (where.step, where.choice.clinic, where.gone) == (Step.CLINIC, "", "")
    assert not where.any_clinic


def test_any_clinic_is_a_choice_where_all_screen_alike() -> None:
    offers = [offer(screening=(ADULT,)), replace(AT_SOUTH, screening=(ADULT,))]
    assert stand(Choice(service="checkup", clinic=ANY), offers=offers).step is Step.SCREENING


def test_somebody_in_particular_at_any_clinic_is_at_their_own() -> None:
    where = stand(Choice(service="checkup", clinic=ANY, provider="cia"))
    assert (where.choice.clinic, where.choice.provider) == ("south", "cia")
    assert (where.offer, where.provider) == (AT_SOUTH, CIA)


def test_somebody_who_works_at_one_clinic_only_leads_there() -> None:
    where = stand(Choice(service="checkup", provider="cia"))
    assert (where.step, where.choice.clinic, where.provider) == (Step.TIMES, "south", CIA)


def test_a_number_that_means_somebody_at_each_clinic_leaves_the_clinic_open() -> None:
    both = [AT_NORTH, replace(AT_SOUTH, providers=AT_NORTH.providers)]
    where = stand(Choice(service="checkup", provider=ANNA.id), offers=both)
    assert where.step is Step.CLINIC


def test_a_number_that_means_somebody_at_each_clinic_waits_for_the_clinic() -> None:
    both = [AT_NORTH, replace(AT_SOUTH, providers=AT_NORTH.providers)]
    for clinic in ("", ANY):
        where = stand(Choice(service="checkup", clinic=clinic, provider=ANNA.id), offers=both)
        assert (where.step, where.gone) == (Step.CLINIC, "")
        assert where.choice == Choice(service="checkup", provider=ANNA.id)
        where = stand(replace(where.choice, clinic="south"), offers=both)
        assert (where.step, where.choice.clinic, where.provider) == (Step.TIMES, "south", ANNA)


def test_the_clinic_is_asked_for_among_those_with_somebody_of_that_number() -> None:
    third = replace(AT_SOUTH, clinic=replace(SOUTH, id="third"))
    both = [AT_NORTH, third, replace(AT_SOUTH, providers=AT_NORTH.providers)]
    where = stand(Choice(service="checkup", provider=ANNA.id), offers=both)
    assert list(where.with_provider) == [both[0], both[2]]


def test_somebody_who_works_at_one_clinic_only_leads_there_also_where_any_clinic_is_no_choice() -> None:
    offers = [offer(screening=(ADULT,)), AT_SOUTH]
    where = stand(Choice(service="checkup", clinic=ANY, provider="cia"), offers=offers)
    assert (where.step, where.choice.clinic) == (Step.TIMES, "south")


@pytest.mark.parametrize("provider", ["old", ANY])
def test_who_was_preselected_waits_for_the_clinic_too(provider: str) -> None:
    where = stand(Choice(service="checkup", provider=provider))
    assert (where.step, where.choice) == (Step.CLINIC, Choice(service="checkup", provider=provider))


def test_any_provider_leaves_all_open() -> None:
    where = stand(Choice(service="checkup", clinic="north", provider=ANY))
    assert (where.choice.provider, where.provider) == (ANY, None)


def test_any_provider_is_no_choice_where_one_must_be_named() -> None:
    must = offer(provider_choice=ProviderChoice.REQUIRED)
    where = stand(Choice(service="checkup", provider=ANY), offers=[must])
    assert (where.step, where.choice.provider, where.gone) == (Step.PROVIDER, "", "")
    assert not where.any_provider


def test_any_provider_is_no_choice_where_one_of_the_clinics_wants_one_named() -> None:
    offers = [AT_NORTH, replace(AT_SOUTH, provider_choice=ProviderChoice.REQUIRED)]
    assert stand(Choice(service="checkup", clinic=ANY, provider=ANY), offers=offers).step is Step.PROVIDER
    assert stand(Choice(service="checkup", clinic="north", provider=ANY), offers=offers).step is Step.TIMES


# --- Ids that are gone -----------------------------------------------------------------------------------------------


def test_with_a_service_that_is_gone_what_was_chosen_for_it_goes_too() -> None:
    assert stand(Choice(service="old", clinic="north", provider="bo")).choice == Choice()


def test_a_service_that_nobody_offers_any_more_is_gone() -> None:
    where = stand(Choice(service="checkup", clinic="north"), offers=[])
    assert (where.step, where.gone, where.choice) == (Step.SERVICE, "service", Choice())


def test_with_a_clinic_that_is_gone_its_provider_goes_too() -> None:
    where = stand(Choice(service="checkup", clinic="old", provider="bo"))
    assert where.choice == Choice(service="checkup")


def test_a_clinic_that_is_gone_is_said_to_be_gone_also_where_one_is_left() -> None:
    where = stand(Choice(service="checkup", clinic="old"), offers=[AT_NORTH])
    assert (where.step, where.gone) == (Step.CLINIC, "clinic")


def test_a_provider_who_is_gone_is_not_replaced_by_the_only_one_left() -> None:
    where = stand(Choice(service="checkup", clinic="south", provider="anna"))
    assert (where.step, where.gone, where.choice.provider) == (Step.PROVIDER, "provider", "")


def test_what_was_preselected_waits_for_the_service() -> None:
    where = stand(Choice(clinic="north", provider="bo"))
    assert where.choice == Choice(clinic="north", provider="bo")


# --- Screening -------------------------------------------------------------------------------------------------------

SCREENING = [offer(screening=(ADULT, REFERRED))]


def test_questions_come_before_the_provider_and_the_times() -> None:
    where = stand(Choice(service="checkup", provider="bo"), offers=SCREENING)
    assert (where.step, where.screening) == (Step.SCREENING, (ADULT, REFERRED))
    assert where.choice.provider == "bo"


def test_answered_questions_are_not_asked_again() -> None:
    where = stand(Choice(service="checkup", screened="signed", provider="bo"), offers=SCREENING, screened=True)
    assert (where.step, where.choice.screened) == (Step.TIMES, "signed")


def test_a_statement_that_does_not_hold_is_dropped() -> None:
    where = stand(Choice(service="checkup", screened="forged"), offers=SCREENING, screened=False)
    assert (where.step, where.choice.screened) == (Step.SCREENING, "")


def test_the_statement_is_judged_for_the_clinic_that_was_settled() -> None:
    asked: list[Any] = []
    position(
        Choice(service="checkup"),
        BOTH,
        lambda service: SCREENING,
        lambda choice, questions: not asked.append((choice.service, choice.clinic, questions)),
    )
    assert asked == [("checkup", "north", (ADULT, REFERRED))]


def test_what_was_answered_for_any_clinic_is_answered_for_each_while_all_ask_the_same() -> None:
    said = Choice(service="checkup", clinic="south", screened="for any")

    def where(*offers: Offer) -> Position:
        return position(said, BOTH, lambda service: offers, lambda choice, questions: choice.clinic == ANY)

    asking = replace(AT_SOUTH, screening=(ADULT, REFERRED))
    assert where(*SCREENING, asking).step is Step.TIMES
    assert where(*SCREENING, replace(AT_SOUTH, screening=(ADULT,))).step is Step.SCREENING
    assert where(asking).step is Step.SCREENING


def test_without_questions_no_statement_is_judged() -> None:
    where = position(
        Choice(service="checkup", clinic="north", provider="bo"),
        BOTH,
        lambda service: TWO_CLINICS,
        lambda choice, questions: pytest.fail("there is nothing to judge"),
    )
    assert where.step is Step.TIMES


# --- What is carried along -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["", "old", "checkup"])
@pytest.mark.parametrize("clinic", ["", "old", "north", ANY])
@pytest.mark.parametrize("provider", ["", "old", "bo", ANY])
def test_the_day_and_the_hold_are_never_lost(service: str, clinic: str, provider: str) -> None:
    day = date(2026, 11, 30)
    where = stand(Choice(service=service, clinic=clinic, provider=provider, day=day, held="token"))
    assert (where.choice.day, where.choice.held) == (day, "token")


@pytest.mark.parametrize("service", ["", "old", "checkup"])
@pytest.mark.parametrize("clinic", ["", "old", "north", "south", ANY])
@pytest.mark.parametrize("provider", ["", "old", "anna", "bo", "cia", ANY])
def test_the_settled_choice_leads_to_the_same_step_again(service: str, clinic: str, provider: str) -> None:
    once = stand(Choice(service=service, clinic=clinic, provider=provider))
    if once.gone and once.skipped(once.step):
        once = replace(once, step=Step.TIMES, choice=replace(once.choice, provider="cia"))  # the only one left
    again = stand(once.choice)
    assert (again.step, again.choice, again.gone) == (once.step, once.choice, "")


def test_two_providers_of_one_clinic_are_told_apart() -> None:
    assert stand(Choice(service="checkup", clinic="north", provider="anna")).provider == ANNA
    assert stand(Choice(service="checkup", clinic="north", provider="bo")).provider == BO


def test_one_number_for_different_people_at_two_clinics_means_the_one_at_the_chosen_clinic() -> None:
    there = replace(CIA, id="anna")
    offers = [AT_NORTH, replace(AT_SOUTH, providers=(there,))]
    assert stand(Choice(service="checkup", clinic="south", provider="anna"), offers=offers).provider == there
    assert stand(Choice(service="checkup", clinic="north", provider="anna"), offers=offers).provider == ANNA


def test_the_offers_of_the_service_in_question_are_read() -> None:
    asked: list[str] = []

    def offers_of(service: Service) -> Sequence[Offer]:
        asked.append(service.id)
        return [Offer(SOUTH if service.id == "filling" else NORTH)]

    where = position(Choice(service="filling"), BOTH, offers_of, lambda choice, questions: False)
    assert (asked, where.choice.clinic) == (["filling"], "south")
