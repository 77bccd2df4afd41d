"""What goes over the wire to TikTok and how what comes back is read, each oddity of the contract once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import Condition
from domain.posts import AdDay, AdGroup, Post, Standing
from infra.tiktok import wire
from infra.tiktok.answers import Account, Answer, Answered, CodeStatus, Connection, Later, Page
from infra.tiktok.words import amount, in_query, instant
from tests.infra.tiktok.answering import ADVERTISER, APP_ID, CODE, ITEM, SECRET, TOKEN, blocks, envelope, line


def value_of(answer: Answer[Any]) -> Any:
    assert isinstance(answer, Answered), answer
    return answer.value


def seen(**item: Any) -> Post:
    post = value_of(line(envelope(blocks(**item))).advertiser().info(CODE))
    assert isinstance(post, Post)
    return post


def test_a_code_is_escaped_in_a_query_and_the_token_travels_in_its_header() -> None:
    wired = line(envelope(blocks()))

    wired.advertiser().info(CODE)

    (request,) = wired.asked
    assert request.method == "GET"
    assert request.url.raw_path.startswith(b"/open_api/v1.3/tt_video/info/?advertiser_id=" + ADVERTISER.encode())
    assert b"auth_code=%23Ab%2B%2F9" in request.url.raw_path
    assert request.url.raw_path.endswith(b"%3D")
    assert wired.query == {"advertiser_id": ADVERTISER, "auth_code": CODE}
    assert request.headers["access-token"] == TOKEN
    assert "authorization" not in request.headers


def test_a_code_is_raw_in_a_body_and_what_is_not_given_is_left_out() -> None:
    wired = line()

    answer = wired.advertiser().authorize(CODE)

    (request,) = wired.asked
    assert answer == Answered(value=None, request_id="R1")
    assert str(request.url) == "https://tiktok.test/open_api/v1.3/tt_video/authorize/"
    assert request.headers["content-type"] == "application/json"
    assert CODE.encode() in request.content
    assert wired.body == {"advertiser_id": ADVERTISER, "auth_code": CODE}

    wired.advertiser().authorize(CODE, original_code="#other")
    assert wired.body["original_post_auth_code"] == "#other"


@pytest.mark.parametrize("base", ["https://tiktok.test", "https://tiktok.test/", "https://tiktok.test/open_api/v1.3/"])
def test_the_base_address_may_end_as_people_write_it(base: str) -> None:
    wired = line(base_url=base)

    wired.advertiser().unbind(ITEM)

    assert str(wired.asked[0].url) == "https://tiktok.test/open_api/v1.3/tt_video/unbind/"
    assert wired.body == {"advertiser_id": ADVERTISER, "item_id": ITEM}


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.text(st.characters(exclude_categories=["Cs"])))
)
def test_any_text_survives_a_query(texts: dict[str, str]) -> None:
    assert dict(parse_qsl(in_query(texts), keep_blank_values=True)) == texts
    assert not set(in_query(texts)) & set("+#/ ")


def test_a_post_is_read_with_its_window_in_utc() -> None:
    post = seen()

    assert (post.item_id, post.item_type, post.caption, post.creator) == (ITEM, "VIDEO", "a caption", "lea")
    assert post.starts_at == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert post.ends_at == datetime(2026, 5, 31, 10, tzinfo=UTC)
    assert post.invited_at == datetime(2026, 5, 1, 9, tzinfo=UTC)
    assert post.code == CODE
    assert post.is_authorized
    assert post.condition is Condition.PUBLIC
    assert post.duration == timedelta(seconds=12.5)
    assert (post.identity_id, post.identity_type) == ("7200000000000000001", "AUTH_CODE")
    assert not post.has_anchors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-24 07:09:07", datetime(2026, 5, 24, 7, 9, 7, tzinfo=UTC)),
        ("2026-05-24T07:09:07Z", datetime(2026, 5, 24, 7, 9, 7, tzinfo=UTC)),
        ("2026-05-24T09:09:07+02:00", datetime(2026, 5, 24, 7, 9, 7, tzinfo=UTC)),
        ("2026-05-24T07:09:07.123456Z", datetime(2026, 5, 24, 7, 9, 7, 123456, tzinfo=UTC)),
        (1_779_606_547, datetime(2026, 5, 24, 7, 9, 7, tzinfo=UTC)),
        ("", None),
        ("-", None),
        (0, None),
        (None, None),
    ],
)
def test_both_date_forms_are_utc(text: str | int | None, expected: datetime | None) -> None:
    assert instant(text) == expected


def test_numbers_are_taken_as_ids() -> None:
    post = seen(item_id=int(ITEM), duet_original_item_id=7_000_000_000_000_000_002, mentioned_item_ids=[7])

    assert post.item_id == ITEM
    assert post.duet_of == "7000000000000000002"
    assert post.mentions == ("7",)


def test_ids_that_mean_nothing_are_absent() -> None:
    post = seen(duet_original_item_id="", stitch_original_item_id="0", mentioned_item_ids=None)

    assert (post.duet_of, post.stitch_of, post.mentions) == (None, None, ())


@pytest.mark.parametrize("music", [{"music_id": "m"}, [{"music_id": "m"}]])
@pytest.mark.parametrize("video", [None, {}, {"duration": None, "size": None}])
def test_a_photo_post_has_null_blocks(music: Any, video: Any) -> None:
    shown = blocks(item_type="CAROUSEL", carousel_info={"image_info": [], "music_info": music}, text=None)
    shown["video_info"] = video

    post = value_of(line(envelope(shown)).advertiser().info(CODE))

    assert (post.item_type, post.duration, post.caption) == ("CAROUSEL", None, "")
    assert post.more["carousel_info"]["music_info"] == {"music_id": "m"}


def test_a_post_with_nothing_but_its_id_is_read() -> None:
    shown = {"auth_info": None, "item_info": {"item_id": ITEM}, "user_info": None, "video_info": None}

    post = value_of(line(envelope(shown)).advertiser().info(CODE))

    assert (post.auth_status, post.ends_at, post.code, post.creator) == (None, None, None, None)
    assert not post.is_authorized
    assert post.condition is None, "a status that is not shown is not said to be public"


def test_unknown_words_are_kept_and_unknown_fields_are_at_hand() -> None:
    shown = blocks(status="SHADOW_REVIEW", item_type="HOLOGRAM", newer={"a": 1}, anchor_list=[{"id": "1"}])
    shown["auth_info"] |= {"ad_auth_status": "REVOKED_BY_MOON", "moon_phase": 3}
    shown["another_block"] = {"b": 2}

    post = value_of(line(envelope(shown)).advertiser().info(CODE))

    assert (post.status, post.item_type, post.auth_status) == ("SHADOW_REVIEW", "HOLOGRAM", "REVOKED_BY_MOON")
    assert post.condition is None
    assert post.more["newer"] == {"a": 1}
    assert post.more["moon_phase"] == 3
    assert post.more["another_block"] == {"b": 2}
    assert post.has_anchors


def test_posts_are_asked_for_by_page_with_words_as_they_are() -> None:
    rows = {
        "list": [blocks(), blocks()],
        "page_info": {"page": 2, "page_size": 50, "total_number": 61, "total_page": 2},
    }
    wired = line(envelope(rows))

    page = value_of(wired.advertiser().posts(page=2, keyword="sommer & co #1"))

    assert wired.query == {"advertiser_id": ADVERTISER, "page": "2", "page_size": "50", "keyword": "sommer & co #1"}
    assert (len(page.items), page.page, page.pages, page.total, page.is_last) == (2, 2, 2, 61, True)


def test_an_empty_list_is_an_empty_page() -> None:
    for data in ({"list": [], "page_info": {"page": 1, "total_number": 0, "total_page": 0}}, {"list": None}, {}):
        page = value_of(line(envelope(data)).advertiser().posts())
        assert page == Page(items=(), page=1, pages=0, total=0, size=50)
        assert page.is_last


def test_lists_travel_as_json_text_in_one_parameter() -> None:
    wired = line(envelope({"list": []}))

    wired.advertiser().ads()

    assert msgspec.json.decode(wired.query["fields"])[0] == "ad_id"
    assert wired.query["page_size"] == "1000"


@pytest.mark.parametrize(
    "ask",
    [
        lambda to: to.posts(page_size=51),
        lambda to: to.posts(page_size=0),
        lambda to: to.posts(page=0),
        lambda to: to.identities("TT_USER", page_size=101),
        lambda to: to.ads(page_size=1001),
        lambda to: to.ad_groups([]),
        lambda to: to.ads_by_id([]),
        lambda to: to.ads_by_id([str(number) for number in range(101)]),
        lambda to: to.ad_groups([str(number) for number in range(101)]),
        lambda to: to.report(start=date(2026, 5, 1), end=date(2026, 5, 31)),
        lambda to: to.report(start=date(2026, 5, 2), end=date(2026, 5, 1)),
        lambda to: to.report(start=date(2026, 5, 1), end=date(2026, 5, 2), page_size=1001),
    ],
)
def test_what_tiktok_would_refuse_for_its_bounds_is_never_sent(ask: Callable[[Any], Any]) -> None:
    wired = line()

    with pytest.raises(ValueError, match=r"\d"):
        ask(wired.advertiser())

    assert not wired.asked


def test_identities_of_account_access_come_with_counts_of_zero() -> None:
    row = {"identity_id": "a-uuid", "identity_type": "BC_AUTH_TT", "identity_authorized_bc_id": 99, "username": "lea"}
    row |= {"display_name": "Lea", "available_status": "AVAILABLE", "is_gpppa": None, "ads_only_mode": True, "new": 1}
    zeros = {"page": 0, "page_size": 0, "total_number": 0, "total_page": 0}
    wired = line(envelope({"identity_list": [row], "page_info": zeros}))

    page = value_of(wired.advertiser().identities("BC_AUTH_TT", bc_id="99"))

    assert wired.query["identity_authorized_bc_id"] == "99"
    assert (page.pages, page.total, page.is_last) == (0, 0, True)
    (identity,) = page.items
    assert (identity.identity_id, identity.bc_id, identity.ads_only_mode) == ("a-uuid", "99", True)
    assert not identity.is_political
    assert identity.more == {"new": 1}


@pytest.mark.parametrize("info", [None, {}, {"page": 0, "page_size": 0, "total_number": 0, "total_page": 0}])
def test_a_full_page_without_counts_is_not_the_last_one(info: dict[str, int] | None) -> None:
    row = {"identity_id": "a-uuid", "identity_type": "BC_AUTH_TT"}

    for number, is_last in ((100, False), (99, True), (0, True)):
        wired = line(envelope({"identity_list": [row] * number, "page_info": info}))
        page = value_of(wired.advertiser().identities("BC_AUTH_TT", bc_id="99", page=3))
        assert (page.page, page.is_last) == (3, is_last)


def test_a_row_that_cannot_be_read_is_named_or_makes_the_answer_trouble() -> None:
    broken: Any = blocks()
    broken["auth_info"]["auth_end_time"] = "soon"
    rows = {"list": [blocks(), broken, {"user_info": {}}]}

    page = value_of(line(envelope(rows)).advertiser().posts(is_lenient=True))
    answer = line(envelope(rows)).advertiser().posts()

    assert (len(page.items), page.unread, page.rows) == (1, (broken["item_info"]["item_id"], None), 3)
    assert isinstance(answer, Later)
    assert answer.is_trouble


def test_ads_are_asked_for_by_their_ids() -> None:
    wired = line(envelope({"list": [{"ad_id": 7}]}))

    page = value_of(wired.advertiser().ads_by_id(["7", "8"]))

    assert msgspec.json.decode(wired.query["filtering"]) == {"ad_ids": ["7", "8"], "primary_status": "STATUS_ALL"}
    assert [ad.ad_id for ad in page.items] == ["7"]


@pytest.mark.parametrize("form", ["one", "many"])
def test_a_post_of_an_identity_is_flat_and_dates_it_the_other_way(form: str) -> None:
    detail = {
        "item_id": ITEM,
        "item_type": "VIDEO",
        "status": "ITEM_STATUS_ONLY_AUTHOR_SEE",
        "auth_info": {"ad_auth_status": "AUTHORIZED", "auth_end_time": "2026-05-24T07:09:07Z"},
        "video_info": {"duration": 3, "url": "https://v.test"},
    }
    data = {"video_detail": detail, "video_details": []} if form == "one" else {"video_details": [detail]}
    wired = line(envelope(data))

    post = value_of(wired.advertiser().identity_video("an-uuid", "BC_AUTH_TT", ITEM, bc_id="99"))

    assert wired.query["identity_authorized_bc_id"] == "99"
    assert post.ends_at == datetime(2026, 5, 24, 7, 9, 7, tzinfo=UTC)
    assert post.condition is Condition.PRIVATE
    assert (post.identity_id, post.identity_type) == ("an-uuid", "BC_AUTH_TT")
    assert post.more == {"url": "https://v.test"}


def test_ads_are_read_with_statuses_of_any_kind() -> None:
    rows = [
        {"ad_id": 1, "tiktok_item_id": ITEM, "secondary_status": "AD_STATUS_ASSET_AUTHORIZATION_LOST"},
        {"ad_id": "2", "tiktok_item_id": None, "secondary_status": "AD_STATUS_FROM_TOMORROW", "adgroup_id": "g"},
    ]

    page = value_of(line(envelope({"list": rows})).advertiser().ads())

    lost, new = page.items
    assert (lost.ad_id, lost.item_id, lost.standing) == ("1", ITEM, Standing.LOST)
    assert (new.item_id, new.adgroup_id, new.secondary_status) == (None, "g", "AD_STATUS_FROM_TOMORROW")


def test_an_ad_group_without_an_end_has_none_though_tiktok_shows_one() -> None:
    rows = [
        {"adgroup_id": "1", "schedule_type": "SCHEDULE_START_END", "schedule_end_time": "2026-06-30 22:00:00"}
        | {"budget": 50.5, "budget_mode": "BUDGET_MODE_DAY"},
        {"adgroup_id": 2, "schedule_type": "SCHEDULE_FROM_NOW", "schedule_end_time": "2036-06-30 22:00:00"}
        | {"budget": 0, "budget_mode": "BUDGET_MODE_INFINITE"},
    ]
    wired = line(envelope({"list": rows}))

    groups = value_of(wired.advertiser().ad_groups(["1", "2"]))

    assert msgspec.json.decode(wired.query["filtering"]) == {"adgroup_ids": ["1", "2"]}
    assert groups == [
        AdGroup(
            adgroup_id="1",
            ends_at=datetime(2026, 6, 30, 22, tzinfo=UTC),
            budget=Decimal("50.5"),
            budget_mode="BUDGET_MODE_DAY",
        ),
        AdGroup(adgroup_id="2", budget_mode="BUDGET_MODE_INFINITE"),
    ]


def test_metrics_are_exact_whatever_tiktok_writes() -> None:
    metrics = {"spend": "12.30", "impressions": "1024", "clicks": "-", "conversion": None, "currency": "EUR"}
    row = {"dimensions": {"ad_id": 17, "stat_time_day": "2026-05-24 00:00:00"}, "metrics": metrics}
    wired = line(envelope({"list": [row], "page_info": {"page": 1, "total_page": 1, "total_number": 1}}))

    page = value_of(wired.advertiser().report(start=date(2026, 5, 1), end=date(2026, 5, 30)))

    assert wired.query["start_date"] == "2026-05-01"
    assert wired.query["end_date"] == "2026-05-30"
    assert msgspec.json.decode(wired.query["dimensions"]) == ["ad_id", "stat_time_day"]
    assert page.items == (
        AdDay(
            ad_id="17",
            day=date(2026, 5, 24),
            spend=Decimal("12.30"),
            impressions=1024,
            clicks=0,
            conversions=Decimal(0),
            currency="EUR",
        ),
    )
    assert amount(0.1) == Decimal("0.1")


def test_an_account_is_found_and_assigned_through_a_business_center() -> None:
    rows = {"list": [{"asset_id": 5, "asset_name": "Lea", "tt_account_roles": ["POST", "LIVE"]}]}
    wired = line(envelope({"bc_auth_qr_code": "https://qr.test/1"}), envelope(rows))
    center = wired.tiktok().business_center("99", TOKEN)

    assert value_of(center.account_link()) == "https://qr.test/1"
    assert wired.query == {"bc_id": "99"}
    assert value_of(center.accounts()).items == (Account(asset_id="5", name="Lea", roles=("POST", "LIVE")),)
    assert wired.query == {"bc_id": "99", "asset_type": "TT_ACCOUNT", "page": "1", "page_size": "50"}
    assert value_of(center.assign("5", ADVERTISER)) is None
    assert wired.body == {"bc_id": "99", "asset_id": "5", "advertiser_id": ADVERTISER}


def test_a_creators_own_token_manages_the_code() -> None:
    status = {"item_id": ITEM, "auth_code": CODE, "auth_code_status": "IN_USE", "authorization_days": 30}
    status |= {"auth_code_start_time": "2026-05-01 10:00:00", "auth_code_end_time": "2026-05-31 10:00:00"}
    wired = line(envelope(), envelope(), envelope(), envelope(status))
    creator = wired.tiktok().creator("open-id", TOKEN)

    creator.setting(ITEM, True, 30)
    assert wired.body == {"business_id": "open-id", "item_id": ITEM, "is_ad_promotable": True, "authorization_days": 30}
    creator.setting(ITEM, False)
    assert wired.body == {"business_id": "open-id", "item_id": ITEM, "is_ad_promotable": False}
    creator.extend(ITEM, 60)
    assert wired.asked[-1].url.path == "/open_api/v1.3/business/post/authorize/"
    found = value_of(creator.status(ITEM))
    assert found == CodeStatus(
        item_id=ITEM,
        status="IN_USE",
        code=CODE,
        starts_at=datetime(2026, 5, 1, 10, tzinfo=UTC),
        ends_at=datetime(2026, 5, 31, 10, tzinfo=UTC),
        days=30,
    )
    creator.delete(ITEM)
    assert wired.asked[-1].url.path == "/open_api/v1.3/business/post/authorize/delete/"


def test_an_oauth_code_becomes_a_token_and_its_advertisers() -> None:
    granted = {"access_token": TOKEN, "advertiser_ids": [ADVERTISER, 7], "scope": [69, 691]}
    names = {"list": [{"advertiser_id": 7, "advertiser_name": "Shop"}]}
    wired = line(envelope(granted), envelope(names))

    assert value_of(wired.tiktok().exchange("oauth-code")) == Connection(
        access_token=TOKEN, advertiser_ids=(ADVERTISER, "7"), scope=(69, 691)
    )
    assert wired.body == {"app_id": APP_ID, "secret": SECRET, "auth_code": "oauth-code"}
    assert "access-token" not in wired.asked[-1].headers
    assert value_of(wired.tiktok().advertisers_of(TOKEN)) == [("7", "Shop")]
    assert wired.query == {"app_id": APP_ID, "secret": SECRET}
    assert wired.asked[-1].headers["access-token"] == TOKEN


def test_a_row_that_cannot_be_read_makes_the_page_unreadable_instead_of_shorter() -> None:
    rows = {"list": [blocks(), blocks(item_id=None)]}

    assert isinstance(line(envelope(rows)).advertiser().posts(), Later)


NAMES = (
    *("list", "identity_list", "page_info", "page", "item_info", "item_id", "auth_info", "auth_end_time"),
    *("video_info", "duration", "user_info", "carousel_info", "music_info", "identity_id", "ad_id", "dimensions"),
    *("metrics", "spend", "stat_time_day", "video_detail", "video_details", "access_token", "scope"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
READERS: list[Callable[[msgspec.Raw], Any]] = [
    wire.post,
    wire.posts,
    wire.identity_post(identity_id="i", identity_type="AUTH_CODE"),
    wire.identities,
    wire.ads,
    wire.ad_groups,
    wire.days,
    wire.accounts,
    wire.account_link,
    wire.connection,
    wire.advertisers,
    wire.code_status,
]


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_whatever_comes_is_read_or_said_to_be_unreadable(data: dict[str, Any]) -> None:
    for read in READERS:
        answer: Answer[Any] = line(envelope(data)).api().get("a/path", {}, parse=read)
        assert isinstance(answer, Answered | Later)
