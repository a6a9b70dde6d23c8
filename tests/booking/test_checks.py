"""Mistakes in the settings that `manage.py check --deploy` tells. (The keys: test_encryption.py.)"""

from typing import Any

import pytest

from booking import checks


@pytest.mark.parametrize(("address", "found"), [("http://booking.example", 1), ("https://booking.example", 0)])
def test_patients_come_by_https(address: str, found: int, settings: Any) -> None:
    settings.BASE_URL = address
    assert len(checks.patients_come_by_https(None)) == found


@pytest.mark.parametrize("allowed", [True, False])
def test_a_vendor_inside_this_network_is_pointed_out(allowed: bool, settings: Any) -> None:
    settings.ALLOW_PRIVATE_VENDOR_HOSTS = allowed
    assert len(checks.vendors_are_elsewhere(None)) == allowed
