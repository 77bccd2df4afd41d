"""Acts on many authorizations at once: asked for here, done batch by batch by the worker, paused, ended and undone by people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.acts import DEEDS, Act, ActError, Deed, term_of
from infra import audit
from infra.acts import told
from infra.bulk_tables import OPEN, Progress
from infra.reports import concerned
from infra.reports.concerned import Chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class Bulk:
    """One of them as it stands. `undone_by`: the act that takes it back; `key`: of the only one that it is about."""

    id: int
    nonce: str
    act: Act
    query: str
    ids: list[int] | None
    params: Mapping[str, Any]
    status: Progress
    actor: str
    matched: int
    last_id: int
    place: int
    done: int
    skipped: int
    left_out: Mapping[str, int]
    undo_of: int | None
    undone_by: int | None
    created_at: datetime
    ended_at: datetime | None
    trouble: str | None
    key: str | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "act", Act(self.act))
        object.__setattr__(self, "status", Progress(self.status))

    @property
    def deed(self) -> Deed:
        return DEEDS[self.act]

    @property
    def until(self) -> datetime | None:
        text = self.params.get("until")
        return datetime.fromisoformat(text) if text else None

    @property
    def chosen(self) -> Chosen:
        return Chosen(query=self.query, ids=tuple(self.ids) if self.ids is not None else None)

    @property
    def of_what(self) -> str:
        """In words, of which authorizations."""
        return self.key or self.chosen.in_words

    @property
    def is_open(self) -> bool:
        """Whether it goes on by itself."""
        return self.status in (Progress.WAITING, Progress.RUNNING)

    @property
    def has_ended(self) -> bool:
        return self.status is Progress.DONE

    @property
    def may_be_undone(self) -> bool:
        return self.deed.can_be_undone and not self.is_open and self.undo_of is None and self.undone_by is None

    @property
    def gone_by(self) -> int:
        """Those that the filter no longer matched when their turn came."""
        return max(self.matched - self.done - self.skipped, 0) if self.has_ended else 0


INSERT = """
INSERT INTO bulks (nonce, act, query, ids, params, actor, matched, skipped, left_out, last_id, undo_of, created_at)
VALUES (%(nonce)s, %(act)s, %(query)s, %(ids)s, %(params)s, %(actor)s, %(matched)s, %(skipped)s, %(left_out)s, %(last_id)s,
    %(undo_of)s, %(now)s)
ON CONFLICT DO NOTHING RETURNING id
"""
LOAD = """
SELECT bulks.id, bulks.nonce, bulks.act, bulks.query, bulks.ids, bulks.params, bulks.status, bulks.actor, bulks.matched,
    bulks.last_id, bulks.place, bulks.done, bulks.skipped, bulks.left_out, bulks.undo_of, undo.id AS undone_by,
    bulks.created_at, bulks.ended_at, bulks.trouble, (
        SELECT key FROM authorizations WHERE id = (bulks.ids ->> 0)::int8 AND jsonb_array_length(bulks.ids) = 1
    ) AS key
