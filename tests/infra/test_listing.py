"""Each filter finds what it says, in every order, page by page; and each walks an index, however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.authorization import RUNNING_STATES, State
from domain.filters import Filter, Sort, read
from infra.database import hot
from infra.reports import listing, matching, searching
from infra.reports.listing import Row
from infra.reports.places import PlaceError
from infra.sightings import CONFIRMED_AT
from tests.emptying import empty

NOW = datetime.fromisoformat("2026-11-22T10:00:00+00:00")
DAY = timedelta(days=1)
# What each part of a filter may hold, as its address has it, and how a row is known that it matches.
FILTERS: dict[str, Mapping[str, str]] = {
    "nothing": {},
    "requested": {"state": "requested"},
    "active": {"state": "active"},
    "expired": {"state": "expired"},
    "account": {"route": "account"},
    "code": {"route": "code"},
    "removed": {"condition": "removed"},
    "public": {"condition": "public"},
    "advertiser": {"advertiser": "7200000000000000003"},
    "creator": {"creator": "creator_17"},
    "account of a creator": {"creator": "holder_40"},
    "campaign": {"campaign": "Spring 7"},
    "ending": {"left_to": "7"},
    "later": {"left_from": "20"},
    "between": {"left_from": "3", "left_to": "4"},
    "over": {"left_to": "-20"},
    "around now": {"left_from": "-2", "left_to": "2"},
    "on a date": {"ends_from": "2026-11-25", "ends_to": "2026-11-25"},
    "on a date, in force": {"state": "active", "ends_from": "2026-11-25", "ends_to": "2026-11-25"},
    "until a date": {"ends_to": "2026-10-03"},
    "from a date on": {"ends_from": "2026-11-21"},
    "on a date, within days": {"ends_from": "2026-11-24", "ends_to": "2026-11-24", "left_to": "2"},
    "money": {"risk_from": "900"},
    "currency": {"currency": "SEK"},
    "unconfirmed": {"unconfirmed": "3"},
    "handle": {"search": "@Creator_17"},
    "post": {"search": "7300000000000000123"},
    "link": {"search": "https://www.tiktok.com/@creator_1/video/7300000000000000123?is_from=app"},
    "reference": {"search": "Spring 1"},
    "reference in small letters": {"search": "spring 1"},
    "many handles": {"search": "creator_1"},
    "many references": {"search": "Spring", "state": "expired"},
    "code's end": {"search": "k12="},
    "code's end in large letters": {"search": "…K12"},
    "nobody": {"search": "100%"},
}
GENERATE = """
INSERT INTO creators (handle, updated_at) SELECT 'creator_' || n, %(now)s FROM generate_series(1, %(count)s / 50) AS n;
"""
AUTHORIZATIONS = """
INSERT INTO authorizations (key, advertiser_id, item_id, account_handle, route, state, state_reason, state_since, condition,
    reference, creator_id, starts_at, expires_at, revoked_at, why, at_risk, spend_a_day, currency, created_at, updated_at)
SELECT advertiser || '/' || coalesce(item, '@' || account), advertiser, item, account, route, state, 'granted',
    %(now)s - n %% 977 * interval '1 hour',
    CASE WHEN n %% 101 = 0 THEN 'removed' ELSE 'public' END, CASE WHEN n %% 3 = 0 THEN 'Spring ' || n %% 400 END,
    CASE WHEN account IS NULL THEN (SELECT min(id) FROM creators) + n %% (%(count)s / 50) END,
    CASE WHEN state <> 'requested' THEN %(now)s - interval '60 days' END,
    CASE WHEN state IN ('authorized', 'active') AND route = 'code' THEN %(now)s + n %% 700 * interval '2 hours'
        WHEN state IN ('expired', 'revoked') THEN %(now)s - n %% 600 * interval '3 hours' END,
    CASE WHEN state = 'revoked' THEN %(now)s END, 'covered',
    CASE WHEN state = 'active' THEN n %% 1000 END, CASE WHEN state = 'active' THEN 10 END,
    CASE WHEN state = 'active' THEN CASE WHEN n %% 211 = 0 THEN 'SEK' ELSE 'EUR' END END, %(now)s, %(now)s
