"""Acts on many authorizations at once: asked for here, done batch by batch by the worker, paused, ended and undone by people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from domain.acts import DEEDS, Act, ActError, Deed, term_of
from infra import audit
from infra.acts import told
from infra.bulk_tables import Progress
from infra.long_work import LongWork
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
    def may_be_ended(self) -> bool:
        return not self.status.has_ended

    @property
    def may_be_undone(self) -> bool:
        return self.deed.can_be_undone and not self.status.is_open and self.undo_of is None and self.undone_by is None

    @property
    def gone_by(self) -> int:
        """Those that the filter no longer matched when their turn came."""
        return max(self.matched - self.done - self.skipped, 0) if self.status.has_ended else 0


INSERT = """
INSERT INTO bulks (nonce, act, query, ids, params, actor, matched, skipped, left_out, last_id, undo_of, created_at)
VALUES (%(nonce)s, %(act)s, %(query)s, %(ids)s, %(params)s, %(actor)s, %(matched)s, %(skipped)s, %(left_out)s, %(last_id)s,
    %(undo_of)s, %(now)s)
ON CONFLICT DO NOTHING RETURNING id
"""
SELECT = """
SELECT bulks.id, bulks.nonce, bulks.act, bulks.query, bulks.ids, bulks.params, bulks.status, bulks.actor, bulks.matched,
    bulks.last_id, bulks.place, bulks.done, bulks.skipped, bulks.left_out, bulks.undo_of, undo.id AS undone_by,
    bulks.created_at, bulks.ended_at, bulks.trouble, (
        SELECT key FROM authorizations WHERE id = (bulks.ids ->> 0)::int8 AND jsonb_array_length(bulks.ids) = 1
    ) AS key
FROM bulks LEFT JOIN bulks AS undo ON undo.undo_of = bulks.id
"""
BULKS = LongWork(table="bulks", noun="act", shape=Bulk, error=ActError, select=SELECT, left="matched - done - skipped")
load, listed, need, is_any_neglected = BULKS.load, BULKS.listed, BULKS.need, BULKS.is_any_neglected
pause, go_on, end = BULKS.pause, BULKS.go_on, BULKS.end


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
        BULKS.become(connection, number, Progress.DONE, now=now)
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


def _other(found: int, expected: int) -> str:
    return f"By now it is {found:,}, not {expected:,}. Look again, then confirm."


def _no_undo(bulk: Bulk) -> str:
    if bulk.undone_by is not None:
        return f"It was undone already, by act {bulk.undone_by}."
    if bulk.status.is_open:
        return "It is under way: pause it first."
    return (
        "What takes an act back cannot be undone itself." if bulk.undo_of else f"“{bulk.deed.label}” cannot be undone."
    )
