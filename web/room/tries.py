"""How often passwords and links may be tried, and the line in the audit log of what was refused."""

from __future__ import annotations

import threading
from collections import Counter

import psycopg

from infra import audit
from infra.clock import Clock
from web.throttle import Allowance, Throttle

# An address may serve an office.
PER_ADDRESS = Allowance(burst=30, per_second=1 / 10)
# Ten tries at once for an account from one address, then one a minute.
PER_PAIR = Allowance(burst=10, per_second=1 / 60)
# From all addresses together: who guesses from one alone does not shut the owner out, who has many gets no further.
PER_ACCOUNT = Allowance(burst=60, per_second=1 / 10)
# Of what is refused, a handful of lines for each account and six an hour from then on: nobody fills the disk by guessing.
PER_SUBJECT = Allowance(burst=10, per_second=6 / 3600)
NOBODY = "nobody"


class Tries:
    """Of this process. `clock` is the one that sessions live by."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._addresses, self._pairs, self._accounts = Throttle(PER_ADDRESS), Throttle(PER_PAIR), Throttle(PER_ACCOUNT)
        self._notes, self._left_out = Throttle(PER_SUBJECT), Counter[str]()
        self._lock = threading.Lock()

    def wait(self, address: str) -> int:
        """0 for go ahead, else the seconds after which an address may try again."""
        return self._addresses.wait(address, self._clock.now())

    def wait_for(self, email: str, *, place: str) -> int:
        """The same for an account; `place` is an address, or a session."""
        now = self._clock.now()
        return self._pairs.wait(f"{place} {email}", now) or self._accounts.wait(email, now)

    def note(
        self, connection: psycopg.Connection, *, subject: str | None, by: str, address: str, actor: str = NOBODY
    ) -> None:
        """A refusal, in the audit log. `subject`: the account, where there is one; what was typed is noted nowhere.

        Those that were too many to be noted are counted in the next line of the same account.
        """
        now, name = self._clock.now(), subject or ""
        with self._lock:
            if self._notes.wait(name, now):
                self._left_out[name] += 1
                return
            left_out = self._left_out.pop(name, 0)
        about: dict[str, object] = {"by": by, "address": address}
        about |= {"left_out": left_out} if left_out else {}
        audit.note(connection, at=now, actor=actor, act="person.refused", subject=subject, about=about)