FROM (
    SELECT n, '720000000000000000' || n %% 7 AS advertiser,
        CASE WHEN n %% 40 > 0 THEN (7300000000000000000 + n)::text END AS item,
        CASE WHEN n %% 40 = 0 THEN 'holder_' || n END AS account,
        CASE WHEN n %% 40 = 0 THEN 'account' ELSE 'code' END AS route,
        (ARRAY['requested', 'authorized', 'active', 'active', 'active', 'active', 'expired', 'expired', 'expired',
            'revoked'])[1 + n * 7 %% 10] AS state
    FROM generate_series(1, %(count)s) AS n
) AS made
"""
SIGHTINGS = """
INSERT INTO sightings (key, advertiser_id, facts, seen_at, missing_since, confirmed_at)
SELECT key, advertiser_id, '{}', %(now)s - id %% 5 * interval '1 day', CASE WHEN id %% 11 = 0 THEN %(now)s END,
    CASE WHEN id %% 17 = 0 THEN %(now)s - id %% 7 * interval '1 day' END
FROM authorizations WHERE id %% 13 > 0
"""
# All that is shown but for one in a hundred, whose mark came to nothing.
SIGHTED = "UPDATE authorizations SET is_sighted = true WHERE key IN (SELECT key FROM sightings) AND id %% 100 > 0"
CODES = """
INSERT INTO codes (fingerprint, key, sealed, last, submitted_at)
SELECT key, key, '', 'k' || id %% 1000, %(now)s FROM authorizations WHERE route = 'code'
"""
# One of them was not looked at for ten days.
ADVERTISERS = """
INSERT INTO advertisers (advertiser_id, connected_at, looked_at, next_look_at, next_kpis_at)
SELECT '720000000000000000' || n, %(now)s, %(now)s - CASE WHEN n = 3 THEN 240 ELSE 1 END * interval '1 hour', %(now)s, %(now)s
FROM generate_series(0, 6) AS n
"""
TABLES = ("creators", "authorizations", "sightings", "codes", "advertisers")


def fill(engine: Engine, count: int) -> None:
    values = {"now": NOW, "count": count}
    with hot(engine) as connection:
        empty(connection)
        for statement in (GENERATE, AUTHORIZATIONS, SIGHTINGS, SIGHTED, CODES, ADVERTISERS):
            connection.execute(statement, values)
        for table in TABLES:
            connection.execute(f"ANALYZE {table}")


@pytest.fixture(scope="module")
def many(_session_engine: Engine) -> Iterator[Engine]:
    """Enough for the planner to prefer an index where there is one. Read only."""
    fill(_session_engine, 50_000)
    yield _session_engine
    with hot(_session_engine) as connection:
        empty(connection)


def plan_of(connection: Any, query: str, values: Mapping[str, Any]) -> str:
    rows = connection.execute(f"EXPLAIN {query}", values, prepare=False).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize(("name", "sort"), list(product(FILTERS, Sort)))
def test_every_filter_in_every_order_walks_an_index(name: str, sort: Sort, many: Engine) -> None:
    wanted = read(FILTERS[name].items())
    with hot(many) as connection:
        matches = listing.find(connection, wanted, now=NOW)
        for _, stretch in listing.stretches_of(wanted, sort):
            query, values = listing.query_of(wanted, stretch, matches=matches, now=NOW, is_after=False)
            plan = plan_of(connection, query, values | {"limit": 51})
            assert "Seq Scan on authorizations" not in plan, plan
            assert "Seq Scan on codes" not in plan, plan
            assert "Seq Scan on sightings" not in plan, plan


@pytest.mark.parametrize("text", ["spring 1", "Spring", "@Creator_17"])
def test_a_search_walks_an_index_for_each_of_its_parts(text: str, many: Engine) -> None:
    with hot(many) as connection:
        plan = plan_of(connection, f"SELECT id FROM ({searching.EACH}) AS found LIMIT 1201", searching.values(text))

    assert "Seq Scan on authorizations" not in plan, plan
    assert "authorizations_reference" in plan, plan


@pytest.mark.parametrize(("name", "sort"), list(product(FILTERS, Sort)))
def test_pages_forward_and_back_show_each_match_once_in_order(name: str, sort: Sort, many: Engine) -> None:
    wanted = read([*FILTERS[name].items(), ("advertiser", "7200000000000000003")])
    limit = 700
    with hot(many) as connection:
        pages = [listing.page(connection, wanted, sort, limit=limit, now=NOW)]
        while place := pages[-1].next_after:
            pages.append(listing.page(connection, wanted, sort, after=place, limit=limit, now=NOW))
        back = [pages[-1]]
        while place := back[-1].next_before:
            back.append(listing.page(connection, wanted, sort, before=place, limit=limit, now=NOW))
        everything = [row["id"] for row in listing.everything(many, wanted, now=NOW)]
        counted = listing.find(connection, wanted, now=NOW, at_most=50_000).count

    rows = [row for page in pages for row in page.rows]
    assert sorted((row["id"] for row in rows), reverse=True) == everything
    assert counted == len(everything)
    assert [page.rows for page in back[::-1]] == [page.rows for page in pages]
    assert [key_of(row, sort) for row in rows] == sorted(key_of(row, sort) for row in rows)


def key_of(row: Row, sort: Sort) -> tuple[Any, ...]:
    """What a row is sorted by, said plainly."""
    runs, newest = row["state"] in RUNNING_STATES, -row["id"]
    match sort:
        case Sort.NEWEST:
            return (newest,)
        case Sort.CHANGED:
            return (-row["state_since"].timestamp(), newest)
        case Sort.MONEY:
            return (not (runs and row["at_risk"]), -(row["at_risk"] or 0) if runs else 0, newest)
        case Sort.END if row["expires_at"] is None or row["state"] == State.REQUESTED:
            return (2, 0, newest)
        case Sort.END:
            at = row["expires_at"].timestamp()
            return (0, at, row["id"]) if runs else (1, -at, newest)


PLAINLY = {
    "requested": "state = 'requested'",
    "active": "state = 'active'",
    "account": "route = 'account'",
    "removed": "condition = 'removed'",
    "advertiser": "advertiser_id = '7200000000000000003'",
    "creator": "creator_id = (SELECT id FROM creators WHERE handle = 'creator_17')",
    "account of a creator": "account_handle = 'holder_40'",
    "campaign": "reference = 'Spring 7'",
    "ending": "state IN ('authorized', 'active') AND expires_at <= timestamptz %(now)s + interval '7 days'",
    "later": "state IN ('authorized', 'active') AND expires_at >= timestamptz %(now)s + interval '20 days'",
    "over": "state = 'expired' AND expires_at <= timestamptz %(now)s - interval '20 days'",
    "around now": "state IN ('authorized', 'active', 'expired') AND expires_at >= timestamptz %(now)s - interval '2 days' "
    "AND expires_at <= timestamptz %(now)s + interval '2 days'",
    "on a date": "state IN ('authorized', 'active', 'expired') AND (expires_at AT TIME ZONE 'UTC')::date = '2026-11-25'",
    "on a date, in force": "state = 'active' AND (expires_at AT TIME ZONE 'UTC')::date = '2026-11-25'",
    "until a date": "state IN ('authorized', 'active', 'expired') AND expires_at < '2026-10-04T00:00:00+00:00'",
    "from a date on": "state IN ('authorized', 'active', 'expired') AND expires_at >= '2026-11-21T00:00:00+00:00'",
    "on a date, within days": "state IN ('authorized', 'active') AND expires_at BETWEEN '2026-11-24T00:00:00+00:00' "
    "AND '2026-11-24T10:00:00+00:00'",
    "money": "at_risk >= 900",
    "currency": "currency = 'SEK'",
    "unconfirmed": f"state IN ('authorized', 'active') AND ({CONFIRMED_AT} IS NULL "
    f"OR {CONFIRMED_AT} < timestamptz %(now)s - interval '3 days')",
    "handle": "creator_id IN (SELECT id FROM creators WHERE starts_with(handle, 'creator_17'))",
    "post": "item_id = '7300000000000000123'",
    "link": "item_id = '7300000000000000123'",
    "reference": "starts_with(reference, 'Spring 1')",
    "reference in small letters": "starts_with(reference, 'Spring 1')",
    "many handles": "creator_id IN (SELECT id FROM creators WHERE starts_with(handle, 'creator_1'))",
    "many references": "starts_with(reference, 'Spring') AND state = 'expired'",
    "code's end": "key IN (SELECT key FROM codes WHERE last = 'k12')",
    "code's end in large letters": "key IN (SELECT key FROM codes WHERE last = 'k12')",
    "nobody": "FALSE",
}


@pytest.mark.parametrize("name", PLAINLY)
def test_a_filter_finds_what_it_says(name: str, many: Engine) -> None:
    plain = f"SELECT id FROM authorizations WHERE {PLAINLY[name]} ORDER BY id DESC".replace("timestamptz", "")
    with hot(many) as connection:
        expected = [number for (number,) in connection.execute(plain, {"now": NOW})]
        wanted = read(FILTERS[name].items())
        found = [row["id"] for row in listing.everything(many, wanted, now=NOW)]
        counted = listing.find(connection, wanted, now=NOW, at_most=50_000).count

    assert found == expected
    assert counted == len(expected)
    assert bool(found) is (name != "nobody")


@pytest.mark.parametrize(
    ("name", "most"), [("unconfirmed", 30), ("many handles", 100), ("many references", 30), ("public", 100)]
)
def test_of_many_only_so_many_are_looked_for(name: str, most: int, many: Engine) -> None:
    wanted = read(FILTERS[name].items())
    with hot(many) as connection:
        all_ids = {row["id"] for row in listing.everything(many, wanted, now=NOW)}
        few, enough = (listing.find(connection, wanted, now=NOW, at_most=at_most) for at_most in (50_000, 100))

    assert (set(few.ids), few.is_all) == (all_ids, True)
    assert (enough.count, enough.is_all) == (most, False)
    assert set(enough.ids) < all_ids


def test_where_nearly_all_is_confirmed_it_is_not_asked_one_by_one(many: Engine) -> None:
    wanted = read({"unconfirmed": "9"}.items())
    with hot(many) as connection, connection.transaction(force_rollback=True):
        connection.execute("UPDATE advertisers SET looked_at = %s", [NOW])
        connection.execute("UPDATE authorizations SET is_sighted = true")
        connection.execute("UPDATE sightings SET missing_since = NULL, confirmed_at = NULL")
        gone = "UPDATE sightings SET missing_since = %s WHERE key LIKE '%%/730000000000000012_'"
        connection.execute(gone, [NOW])
        found = matching.first(connection, wanted, now=NOW)

    assert found is not None
    assert found.is_all
    assert 0 < len(found.ids) <= 10
    # What was written and taken back would make the tables look twice as large to the tests beside.
    with many.connect().execution_options(isolation_level="AUTOCOMMIT") as outside:
        outside.exec_driver_sql("VACUUM authorizations, sightings, advertisers")


def test_what_is_more_than_is_counted_is_said_to_be_more(many: Engine) -> None:
    with hot(many) as connection:
        found = listing.find(connection, Filter(), now=NOW, at_most=100)

    assert (found.count, found.is_all) == (100, False)


@pytest.mark.parametrize("place", ["", "x", "9_1_1", "0_1.2.3_1", "0_1", "0_99999999999999999999999_1", "0_1_1 "])
def test_an_address_with_a_broken_place_is_refused(place: str) -> None:
    with pytest.raises(PlaceError):
        listing.place_of(place, Sort.END)


def test_a_list_of_nothing_is_a_page_without_rows(many: Engine) -> None:
    nobody = read(FILTERS["nobody"].items())
    with hot(many) as connection:
        found = listing.page(connection, nobody, now=NOW)

        assert (found.rows, found.next_after, found.next_before) == ([], None, None)
        assert listing.page(connection, nobody, before="0_1_1", now=NOW).rows == []
        assert listing.page(connection, nobody, after="0_1_1", now=NOW).rows == []
        assert listing.find(connection, nobody, now=NOW).count == 0
