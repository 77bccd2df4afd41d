"""Whom an act concerns, of the authorizations that were chosen, and why it leaves the others out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import psycopg
from psycopg.rows import class_row, dict_row

from domain import patience, reasons
from domain.acts import Act
from domain.authorization import ENDED_STATES, RUNNING_STATES
from domain.filter_texts import read_text
from domain.filters import Filter, FilterError, pairs_of, words_of
from domain.patience import Patience
from domain.reasons import Reason
from infra.reports import matching
from infra.tables import quoted
from infra.waiting import MESSAGE

SAID: dict[str, str] = {
    "not_in_force": "no grant is in force, so there is no end before which to ask",
    "no_end": "it has no end before which to ask",
    "message_waits": "a message that asks for it waits for its turn already",
    "asked_as_suggested": "in this period it was asked for out of turn already",
    "no_creator": "it is not known who its creator is",
    "no_email": "the creator has no e-mail address",
    # An operator may have said so as well, and no row knows who did.
    Patience.SNOOZED: "the creator is snoozed: they, or an operator for them, said not before a later day",
    "not_connected": "its advertiser is not connected to TikTok",
    "no_post": "it is an account's access, and only posts are unbound",
    "not_ended": "it has not ended",
    "changed_since": "it was changed again since then, and is left as it is",
    "unknown": "nothing is known of it",
}


@dataclass(frozen=True, slots=True)
class Objection:
    """Where `holds` (SQL), the act leaves an authorization out; `word` (SQL) says why."""

    holds: str
    word: str


def _because(word: str, holds: str) -> Objection:
    return Objection(holds, f"'{word}'")


# Where the plan has no further ask; else one more joins the message.
HAS_MESSAGE = f"authorizations.why = 'ladder_climbed' AND EXISTS ({MESSAGE.format(of='authorizations')})"
NO_CREATOR = _because("no_creator", "authorizations.creator_id IS NULL")
REVOKED = _because(Reason.IS_REVOKED, "authorizations.state = 'revoked'")
OBJECTIONS: dict[Act, tuple[Objection, ...]] = {
    Act.ASK: (
        _because("not_in_force", f"authorizations.state NOT IN ({quoted(RUNNING_STATES)})"),
        _because("no_end", "coalesce(authorizations.expires_at <= %(act_now)s, true)"),
        _because("message_waits", f"authorizations.next_action IS DISTINCT FROM 'ask' AND {HAS_MESSAGE}"),
        # The plan has the reason of its own.
        Objection("authorizations.next_action IS DISTINCT FROM 'ask'", "authorizations.why"),
        _because("asked_as_suggested", "authorizations.suggestion IS NOT NULL AND authorizations.suggested_at IS NULL"),
        NO_CREATOR,
        _because("no_email", "creators.email IS NULL"),
        _because(Patience.OPTED_OUT, "creators.opted_out_at IS NOT NULL"),
        _because(Patience.PAYMENT_DUE, "creators.payment_due_since IS NOT NULL"),
        _because(Patience.SNOOZED, "creators.snoozed_until > %(act_now)s"),
        _because(Patience.ON_HOLIDAY, "creators.away_from <= %(act_now)s AND creators.away_until > %(act_now)s"),
    ),
    Act.SNOOZE: (NO_CREATOR,),
    Act.LOOK: (
        _because(
            "not_connected",
            "NOT EXISTS (SELECT FROM advertisers"
            " WHERE advertisers.advertiser_id = authorizations.advertiser_id AND token IS NOT NULL)",
        ),
    ),
    Act.NEED: (REVOKED,),
    Act.UNBIND: (
        _because("no_post", "authorizations.item_id IS NULL"),
        _because("not_ended", f"authorizations.state NOT IN ({quoted(ENDED_STATES)})"),
    ),
    Act.REVOKE: (REVOKED,),
}


def in_words(key: str, handle: str | None) -> str:
    """An authorization as people call it: its creator, and the post or the account."""
    subject = key.partition("/")[2]
    if subject.startswith("@"):
        return f"{subject}, the account"
    return f"@{handle}, post {subject}" if handle else f"post {subject}"


def sentence(word: str) -> str:
    """Why an authorization is left out, for people."""
    if word in SAID:
        return SAID[word]
    return patience.SENTENCES[Patience(word)] if word in tuple(Patience) else reasons.sentence(word)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Which authorizations: everything that a filter matches (`query`, as in an address), or those of `keys`."""

    query: str = ""
    keys: tuple[str, ...] | None = None
    ids: tuple[int, ...] | None = None

    @classmethod
    def by(cls, text: str) -> Chosen:
        """What the filter in `text` matches: all there are where that is empty. Raises FilterError."""
        return cls(query=urlencode(pairs_of(read_text(text))))

    def condition(self, *, now: datetime) -> tuple[str, dict[str, Any]]:
        """SQL over authorizations and their creators, with its values. Raises FilterError."""
        if self.ids is not None:
            return "authorizations.id = ANY(%(ids)s)", {"ids": list(self.ids)}
        if self.keys is not None:
            return "authorizations.key = ANY(%(keys)s)", {"keys": list(self.keys)}
        return matching.condition(self.filter, now)

    @property
    def is_filter(self) -> bool:
        return self.keys is None and self.ids is None

    @property
    def filter(self) -> Filter:
        return read_text(self.query)

    @property
    def in_words(self) -> str:
        named = self.keys if self.keys is not None else self.ids
        if named is None:
            return self._filter_in_words
        return self.keys[0] if self.keys and len(self.keys) == 1 else f"{len(named):,} chosen"

    @property
    def _filter_in_words(self) -> str:
        try:
            return words_of(self.filter)
        except FilterError:
            # One that was kept, and that this version does not know.
            return self.query


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """How many an act would concern. `left_out` by the word that says why; `creators` of those that it concerns."""

    matched: int
    concerned: int
    creators: int
    last_id: int
    left_out: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """One authorization by all that it is called."""

    id: int
    key: str
    handle: str | None

    @property
    def in_words(self) -> str:
        return in_words(self.key, self.handle)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row(Named):
    """One authorization before an act; `objection` is why it is left out."""

    needed_until: datetime | None
    snoozed_until: datetime | None
    objection: str | None


