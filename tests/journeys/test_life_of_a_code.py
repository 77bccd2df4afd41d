"""The whole life of one code against the simulated TikTok, as a story: asked, pasted, bound, used, extended, revoked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from infra import advertisers
from infra.clock import HandClock
from infra.database import hot, transaction
from infra.tables import AuthorizationRow
from infra.vault import Vault
from simulator.accounts import Post
from simulator.world import World
from tests.postbox import Postbox, postbox
from tests.service import APP_ID, Service, service

NOVEMBER_22 = datetime(2026, 11, 22, 10, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Story:
    """The service, the simulated TikTok, and one post of one creator that one advertiser wants."""

    everspark: Service
    world: World
    box: Postbox
    advertiser_id: str
    post: Post

    def hears(self, type_: str, **data: Any) -> None:
        about: dict[str, Any] = {"advertiser_id": self.advertiser_id, "post": {"item_id": self.post.item_id}}
        assert self.everspark.hears(type_, **(about | data)).status_code == 202
        self.everspark.settles()

    def comes(self, instant: datetime) -> None:
        self.everspark.sleeps(instant - self.everspark.clock.now())

    @property
    def row(self) -> AuthorizationRow:
        with transaction(self.everspark.engine) as session:
            return session.exec(select(AuthorizationRow)).one()

    @property
    def from_tiktok(self) -> list[tuple[str, str]]:
        """What was heard from TikTok: (event, state after)."""
        query = """
            SELECT event, to_state FROM history JOIN inbox USING (seq) WHERE sender = 'tiktok' AND history.outcome <> 'again'
            ORDER BY history.id"""
        with hot(self.everspark.engine) as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]


@pytest.fixture
def story(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Story]:
    clock.set(NOVEMBER_22)
    world = World(clock, seed=3)
    with (
        postbox() as box,
        service(engine=engine, clock=clock, vault=vault, world=world, smtp_url=box.url) as everspark,
    ):
        advertiser = world.add_advertiser("Maison Soleil")
        token = world.issue(APP_ID, [advertiser.advertiser_id]).value
        with hot(engine) as connection:
            named = {"advertiser_id": advertiser.advertiser_id, "name": advertiser.name}
            advertisers.connect(connection, vault, token=token, now=clock.now(), **named)
        post = world.add_post(world.add_creator("@mia.makes").creator_id, text="How I fold paper cranes")
        yield Story(everspark, world, box, advertiser.advertiser_id, post)


def test_the_life_of_a_code(story: Story) -> None:
    # 22 November: the brand asks for thirty days
    creator = {"handle": "mia.makes", "email": "mia@creators.test", "locale": "en", "timezone": "Europe/Paris"}
    story.hears("authorization.requested", route="code", days=30, creator=creator)

    assert story.row.state == "requested"

    # The same day: Mia makes a code and pastes it, with a chat around it; it is bound once, and TikTok's list confirms it
    code = story.world.mint(story.post.item_id, days=30)
    story.hears("code.submitted", code=f"hiii 😊 sorry for the wait!!\nhere it is:\u200b {code.value}\nxx Mia")

    assert (story.row.state, story.row.expires_at) == ("authorized", NOVEMBER_22 + 30 * DAY)
    assert story.world.binds == {(story.advertiser_id, story.post.item_id): 1}
    assert story.from_tiktok == [("code.granted", "authorized")]

    # 23 November: an ad goes live that runs until the end of February; nobody tells, the look finds it
    story.comes(datetime(2026, 11, 23, 10, tzinfo=UTC))
    flight_end = datetime(2027, 2, 28, tzinfo=UTC)
    ad = story.world.launch(story.advertiser_id, story.post.item_id, ends_at=flight_end)
    story.comes(datetime(2026, 11, 25, 10, tzinfo=UTC))

    assert story.from_tiktok[1:] == [("ad.started", "active")]
    assert (story.row.next_action, story.row.why) == ("ask", "renewal_needed")
    assert story.box.taken == []

    # 13 December: ten days before the end the window has opened, on a Saturday; nobody writes to Mia on a weekend
    story.comes(datetime(2026, 12, 13, 10, tzinfo=UTC))

    assert story.box.taken == []

    # 14 December, Monday morning: she is asked to extend
    story.comes(datetime(2026, 12, 14, 9, tzinfo=UTC))

    [ask] = story.box.taken
    assert "mia@creators.test" in ask["To"]
    assert re.search(r"extend", ask.get_body(("plain",)).get_content(), re.IGNORECASE)  # type: ignore[union-attr]

    # An hour later: she extends by 365 days in her app, and writes to nobody; the look sees the end moved
    story.comes(datetime(2026, 12, 14, 10, tzinfo=UTC))
    extended = story.world.extend(story.post.item_id, days=365)
    story.comes(datetime(2026, 12, 14, 22, tzinfo=UTC))

    assert story.from_tiktok[2:] == [("authorization.extended", "active")]
    assert (story.row.state, story.row.expires_at) == ("active", extended.end_at.replace(microsecond=0))
    assert story.row.why == "covered"

    # 20 January: she was left in peace meanwhile
    story.comes(datetime(2027, 1, 20, 10, tzinfo=UTC))

    assert len(story.box.taken) == 1

    # 20 January, later: she takes it back, silently; TikTok stops the ad, and the look finds both
    story.world.revoke(story.post.item_id)
    story.comes(datetime(2027, 1, 21, 10, tzinfo=UTC))

    assert {event for event, _ in story.from_tiktok[3:]} == {"authorization.revoked", "ad.lost"}
    assert (story.row.state, story.row.state_reason) == ("revoked", "withdrawn")
    assert story.world.ad_standing(ad).secondary == "AD_STATUS_ASSET_AUTHORIZATION_LOST"
    assert len(story.box.taken) == 1
