"""Whatever a year brings, and wherever in it the power goes: the promises to creators hold, on the real worker and database.

The year jumps from one instant at which anything is due to the next. The engine alone meets many more years: tests/bench.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from random import Random
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from domain.renewal import FOREVER
from infra.clock import HandClock
from infra.inbox import Letter
from infra.mail import Outcome, Sent, TryLater, Unknown
from infra.settings import load
from tests.deliveries import START, letter, numbered
from tests.power import AFTER_SENDING, BEFORE_SENDING, Machine, Meter, PowerCut, metered_engine

POSTS = tuple(str(7300000000000000001 + place) for place in range(2))
CREATOR = {"handle": "ana", "email": "ana@creators.test", "timezone": "Pacific/Auckland"}
YEAR, A_WEEK = timedelta(days=365), timedelta(days=7)
WEEKLY_CAP, EMERGENCY_CAP = 2, 3
SETTINGS = load(weekly_cap=WEEKLY_CAP, emergency_cap=EMERGENCY_CAP, sweep_seconds=20)
SWEEPS = ("expire", "lapse", "remind", "rescue")
NEXT = """
SELECT min(at) FROM (
    SELECT next_action_at FROM authorizations WHERE next_action IN ('ask', 'expire', 'lapse')
    UNION ALL SELECT due_at FROM outbox WHERE status = 'owed'
    UNION ALL SELECT claimed_at + interval '6 minutes' FROM outbox WHERE status = 'paying'
) AS due (at) WHERE at > %s
"""
IS_BUSY = """
SELECT EXISTS (SELECT FROM pending WHERE status = 'ready') OR EXISTS (SELECT FROM outbox WHERE status = 'owed' AND due_at <= %s)
"""
ASKS = """
SELECT a.item_id, asks.period_ends_at, asks.rung FROM asks
JOIN authorizations a ON a.id = authorization_id JOIN outbox ON outbox.id = outbox_id WHERE idempotency_key = %s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """What arrived, and the latest end of each of its posts that had been heard of by then."""

    at: datetime
    message_id: str
    posts: frozenset[str]
    ends: dict[str, datetime]


class Outside:
    """A mail server that at times says later or loses its answer. What it has taken stays taken, whoever loses power."""

    def __init__(self, year: Year) -> None:
        self._year = year
        self.taken: list[Mail] = []

    def send(self, message: EmailMessage) -> Outcome:
        year = self._year
        year.meter.reach(BEFORE_SENDING)
        fate = year.chance.random()
        if fate < 0.1:
            return TryLater(reason="later")
        part = message.get_body(("plain",))
        assert part is not None
        posts = frozenset(post for post in POSTS if post in str(part.get_content()))
        self.taken.append(
            Mail(at=year.clock.now(), message_id=str(message["Message-ID"]), posts=posts, ends=dict(year.ends))
        )
        year.meter.reach(AFTER_SENDING)
        return Unknown(reason="lost") if fate < 0.2 else Sent()