FROM bulks LEFT JOIN bulks AS undo ON undo.undo_of = bulks.id
"""


def create(
    connection: psycopg.Connection[Any],
    act: Act,
    chosen: Chosen,
    *,
    until: datetime | None,
    actor: str,
    now: datetime,
    nonce: str,
    expected: int | None = None,
) -> int:
    """The number of an act that begins, or of the one that the same form began before. Nudge `bulks` after the commit.

    `expected`: how many it was confirmed for; another number by now is refused. Raises ActError and FilterError.
    """
    if known := connection.execute("SELECT id FROM bulks WHERE nonce = %s", [nonce]).fetchone():
        return int(known[0])
    until = term_of(act, until, now=now)
    found = concerned.survey(connection, act, chosen, now=now)
    if found.concerned == 0:
        raise ActError("It concerns none of these, so there is nothing to do.")
    if expected is not None and expected != found.concerned:
        raise ActError(_other(found.concerned, expected))
    # Of a grave act nobody joins after it was confirmed: who is left out now stays so.
    left_out = {word: many for word, many in found.left_out.items() if word != "unknown"} if DEEDS[act].is_grave else {}
    values = {
        "act": act,
        "query": chosen.query,
        "ids": _ids(connection, chosen),
        "params": Jsonb(told(until)),
        "matched": found.matched - found.left_out.get("unknown", 0),
        "skipped": sum(left_out.values()),
        "left_out": Jsonb(left_out),
        "last_id": found.last_id,
        "undo_of": None,
    }
    about = {"query": chosen.query, "matched": found.matched, "concerned": found.concerned} | told(until)
    with connection.transaction():
        number, is_new = _begun(connection, values, nonce=nonce, act=f"act.{act}", about=about, actor=actor, now=now)
        if is_new and DEEDS[act].is_grave:
            confirmed = concerned.confirm(connection, number, act, chosen, now=now)
            if confirmed != found.concerned:
                raise ActError(_other(confirmed, found.concerned))
    return number


def undo(connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> int:
    """The number of the act that takes this one back; one that was paused ends. Raises ActError, also the second time."""
    bulk = need(connection, number, lock=True)
    if not bulk.may_be_undone:
        raise ActError(_no_undo(bulk))
    marks = "SELECT count(*), coalesce(max(authorization_id), 0) FROM bulk_marks WHERE bulk_id = %s"
    matched, last_id = connection.execute(marks, [number]).fetchone() or (0, 0)
    if not matched:
        raise ActError("Nothing was changed by it, or it is so long ago that how things stood is no longer kept.")
    if bulk.status is not Progress.DONE:
        _become(connection, bulk, Progress.DONE, now=now)
    values = {
        "act": bulk.act,
        "query": bulk.query,
        "ids": None,
        "params": Jsonb(dict(bulk.params)),
        "matched": matched,
        "skipped": 0,
        "left_out": Jsonb({}),
        "last_id": last_id,
        "undo_of": number,
    }
    about = {"undo_of": number}
    begun = _begun(connection, values, nonce=f"undo-{number}", act="act.undone", about=about, actor=actor, now=now)
    return begun[0]


def pause(connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
    """It stops after the batch that is in hand. Raises ActError where it has ended."""
    _change(connection, number, Progress.PAUSED, actor=actor, now=now)


def go_on(connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
    """It goes on where it stopped, also after a failure. Nudge `bulks` after the commit. Raises ActError where it has ended."""
    _change(connection, number, Progress.WAITING, actor=actor, now=now)


def end(connection: psycopg.Connection[Any], number: int, *, actor: str, now: datetime) -> None:
    """It is over, with what is done by now. Raises ActError where it has ended."""
    _change(connection, number, Progress.DONE, actor=actor, now=now)


def load(connection: psycopg.Connection[Any], number: int) -> Bulk | None:
    """One of them."""
    cursor = connection.cursor(row_factory=class_row(Bulk))
    return cursor.execute(LOAD + "WHERE bulks.id = %s", [number]).fetchone()


def listed(connection: psycopg.Connection[Any], *, before: int | None = None, limit: int = 50) -> list[Bulk]:
    """The newest first, those before the number `before`."""
    cursor = connection.cursor(row_factory=class_row(Bulk))
    query = LOAD + "WHERE bulks.id < coalesce(%s, 9223372036854775807) ORDER BY bulks.id DESC LIMIT %s"
    return cursor.execute(query, [before, limit]).fetchall()


def need(connection: psycopg.Connection[Any], number: int, *, lock: bool = False) -> Bulk:
    """One of them, kept for this transaction if `lock`. Raises ActError where there is none."""
    if lock:
        connection.execute("SELECT FROM bulks WHERE id = %s FOR UPDATE", [number])
    bulk = load(connection, number)
    if bulk is None:
        raise ActError(f"There is no act {number}.")
    return bulk


def is_any_neglected(connection: psycopg.Connection[Any], *, now: datetime) -> bool:
    """Whether an open one has had no batch for a while."""
    query = f"SELECT EXISTS (SELECT FROM bulks WHERE {OPEN} AND coalesce(claimed_until <= %s, true))"
    row = connection.execute(query.encode(), [now]).fetchone()
    return row is not None and bool(row[0])


def _begun(
    connection: psycopg.Connection[Any],
    values: dict[str, Any],
    *,
    nonce: str,
    act: str,
    about: Mapping[str, Any],
    actor: str,
    now: datetime,
) -> tuple[int, bool]:
    """Its number, and whether it is new."""
    row = connection.execute(INSERT, values | {"nonce": nonce, "actor": actor, "now": now}).fetchone()
    if row is None:
        # The same form, sent twice at once: the other one was first, and is there by now.
        first = connection.execute("SELECT id FROM bulks WHERE nonce = %s", [nonce]).fetchone()
        if first is None:
            raise ActError("This was begun already: see the list of acts.")
        return int(first[0]), False
    audit.note(connection, at=now, actor=actor, act=act, subject=f"act/{row[0]}", about=about)
    return int(row[0]), True


def _ids(connection: psycopg.Connection[Any], chosen: Chosen) -> Jsonb | None:
    if chosen.keys is None:
        return None
    rows = connection.execute("SELECT id FROM authorizations WHERE key = ANY(%s) ORDER BY id", [list(chosen.keys)])
    return Jsonb([number for (number,) in rows])


def _change(connection: psycopg.Connection[Any], number: int, status: Progress, *, actor: str, now: datetime) -> None:
    bulk = need(connection, number, lock=True)
    if bulk.has_ended:
        raise ActError("It has ended already.")
    if bulk.status is not status:
        _become(connection, bulk, status, now=now)
        audit.note(connection, at=now, actor=actor, act=f"act.{VERBS[status]}", subject=f"act/{number}")


VERBS = {Progress.PAUSED: "paused", Progress.WAITING: "resumed", Progress.DONE: "ended"}


def _become(connection: psycopg.Connection[Any], bulk: Bulk, status: Progress, *, now: datetime) -> None:
    ended_at = now if status is Progress.DONE else None
    query = "UPDATE bulks SET status = %s, ended_at = %s, trouble = NULL, claimed_until = NULL WHERE id = %s"
    connection.execute(query, [status, ended_at, bulk.id])


def _other(found: int, expected: int) -> str:
    return f"By now it is {found:,}, not {expected:,}. Look again, then confirm."


def _no_undo(bulk: Bulk) -> str:
    if bulk.undone_by is not None:
        return f"It was undone already, by act {bulk.undone_by}."
    if bulk.is_open:
        return "It is under way: pause it first."
    return (
        "What takes an act back cannot be undone itself." if bulk.undo_of else f"“{bulk.deed.label}” cannot be undone."
    )
