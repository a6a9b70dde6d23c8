"""A circuit breaker per practice and vendor's host, shared by all processes: a vendor in trouble is left in peace.

It opens after repeated failures in a row; then one call is tried after 15 seconds, and after that at most one a minute.
The first answer closes it.
"""

from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from django.db import connection
from django.db.models import F
from django.utils import timezone

from booking.models import Circuit, Practice

FAILURES = 6
"""In a row. A page that fails makes up to two calls, so three pages."""
FIRST_PROBE_AFTER = timedelta(seconds=15)
NEXT_PROBE_AFTER = timedelta(seconds=60)
BELIEVED_SECONDS = 1.0
"""So long a process does not ask again about a vendor that nobody had trouble with, or that is left in peace."""

_well_until: dict[tuple[int, str], float] = {}
_refused_until: dict[int, float] = {}


def refused_lately(practice: Practice) -> bool:
    """Whether this process was told a moment ago that a vendor of this practice is left in peace."""
    return _refused_until.get(practice.pk, 0) > monotonic()


@dataclass(slots=True)
class DatabaseBreaker:
    """`vendors.base.Breaker`. Lets go of its connection, for a call's thread may end and would take it along."""

    practice: Practice
    failing: bool = False
    """Whether there were failures lately, as last seen: while there were none, an answer is not worth a write."""

    def admits(self, host: str) -> bool:
        if _well_until.get((self.practice.pk, host), 0) > monotonic():
            return True
        try:
            return self._admits(host)
        finally:
            connection.close()

    def _admits(self, host: str) -> bool:
        circuit = Circuit.objects.filter(practice=self.practice, host=host).first()
        self.failing = circuit is not None and circuit.failures > 0
        if not self.failing:
            _well_until[self.practice.pk, host] = monotonic() + BELIEVED_SECONDS
        if circuit is None or circuit.failures < FAILURES:
            return True
        now = timezone.now()
        if circuit.probe_at > now:
            _refused_until[self.practice.pk] = monotonic() + BELIEVED_SECONDS
            return False
        # Of all that come now, one tries it.
        again = now + NEXT_PROBE_AFTER
        return bool(Circuit.objects.filter(pk=circuit.pk, probe_at=circuit.probe_at).update(probe_at=again))

    def failed(self, host: str) -> None:
        _well_until.pop((self.practice.pk, host), None)
        try:
            self._failed(host)
        finally:
            connection.close()

    def _failed(self, host: str) -> None:
        now = timezone.now()
        circuit, new = Circuit.objects.get_or_create(
            practice=self.practice, host=host, defaults={"failures": 1, "probe_at": now}
        )
        if new:
            return
        Circuit.objects.filter(pk=circuit.pk).update(failures=F("failures") + 1)
        # It opens once: later failures of calls that were under way do not push the probe away.
        Circuit.objects.filter(pk=circuit.pk, failures=FAILURES).update(probe_at=now + FIRST_PROBE_AFTER)

    def answered(self, host: str) -> None:
        if self.failing:
            try:
                Circuit.objects.filter(practice=self.practice, host=host, failures__gt=0).update(failures=0)
            finally:
                connection.close()
