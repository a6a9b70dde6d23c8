"""When patients may book: lead time, horizon, cut-off and opening of new days, per practice and per service. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from booking.connections import Fault
from booking.models import Practice
from vendors.base import SlotTaken

LONGEST = 366
"""Days. Vendors show no further, and a search for the first free time ends there."""


class NotBookable(SlotTaken):
    """The practice's rules do not let patients book this time now, though it may be free."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one service. All in the clinic's own time."""

    lead_minutes: int = 0
    """So long before its start a time can be booked at the latest."""
    horizon_days: int = 90
    """So many days ahead, today not counted."""
    cutoff: str = ""
    """`HH:MM`: a day can be booked until then on the day before. Empty: until the time itself."""
    opens_at: str = ""
    """`HH:MM`: then the horizon's last day opens. Empty: at midnight."""

    def last_day(self, now: datetime) -> date:
        """The last day that can be booked. `now` in the clinic's zone."""
        opened = not self.opens_at or now.time() >= time.fromisoformat(self.opens_at)
        return now.date() + timedelta(days=self.horizon_days - (not opened))

    def allow(self, start: datetime, now: datetime) -> bool:
        """Whether a time that begins then can be booked now. Both in the clinic's zone."""
        if start < now + timedelta(minutes=self.lead_minutes) or start <= now:
            return False
        if start.date() > self.last_day(now):
            return False
        if not self.cutoff:
            return True
        closes = datetime.combine(start.date() - timedelta(days=1), time.fromisoformat(self.cutoff), start.tzinfo)
        return now < closes


def of(practice: Practice, service_id: str) -> Rules:
    """The practice's rules, with the service's own in place of them."""
    own: dict[str, Any] = next((row.get("rules", {}) for row in practice.services if row["id"] == service_id), {})
    return replace(Rules(**practice.rules), **own)


def read(table: Any) -> list[Fault]:
    """What is wrong with `rules = { … }` of a practice or a service."""
    if not isinstance(table, Mapping):
        return [Fault("rules", "must be a table, like { lead_minutes = 120, horizon_days = 60 }")]
    known = {f.name for f in fields(Rules)}
    faults = [Fault(f"rules.{key}", "unknown key") for key in table if key not in known]
    for key, most in (("lead_minutes", LONGEST * 24 * 60), ("horizon_days", LONGEST)):
        value = table.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            faults.append(Fault(f"rules.{key}", f"must be a whole number from 0 to {most}"))
    faults += [
        Fault(f"rules.{key}", "must be a time of day, like 18:00")
        for key in ("cutoff", "opens_at")
        if key in table and not _is_time(table[key])
    ]
    return faults


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == len("18:00") and bool(time.fromisoformat(value) or True)
    except ValueError:
        return False
