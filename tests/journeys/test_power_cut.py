"""A power cut at every statement, commit, enqueue and sent message of a journey: the ending is always the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from functools import partial
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from infra.clock import HandClock
from infra.outbox import ABANDONED_AFTER
from infra.settings import load
from tests.deliveries import CODE, CREATOR, KEY, START, day, letter
from tests.emptying import empty
from tests.power import (
    AFTER_COMMIT,
    AFTER_SENDING,
    BEFORE_COMMIT,
    BEFORE_SENDING,
    Machine,
    Meter,
    PowerCut,
    RecordingMailer,
    metered_engine,
)

# Quiet hours have their own stories (test_asking.py).
AT_ANY_HOUR = load(quiet_until=time(0), quiet_from=time(0), quiet_weekends=False)
Step = Callable[[Machine], None]
SILENT = "7300000000000000002"
# The boundaries are dealt to so many tests, which may run beside each other.
SHARES = 6
RECOVERY = ("expire", "lapse", "remind", "rescue")


def request(machine: Machine) -> None:
    """Two posts are asked for; an ad for one is heard of before its grant."""
    machine.hears(
        letter("authorization.requested", day(0), event_id="request", route="code", days=30, creator=CREATOR),
        letter("ad.started", day(0.2), event_id="ad", ad={"ad_id": "9001"}),
        letter(
            "authorization.requested", day(0), event_id="silence", post=SILENT, route="code", days=30, creator=CREATOR
        ),
    )


def grant(machine: Machine) -> None:
    """The creator hands in a code, and it is granted: 30 days, and the waiting ad runs."""
    machine.sleeps_until(day(0.5))
    machine.hears(
        letter("code.submitted", day(0.1), event_id="code", code=f"here: {CODE}"),
        letter("code.granted", day(0.1), event_id="grant", starts_at=day(0.1), expires_at=day(30), code=CODE),
    )


def silence(machine: Machine) -> None:
    """The other request stays unanswered for 14 days."""
    machine.sleeps_until(day(14.5))
    machine.sweeps("lapse")


def reminder(machine: Machine) -> None:
    """Ten days before the end the creator is asked, by mail, once a minute has gathered what else there is to ask."""
    machine.sleeps_until(day(20.5))
    machine.sweeps("remind")
    machine.sleeps_until(day(20.51))
    machine.sweeps("rescue")


def extension(machine: Machine) -> None:
    """The creator extends; the producer says so twice. The ad stops, so that nobody needs to be asked again."""
    machine.sleeps_until(day(21))
    extended = partial(letter, "authorization.extended", day(21), expires_at=day(60))
    machine.hears(extended(event_id="extension"), extended(event_id="extension again"))
    machine.hears(letter("ad.stopped", day(21), event_id="stop", ad={"ad_id": "9001"}))


def end(machine: Machine) -> None:
    """The extended period ends."""
    machine.sleeps_until(day(60.5))
    machine.sweeps("expire", "rescue")


JOURNEY: tuple[Step, ...] = (request, grant, silence, reminder, extension, end)

# What is the same however often the power went: everything but row numbers, versions and the instants of the machine.
ENDING = {
    "authorizations": """SELECT key, route, state, state_reason, state_since, condition, days, requested_at, starts_at,
        expires_at, period_source, rung, next_action, next_action_at, why, handle FROM authorizations
        LEFT JOIN creators ON creators.id = creator_id ORDER BY key""",
    "history": """SELECT key, sender, split_part(event_id, ':', 1) AS event_id, event, history.outcome, from_state,
        to_state, history.reason, note, at FROM history JOIN authorizations a ON a.id = authorization_id
        JOIN inbox USING (seq, key) ORDER BY a.key, history.id""",
    "events": """SELECT sender, split_part(event_id, ':', 1) AS event_id, type, key, outcome, reason FROM inbox
        ORDER BY sender, event_id""",
    "pending": "SELECT seq, status, error FROM pending",
    "grants": "SELECT starts_at, ends_at, source, code_fingerprint FROM grants ORDER BY starts_at, ends_at",
    "codes": "SELECT fingerprint, key, last FROM codes",
    "ads": "SELECT ad_id, started_at, stopped_at FROM ads",
    "asks": """SELECT period_ends_at, rung, urgency, days, outbox.kind FROM asks
        JOIN outbox ON outbox.id = outbox_id""",
    # Without answer times: of a message of which nobody knows whether it left, none is counted.
    "endings": "SELECT period_ends_at, outcome, step FROM endings ORDER BY period_ends_at",
    "decisions": "SELECT key, decided_why, withheld_why FROM authorizations ORDER BY key",
    "owed": """SELECT kind, key, regexp_replace(idempotency_key, '^ask-[0-9]+', 'ask') AS idempotency_key, payload
        FROM outbox ORDER BY kind""",
}
IS_QUIET = """
SELECT NOT EXISTS (SELECT FROM pending WHERE status = 'ready')
   AND NOT EXISTS (SELECT FROM outbox WHERE kind = 'ask.mail' AND status IN ('owed', 'paying'))
"""
UNCERTAIN = (("uncertain", 0), ("uncertain", 1))
MAIL = "SELECT status FROM outbox WHERE kind = 'ask.mail'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a run ended: the rows, what became of the ask, how often it was sent, and the boundaries passed by then."""

    rows: dict[str, list[dict[str, Any]]]
    ask: str
    sent: int
    boundaries: list[str]


