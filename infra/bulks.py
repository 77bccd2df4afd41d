"""Acts on many authorizations at once: asked for here, done batch by batch by the worker, paused, ended and undone by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from domain.acts import DEEDS, Act, ActError, Deed, NobodyError, term_of
from infra import audit
from infra.acts import TYPES, told
from infra.bulk_tables import Progress
from infra.long_work import LongWork
from infra.outbox import LOOK_ONE, POST_UNBIND
from infra.reports import concerned
from infra.reports.concerned import Chosen
from infra.tables import quoted


@dataclass(frozen=True, kw_only=True, slots=True)
class Bulk:
    """One of them as it stands. `undone_by`: the act that takes it back; `key` and `handle`: of the only one that it is about."""

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
    handle: str | None

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
    def called(self) -> str:
        """The same as people call it."""
        return concerned.in_words(self.key, self.handle) if self.key else self.of_what

    @property
    def unit(self) -> str:
        """What its numbers count."""
        return "creators" if self.undo_of and self.act is Act.SNOOZE else "authorizations"

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
    bulks.created_at, bulks.ended_at, bulks.trouble, authorizations.key, creators.handle
FROM bulks LEFT JOIN bulks AS undo ON undo.undo_of = bulks.id
LEFT JOIN authorizations ON authorizations.id = (bulks.ids ->> 0)::int8 AND jsonb_array_length(bulks.ids) = 1
LEFT JOIN creators ON creators.id = authorizations.creator_id
"""
# What a creator or an operator waits for stands behind no more than twice so many calls of an act, a few seconds at TikTok's
# limits; so few still keep whoever makes the calls busy.
CALLS_AT_ONCE = 10
CALLS = [act for act, deed in DEEDS.items() if deed.is_call]
MANY_CALLS = f"act IN ({quoted(CALLS)}) AND matched > {CALLS_AT_ONCE}"
# What was told and not applied is on its way to be owed. Behind more letters than this an act rests anyway.
RESTS = f"""
{CALLS_AT_ONCE} <= (
    SELECT count(*) FROM (
        SELECT FROM outbox WHERE kind IN ('{LOOK_ONE}', '{POST_UNBIND}') AND status IN ('owed', 'paying', 'uncertain')
            AND due_at <= %(now)s LIMIT {CALLS_AT_ONCE}
    ) AS owed
) + (
    SELECT count(*) FROM (SELECT seq FROM pending WHERE status = 'ready' LIMIT 1000) AS waiting JOIN inbox USING (seq)
    WHERE type IN ({quoted(TYPES[act] for act in CALLS)})
)
"""
BULKS = LongWork(
    table="bulks",
    noun="act",
    shape=Bulk,
    error=ActError,
    select=SELECT,
    left="matched - done - skipped",
    may_rest=MANY_CALLS,
    rests=RESTS,
)
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
    if (earlier := _earlier(connection, nonce)) is not None:
        return _same(connection, earlier, act, chosen, until)
    until = term_of(act, until, now=now)
    found = concerned.survey(connection, act, chosen, now=now)
    if found.concerned == 0:
        raise NobodyError(found.left_out)
    if expected is not None and expected != found.concerned:
        raise ActError(_other(found.concerned, expected))
    known = _known(connection, chosen)
    # Of a grave act nobody joins after it was confirmed: who is left out now stays so.
    left_out = {word: many for word, many in found.left_out.items() if word != "unknown"} if DEEDS[act].is_grave else {}
    values = {
        "act": act,
        "query": chosen.query,
        "ids": _ids(known),
        "params": Jsonb(told(until)),
        "matched": found.matched - found.left_out.get("unknown", 0),
        "skipped": sum(left_out.values()),
        "left_out": Jsonb(left_out),
        "last_id": found.last_id,
        "undo_of": None,
    }
    whom = {"query": chosen.query} if chosen.is_filter else _keys(known)
    about = whom | {"matched": found.matched, "concerned": found.concerned} | told(until)
    with connection.transaction():
        number, is_new = _begun(connection, values, nonce=nonce, act=f"act.{act}", about=about, actor=actor, now=now)
        if not is_new:
            return _same(connection, number, act, chosen, until)
        if DEEDS[act].is_grave:
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
    known = _known(connection, bulk.chosen)
    values = {
        "act": bulk.act,
        "query": bulk.query,
        "ids": _ids(known),
        "params": Jsonb(dict(bulk.params)),
        "matched": matched,
        "skipped": 0,
        "left_out": Jsonb({}),
        "last_id": last_id,
        "undo_of": number,
    }
    about = {"undo_of": number} | _keys(known)
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


def _earlier(connection: psycopg.Connection[Any], nonce: str) -> int | None:
    """The act that this form began before."""
    row = connection.execute("SELECT id FROM bulks WHERE nonce = %s", [nonce]).fetchone()
    return int(row[0]) if row else None


def _same(connection: psycopg.Connection[Any], number: int, act: Act, chosen: Chosen, until: datetime | None) -> int:
    """Its number, where this is what it was asked for. Raises ActError: what is chosen newly is not dropped in silence."""
    bulk, known = need(connection, number), _known(connection, chosen)
    asked = [each for each, _ in known] if known is not None else None
    at = until if bulk.deed.param else None
    if (bulk.act, bulk.query, bulk.ids, bulk.until) != (act, chosen.query, asked, at):
        raise ActError(f"This form began act {number} before, which was another one. Look again, then confirm.")
    return number


Known = Sequence[tuple[int, str]]


def _known(connection: psycopg.Connection[Any], chosen: Chosen) -> Known | None:
    """Number and key of each that was chosen by itself; None where a filter chose."""
    if chosen.is_filter:
        return None
    query = "SELECT id, key FROM authorizations WHERE key = ANY(%s) OR id = ANY(%s) ORDER BY id"
    return connection.execute(query, [list(chosen.keys or ()), list(chosen.ids or ())]).fetchall()


def _ids(known: Known | None) -> Jsonb | None:
    return None if known is None else Jsonb([number for number, _ in known])


def _keys(known: Known | None) -> dict[str, Any]:
    """The chosen as the audit log keeps them."""
    return {} if known is None else audit.several([key for _, key in known])


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
