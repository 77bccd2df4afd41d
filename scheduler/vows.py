"""Sentences that are always true, checked on the live data: each names the rows that break it. They speak of two tables
or of time, so no CHECK can hold them.

A check stays cheap on any amount of data. What an index leads to directly is looked for everywhere; the rest among the
authorizations touched last and in a slice that moves on with each sweep, so that every row has its turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import structlog

from domain.authorization import RUNNING_STATES
from infra.ledger import EPOCH
from infra.watched import VOWS_SLICE
from scheduler.leadership import Turn, as_leader

MOST_NAMED = 5
TOUCHED = 5_000
RECENT = 20_000
# Sweep, queue and worker need seconds; later than this, something stands still. It is counted from the latest of the due
# instant, the plan that names it (which may have been written late) and the return of the sweep that looks for it.
PATIENCE = timedelta(minutes=15)
log = structlog.get_logger()

RUNNING = f"state IN {tuple(map(str, RUNNING_STATES))}"
LIVE = """
ads.started_at IS NOT NULL AND (ads.stopped_at IS NULL OR ads.stopped_at < ads.started_at)
AND (ads.lost_at IS NULL OR ads.lost_at < ads.started_at)
"""
LOOKED_AT = f"""
(SELECT id FROM authorizations WHERE id > %(slice)s AND id <= %(slice)s + {VOWS_SLICE}
 UNION (SELECT authorization_id FROM history ORDER BY id DESC LIMIT {TOUCHED})) AS looked_at
JOIN authorizations AS a USING (id)
"""

# A job has been at work since the first ended run after its last silence. Two spans are looked at: what began before
# them is older than any patience.
AT_WORK = """
SELECT job, max(started_at) FROM (
    SELECT job, started_at, lag(started_at) OVER (PARTITION BY job ORDER BY started_at) AS before
    FROM (
        SELECT job, started_at FROM sweeps
        WHERE job = ANY(%(jobs)s) AND slot >= %(patience)s - %(span)s AND ended_at IS NOT NULL
        UNION ALL SELECT job, %(now)s FROM unnest(%(jobs)s::text[]) AS job
    ) AS runs
) AS gaps
WHERE before IS NULL OR started_at - before > %(span)s GROUP BY job
"""
WATCHED_JOBS = ("expire", "lapse", "remind", "rescue")


@dataclass(frozen=True, kw_only=True, slots=True)
class Vow:
    """`offenders` selects one text column that names the rows for which `sentence` is not true."""

    name: str
    sentence: str
    offenders: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A vow with the first rows that break it."""

    vow: Vow
    rows: list[str]

    def __str__(self) -> str:
        return f"{self.vow.name}: {self.vow.sentence}; broken by {', '.join(self.rows)}"


