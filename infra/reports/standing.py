"""Everything that is known of one authorization, as `everspark show` and its page in the room read it.

Each query walks an index of the one authorization, so that it costs the same among a thousand and a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from domain.authorization import Authorization, State
from domain.eligibility import PostPolicy, judge
from domain.next_steps import SPEAKING, next_step
from domain.worth import Worth, worth
from infra import authorizations, kpis, sightings, waiting
from infra.kpis import NO_CURRENCY
from infra.reports.lapses import Ended, ended
from infra.sightings import CONFIRMED_AT

Connection = psycopg.Connection[Any]
Row = dict[str, Any]
DAYS_OF_FIGURES = 28

FIND = f"""
SELECT authorizations.id, authorizations.key, authorizations.advertiser_id, item_id, account_handle AS account, item_url,
    route, state, state_reason, state_since, condition, condition_at, days, needed_until, contract_ends_at, reference,
    requested_at, starts_at, expires_at, period_source, revoked_at, next_action, next_action_at, why, suggested_at,
    suggestion, decided_at, decided_why, withheld_at, withheld_why, creator_id, creators.handle,
    creators.name AS creator_name, advertisers.name AS advertiser, {CONFIRMED_AT} AS confirmed
FROM authorizations
LEFT JOIN creators ON creators.id = creator_id
LEFT JOIN advertisers ON advertisers.advertiser_id = authorizations.advertiser_id
WHERE {{one}}
"""
FIND_BY = {"id": FIND.format(one="authorizations.id = %s"), "key": FIND.format(one="authorizations.key = %s")}
HISTORY = """
SELECT id, seq, at, recorded_at, event, outcome, from_state AS "from", to_state AS "to", reason, note
FROM history WHERE authorization_id = %(id)s AND (%(before)s::int8 IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s
"""
# Many lines about ads may have come since.
SPOKEN = "SELECT reason, note FROM history WHERE authorization_id = %s AND reason = ANY(%s) ORDER BY id DESC"
# An ask that its message went without was withheld. The message itself is forgotten after a time, not when it was sent.
ASKS = """
SELECT asks.rung, asks.days, asks.asked_at, asks.sent_at, asks.period_ends_at, asks.urgency,
       CASE WHEN asks.sent_at IS NOT NULL THEN 'done' WHEN outbox.status = 'done' THEN 'withheld' ELSE outbox.status END
       AS status, outbox.last_error AS reason, CASE WHEN outbox.status = 'owed' THEN outbox.due_at END AS looked_at_again
FROM asks LEFT JOIN outbox ON outbox.id = asks.outbox_id
WHERE asks.authorization_id = %s ORDER BY asks.id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where an authorization stands. `history`: newest first; `post`: what TikTok last showed, None where it never did;
    `message`: the one that asks and has not gone, None where there is none.
    """

    row: Row
    known: Authorization
    worth: Worth
    history: list[Row]
    asks: list[Row]
    endings: list[Ended]
    owed: list[Row]
    message: Row | None
    post: Row | None
    next_step: str | None


def read(
    connection: Connection, row: Row, *, policy: PostPolicy, now: datetime, most_history: int | None = None
) -> Standing:
    """All of it for one row of `find`; `most_history` bounds how much of the history is read."""
    key = row["key"]
    known = authorizations.load(connection, [key])[key]
    return Standing(
        row=row,
        known=known,
        worth=worth(known, kpis.days_of(connection, [key], now=now)[key], now=now),
        history=history(connection, row["id"], limit=most_history),
        asks=asks(connection, row["id"]),
        endings=ended(connection, now=now, key=key),
        owed=waiting.owed_to(connection, row["id"], key),
        message=waiting.with_messages(connection, [row])[0]["message"],
        post=post_of(connection, known, policy=policy, now=now),
        next_step=next_step(row, spoken(connection, row["id"])),
    )


def find(connection: Connection, *, number: int | None = None, key: str | None = None) -> Row | None:
    """The row of one authorization, by its number or by its key; None where there is none."""
    query, value = (FIND_BY["id"], number) if number is not None else (FIND_BY["key"], tidy(key or ""))
    return connection.cursor(row_factory=dict_row).execute(query, [value]).fetchone()


def tidy(key: str) -> str:
    """A key as it is kept, of one that somebody typed."""
    advertiser, slash, subject = key.strip().partition("/")
    return advertiser + slash + (subject.lower() if subject.startswith("@") else subject)


def history(connection: Connection, number: int, *, before: int | None = None, limit: int | None = None) -> list[Row]:
    """What was heard and what became of it, the newest first; `before` a line's own number."""
    values = {"id": number, "before": before, "limit": limit}
    return connection.cursor(row_factory=dict_row).execute(HISTORY, values).fetchall()


def spoken(connection: Connection, number: int) -> list[Row]:
    """The lines of its history that a next step is told by, the newest first."""
    return connection.cursor(row_factory=dict_row).execute(SPOKEN, [number, list(SPEAKING)]).fetchall()


def recorded_at(connection: Connection, number: int, line: int) -> datetime | None:
    """When a line of the history was written."""
    query = "SELECT recorded_at FROM history WHERE authorization_id = %s AND id = %s"
    row = connection.execute(query, [number, line]).fetchone()
    return row[0] if row else None


def asks(connection: Connection, number: int) -> list[Row]:
    """The requests to the creator, the oldest first, each with what became of its message."""
    return connection.cursor(row_factory=dict_row).execute(ASKS, [number]).fetchall()


def worths(connection: Connection, keys: Sequence[str], *, now: datetime) -> dict[str, Worth]:
    """What each of these authorizations is worth."""
    days = kpis.days_of(connection, keys, now=now)
    found = authorizations.load(connection, keys)
    return {key: worth(found[key], days[key], now=now) if key in found else Worth() for key in keys}


def post_of(connection: Connection, known: Authorization, *, policy: PostPolicy, now: datetime) -> Row | None:
    """What TikTok last showed, and what is to be said of it; None where it was never seen."""
    sighting = sightings.load(connection, [known.key]).get(known.key)
    if sighting is None:
        return None
    shown = {
        "authorization": sighting.auth_status,
        "starts_at": sighting.starts_at,
        "ends_at": sighting.ends_at,
        "status": sighting.status,
        "seen_at": sighting.seen_at,
        "missing_since": sighting.missing_since,
        **sighting.facts,
    }
    if sighting.is_account:
        return shown | {"refusals": [], "warnings": [], "advice": []}
    # Bound already, so the code of the post that it builds on was there.
    was_authorized = known.state is not State.REQUESTED
    post = sightings.post_of(sighting)
    verdict = judge(post, policy=policy, now=now, has_original_code=True, was_authorized=was_authorized)
    return shown | {
        "refusals": [
            {"code": each.symbol, "sentence": each.cause, "next_step": each.remedy} for each in verdict.refusals
        ],
        "warnings": [asdict(each) for each in verdict.warnings],
        "advice": [asdict(each) for each in verdict.advice],
    }


PASSED = """
SELECT DISTINCT state FROM history CROSS JOIN unnest(ARRAY[from_state, to_state]) AS state
WHERE authorization_id = %s AND state IS NOT NULL
"""
# A code by its last characters alone. Who said so is known as long as the event is kept.
GRANTS = """
SELECT starts_at, ends_at, source, sender, codes.last AS code FROM grants
LEFT JOIN codes ON codes.fingerprint = grants.code_fingerprint LEFT JOIN inbox USING (seq)
WHERE authorization_id = %s ORDER BY grants.starts_at, grants.id
"""
FIGURES = """
SELECT day, nullif(currency, %(no_currency)s) AS currency, spend, impressions, clicks, conversions
FROM kpis WHERE authorization_id = %(id)s AND day >= %(since)s ORDER BY currency, day
"""
ESCALATIONS = """
SELECT step, period_ends_at, opened_at, resolved_at FROM escalations WHERE authorization_id = %s ORDER BY id
"""
# Asks and their messages stand beside it.
EFFECTS = """
SELECT kind, status, created_at, settled_at, last_error AS reason FROM outbox
WHERE authorization_id = %s AND kind <> 'ask.mail' AND settled_at IS NOT NULL ORDER BY id DESC LIMIT 200
"""
# What waits for an earlier event, or for a person, is in nobody's history yet.
RAW = """
SELECT seq, type, sender, event_id, occurred_at, received_at, coalesce(outcome, status, 'ready') AS outcome, reason,
    error IS NOT NULL AS has_raised, data
FROM inbox LEFT JOIN pending USING (seq)
WHERE seq IN (
    SELECT unnest(%(seqs)s::int8[])
    UNION SELECT seq FROM pending WHERE status = 'early' AND key = %(key)s
    UNION SELECT seq FROM pending WHERE status IN ('parked', 'quarantined') AND key = %(key)s)
ORDER BY seq DESC LIMIT %(limit)s
"""


# A letter of an act is called by the act's name and nonce.
BEGUN = """
SELECT seq, bulks.id, bulks.actor
FROM inbox JOIN bulks ON nonce = split_part(event_id, ':', 2) AND starts_with(event_id, act || ':' || nonce || ':')
WHERE seq = ANY(%s) AND sender = 'operator'
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """The act of which a line of the history came: its number, and by whom."""

    id: int
    actor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """What the page in the room shows beside it: states it has been in, periods, figures by day, what climbed, what was done."""

    passed: frozenset[State]
    grants: list[Row]
    figures: list[Row]
    escalations: list[Row]
    effects: list[Row]


def details(connection: Connection, number: int, *, now: datetime) -> Details:
    """The rows around one authorization."""
    cursor = connection.cursor(row_factory=dict_row)
    since: date = now.date() - timedelta(days=DAYS_OF_FIGURES)
    values = {"id": number, "since": since, "no_currency": NO_CURRENCY}
    return Details(
        passed=frozenset(State(row["state"]) for row in cursor.execute(PASSED, [number])),
        grants=cursor.execute(GRANTS, [number]).fetchall(),
        figures=cursor.execute(FIGURES, values).fetchall(),
        escalations=cursor.execute(ESCALATIONS, [number]).fetchall(),
        effects=cursor.execute(EFFECTS, [number]).fetchall(),
    )


def raw(connection: Connection, key: str, seqs: Sequence[int], *, limit: int) -> list[Row]:
    """Events as the inbox keeps them, without what is sealed: those of `seqs`, and those that wait, the newest first."""
    values = {"seqs": list(seqs), "key": key, "limit": limit}
    return connection.cursor(row_factory=dict_row).execute(RAW, values).fetchall()


def begun(connection: Connection, seqs: Sequence[int]) -> dict[int, Begun]:
    """Of the events of `seqs`, those that an act sent, with the act; of one that is forgotten nothing is known."""
    rows = connection.execute(BEGUN, [list(seqs)]).fetchall()
    return {seq: Begun(id=number, actor=actor) for seq, number, actor in rows}
