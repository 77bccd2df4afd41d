"""A power cut at every statement, commit and call of a code's check: bound exactly once, told exactly once, never lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from domain.renewal import Policy
from infra import advertisers
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import accept, mailbox_of
from infra.outbox import ABANDONED_AFTER
from infra.tiktok.client import Tiktok
from simulator.world import World
from tests.deliveries import ADVERTISER, CREATOR, KEY, POST, day, letter
from tests.power import MeteredTransport, PowerCut
from tests.rounds import Rounds
from tests.service import APP_ID, make_tiktok
from tests.serving import serving
from worker.drain import drain
from worker.effects import perform

IS_QUIET = """
SELECT NOT EXISTS (SELECT FROM pending WHERE status = 'ready')
   AND NOT EXISTS (SELECT FROM outbox WHERE status IN ('owed', 'paying', 'uncertain'))
"""
STORY = "SELECT event, outcome, reason, to_state FROM history ORDER BY id"
CHECKS = "SELECT status FROM outbox WHERE kind = 'code.check'"
POLICY = Policy()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a run ended: what was bound, by how many calls, the row, and the history; and the boundaries passed by then."""

    binds: int
    calls: int
    checks: list[Any]
    story: list[Any]
    boundaries: list[str]


class Checks(Rounds):
    """The check is made again and again."""

    IS_QUIET = IS_QUIET

    def goes(self, base_url: str, *, cuts: tuple[int, ...] = (), fault: str | None = None) -> Ending:
        """A code is handed in and checked. The power goes at the first of `cuts`; at the second, counted from the restart."""
        clock, world = self._begins(fault)
        tiktok = make_tiktok(base_url, clock, transport=MeteredTransport(self._meter))
        boundaries, left = self._meter.begin(cut_at=cuts[0] if cuts else None), list(cuts[1:])
        deadline = clock.now() + timedelta(hours=2)
        while True:
            try:
                while not self._is_quiet():
                    assert clock.now() < deadline, "it never becomes quiet"
                    self._works(clock, tiktok)
                    clock.advance(timedelta(seconds=5))
                break
            except PowerCut:
                self._meter.begin(cut_at=left.pop(0) if left else None)
                clock.advance(ABANDONED_AFTER)
        tiktok.close()
        checks, story = (self._admin.execute(query.encode()).fetchall() for query in (CHECKS, STORY))
        return Ending(
            binds=world.binds[ADVERTISER, POST],
            calls=len(world.calls_of("tt_video/authorize")),
            checks=checks,
            story=story,
            boundaries=boundaries,
        )

    def _begins(self, fault: str | None) -> tuple[HandClock, World]:
        clock, world = self._fresh_world()
        code, token = world.mint(POST, days=30).value, world.issue(APP_ID, [ADVERTISER]).value
        if fault:
            world.faults.plan("tt_video/authorize", fault)
        letters = [
            letter("authorization.requested", day(0), event_id="request", route="code", days=30, creator=CREATOR),
            letter("code.submitted", day(0), event_id="code", code=code),
        ]
        with hot(self.engine) as connection:
            advertisers.connect(connection, self._vault, advertiser_id=ADVERTISER, token=token, now=clock.now())
            accept(connection, letters, now=clock.now())
        return clock, world

    def _works(self, clock: HandClock, tiktok: Tiktok) -> None:
        drain(self.engine, clock, POLICY, mailbox_of(KEY))
        perform(self.engine, clock, tiktok, self._vault)
        drain(self.engine, clock, POLICY, mailbox_of(KEY))


@pytest.fixture
def rounds(database_url: str) -> Iterator[Checks]:
    with Checks.on(database_url) as rounds:
        yield rounds


WHOLE = [
    ("authorization.requested", "moved", "requested", "requested"),
    ("code.submitted", "waiting", "waiting_for_tiktok", "requested"),
    ("code.granted", "moved", "granted", "authorized"),
]


def is_whole(ending: Ending) -> bool:
    """Bound once by one call, settled, and told once."""
    return (ending.binds, ending.calls, ending.checks, ending.story) == (1, 1, [("done",)], WHOLE)


@pytest.mark.parametrize("fault", [None, "lost_after"])
def test_a_power_cut_anywhere_binds_once_and_loses_nothing(rounds: Checks, fault: str | None) -> None:
    with serving(rounds) as http:
        url = str(http.base_url)
        whole = rounds.goes(url, fault=fault)
        assert is_whole(whole)
        assert "after calling tt_video/authorize" in whole.boundaries or fault
        assert len(whole.boundaries) > 40

        broken = {}
        for number, boundary in enumerate(whole.boundaries):
            ending = rounds.goes(url, cuts=(number,), fault=fault)
            if not is_whole(ending):
                broken[f"{number}, {boundary}"] = ending

    assert broken == {}


def test_neither_does_a_second_one_after_the_restart(rounds: Checks) -> None:
    places = Random(20261122)
    with serving(rounds) as http:
        url = str(http.base_url)
        count = len(rounds.goes(url).boundaries)

        broken = {}
        for _ in range(12):
            cuts = (places.randrange(count), places.randrange(40))
            ending = rounds.goes(url, cuts=cuts)
            if not is_whole(ending):
                broken[cuts] = ending

    assert broken == {}