VOWS = (
    Vow(
        name="unhandled_is_pending",
        sentence="every event that is not handled stands in pending",
        offenders=f"""
        SELECT 'event ' || seq FROM (SELECT seq, handled_at FROM inbox ORDER BY seq DESC LIMIT {RECENT}) AS recent
        WHERE handled_at IS NULL AND NOT EXISTS (SELECT FROM pending WHERE pending.seq = recent.seq)
        """,
    ),
    Vow(
        name="applied_is_not_pending",
        sentence="no event that was applied stands in pending",
        offenders=f"""
        SELECT 'event ' || seq FROM (SELECT seq FROM pending ORDER BY seq LIMIT {RECENT}) AS oldest
        JOIN inbox USING (seq) WHERE outcome IN ('moved', 'stayed', 'again', 'late')
        """,
    ),
    Vow(
        name="active_has_a_live_ad",
        sentence="an active authorization has at least one live ad",
        offenders=f"""
        SELECT a.key FROM {LOOKED_AT} WHERE state = 'active'
        AND NOT EXISTS (SELECT FROM ads WHERE authorization_id = a.id AND {LIVE})
        """,
    ),
    Vow(
        name="authorized_delivers_nothing",
        sentence="an authorized one has no live ad whose flight went on when it became authorized",
        offenders=f"""
        SELECT a.key FROM {LOOKED_AT} WHERE state = 'authorized' AND EXISTS (
            SELECT FROM ads WHERE authorization_id = a.id AND {LIVE}
            AND (flight_end IS NULL OR flight_end > a.state_since)
        )
        """,
    ),
    Vow(
        name="running_is_within_its_period",
        sentence="nothing runs on after its period's end",
        offenders=f"""
        SELECT key FROM authorizations
        WHERE {RUNNING} AND expires_at IS NOT NULL AND expires_at < %(patience)s
        AND updated_at < %(patience)s AND %(expire)s < %(patience)s ORDER BY expires_at, id
        """,
    ),
    Vow(
        name="asks_are_made",
        sentence="a renewal that is due is asked for",
        offenders="""
        SELECT key FROM authorizations
        WHERE next_action = 'ask' AND next_action_at < %(patience)s
        AND updated_at < %(patience)s AND %(remind)s < %(patience)s ORDER BY next_action_at, id
        """,
    ),
    Vow(
        name="requests_lapse",
        sentence="a request that nobody answered lapses",
        offenders="""
        SELECT key FROM authorizations
        WHERE next_action = 'lapse' AND next_action_at < %(patience)s
        AND updated_at < %(patience)s AND %(lapse)s < %(patience)s ORDER BY next_action_at, id
        """,
    ),
    Vow(
        name="plan_fits_state",
        sentence="only requests lapse, only what runs expires, and what runs towards an end has a next action by then",
        offenders=f"""
        SELECT a.key FROM {LOOKED_AT}
        WHERE (next_action = 'lapse' AND state <> 'requested')
           OR (next_action = 'expire' AND NOT {RUNNING})
           OR (next_action = 'ask' AND state IN ('requested', 'revoked'))
           OR ({RUNNING} AND expires_at IS NOT NULL AND (next_action IS NULL OR next_action_at > expires_at))
        """,
    ),
    Vow(
        name="state_is_the_last_in_history",
        sentence="an authorization stands where its history ends",
        offenders=f"""
        SELECT a.key FROM {LOOKED_AT}
        CROSS JOIN LATERAL (SELECT to_state FROM history WHERE authorization_id = a.id ORDER BY id DESC LIMIT 1) AS last
        WHERE last.to_state <> a.state
        """,
    ),
    Vow(
        name="debts_are_settled",
        sentence="an effect that is being paid is settled within minutes",
        offenders="""
        SELECT 'effect ' || id FROM outbox
        WHERE status IN ('owed', 'paying') AND status = 'paying' AND due_at < %(patience)s AND claimed_at < %(patience)s
        AND %(rescue)s < %(patience)s
        """,
    ),
)


def broken(connection: psycopg.Connection, *, now: datetime, slice_begin: int) -> list[Broken]:
    """The vows that do not hold at `now`, each with the first rows that break it."""
    values = {"now": now, "patience": now - PATIENCE, "slice": slice_begin} | at_work_since(connection, now)
    verdicts = []
    for vow in VOWS:
        rows = connection.execute(f"{vow.offenders} LIMIT {MOST_NAMED}", values).fetchall()
        if rows:
            verdicts.append(Broken(vow=vow, rows=[str(row[0]) for row in rows]))
    return verdicts


def at_work_since(connection: psycopg.Connection, now: datetime) -> dict[str, datetime]:
    """Since when each watched sweep has come round without a silence longer than PATIENCE; `now` for one that has not.

    Who has just started finds what fell due during the downtime; the first sweeps are about to take it.
    """
    values = {"jobs": list(WATCHED_JOBS), "now": now, "patience": now - PATIENCE, "span": PATIENCE}
    return dict(connection.execute(AT_WORK, values).fetchall())


def check(turn: Turn) -> list[Broken]:
    """Checks every vow once; a broken one is an error in the log."""
    with as_leader(turn) as connection:
        interval = timedelta(seconds=turn.settings.vows_seconds)
        verdicts = broken(connection, now=turn.now, slice_begin=slice_of(connection, turn.now, interval))
    for verdict in verdicts:
        log.error("vow_broken", vow=verdict.vow.name, sentence=verdict.vow.sentence, rows=verdict.rows)
    return verdicts


def slice_of(connection: psycopg.Connection, now: datetime, interval: timedelta) -> int:
    """Where this sweep's slice of the authorizations begins; it follows from the time, so that nothing need be kept."""
    row = connection.execute("SELECT coalesce(max(id), 0) FROM authorizations").fetchone()
    slices = 1 + (row[0] if row else 0) // VOWS_SLICE
    return VOWS_SLICE * (((now - EPOCH) // interval) % slices)
