"""The alerts' memory: one outbox row for each owner and topic, whose payload is the last word that was said of it.

The row is owed anew when there is another word, so at most one word of a thread is ever under way, and a crash leaves
either the old word or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from domain.alerting import Board, Say, Topic, Word
from domain.escalation import Step
from infra import alert_rows
from infra.channel_urls import EVERYBODY
from infra.endpoints import why_disabled

STEP_OF = {Topic.RENEWALS: Step.OWNER, Topic.LAPSES: Step.LAPSED}
TOPIC_OF = {step: topic for topic, step in STEP_OF.items()}
SETTLED, SAID = ("done", "failed", "uncertain", "cancelled"), ("done", "failed", "uncertain")


@dataclass(frozen=True, kw_only=True, slots=True)
class Thread:
    """All that one owner hears of one topic."""

    owner: str
    topic: Topic

    @property
    def idempotency_key(self) -> str:
        """One row for ever."""
        return f"alert-{self.owner or 'all'}-{self.topic}"


COUNTS = """
SELECT a.advertiser_id, e.step, count(*), max(e.id) FROM escalations e JOIN authorizations a ON a.id = e.authorization_id
WHERE e.resolved_at IS NULL AND e.step = ANY(%s) GROUP BY a.advertiser_id, e.step
"""
TROUBLED = "SELECT advertiser_id, trouble FROM advertisers WHERE trouble IS NOT NULL ORDER BY advertiser_id"
# An endpoint that a person switched off is no news to people; one that failed until it was stopped is.
STOPPED = """
SELECT name, failing_since, disabled_at FROM endpoints WHERE disabled_at IS NOT NULL AND failing_since IS NOT NULL ORDER BY name
"""


def boards(connection: psycopg.Connection[Any], owner_of: Callable[[str], str]) -> dict[Thread, Board]:
    """What is open, for each thread that has something."""
    found: dict[Thread, Board] = {}
    for advertiser_id, step, count, newest in connection.execute(COUNTS, [list(STEP_OF.values())]):
        thread = Thread(owner=owner_of(advertiser_id), topic=TOPIC_OF[Step(step)])
        before = found.get(thread, Board())
        found[thread] = Board(count=before.count + count, newest=max(before.newest, newest))
    for advertiser_id, _ in connection.execute(TROUBLED):
        _add(found, Thread(owner=owner_of(advertiser_id), topic=Topic.CONNECTIONS), advertiser_id)
    for name, _, _ in connection.execute(STOPPED):
        _add(found, Thread(owner=EVERYBODY, topic=Topic.WEBHOOKS), name)
    for each in alert_rows.open_ones(connection):
        _add(found, Thread(owner=EVERYBODY, topic=Topic.SERVICE), each.name)
    return found


def _add(found: dict[Thread, Board], thread: Thread, name: str) -> None:
    before = found.get(thread, Board())
    found[thread] = Board(count=before.count + 1, names=before.names | {name})


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """A thread's row: the last word that was said, and whether another is on its way."""

    last: Word | None
    is_busy: bool
    number: int


def memories(connection: psycopg.Connection[Any], threads: Iterable[Thread]) -> dict[Thread, Memory]:
    """What was said in each thread that ever had a word."""
    by_key = {thread.idempotency_key: thread for thread in threads}
    query = "SELECT idempotency_key, status, settled_at, payload FROM outbox WHERE idempotency_key = ANY(%s)"
    with connection.cursor(row_factory=dict_row) as cursor:
        return {by_key[row["idempotency_key"]]: _memory(row) for row in cursor.execute(query, [list(by_key)])}


def _memory(row: Mapping[str, Any]) -> Memory:
    payload = row["payload"]
    said = _said(row)
    return Memory(
        last=None if said is None else word_of(said),
        is_busy=row["status"] not in SETTLED,
        number=payload["number"],
    )


def _said(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The last word that left, as JSON: one that was cancelled was never said."""
    payload = row["payload"]
    if row["status"] not in SAID:
        said: dict[str, Any] | None = payload.get("last")
        return said
    return {**payload["word"], "at": row["settled_at"].isoformat(), "was_heard": row["status"] == "done"}


def word_of(said: Mapping[str, Any]) -> Word:
    """A word from its JSON."""
    return Word(
        at=datetime.fromisoformat(said["at"]),
        is_resolved=said["say"] == Say.RESOLVED,
        newest=said["newest"],
        names=frozenset(said["names"]),
        was_heard=said["was_heard"],
    )


OWE = """
INSERT INTO outbox AS known (kind, key, idempotency_key, payload, due_at, created_at)
VALUES ('alert', %(key)s, %(key)s, %(payload)s, %(now)s, %(now)s)
ON CONFLICT (idempotency_key) DO UPDATE SET status = 'owed', attempts = 0, due_at = excluded.due_at, claimed_at = NULL,
    settled_at = NULL, payload = excluded.payload, last_error = NULL
WHERE known.status IN ('done', 'failed', 'uncertain', 'cancelled') AND known.payload ->> 'number' = %(before)s
"""


def owe(
    connection: psycopg.Connection[Any], thread: Thread, say: Say, board: Board, memory: Memory | None, *, now: datetime
) -> bool:
    """Owes a word, unless somebody else did since `memory` was read."""
    last = memory.last if memory else None
    names = sorted(board.names) if say is Say.OPEN else sorted(last.names if last else ())
    # What was told stays told when it is over: the same things coming back at once are no news.
    newest = max(board.newest, last.newest if last else 0)
    number = memory.number if memory else 0
    payload = {
        "owner": thread.owner,
        "topic": thread.topic,
        "number": number + 1,
        "word": {"say": say, "newest": newest, "names": names},
        "last": last and _plain(last),
        "reached": [],
    }
    values = {"key": thread.idempotency_key, "payload": Jsonb(payload), "now": now, "before": str(number)}
    return connection.execute(OWE, values).rowcount > 0


def _plain(word: Word) -> dict[str, Any]:
    return {
        "say": Say.RESOLVED if word.is_resolved else Say.OPEN,
        "at": word.at.isoformat(),
        "newest": word.newest,
        "names": sorted(word.names),
        "was_heard": word.was_heard,
    }


def troubles(connection: psycopg.Connection[Any], thread: Thread, owner_of: Callable[[str], str]) -> Sequence[str]:
    """A line for each advertiser in trouble, or each endpoint that was stopped."""
    if thread.topic is Topic.CONNECTIONS:
        rows = connection.execute(TROUBLED).fetchall()
        return [f"Advertiser {name}: {trouble}" for name, trouble in rows if owner_of(name) == thread.owner]
    rows = connection.execute(STOPPED).fetchall()
    return [
        f"Webhook endpoint {name}: failing since {since:%Y-%m-%d %H:%M} UTC, stopped: {why_disabled(since, at)}"
        for name, since, at in rows
    ]
