"""How many stories are told: few and always the same ones in `ci`, many and new ones in `nightly`.

    HYPOTHESIS_PROFILE=nightly .venv/bin/pytest tests/stateful

A story that fails is printed in its shortest form. By night it is also kept, below pytest's own cache, and told first
the next time.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.configuration import set_hypothesis_home_dir

USUAL = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=False)
settings.register_profile(
    "ci", USUAL, max_examples=4, stateful_step_count=15, derandomize=True, phases=[Phase.generate, Phase.shrink]
)
settings.register_profile("nightly", USUAL, max_examples=1000, stateful_step_count=60)


def pytest_configure(config: pytest.Config) -> None:
    set_hypothesis_home_dir(config.rootpath / ".pytest_cache" / "hypothesis")
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
