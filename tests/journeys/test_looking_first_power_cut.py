"""A power cut at every statement, commit, call and message while TikTok is read before an ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from typing import Any

import msgspec
import pytest

from domain.patience import ANY_HOUR, Manners
from domain.renewal import Policy
from infra import advertisers
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter, accept, mailbox_of
from infra.tiktok.client import Tiktok
from tests.deliveries import ADVERTISER, CREATOR, KEY, POST, day, letter
from tests.power import (
    AFTER_COMMIT,
    BEFORE_COMMIT,
    BEFORE_SENDING,
    MeteredTransport,
    PowerCut,
    RecordingMailer,
)
from tests.rounds import Rounds
from tests.service import APP_ID, make_tiktok
from tests.serving import serving
from worker.asking import Writing
from worker.drain import drain
from worker.effects import perform
from worker.pay import pay

POLICY = Policy()
IS_QUIET = """
SELECT NOT EXISTS (SELECT FROM pending WHERE status = 'ready')
   AND NOT EXISTS (SELECT FROM outbox WHERE status IN ('owed', 'paying') OR (kind = 'look.one' AND status = 'uncertain'))
"""
STATUSES = "SELECT kind, status FROM outbox ORDER BY kind"
DUE = {"period_ends_at": day(30), "rung": 0}


def at_any_hour(sender: Address) -> Writing:
    return Writing(sender=sender, manners=Manners(hours=ANY_HOUR))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What became of the message and of the look, how many messages were sent, and the boundaries passed by then."""

    rows: dict[str, str]
    sent: int
    boundaries: list[str]


class Asks(Rounds):
    """The ask is made again and again."""

    IS_QUIET = IS_QUIET

    def goes(self, base_url: str, *, is_extended: bool, cut_at: int | None = None) -> Ending:
        """A message is about to go, and what follows, with a power cut; then work goes on until all is quiet."""
        clock, mailer = self._begins(is_extended=is_extended), RecordingMailer(self._meter)
        tiktok = make_tiktok(base_url, clock, transport=MeteredTransport(self._meter))
        boundaries, deadline = self._meter.begin(cut_at=cut_at), clock.now() + timedelta(hours=1)
        while not self._is_quiet():
            assert clock.now() < deadline, "it never becomes quiet"
            clock.advance(timedelta(minutes=1))
            try:
                self._works(clock, mailer, tiktok)
            except PowerCut:
                self._meter.begin()
        tiktok.close()
        rows: dict[str, str] = dict(self._admin.execute(STATUSES).fetchall())
        return Ending(rows=rows, sent=len(mailer.taken), boundaries=boundaries)

    def _begins(self, *, is_extended: bool) -> HandClock:
        """A post that is bound, known and asked for; a moment before the ask its creator may extend, and nobody tells."""
        clock, world = self._fresh_world()
        world.authorize(ADVERTISER, world.mint(POST, days=30).value)
        token = world.issue(APP_ID, [ADVERTISER]).value
        facts: dict[str, Any] = {"route": "code", "days": 30, "creator": CREATOR, "needed_until": day(300)}
        request = letter("authorization.requested", day(0), event_id="request", **facts)
        grant = letter("code.granted", day(0), event_id="grant", starts_at=day(0), expires_at=day(30))
        with hot(self.engine) as connection:
            advertisers.connect(connection, self._vault, advertiser_id=ADVERTISER, token=token, now=clock.now())
            accept(connection, [request, grant], now=clock.now())
        drain(self.engine, clock, POLICY, mailbox_of(KEY))
        clock.set(day(21))
        with hot(self.engine) as connection:
            accept(connection, [ask_letter()], now=clock.now())
        drain(self.engine, clock, POLICY, mailbox_of(KEY))
        if is_extended:
            world.extend(POST, days=60)
        return clock

    def _works(self, clock: HandClock, mailer: RecordingMailer, tiktok: Tiktok) -> None:
        pay(self.engine, clock, mailer, mail_from="Brand <ask@brand.test>", writing=at_any_hour)
        perform(self.engine, clock, tiktok, self._vault)
        drain(self.engine, clock, POLICY, mailbox_of(KEY))


def ask_letter() -> Letter:
    """The clock's word that the first rung is reached."""
    data = msgspec.json.encode(DUE)
    return Letter(sender="clock", event_id="remind", type="renewal.due", key=KEY, occurred_at=day(21), data=data)


@pytest.fixture
def rounds(database_url: str) -> Iterator[Asks]:
    with Asks.on(database_url) as rounds:
        yield rounds


def test_wherever_the_power_goes_who_extended_gets_nothing(rounds: Asks) -> None:
    with serving(rounds) as http:
        url = str(http.base_url)
        whole = rounds.goes(url, is_extended=True)
        assert (whole.rows, whole.sent) == ({"ask.mail": "cancelled", "look.one": "done"}, 0)
        assert "after calling tt_video/list" in whole.boundaries

        broken = {}
        for cut_at, boundary in enumerate(whole.boundaries):
            ending = rounds.goes(url, is_extended=True, cut_at=cut_at)
            if (ending.rows, ending.sent) != (whole.rows, 0):
                broken[f"{cut_at}, {boundary}"] = ending

    assert broken == {}


def test_wherever_the_power_goes_who_did_not_extend_gets_one_message(rounds: Asks) -> None:
    with serving(rounds) as http:
        url = str(http.base_url)
        whole = rounds.goes(url, is_extended=False)
        assert (whole.rows, whole.sent) == ({"ask.mail": "done", "look.one": "done"}, 1)
        sending = whole.boundaries.index(BEFORE_SENDING)
        # What comes before is as in the story above.
        judged = max(place for place in range(sending) if "pg_try_advisory_lock" in whole.boundaries[place])
        claimed = max(place for place in range(sending) if whole.boundaries[place] == AFTER_COMMIT)
        settled = whole.boundaries.index(BEFORE_COMMIT, sending)

        broken = {}
        for cut_at in range(judged, len(whole.boundaries)):
            ending = rounds.goes(url, is_extended=False, cut_at=cut_at)
            status = "uncertain" if claimed <= cut_at <= settled else "done"
            sent = 0 if claimed <= cut_at <= sending else 1
            if (ending.rows, ending.sent) != ({"ask.mail": status, "look.one": "done"}, sent):
                broken[f"{cut_at}, {whole.boundaries[cut_at]}"] = ending

    assert broken == {}
