"""The worker reads ahead for practices that have visitors, and for no others."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from booking import ahead, catalogue, due
from booking.models import AuditEntry, Practice, Snapshot
from booking.steps import ANY
from tests.booking.journey import ago, free, stand
from tests.fake_vendor import CHECKUP, FILLING, Diary
from vendors.base import AuthenticationFailed, VendorUnavailable


@pytest.fixture
def visited(practice: Practice) -> Practice:
    stand(practice)  # somebody looks
    return Practice.objects.get()


def read(practice: Practice) -> None:
    ahead.again(practice)
    ahead.expect(practice)


def older(**length: float) -> None:
    Snapshot.objects.update(read_at=ago(**length), whole_read_at=ago(**length))


def kept() -> set[str]:
    return {snapshot.name.rsplit(" ", 1)[0] for snapshot in Snapshot.objects.filter(name__startswith="times ")}


def test_the_first_times_of_each_service_are_read_before_anybody_asks(visited: Practice, diary: Diary) -> None:
    due.do_all()
    assert kept() == {"times checkup any any", "times filling north any"}
    calls = len(diary.calls)
    week = catalogue.week(visited, "en", stand(visited, clinic=ANY, provider=ANY))
    assert week.days
    assert len(diary.calls) == calls


def test_a_practice_that_nobody_visits_costs_nothing(practice: Practice, diary: Diary) -> None:
    stand(practice)
    Practice.objects.update(visited_at=ago(minutes=4), changed_at=ago(days=2))
    calls = len(diary.calls)
    due.do_all()
    assert len(diary.calls) == calls


def test_what_is_shown_is_read_again_before_it_is_too_old_to_be_shown(visited: Practice, diary: Diary) -> None:
    read(visited)
    older(seconds=40)
    gone = free(diary)[0]
    diary.take_at_desk(gone.id)
    read(visited)
    assert Snapshot.objects.filter(name__startswith="times ", read_at__gt=ago(seconds=20)).count() == len(kept())
    calls = len(diary.calls)
    shown = catalogue.week(visited, "en", stand(visited))
    assert gone not in [time.slot for day in shown.days for time in day.times]
    assert len(diary.calls) == calls


def test_what_is_young_is_not_read_again(visited: Practice, diary: Diary) -> None:
    read(visited)
    calls = len(diary.calls)
    read(visited)
    assert len(diary.calls) == calls


def test_what_nobody_asked_for_lately_is_left_alone(visited: Practice, diary: Diary) -> None:
    catalogue.week(visited, "en", stand(visited, provider="bo", day=timezone.now().date() + timedelta(days=20)))
    read(visited)
    Snapshot.objects.filter(name__contains=" bo ").update(asked_at=ago(minutes=2))
    older(seconds=40)
    diary.requests.clear()
    read(visited)
    assert "bo" not in {getattr(request, "provider_id", None) for request in diary.requests}


@pytest.mark.vendor("fake_reserving")
def test_where_the_vendor_says_that_nothing_changed_the_times_are_not_read_again(
    visited: Practice, diary: Diary
) -> None:
    read(visited)
    older(seconds=40)
    before = diary.count("slots")
    read(visited)
    assert (diary.count("slots"), diary.count("changed")) == (before, 1)
    assert not Snapshot.objects.filter(name__startswith="times ", read_at__lt=ago(seconds=20)).exists()


@pytest.mark.vendor("fake_reserving")
def test_where_it_says_that_something_changed_they_are(visited: Practice, diary: Diary) -> None:
    read(visited)
    older(seconds=40)
    diary.take_at_desk(free(diary)[0].id)
    before = diary.count("slots")
    read(visited)
    assert diary.count("slots") > before


@pytest.mark.vendor("fake_reserving")
def test_that_nothing_changed_is_not_believed_for_ever(visited: Practice, diary: Diary) -> None:
    read(visited)
    older(minutes=5, seconds=1)
    Snapshot.objects.update(asked_at=timezone.now())
    before = diary.count("slots")
    read(visited)
    assert diary.count("slots") > before


def test_a_vendor_in_trouble_ends_the_round_and_staff_are_told(visited: Practice, diary: Diary) -> None:
    diary.fail("slots", VendorUnavailable("down"), times=99)
    ahead.expect(visited)
    assert diary.count("slots") == 1
    assert AuditEntry.objects.filter(action="vendor trouble", practice=visited.slug).exists()


def test_staff_see_what_became_different_at_the_vendor(visited: Practice, diary: Diary) -> None:
    catalogue.services(visited, "sv")
    diary.services = [replace(CHECKUP, name="Big check-up")]
    Snapshot.objects.update(read_at=ago(minutes=6))
    catalogue.services(visited, "sv")
    (entry,) = AuditEntry.objects.filter(action="services changed at the vendor")
    assert entry.outcome == f"service gone: {FILLING.name}; service Check-up is now Big check-up"


def test_a_vendor_that_refuses_our_key_is_left_alone_until_the_practice_is_changed(
    visited: Practice, diary: Diary
) -> None:
    diary.fail("services", AuthenticationFailed("status 401", status=401), times=99)
    Snapshot.objects.update(read_at=ago(minutes=6))
    for _round in range(3):
        read(visited)
    assert diary.count("services") == 2  # the page's and one
    visited.save()
    ahead.again(Practice.objects.get())
    assert diary.count("services") == 3


def test_a_vendor_that_was_only_down_is_asked_again_in_the_next_round(visited: Practice, diary: Diary) -> None:
    diary.fail("slots", VendorUnavailable("down"))
    ahead.expect(visited)
    assert kept() == set()
    ahead.expect(visited)
    assert kept()
