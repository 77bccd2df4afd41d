"""Access without a code, and posts that are unbound: against the simulator over HTTP, with mail to the creator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from infra import inbox
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter
from infra.vault import Vault
from simulator.world import World
from tests.brand import ADVERTISER, CENTER, CREATOR, KEY, POST, Brand, brand
from tests.postbox import Postbox, postbox
from worker.access import FRESH_LINK_AFTER, NO_CENTER, NO_LONGER_ASKED, NOT_ASSIGNED, NOT_LINKED
from worker.unbinding import REVIVED

ACCOUNT = f"{ADVERTISER}/@ana.dances"
LINK = "https://www.tiktok.com/business/authorize?token="


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as box:
        yield box


@pytest.fixture
def story(engine: Engine, clock: HandClock, vault: Vault, box: Postbox) -> Iterator[Brand]:
    with brand(engine=engine, clock=clock, vault=vault, smtp_url=box.url, unbind_after_days=3) as story:
        yield story


def asks_for_account(story: Brand, **more: Any) -> None:
    facts = {"post": None, "account": {"handle": "Ana.Dances"}, "route": "account", "creator": CREATOR} | more
    assert story.desk.hears("authorization.requested", **facts).status_code == 202
    story.desk.settles()


def state_of(story: Brand, key: str = ACCOUNT) -> tuple[str, Any]:
    with hot(story.desk.engine) as connection:
        [row] = connection.execute("SELECT state, expires_at FROM authorizations WHERE key = %s", [key]).fetchall()
    return row[0], row[1]


def row_of(story: Brand, kind: str) -> tuple[str, str | None]:
    [row] = [each for each in story.desk.owed if each.kind == kind]
    return row.status, row.last_error


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def link_in(message: EmailMessage) -> str:
    return next(line.strip() for line in text_of(message).splitlines() if LINK in line)


def test_account_access_from_the_request_to_an_authorization_without_end(story: Brand, box: Postbox) -> None:
    asks_for_account(story)
    [invitation] = box.taken
    assert invitation["Subject"] == "Please let a brand use your TikTok posts as ads"
    assert "@ana.dances" in text_of(invitation)
    assert [list(each.payload) for each in story.desk.owed if each.kind == "access.mail"] == [["made_at"]]
    assert state_of(story) == ("requested", None)

    story.waits(minutes=2)
    assert state_of(story) == ("requested", None)

    story.world.scan(link_in(invitation), story.creator.creator_id)
    story.waits(minutes=2)

    assert state_of(story) == ("authorized", None)
    assert row_of(story, "account.access") == ("done", None)
    assert story.called("bc/asset/advertiser/assign") == 1
    assert story.last == ("code.granted", "moved", "authorized")


def test_the_link_is_sent_in_the_creators_language(story: Brand, box: Postbox) -> None:
    asks_for_account(story, creator=CREATOR | {"locale": "fr-FR"})

    [invitation] = box.taken
    assert invitation["Content-Language"] == "fr"
    assert "Touchez «\u00a0Autoriser\u00a0»" in text_of(invitation)
    html = invitation.get_body(("html",))
    assert html is not None
    assert f'href="{LINK}' in html.get_content()


def test_a_fresh_link_is_sent_when_the_old_one_may_have_run_out(story: Brand, box: Postbox) -> None:
    asks_for_account(story)
    story.waits(hours=24)
    assert len(box.taken) == 1

    story.waits(seconds=FRESH_LINK_AFTER.total_seconds())

    first, second = (link_in(each) for each in box.taken)
    assert first != second
    story.world.scan(second, story.creator.creator_id)
    story.waits(hours=1)
    assert state_of(story) == ("authorized", None)


def test_polling_is_quiet_and_seldom_later(story: Brand) -> None:
    asks_for_account(story)
    with capture_logs() as logs:
        for _ in range(24 * 6):
            story.waits(minutes=10)

    assert story.called("bc/asset/get") < 60
    assert [line["event"] for line in logs if line["log_level"] != "debug"] == []


def test_without_a_business_center_it_waits_with_the_remedy(story: Brand, box: Postbox) -> None:
    with hot(story.desk.engine) as connection:
        connection.execute("UPDATE advertisers SET bc_id = NULL")
    asks_for_account(story)
    assert row_of(story, "account.access") == ("owed", NO_CENTER)
    assert box.taken == []

    story.connects()
    story.waits(minutes=1)
    assert len(box.taken) == 1


def test_a_request_that_is_declined_is_not_pursued(story: Brand, box: Postbox) -> None:
    asks_for_account(story)
    story.clock.advance(timedelta(minutes=2))
    story.desk.hears("request.declined", post=None, account={"handle": "ana.dances"})
    story.desk.settles()
    story.waits(minutes=2)

    assert row_of(story, "account.access") == ("cancelled", NO_LONGER_ASKED)
    assert len(box.taken) == 1


def test_a_lost_answer_to_the_assignment_settles_itself(story: Brand, box: Postbox) -> None:
    asks_for_account(story)
    story.world.grant(CENTER, story.creator.creator_id)
    story.world.faults.plan("bc/asset/advertiser/assign", "lost_after")
    story.waits(minutes=2)
    assert state_of(story) == ("requested", None)

    story.waits(seconds=10)
    assert state_of(story) == ("authorized", None)
    assert story.called("bc/asset/advertiser/assign") == 1


class UnassigningWorld(World):
    """A TikTok that takes assignments and shows nothing of them."""

    def assign(self, bc_id: str, asset_id: str, advertiser_id: str) -> None:  # noqa: ARG002
        self._grant(bc_id, asset_id)


def test_an_assignment_that_is_not_shown_is_polled_for_and_seldom_made_again(
    engine: Engine, clock: HandClock, vault: Vault, box: Postbox
) -> None:
    world = UnassigningWorld(clock, seed=7)
    with brand(engine=engine, clock=clock, vault=vault, world=world, smtp_url=box.url) as story:
        asks_for_account(story)
        story.world.grant(CENTER, story.creator.creator_id)
        for _ in range(24 * 6):
            story.waits(minutes=10)

        assert row_of(story, "account.access") == ("owed", NOT_ASSIGNED)
        assert story.called("bc/asset/advertiser/assign") <= 5
        assert story.called("identity/get") < 100


def test_an_own_account_is_confirmed_by_its_identity(story: Brand, box: Postbox) -> None:
    asks_for_account(story, route="own")
    assert row_of(story, "own.confirm") == ("owed", NOT_LINKED)
    assert box.taken == []

    story.world.link_own_account(ADVERTISER, story.creator.creator_id)
    story.waits(minutes=2)
    assert state_of(story) == ("authorized", None)


def test_a_post_of_an_own_account_is_confirmed_by_the_post(story: Brand) -> None:
    other = story.world.add_creator("somebody.else")
    story.world.link_own_account(ADVERTISER, other.creator_id)
    story.asks(route="own", days=None)
    story.desk.settles()
    assert row_of(story, "own.confirm") == ("owed", NOT_LINKED)

    story.world.link_own_account(ADVERTISER, story.creator.creator_id)
    story.waits(minutes=2)
    assert state_of(story, KEY) == ("authorized", None)
    assert row_of(story, "own.confirm") == ("done", None)


def ends(story: Brand) -> None:
    """A code is bound for a week, and the week is over."""
    story.asks()
    story.pastes(story.mints(days=7).value)
    story.desk.sleeps(timedelta(days=7, minutes=1))
    assert state_of(story, KEY)[0] == "expired"


def operator_unbinds(story: Brand) -> None:
    letter = Letter(
        sender="operator",
        event_id=f"unbind-{story.clock.now()}",
        type="unbind.requested",
        key=KEY,
        occurred_at=story.clock.now(),
        data=b"{}",
    )
    with hot(story.desk.engine) as connection:
        inbox.accept(connection, [letter], now=story.clock.now())
    story.desk.settles()


def test_what_has_ended_is_unbound_when_told(story: Brand) -> None:
    ends(story)
    operator_unbinds(story)

    assert ("unbind.requested", "stayed", "expired") in story.desk.story
    assert row_of(story, "post.unbind") == ("done", None)
    assert story.world.binding_of(ADVERTISER, POST) is None


def test_what_runs_is_not_unbound(story: Brand) -> None:
    story.asks()
    story.pastes(story.mints().value)
    operator_unbinds(story)

    assert story.last == ("unbind.requested", "late", "authorized")
    assert [each.kind for each in story.desk.owed] == ["code.check"]


def test_what_was_granted_a_moment_ago_is_not_unbound(story: Brand) -> None:
    code = story.mints(days=7)
    story.asks()
    story.pastes(code.value)
    story.desk.sleeps(timedelta(days=7, minutes=1))
    story.world.extend(POST, days=30)

    story.desk.hears("code.submitted", code=code.value)
    operator_unbinds(story)
    story.waits(seconds=10)

    assert state_of(story, KEY)[0] == "authorized"
    assert row_of(story, "post.unbind") == ("cancelled", REVIVED)
    assert story.world.binding_of(ADVERTISER, POST) is not None


def test_by_policy_it_is_unbound_some_days_after_its_end(story: Brand) -> None:
    ends(story)
    assert row_of(story, "post.unbind")[0] == "owed"
    assert story.world.binding_of(ADVERTISER, POST) is not None

    story.desk.sleeps(timedelta(days=3))
    assert row_of(story, "post.unbind") == ("done", None)
    assert story.world.binding_of(ADVERTISER, POST) is None


def test_what_came_back_to_life_before_its_time_stays_bound(story: Brand) -> None:
    ends(story)
    story.world.extend(POST, days=30)
    story.desk.hears("authorization.extended", expires_at=(story.clock.now() + timedelta(days=30)).isoformat())
    story.desk.settles()

    story.desk.sleeps(timedelta(days=3))
    assert row_of(story, "post.unbind") == ("cancelled", REVIVED)
    assert story.world.binding_of(ADVERTISER, POST) is not None


def test_a_lost_answer_to_an_unbinding_is_settled_by_reading(story: Brand) -> None:
    ends(story)
    story.world.faults.plan("tt_video/unbind", "lost_after")
    operator_unbinds(story)
    assert row_of(story, "post.unbind")[0] == "uncertain"

    story.waits(seconds=5)
    assert row_of(story, "post.unbind") == ("done", None)
    assert story.called("tt_video/unbind") == 1
