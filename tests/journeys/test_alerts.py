"""People hear when something is wrong with the service: once, together, and once when it is over; whoever else has died."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import dramatiq
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine
from structlog.testing import capture_logs

from everspark import alerts, reach
from everspark.outcomes import Stop
from infra import inbox, ledger, outbox
from infra.broker import make_broker
from infra.channel_urls import Channels
from infra.channels import AppriseMessenger, Messenger
from infra.clock import HandClock
from infra.database import hot
from infra.mail import Outcome, Refused, Sent, Unknown
from infra.metrics import Metrics
from infra.outbox import ABANDONED_AFTER
from infra.reports import summaries
from infra.reports.chores import chores
from infra.settings import Settings
from infra.vault import Vault
from infra.watched import Limits
from tests.conftest import START
from tests.emptying import empty
from tests.portfolio import Post, holds
from tests.power import AFTER_SENDING, BEFORE_SENDING, Meter, PowerCut, metered_engine
from tests.receiver import receiver
from tests.waiting import until
from worker.climbing import ALERTS_LOCK, CLIMB_LOCK, Tally
from worker.main import make_watchman
from worker.watching import Watchman, watch

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SWEPT = """
INSERT INTO sweeps (job, slot, fence, started_at, ended_at, found, error)
SELECT job, %(now)s, 1, %(now)s, %(now)s, 0, CASE job WHEN 'vows' THEN %(broken)s::text END
FROM unnest(%(jobs)s::text[]) AS jobs (job)
"""
FREQUENT, RARE = ("expire", "lapse", "remind", "look", "rescue", "summarize"), ("climb", "vows")


class Room:
    """Where alerts arrive; `answers` is what becomes of the next ones."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.answers: list[Outcome] = []

    def send(self, url: str, *, title: str, body: str, is_bad: bool = False) -> Outcome:
        del url, is_bad
        self.taken.append((title, body))
        return self.answers.pop(0) if self.answers else Sent()


class Guard:
    """A worker's watch, with a scheduler beside it that sweeps until it dies."""

    def __init__(self, engine: Engine, clock: HandClock, messenger: Messenger | None = None) -> None:
        self.engine, self.clock = engine, clock
        self.room = Room()
        self.messenger = messenger or self.room
        self.limits = Limits(money={"EUR": Decimal(500)})
        self.dead: set[str] = set()
        self.broken: str | None = None

    def goes_round(self, channels: str = "json://room") -> Tally:
        return watch(
            self.engine,
            self.clock,
            channels=Channels.parse(alert_urls=channels),
            limits=self.limits,
            messenger=self.messenger,
        )

    def sleeps(self, minutes: int, *, steps: int = 1) -> None:
        """Each minute, or in `steps` of them, sweeps that are alive come round, then the watch."""
        for _ in range(0, minutes, steps):
            self.clock.advance(steps * MINUTE)
            self.sweeps_come_round()
            self.goes_round()

    def sweeps_come_round(self) -> None:
        minute = self.clock.now().minute
        self._sweep({*FREQUENT, *(RARE if minute % 5 == 0 else ())})

    def _sweep(self, jobs: set[str]) -> None:
        with hot(self.engine) as connection:
            values = {"jobs": sorted(jobs - self.dead), "now": self.clock.now(), "broken": self.broken}
            connection.execute(SWEPT, values)

    def everything_dies(self) -> None:
        self.dead = {*FREQUENT, *RARE}

    def everything_lives(self) -> None:
        """Who is elected sweeps everything at once."""
        self.dead.clear()
        self.clock.advance(MINUTE)
        self._sweep({*FREQUENT, *RARE})

    def hears(self, event_id: str = "one") -> None:
        letter = inbox.Letter(
            sender="producer:crm",
            event_id=event_id,
            type="ad.started",
            key="a/1",
            occurred_at=self.clock.now(),
            data=b"{}",
        )
        with hot(self.engine) as connection:
            inbox.accept(connection, [letter], now=self.clock.now())

    def applies_all(self) -> None:
        self.does("UPDATE inbox SET outcome = 'moved', handled_at = received_at")
        self.does("DELETE FROM pending")

    def does(self, sql: str) -> None:
        with hot(self.engine) as connection:
            connection.execute(sql.encode())

    def open(self) -> list[str]:
        with hot(self.engine) as connection:
            rows = connection.execute(
                "SELECT name FROM alerts WHERE opened_at IS NOT NULL AND resolved_at IS NULL ORDER BY name"
            ).fetchall()
        return [name for (name,) in rows]

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.room.taken]

    @property
    def last(self) -> str:
        return self.room.taken[-1][1]


