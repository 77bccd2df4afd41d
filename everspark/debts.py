"""What `everspark doctor` finds of what is owed: messages, calls to TikTok, and what waits for a person to do something."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from everspark.outcomes import first_line
from infra import waiting
from infra.outbox import EFFECTS, PAYABLE
from worker.remedies import remedy_of

# What failed longer ago is history: nothing can be done about it that would make it well again.
RECENT = timedelta(days=7)
COUNTS = """
SELECT count(*) FILTER (WHERE status = 'failed' AND settled_at > %(since)s),
       count(*) FILTER (WHERE status = 'uncertain' AND settled_at > %(since)s),
       count(*) FILTER (WHERE settled_at <= %(since)s),
       (array_agg(key ORDER BY settled_at DESC) FILTER (WHERE status = 'failed' AND settled_at > %(since)s))[1:%(most)s::int]
FROM outbox WHERE status IN ('failed', 'uncertain') AND kind = ANY(%(kinds)s)
"""
MOST_NAMED = 3
FAILED = "`everspark outbox list --status failed` says why; mend that, then `everspark outbox retry NUMBER`, or `--failed` for all"
UNCERTAIN = (
    "an uncertain message may have arrived and is never sent again by itself: ask the creator, then settle it by "
    "`everspark outbox arrived NUMBER`, or `retry` (`everspark outbox list --status uncertain`)"
)
FAILED_CALLS = "`everspark show KEY` says why; mend that, then `everspark outbox retry NUMBER`"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` says what a person can do, and is empty when there is nothing."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def messages(connection: psycopg.Connection[Any], now: datetime) -> Finding:
    """What was owed to people and did not arrive, or may not have."""
    failed, uncertain, older, _ = counted(connection, PAYABLE, now)
    remedies = [remedy for count, remedy in ((failed, FAILED), (uncertain, UNCERTAIN)) if count]
    detail = f"{failed} failed, {uncertain} uncertain in the last {RECENT.days} days; {older} older"
    return Finding(name="outbox", ok=not remedies, detail=detail, remedy="; ".join(remedies))


def calls(connection: psycopg.Connection[Any], now: datetime) -> Finding:
    """What was owed to TikTok. A lost answer is settled by reading: only what failed wants a person."""
    failed, uncertain, older, keys = counted(connection, EFFECTS, now)
    named = f" ({', '.join(keys)})" if keys else ""
    detail = f"{failed} failed in the last {RECENT.days} days{named}; {older} older"
    detail += f"; {uncertain} uncertain, settled by reading TikTok" if uncertain else ""
    return Finding(name="calls", ok=not failed, detail=detail, remedy=FAILED_CALLS if failed else "")


def waits(connection: psycopg.Connection[Any]) -> Finding:
    """What is owed and waits, by its reason; well where it only waits for its turn, for TikTok or for a creator."""
    told, remedies, others = [], [], 0
    for kind, reason, count in waiting.whys(connection):
        remedy = remedy_of(reason)
        if remedy is None:
            others += count
            continue
        told.append(f"{count} × {waiting.NAMES[kind]}: {first_line(reason.partition(': ')[0])}")
        remedies.append(remedy)
    told += [f"{others} in their turn"] if others else []
    detail = "; ".join(told) or "nothing"
    return Finding(name="waits", ok=not remedies, detail=detail, remedy="; ".join(dict.fromkeys(remedies)))


def counted(
    connection: psycopg.Connection[Any], kinds: tuple[str, ...], now: datetime
) -> tuple[int, int, int, list[str]]:
    """Failed, uncertain, older than RECENT, and the keys of those that failed last."""
    values = {"since": now - RECENT, "kinds": list(kinds), "most": MOST_NAMED}
    failed, uncertain, older, keys = connection.execute(COUNTS, values).fetchall()[0]
    return failed, uncertain, older, keys or []