class Year:
    """One creator with three posts. What was heard is noted once it is applied: from then on it has to be kept to."""

    def __init__(self, engine: Engine, admin: psycopg.Connection, meter: Meter, seed: int) -> None:
        self.engine, self.admin, self.meter, self.chance = engine, admin, meter, Random(seed)
        self.clock, self.outside, self.numbers = HandClock(START), Outside(self), numbered("event")
        self.ends: dict[str, datetime] = {}
        self.anew = dict.fromkeys(POSTS, START - timedelta(days=1))
        self.silences: list[tuple[datetime, datetime]] = []
        self.heard: list[Letter] = []
        self.cuts = 0
        self.machine = self._starts()

    def passes(self) -> None:
        """From due instant to due instant, and in between whatever comes."""
        for post in POSTS:
            self._begins(post)
        happens_at = self.clock.now()
        while self.clock.now() < START + YEAR:
            due_at = min(self._next(), START + YEAR)
            if happens_at < due_at:
                self.machine.sleeps_until(happens_at)
                self._happens()
                happens_at += timedelta(days=self.chance.expovariate(1 / 4))
            else:
                self.machine.sleeps_until(due_at)
                self._sweeps()

    def _starts(self) -> Machine:
        """The power is on, for some hundred boundaries."""
        self.meter.begin(cut_at=self.chance.randrange(20, 900))
        return Machine(engine=self.engine, clock=self.clock, mailer=self.outside, meter=self.meter, settings=SETTINGS)

    def _does(self, deed: Callable[[], None]) -> None:
        """Until it went through: producers deliver again what was not answered, and the slots of sweeps come again."""
        while True:
            try:
                return deed()
            except PowerCut:
                self.cuts += 1
                self.machine = self._starts()

    def _sweeps(self) -> None:
        for _ in range(6):
            self._does(lambda: self.machine.sweeps(*SWEEPS))
            if self.admin.execute(IS_BUSY, [self.clock.now()]).fetchone() != (True,):
                return

    def _next(self) -> datetime:
        [(at,)] = self.admin.execute(NEXT, [self.clock.now()]).fetchall()
        return at or FOREVER

    def _hears(self, type_: str, *, post: str = POSTS[0], ago: timedelta = timedelta(), **data: Any) -> None:
        """A delivery, now and then a second time, and with an older one behind it."""
        at = self.clock.now() - ago
        letters = [letter(type_, at, event_id=next(self.numbers), post=post, **data)]
        if self.chance.random() < 0.2:
            letters.append(letter(type_, at, event_id=next(self.numbers), post=post, **data))
        if self.heard and self.chance.random() < 0.2:
            letters.append(self.chance.choice(self.heard))
        self.chance.shuffle(letters)
        self._does(lambda: self.machine.hears(*letters))
        self._sweeps()
        self.heard += letters

    def _begins(self, post: str) -> None:
        now = self.clock.now()
        days = self.chance.choice((7, 30, 60))
        begins_at = now - timedelta(days=self.chance.uniform(0, days - 1))
        self._hears("authorization.requested", post=post, route="code", days=days, creator=CREATOR)
        self._grants(post, begins_at, begins_at + timedelta(days=days))
        self._hears("ad.started", post=post, ad={"ad_id": post[-4:]})

    def _grants(self, post: str, begins_at: datetime, ends_at: datetime, *, ago: timedelta = timedelta()) -> None:
        self._hears("code.granted", post=post, ago=ago, starts_at=begins_at, expires_at=ends_at)
        self.ends[post] = max(ends_at, self.ends.get(post, ends_at))

    def _happens(self) -> None:
        post, now = self.chance.choice(POSTS), self.clock.now()
        days = timedelta(days=self.chance.choice((7, 30)))
        # What happened before access was taken back and given anew does not lengthen what was given then.
        ago = min(timedelta(hours=self.chance.choice((0, 0, 1, 10))), now - self.anew[post])
        is_near = self.ends[post] - now < timedelta(days=12)
        match self.chance.randrange(16):
            case 0 | 1 | 2 | 3 if is_near:
                ends_at = max(self.ends[post], now) + days
                self._hears("authorization.extended", post=post, ago=ago, expires_at=ends_at)
                self.ends[post] = ends_at
            case 4 | 5 if is_near:
                self._grants(post, now - ago, max(self.ends[post], now) + days, ago=ago)
            case 6:
                self._hears("authorization.revoked", post=post)
                self._hears("authorization.requested", post=post, route="code", days=30, creator=CREATOR)
                self._grants(post, self.clock.now(), max(self.ends[post], now) + days)
                self.anew[post] = self.clock.now()
            case 7 | 8:
                self._hears("ad.stopped", post=post, ad={"ad_id": post[-4:]})
                self._hears("ad.started", post=post, ad={"ad_id": post[-4:]})
            case 9:
                self._hears("renewal.suggested", post=post, at=now + timedelta(days=2), reason="a launch")
            case 10:
                self._is_left_alone("creator.opted_out", "creator.opted_in")
            case 11:
                self._is_left_alone("creator.payment_due", "creator.payment_due", {"is_due": True}, {"is_due": False})
            case 12:
                until = now + timedelta(days=self.chance.choice((1, 5, 20)))
                self._is_silent("creator.snoozed", until, until=until)
            case 13:
                until = now + timedelta(days=self.chance.choice((3, 12)))
                self._is_silent("creator.away", until, **{"from": now - ago, "until": until})
            case _:
                pass

    def _is_silent(self, type_: str, until: datetime, /, **data: Any) -> None:
        self._hears(type_, creator=CREATOR, **data)
        self.silences.append((self.clock.now(), until))
        self._sleeps_until(until)

    def _is_left_alone(
        self, begins: str, ends: str, begin: dict[str, Any] | None = None, end: dict[str, Any] | None = None
    ) -> None:
        """For some days; what is due meanwhile is looked at all the same."""
        self._hears(begins, creator=CREATOR, **begin or {})
        since = self.clock.now()
        self._sleeps_until(since + timedelta(days=self.chance.uniform(1, 15)))
        self.silences.append((since, self.clock.now()))
        self._hears(ends, creator=CREATOR, **end or {})

    def _sleeps_until(self, until: datetime) -> None:
        while (due_at := min(self._next(), until)) < until:
            self.machine.sleeps_until(due_at)
            self._sweeps()
        self.machine.sleeps_until(until)

    def asks_of(self, mail: Mail) -> list[tuple[str, datetime, int]]:
        """(post, end, rung) of what the message says."""
        key = mail.message_id.strip("<>").partition("@")[0]
        rows = self.admin.execute(ASKS, [key]).fetchall()
        return [(post, ends_at, rung) for post, ends_at, rung in rows if post in mail.posts]


@contextmanager
def year(engine: Engine, url: str, seed: int) -> Iterator[Year]:
    del engine
    with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as admin:
        meter = Meter(admin)
        machine = metered_engine(url, meter)
        machine.connect().close()
        try:
            yield Year(machine, admin, meter, seed)
        finally:
            machine.dispose()


@pytest.mark.parametrize("seed", range(2))
def test_a_random_year_keeps_every_promise(engine: Engine, database_url: str, seed: int) -> None:
    with year(engine, database_url, seed) as passed:
        passed.passes()
        mails = passed.outside.taken
        asked = [(mail, passed.asks_of(mail)) for mail in mails]
        sent = [mail.at for mail in mails]

        # It did happen.
        assert len(mails) >= 8
        assert passed.cuts >= 10
        assert len(passed.silences) >= 5
        # No message twice, and no rung in two.
        assert max(Counter(mail.message_id for mail in mails).values()) == 1
        rungs = Counter(ask for _, asks in asked for ask in asks)
        assert max(rungs.values()) == 1
        # None beyond the cap, in any seven days.
        assert max(sum(at - A_WEEK < other <= at for other in sent) for at in sent) <= EMERGENCY_CAP
        # None while the creator is not to be written to.
        assert not [at for at in sent for begin, end in passed.silences if begin < at < end]
        # None after success: each is about the latest end that had been heard of.
        for mail, asks in asked:
            for post in mail.posts:
                assert mail.ends[post] in {ends_at for each, ends_at, _ in asks if each == post}, (mail, asks)