ONE, TWO = "Everspark: 1 thing is wrong with the service", "Everspark: 2 things are wrong with the service"
WELL = "Everspark: Resolved: all is well with the service again"


@pytest.fixture
def guard(engine: Engine, clock: HandClock) -> Guard:
    """Half an hour of sweeps lies behind."""
    guard = Guard(engine, clock)
    for _ in range(30):
        clock.advance(MINUTE)
        guard.sweeps_come_round()
    return guard


def test_nobody_hears_of_a_service_that_is_well(guard: Guard) -> None:
    guard.sleeps(10)

    assert guard.titles == []
    assert guard.open() == []


def test_a_dead_scheduler_is_told_once_by_the_worker_and_resolves_by_itself(guard: Guard) -> None:
    guard.everything_dies()
    guard.sleeps(20)

    assert guard.titles == [ONE]
    assert "No sweep has begun since 2026-11-22 10:30 UTC, and nothing falls due" in guard.last
    assert guard.open() == ["sweep:all"]

    guard.everything_lives()
    guard.sleeps(20)

    assert guard.titles == [ONE, WELL]
    assert "Over:\n- No sweep has begun" in guard.last
    assert guard.open() == []


def test_one_sweep_that_is_missed_is_named(guard: Guard) -> None:
    guard.dead = {"remind"}
    guard.sleeps(20)

    assert guard.titles == [ONE]
    assert "The sweep remind has not begun since 2026-11-22 10:30 UTC" in guard.last


def test_a_sweep_that_raises_is_named_with_its_reason(guard: Guard) -> None:
    now = guard.clock.advance(timedelta(seconds=30))
    guard.dead = {"remind"}
    with hot(guard.engine) as connection:
        number = ledger.begin(connection, job="remind", slot=now, fence=1, now=now)
        ledger.fail(connection, number or 0, error="ValueError: no such rung\nin line 3")
    guard.sleeps(4)

    assert "The sweep remind failed at 2026-11-22 10:30 UTC: ValueError: no such rung\n" in guard.last


def test_a_restart_is_too_short_to_be_told(guard: Guard) -> None:
    guard.everything_dies()
    guard.sleeps(3)
    guard.everything_lives()
    guard.sleeps(10)

    assert guard.titles == []


def test_a_night_without_any_process_is_not_told_in_the_morning(guard: Guard) -> None:
    guard.clock.advance(10 * HOUR)
    guard.goes_round()
    guard.everything_lives()
    guard.sleeps(5)

    assert guard.titles == []


def test_a_broken_vow_is_told_until_every_row_has_had_its_turn(guard: Guard) -> None:
    guard.broken = "debts_are_settled: an effect that is being paid is settled within minutes; broken by effect 7"
    guard.sleeps(5)
    assert guard.titles == [ONE]
    assert guard.broken in guard.last

    guard.broken = None
    guard.sleeps(14)
    assert guard.titles == [ONE]
    guard.sleeps(5)
    assert guard.titles == [ONE, WELL]


def test_events_that_nobody_applies_are_told_and_then_that_they_were(guard: Guard) -> None:
    guard.hears()
    guard.sleeps(10)
    assert guard.titles == []
    guard.sleeps(1)
    assert "Events wait, the oldest since 2026-11-22 10:30 UTC" in guard.last

    guard.applies_all()
    guard.sleeps(10)
    assert guard.titles == [ONE, WELL]


def test_money_at_risk_is_told_beyond_its_limit_and_not_at_every_crossing(guard: Guard) -> None:
    holds(guard.engine, [Post(number=1, ends=2, flight=12, spend="60")], now=guard.clock.now())
    summaries.write(guard.engine, now=guard.clock.now(), remedy_of=lambda _: None)
    guard.sleeps(10)
    assert guard.titles == [ONE]
    assert "600.00 EUR at risk within 7 days, more than 500.00" in guard.last

    for spend in ("10", "60", "10", "60"):
        guard.does(f"UPDATE authorizations SET at_risk = 10 * {spend}")
        summaries.write(guard.engine, now=guard.clock.now(), remedy_of=lambda _: None)
        guard.sleeps(15)
    assert guard.titles == [ONE]

    guard.does("UPDATE authorizations SET at_risk = 0")
    summaries.write(guard.engine, now=guard.clock.now(), remedy_of=lambda _: None)
    guard.sleeps(65)
    assert guard.titles == [ONE, WELL]


