"""The client and the simulated TikTok understand each other over real HTTP: each call once, and each way to fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.events import Condition
from domain.posts import ACCOUNT_ACCESS, AUTH_CODE, Standing
from domain.refusals import TIKTOKS, Refusal, sentence_of
from infra.clock import HandClock
from infra.tiktok.answers import Answer, Answered, Later, Lost, Refused
from infra.tiktok.api import Api
from infra.tiktok.client import Advertiser, Tiktok
from infra.tiktok.limits import MemoryLimits
from simulator.main import make_app
from simulator.world import World
from tests.serving import serving

START = datetime(2026, 5, 4, 9, tzinfo=UTC)
APP_ID, SECRET = "app-1", "secret-of-the-app"
MONTH = timedelta(days=30)


class Meeting:
    """A world, a client that speaks to it, an advertiser in a center, and a creator."""

    def __init__(self, world: World, clock: HandClock, base_url: str) -> None:
        self.world, self.clock = world, clock
        world.add_app(APP_ID, SECRET)
        self.advertiser_id = world.add_advertiser("Acme").advertiser_id
        self.bc_id = world.add_center("Center", advertiser_ids={self.advertiser_id}).bc_id
        self.creator_id = world.add_creator("@lea", display_name="Léa").creator_id
        self.token = world.issue(APP_ID, [self.advertiser_id], bc_ids=[self.bc_id]).value
        self.base_url = base_url
        self.tiktok = self.client(base_url)

    def client(self, base_url: str, *, timeout: timedelta = timedelta(seconds=20)) -> Tiktok:
        return Tiktok(
            Api(
                base_url=base_url,
                app_id=APP_ID,
                secret=SECRET,
                limits=MemoryLimits(),
                clock=self.clock,
                authorize_per_second=2,
                timeout=timeout,
                pause=self._pause,
            )
        )

    def _pause(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @property
    def advertiser(self) -> Advertiser:
        return self.tiktok.advertiser(self.advertiser_id, self.token)

    def minted(self, *, days: int = 30, **post: Any) -> tuple[str, str]:
        """A post of the creator's and its code."""
        item_id = self.world.add_post(self.creator_id, **post).item_id
        return item_id, self.world.mint(item_id, days=days).value

    def bound(self) -> tuple[str, str]:
        item_id, code = self.minted()
        self.world.authorize(self.advertiser_id, code)
        return item_id, code


@pytest.fixture
def meeting() -> Iterator[Meeting]:
    clock = HandClock(START)
    world = World(clock, seed=7)
    with serving(make_app(world)) as http:
        met = Meeting(world, clock, str(http.base_url))
        yield met
        met.tiktok.close()


def value_of(answer: Answer[Any]) -> Any:
    assert isinstance(answer, Answered), answer
    assert answer.request_id
    return answer.value


def test_a_code_is_previewed_bound_seen_and_unbound(meeting: Meeting) -> None:
    item_id, code = meeting.minted(text="Sommer & Söhne + 1")

    preview = value_of(meeting.advertiser.info(code))

    assert (preview.item_id, preview.code, preview.caption) == (item_id, code, "Sommer & Söhne + 1")
    assert preview.is_authorized
    assert (preview.condition, preview.identity_type) == (Condition.PUBLIC, AUTH_CODE)
    assert (preview.starts_at, preview.ends_at) == (START, START + MONTH)
    assert value_of(meeting.advertiser.posts()).items == ()

    assert value_of(meeting.advertiser.authorize(code)) is None

    page = value_of(meeting.advertiser.posts())
    assert [post.item_id for post in page.items] == [item_id]
    assert (page.page, page.pages, page.total) == (1, 1, 1)
    assert value_of(meeting.advertiser.posts(keyword=item_id)).total == 1
    assert value_of(meeting.advertiser.posts(keyword="nothing like it")).items == ()

    assert value_of(meeting.advertiser.unbind(item_id)) is None
    assert value_of(meeting.advertiser.posts()).items == ()


def test_codes_with_every_special_character_arrive_as_they_are(meeting: Meeting) -> None:
    for number in range(12):
        item_id, code = meeting.minted(text=f"post {number}")
        assert value_of(meeting.advertiser.info(code)).item_id == item_id
        assert value_of(meeting.advertiser.authorize(code)) is None

    assert set("+/=#") <= set("".join(binding.value for binding in meeting.world.codes.values()))


def test_photo_posts_and_their_null_blocks_are_read(meeting: Meeting) -> None:
    _, code = meeting.minted(item_type="CAROUSEL")

    post = value_of(meeting.advertiser.info(code))

    assert (post.item_type, post.duration) == ("CAROUSEL", None)


