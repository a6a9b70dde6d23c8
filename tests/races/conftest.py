import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from tests.browser.product import Product, started
from tests.races import postgres
from tests.races.crowd import Crowd


@pytest.fixture(scope="package")
def server() -> Iterator[postgres.Server]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(postgres.server())
        except postgres.Missing as missing:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(missing))
        yield running


@pytest.fixture(scope="package")
def on_postgres(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The whole product as `make serve` runs it."""
    with started(tmp_path_factory.mktemp("postgres"), database_url=server.new_database(), threads=128) as product:
        yield product


@pytest.fixture(scope="package")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with started(tmp_path_factory.mktemp("sqlite"), threads=128) as product:
        yield product


@pytest.fixture(params=["on_postgres", "on_sqlite"])
def product(request: pytest.FixtureRequest) -> Iterator[Product]:
    """On each database in turn. Afterwards: nothing failed, no vendor's contract was broken."""
    product: Product = request.getfixturevalue(request.param)
    said_before = product.log.stat().st_size
    yield product
    said = product.log.read_bytes()[said_before:].decode()
    breaches = {vendor: sandbox.breaches[:] for vendor, sandbox in product.sandboxes.items() if sandbox.breaches}
    for sandbox in product.sandboxes.values():
        sandbox.well_again()
        sandbox.breaches.clear()
    assert not breaches
    assert "Traceback" not in said, said[-6000:]
    assert "database is locked" not in said


@pytest.fixture(scope="package")
def crowds() -> Iterator[Callable[[Product], Crowd]]:
    with ExitStack() as stack:
        yield cache(lambda product: stack.enter_context(Crowd(product.environment, processes=2)))


@pytest.fixture
def crowd(product: Product, crowds: Callable[[Product], Crowd]) -> Crowd:
    """Patients in two processes of their own, on the product's database."""
    return crowds(product)