def test_what_joins_and_what_is_over_is_told_with_all_that_goes_on(guard: Guard) -> None:
    guard.dead = {"remind"}
    guard.hears()
    guard.sleeps(12)
    assert guard.titles == [ONE, TWO]
    assert guard.last.startswith("New:\n- Events wait")
    assert "Still:\n- The sweep remind has not begun" in guard.last

    guard.applies_all()
    guard.sleeps(8)
    assert guard.titles == [ONE, TWO, ONE]
    assert guard.last.startswith("Still:\n- The sweep remind has not begun")
    assert "Over:\n- Events wait" in guard.last

    guard.everything_lives()
    guard.sleeps(8)
    assert guard.titles == [ONE, TWO, ONE, WELL]


def test_two_of_one_minute_are_one_message(guard: Guard) -> None:
    guard.hears()
    guard.broken = "plan_fits_state: the next action belongs to the state; broken by 72/1"
    guard.clock.advance(14 * MINUTE)
    guard.sleeps(1)

    assert guard.titles == [TWO]
    assert guard.last.startswith("New:\n- Events wait")


def test_two_processes_that_watch_send_one_message(guard: Guard, engine: Engine) -> None:
    other = Guard(engine, guard.clock, messenger=guard.room)
    guard.hears()
    guard.clock.advance(12 * MINUTE)

    with outbox.sole_payer(engine, lock=ALERTS_LOCK):
        assert other.goes_round() == Tally()
    guard.goes_round()
    other.goes_round()

    assert len(guard.room.taken) == 1


def test_texts_to_creators_that_take_long_keep_no_alert_waiting(guard: Guard, engine: Engine) -> None:
    guard.hears()
    guard.clock.advance(12 * MINUTE)

    with outbox.sole_payer(engine, lock=CLIMB_LOCK):
        guard.goes_round()

    assert guard.titles == [ONE]


def test_an_alert_that_was_refused_or_lost_is_said_again_only_after_the_span(guard: Guard) -> None:
    guard.room.answers = [Refused(reason="the channel answered 404"), Unknown(reason="no answer")]
    guard.hears()
    guard.sleeps(24, steps=4)
    assert guard.titles == [ONE]

    for _ in range(2):
        guard.clock.advance(8 * HOUR)
        guard.everything_lives()
        guard.sleeps(8, steps=4)
    assert guard.titles == [ONE] * 3
    assert all(body.startswith("New:\n- Events wait") for _, body in guard.room.taken)


def test_without_addresses_nobody_is_told_and_everything_is_noted(engine: Engine, clock: HandClock) -> None:
    guard = Guard(engine, clock)
    guard.hears()
    guard.sweeps_come_round()
    clock.advance(11 * MINUTE)

    with capture_logs() as logs:
        assert guard.goes_round(channels="").owed == 0

    assert [(line["event"], line["name"]) for line in logs] == [("alert_opened", "inbox:age")]
    assert guard.open() == ["inbox:age"]


def test_owners_of_one_advertiser_hear_nothing_of_the_service(engine: Engine, clock: HandClock) -> None:
    guard = Guard(engine, clock)
    guard.hears()
    clock.advance(11 * MINUTE)

    assert guard.goes_round(channels="72=json://owner").owed == 0


# Where people look


def test_today_doctor_and_metrics_show_what_is_open(guard: Guard) -> None:
    holds(guard.engine, [Post(number=1, ends=2, flight=12, spend="60")], now=guard.clock.now())
    summaries.write(guard.engine, now=guard.clock.now(), remedy_of=lambda _: None)
    guard.hears()
    guard.sleeps(12)

    with hot(guard.engine) as connection:
        found = chores(connection, (), now=guard.clock.now())
        finding = reach.alerts(connection)
    assert [(chore.kind, chore.what) for chore in found] == [
        ("alert", "Money at risk has passed its limit"),
        ("alert", "Events wait to be applied"),
    ]
    assert not finding.ok
    assert "600.00 EUR at risk within 7 days" in finding.detail
    metrics = Metrics()
    metrics.watch(guard.engine, guard.clock)
    families = text_string_to_metric_families(metrics.page().decode())
    found_open = {
        each.labels["kind"]: each.value
        for family in families
        for each in family.samples
        if each.name == "everspark_alerts_open"
    }
    assert found_open == {"vow": 0, "sweep": 0, "inbox": 1, "money": 1}


def test_a_trial_goes_to_each_address_and_says_what_became_of_it() -> None:
    with receiver() as here:
        settings = Settings(alert_urls=f"{here.url('room')} 72={here.url('owner')}")

        (outcome,) = alerts.tried(settings, AppriseMessenger())
        (other,) = alerts.tried(settings, AppriseMessenger(), owner="72")
        here.status = 404
        (refused,) = alerts.tried(settings, AppriseMessenger())

    assert isinstance(outcome, Sent)
    assert isinstance(other, Sent)
    assert refused == Refused(reason="the channel answered 404")
    assert [path for path, *_ in here.taken] == ["room", "owner", "room"]