def objection_of(act: Act) -> str:
    """SQL: the first objection that holds, NULL where none does."""
    cases = " ".join(f"WHEN {each.holds} THEN {each.word}" for each in OBJECTIONS[act])
    return f"CASE {cases} END" if cases else "NULL"


FROM = "authorizations LEFT JOIN creators ON creators.id = authorizations.creator_id"
COUNTED = """
SELECT {objection} AS objection, count(*), count(DISTINCT authorizations.creator_id), max(authorizations.id)
FROM {tables} WHERE {condition} GROUP BY 1 ORDER BY 2 DESC, 1
"""
ROWS = """
SELECT authorizations.id, authorizations.key, creators.handle, authorizations.needed_until, creators.snoozed_until,
    {objection} AS objection
FROM {tables} WHERE ({condition}) AND authorizations.id > %(act_after)s AND authorizations.id <= %(act_last)s
    AND (%(act_confirmed)s::int8 IS NULL OR EXISTS (
        SELECT FROM bulk_marks WHERE bulk_id = %(act_confirmed)s AND authorization_id = authorizations.id
    ))
ORDER BY authorizations.id LIMIT %(act_limit)s
"""
CONFIRM = """
INSERT INTO bulk_marks (bulk_id, authorization_id, before)
SELECT %(act_bulk)s, authorizations.id, '{{}}' FROM {tables} WHERE ({condition}) AND ({objection}) IS NULL
"""
NAMED = f"""
SELECT authorizations.id, authorizations.key, creators.handle FROM {FROM}
WHERE authorizations.id = ANY(%s) ORDER BY authorizations.id LIMIT %s
"""
LAST = 2**63 - 1


def survey(connection: psycopg.Connection[Any], act: Act, chosen: Chosen, *, now: datetime) -> Survey:
    """Counts what is chosen; a key of which nothing is known counts as left out."""
    condition, values = chosen.condition(now=now)
    query = COUNTED.format(objection=objection_of(act), tables=FROM, condition=condition)
    rows = connection.execute(query.encode(), values | {"act_now": now}).fetchall()
    left_out = {word: count for word, count, _, _ in rows if word is not None}
    found = sum(row[1] for row in rows)
    if unknown := len(chosen.keys or ()) - found if chosen.keys is not None else 0:
        left_out["unknown"] = unknown
    concerned = next((row for row in rows if row[0] is None), (None, 0, 0, 0))
    return Survey(
        matched=found + left_out.get("unknown", 0),
        concerned=concerned[1],
        creators=concerned[2],
        last_id=max((row[3] for row in rows), default=0),
        left_out=left_out,
    )


def objections(connection: psycopg.Connection[Any], number: int, *, now: datetime) -> dict[Act, str | None]:
    """Why each act would leave the authorization of this number out, in words; None where it would not."""
    columns = ", ".join(f"{objection_of(act)} AS {act}" for act in OBJECTIONS)
    query = f"SELECT {columns} FROM {FROM} WHERE authorizations.id = %(number)s"
    cursor = connection.cursor(row_factory=dict_row).execute(query.encode(), {"number": number, "act_now": now})
    return {Act(name): word and sentence(word) for name, word in (cursor.fetchone() or {}).items()}


def confirm(connection: psycopg.Connection[Any], number: int, act: Act, chosen: Chosen, *, now: datetime) -> int:
    """Keeps whom the act of this number concerns now; returns how many those are."""
    condition, values = chosen.condition(now=now)
    query = CONFIRM.format(objection=objection_of(act), tables=FROM, condition=condition)
    return connection.execute(query.encode(), values | {"act_now": now, "act_bulk": number}).rowcount


def rows(
    connection: psycopg.Connection[Any],
    act: Act,
    chosen: Chosen,
    *,
    now: datetime,
    limit: int,
    as_of: datetime | None = None,
    after: int = 0,
    last: int = LAST,
    confirmed: int | None = None,
) -> list[Row]:
    """Those chosen, in order of id after `after`. A filter's days are counted from `as_of`, by default from `now`.

    `confirmed`: only those that were confirmed for the act of this number.
    """
    condition, values = chosen.condition(now=as_of or now)
    query = ROWS.format(objection=objection_of(act), tables=FROM, condition=condition)
    values |= {"act_now": now, "act_after": after, "act_last": last, "act_limit": limit, "act_confirmed": confirmed}
    return connection.cursor(row_factory=class_row(Row)).execute(query.encode(), values).fetchall()


def named(connection: psycopg.Connection[Any], ids: Sequence[int], *, limit: int) -> list[Named]:
    """The first of these numbers, in order of id."""
    cursor = connection.cursor(row_factory=class_row(Named))
    return cursor.execute(NAMED.encode(), [list(ids), limit]).fetchall()
