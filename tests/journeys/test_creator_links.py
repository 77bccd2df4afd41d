"""Links to the creator's page that are none, or no longer: all meet the same page. And input of any kind: never a 5xx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from infra import links, logs
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot, make_engine
from infra.links import Expired, Unknown
from infra.settings import load
from infra.vault import Vault
from tests.brand import KEY, Brand, brand
from tests.journeys.test_creator_page import HANDLE, letters
from tests.visitor import Visitor, link_to, text_of
from web.creator.requests import is_ours
from web.creator.site import PER_LINK
from web.main import make_app
from web.simulation import Simulation

OTHER = "7300000000000000002"


@pytest.fixture
def story(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Brand]:
    """Two creators, each asked for a post of their own."""
    with brand(engine=engine, clock=clock, vault=vault) as story:
        story.asks()
        story.desk.hears(
            "authorization.requested",
            post={"item_id": OTHER},
            route="code",
            days=30,
            creator={"handle": "ben", "locale": "fr"},
        )
        story.desk.settles()
        yield story


def token_of(story: Brand, handle: str = HANDLE) -> str:
    return link_to(story.desk.engine, story.desk.vault, handle, now=story.clock.now())


def bad_tokens(story: Brand) -> dict[str, str]:
    """Each way in which a token can be none."""
    good, over, back = token_of(story), token_of(story, "ben"), token_of(story)
    link, end, mac = good.split(".")
    with hot(story.desk.engine) as connection:
        now = story.clock.now()
        connection.execute("UPDATE links SET revoked_at = %s WHERE id = %s", [now, back.split(".")[0]])
        end_of_over = now - timedelta(days=1)
        connection.execute("UPDATE links SET expires_at = %s WHERE id = %s", [end_of_over, over.split(".")[0]])
    expired = links.token_of(story.desk.vault, link_id=int(over.split(".")[0]), expires_at=end_of_over)
    another_key = links.token_of(Vault(bytes(32)), link_id=int(link), expires_at=now + timedelta(days=30))
    return {
        "expired": expired,
        "revoked": back,
        "of another key": another_key,
        "of another link": f"{int(link) + 1}.{end}.{mac}",
        "with a later end": f"{link}.{int(end) + 1}.{mac}",
        "with another mac": f"{link}.{end}.{'0' * 32}",
        "cut": good[:-1],
        "padded": f"0{good}",
        "in capitals": good.upper(),
        "nothing": "",
        "a word": "x",
        "strange": "%F0%9F%A6%8A.%00.%E2%80%AE",
        "markup": "%22%3E%3Cscript%3E",
        "up": "..%2F..%2Fetc%2Fpasswd",
    }


def test_no_bad_link_tells_anything_or_takes_anything(story: Brand) -> None:
    seen, told = set(), set()
    for token in bad_tokens(story).values():
        page = Visitor(story.desk.http, token)
        story.clock.advance(timedelta(minutes=1))
        page.opens()
        assert page.page.status_code == 404
        assert HANDLE not in page.page.text
        assert "ben" not in page.text
        assert "<script" not in page.page.text
        seen.add(page.text)
        for path in ("/code", "/extended", "/decline", "/later"):
            story.clock.advance(timedelta(minutes=1))
            answer = page.posts(path, {"nonce": "0" * 16, "post": "1", "reason": "other", "until": "2026-12-01"})
            assert answer.status_code == 404
        story.clock.advance(timedelta(minutes=1))
        if "%2F" not in token:
            told.add(text_of(page.posts("/fresh", {})))

    assert len(seen) == 1
    assert len(told) == 1
    assert [each[:2] for each in letters(story)] == [("link.wanted", "creator/ben")]


def test_a_fresh_link_is_wanted_at_most_once_a_day(story: Brand) -> None:
    page = Visitor(story.desk.http, bad_tokens(story)["expired"])

    for _ in range(3):
        assert page.posts("/fresh", {}).status_code == 200
    story.clock.advance(timedelta(days=1))
    page.posts("/fresh", {})

    assert [each[0] for each in letters(story)] == ["link.wanted"] * 2


def test_a_wish_to_be_left_alone_outlives_the_link(story: Brand) -> None:
    tokens = bad_tokens(story)
    answers = [Visitor(story.desk.http, tokens[name]).posts("/stop", {}) for name in ("expired", "cut")]

    # Nobody is told that it is done where nothing was.
    assert [each.status_code for each in answers] == [200, 404]
    assert [each[:2] for each in letters(story)] == [("creator.opted_out", "creator/ben")]


def test_another_creators_post_is_out_of_reach(story: Brand) -> None:
    page = Visitor(story.desk.http, token_of(story))
    page.opens()
    with hot(story.desk.engine) as connection:
        ((theirs,),) = connection.execute("SELECT id FROM authorizations WHERE item_id = %s", [OTHER]).fetchall()

    assert OTHER not in page.page.text
    answer = page.sends("code", post=str(theirs), code="#" + "Ab1" * 21 + "=")
    assert (answer.status_code, "no longer on your page" in text_of(answer)) == (422, True)
    page.opens(f"?post={theirs}")
    assert OTHER not in page.page.text
    assert letters(story) == []


def test_another_creators_answer_is_out_of_sight(story: Brand) -> None:
    ana, ben = (Visitor(story.desk.http, token_of(story, handle)) for handle in (HANDLE, "ben"))
    ana.opens()
    sent = ana.sends("decline", reason="other").headers["location"].partition("?")[2].partition("&")[0]

    ben.opens(f"?{sent}")

    assert "Vous avez dit non" not in ben.text


def test_all_links_of_a_creator_can_be_taken_back(story: Brand) -> None:
    page, other = (Visitor(story.desk.http, token_of(story, handle)) for handle in (HANDLE, "ben"))
    with hot(story.desk.engine) as connection:
        ((ana,),) = connection.execute("SELECT id FROM creators WHERE handle = %s", [HANDLE]).fetchall()
        assert links.revoke(connection, creator_id=ana, now=story.clock.now()) == 1

    assert page.opens().status_code == 404
    assert other.opens().status_code == 200


def test_nothing_of_a_link_is_kept_or_logged(story: Brand) -> None:
    lines = StringIO()
    logs.configure(log_format="json", level="debug", stream=lines)
    page = Visitor(story.desk.http, token_of(story))
    code = story.mints().value

    page.opens()
    page.sends("code", code=code)
    page.sends("decline", reason="x")
    page.posts("/stop", {})
    Visitor(story.desk.http, page.token[:-1]).opens()
    story.desk.settles()

    mac = page.token.rpartition(".")[2]
    with hot(story.desk.engine) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        stored = [str(connection.execute(f'SELECT * FROM "{name}"'.encode()).fetchall()) for (name,) in tables]
    # The test's own client says what it asks for; the service does not.
    said = [line for line in lines.getvalue().splitlines() if "HTTP Request" not in line]
    assert mac not in "".join(said + stored)
    assert code not in "".join(said + stored)
    assert "creator_answered" in {json.loads(line)["event"] for line in said}


def test_every_answer_carries_what_keeps_the_link_here(story: Brand) -> None:
    page = Visitor(story.desk.http, token_of(story))

    for answer in (page.opens(), page.opens("/stop"), page.posts("/stop", {}), page.posts("/code", {})):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert "set-cookie" not in answer.headers
        assert "<script" not in answer.text
        assert "strict-transport-security" not in answer.headers


def test_over_https_a_browser_is_told_to_keep_to_it(engine: Engine, clock: HandClock, vault: Vault) -> None:
    nudges, over_https = make_nudges(make_broker("")), load(public_url="https://sparks.test")
    app = make_app(settings=over_https, engine=engine, vault=vault, clock=clock, nudges=nudges)
    with TestClient(app, base_url="https://sparks.test") as http:
        answer = http.get("/c/none")

    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "https://evil.test"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "https://evil.test"}, False),
        ({"origin": "https://[evil"}, False),
        ({"origin": "null"}, True),
        ({"origin": "https://sparks.test"}, True),
        ({"origin": "http://127.0.0.1:8080", "host": "127.0.0.1:8080"}, True),
    ],
)
def test_only_forms_of_our_own_are_taken(headers: dict[str, str], is_taken: bool) -> None:  # noqa: FBT001
    assert is_ours(headers, "sparks.test") is is_taken


def test_a_form_from_elsewhere_is_refused(story: Brand) -> None:
    page = Visitor(story.desk.http, token_of(story))
    page.opens()

    assert page.sends("decline", reason="other", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert letters(story) == []


def test_who_asks_too_often_waits(story: Brand) -> None:
    page = Visitor(story.desk.http, token_of(story))

    codes = [page.opens().status_code for _ in range(int(PER_LINK.burst) + 1)]

    assert set(codes[:-1]) == {200}
    assert codes[-1] == 429
    assert "There were many requests. Try again in 2 seconds." in page.text
    assert page.page.headers["retry-after"] == "2"
    story.clock.advance(timedelta(seconds=2))
    assert page.opens().status_code == 200


def test_who_tries_links_waits_sooner(story: Brand) -> None:
    codes = [Visitor(story.desk.http, f"{number}.1.{'0' * 32}").opens().status_code for number in range(16)]

    assert codes[:15] == [404] * 15
    assert codes[15] == 429


FIELDS = st.dictionaries(
    st.sampled_from(("nonce", "post", "code", "reason", "more", "until", "odd")),
    st.text(max_size=200)
    | st.sampled_from(("0" * 16, "1", "2", "other", "2026-12-01", "\x00", "#" + "Ab1" * 21 + "=")),
)
# A field twice, half a surrogate, days beyond the calendar, wrong encodings, more than may be sent.
VALID = b"nonce=0000000000000000&post=1&"
ODD_FORMS = (
    VALID + b"post=2&nonce=&code=a&code=b",
    VALID + b"code=%ED%A0%80%00%FF&reason=other&more=%ED%B0%80",
    VALID + b"until=99999-12-31&reason=other",
    VALID + b"until=-0001-01-01",
    VALID + b"until=9999-12-31&more=%00",
    (VALID + b"code=").decode().encode("utf-16"),
    VALID + b"code=" + b"x" * 1_000_000,
    b"&" * 1000 + VALID,
)
KINDS = (
    *("application/x-www-form-urlencoded", "multipart/form-data; boundary=", "multipart/form-data; boundary=x"),
    *("application/json", "text/plain; charset=utf-16", "application/x-www-form-urlencoded; charset=nonsense", "x"),
)
PATHS = st.sampled_from(("", "/code", "/extended", "/decline", "/later", "/stop", "/fresh", "/code/..", "/%00", "//"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=PATHS,
    fields=FIELDS,
    raw=st.none() | st.binary(max_size=300) | st.sampled_from(ODD_FORMS),
    kind=st.sampled_from(KINDS),
    query=st.text(st.characters(codec="ascii"), max_size=60),
    method=st.sampled_from(("GET", "HEAD", "POST", "PUT", "DELETE")),
)
def test_input_of_any_kind_meets_an_answer(
    story: Brand, path: str, fields: dict[str, str], raw: bytes | None, kind: str, query: str, method: str
) -> None:
    story.clock.advance(timedelta(minutes=2))
    token = token_of(story)

    answer = story.desk.http.request(
        method,
        f"/c/{token}{path}",
        params={"a": query, "post": query, "lang": query},
        **({"content": raw, "headers": {"content-type": kind}} if raw is not None else {"data": fields}),
        follow_redirects=False,
    )

    assert answer.status_code < 500, (path, fields, raw)


def test_too_much_at_once_is_refused_before_it_is_read(story: Brand) -> None:
    page = Visitor(story.desk.http, token_of(story))
    page.opens()

    assert page.sends("code", code="x" * 250_000).status_code == 413
    assert page.sends("code", code="x" * 30_000).status_code == 422
    assert letters(story) == []


def test_a_link_is_a_value_of_its_own(story: Brand) -> None:
    vault, now = story.desk.vault, story.clock.now()
    token = token_of(story)
    with hot(story.desk.engine) as connection:
        later = links.creator_of(connection, vault, token, now=now + timedelta(days=30))
        assert later == Expired(link_id=1, handle=HANDLE)
        assert links.creator_of(connection, vault, KEY, now=now) == Unknown()


def test_while_the_database_is_away_the_page_says_so_and_shows_no_address(clock: HandClock, vault: Vault) -> None:
    away = make_engine("postgresql://nobody@127.0.0.1:1/nothing")
    nudges, token = make_nudges(make_broker("")), links.token_of(vault, link_id=1, expires_at=clock.now())
    simulation = Simulation(day_seconds=10)
    app = make_app(settings=load(), engine=away, vault=vault, clock=clock, nudges=nudges, simulation=simulation)

    with TestClient(app) as http, capture_logs() as lines:
        page = Visitor(http, token)
        page.opens()

    assert (page.page.status_code, page.page.headers["retry-after"]) == (503, "5")
    assert "Please try again in a moment." in page.text
    assert "Simulation: nothing here is real." in page.text
    assert token not in str(lines)
