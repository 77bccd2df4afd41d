"""Today: sums that the worker makes, what lapses by money, and what waits for a person with its remedy beside it."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.patience import SENTENCES, Patience
from domain.people import Role
from infra import advertisers, ledger
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.reports import summaries
from infra.reports.today import LAPSING
from infra.settings import load
from infra.vault import Vault
from tests.operator import Operator
from tests.portfolio import Post, holds, owes_message
from tests.sweeping import World
from web.main import make_app
from web.room.today import on_these_data
from web.wording import share
from worker.actors import summarizing

DAY = timedelta(days=1)
OTHER = "7200000000000000002"
# Two of a currency and one of another lapse within a week; of two more one is covered, and one is far away.
POSTS = (
    Post(number=1, creator="ana.small", ends=2, flight=4, spend="100"),
    Post(number=2, creator="bo.large", ends=6, flight=26, spend="50"),
    Post(number=3, creator="cy.dollar", ends=5, flight=15, spend="30", currency="USD", advertiser=OTHER),
    Post(number=4, creator="di.covered", ends=3, flight=1, spend="70"),
    Post(number=5, creator="ed.later", ends=40, flight=50, spend="10"),
)


@pytest.fixture
def http(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[TestClient]:
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with TestClient(app, base_url="http://127.0.0.1:8080") as http:
        yield http


@pytest.fixture
def ada(http: TestClient, engine: Engine, clock: HandClock) -> Operator:
    return Operator(http, engine, clock, Role.OPERATOR)


@pytest.fixture
def sum_up(engine: Engine, clock: HandClock) -> Callable[[], None]:
    """What the worker does when it is nudged."""
    return summarizing(engine, clock, make_nudges(make_broker("")))


def execute(engine: Engine, query: str, *values: Any) -> None:
    with hot(engine) as connection:
        connection.execute(query.encode(), values)


def test_sums_keep_currencies_apart_and_say_what_is_covered(
    engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    holds(engine, POSTS, now=clock.now())

    sum_up()

    with hot(engine) as connection:
        sums = summaries.portfolio(connection, now=clock.now() + DAY)
    euro, dollar = sums.money
    assert (euro.currency, euro.at_risk_soon, euro.at_risk) == ("EUR", Decimal(1200), Decimal(1300))
    assert (dollar.currency, dollar.at_risk_soon, dollar.at_risk) == ("USD", Decimal(300), Decimal(300))
    assert (euro.spend_a_day, euro.covered_a_day) == (Decimal(230), Decimal(70))
    assert euro.coverage == pytest.approx(70 / 230)
    assert dollar.coverage == 0
    assert (sums.at, sums.states) == (clock.now(), {"active": 5})
    assert (sums.ending_soon, sums.lapsing_soon) == (4, 3)
    assert sums.largest == (2, 3, 1)


def test_the_days_ahead_are_summed_up_for_the_calendar(
    engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    holds(engine, [*POSTS, Post(number=6, creator=None, ends=2, flight=3, spend="5", currency="USD")], now=clock.now())

    sum_up()
    at = clock.now()
    clock.advance(DAY)

    with hot(engine) as connection:
        ahead = summaries.ahead(connection, now=clock.now())
    days = ahead.days
    assert [day.day for day in (days[0], days[-1])] == [at.date(), at.date() + 90 * DAY]
    assert [(day.number, day.ends, day.needed) for day in days if day.ends] == [
        (2, 2, 2),
        (3, 1, 0),
        (5, 1, 1),
        (6, 1, 1),
        (40, 1, 1),
    ]
    assert days[2].at_risk == {"EUR": Decimal(200), "USD": Decimal(5)}
    assert days[2].stops == {"EUR": Decimal(100), "USD": Decimal(5)}
    assert days[3].at_risk == {}
    assert [(each.days, each.ends, each.needed) for each in ahead.stretches] == [(7, 5, 4), (30, 5, 4), (90, 6, 5)]
    assert ahead.stretches[0].at_risk == {"EUR": Decimal(1200), "USD": Decimal(305)}


def test_what_an_earlier_version_summed_up_is_not_read_as_the_calendar(
    ada: Operator, engine: Engine, clock: HandClock
) -> None:
    holds(engine, POSTS[:1], now=clock.now())
    days = [{"number": 1, "ends": 9, "needed": 0, "asks": 0, "at_risk": {}, "stops": {}}]
    query = "INSERT INTO summaries (name, at, body) VALUES ('ahead', %s, %s)"
    execute(engine, query, clock.now(), Jsonb({"days": days}))

    assert ada.opens("/calendar").status_code == 200
    assert "1 end , 1 of them needed longer" in ada.text


def test_the_sweep_nudges_the_worker_to_sum_up(engine: Engine, clock: HandClock) -> None:
    world = World(engine, clock)

    world.sweeps("summarize")

    assert world.nudges.summers == 1


def test_sums_are_made_on_the_spot_before_the_worker_made_any_and_say_how_old_they_are(
    ada: Operator, engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    holds(engine, POSTS, now=clock.now())
    ada.opens("/")
    assert "1,200 EUR" in ada.text
    assert "counted just now" in ada.text

    sum_up()
    holds(engine, [Post(number=7, ends=1, flight=9, spend="1000")], now=clock.now())
    clock.advance(timedelta(minutes=3))
    ada.opens("/")

    assert "1,200 EUR" in ada.text
    assert "counted 3 min ago" in ada.text


def test_of_two_sums_the_later_one_stays(engine: Engine, clock: HandClock, sum_up: Callable[[], None]) -> None:
    sum_up()
    earlier = clock.now() - timedelta(minutes=1)
    holds(engine, POSTS, now=earlier)

    summaries.write(engine, now=earlier, remedy_of=lambda _reason: None)

    with hot(engine) as connection:
        assert summaries.portfolio(connection, now=earlier).states == {}


def test_what_lapses_is_ordered_by_money_and_one_that_is_renewed_is_gone_at_once(
    ada: Operator, engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    holds(engine, POSTS, now=clock.now())
    sum_up()
    ada.opens("/")
    assert order(ada, "bo.large", "cy.dollar", "ana.small", "di.covered")
    assert "Ends within 7 days, the most money first" in ada.text
    assert "ed.later" not in lapses(ada)

    execute(engine, "UPDATE authorizations SET expires_at = expires_at + interval '60 days' WHERE id = 2")
    ada.opens("/")

    assert "bo.large" not in lapses(ada)
    assert order(ada, "cy.dollar", "ana.small")


def test_an_ask_is_offered_where_it_would_be_made_and_else_the_reason_is_told(
    ada: Operator, engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    holds(engine, POSTS, now=clock.now())
    next_week = clock.now() + 5 * DAY
    execute(engine, "UPDATE authorizations SET next_action = 'ask', next_action_at = %s WHERE id = 2", next_week)
    execute(engine, "UPDATE authorizations SET next_action = 'expire', why = 'renewal_declined' WHERE id = 3")
    sum_up()

    ada.opens("/")

    offers = re.findall(r'href="(/acts/preview[^"]+)"', lapses(ada))
    assert [html.unescape(each) for each in offers] == [f"/acts/preview?act=ask&key={POSTS[1].key}"]
    assert "It concerns this one" in (ada.opens(html.unescape(offers[0])), ada.text)[1]


def test_an_ask_that_is_late_was_due(
    ada: Operator, engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    holds(engine, POSTS, now=clock.now())
    late = clock.now() - timedelta(hours=19)
    execute(engine, "UPDATE authorizations SET next_action = 'ask', next_action_at = %s WHERE id = 2", late)
    sum_up()

    ada.opens("/")

    assert "ask was due 19 h 0 min ago" in ada.text
    assert "Asked next @bo.large was due 19 h 0 min ago" in ada.text


@pytest.mark.parametrize(
    ("covered", "told"),
    [(0, "0 %"), (0.0094, "under 1 %"), (0.29, "29 %"), (0.999, "over 99 %"), (0.996, "over 99 %"), (1, "100 %")],
)
def test_a_share_that_is_not_none_is_not_told_as_none(covered: float, told: str) -> None:
    assert share(covered) == told


def test_a_message_that_waits_is_told_and_not_that_nothing_is_planned(
    ada: Operator, engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    now = clock.now()
    holds(engine, POSTS, now=now)
    reason = SENTENCES[Patience.QUIET_HOURS]
    owes_message(engine, POSTS[0], now=now, due_at=now + timedelta(hours=8), reason=reason)
    sum_up()

    ada.opens("/")

    row = lapses(ada).partition("ana.small")[2].partition("</tr>")[0]
    told = " ".join(re.sub(r"<[^>]+>", " ", row).split())
    assert f"A message waits its turn comes in 8 h 0 min : {reason}" in told
    assert "no further request is planned" not in told
    assert "not yet" in told


def test_the_largest_is_listed_however_many_end_before_it(
    ada: Operator, engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    many = [Post(number=number, creator=None, ends=1, flight=2, spend="1") for number in range(1, 260)]
    last = Post(number=1000, creator="the.large", ends=6.9, flight=30, spend="900")
    holds(engine, [*many, last], now=clock.now())
    sum_up()

    ada.opens("/")

    assert lapses(ada).index("the.large") < lapses(ada).index("7300000000000000001")
    assert "260" in ada.text


def test_nothing_to_do_is_said_and_who_is_asked_next(ada: Operator, engine: Engine, clock: HandClock) -> None:
    holds(engine, [Post(number=1, creator="ed.later", ends=40, flight=50)], now=clock.now())

    ada.opens("/")

    assert "Nothing waits for you. Everspark asks @ed.later next, in" in " ".join(ada.text.split())
    assert "Nothing ends within a week." in ada.text


def test_an_empty_house_is_told_how_to_begin(ada: Operator) -> None:
    ada.opens("/")

    assert "everspark producer add" in ada.text
    assert f"everspark send --example --producer crm{on_these_data(load())} Codes" in ada.text
    assert "For you" not in ada.text


def test_beside_a_database_of_its_own_the_first_commands_name_its_folder(tmp_path: Path) -> None:
    beside = on_these_data(load(data_dir=tmp_path / "of ours", database_url=""))

    assert shlex.split(f"everspark send --example{beside}")[2:] == ["--example", "--data", str(tmp_path / "of ours")]
    assert on_these_data(load(database_url="postgresql://somewhere/everspark")) == ""


EVENT = """
WITH stored AS (
    INSERT INTO inbox (sender, event_id, type, key, mailbox, occurred_at, received_at, data)
    VALUES ('producer:crm', %s, 'code.granted', '1/2', 3, now(), now(), '{}') RETURNING seq, key, mailbox
) INSERT INTO pending (seq, key, mailbox, status) SELECT seq, key, mailbox, %s FROM stored
"""
DEBT = """
INSERT INTO outbox (kind, key, idempotency_key, payload, status, due_at, created_at, settled_at, last_error)
VALUES (%s, '1/2', %s, '{}', %s, %s, %s, %s, 'why')
"""
ENDPOINT = "INSERT INTO endpoints (name, url, secret, created_at, disabled_at) VALUES ('bi', 'https://x', '', %s, %s)"


def test_all_that_waits_for_a_person_is_there_with_what_to_do(
    ada: Operator, engine: Engine, clock: HandClock, vault: Vault, sum_up: Callable[[], None]
) -> None:
    holds(engine, [Post(number=1, ends=2, flight=9)], now=clock.now())
    now = clock.now()
    execute(engine, EVENT, "a", "quarantined")
    execute(engine, EVENT, "b", "parked")
    execute(engine, DEBT, "ask.mail", "c", "failed", now, now, now)
    execute(engine, DEBT, "ask.mail", "d", "uncertain", now, now, now)
    execute(engine, DEBT, "code.check", "e", "failed", now, now, now)
    execute(engine, DEBT, "ask.mail", "old", "failed", now, now, now - 8 * DAY)
    execute(engine, ENDPOINT, now, now)
    execute(
        engine,
        "INSERT INTO outbox (kind, key, idempotency_key, payload, due_at, created_at, last_error)"
        " VALUES ('ask.mail', '1/2', 'f', '{}', %s, %s, 'no mail server is configured: set EVERSPARK_SMTP_URL')",
        now,
        now,
    )
    execute(
        engine,
        "INSERT INTO escalations (authorization_id, period_ends_at, step, opened_at)"
        " SELECT id, expires_at, 'owner', %s FROM authorizations",
        now,
    )
    with hot(engine) as connection:
        advertisers.connect(connection, vault, advertiser_id="72", token="t", now=now, name="Maison Alba")
        advertisers.note_trouble(connection, "72", "the token was revoked: connect the advertiser again")
        sweep = ledger.begin(connection, job="expire", slot=now - DAY, fence=1, now=now - DAY)
        assert sweep
        ledger.end(connection, sweep, found=0, error=None, now=now - DAY)
    sum_up()

    ada.opens("/")

    for told in (
        "1 event raised an error",
        "1 event contradicts what is known",
        "1 message did not arrive",
        "1 message may not have arrived",
        "1 call to TikTok failed",
        "bi is disabled",
        "everspark endpoint enable bi",
        "1 × message that asks the creator to extend: no mail server is configured",
        "Set EVERSPARK_SMTP_URL",
        "TikTok does not show all of Maison Alba",
        "Sweeps are late",
        "the end is near and the creator could not be asked yet",
        "@maya.moves",
        "700 EUR at risk",
    ):
        assert told in " ".join(ada.text.split()), told
    assert 'href="/authorizations/1"' in ada.page.text
    assert "Nothing waits for you" not in ada.text


def test_a_job_that_is_late_while_others_run_is_named(
    ada: Operator, engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    holds(engine, POSTS, now=clock.now())
    world = World(engine, clock)
    for job in ("climb", "climb", *("expire",) * 8):
        world.sweeps(job)
        clock.advance(timedelta(minutes=10))
    sum_up()

    assert "The sweep climb is late" in (ada.opens("/"), ada.text)[1]


def test_a_check_of_the_vows_that_crashed_says_nothing_of_them(
    ada: Operator, engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    holds(engine, POSTS, now=clock.now())
    sum_up()
    with hot(engine) as connection:
        sweep = ledger.begin(connection, job="vows", slot=clock.now(), fence=1, now=clock.now())
        assert sweep
        ledger.fail(connection, sweep, error="RuntimeError: away")

    assert "The sweep vows failed" in (ada.opens("/"), ada.text)[1]
    assert "always true" not in ada.text
    assert "broken vows" not in (ada.opens("/sweeps"), ada.text)[1]


def test_the_page_is_as_long_over_many_of_whom_nobody_knows_the_creator(
    ada: Operator, engine: Engine, clock: HandClock, sum_up: Callable[[], None]
) -> None:
    many = [Post(number=number, creator=None, ends=1 + number % 60, flight=70) for number in range(10, 510)]
    holds(engine, many, now=clock.now())
    sum_up()

    page = ada.opens("/")

    assert page.status_code == 200
    assert lapses(ada).count("<tr>") == 1 + LAPSING
    assert "Everspark asks 7300000000000000" in page.text
    assert len(page.text) < 40_000


def lapses(ada: Operator) -> str:
    """The list of what lapses, as it is written."""
    _, _, rest = ada.page.text.partition('id="lapses"')
    return rest.partition("</section>")[0]


def order(ada: Operator, *names: str) -> bool:
    """Whether they stand in this order in it."""
    places = [lapses(ada).index(f"@{name}") for name in names]
    return places == sorted(places)
