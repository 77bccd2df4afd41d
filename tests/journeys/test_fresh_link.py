"""A creator whose link is over asks for another: from the old page, by mail, to the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from infra import creators
from infra.clock import HandClock
from infra.database import hot
from infra.links import DAYS
from infra.vault import Vault
from tests.brand import CREATOR, Brand, brand
from tests.journeys.test_creator_page import HANDLE
from tests.postbox import Postbox, postbox
from tests.visitor import Visitor, link_to
from worker.asking import BAD_EMAIL, NO_EMAIL

HOUR = timedelta(hours=1)
WANTED = "SELECT status, last_error FROM outbox WHERE kind = 'link.mail' ORDER BY id"


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture
def story(engine: Engine, clock: HandClock, vault: Vault, box: Postbox) -> Iterator[Brand]:
    """Asked for a post; the creator's address is known."""
    with brand(engine=engine, clock=clock, vault=vault, smtp_url=box.url) as story:
        story.asks()
        story.desk.settles()
        yield story


def wants_another(story: Brand, handle: str = HANDLE) -> None:
    """Opens a link that is over, presses the button, and all that follows at once is done."""
    now = story.clock.now()
    token = link_to(story.desk.engine, story.desk.vault, handle, now=now - timedelta(days=2), days=1)
    page = Visitor(story.desk.http, token)
    assert page.opens().status_code == 404
    assert page.posts("/fresh", {}).status_code == 200
    story.desk.settles()


def rows(story: Brand, query: str = WANTED) -> list[tuple[Any, ...]]:
    with hot(story.desk.engine) as connection:
        return connection.execute(query.encode()).fetchall()


def token_in(box: Postbox) -> str:
    [message] = box.taken
    part = message.get_body(("plain",))
    assert part is not None
    found = re.search(r"^   http://\S+/c/(\S+)\s*$", part.get_content(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_who_asks_from_an_expired_link_gets_one_that_opens_the_page(story: Brand, box: Postbox) -> None:
    wants_another(story)

    assert rows(story) == [("done", None)]
    assert box.taken[0]["To"].addresses[0].addr_spec == CREATOR["email"]
    page = Visitor(story.desk.http, token_in(box))
    assert page.opens().status_code == 200
    assert f"@{HANDLE}" in page.text
    story.clock.advance(timedelta(days=DAYS))
    assert page.opens().status_code == 404


def test_the_link_is_in_the_message_and_nowhere_else(story: Brand, box: Postbox) -> None:
    wants_another(story)

    mac = token_in(box).rpartition(".")[2]
    tables = rows(story, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert mac not in str([rows(story, f'SELECT * FROM "{name}"') for (name,) in tables])
    assert rows(story, "SELECT payload FROM outbox WHERE kind = 'link.mail'") == [({},)]
    assert rows(story, "SELECT outcome, reason FROM inbox WHERE type = 'link.wanted'") == [("stayed", "link_wanted")]


def test_at_most_one_an_hour_goes_to_a_creator(story: Brand, box: Postbox) -> None:
    story.clock.advance(timedelta(minutes=55))
    for _ in range(4):
        wants_another(story)
        story.clock.advance(timedelta(minutes=10))
    assert len(box.taken) == 1

    story.clock.advance(timedelta(minutes=20))
    wants_another(story)
    assert len(box.taken) == 2


def test_who_asks_again_while_one_is_owed_gets_that_one(story: Brand, box: Postbox) -> None:
    box.at_sender = "451 later"
    for _ in range(2):
        wants_another(story)
        story.clock.advance(2 * HOUR)
    assert rows(story) == [("owed", "the mail server answered 451 later")]

    box.at_sender = "250 OK"
    story.desk.settles()

    assert rows(story) == [("done", None)]
    assert Visitor(story.desk.http, token_in(box)).opens().status_code == 200


@pytest.mark.parametrize("hour", [3, 12])
def test_it_goes_at_any_hour_to_who_opted_out_and_counts_towards_no_cap(story: Brand, box: Postbox, hour: int) -> None:
    now = story.clock.now()
    story.clock.advance(timedelta(days=1) + now.replace(hour=hour) - now)
    story.desk.hears("creator.opted_out", creator={"handle": HANDLE})
    story.desk.hears("creator.snoozed", creator={"handle": HANDLE}, until=(now + timedelta(days=20)).isoformat())

    wants_another(story)

    assert len(box.taken) == 1
    with hot(story.desk.engine) as connection:
        ((creator_id, has_opted_out),) = connection.execute(
            "SELECT id, opted_out_at IS NOT NULL FROM creators WHERE handle = %s", [HANDLE]
        ).fetchall()
        assert has_opted_out
        assert creators.written_to_at(connection, creator_id, now=story.clock.now()) == []


@pytest.mark.parametrize(("email", "remedy"), [(None, NO_EMAIL), ("nobody at all", BAD_EMAIL)])
def test_without_a_good_address_it_waits_and_leaves_no_links_behind(
    story: Brand, box: Postbox, email: str | None, remedy: str
) -> None:
    with hot(story.desk.engine) as connection:
        connection.execute("UPDATE creators SET email = %s", [email])
    wants_another(story)
    for _ in range(3):
        story.waits(minutes=1)
    assert rows(story) == [("owed", remedy)]
    assert rows(story, "SELECT count(*) FROM links") == [(1,)]

    story.asks()
    story.waits(minutes=1)

    assert rows(story) == [("done", None)]
    assert Visitor(story.desk.http, token_in(box)).opens().status_code == 200


def test_a_producer_may_not_ask_for_it(story: Brand) -> None:
    assert story.desk.hears("link.wanted", creator={"handle": HANDLE}).status_code == 422
    assert rows(story) == []
