"""Nobody gets a message after success: what TikTok shows is read once more before a creator is written to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from infra import advertisers, outbox
from infra.clock import HandClock
from infra.database import hot
from infra.owed import GATHERING
from infra.vault import Vault
from scheduler.sweeps import sweep_all
from simulator.world import World
from tests.postbox import Postbox, postbox
from tests.service import ADVERTISER, APP_ID, Service, service
from worker.asking import BAD_EMAIL
from worker.looking_first import LONGEST, LOOKING_FIRST, SOON, look_first
from worker.pay import Paid

ANA = {"handle": "ana.dances", "name": "Ana", "email": "ana@creators.test", "locale": "en", "timezone": "UTC"}
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Brand:
    """Posts of one creator, bound at TikTok and needed for a year, and asks that come due."""

    def __init__(self, world: World, desk: Service, box: Postbox) -> None:
        self.world, self.desk, self.box, self.clock = world, desk, box, desk.clock
        world.add_advertiser("Brand", advertiser_id=ADVERTISER)
        self.creator = world.add_creator("ana.dances")
        self.token = world.issue(APP_ID, [ADVERTISER]).value
        self.posts: list[str] = []
        desk.does_look = False

    def connects(self) -> None:
        with hot(self.desk.engine) as connection:
            advertisers.connect(
                connection, self.desk.vault, advertiser_id=ADVERTISER, token=self.token, now=self.clock.now()
            )

    def grants(self, number: int = 1) -> None:
        """A post that is needed for a year, granted for 30 days, shown by TikTok and known here."""
        for _ in range(number):
            post = self.world.add_post(self.creator.creator_id)
            code = self.world.mint(post.item_id, days=30)
            self.world.authorize(ADVERTISER, code.value)
            about: dict[str, Any] = {"post": {"item_id": post.item_id}}
            needed_until = (self.clock.now() + 365 * DAY).isoformat()
            self.desk.hears(
                "authorization.requested", route="code", days=30, creator=ANA, needed_until=needed_until, **about
            )
            begins_at, ends_at = code.start_at.isoformat(), code.end_at.isoformat()
            self.desk.hears("code.granted", starts_at=begins_at, expires_at=ends_at, **about)
            self.posts.append(post.item_id)
        self.desk.settles()

    def sleeps_until_the_ask(self) -> None:
        """A minute before it is due."""
        [(at,)] = self.fetches("SELECT min(next_action_at) FROM authorizations")
        self.clock.set(at - MINUTE)

    def passes(self, span: timedelta = 2 * MINUTE, *, step: timedelta | None = None) -> None:
        self.desk.sleeps(span, step=step or span)

    def fetches(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with hot(self.desk.engine) as connection:
            return connection.execute(query.encode(), values).fetchall()

    @property
    def whys(self) -> list[tuple[str, str | None]]:
        return self.fetches("SELECT decided_why, withheld_why FROM authorizations ORDER BY id")

    @property
    def messages(self) -> list[tuple[str, str | None]]:
        return self.fetches("SELECT status, last_error FROM outbox WHERE kind = 'ask.mail' ORDER BY id")

    @property
    def looks(self) -> list[str]:
        return [status for (status,) in self.fetches("SELECT status FROM outbox WHERE kind = 'look.one' ORDER BY id")]

    def called(self, path: str = "tt_video/list") -> int:
        return len(self.world.calls_of(path))


@pytest.fixture
def brand(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Brand]:
    world = World(clock, seed=7)
    with (
        postbox() as box,
        service(engine=engine, clock=clock, vault=vault, world=world, smtp_url=box.url, quiet_weekends=False) as desk,
    ):
        yield Brand(world, desk, box)


def test_who_extended_a_minute_before_the_ask_gets_no_message(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.sleeps_until_the_ask()
    brand.world.extend(brand.posts[0], days=60)

    brand.passes()

    assert brand.box.taken == []
    assert brand.messages == [("cancelled", "the period was extended")]
    assert brand.whys == [("renewal_needed", "renewed_meanwhile")]
    assert (brand.looks, brand.called()) == (["done"], 1)


def test_who_has_not_extended_gets_it_within_seconds(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.sleeps_until_the_ask()

    brand.passes()

    assert len(brand.box.taken) == 1
    [(waited,)] = brand.fetches("SELECT settled_at - created_at FROM outbox WHERE kind = 'ask.mail'")
    assert waited == GATHERING + SOON
    assert brand.whys == [("renewal_needed", None)]
    assert (brand.looks, brand.called()) == (["done"], 1)


def test_what_was_read_just_now_is_not_read_again(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.sleeps_until_the_ask()
    brand.clock.advance(3 * MINUTE / 4)
    brand.desk.does_look = True
    brand.desk.settles()
    looked = brand.called()

    brand.passes(MINUTE / 2)

    assert (len(brand.box.taken), looked) == (1, 1)
    assert (brand.looks, brand.called()) == ([], looked)


def test_many_posts_of_one_advertiser_are_read_by_one_whole_look(brand: Brand) -> None:
    brand.connects()
    brand.grants(4)
    # All are due within half an hour; the usual look is hours away
    brand.fetches("UPDATE advertisers SET next_look_at = %s RETURNING 1", brand.clock.now() + 900 * DAY)
    brand.sleeps_until_the_ask()
    brand.world.extend(brand.posts[2], days=60)
    brand.desk.does_look = True

    brand.passes()

    assert (len(brand.box.taken), brand.looks, brand.called()) == (1, [], 1)
    assert brand.whys.count(("renewal_needed", "renewed_meanwhile")) == 1
    assert brand.fetches("SELECT count(*) FROM asks WHERE sent_at IS NOT NULL") == [(3,)]


def test_a_tiktok_that_does_not_answer_holds_a_message_up_for_minutes_only(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.sleeps_until_the_ask()
    brand.world.faults.plan("tt_video/list", "code", code=50000, times=1000)

    brand.passes()
    assert (brand.box.taken, brand.messages) == ([], [("owed", LOOKING_FIRST)])

    brand.passes(LONGEST, step=MINUTE)
    assert len(brand.box.taken) == 1
    assert brand.messages == [("done", None)]
    # The look itself, and its two further tries: the message owes no other
    assert (brand.looks, brand.called()) == (["failed"], 3)


def test_a_refused_token_holds_it_up_for_minutes_too(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.sleeps_until_the_ask()
    brand.world.revoke_token(brand.token)

    brand.passes()
    assert (brand.box.taken, brand.messages) == ([], [("owed", LOOKING_FIRST)])

    brand.passes(LONGEST)
    assert (len(brand.box.taken), brand.messages) == (1, [("done", None)])


def test_without_a_connection_nobody_waits(brand: Brand) -> None:
    brand.grants()
    brand.sleeps_until_the_ask()

    brand.passes()

    assert (len(brand.box.taken), brand.looks) == (1, [])


def test_nobody_waits_while_tiktok_is_left_alone_after_trouble(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.sleeps_until_the_ask()
    brand.fetches("UPDATE advertisers SET rests_until = %s RETURNING 1", brand.clock.now() + DAY)

    brand.passes()

    assert (len(brand.box.taken), brand.looks) == (1, [])


def test_the_last_hour_is_not_spent_on_looking(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    [(ends_at,)] = brand.fetches("SELECT expires_at FROM authorizations")
    brand.clock.set(ends_at - timedelta(hours=1))

    brand.passes()

    assert (len(brand.box.taken), brand.looks) == (1, [])


def test_what_was_heard_and_not_applied_yet_is_applied_first(brand: Brand) -> None:
    brand.grants()
    brand.sleeps_until_the_ask()
    brand.clock.advance(2 * MINUTE)
    desk = brand.desk
    sweep_all(engine=desk.engine, clock=desk.clock, nudges=desk.nudges, settings=desk.settings)
    desk.applies()
    brand.clock.advance(GATHERING)
    end = (brand.clock.now() + 90 * DAY).isoformat()
    desk.hears("authorization.extended", post={"item_id": brand.posts[0]}, expires_at=end)

    assert desk.pays() == Paid(looking=1)
    desk.applies()
    brand.clock.advance(SOON)

    assert desk.pays() == Paid(cancelled=1)
    assert (brand.box.taken, brand.looks) == ([], [])


def test_a_message_that_waited_for_the_morning_looks_anew(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.sleeps_until_the_ask()
    brand.world.faults.plan("tt_video/list", "code", code=50000, times=1)
    brand.passes()
    assert brand.messages == [("owed", LOOKING_FIRST)]

    # The creator snoozes it for a day, and extends meanwhile
    until = brand.clock.now() + DAY
    brand.desk.hears("creator.snoozed", creator={"handle": "ana.dances"}, until=until.isoformat())
    brand.passes()
    brand.world.extend(brand.posts[0], days=60)
    brand.passes(DAY)

    assert brand.box.taken == []
    assert brand.messages == [("cancelled", "the period was extended")]


def test_a_message_that_nobody_came_back_to_for_hours_looks_anew(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.sleeps_until_the_ask()
    brand.clock.advance(2 * MINUTE)
    desk = brand.desk
    sweep_all(engine=desk.engine, clock=desk.clock, nudges=desk.nudges, settings=desk.settings)
    desk.applies()
    brand.clock.advance(GATHERING)
    assert desk.pays() == Paid(looking=1)

    # The post was read at once; then the daemon stood still, and the creator extended
    desk.applies()
    brand.clock.advance(180 * MINUTE)
    brand.world.extend(brand.posts[0], days=60)

    assert desk.pays() == Paid(looking=1)
    desk.applies()
    brand.clock.advance(SOON)
    assert desk.pays() == Paid(cancelled=1)
    assert brand.box.taken == []


def test_a_code_that_is_on_its_way_to_tiktok_is_waited_for(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.sleeps_until_the_ask()
    # A new code is handed in, and its check meets a TikTok that is busy
    code = brand.world.mint(brand.posts[0], days=60)
    brand.world.faults.plan("tt_video/info", "code", code=50000, times=1000)
    brand.desk.hears("code.submitted", post={"item_id": brand.posts[0]}, code=code.value)

    brand.passes()
    assert (brand.box.taken, brand.looks, brand.messages) == ([], ["done"], [("owed", LOOKING_FIRST)])

    brand.passes(LONGEST, step=MINUTE)
    assert (len(brand.box.taken), brand.messages) == (1, [("done", None)])


def test_what_was_applied_while_the_message_was_judged_is_no_old_news(brand: Brand) -> None:
    brand.grants()
    brand.sleeps_until_the_ask()
    brand.clock.advance(2 * MINUTE)
    desk = brand.desk
    sweep_all(engine=desk.engine, clock=desk.clock, nudges=desk.nudges, settings=desk.settings)
    desk.applies()
    [(key, asked_until)] = brand.fetches("SELECT key, expires_at FROM authorizations")
    brand.clock.advance(GATHERING)

    with hot(desk.engine) as connection:
        [debt] = outbox.claim(connection, now=desk.clock.now())
        end = (asked_until + 60 * DAY).isoformat()
        desk.hears("authorization.extended", post={"item_id": brand.posts[0]}, expires_at=end)
        desk.applies()
        waits = look_first(connection, debt, {key: asked_until}, desk.clock.now())

    assert waits is not None
    assert waits.is_looking


def test_an_address_that_cannot_be_used_is_told_and_nothing_is_read(brand: Brand) -> None:
    brand.connects()
    brand.grants()
    brand.fetches("UPDATE creators SET email = 'not an address' RETURNING 1")
    brand.sleeps_until_the_ask()

    brand.passes()

    assert (brand.messages, brand.looks) == ([("owed", BAD_EMAIL)], [])
