"""The commands: what they print, and how they end."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from booking.models import AuditEntry, Booking, Practice, State
from tests.booking.journey import ago, change, free, hold, ready, states, unknown
from tests.fake_vendor import TOKEN, Diary
from vendors.base import AuthenticationFailed

ROOT = Path(__file__).parent.parent.parent
GOOD = """
[[practice]]
slug = "norr"
name = "Norrmalms Tandvård"
vendor = "fake"
timezone = "Europe/Stockholm"
languages = ["sv", "en"]
phone = "+46 8 123 45 67"
[practice.connection]
base_url = "http://127.0.0.1:1"
token = "very secret"
"""


def said(*command: str) -> str:
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


# --- load_practices --------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path, fakes: None, db: None) -> Path:
    made = tmp_path / "practices.toml"
    made.write_text(GOOD)
    return made


def test_load_practices_says_what_it_did_with_each(file: Path) -> None:
    assert said("load_practices", str(file)) == "norr: created\n"
    assert said("load_practices", str(file)) == "norr: unchanged\n"
    file.write_text(GOOD.replace("123 45 67", "765 43 21") + GOOD.replace('"norr"', '"soder"'))
    assert said("load_practices", str(file)) == "norr: changed\nsoder: created\n"


def test_load_practices_tells_each_mistake_on_a_line_and_changes_nothing(file: Path) -> None:
    said("load_practices", str(file))
    bad = GOOD.replace("Norrmalms", "Vasa").replace("Stockholm", "Stokholm").replace("phone", "fone")
    file.write_text(GOOD.replace("Norrmalms", "Vasa") + bad.replace('"norr"', '"soder"'))
    before = (Practice.objects.values().get(), AuditEntry.objects.count())
    with pytest.raises(CommandError) as raised:
        said("load_practices", str(file))
    lines = str(raised.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{file}: practice 2 (soder): ") for line in lines)
    assert [line.split(": ")[2] for line in lines] == ["fone", "phone", "timezone"]
    assert "very secret" not in str(raised.value)
    assert (Practice.objects.values().get(), AuditEntry.objects.count()) == before


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_load_practices_says_when_it_cannot_read_the_file(file: Path, content: bytes | None) -> None:
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(CommandError, match="cannot be read"):
        said("load_practices", str(file))


def test_load_practices_ends_with_an_exit_status(tmp_path: Path) -> None:
    """As a script sees it."""
    bad = tmp_path / "bad.toml"
    bad.write_text("[[practice]\n")
    command = [sys.executable, "manage.py", "load_practices", str(bad), "--settings=tests.settings"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "not a TOML file" in ended.stderr
    assert "Traceback" not in ended.stderr


# --- check_practice --------------------------------------------------------------------------------------------------


def test_check_practice_says_line_by_line_what_works(practice: Practice) -> None:
    lines = said("check_practice", "norr").splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "ok   credentials",
        "ok   services",
        "ok   clinics",
        "ok   providers",
        "ok   times",
        "ok   online",
    ]


def test_check_practice_ends_badly_where_nobody_could_book(practice: Practice, diary: Diary) -> None:
    diary.fail("services", AuthenticationFailed("status 401", status=401))
    out = io.StringIO()
    with pytest.raises(CommandError, match="could not book"):
        call_command("check_practice", "norr", stdout=out)
    assert out.getvalue().startswith("FAIL credentials: ")
    assert out.getvalue().count("\n") == 1


def test_check_practice_never_prints_a_secret(practice: Practice, diary: Diary) -> None:
    Practice.objects.update(connection={**diary.connection(), "old_key": "another secret"})
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("check_practice", "norr", stdout=out)
    assert "connection.old_key: unknown key" in out.getvalue()
    assert "another secret" not in out.getvalue()
    assert TOKEN not in out.getvalue()


def test_check_practice_knows_which_practices_there_are(practice: Practice) -> None:
    with pytest.raises(CommandError, match=r'no practice "nord" \(known: norr\)'):
        said("check_practice", "nord")


def test_check_practice_changes_nothing(practice: Practice) -> None:
    before = Practice.objects.values().get()
    said("check_practice", "norr")
    assert Practice.objects.values().get() == before
    assert not Booking.objects.exists()


# --- worker ----------------------------------------------------------------------------------------------------------


def test_the_worker_does_what_is_due_once_and_stops(practice: Practice, diary: Diary) -> None:
    found = change(unknown(practice, diary, booked=True), look_at=ago(seconds=1))
    over = change(hold(practice, free(diary, "bo")[0]).booking, held_until=ago(seconds=1))
    still = hold(practice, free(diary, "bo")[1]).booking
    said("worker", "--once")
    for booking, state in ((found, State.CONFIRMED), (over, State.EXPIRED), (still, State.HELD)):
        booking.refresh_from_db()
        assert booking.state == state


def test_the_worker_with_nothing_to_do_does_nothing(practice: Practice, diary: Diary) -> None:
    ready(practice, diary)
    Practice.objects.update(visited_at=None)  # and nobody looks at its pages
    before, calls = AuditEntry.objects.count(), len(diary.calls)
    said("worker", "--once")
    assert (states(), AuditEntry.objects.count(), len(diary.calls)) == (["held"], before, calls)


def test_one_kind_of_work_that_fails_does_not_keep_the_others_from_being_done(practice: Practice, diary: Diary) -> None:
    change(unknown(practice, diary, booked=True), look_at=ago(seconds=1))
    change(hold(practice, free(diary, "bo")[0]).booking, held_until=ago(seconds=1))
    diary.fail("find", ZeroDivisionError("our own mistake"))
    with pytest.raises(ExceptionGroup) as raised:
        said("worker", "--once")
    assert raised.group_contains(ZeroDivisionError)
    assert states() == ["checking", "expired"]


def test_a_look_that_failed_by_our_own_mistake_is_taken_again(practice: Practice, diary: Diary) -> None:
    booking = change(unknown(practice, diary, booked=True), look_at=ago(seconds=1))
    diary.fail("find", ZeroDivisionError("our own mistake"))
    with pytest.raises(ExceptionGroup):
        said("worker", "--once")
    change(booking, look_at=ago(seconds=1))  # a while later
    said("worker", "--once")
    assert states() == ["confirmed"]


def test_one_bookings_mistake_does_not_keep_the_others_from_being_settled(practice: Practice, diary: Diary) -> None:
    first = unknown(practice, diary, booked=True)
    second = ready(practice, diary, free(diary, "bo")[0])
    change(first, look_at=ago(seconds=9))
    change(second, state=State.CHECKING, checking_since=ago(minutes=2), look_at=ago(seconds=1))
    diary.fail("find", ZeroDivisionError("our own mistake"))
    with pytest.raises(ExceptionGroup):
        said("worker", "--once")
    second.refresh_from_db()
    assert second.first_empty_look_at is not None


def test_the_worker_stops_when_it_is_told_to(tmp_path: Path) -> None:
    environment: dict[str, Any] = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}"}
    environment |= {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v0"], cwd=ROOT, env=environment, check=True, timeout=60)
    worker = subprocess.Popen([*manage, "worker"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert worker.stderr is not None
    for line in worker.stderr:
        if "worker started" in line:
            break
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) == 0
    assert "worker stopped" in worker.stderr.read()
