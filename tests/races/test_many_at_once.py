"""Many patients at once: each is answered, and nobody's page waits for a connection that another one keeps."""

from functools import partial

import pytest
from httpx import Response

from tests.browser.product import Product
from tests.races.crowd import Client, Crowd, at_once
from vendors.sandbox import opus, qmatic


def test_patients_who_read_lists_at_once_do_not_wait_for_one_anothers_connections(
    product: Product, crowd: Crowd
) -> None:
    """A list that takes several calls is read in several threads. Fifteen are more than a process has connections."""
    assert crowd.do("read_lists", "norrmalm", 15) == {"done": 15}


def test_a_call_that_fails_in_a_thread_of_its_own_keeps_no_connection(product: Product, crowd: Crowd) -> None:
    assert crowd.do("see_failures", "norrmalm", 30) == {"done": 30}


@pytest.mark.slow
def test_a_hundred_patients_who_come_at_once_all_see_the_times(product: Product) -> None:
    product.sandboxes["opus"].slow("timeslots", 1, times=100)
    answers = rush(product, 100, service="4")
    assert {answer.status_code for answer in answers} == {200}
    assert all('name="slot"' in answer.text for answer in answers)


@pytest.mark.slow
def test_a_vendor_in_trouble_does_not_take_the_other_practices_along(product: Product) -> None:
    """Last of all, for its practice is then left in peace for a while."""
    product.sandboxes["qmatic"].answer("timeslots", 500, times=1000)
    anybody = product.address("qmatic", f"times/?service={qmatic.guid('GP appointment')}&clinic=any&provider=any")
    all_get(product, anybody, 50)
    assert {answer.status_code for answer in rush(product, 30, service="1")} == {200}
    assert Client(product).get("/readyz").status_code == 200


def rush(product: Product, patients: int, service: str) -> list[Response]:
    """What patients read who all ask for the times of a service at once."""
    return all_get(
        product, product.address("opus", f"times/?service={service}&clinic={opus.CITY}&provider=any"), patients
    )


def all_get(product: Product, address: str, patients: int) -> list[Response]:
    return at_once([partial(client.get, address) for client in [Client(product) for _ in range(patients)]])
