"""booking/circuits.py: a vendor in trouble is left in peace, by all processes together."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from booking import catalogue, connections, practices
from booking.circuits import BELIEVED_SECONDS, FAILURES, DatabaseBreaker
from booking.models import Circuit, Practice
from vendors.base import AuthenticationFailed, VendorUnavailable
from vendors.sandbox.opus import OpusSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox():
    return OpusSandbox()


@pytest.fixture
def practice(sandbox):
    with sandbox.serve() as address:
        practices.load_tables([sandbox.practice(address)], actor="command")
        yield Practice.objects.get()


def ask(practice: Practice) -> bool:
    """Whether the vendor answered."""
    try:
        connections.vendor_for(practice).services("sv")
    except VendorUnavailable:
        return False
    return True


def open_it(practice: Practice, sandbox: OpusSandbox) -> None:
    sandbox.answer("treatments", 500, times=1000)
    while sandbox.count("treatments") < FAILURES:
        assert not ask(practice)


def probe_is_due() -> None:
    Circuit.objects.update(probe_at=timezone.now() - timedelta(seconds=1))


def test_after_repeated_failures_nothing_is_sent_any_more(practice, sandbox):
    open_it(practice, sandbox)
    calls = sandbox.count("treatments")
    assert not ask(practice)
    assert sandbox.count("treatments") == calls


def test_a_single_failure_keeps_nobody_away(practice, sandbox):
    sandbox.answer("treatments", 500, times=2)
    assert not ask(practice)
    assert ask(practice)


def test_when_it_is_due_one_call_tries_and_the_first_answer_closes_it(practice, sandbox):
    open_it(practice, sandbox)
    sandbox.well_again()
    assert not ask(practice)  # not yet
    probe_is_due()
    assert ask(practice)
    assert ask(practice)


def test_of_many_that_come_when_it_is_due_one_is_sent(practice, sandbox):
    open_it(practice, sandbox)
    host = Circuit.objects.get().host
    probe_is_due()
    assert [DatabaseBreaker(practice).admits(host) for _ in range(10)].count(True) == 1


def test_a_probe_that_fails_is_followed_by_the_next_a_minute_later(practice, sandbox):
    open_it(practice, sandbox)
    probe_is_due()
    assert not ask(practice)
    wait = Circuit.objects.get().probe_at - timezone.now()
    assert timedelta(seconds=50) < wait <= timedelta(seconds=60)


def test_our_own_mistakes_do_not_open_it(practice, sandbox):
    sandbox.answer("treatments", 403, times=1000)
    for _ in range(FAILURES + 2):
        with pytest.raises(AuthenticationFailed):
            connections.vendor_for(practice).services("sv")
    assert sandbox.count("treatments") == FAILURES + 2


def test_a_clinic_whose_own_server_is_down_still_lists_its_times(practice, sandbox):
    """Opus relays bookings to it, and lists times from its hosted copy."""
    sandbox.answer("bookings", 503, times=1000)
    client = connections.vendor_for(practice, budget=30)._client
    for _ in range(FAILURES):
        with pytest.raises(VendorUnavailable):
            client.bookings({"Year": 1975, "Month": 2, "Day": 28, "ExtraDigits": "3176"})
    assert ask(practice)


def test_one_practice_in_trouble_leaves_another_alone(practice, sandbox):
    open_it(practice, sandbox)
    other = OpusSandbox()
    with other.serve() as address:
        practices.load_tables([other.practice(address) | {"slug": "another"}], actor="command")
        assert ask(Practice.objects.get(slug="another"))


def test_what_other_processes_found_is_known_a_second_later(practice, sandbox):
    assert ask(practice)
    Circuit.objects.create(
        practice=practice,
        host=practice.connection["base_url"].split("/")[2],
        failures=FAILURES,
        probe_at=timezone.now() + timedelta(minutes=1),
    )
    assert ask(practice), "within the second, nobody is asked"
    time.sleep(BELIEVED_SECONDS + 0.1)
    assert not ask(practice)


def test_while_it_is_left_in_peace_nobody_queues_to_ask_it(practice, sandbox, django_assert_num_queries):
    open_it(practice, sandbox)
    assert not ask(practice)
    with django_assert_num_queries(1), pytest.raises(VendorUnavailable):  # whether something is kept, and no lease
        catalogue.services(practice, "en")
