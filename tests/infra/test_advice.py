"""What the advisor goes by, in rows: the same codes that `domain.renewal` would have creators asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.authorization import Authorization, Flight, State
from domain.events import Condition, Route
from domain.reasons import Reason
from domain.renewal import FOREVER, need_of, objection_to_asking
from infra.advice import codes_of
from infra.clock import HandClock
from infra.database import hot
from tests.portfolio import DAY, Post, authorization_of, holds, saved

HANDLE = "maya.moves"


def flown(known: Authorization, **times: Any) -> dict[str, Flight]:
    """The same ads, otherwise started or stopped."""
    return {ad_id: replace(flight, **times) for ad_id, flight in known.flights.items()}


def second_ad(known: Authorization, after: timedelta) -> dict[str, Flight]:
    [flight] = known.flights.values()
    ad = replace(flight.ad, ad_id="99", flight_end=(known.expires_at or FOREVER) + after)
    return dict(known.flights) | {"99": replace(flight, ad=ad)}


def variants(known: Authorization) -> list[dict[str, Any]]:
    ends_at = known.expires_at or FOREVER
    return [
        {},
        {"state": State.EXPIRED},
        {"state": State.EXPIRED, "state_reason": Reason.REQUEST_LAPSED},
        {"state": State.REVOKED, "revoked_at": ends_at},
        {"condition": Condition.REMOVED},
        {"condition": Condition.PRIVATE},
        {"declined_at": ends_at - DAY},
        {"contract_ends_at": ends_at},
        {"contract_ends_at": ends_at + DAY},
        {"needed_until": ends_at + 90 * DAY},
        {"flights": {}},
        {"flights": {}, "needed_until": ends_at + DAY},
        {"flights": flown(known, stopped_at=ends_at - DAY)},
        {"flights": flown(known, started_at=ends_at - DAY, stopped_at=ends_at - 2 * DAY)},
        {"flights": flown(known, started_at=ends_at, stopped_at=ends_at)},
        {"flights": flown(known, started_at=None)},
        {"flights": flown(known, lost_at=ends_at - DAY)},
        {"flights": second_ad(known, 20 * DAY)},
    ]


@pytest.mark.parametrize("flight", [None, 5, 12, 40])
def test_the_codes_to_be_renewed_are_those_that_are_asked_for(
    engine: Engine, clock: HandClock, flight: float | None
) -> None:
    now = clock.now()
    usual = authorization_of(Post(flight=flight), now)
    known = [
        replace(usual, key=f"{usual.key[:-2]}{place:02}", **facts)
        for place, facts in enumerate(variants(usual), start=10)
    ]
    holds(engine, [Post(flight=0)], now=now)
    saved(engine, known, dict.fromkeys((each.key for each in known), HANDLE), now=now)

    with hot(engine) as connection:
        [(number,)] = connection.execute("SELECT id FROM creators").fetchall()
        codes = codes_of(connection, [number]).get(number, [])

    assert sorted((code.ends_at, code.needed_until) for code in codes) == sorted(
        (each.expires_at, min(need_of(each) or now, each.contract_ends_at or FOREVER))
        for each in known
        if each.expires_at is not None and is_asked_for(each)
    )


def is_asked_for(known: Authorization) -> bool:
    may_be = known.route is Route.CODE and known.state in (State.ACTIVE, State.EXPIRED)
    is_lapsed_request = known.state_reason == Reason.REQUEST_LAPSED
    return may_be and not is_lapsed_request and objection_to_asking(known, known.expires_at or FOREVER) is None
