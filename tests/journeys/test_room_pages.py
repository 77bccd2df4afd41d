"""The pages of one authorization, of creators, of advertisers and of the calendar: what they tell, and what one does there."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.filters import read
from domain.people import Role
from infra import endings, inbox
from infra.broker import make_broker, make_nudges
from infra.chosen import policy_of
from infra.clock import HandClock
from infra.database import hot
from infra.endings import Ending
from infra.inbox import Letter
from infra.links import creator_of
from infra.owed import UnbindOwed, owe_looks, owe_unbinds
from infra.reports import listing
from infra.settings import load
from infra.vault import Vault
from tests import agency
from tests.agency import ADVERTISER, KEY, OTHER_ADVERTISER, POST
from tests.operator import Operator, quick_passwords
from tests.portfolio import Post, holds, owes_message, takes_back
from web.main import make_app
from worker.drain import drain

DAY = timedelta(days=1)


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
            "At risk 1,998 EUR 105 EUR a day × 19.0 days from the end on that it is needed",
            "Next Ask the creator",
            "something that needs the authorization runs on after its end",
            "TikTok confirmed 12 min ago",
            "Last not asked",
            "Up to 19 d 0 h are not covered",
            "19 d 0 h uncovered",
            "Winter coats, three ways",
            "status public seen at",
        ):
            assert said in ada.text, said
        assert " style=" not in answer.text
        assert "caption cannot be edited" not in ada.text

    def test_it_is_called_by_its_post_as_the_creator_has_more(self, ada: Operator) -> None:
        page = ada.opens("/authorizations/1").text

        assert f"<title>@maya.moves · {POST} · Everspark</title>" in page
        assert f"<h1>@maya.moves <small>{POST}</small></h1>" in page

    def test_what_tiktok_showed_and_shows_no_longer(self, ada: Operator, engine: Engine, clock: HandClock) -> None:
        now = clock.now()
        with hot(engine) as connection:
            gone = "UPDATE sightings SET seen_at = %s, missing_since = %s"
            connection.execute(gone, [now - timedelta(days=33), now - timedelta(days=3, hours=8)])

        ada.opens("/authorizations/1")

        assert "TikTok confirmed no longer not shown since 3 d 8 h ago" in ada.text
        assert f"last seen 33 d ago , {now - timedelta(days=33):%Y-%m-%d %H:%M} UTC" in ada.text
        with hot(engine) as connection:
            connection.execute("DELETE FROM sightings")
        ada.opens("/authorizations/1")
        assert "TikTok confirmed never no look at TikTok has shown it yet" in ada.text

    def test_a_plan_that_is_late_was_due(self, ada: Operator, engine: Engine, clock: HandClock) -> None:
        at = clock.now() - timedelta(hours=5)
        with hot(engine) as connection:
            connection.execute("UPDATE authorizations SET next_action = 'ask', next_action_at = %s WHERE id = 1", [at])

        ada.opens("/authorizations/1")

        assert f"Next Ask the creator was due 5 h 0 min ago , {at:%Y-%m-%d %H:%M} UTC" in ada.text

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
            "The creator is to be asked a renewal request to the creator is owed. Ask 1, in good time, for 60 more days",
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
        assert [row[34:] for row in table(page, "grants")] == ["an extension, told by crm —", "a grant, told by crm —"]

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


def test_what_was_taken_back_ended_then_and_not_at_the_end_that_it_had(
    ada: Operator, engine: Engine, clock: HandClock
) -> None:
    now = clock.now()
    post = Post(number=1, ends=12)
    holds(engine, [post], now=now)
    takes_back(engine, post, at=now - timedelta(days=4))

    ada.opens("/authorizations/1")
    assert f"Ended 4 d 0 h ago {now - timedelta(days=4):%Y-%m-%d %H:%M} UTC it was to end" in ada.text
    page = ada.opens("/creators/1").text
    assert "revoked — it was to end in 12 d" in table(page, "theirs")[0]


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


def test_last_asked_is_told_by_what_was_sent_and_a_message_that_waits_stands_as_next(
    ada: Operator, engine: Engine, clock: HandClock
) -> None:
    now, post = clock.now(), Post(number=1)
    holds(engine, [post], now=now)
    owes_message(engine, post, now=now, due_at=now + timedelta(hours=8), reason="the creator is on holiday")
    clock.advance(timedelta(hours=1))

    ada.opens("/authorizations/1")
    assert "Next A message waits its turn comes in 7 h 0 min" in ada.text
    assert "Last asked not yet" in ada.text
    assert "Last decided to ask 1 h 0 min ago" in ada.text
    assert "Its turn comes in 7 h 0 min ." in ada.text
    assert "Not now: a message that asks for it waits for its turn already." in ada.text
    assert "no further request is planned" not in ada.text
    for elsewhere in ("/creators/1", f"/advertisers/{ADVERTISER}"):
        ada.opens(elsewhere)
        assert "A message waits its turn comes in 7 h 0 min : the creator is on holiday" in ada.text

    with hot(engine) as connection:
        connection.execute("UPDATE asks SET sent_at = %s", [clock.now()])
        connection.execute("UPDATE outbox SET status = 'done', settled_at = %s", [clock.now()])
    ada.opens("/authorizations/1")
    assert "Last asked just now" in ada.text
    assert "no further request is planned before the end" in ada.text


def test_an_unbinding_that_is_planned_is_told_with_its_day_and_that_a_renewal_calls_it_off(
    ada: Operator, engine: Engine, clock: HandClock
) -> None:
    now, post = clock.now(), Post(number=1)
    holds(engine, [post], now=now)
    later = UnbindOwed(key=post.key, by="policy", ended_at=now, due_at=now + timedelta(days=15))
    with hot(engine) as connection:
        connection.execute("UPDATE authorizations SET state = 'expired'")
        owe_unbinds(connection, [later], now=now)

    ada.opens("/authorizations/1")
    assert (
        "The post is to be unbound at TikTok , unless the authorization comes back before: its turn comes in 15 d"
        in ada.text
    )
    assert "Tried again" not in ada.text
    assert "waiting for TikTok" not in ada.text
    assert "on its day, unless the authorization comes back before" in ada.opens("/outbox").text

    with hot(engine) as connection:
        connection.execute("UPDATE authorizations SET state = 'active'")
    ada.opens("/authorizations/1")
    assert "The post was to be unbound at TikTok , and is not, since the authorization came back" in ada.text


@pytest.mark.parametrize(
    ("attempts", "hours", "said"),
    [
        (0, 1, "Its turn comes in 1 h 0 min ."),
        (0, -1, "Its turn came 1 h 0 min ago ."),
        (2, 1, "It is looked at again in 1 h 0 min ."),
        (2, -1, "Its next look was due 1 h 0 min ago ."),
    ],
)
def test_what_was_not_tried_yet_is_not_tried_again(
    attempts: int, hours: int, said: str, ada: Operator, engine: Engine, clock: HandClock
) -> None:
    now, post = clock.now(), Post(number=1)
    holds(engine, [post], now=now)
    with hot(engine) as connection:
        owe_looks(connection, [post.key], now=now)
        due = now + timedelta(hours=hours)
        connection.execute("UPDATE outbox SET attempts = %s, due_at = %s", [attempts, due])

    ada.opens("/authorizations/1")

    assert f"Look at TikTok for one authorization is owed since just now : waiting for TikTok. {said}" in ada.text


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

    def test_beyond_the_last_one_it_leads_back_to_the_first(
        self, ada: Operator, engine: Engine, clock: HandClock
    ) -> None:
        holds(engine, [Post(creator="maker.x")], now=clock.now())

        ada.opens("/creators?after=zz")
        assert "No more creators come after “zz”." in ada.text
        assert 'href="/creators">From the first one' in ada.page.text
        ada.opens("/creators?search=Mak&after=zz")

        assert 'href="/creators?search=Mak">From the first one' in ada.page.text

    def test_who_was_written_to_is_not_said_never_to_have_been_asked(
        self, ada: Operator, engine: Engine, clock: HandClock
    ) -> None:
        now, post = clock.now(), Post(number=1)
        holds(engine, [post], now=now)
        owes_message(engine, post, now=now, due_at=now, reason=None)
        with hot(engine) as connection:
            connection.execute("UPDATE asks SET sent_at = %s", [now])

        row = ada.opens("/creators").text.partition("<tbody>")[2]

        assert '<td data-label="Messages" class="num"><span>1</span></td>' in row
        assert "nothing to count yet" in row

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
            "At risk 7,248 EUR",
            "Covered, by count 36 % 7 not",
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

    def test_lapses_are_told_from_when_they_began_the_newest_first(
        self, ada: Operator, engine: Engine, clock: HandClock
    ) -> None:
        now = clock.now()
        posts = [Post(number=1, ends=12), Post(number=2, ends=-1)]
        holds(engine, posts, now=now)
        takes_back(engine, posts[0], at=now - timedelta(days=4))
        with hot(engine) as connection:
            for number, ends, began in ((1, 12, 4), (2, -1, 1)):
                lapse = Ending(
                    authorization_id=number,
                    period_ends_at=now + timedelta(days=ends),
                    outcome="lapsed",
                    decided_at=now,
                    down_from=now - timedelta(days=began),
                    step="withdrawn",
                )
                endings.save(connection, [lapse])

        first, second = table(ada.opens(f"/advertisers/{ADVERTISER}").text, "lapses")

        assert "1 d 0 h ago :" in first
        assert "4 d 0 h ago :" in second
        assert "4 d 0 h and goes on" in second

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
    @pytest.mark.parametrize("hour", ["00:05", "10:00", "22:57"])
    def test_each_day_counts_what_ends_on_its_date_and_its_link_finds_that(
        self, http: TestClient, engine: Engine, clock: HandClock, hour: str
    ) -> None:
        now = clock.set(datetime.fromisoformat(f"2026-11-23T{hour}:00+00:00"))
        day, minute = datetime(2026, 11, 25, tzinfo=UTC), timedelta(minutes=1)
        today, on_the_day = (now - minute, day - DAY - minute), (day, day + 15 * timedelta(hours=1), day + DAY - minute)
        ends = (*today, *on_the_day, day + DAY, now + 90 * DAY, now + 90 * DAY + minute)
        holds(engine, [Post(number=number, ends=(at - now) / DAY) for number, at in enumerate(ends)], now=now)
        ada = Operator(http, engine, clock)

        page = ada.opens("/calendar").text

        found = re.findall(
            r'<a href="(/authorizations\?[^"]+)">(\w{3} \d\d \w{3})</a>.*?<td[^>]*>(\d+)</td>', page, re.DOTALL
        )
        assert [(day, count) for _, day, count in found] == [
            ("Mon 23 Nov", "2"),
            ("Wed 25 Nov", "3"),
            ("Thu 26 Nov", "1"),
            ("Sun 21 Feb", "1"),
        ]
        assert [html.unescape(link).partition("state=authorized&")[2] for link, _, _ in found] == [
            "ends_to=2026-11-23",
            "ends_from=2026-11-25&ends_to=2026-11-25",
            "ends_from=2026-11-26&ends_to=2026-11-26",
            "left_to=90&ends_from=2027-02-21&ends_to=2027-02-21",
        ]
        for link, _, count in found:
            assert ada.opens(html.unescape(link)).status_code == 200, link
            assert f"{count} authorization" in ada.text, link

    def test_the_next_so_many_days_count_what_their_links_find(
        self, ada: Operator, engine: Engine, clock: HandClock
    ) -> None:
        ends = (-0.1, 6.9, 7, 7.01, 29.9, 30, 30.01, 90, 90.01)
        holds(engine, [Post(number=number, ends=each) for number, each in enumerate(ends)], now=clock.now())

        page = ada.opens("/calendar").text

        found = re.findall(r'<a href="/authorizations\?(left_to=\d+)">(\d+) end</a>', page)
        assert found == [("left_to=7", "3"), ("left_to=30", "6"), ("left_to=90", "8")]
        with hot(engine) as connection:
            for query, count in found:
                assert listing.find(connection, read(parse_qsl(query)), now=clock.now()).count == int(count), query

    def test_all_days_fit_into_the_picture(self, ada: Operator, engine: Engine, clock: HandClock) -> None:
        holds(engine, [Post(number=1, ends=0.1), Post(number=2, ends=90)], now=clock.now())

        page = ada.opens("/calendar").text

        assert set(re.findall(r'viewBox="([^"]+)"', page)) == {"0 0 910 62"}
        bars = re.findall(r'<svg class="ends".*?</svg>', page, re.DOTALL)[0]
        assert re.findall(r'<rect class="\w+" x="(\d+)"', bars) == ["1", "901"]
        assert re.findall(r"<span>(\w{3} \d\d \w{3})</span>", page) == ["Sun 22 Nov", "Tue 22 Dec", "Thu 21 Jan"]

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