def test_pages_of_fifty_follow_each_other(meeting: Meeting) -> None:
    for _ in range(61):
        meeting.bound()

    first, second = value_of(meeting.advertiser.posts()), value_of(meeting.advertiser.posts(page=2))

    assert (len(first.items), len(second.items)) == (50, 11)
    assert (first.pages, first.total, first.is_last, second.is_last) == (2, 61, False, True)
    assert len({post.item_id for post in (*first.items, *second.items)}) == 61


def test_an_identity_and_its_post_are_read_with_the_other_spelling(meeting: Meeting) -> None:
    item_id, _ = meeting.bound()

    (identity,) = value_of(meeting.advertiser.identities(AUTH_CODE)).items
    post = value_of(meeting.advertiser.identity_video(identity.identity_id, AUTH_CODE, item_id))

    assert (identity.identity_type, identity.is_political) == (AUTH_CODE, False)
    assert (post.item_id, post.condition, post.ends_at) == (item_id, Condition.PUBLIC, START + MONTH)
    assert post.status.startswith("ITEM_STATUS_")


def test_account_access_goes_from_link_to_identity(meeting: Meeting) -> None:
    center = meeting.tiktok.business_center(meeting.bc_id, meeting.token)
    link = value_of(center.account_link())
    assert value_of(center.accounts()).items == ()

    meeting.world.scan(link, meeting.creator_id)
    (account,) = value_of(center.accounts()).items
    assert value_of(center.assign(account.asset_id, meeting.advertiser_id)) is None

    (identity,) = value_of(meeting.advertiser.identities(ACCOUNT_ACCESS, bc_id=meeting.bc_id)).items
    assert identity.bc_id == meeting.bc_id
    item_id = meeting.world.add_post(meeting.creator_id).item_id
    post = value_of(
        meeting.advertiser.identity_video(identity.identity_id, ACCOUNT_ACCESS, item_id, bc_id=meeting.bc_id)
    )
    assert (post.item_id, post.identity_type, post.ends_at) == (item_id, ACCOUNT_ACCESS, None)


def test_ads_their_plans_and_their_days_are_read(meeting: Meeting) -> None:
    item_id, _ = meeting.bound()
    ends_at = START + timedelta(days=10)
    meeting.world.launch(meeting.advertiser_id, item_id, ends_at=ends_at)
    meeting.clock.advance(timedelta(days=2))

    page = value_of(meeting.advertiser.ads())
    (ad,) = page.items
    assert (ad.item_id, ad.standing, page.total) == (item_id, Standing.DELIVERING, 1)

    (group,) = value_of(meeting.advertiser.ad_groups([ad.adgroup_id]))
    assert (group.adgroup_id, group.ends_at) == (ad.adgroup_id, ends_at)
    assert group.budget == Decimal(60)

    report = value_of(meeting.advertiser.report(start=START.date(), end=START.date() + timedelta(days=2)))
    assert {row.ad_id for row in report.items} == {ad.ad_id}
    assert {row.currency for row in report.items} == {meeting.world.advertiser(meeting.advertiser_id).currency}
    assert all(0 < row.spend < 100 and row.impressions > row.clicks >= 0 for row in report.items)

    meeting.clock.advance(MONTH)
    (ad,) = value_of(meeting.advertiser.ads()).items
    (post,) = value_of(meeting.advertiser.posts()).items
    assert ad.standing in {Standing.LOST, Standing.OVER}
    assert (post.auth_status, post.is_authorized) == ("EXPIRED", False)


def test_an_open_plan_has_no_end(meeting: Meeting) -> None:
    item_id, _ = meeting.bound()
    ad = meeting.world.launch(meeting.advertiser_id, item_id)

    (group,) = value_of(meeting.advertiser.ad_groups([ad.group.adgroup_id]))

    assert group.ends_at is None


def test_a_creators_own_token_makes_extends_and_deletes_a_code(meeting: Meeting) -> None:
    item_id = meeting.world.add_post(meeting.creator_id).item_id
    token = meeting.world.issue_for_creator(APP_ID, meeting.creator_id).value
    creator = meeting.tiktok.creator(meeting.creator_id, token)
    assert isinstance(creator.status(item_id), Refused)

    assert value_of(creator.setting(item_id, True, 30)) is None
    made = value_of(creator.status(item_id))
    assert (made.item_id, made.status, made.ends_at, made.days) == (item_id, "NOT_USED", START + MONTH, 30)
    assert made.code

    assert value_of(creator.extend(item_id, 60)) is None
    assert value_of(creator.status(item_id)).ends_at == START + 3 * MONTH

    assert value_of(creator.delete(item_id)) is None
    assert isinstance(creator.status(item_id), Refused)
    assert value_of(creator.setting(item_id, True, 7)) is None
    assert value_of(creator.setting(item_id, False)) is None


