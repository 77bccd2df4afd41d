"""What waits for a person: each with a sentence, the page where it is mended, and the command that does the same.

Counts stop at MOST_COUNTED, so that they cost the same on the worst of days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from domain.watching import Kind
from infra import alert_rows
from infra.outbox import EFFECTS, PAYABLE
from infra.reports.summaries import Wait
from infra.reports.sweeps import Beat, beat

MOST_COUNTED, MOST_NAMED = 1_000, 5
# What failed longer ago is history: nothing can be done about it that would make it well again.
RECENT = timedelta(days=7)

EVENTS = f"""
SELECT status, count(*) FROM (
    SELECT status FROM pending WHERE status IN ('parked', 'quarantined') ORDER BY seq DESC LIMIT {MOST_COUNTED}
) AS last GROUP BY status
"""
DEBTS = f"""
SELECT status, kind = ANY(%(calls)s), count(*) FROM (
    SELECT status, kind FROM outbox
    WHERE status IN ('failed', 'uncertain') AND settled_at > %(since)s AND kind = ANY(%(kinds)s) LIMIT {MOST_COUNTED}
) AS last GROUP BY 1, 2
"""
ENDPOINTS = f"""
SELECT name, disabled_at IS NOT NULL, count(*) OVER () FROM endpoints
WHERE disabled_at IS NOT NULL OR failing_since < %(failing)s ORDER BY disabled_at, name LIMIT {MOST_NAMED}
"""
ADVERTISERS = f"""
SELECT advertiser_id, coalesce(name, advertiser_id), trouble, count(*) OVER () FROM advertisers
WHERE trouble IS NOT NULL ORDER BY failed_looks DESC, advertiser_id LIMIT {MOST_NAMED}
"""
FAILING_FOR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chore:
    """`kind` is a constant word; `page` an address in the room, which may not be there for everybody, then `command` helps."""

    kind: str
    what: str
    why: str
    page: str
    command: str
    is_grave: bool = True
    count: int = 1


def chores(connection: psycopg.Connection[Any], waits: tuple[Wait, ...], *, now: datetime) -> list[Chore]:
    """All of them, the graver ones first."""
    found = [
        *_sweeps(beat(connection), now),
        *_advertisers(connection),
        *_events(connection),
        *_debts(connection, now),
        *_endpoints(connection, now),
        *_alerts(connection),
        *_waits(waits),
    ]
    return sorted(found, key=lambda chore: not chore.is_grave)


def _events(connection: psycopg.Connection[Any]) -> Iterator[Chore]:
    counts = dict(connection.execute(EVENTS).fetchall())
    if count := counts.get("quarantined", 0):
        yield Chore(
            kind="quarantined",
            count=count,
            what=f"{told(count, 'event')} raised an error",
            why="Nothing of them was applied. Read the traceback, then replay them.",
            page="/events?outcome=quarantined",
            command="everspark events list --status quarantined",
        )
    if count := counts.get("parked", 0):
        yield Chore(
            kind="parked",
            count=count,
            what=f"{told(count, 'event')} contradict what is known"
            if count > 1
            else "1 event contradicts what is known",
            why="A person decides whether they are replayed.",
            page="/events?outcome=parked",
            command="everspark events list --status parked",
            is_grave=False,
        )


def _debts(connection: psycopg.Connection[Any], now: datetime) -> Iterator[Chore]:
    values = {"since": now - RECENT, "calls": list(EFFECTS), "kinds": [*PAYABLE, *EFFECTS]}
    for status, is_call, count in connection.execute(DEBTS, values).fetchall():
        match status, is_call:
            case "failed", False:
                what, why = (
                    f"{told(count, 'message')} did not arrive",
                    "Each says why; mend that, then try it again there, or leave it: the next is sent.",
                )
            case "failed", True:
                what, why = (
                    f"{told(count, 'call')} to TikTok failed",
                    "Each says why; mend that, then try it again there.",
                )
            case "uncertain", False:
                what = f"{told(count, 'message')} may not have arrived"
                why = "None is sent twice by itself: ask the creator, then settle it there."
            case _:
                continue  # TikTok is read back, and settles it
        page = f"/outbox?status={status}"
        yield Chore(
            kind=status, count=count, what=what, why=why, page=page, command=f"everspark outbox list --status {status}"
        )


def _endpoints(connection: psycopg.Connection[Any], now: datetime) -> Iterator[Chore]:
    for name, is_disabled, count in connection.execute(ENDPOINTS, {"failing": now - FAILING_FOR}).fetchall():
        yield Chore(
            kind="endpoint",
            count=count,
            what=f"{name} is disabled" if is_disabled else f"{name} takes no webhooks",
            why="Mend the receiver, enable it, then replay what it missed.",
            page="/endpoints",
            command=f"everspark endpoint {'enable' if is_disabled else 'test'} {name}",
            is_grave=is_disabled,
        )


def _advertisers(connection: psycopg.Connection[Any]) -> Iterator[Chore]:
    for advertiser_id, name, trouble, count in connection.execute(ADVERTISERS).fetchall():
        yield Chore(
            kind="advertiser",
            count=count,
            what=f"TikTok does not show all of {name}",
            why=trouble[0].upper() + trouble[1:],
            page=f"/advertisers/{advertiser_id}",
            command=f"everspark advertiser connect {advertiser_id}",
        )


def _sweeps(beat: Beat, now: datetime) -> Iterator[Chore]:
    page, command = "/sweeps", "everspark doctor"
    late, failed = beat.late(now), [sweep.job for sweep in beat.last.values() if sweep.has_failed]
    if beat.last and beat.has_stopped(now):
        why = "Nothing falls due while nobody sweeps: see that a scheduler runs."
        yield Chore(kind="sweeps", what="Sweeps are late", why=why, page=page, command=command)
    elif late:
        what, why = f"The sweep {late[0]} is late", "Others run: see whether the log says why it does not begin."
        yield Chore(kind="sweeps", what=what, why=why, page=page, command=command, count=len(late))
    if failed:
        what, why = f"The sweep {failed[0]} failed", "The next slot tries again; the ledger has the reason."
        yield Chore(kind="sweeps", what=what, why=why, page=page, command=command, count=len(failed))
    vows = beat.last.get("vows")
    if vows is not None and vows.is_broken:
        what, why = "A sentence that is always true is not", (vows.error or "").partition("\n")[0]
        yield Chore(kind="vows", what=what, why=why, page=page, command=f"{command} --only vows")


def _alerts(connection: psycopg.Connection[Any]) -> Iterator[Chore]:
    """Those that have no chore of their own here."""
    for each in alert_rows.open_ones(connection):
        match each.kind:
            case Kind.INBOX:
                what, page, command = "Events wait to be applied", "/events", "everspark doctor"
            case Kind.MONEY:
                what, page = "Money at risk has passed its limit", "/authorizations?left_from=0&left_to=7&sort=money"
                command = "everspark top"
            case _:
                continue
        yield Chore(kind="alert", what=what, why=each.sentence, page=page, command=command)


def _waits(waits: tuple[Wait, ...]) -> Iterator[Chore]:
    for wait in [each for each in waits if each.remedy][:MOST_NAMED]:
        cause, remedy = wait.reason.partition(": ")[0], wait.remedy
        yield Chore(
            kind="waits",
            count=wait.count,
            what=f"{wait.count:,} × {wait.what}: {cause}",
            why=remedy[0].upper() + remedy[1:],
            page="/outbox?status=owed",
            command="everspark doctor --only waits",
            is_grave=False,
        )


def told(count: int, noun: str) -> str:
    """`1 event`, `12 events`; `1,000 events or more` where counting stopped."""
    if count >= MOST_COUNTED:
        return f"{MOST_COUNTED:,} {noun}s or more"
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
