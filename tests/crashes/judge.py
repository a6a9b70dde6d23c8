"""Whether what we keep and say of a booking is true, when all is over. The vendor's diary decides."""

import json
import time
from collections import Counter

from tests.crashes.house import Case, House, until

WITHIN = 120.0
"""Seconds from the restart."""
LETTERS = {"confirmed": "confirmed", "failed": "not_booked"}
"""The letter that goes with a state."""
SAID = {"expired": "ended", "released": "ended"}
"""How the page says a state, where it does not say it by its name."""


def await_the_end(house: House, case: Case) -> None:
    """Until nothing of this case is open any more: no booking, no letter. At most `WITHIN` from the restart."""
    open_bookings = (
        "SELECT 1 FROM booking_booking b JOIN booking_practice p ON p.id = b.practice_id "
        "WHERE p.slug = %s AND b.state IN ('held', 'checking')"
    )
    open_letters = (
        "SELECT 1 FROM booking_letter l JOIN booking_booking b ON b.id = l.booking_id "
        "JOIN booking_practice p ON p.id = b.practice_id WHERE p.slug = %s AND l.sent_at IS NULL"
    )

    def over() -> bool:
        return not house.rows(open_bookings, case.slug) and not house.rows(open_letters, case.slug)

    left = case.restarted_at + WITHIN - time.monotonic()
    until(f"{case.slug} comes to an end\n{house.log()}", max(left, 1), over)


def untruths(house: House, case: Case, *, mails: int = 1) -> list[str]:
    """What is false. `mails`: how often the patient may have got the same letter."""
    found = []
    entries = case.entries
    bookings = house.rows(
        "SELECT b.state, b.appointment_id FROM booking_booking b JOIN booking_practice p ON p.id = b.practice_id "
        "WHERE p.slug = %s ORDER BY b.id",
        case.slug,
    )
    confirmed = [appointment for state, appointment in bookings if state == "confirmed"]
    if len(entries) != len(confirmed):
        found.append(f"{len(entries)} in the vendor's diary, and {len(confirmed)} confirmed here")
    unknown = [appointment for appointment in confirmed if not any(_names(entry, appointment) for entry in entries)]
    if unknown:
        found.append(f"confirmed, and not in the vendor's diary: {unknown}")
    if len(entries) > 1:
        found.append(f"{len(entries)} appointments for one patient who wanted one")
    still_open = [state for state, _ in bookings if state in ("held", "checking")]
    if still_open:
        found.append(f"not over yet: {still_open}")
    due = Counter(LETTERS[state] for state, _ in bookings if state in LETTERS)
    came = house.mailboxes.kinds(case.email)
    if due.keys() != came.keys() or any(came[kind] > mails for kind in came):
        found.append(f"letters {dict(came)}, for {dict(due)}")
    if case.address and bookings:
        said, is_so = house.said(case), bookings[-1][0]
        if said != SAID.get(is_so, is_so):
            found.append(f"the page says {said}, and it is {is_so}")
    if case.sandbox.breaches:
        found.append(f"the vendor's contract was broken: {case.sandbox.breaches}")
    return found


def _names(entry: object, appointment: str) -> bool:
    return bool(appointment) and appointment in json.dumps(entry, ensure_ascii=False)