def test_a_consent_becomes_a_token_once(meeting: Meeting) -> None:
    auth_code = meeting.world.consent(APP_ID, [meeting.advertiser_id])

    connection = value_of(meeting.tiktok.exchange(auth_code))

    assert connection.advertiser_ids == (meeting.advertiser_id,)
    assert value_of(meeting.tiktok.advertisers_of(connection.access_token)) == [(meeting.advertiser_id, "Acme")]
    assert 691 in connection.scope
    again = meeting.tiktok.exchange(auth_code)
    assert isinstance(again, Refused)
    assert again.refusal.symbol == "oauth_code_used"


def test_a_wrong_address_is_said_to_be_one(meeting: Meeting) -> None:
    with closing(meeting.client(f"{meeting.base_url}/admin/nothing-here")) as tiktok:
        answer = tiktok.advertiser("1", "a-token").posts()

    assert isinstance(answer, Refused)
    assert (answer.code, answer.refusal.symbol) == (404, "not_offered")


def test_where_nobody_listens_nothing_happened(meeting: Meeting) -> None:
    with closing(meeting.client("http://127.0.0.1:1")) as tiktok:
        advertiser = tiktok.advertiser("1", "a-token")

        assert isinstance(advertiser.authorize("#code"), Later)
        assert isinstance(advertiser.posts(), Later)


def test_an_answer_that_takes_too_long_is_not_waited_for(meeting: Meeting) -> None:
    item_id, code = meeting.minted()
    meeting.world.faults.plan("tt_video/authorize", "silent_after", seconds=1)
    meeting.world.faults.plan("tt_video/info", "slow", seconds=1)

    with closing(meeting.client(meeting.base_url, timeout=timedelta(seconds=0.3))) as tiktok:
        advertiser = tiktok.advertiser(meeting.advertiser_id, meeting.token)

        assert advertiser.authorize(code) == Lost(reason="ReadTimeout")
        answer = advertiser.info(code)

    assert isinstance(answer, Later)
    assert answer.reason == "ReadTimeout"
    assert [post.item_id for post in value_of(meeting.advertiser.posts()).items] == [item_id]


def test_a_token_that_was_taken_back_is_refused(meeting: Meeting) -> None:
    meeting.world.revoke_token(meeting.token)

    answer = meeting.advertiser.posts()

    assert isinstance(answer, Refused)
    assert (answer.code, answer.refusal.symbol) == (40105, "token_invalid")


@pytest.mark.parametrize("kind", ["lost_after", "lost_before", "malformed", "code_after"])
def test_a_bind_whose_answer_is_lost_is_lost_whether_it_was_made_or_not(meeting: Meeting, kind: str) -> None:
    item_id, code = meeting.minted()
    meeting.world.faults.plan("tt_video/authorize", kind)

    assert isinstance(meeting.advertiser.authorize(code), Lost)

    is_bound = [post.item_id for post in value_of(meeting.advertiser.posts()).items] == [item_id]
    assert is_bound is (kind != "lost_before")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"kind": "code", "code": 40202}, Later),
        ({"kind": "code", "code": 50002}, Later),
        ({"kind": "malformed"}, Later),
        ({"kind": "lost_after"}, Later),
    ],
)
def test_a_read_that_fails_is_tried_later(meeting: Meeting, how: dict[str, Any], expected: type) -> None:
    meeting.world.faults.plan("tt_video/list", **how)

    assert isinstance(meeting.advertiser.posts(), expected)
    meeting.clock.advance(timedelta(seconds=2))
    assert isinstance(meeting.advertiser.posts(), Answered)


def test_two_hundred_reads_in_a_row_never_reach_tiktoks_limit(meeting: Meeting) -> None:
    for _ in range(200):
        value_of(meeting.advertiser.posts())

    assert {call.code for call in meeting.world.calls_of("tt_video/list")} == {0}
    assert meeting.clock.now() - START < timedelta(seconds=26)


# What is a limit, or a trouble that passes, is no refusal to the caller: it is asked again.
PASSING = frozenset(("too_often", "tiktok_trouble"))


@pytest.mark.parametrize("row", TIKTOKS, ids=lambda row: row.symbol)
def test_every_row_of_the_refusals_is_reached_with_its_own_words(meeting: Meeting, row: Refusal) -> None:
    code, said = (row.codes[0], "no") if row.codes else (40002, row.texts[0] if row.texts else row.symbol)
    meeting.world.faults.plan("tt_video/info", "code", code=code, message=said)

    _, minted = meeting.minted()
    answer = meeting.advertiser.info(minted)

    if row.symbol in PASSING:
        assert isinstance(answer, Later)
        return
    assert isinstance(answer, Refused)
    assert answer.refusal == row
    sentence = sentence_of(answer.refusal, answer.message)
    assert sentence.startswith(f"{row.cause} {row.remedy}")


def test_no_two_refusals_have_the_same_words() -> None:
    assert len({(row.cause, row.remedy) for row in TIKTOKS}) == len(TIKTOKS)