class World:
    """One database, in which the journey is made again and again from an empty start."""

    def __init__(self, url: str, admin: psycopg.Connection) -> None:
        self._admin, self._meter, self._settings = admin, Meter(admin), AT_ANY_HOUR
        self.engine = metered_engine(url, self._meter)
        self.engine.connect().close()

    def travels(self, *, cuts: tuple[int, ...] = ()) -> Ending:
        """Makes the journey. The power goes at the first of `cuts`; at the second, counted from the restart; …"""
        empty(self._admin)
        self._clock, self._mailer, self._cuts = HandClock(START), RecordingMailer(self._meter), list(cuts)
        machine, boundaries = self._starts()
        for step in JOURNEY:
            machine = self._makes(step, machine)
        # What is still under way is brought to its end by the sweeps alone.
        while not self._is_settled(machine):
            machine, _ = self._starts()
        return self._ending(boundaries)

    def _makes(self, step: Step, machine: Machine) -> Machine:
        """A step until it went through: producers deliver again what was not answered, slots come again."""
        while True:
            try:
                step(machine)
            except PowerCut:
                machine, _ = self._starts()
                while not self._is_settled(machine):
                    machine, _ = self._starts()
            else:
                return machine

    def _is_settled(self, machine: Machine) -> bool:
        """Nobody delivers anything, and the sweeps go on until all is quiet; False when the power went meanwhile."""
        deadline = self._clock.now() + 3 * ABANDONED_AFTER
        try:
            while self._admin.execute(IS_QUIET).fetchone() != (True,):
                assert self._clock.now() < deadline, "it never becomes quiet"
                self._clock.advance(timedelta(minutes=1))
                machine.sweeps(*RECOVERY)
        except PowerCut:
            return False
        return True

    def _starts(self) -> tuple[Machine, list[str]]:
        boundaries = self._meter.begin(cut_at=self._cuts.pop(0) if self._cuts else None)
        machine = Machine(
            engine=self.engine, clock=self._clock, mailer=self._mailer, meter=self._meter, settings=self._settings
        )
        return machine, boundaries

    def _ending(self, boundaries: list[str]) -> Ending:
        with self._admin.cursor(row_factory=dict_row) as cursor:
            rows = {name: cursor.execute(query.encode()).fetchall() for name, query in ENDING.items()}
        [(ask,)] = self._admin.execute(MAIL).fetchall()
        return Ending(rows=rows, ask=ask, sent=len(self._mailer.taken), boundaries=boundaries)


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with psycopg.connect(database_url, autocommit=True, options="-c timezone=UTC") as admin:
        world = World(database_url, admin)
        yield world
        world.engine.dispose()


def test_the_journey_itself(world: World) -> None:
    whole = world.travels()

    [silent, main] = sorted(whole.rows["authorizations"], key=lambda row: str(row["state_reason"]), reverse=True)
    assert (main["key"], main["state"], main["state_reason"]) == (KEY, "expired", "period_ended")
    assert (main["starts_at"], main["expires_at"]) == (day(0.1), day(60))
    assert (silent["state"], silent["state_reason"]) == ("expired", "request_lapsed")
    assert [row["event_id"] for row in whole.rows["history"] if row["key"] == KEY] == [
        *("request", "code", "grant", "ad", "remind", "extension", "extension again", "stop", "expire")
    ]
    assert whole.rows["pending"] == []
    assert (whole.ask, whole.sent) == ("done", 1)


@pytest.mark.parametrize("share", range(SHARES))
def test_a_power_cut_anywhere_changes_nothing(world: World, share: int) -> None:
    whole = world.travels()
    assert len(whole.boundaries) > 150

    broken = {}
    for number in range(share, len(whole.boundaries), SHARES):
        ending = world.travels(cuts=(number,))
        if differences := differing(whole, ending, allowed=[mail_after(whole.boundaries, number)]):
            broken[f"{number}, {whole.boundaries[number]}"] = differences

    assert broken == {}


def test_neither_does_a_second_one_after_the_restart(world: World) -> None:
    whole = world.travels()
    places = Random(20261122)

    broken = {}
    for _ in range(20):
        cuts = (places.randrange(len(whole.boundaries)), places.randrange(60))
        if differences := differing(whole, world.travels(cuts=cuts), allowed=[("done", 1), *UNCERTAIN]):
            broken[cuts] = differences

    assert broken == {}


def differing(whole: Ending, ending: Ending, *, allowed: list[tuple[str, int]]) -> dict[str, Any]:
    """What is not as in the run without a cut; of the mail, what is not among the allowed (status, times sent)."""
    wrong: dict[str, Any] = {
        name: (rows, whole.rows[name]) for name, rows in ending.rows.items() if rows != whole.rows[name]
    }
    mail = (ending.ask, ending.sent)
    return wrong if mail in allowed else wrong | {"mail": (mail, allowed)}


def mail_after(boundaries: list[str], cut_at: int) -> tuple[str, int]:
    """From the commit of its claim until that of its settlement nobody can know whether the ask left: it is `uncertain`
    then, and not sent again. Anywhere else it is sent exactly once.
    """
    sending, sent = boundaries.index(BEFORE_SENDING), boundaries.index(AFTER_SENDING)
    claimed = max(place for place in range(sending) if boundaries[place] == AFTER_COMMIT)
    settled = boundaries.index(BEFORE_COMMIT, sent)
    return UNCERTAIN[cut_at >= sent] if claimed <= cut_at <= settled else ("done", 1)