def test_a_trial_without_addresses_says_what_to_set() -> None:
    with pytest.raises(Stop, match="EVERSPARK_ALERT_URLS"):
        alerts.tried(Settings(), Room())


# The thread


def test_the_watchman_walks_while_the_worker_runs_and_no_mishap_ends_him() -> None:
    rounds: list[int] = []

    def go_round() -> None:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise ValueError("a mishap")
        if len(rounds) == 2:
            raise psycopg.OperationalError("away")

    broker = make_broker("")
    broker.add_middleware(Watchman(go_round, every_seconds=0.001))
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=10)
    with capture_logs() as logs:
        worker.start()
        until(lambda: len(rounds) > 2)
        worker.stop()

    said = [line["event"] for line in logs]
    assert said == ["watch_failed", "work_postponed"]


def test_the_watchman_walks_again_after_another_boot_and_a_worker_that_never_came_up_ends() -> None:
    rounds: list[int] = []

    def has_walked(times: int) -> bool:
        return len(rounds) >= times

    watchman, broker = Watchman(lambda: rounds.append(1), every_seconds=0.001), make_broker("")

    watchman.before_worker_shutdown(broker, None)
    for _ in range(2):
        walked = len(rounds)
        watchman.after_worker_boot(broker, None)
        watchman.after_worker_boot(broker, None)
        until(partial(has_walked, walked + 2))
        watchman.before_worker_shutdown(broker, None)


def test_a_worker_watches_by_what_is_configured(engine: Engine, clock: HandClock, vault: Vault) -> None:
    guard = Guard(engine, clock)
    guard.hears()
    clock.advance(6 * MINUTE)
    guard.sweeps_come_round()
    broker = make_broker("")
    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=10)

    with receiver() as here:
        settings = Settings(alert_urls=here.url("room"), alert_inbox_minutes=5)
        broker.add_middleware(make_watchman(engine, clock, settings, vault))
        worker.start()
        until(lambda: bool(here.taken))
        worker.stop()

    assert [title for title, _ in here.at("room")] == [ONE]


# Power cuts


class Gateway:
    """What it has taken stays taken, whoever loses power."""

    def __init__(self, meter: Meter) -> None:
        self.taken: list[str] = []
        self._meter = meter

    def send(self, url: str, *, title: str, body: str, is_bad: bool = False) -> Outcome:
        del url, body, is_bad
        self._meter.reach(BEFORE_SENDING)
        self.taken.append(title)
        self._meter.reach(AFTER_SENDING)
        return Sent()


class Story:
    """An event that nobody applies, and a machine whose power goes at a chosen boundary of the round that tells it."""

    def __init__(self, engine: Engine, url: str, admin: psycopg.Connection[Any]) -> None:
        self._meter, self._admin, self._plain = Meter(admin), admin, engine
        self.machine = metered_engine(url, self._meter)

    def goes_round(self, cut_at: int | None) -> tuple[list[str], Gateway]:
        """A round that is cut, then rounds until all is quiet. Returns the boundaries passed, and what was sent."""
        empty(self._admin)
        clock, gateway = HandClock(START), Gateway(self._meter)
        Guard(self._plain, clock).hears()
        guard = Guard(self.machine, clock, messenger=gateway)
        clock.advance(11 * MINUTE)
        Guard(self._plain, clock).sweeps_come_round()
        self.machine.connect().close()
        boundaries = self._meter.begin(cut_at=cut_at)
        try:
            guard.goes_round()
        except PowerCut:
            self._meter.begin()
            # Its span over, an alert that may not have arrived is said again.
            for span in (MINUTE, ABANDONED_AFTER + MINUTE, 9 * HOUR):
                clock.advance(span)
                Guard(self._plain, clock).sweeps_come_round()
                guard.goes_round()
        return boundaries, gateway


@pytest.fixture
def story(engine: Engine, database_url: str) -> Iterator[Story]:
    with psycopg.connect(database_url, autocommit=True, options="-c timezone=UTC") as admin:
        story = Story(engine, database_url, admin)
        yield story
        story.machine.dispose()


def test_wherever_the_power_goes_people_hear_and_twice_only_where_nobody_could_know(story: Story) -> None:
    boundaries, whole = story.goes_round(None)
    assert whole.taken == [ONE]
    assert {BEFORE_SENDING, AFTER_SENDING} <= set(boundaries)

    for cut_at in range(len(boundaries)):
        _, gateway = story.goes_round(cut_at)

        may_be_lost = BEFORE_SENDING in boundaries[: cut_at + 1]
        assert 1 <= len(gateway.taken) <= (2 if may_be_lost else 1), f"{cut_at}: {boundaries[cut_at]}"
