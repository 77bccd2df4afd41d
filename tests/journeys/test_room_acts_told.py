"""What pages and the log tell of an act: whom it was about, in words, and the way back to the list."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine

from domain.acts import DEEDS, Act
from domain.people import Role
from infra import audit, bulks
from infra.clock import HandClock
from infra.database import hot
from infra.reports import audited
from infra.reports.concerned import Chosen
from infra.vault import Vault
from tests.acting import ALL, Floor, floor
from tests.portfolio import Post

LATER = "2026-12-10T09:00"
KEYS = [Post(number=number).key for number in range(1, 4)]
ONE = "@maya.moves, post 7300000000000000001"


@pytest.fixture
def room(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Floor]:
    with floor(engine, clock, vault) as room:
        room.holds(*(Post(number=number) for number in range(1, 4)))
        yield room


def logged(room: Floor) -> list[tuple[str, dict[str, Any]]]:
    return [(row["act"], row["about"]) for row in room.asks("SELECT act, about FROM audit ORDER BY id")]


def found(room: Floor, subject: str, **more: str) -> list[str]:
    """What stands in the log of a subject, the newest first."""
    page = room.ada.opens(f"/audit?{urlencode({'subject': subject, **more})}").text
    return re.findall(r'data-label="On"><span class="id"><a[^>]+>([^<]+)', page)


def undone(room: Floor, number: int) -> int:
    return int(room.presses(number, "undo").headers["location"].removeprefix("/acts/"))


def back(room: Floor) -> str:
    """Where the way back leads."""
    (address,) = re.findall(r'href="([^"]+)">Back ', room.ada.page.text)
    return html.unescape(address)


def test_the_log_names_those_that_were_chosen_and_is_found_by_each(room: Floor) -> None:
    room.begins("snooze", until=LATER, key=KEYS[:2])
    number = room.begins("need", until=LATER, key=KEYS[0])
    room.works()
    undone(room, number)

    until = "2026-12-10T09:00:00+00:00"
    assert logged(room) == [
        ("act.snooze", {"keys": KEYS[:2], "matched": 2, "concerned": 2, "until": until}),
        ("act.need", {"keys": KEYS[:1], "matched": 1, "concerned": 1, "until": until}),
        ("act.undone", {"keys": KEYS[:1], "undo_of": 2}),
    ]
    assert found(room, KEYS[0]) == ["act/3", "act/2", "act/1"]
    assert found(room, KEYS[0], act="act.need") == ["act/2"]
    assert found(room, KEYS[0], before="3") == ["act/2", "act/1"]
    assert found(room, KEYS[1]) == ["act/1"]
    assert found(room, KEYS[2]) == []
    assert found(room, "act/2") == ["act/2"]


def test_the_log_of_a_filter_has_the_filter_and_names_nobody(room: Floor) -> None:
    number = room.begins("need", until=LATER, everything="1", query="left_to=30")
    room.works()
    undone(room, number)

    (begun, undo) = [about for _, about in logged(room)]
    assert (begun["query"], "keys" in begun) == ("left_to=30", False)
    assert undo == {"undo_of": 1}
    assert found(room, KEYS[0]) == []


def test_of_very_many_the_log_names_the_first_and_how_many_more(room: Floor) -> None:
    posts = [Post(number=number) for number in range(1, audit.MOST_KEYS + 6)]
    room.holds(*posts)
    keys = tuple(post.key for post in posts)

    with hot(room.engine) as connection:
        bulks.create(
            connection, Act.NEED, Chosen(keys=keys), until=room.clock.now().replace(year=2027), actor="cli:ada",
            now=room.clock.now(), nonce="abc",
        )  # fmt: skip
        rows = audited.page(connection, audited.wanted_of({"subject": keys[0]}), limit=5)

    assert [row["subject"] for row in rows] == ["act/1"]
    assert (len(rows[0]["about"]["keys"]), rows[0]["about"]["more_keys"]) == (audit.MOST_KEYS, 5)


def test_the_story_says_who_did_it_and_by_which_act(room: Floor) -> None:
    room.begins("revoke", count="1", key=KEYS[0])
    room.works()

    viewer = room.enters(Role.VIEWER)
    for reader in (room.ada, viewer):
        reader.opens("/authorizations/1")
        assert "an operator revoked it" in reader.text
        assert "by ada.operator@example.com, act 1" in reader.text
        assert '<a href="/acts/1">act 1</a>' in reader.page.text


def test_an_event_that_is_called_like_an_act_of_ours_is_nobodys_act(room: Floor) -> None:
    room.begins("revoke", count="1", key=KEYS[0])
    room.works()
    with hot(room.engine) as connection:
        connection.execute("UPDATE inbox SET sender = 'crm'")

    room.ada.opens("/authorizations/1")

    assert "/acts/1" not in room.ada.page.text


def test_an_undo_is_called_by_what_it_takes_back(room: Floor) -> None:
    one = room.begins("need", until=LATER, key=KEYS[0])
    some = room.begins("snooze", until=LATER, key=KEYS[:2])
    every = room.begins("need", until="2026-12-11T09:00", nonce="every", **ALL)
    room.works()

    for number, name in ((one, ONE), (some, "2 chosen"), (every, "all authorizations")):
        room.ada.opens(f"/acts/{undone(room, number)}")
        assert f"Undo of {DEEDS[Act.SNOOZE if number == some else Act.NEED].label}: {name}" in room.ada.text
        assert "What the filter matches now" not in room.ada.text
        assert "Until" not in room.ada.text.partition("Needed until")[2]
    room.ada.opens("/acts")
    assert room.ada.text.count("until 2026-12-1") == 3


def test_an_act_on_chosen_ones_names_them(room: Floor) -> None:
    number = room.begins("need", until=LATER, key=KEYS[:2])

    page = room.ada.opens(f"/acts/{number}").text

    assert [int(each) for each in re.findall(r'<li><a href="/authorizations/(\d+)">', page)] == [1, 2]
    assert ONE in room.ada.text
    assert "post 7300000000000000003" not in room.ada.text


def test_of_many_chosen_ones_fifty_are_named_and_the_others_counted(room: Floor) -> None:
    posts = [Post(number=number) for number in range(1, 54)]
    room.holds(*posts)

    room.ada.opens(f"/acts/{room.begins('need', until=LATER, key=[post.key for post in posts])}")

    assert room.ada.page.text.count('<li><a href="/authorizations/') == 50
    assert "and 3 more" in room.ada.text


def test_one_is_called_by_its_creator_and_its_post(room: Floor) -> None:
    room.holds(Post(number=9, creator=None))
    other = Post(number=9).key

    assert f"Needed until: {ONE}" in room.previews("need", key=KEYS[0])
    room.ada.opens(f"/acts/{room.begins('need', until=LATER, key=KEYS[0])}")
    assert f"Needed until: {ONE}" in room.ada.text
    room.ada.opens(f"/acts/{room.begins('need', until=LATER, key=other, nonce='other')}")
    assert "Needed until: post 7300000000000000009" in room.ada.text


def test_an_undone_snooze_counts_creators_and_says_so(room: Floor) -> None:
    number = room.begins("snooze", until=LATER, **ALL)
    room.works()
    room.ada.opens(f"/acts/{number}")
    assert re.search(r"authorizations done\s*3", room.ada.text)

    number = undone(room, number)
    room.works()

    room.ada.opens(f"/acts/{number}")
    assert re.search(r"creators done\s*1", room.ada.text)
    room.ada.opens("/acts")
    assert "1 of 1 creators" in room.ada.text


class TestTheWayBack:
    def test_the_bar_asks_by_an_address_without_the_token_and_brings_the_list_along(self, room: Floor) -> None:
        page = room.ada.opens("/authorizations?left_to=30&sort=money").text

        (bar,) = re.findall(r'<form action="/acts/preview">(.*?)</form>', page, re.DOTALL)
        assert "csrf" not in bar
        hidden = dict(re.findall(r'name="(query|back)" value="([^"]*)"', bar))
        assert hidden == {"query": "left_to=30", "back": "sort=money"}

    def test_it_leads_to_the_list_as_it_was(self, room: Floor) -> None:
        listed: dict[str, Any] = {"query": "state=active&left_to=30", "back": "sort=money&after=xyz"}

        for chosen in ({"key": KEYS[0]}, {"key": KEYS[:2]}, {"everything": "1"}):
            room.ada.opens(f"/acts/preview?{urlencode({'act': 'need', **listed, **chosen}, doseq=True)}")
            assert back(room) == "/authorizations?state=active&left_to=30&sort=money&after=xyz"
            carried = dict(re.findall(r'name="(query|back)" value="([^"]*)"', room.ada.page.text))
            again: Any = {name: html.unescape(value) for name, value in carried.items()}
            room.ada.sends("/acts", act="need", nonce="n1", until="soon", **again, **chosen)
            assert room.ada.page.status_code == 422
            assert back(room) == "/authorizations?state=active&left_to=30&sort=money&after=xyz"

    @pytest.mark.parametrize("elsewhere", ["//evil.test", "https://evil.test/", "\\\\evil.test", "/../..//evil.test"])
    def test_it_leads_nowhere_but_to_our_list(self, room: Floor, elsewhere: str) -> None:
        room.ada.opens(f"/acts/preview?{urlencode({'act': 'need', 'key': KEYS[0], 'back': elsewhere})}")

        assert back(room).partition("?")[0] == "/authorizations"

    def test_without_a_list_it_leads_to_the_one_or_to_what_matches(self, room: Floor) -> None:
        room.ada.opens(f"/acts/preview?{urlencode({'act': 'need', 'key': KEYS[0]})}")
        assert back(room) == f"/authorizations/{KEYS[0]}"
        room.ada.opens("/acts/preview?act=need&everything=1&query=left_to%3D30")
        assert back(room) == "/authorizations?left_to=30"

    def test_who_ticked_nothing_gets_back_to_the_list(self, room: Floor) -> None:
        answer = room.ada.opens("/acts/preview?act=need&query=left_to%3D30&back=sort%3Dmoney")

        assert answer.status_code == 422
        assert "Choose authorizations first" in room.ada.text
        assert back(room) == "/authorizations?left_to=30&sort=money"

    def test_a_page_of_ticks_and_a_long_filter_fit_into_an_address(self, room: Floor) -> None:
        longest = {"campaign": "漢" * 100, "search": "漢" * 100}
        keys = [f"7200000000000000001/{7300000000000000000 + number}" for number in range(50)]

        address = f"/acts/preview?{urlencode({'act': 'need', 'query': urlencode(longest), 'key': keys}, doseq=True)}"

        assert len(address) < 8_000
        room.ada.opens(address)
        assert "It concerns 3 of 50" in room.ada.text
