"""Time passes: what is due is announced once, by one scheduler, however long nobody looked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Engine, event
from structlog.testing import capture_logs

from infra import inbox, ledger
from infra.clock import HandClock
from infra.database import hot, make_engine
from infra.leases import Deposed
from infra.settings import load
from scheduler import due, prune, vows
from scheduler.due import EXPIRE, LAPSE, REMIND, Announcement
from scheduler.leadership import Leadership
from scheduler.main import Scheduler, make
from scheduler.sweeps import JOBS, sweep, sweep_all

SETTINGS = load(prune_after_days=90)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NEXT_SLOT = timedelta(seconds=SETTINGS.sweep_seconds)

AUTHORIZATIONS = """
INSERT INTO authorizations (key, advertiser_id, item_id, route, state, state_reason, state_since, starts_at, expires_at,
                            revoked_at, next_action, next_action_at, rung, why, version, created_at, updated_at)
SELECT 'a/' || number, 'a', number::text, 'code', %(state)s, 'granted', %(since)s, %(since)s, %(expires_at)s, %(since)s,
       %(next_action)s, %(next_action_at)s, 2, 'renewal_needed', 7, %(since)s, %(since)s
FROM generate_series(%(first)s::int, %(last)s::int) AS number
"""


class Nudged:
    """Stands where the queue stands and remembers who was nudged."""

    def __init__(self) -> None:
        self.boxes: list[int] = []
        self.payers = 0

    def mailboxes(self, numbers: Iterable[int]) -> None:
        self.boxes += sorted(numbers)

    def outbox(self) -> None:
        self.payers += 1


class World:
    """A database, a clock and a queue, with the verbs of these stories."""

    def __init__(self, engine: Engine, clock: HandClock) -> None:
        self.engine = engine
        self.clock = clock
        self.nudges = Nudged()
        self.settings = SETTINGS
        self.now = clock.now()

    def has(
        self,
        state: str,
        *,
        first: int = 1,
        last: int = 1,
        expires_at: datetime | None = None,
        action: tuple[str, datetime] | None = None,
    ) -> None:
        """Authorizations `a/<first>` to `a/<last>`, all alike."""
        next_action, next_action_at = action or (None, None)
        with hot(self.engine) as connection:
            connection.execute(
                AUTHORIZATIONS,
                {
                    "state": state,
                    "since": self.now - 30 * DAY,
                    "expires_at": expires_at or self.now + 30 * DAY,
                    "next_action": next_action,
                    "next_action_at": next_action_at,
                    "first": first,
                    "last": last,
                },
            )

    def elects(self, holder: str, *, seconds: float = 30) -> int:
        leadership = Leadership(self.engine, seconds=seconds, holder=holder)
        leadership.campaign()
        assert leadership.fence is not None
        return leadership.fence

    def sweeps(self, job: str, *, fence: int | None = None) -> int:
        return sweep(
            job,
            engine=self.engine,
            clock=self.clock,
            nudges=self.nudges,
            settings=self.settings,
            fence=self.elects("the leader") if fence is None else fence,
        )

    def asks(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with hot(self.engine) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), values).fetchall()

    def does(self, statement: str, **values: Any) -> None:
        with hot(self.engine) as connection:
            connection.execute(statement.encode(), values)

    def letters(self) -> list[dict[str, Any]]:
        return self.asks("SELECT * FROM inbox ORDER BY seq")

    def hears(self, event_id: str, *, at: datetime, key: str = "a/1") -> int:
        """An event from a producer, accepted at `at`; its number."""
        letter = inbox.Letter(
            sender="producer:crm", event_id=event_id, type="ad.started", key=key, occurred_at=at, data=b"{}"
        )
        with hot(self.engine) as connection:
            inbox.accept(connection, [letter], now=at)
        (row,) = self.asks("SELECT seq FROM inbox WHERE event_id = %(id)s", id=event_id)
        return int(row["seq"])

    def applies(self, seq: int, *, at: datetime, outcome: str = "moved") -> None:
        self.does(
            "UPDATE inbox SET outcome = %(o)s, handled_at = %(at)s WHERE seq = %(seq)s", o=outcome, at=at, seq=seq
        )
        self.does("DELETE FROM pending WHERE seq = %(seq)s", seq=seq)

    def owes(self, name: str, *, status: str = "owed", due_at: datetime, **more: datetime) -> None:
        values = {"claimed_at": None, "settled_at": None, **more}
        self.does(
            """
            INSERT INTO outbox (kind, key, payload, created_at, due_at, idempotency_key, status, claimed_at, settled_at)
            VALUES ('ask.mail', 'a/1', '{}', %(due_at)s, %(due_at)s, %(name)s, %(status)s, %(claimed_at)s,
                    %(settled_at)s)
            """,
            name=name,
            status=status,
            due_at=due_at,
            **values,
        )

    def ledger(self, job: str) -> list[dict[str, Any]]:
        return self.asks("SELECT * FROM sweeps WHERE job = %(job)s ORDER BY slot", job=job)


@pytest.fixture
def world(engine: Engine, clock: HandClock) -> World:
    return World(engine, clock)


# What is due


@pytest.mark.parametrize("state", ["authorized", "active"])
def test_a_period_that_ended_is_announced(world: World, state: str) -> None:
    world.has(state, expires_at=world.now - HOUR)

    assert world.sweeps("expire") == 1

    (letter,) = world.letters()
    assert (letter["sender"], letter["event_id"], letter["type"]) == ("clock", "expire:1:7", "period.ended")
    assert (letter["key"], letter["occurred_at"]) == ("a/1", world.now - HOUR)
    assert letter["data"] == {"ends_at": "2026-11-22T09:00:00Z"}
    assert world.nudges.boxes == [inbox.mailbox_of("a/1")]


def test_the_very_instant_of_the_end_counts(world: World) -> None:
    world.has("active", expires_at=world.now)

    assert world.sweeps("expire") == 1


def test_a_request_that_nobody_answered_lapses(world: World) -> None:
    world.has("requested", action=("lapse", world.now - HOUR))

    assert world.sweeps("lapse") == 1

    (letter,) = world.letters()
    assert (letter["event_id"], letter["type"], letter["data"]) == ("lapse:1:7", "request.lapsed", {})
    assert letter["occurred_at"] == world.now - HOUR


def test_a_renewal_is_due(world: World) -> None:
    world.has("active", expires_at=world.now + DAY, action=("ask", world.now - HOUR))

    assert world.sweeps("remind") == 1

    (letter,) = world.letters()
    assert (letter["event_id"], letter["type"]) == ("remind:1:7", "renewal.due")
    assert letter["data"] == {"period_ends_at": "2026-11-23T10:00:00Z", "rung": 2}
    assert letter["occurred_at"] == world.now - HOUR


def test_where_nothing_is_due_nothing_is_written(world: World) -> None:
    soon = world.now + timedelta(microseconds=1)
    world.has("authorized", first=1, expires_at=soon, action=("ask", soon))
    world.has("requested", first=2, last=2, action=("lapse", soon))
    world.has("expired", first=3, last=3, expires_at=world.now - DAY)
    world.has("revoked", first=4, last=4, expires_at=world.now - DAY)

    found = sweep_all(engine=world.engine, clock=world.clock, nudges=world.nudges, settings=world.settings)

    assert found == dict.fromkeys(JOBS, 0)
    assert world.letters() == []
    assert (world.nudges.boxes, world.nudges.payers) == ([], 0)


def test_a_second_sweep_before_the_worker_ran_writes_nothing_and_nudges_again(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    world.sweeps("expire")

    world.clock.advance(NEXT_SLOT)

    assert world.sweeps("expire") == 0
    assert len(world.letters()) == 1
    assert len(world.nudges.boxes) == 2


def test_what_was_applied_and_is_due_again_is_announced_again(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    world.sweeps("expire")
    world.does("UPDATE authorizations SET version = version + 1")

    world.clock.advance(NEXT_SLOT)

    assert world.sweeps("expire") == 1
    assert [letter["event_id"] for letter in world.letters()] == ["expire:1:7", "expire:1:8"]


@pytest.mark.parametrize("many", [due.BATCH - 1, due.BATCH, due.BATCH + 1, 3 * due.BATCH])
def test_after_a_downtime_all_is_caught_up_in_bounded_batches(world: World, many: int) -> None:
    # All of one instant: the cursor must go on by id where the instants are equal.
    world.has("active", last=many, expires_at=world.now - DAY)

    assert world.sweeps("expire") == many

    assert {row["key"] for row in world.letters()} == {f"a/{number}" for number in range(1, many + 1)}
    # Each batch is a transaction of its own, and sees the same `now`.
    batches = world.asks("SELECT count(*) AS size FROM inbox GROUP BY xmin::text")
    assert max(row["size"] for row in batches) <= due.BATCH
    assert len(batches) == -(-many // due.BATCH)


def test_the_longest_overdue_come_first(world: World) -> None:
    world.has("active", first=1, expires_at=world.now - HOUR)
    world.has("active", first=2, last=2, expires_at=world.now - DAY)

    world.sweeps("expire")

    assert [letter["key"] for letter in world.letters()] == ["a/2", "a/1"]


def test_a_stopping_scheduler_ends_after_the_batch_in_hand(world: World) -> None:
    world.has("active", last=2 * due.BATCH, expires_at=world.now - DAY)
    fence = world.elects("the leader")

    found = sweep(
        "expire",
        engine=world.engine,
        clock=world.clock,
        nudges=world.nudges,
        settings=world.settings,
        fence=fence,
        is_stopping=lambda: True,
    )

    assert found == due.BATCH


# The cost


@pytest.mark.parametrize("what", [EXPIRE, LAPSE, REMIND], ids=lambda what: what.job)
@pytest.mark.parametrize("mode", ["auto", "force_generic_plan"])
def test_a_sweep_walks_its_partial_index(world: World, what: Announcement, mode: str) -> None:
    later = world.now + 20 * DAY
    world.has("active", first=1, last=2000, expires_at=later + DAY, action=("ask", later))
    world.has("requested", first=2001, last=4000, action=("lapse", later))
    world.has("authorized", first=4001, last=4020, expires_at=world.now - DAY, action=("ask", world.now - DAY))
    world.has("requested", first=4021, last=4040, action=("lapse", world.now - DAY))
    world.does("ANALYZE authorizations")

    with hot(world.engine) as connection:
        plan = explained(connection, what, now=world.now, mode=mode)

    (scan,) = [node for node in nodes(plan) if "Scan" in node["Node Type"]]
    assert scan["Node Type"] == "Index Scan"
    assert scan["Index Name"] == f"authorizations_{what.job}"
    assert not [node for node in nodes(plan) if node["Node Type"] == "Sort"]
    assert "ROW(" in scan["Index Cond"]


def explained(connection: psycopg.Connection, what: Announcement, *, now: datetime, mode: str) -> dict[str, Any]:
    """The plan of a prepared sweep query, as psycopg prepares it after a few batches."""
    connection.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
    text = what.query.replace("%(now)s", "$1").replace("%(at)s", "$2").replace("%(id)s", "$3")
    connection.execute(f"PREPARE swept (timestamptz, timestamptz, bigint) AS {text}".encode())
    at, number = due.BEGINNING
    run = f"EXPLAIN (FORMAT JSON) EXECUTE swept ('{now.isoformat()}', '{at.isoformat()}', {number})"
    row = connection.execute(run.encode()).fetchone()
    connection.execute("DEALLOCATE swept")
    assert row is not None
    plans = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    return dict(plans[0]["Plan"])


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(inner for child in plan.get("Plans", []) for inner in nodes(child))]


# The ledger


def test_a_slot_is_swept_once_and_leaves_a_row(world: World) -> None:
    world.has("active", last=2, expires_at=world.now - HOUR)

    assert [world.sweeps("expire"), world.sweeps("expire")] == [2, 0]

    (row,) = world.ledger("expire")
    assert (row["slot"], row["found"], row["error"]) == (world.now, 2, None)
    assert row["ended_at"] is not None
    assert len(world.nudges.boxes) == len({inbox.mailbox_of("a/1"), inbox.mailbox_of("a/2")})


def test_a_sweep_that_crashed_says_so_and_the_next_slot_goes_on(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    world.does("ALTER TABLE inbox RENAME TO inbox_away")
    try:
        with pytest.raises(psycopg.errors.UndefinedTable):
            world.sweeps("expire")
    finally:
        world.does("ALTER TABLE inbox_away RENAME TO inbox")

    (row,) = world.ledger("expire")
    assert (row["ended_at"], row["found"]) == (None, None)
    assert row["error"].startswith("UndefinedTable")
    world.clock.advance(NEXT_SLOT)
    assert world.sweeps("expire") == 1


# The leader


def test_of_two_schedulers_only_one_works(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    ada, bob = scheduler(world), scheduler(world)

    for each in (ada, bob):
        each.campaign()
    for each in (bob, ada, bob):
        each.tick("expire")

    assert (ada.is_leading, bob.is_leading) == (True, False)
    assert len(world.letters()) == 1
    assert [row["fence"] for row in world.ledger("expire")] == [1]


def test_a_silent_leader_is_replaced_when_its_lease_is_over(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    ada, bob = scheduler(world), scheduler(world)
    ada.campaign()
    world.does("UPDATE leases SET expires_at = now()")

    bob.campaign()
    bob.tick("expire")

    assert bob.is_leading
    assert [row["fence"] for row in world.ledger("expire")] == [2]


def test_a_deposed_leader_writes_nothing_and_notices(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    ada, bob = scheduler(world), scheduler(world)
    ada.campaign()
    world.does("UPDATE leases SET expires_at = now()")
    bob.campaign()

    with capture_logs() as logs:
        ada.tick("expire")

    assert world.letters() == []
    assert world.ledger("expire") == []
    assert not ada.is_leading
    assert [line["event"] for line in logs] == ["leader_deposed"]


def test_who_is_deposed_between_two_batches_writes_no_second_one(world: World) -> None:
    world.has("active", last=3 * due.BATCH, expires_at=world.now - DAY)
    ada = world.elects("ada")

    class TakenOver(Nudged):
        def mailboxes(self, _numbers: Iterable[int]) -> None:
            world.does("UPDATE leases SET expires_at = now()")
            world.elects("bob")

    world.nudges = TakenOver()
    with pytest.raises(Deposed):
        world.sweeps("expire", fence=ada)

    assert len(world.letters()) == due.BATCH
    (row,) = world.ledger("expire")
    assert (row["ended_at"], row["error"]) == (None, None)


def test_a_leader_that_stops_is_replaced_at_once(world: World) -> None:
    measured = Measured()
    ada, bob = scheduler(world, measured), scheduler(world)
    ada.start()
    measured.wait()

    ada.stop()
    bob.campaign()

    assert bob.is_leading


def test_whoever_is_elected_sweeps_at_once(world: World) -> None:
    world.has("active", expires_at=world.now - HOUR)
    measured = Measured()
    ada = scheduler(world, measured)

    ada.start()
    measured.wait()
    ada.stop()

    assert len(world.letters()) == 1
    assert {row["job"] for row in world.asks("SELECT job FROM sweeps")} == set(ledger.JOBS)


def test_nobody_else_sweeps_all_while_one_leads(world: World) -> None:
    world.elects("another")

    assert sweep_all(engine=world.engine, clock=world.clock, nudges=world.nudges, settings=world.settings) == {}


def test_an_outage_of_the_database_is_logged_and_survived(world: World, database_url: str) -> None:
    world.has("active", expires_at=world.now - HOUR)
    engine, outage = make_engine(database_url), Outage()
    event.listen(engine, "do_connect", outage.on_connect)
    measured = Measured()
    ada = make(settings=load(lease_seconds=1), engine=engine, clock=world.clock, nudges=world.nudges, metrics=measured)

    with capture_logs() as logs:
        ada.start()
        assert outage.felt.wait(timeout=20)
        outage.is_over.set()
        measured.wait()
        ada.stop()
    engine.dispose()

    failed = [line for line in logs if line["event"] == "sweep_failed"]
    assert {(line["job"], line["error"]) for line in failed} == {("campaign", "the database is away")}
    assert "traceback" not in failed[0]
    assert len(world.letters()) == 1


def scheduler(world: World, metrics: Measured | None = None) -> Scheduler:
    return make(settings=world.settings, engine=world.engine, clock=world.clock, nudges=world.nudges, metrics=metrics)


class Measured:
    """Waits until every job has been run by the threads of a started scheduler."""

    def __init__(self) -> None:
        self.jobs: set[str] = set()
        self._all = Event()

    def swept(self, job: str, *, found: int, seconds: float) -> None:
        assert (found, seconds) >= (0, 0)
        self.jobs.add(job)
        if self.jobs == set(JOBS):
            self._all.set()

    def wait(self) -> None:
        assert self._all.wait(timeout=20), f"only {self.jobs} ran"


class Outage:
    """A database that refuses connections until it is over; felt from the second refusal on."""

    def __init__(self) -> None:
        self.felt, self.is_over = Event(), Event()
        self._refused = 0

    def on_connect(self, *_ignored: Any) -> None:
        if self.is_over.is_set():
            return
        self._refused += 1
        if self._refused > 1:
            self.felt.set()
        raise psycopg.OperationalError("the database is away\nand says so at length")


# What nobody handled


def test_mail_that_nobody_handled_is_nudged_once_an_interval(world: World) -> None:
    world.hears("old", at=world.now - NEXT_SLOT)
    world.hears("young", at=world.now, key="a/2")

    assert [world.sweeps("rescue"), world.sweeps("rescue")] == [1, 0]
    assert world.nudges.boxes == [inbox.mailbox_of("a/1")]

    world.clock.advance(NEXT_SLOT)
    assert world.sweeps("rescue") == 2


def test_mail_that_is_to_be_tried_again_is_nudged_when_its_time_has_come(world: World) -> None:
    world.hears("raised", at=world.now - DAY)
    world.does("UPDATE pending SET try_at = %(at)s", at=world.now + NEXT_SLOT)

    assert world.sweeps("rescue") == 0
    world.clock.advance(NEXT_SLOT)
    assert world.sweeps("rescue") == 1


@pytest.mark.parametrize("status", ["early", "parked", "quarantined"])
def test_mail_that_waits_for_something_else_is_left_alone(world: World, status: str) -> None:
    world.hears("waiting", at=world.now - DAY)
    world.does("UPDATE pending SET status = %(status)s", status=status)

    assert world.sweeps("rescue") == 0
    assert world.nudges.boxes == []


def test_effects_that_are_owed_are_nudged(world: World) -> None:
    world.owes("due", due_at=world.now)

    assert (world.sweeps("rescue"), world.nudges.payers) == (1, 1)


def test_an_effect_whose_payer_is_lost_is_nudged_after_five_minutes(world: World) -> None:
    world.owes("paying", status="paying", due_at=world.now - DAY, claimed_at=world.now)

    world.clock.advance(timedelta(minutes=5))
    assert world.sweeps("rescue") == 0
    world.clock.advance(NEXT_SLOT)
    assert (world.sweeps("rescue"), world.nudges.payers) == (1, 1)


def test_effects_that_are_not_due_or_settled_are_left_alone(world: World) -> None:
    world.owes("later", due_at=world.now + HOUR)
    for status in ("done", "failed", "uncertain", "cancelled"):
        world.owes(status, status=status, due_at=world.now - DAY, settled_at=world.now - DAY)

    assert (world.sweeps("rescue"), world.nudges.payers) == (0, 0)


# What nobody needs any more


def test_events_are_removed_when_they_were_handled_long_ago(world: World) -> None:
    long_ago, lately = world.now - 91 * DAY, world.now - 89 * DAY
    handled = world.hears("handled long ago", at=long_ago)
    late = world.hears("handled lately", at=long_ago)
    world.hears("never handled", at=long_ago)
    parked = world.hears("parked", at=long_ago)
    waiting = world.hears("waits for TikTok", at=long_ago)
    young = world.hears("young", at=world.now)
    for seq, at in ((handled, long_ago), (late, lately), (young, world.now)):
        world.applies(seq, at=at)
    world.applies(waiting, at=long_ago, outcome="waiting")
    world.does("UPDATE inbox SET outcome = 'parked', handled_at = %(at)s WHERE seq = %(seq)s", at=long_ago, seq=parked)

    assert world.sweeps("prune") == 1
    kept = {row["event_id"] for row in world.letters()}
    assert kept == {"handled lately", "never handled", "parked", "waits for TikTok", "young"}


def test_what_is_kept_on_purpose_does_not_end_the_walk(world: World) -> None:
    long_ago = world.now - 91 * DAY
    kept = [
        inbox.Letter(sender="clock", event_id=str(number), type="x", key="a/1", occurred_at=long_ago, data=b"{}")
        for number in range(prune.BATCH)
    ]
    with hot(world.engine) as connection:
        inbox.accept(connection, kept, now=long_ago)
    world.applies(world.hears("last", at=long_ago), at=long_ago)

    assert world.sweeps("prune") == 1


def test_effects_are_removed_when_they_were_settled_long_ago(world: World) -> None:
    long_ago = world.now - 91 * DAY
    for status in ("done", "cancelled", "failed", "uncertain"):
        world.owes(status, status=status, due_at=long_ago, settled_at=long_ago)
    world.owes("settled lately", status="done", due_at=long_ago, settled_at=world.now)
    world.owes("owed", due_at=long_ago)

    assert world.sweeps("prune") == 2
    kept = {row["idempotency_key"] for row in world.asks("SELECT idempotency_key FROM outbox")}
    assert kept == {"failed", "uncertain", "settled lately", "owed"}


def test_the_ledger_keeps_a_week(world: World) -> None:
    for days in (8, 6):
        at = world.now - days * DAY
        world.does("INSERT INTO sweeps (job, slot, fence, started_at) VALUES ('expire', %(at)s, 1, %(at)s)", at=at)

    assert world.sweeps("prune") == 1
    assert [row["slot"] for row in world.ledger("expire")] == [world.now - 6 * DAY]


# What is always true


def test_every_vow_holds_where_all_is_well(world: World) -> None:
    world.has("authorized", first=1, action=("ask", world.now + DAY))
    world.has("active", first=2, last=2, action=("expire", world.now + 30 * DAY))
    world.has("requested", first=3, last=3, action=("lapse", world.now + DAY))
    world.has("expired", first=4, last=4, expires_at=world.now - DAY, action=("ask", world.now + DAY))
    world.has("revoked", first=5, last=5)
    world.does("INSERT INTO ads (authorization_id, ad_id, started_at) VALUES (2, 'ad', %(at)s)", at=world.now)
    world.hears("new", at=world.now)

    assert world.sweeps("vows") == 0
    assert world.ledger("vows")[0]["error"] is None


def _unhandled(world: World) -> None:
    world.hears("lost", at=world.now)
    world.does("DELETE FROM pending")


def _applied(world: World) -> None:
    world.hears("twice", at=world.now)
    world.does("UPDATE inbox SET outcome = 'moved', handled_at = received_at")


def _active_without_ad(world: World) -> None:
    world.has("active", action=("expire", world.now + 30 * DAY))
    world.does(
        "INSERT INTO ads (authorization_id, ad_id, started_at, stopped_at) VALUES (1, 'ad', %(at)s, %(stopped_at)s)",
        at=world.now,
        stopped_at=world.now + HOUR,
    )


def _authorized_with_ad(world: World) -> None:
    world.has("authorized", action=("expire", world.now + 30 * DAY))
    world.does("INSERT INTO ads (authorization_id, ad_id, started_at) VALUES (1, 'ad', %(at)s)", at=world.now)


def _overrun(world: World) -> None:
    past = world.now - HOUR
    world.has("authorized", expires_at=past, action=("expire", past))


def _unasked(world: World) -> None:
    world.has("authorized", action=("ask", world.now - HOUR))


def _unlapsed(world: World) -> None:
    world.has("requested", action=("lapse", world.now - HOUR))


def _planless(world: World) -> None:
    world.has("authorized")


def _other_history(world: World) -> None:
    world.has("revoked")
    world.does(
        """
        INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, to_state, reason)
        VALUES (1, 1, now(), now(), 'period.ended', 'moved', 'expired', 'period_ended')
        """
    )


def _unsettled(world: World) -> None:
    world.owes("hanging", status="paying", due_at=world.now - HOUR, claimed_at=world.now - HOUR)


BREAKERS = {
    "unhandled_is_pending": (_unhandled, "event 1"),
    "applied_is_not_pending": (_applied, "event 1"),
    "active_has_a_live_ad": (_active_without_ad, "a/1"),
    "authorized_delivers_nothing": (_authorized_with_ad, "a/1"),
    "running_is_within_its_period": (_overrun, "a/1"),
    "asks_are_made": (_unasked, "a/1"),
    "requests_lapse": (_unlapsed, "a/1"),
    "plan_fits_state": (_planless, "a/1"),
    "state_is_the_last_in_history": (_other_history, "a/1"),
    "debts_are_settled": (_unsettled, "effect 1"),
}


@pytest.mark.parametrize("vow", vows.VOWS, ids=lambda vow: vow.name)
def test_a_broken_vow_is_an_error_in_the_log_and_in_the_ledger(world: World, vow: vows.Vow) -> None:
    break_it, row = BREAKERS[vow.name]
    break_it(world)

    with capture_logs() as logs:
        assert world.sweeps("vows") == 1

    (line,) = [line for line in logs if line["event"] == "vow_broken"]
    assert (line["log_level"], line["vow"], line["rows"]) == ("error", vow.name, [row])
    (entry,) = world.ledger("vows")
    assert entry["ended_at"] is not None
    assert entry["error"] == f"{vow.name}: {vow.sentence}; broken by {row}"


def test_every_authorization_has_its_turn_to_be_checked(world: World) -> None:
    with hot(world.engine) as connection:
        connection.execute("SELECT setval('authorizations_id_seq', %s)", (2 * vows.SLICE + 5,))
    world.has("authorized")

    found = []
    for _ in range(3):
        found.append(world.sweeps("vows"))
        world.clock.advance(timedelta(seconds=world.settings.vows_seconds))

    assert sorted(found) == [0, 0, 1]
