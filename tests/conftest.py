"""What tests share: a practice on a vendor in memory, and its diary."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from booking.models import Practice
from tests.fake_vendor import FAKES, Diary, asking_diary
from vendors import VENDORS


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vendor(name): the vendor in memory that `practice` has")


@pytest.fixture
def fakes() -> Iterator[None]:
    """The vendors in memory are among the known vendors during this test, and no longer."""
    VENDORS.update(FAKES)
    yield
    for name in FAKES:
        del VENDORS[name]


@pytest.fixture
def diary(request: pytest.FixtureRequest) -> Iterator[Diary]:
    """A fresh one, served. `@pytest.mark.vendor("fake_asking")` says for which vendor, see `practice`."""
    diary = asking_diary() if _vendor(request) == "fake_asking" else Diary()
    with diary.serve():
        yield diary


@pytest.fixture
def make_practice(transactional_db: None, fakes: None, diary: Diary) -> Callable[..., Practice]:
    """Not within a transaction, for then the vendor may not be called."""

    def make(**values: Any) -> Practice:
        settings: dict[str, Any] = {
            "slug": "norr",
            "name": "Norrmalms Tandvård",
            "vendor": "fake",
            "timezone": "Europe/Stockholm",
            "languages": ["sv", "en"],
            "phone": "+46 8 123 45 67",
            "email": "info@clinic.example",
            "connection": diary.connection(),
        }
        return Practice.objects.create(**{**settings, **values})

    return make


@pytest.fixture
def practice(make_practice: Callable[..., Practice], request: pytest.FixtureRequest) -> Practice:
    """Its vendor books only, unless `@pytest.mark.vendor` names another of `FAKES`."""
    return make_practice(vendor=_vendor(request))


def _vendor(request: pytest.FixtureRequest) -> str:
    marker = request.node.get_closest_marker("vendor")
    return str(marker.args[0]) if marker else "fake"
