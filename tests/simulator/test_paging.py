"""Lists a page at a time: bounds, keywords, kinds, and speed."""

from __future__ import annotations

import time

import pytest

from infra.clock import HandClock
from simulator.world import World
from tests.simulator.caller import Caller


def fill(world: World, *, advertisers: int, posts: int) -> list[str]:
    """`posts` bound posts for each advertiser; their ids."""
    creator = world.add_creator("@many")
    ids = [world.add_advertiser(f"Advertiser {number}").advertiser_id for number in range(advertisers)]
    for advertiser_id in ids:
        for number in range(posts):
            post = world.add_post(creator.creator_id, text=f"post {number}")
            world.authorize(advertiser_id, world.mint(post.item_id).value)
    return ids


def test_pages_hold_every_row_once(tiktok: Caller) -> None:
    for number in range(23):
        tiktok.authorize(tiktok.minted(text=f"post {number}")[1])

    pages = [
        tiktok.get("tt_video/list", advertiser_id=tiktok.advertiser_id, page=page, page_size=10)["data"]
        for page in (1, 2, 3, 4)
    ]

    assert [len(page["list"]) for page in pages] == [10, 10, 3, 0]
    assert pages[0]["page_info"] == {"page": 1, "page_size": 10, "total_number": 23, "total_page": 3}
    assert len({row["item_info"]["item_id"] for page in pages for row in page["list"]}) == 23


@pytest.mark.parametrize(("size", "code"), [(0, 40002), (1, 0), (50, 0), (51, 40002), ("x", 40002)])
def test_a_page_has_bounds(tiktok: Caller, size: object, code: int) -> None:
    assert tiktok.get("tt_video/list", advertiser_id=tiktok.advertiser_id, page_size=size)["code"] == code


def test_twenty_by_default(tiktok: Caller) -> None:
    data = tiktok.get("tt_video/list", advertiser_id=tiktok.advertiser_id)["data"]

    assert data["page_info"]["page_size"] == 20


def test_keywords_are_part_of_a_caption_or_a_whole_id(tiktok: Caller) -> None:
    summer, code = tiktok.minted(text="Summer Look 12")
    tiktok.authorize(code)
    tiktok.authorize(tiktok.minted(text="Winter")[1])

    def found(keyword: str) -> list[str]:
        return [row["item_info"]["item_id"] for row in tiktok.rows(keyword=keyword)]

    assert found("summer l") == found("12") == found(summer.item_id) == [summer.item_id]
    assert found(f"{summer.item_id}0") == []
    assert tiktok.get("tt_video/list", advertiser_id=tiktok.advertiser_id, keyword="x" * 501)["code"] == 40002


def test_kinds_of_posts(tiktok: Caller) -> None:
    tiktok.authorize(tiktok.minted()[1])
    tiktok.authorize(tiktok.minted(item_type="CAROUSEL")[1])

    assert [row["item_info"]["item_type"] for row in tiktok.rows(item_types=["CAROUSEL"])] == ["CAROUSEL"]
    assert len(tiktok.rows()) == 2
    assert tiktok.get("tt_video/list", advertiser_id=tiktok.advertiser_id, item_types=["SONG"])["code"] == 40002


def test_ten_thousand_posts_are_listed_quickly(tiktok: Caller, clock: HandClock) -> None:
    ids = fill(tiktok.world, advertisers=20, posts=500)
    token = tiktok.world.issue("app-1", ids).value
    begun = time.perf_counter()

    rows = [
        row
        for advertiser_id in ids
        for page in range(1, 11)
        for row in tiktok.get("tt_video/list", token=token, advertiser_id=advertiser_id, page=page, page_size=50)[
            "data"
        ]["list"]
    ]

    assert len({row["item_info"]["item_id"] for row in rows}) == 10_000
    assert len(tiktok.world.calls) == 200
    assert (time.perf_counter() - begun) / 200 < 0.1  # about 0.005 on a quiet machine
