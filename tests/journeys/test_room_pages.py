"""The pages of one authorization, of creators, of advertisers and of the calendar: what they tell, and what one does there."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.filters import read
from domain.people import Role
from infra import inbox
from infra.broker import make_broker, make_nudges
from infra.chosen import policy_of
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter
from infra.links import creator_of
from infra.reports import listing
from infra.settings import load
from infra.vault import Vault
from tests import agency
from tests.agency import ADVERTISER, KEY, OTHER_ADVERTISER, POST
from tests.operator import Operator, quick_passwords
from tests.portfolio import Post, holds
from web.main import make_app
from worker.drain import drain


@pytest.fixture
def http(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[TestClient]:
    nudges = make_nudges(make_broker(""))
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=nudges, passwords=quick_passwords())
    with TestClient(app, base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.fixture
def house(engine: Engine, clock: HandClock, vault: Vault) -> Engine:
    """Before anybody signs in: it takes forty days."""
    agency.opens(engine, clock, vault)
    return engine


@pytest.fixture
def ada(http: TestClient, engine: Engine, clock: HandClock) -> Operator:
    return Operator(http, engine, clock)


@pytest.fixture
def viewer(http: TestClient, engine: Engine, clock: HandClock) -> Operator:
    return Operator(http, engine, clock, Role.VIEWER)


def settle(engine: Engine, clock: HandClock) -> None:
    """A worker applies what waits."""
    for mailbox in range(inbox.MAILBOXES):
        drain(engine, clock, policy_of(load()), mailbox)


def audited(engine: Engine) -> list[tuple[str, str, str | None]]:
    with hot(engine) as connection:
        return connection.execute("SELECT actor, act, subject FROM audit ORDER BY id").fetchall()


def table(page: str, name: str) -> list[str]:
    """The rows of the table under a heading, as text."""
    found = re.search(rf'id="{name}".*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert found, name
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found[1].split("</tr>")[:-1]]


@pytest.mark.usefixtures("house")
class TestOneAuthorization:
    def test_all_that_is_known_stands_on_one_page(self, ada: Operator) -> None:
        answer = ada.opens("/authorizations/1")

        assert (answer.status_code, len(answer.content) < 100_000) == (200, True)
        for said in (
            "@maya.moves",
            "for Maison Alba , Winter 26, held by a Spark code",
            "State active since",
            "At risk 1 998 EUR 105 EUR a day × 19.0 days from the end on that it is needed",
            "Next Ask the creator",
            "something that needs the authorization runs on after its end",
            "TikTok confirmed 12 min ago",
            "Last not asked",
            "Up to 19 d 0 h are not covered",
            "19 d 0 h uncovered",
            "Winter coats, three ways",
        ):
            assert said in ada.text, said
        assert " style=" not in answer.text

    def test_the_diagram_shows_the_place_and_the_way_here_in_words_too(self, ada: Operator) -> None:
        page = ada.opens("/authorizations/1").text

        assert 'aria-label="The lifecycle: it is active now, and was requested, authorized, expired before."' in page
        assert page.count('class="box active here was"') == 1
        assert "expired when the period ends" in ada.text

    def test_the_story_tells_what_was_heard_decided_and_sent_the_newest_first(self, ada: Operator) -> None:
        ada.opens("/authorizations/1")

        story = ada.text.partition("The whole story")[2]
        order = (
            "An ad stopped",
            "Extended expired → active a newer grant or an extension brought it back",
            "Period lapsed the creator was asked in time and did not answer; down for 1 d 0 h",
            "The period's end came active → expired",
            "Message to the creator it asks for 60 days",
            "The creator is to be asked",
            "An ad started authorized → active",
            "Granted requested → authorized",
            "Requested requested",
        )
        places = [story.index(line) for line in order]
        assert places == sorted(places)

    def test_figures_ads_and_grants_stand_in_pictures_and_tables(self, ada: Operator) -> None:
        page = ada.opens("/authorizations/1").text

        assert 'aria-label="spend of each of 28 days: at most 149, on the last 97"' in page
        assert [row.split()[:2] for row in table(page, "ads")] == [["9001", "delivers"], ["9002", "stopped"]]
        assert [row.split()[-2] for row in table(page, "grants")] == ["authorization.extended", "code.granted"]

    def test_it_is_found_by_its_key_as_well(self, ada: Operator) -> None:
        assert ada.opens(f"/authorizations/{KEY}").headers["location"] == "/authorizations/1"
        assert ada.opens("/authorizations/987654321").status_code == 404
        assert ada.opens("/authorizations/1/2").status_code == 404

    def test_acts_are_offered_with_why_one_would_change_nothing_and_not_to_viewers(
        self, ada: Operator, viewer: Operator
    ) -> None:
        page = ada.opens("/authorizations/1").text

        assert f'<input type="hidden" name="key" value="{KEY}">' in page
        assert 'name="act" value="unbind" class="small grave" disabled' in page
        assert "Not now: it has not ended." in ada.text
        assert "/acts/preview" not in viewer.opens("/authorizations/1").text
        assert "an operator can act here" in viewer.text


def test_a_sealed_code_stays_sealed_and_its_event_stands_behind_the_fold(
    ada: Operator, engine: Engine, clock: HandClock
) -> None:
    holds(engine, [Post(number=1)], now=clock.now())
    letter = Letter(
        sender="producer:crm",
        event_id="msg_1",
        type="code.submitted",
        key=KEY,
        occurred_at=clock.now(),
        data=b'{"code": {"fingerprint": "f00d", "last": "9Xa="}}',
        sealed=b"sealed bytes",
    )
    with hot(engine) as connection:
        inbox.accept(connection, [letter], now=clock.now())
    settle(engine, clock)

    page = ada.opens("/authorizations/1").text

    assert "sealed bytes" not in page
    assert "msg_1" in page
    assert "&#34;last&#34;: &#34;9Xa=&#34;" in page


def test_a_long_history_comes_in_pages(ada: Operator, engine: Engine, clock: HandClock) -> None:
    holds(engine, [Post(number=1)], now=clock.now())
    query = """
    INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, from_state, to_state, reason, note)
    SELECT 1, n, %(now)s + n * interval '1 second', %(now)s + n * interval '1 second', 'post.changed', 'stayed', 'active',
        'active', 'condition_changed', 'line number ' || n || '.' FROM generate_series(1, 100) AS n
    """
    with hot(engine) as connection:
        connection.execute(query, {"now": clock.now()})

    seen: list[str] = []
    path = "/authorizations/1"
    while path:
        page = ada.opens(path).text
        assert len(page) < 100_000
        seen += re.findall(r"line number (\d+)\.", ada.text)
        found = re.search(r'href="(/authorizations/1\?before=\d+)', page)
        path = found[1] if found else ""

    assert [int(number) for number in seen] == list(range(100, 0, -1))


def test_however_long_the_history_states_passed_and_a_refusal_are_told(
    ada: Operator, engine: Engine, clock: HandClock
) -> None:
    holds(engine, [Post(number=1)], now=clock.now())
    lines = """
    INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, from_state, to_state, reason, note)
    VALUES (1, 1, %(now)s, %(now)s, 'CodeSubmitted', 'stayed', 'requested', 'requested', 'code_refused', 'Ask for another code.')
    """
    more = """
    INSERT INTO history (authorization_id, seq, at, recorded_at, event, outcome, from_state, to_state, reason)
    SELECT 1, n, %(now)s, %(now)s, 'AdStarted', 'stayed', 'active', 'active', 'flight_changed' FROM generate_series(2, 100) AS n
    """
    with hot(engine) as connection:
        for query in (lines, more):
            connection.execute(query, {"now": clock.now()})

    page = ada.opens("/authorizations/1").text

    assert "it is active now, and was requested before." in page
    assert "Ask for another code." in ada.text


@pytest.mark.parametrize(
    ("status", "said"), [("failed", "did not arrive"), ("uncertain", "may not have arrived"), ("done", None)]
)
def test_a_request_that_did_not_arrive_is_told_beside_what_is_next(
    status: str, said: str | None, ada: Operator, engine: Engine, clock: HandClock
) -> None:
    holds(engine, [Post(number=1)], now=clock.now())
    message = """
    WITH message AS (
        INSERT INTO outbox (kind, key, idempotency_key, payload, status, due_at, created_at, settled_at, last_error)
        VALUES ('ask.mail', 'creator/1', 'a', '{}', %(status)s, %(now)s, %(now)s, %(now)s, 'no such user') RETURNING id
    )
    INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at, outbox_id)
    SELECT 1, expires_at, 3, 'window', 30, %(now)s, message.id FROM authorizations, message
    """
    with hot(engine) as connection:
        connection.execute(message, {"now": clock.now(), "status": status})

    ada.opens("/authorizations/1")

    assert ("The last request" in ada.text) is (said is not None)
    assert said is None or f"The last request {said}: no such user. Mend it in the" in ada.text


class TestCreators:
    def test_the_list_finds_by_the_first_letters_and_pages(
        self, ada: Operator, engine: Engine, clock: HandClock
    ) -> None:
        posts = [Post(number=number, creator=f"maker_{number:03}") for number in range(60)]
        holds(engine, [*posts, Post(number=99, creator="maker.x")], now=clock.now())

        ada.opens("/creators?search=@Maker_")
        more = re.search(r'href="(/creators\?[^"]+)"', ada.page.text)

        assert ada.text.count("@maker_") == 50
        assert "maker.x" not in ada.text
        assert more
        assert ada.opens(more[1].replace("&amp;", "&")).text.count("@maker_") == 10

    @pytest.mark.usefixtures("house")
    def test_one_tells_how_they_answer_and_the_arithmetic_of_the_advice(self, ada: Operator) -> None:
        page = ada.opens("/creators/1").text

        assert "Answers 100 % 1 of 1 periods that were asked for" in ada.text
        assert "Median time to answer 8 d 23 h" in ada.text
        assert "Messages in a year 3" in ada.text
        assert "30 days at present 3 3 12" in ada.text
        assert "Access to the account 1 1 1" in ada.text
        assert [row.split()[0] for row in table(page, "theirs")] == [POST, POST]

    @pytest.mark.parametrize(
        ("path", "fields", "column", "said"),
        [
            ("snooze", {"until": "2026-12-24"}, "snoozed_until", "2026-12-24 00:00 UTC"),
            (
                "away",
                {"from": "2026-12-24", "until": "2027-01-04"},
                "away_until",
                "2026-12-24 00:00 to 2027-01-04 00:00 UTC",
            ),
            ("opt-out", {}, "opted_out_at", "opted out just now"),
            ("payment-due", {}, "payment_due_since", "payment due just now"),
        ],
    )
    def test_what_is_said_of_them_is_a_letter_that_the_worker_applies(
        self, ada: Operator, engine: Engine, clock: HandClock, path: str, fields: dict[str, Any], column: str, said: str
    ) -> None:
        holds(engine, [Post(number=1)], now=clock.now())
        ada.opens("/creators/1")

        answer = ada.sends(f"/creators/1/{path}", **fields)
        before = value_of(engine, column)
        settle(engine, clock)

        assert (answer.status_code, answer.headers["location"]) == (303, "/creators/1?noted")
        assert (before, value_of(engine, column) is not None) == (None, True)
        ada.opens("/creators/1?noted")
        assert "Noted." in ada.text
        assert said in ada.text
        [(actor, _, subject)] = audited(engine)
        assert (actor, subject) == ("user:ada.operator@example.com", "creator/maya.moves")

    @pytest.mark.parametrize(
        ("path", "fields", "said"),
        [
            ("snooze", {"until": "soon"}, "Say a day that lies ahead"),
            ("away", {"from": "2026-12-24", "until": "2026-12-20"}, "must end after it begins"),
        ],
    )
    def test_what_cannot_be_is_refused_in_a_sentence(
        self, ada: Operator, engine: Engine, clock: HandClock, path: str, fields: dict[str, Any], said: str
    ) -> None:
        holds(engine, [Post(number=1)], now=clock.now())
        ada.opens("/creators/1")

        assert ada.sends(f"/creators/1/{path}", **fields).status_code == 422

        assert said in ada.text
        assert all(f'name="{name}" value="{value}"' in ada.page.text for name, value in fields.items())
        assert audited(engine) == []

    def test_a_fresh_link_is_shown_once_and_links_are_taken_back(
        self, ada: Operator, engine: Engine, clock: HandClock, vault: Vault
    ) -> None:
        holds(engine, [Post(number=1)], now=clock.now())
        ada.opens("/creators/1")

        ada.sends("/creators/1/links")
        token = ada.field("A link to maya.moves").rpartition("/c/")[2]

        assert handle_of(engine, vault, token, clock) == "maya.moves"
        assert 'data-page="/creators/1"' in ada.page.text
        assert token not in ada.opens("/creators/1").text
        assert [row.split()[-3] for row in table(ada.page.text, "links")] == ["works"]

        ada.sends("/creators/1/links/revoke", link="1")
        assert handle_of(engine, vault, token, clock) is None
        assert "revoked" in ada.opens("/creators/1").text
        assert [act for _, act, _ in audited(engine)] == ["creator.link_made", "creator.links_revoked"]
        assert token not in str(audited(engine))

    def test_a_viewer_reads_and_finds_no_form(self, viewer: Operator, engine: Engine, clock: HandClock) -> None:
        holds(engine, [Post(number=1)], now=clock.now())

        page = viewer.opens("/creators/1").text

        assert "/creators/1/" not in page
        assert viewer.sends("/creators/1/opt-out").status_code == 403


class TestAdvertisers:
    @pytest.mark.usefixtures("house")
    def test_exposure_coverage_lapses_and_health(self, ada: Operator) -> None:
        page = ada.opens(f"/advertisers/{ADVERTISER}").text

        for said in (
            "At risk 7 248 EUR",
            "Covered 36 % 7 not",
            "Renewed in time 0 % 0 renewed, 1 lapsed, 0 not needed",
            "Down 1 d 0 h",
            "Not delivered 120 EUR",
            "1 × the creator was asked in time and did not answer",
            "call 10 times a second, 600 a minute, at the level basic",
        ):
            assert said in ada.text, said
        assert table(page, "risks")[0].startswith(f"@maya.moves {POST}")
        assert f'href="/authorizations/{KEY}"' in page
        ada.opens("/advertisers")
        assert "Northwind 7200000000000000002" in ada.text
        assert "The token was revoked: connect the advertiser again." in ada.text

    def test_one_that_nobody_connected_is_listed_and_says_so(
        self, ada: Operator, engine: Engine, clock: HandClock
    ) -> None:
        holds(engine, [Post(number=1), Post(number=2, advertiser=OTHER_ADVERTISER)], now=clock.now())

        ada.opens("/advertisers")
        assert ada.text.count("not connected known by its authorizations alone") == 2

        ada.opens(f"/advertisers/{ADVERTISER}")
        assert f"everspark advertiser connect {ADVERTISER}" in ada.text
        assert ada.sends(f"/advertisers/{ADVERTISER}/look").status_code == 409
        assert ada.opens("/advertisers/7299").status_code == 404

    def test_a_look_is_brought_forward_and_noted(self, house: Engine, ada: Operator, clock: HandClock) -> None:
        with hot(house) as connection:
            connection.execute("UPDATE advertisers SET next_look_at = %s", [clock.now() + 12 * timedelta(hours=1)])
        ada.opens(f"/advertisers/{ADVERTISER}")

        answer = ada.sends(f"/advertisers/{ADVERTISER}/look")

        assert answer.headers["location"] == f"/advertisers/{ADVERTISER}?asked"
        with hot(house) as connection:
            query = "SELECT advertiser_id FROM advertisers WHERE next_look_at <= %s"
            assert connection.execute(query, [clock.now()]).fetchall() == [(ADVERTISER,)]
        assert [each[1:] for each in audited(house)] == [("advertiser.look_wanted", ADVERTISER)]

    def test_pages_go_on_where_the_last_one_ended(self, ada: Operator, engine: Engine, clock: HandClock) -> None:
        posts = [Post(number=number, advertiser=str(7200000000000000000 + number)) for number in range(60)]
        holds(engine, posts, now=clock.now())

        first = ada.opens("/advertisers").text
        more = re.search(r'href="(/advertisers\?after=\d+)"', first)

        assert more
        names = re.findall(r'<a href="/advertisers/(\d+)"', first + ada.opens(more[1]).text)
        assert names == sorted(post.advertiser for post in posts)


class TestCalendar:
    def test_each_day_counts_what_its_link_finds(self, ada: Operator, engine: Engine, clock: HandClock) -> None:
        ends = (0.5, 0.9, 3.2, 3.9, 40.1, 89.9, 95)
        holds(engine, [Post(number=number, ends=each) for number, each in enumerate(ends)], now=clock.now())

        page = ada.opens("/calendar").text

        found = re.findall(
            r'<a href="(/authorizations\?[^"]+)">(\w{3} \d\d \w{3})</a>.*?<td[^>]*>(\d+)</td>', page, re.DOTALL
        )
        assert [(day, count) for _, day, count in found] == [
            ("Sun 22 Nov", "2"),
            ("Wed 25 Nov", "2"),
            ("Fri 01 Jan", "1"),
            ("Fri 19 Feb", "1"),
        ]
        with hot(engine) as connection:
            for link, _, count in found:
                wanted = read(parse_qsl(html.unescape(link).partition("?")[2]))
                assert listing.find(connection, wanted, now=clock.now()).count == int(count), link

    def test_money_of_each_currency_has_a_picture_of_its_own(
        self, ada: Operator, engine: Engine, clock: HandClock
    ) -> None:
        holds(engine, [Post(number=1), Post(number=2, currency="USD", ends=5)], now=clock.now())

        page = ada.opens("/calendar").text

        assert re.findall(r'aria-label="([^",]+(?:, \w+)?), day by day', page) == [
            "At risk, EUR",
            "At risk, USD",
            "Ends",
            "Creators to be asked",
        ]

    def test_nothing_teaches(self, ada: Operator) -> None:
        ada.opens("/calendar")
        assert "No authorization in force has an end within 90 days" in ada.text
        ada.opens("/creators")
        assert "No creators yet" in ada.text
        ada.opens("/advertisers")
        assert "No advertisers yet" in ada.text


def value_of(engine: Engine, column: str) -> Any:
    with hot(engine) as connection:
        row = connection.execute(f"SELECT {column} FROM creators WHERE handle = 'maya.moves'").fetchone()
    assert row is not None
    return row[0]


def handle_of(engine: Engine, vault: Vault, token: str, clock: HandClock) -> str | None:
    with hot(engine) as connection:
        return getattr(creator_of(connection, vault, token, now=clock.now()), "handle", None)
