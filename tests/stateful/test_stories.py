"""Stories nobody thought of: patients, staff, a vendor in trouble and a clock that jumps, in any order.

The product is driven by its pages and forms, against each vendor's sandbox over HTTP. After every step, and when all is
settled, the sandbox's diary is the judge. `conftest.py` says how to have many more stories told.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.faults.faults import NAMED
from tests.stateful.far_sides import FAR_SIDES, PEOPLE
from tests.stateful.world import STARTS, Browser, World

pytestmark = pytest.mark.slow

WHO = st.integers(0, PEOPLE - 1)
NUMBER = st.integers(0, 4)
FAULTS = [
    "drop_before",
    "drop_after",
    "500-not_done",
    "500-done",
    "503-not_done",
    "garbage-not_done",
    "garbage-done",
    "409-not_done",
    "429-not_done",
    "cut",
]
MEANWHILE = ["confirms", "confirms in the other tab", "gives back", "chooses another", "staff", "worker", "time passes"]
TROUBLE = st.one_of(
    st.tuples(st.just("fault"), st.sampled_from([*FAULTS, "hang", "hang"])),
    st.tuples(st.sampled_from(["before", "after"]), st.sampled_from(MEANWHILE), WHO),
)
"""What befalls a call to the vendor: what comes back, or what somebody does before the vendor did it, or after."""

MAYBE_TROUBLE = st.just(("nothing",)) | TROUBLE


class Story(RuleBasedStateMachine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    @initialize(start=st.sampled_from(STARTS), begun=st.tuples(*[st.booleans()] * PEOPLE))
    def begins(self, start: datetime, begun: tuple[bool, ...]) -> None:
        """Everybody has the same times before them, and some have gone on."""
        self.world.begin(start)
        for browser in self.world.browsers:
            browser.look(browser.who)
        for browser, there in zip(self.world.browsers, begun, strict=True):
            if there:
                browser.review(browser.who)

    # --- Patients

    @rule(who=WHO, number=NUMBER, trouble=MAYBE_TROUBLE)
    def holds(self, who: int, number: int, trouble: tuple[Any, ...]) -> None:
        browser = self.world.browsers[who]
        if not (browser.page and browser.page.slots):
            browser.look(number)
        self._befalls("reserve", trouble)
        browser.hold(number)

    @rule(who=WHO, number=NUMBER, trouble=MAYBE_TROUBLE)
    def chooses_another(self, who: int, number: int, trouble: tuple[Any, ...]) -> None:
        self._befalls("reserve", trouble)
        self.world.browsers[who].choose_another(number)

    @rule(who=WHO, number=NUMBER, call=st.sampled_from(["book", "book", "chart"]), trouble=TROUBLE)
    def confirms_in_trouble(self, who: int, number: int, call: str, trouble: tuple[Any, ...]) -> None:
        browser = self.world.browsers[who]
        page = browser.review(number)
        if page:
            self._befalls(call, trouble)
            browser.book(page)

    @rule(who=WHO, number=NUMBER, clicks=st.integers(1, 2))
    def confirms(self, who: int, number: int, clicks: int) -> None:
        browser = self.world.browsers[who]
        page = browser.review(number)
        if page:
            for _ in range(clicks):
                browser.book(page)

    @rule(
        who=WHO,
        how=st.sampled_from(
            [
                Browser.give_back,
                Browser.give_back,
                Browser.reload,
                Browser.back,
                Browser.see_how_it_stands,
                Browser.type_details,
                Browser.duplicate,
                Browser.switch,
            ]
        ),
    )
    def moves_about(self, who: int, how: Callable[[Browser], object]) -> None:
        how(self.world.browsers[who])

    # --- Staff

    @rule(what=st.sampled_from([World.take_at_desk, World.cancel, World.close]), number=NUMBER)
    def staff(self, what: Callable[[World, int], None], number: int) -> None:
        what(self.world, number)

    # --- The vendor

    @rule(call=st.sampled_from(["find", "times", "book", "reserve"]), fault=st.none() | st.sampled_from(FAULTS))
    def the_vendor_will_fail(self, call: str, fault: str | None) -> None:
        """Or is well again."""
        if fault:
            self.world.arm(call, NAMED[fault].plan)
        else:
            self.world.be_well()

    def _befalls(self, call: str, trouble: tuple[Any, ...]) -> None:
        match trouble:
            case ("fault", "hang"):
                self.world.hang(call)
            case ("fault", name):
                self.world.arm(call, NAMED[name].plan)
            case ("before" | "after" as when, what, who):
                self.world.meanwhile(call, self._act(what, who), done=when == "after")

    def _act(self, what: str, who: int) -> Callable[[], object]:
        world, browser = self.world, self.world.browsers[who]
        acts: dict[str, Callable[[], object]] = {
            "confirms": browser.confirm,
            "confirms in the other tab": lambda: (browser.duplicate(), browser.confirm()),
            "gives back": browser.give_back,
            "chooses another": lambda: browser.choose_another(0),
            "staff": lambda: world.take_at_desk(0),
            "worker": world.work,
            "time passes": lambda: world.pass_time(8),
        }
        return acts[what]

    # --- The clock, and the worker

    @rule(seconds=st.sampled_from([5, 20, 75, 130, 400, 880, 1000]), work=st.booleans())
    def time_passes(self, seconds: int, work: bool) -> None:
        self.world.pass_time(seconds)
        if work:
            self.world.work()

    # --- What must be true

    @invariant()
    def nothing_is_wrong(self) -> None:
        told("as it stands", self.world.wrongs())
        self.world.pass_time(1)

    def teardown(self) -> None:
        if sys.exc_info()[0] is None and hasattr(self.world, "browsers"):
            self.world.settle()
            told("when all is settled", self.world.wrongs_at_the_end())


def told(when: str, wrongs: Iterator[str]) -> None:
    found = list(wrongs)
    assert not found, "\n".join([f"{when}:", *found])


@pytest.fixture(params=FAR_SIDES.values(), ids=FAR_SIDES)
def world(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[World]:
    with World(request.param).served() as served:
        yield served


def test_whatever_happens_we_and_the_vendors_diary_say_the_same(world: World) -> None:
    if world.side.paced and settings.get_current_profile_name() != "nightly":
        pytest.skip("its calls wait for one another, so its stories are told by night")
    run_state_machine_as_test(lambda: Story(world))
