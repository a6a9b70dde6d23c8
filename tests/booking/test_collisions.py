"""Whether two bookings get in each other's way."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from booking import collisions
from booking.models import Booking, Practice, State
from tests.fake_vendor import STOCKHOLM
from vendors.base import Slot


def at(start: str, end: str, *occupies: str, places: int = 1) -> Slot:
    """A slot between two times of one day, like "9:30"."""
    day = datetime(2026, 12, 1, tzinfo=STOCKHOLM)

    def moment(text: str) -> datetime:
        hour, minute = text.split(":")
        return day.replace(hour=int(hour), minute=int(minute))

    return Slot(f"{start}-{end}", moment(start), moment(end), "north", "anna", occupies or ("anna",), places)


def booked(*slots: Slot) -> list[Booking]:
    return [Booking(start=s.start, end=s.end, occupies=list(s.occupies), places=s.places) for s in slots]


@pytest.mark.parametrize(
    ("start", "end", "collide"),
    [
        ("9:00", "10:00", True),
        ("9:15", "9:45", True),
        ("8:00", "11:00", True),
        ("8:30", "9:01", True),
        ("9:59", "10:30", True),
        ("9:00", "9:30", True),
        ("9:30", "10:00", True),
        ("8:30", "9:00", False),
        ("10:00", "10:30", False),
        ("7:00", "8:00", False),
        ("11:00", "12:00", False),
    ],
)
def test_beside_a_booking_from_nine_to_ten(start: str, end: str, collide: bool) -> None:
    assert collisions.collides(at(start, end), booked(at("9:00", "10:00"))) is collide


@pytest.mark.parametrize(("start", "end"), [("9:15", "9:45"), ("8:30", "9:30"), ("9:00", "10:00"), ("10:00", "11:00")])
def test_who_was_first_makes_no_difference(start: str, end: str) -> None:
    one, other = at("9:00", "10:00"), at(start, end)
    assert collisions.collides(one, booked(other)) == collisions.collides(other, booked(one))


def test_at_one_time_with_different_people_nothing_collides() -> None:
    assert not collisions.collides(at("9:00", "10:00", "anna"), booked(at("9:00", "10:00", "bo")))


def test_one_thing_in_common_is_enough() -> None:
    chair = at("9:00", "10:00", "bo", "chair 1")
    assert collisions.collides(at("9:30", "10:30", "anna", "chair 1"), booked(chair))
    assert not collisions.collides(at("9:30", "10:30", "anna", "chair 2"), booked(chair))


def test_where_only_the_vendor_can_know_nothing_collides() -> None:
    nobody_knows = Slot("1", at("9:00", "10:00").start, at("9:00", "10:00").end, "north", None)
    assert not collisions.collides(nobody_knows, booked(nobody_knows, at("9:00", "10:00")))


def test_with_two_places_the_third_at_one_instant_is_too_many() -> None:
    two = at("9:00", "10:00", places=2)
    assert not collisions.collides(two, booked(two))
    assert collisions.collides(two, booked(two, two))


def test_places_are_counted_at_each_instant_and_not_over_the_whole_time() -> None:
    """Two short ones, one after the other, leave the second place free all the time."""
    short = booked(at("9:00", "9:30", places=2), at("9:30", "10:00", places=2))
    assert not collisions.collides(at("9:00", "10:00", places=2), short)
    assert collisions.collides(at("9:00", "10:00", places=2), [*short, *booked(at("9:45", "10:15", places=2))])


def test_an_instant_in_the_middle_can_be_too_full() -> None:
    overlapping = booked(at("9:00", "9:40", places=2), at("9:20", "10:00", places=2))
    assert collisions.collides(at("9:00", "10:00", places=2), overlapping)
    assert not collisions.collides(at("9:00", "9:20", places=2), overlapping)
    assert not collisions.collides(at("9:40", "10:00", places=2), overlapping)


def test_the_fewest_places_of_all_concerned_count() -> None:
    assert collisions.collides(at("9:00", "10:00", places=2), booked(at("9:00", "10:00", places=1)))
    assert collisions.collides(at("9:00", "10:00", places=1), booked(at("9:00", "10:00", places=2)))


def test_an_empty_day_has_no_collision() -> None:
    assert not collisions.collides(at("9:00", "10:00"), [])


def test_the_hour_that_exists_twice_is_two_hours() -> None:
    first = datetime(2026, 10, 25, 2, 0, tzinfo=STOCKHOLM)
    second = first.replace(fold=1)
    hour = timedelta(hours=1)
    utc = [moment.astimezone(timezone.get_default_timezone()) for moment in (first, second)]
    one = Slot("1", utc[0], utc[0] + hour, "north", "anna", ("anna",))
    two = Slot("2", utc[1], utc[1] + hour, "north", "anna", ("anna",))
    assert not collisions.collides(one, booked(two))


# --- Which bookings count --------------------------------------------------------------------------------------------


def row(practice: Practice, state: State, *, ends_in: float = 600, changed: float = 0) -> Booking:
    now = timezone.now()
    slot = at("9:00", "10:00")
    number = Booking.objects.count()
    made = Booking.objects.create(
        practice=practice,
        state=state,
        reference=f"R{number}",
        key=f"k{number}",
        start=slot.start,
        end=slot.end,
        occupies=["anna"],
        held_until=now + timedelta(seconds=ends_in),
        checking_since=now if state is State.CHECKING else None,
        appointment_id="a1",
        timezone="Europe/Stockholm",
    )
    Booking.objects.filter(pk=made.pk).update(changed_at=now - timedelta(seconds=changed))
    return made


@pytest.mark.parametrize(
    ("state", "times", "takes_it"),
    [
        (State.HELD, {}, True),
        (State.HELD, {"ends_in": -0.1}, False),
        (State.CHECKING, {"ends_in": -600}, True),
        (State.CONFIRMED, {"ends_in": -600}, True),
        (State.CONFIRMED, {"changed": 600}, False),
        (State.RELEASED, {}, False),
        (State.EXPIRED, {}, False),
        (State.FAILED, {}, False),
        (State.CANCELLED, {}, False),
    ],
)
def test_a_booking_takes_its_time_while_it_lives(
    practice: Practice, state: State, times: dict[str, float], takes_it: bool
) -> None:
    row(practice, state, **times)
    slots = [at("9:30", "10:30"), at("11:00", "12:00")]
    left = collisions.without_held(practice, slots)
    assert left == (slots[1:] if takes_it else slots)


def test_my_own_hold_takes_nothing_from_me(practice: Practice) -> None:
    own = row(practice, State.HELD)
    assert collisions.without_held(practice, [at("9:30", "10:30")], own)


def test_another_practices_bookings_are_none_of_ours(practice: Practice, make_practice: object) -> None:
    row(make_practice(slug="other"), State.HELD)  # type: ignore[operator]
    assert collisions.without_held(practice, [at("9:30", "10:30")])


def test_no_times_are_no_times(practice: Practice) -> None:
    assert collisions.without_held(practice, []) == []


def test_a_booking_that_shares_two_things_with_a_slot_counts_once(practice: Practice) -> None:
    other = row(practice, State.HELD)
    Booking.objects.filter(pk=other.pk).update(occupies=["anna", "chair 1"], places=2)
    shared = at("9:00", "10:00", "anna", "chair 1", places=2)
    assert collisions.without_held(practice, [shared]) == [shared]
    row(practice, State.HELD)
    assert collisions.without_held(practice, [shared]) == []
