from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.authorization import Authorization, Flight, State
from domain.events import Ad, CodeRefused, Route
from domain.renewal import Policy
from worker.beside import advertisers_in, call_for, refusal_note, shortfall_of, unbinding_of

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ENDED = Authorization(
    key="72/73",
    route=Route.CODE,
    state=State.EXPIRED,
    state_reason="period_ended",
    state_since=NOW,
    starts_at=NOW - timedelta(days=30),
    expires_at=NOW,
)


@pytest.mark.parametrize(
    ("hint", "named"),
    [
        ({"object": 3, "entry": [{"adv_id": 7200000000000000001}, {"adv_id": "72"}]}, {"7200000000000000001", "72"}),
        ({"advertiser_id": "72", "status": "STATUS_LIMIT"}, {"72"}),
        ({"object": 2, "entry": {"adv_id": 72}}, {"72"}),
        ({"object": 11, "entry": [{"changed_metrics_values": {"72": ["spend"], "73": []}}]}, {"72", "73"}),
        ({"object": 14, "entry": None}, set()),
        ({"event": "authorization.removed", "content": "{}"}, set()),
        ([1], set()),
        ({"entry": [None, 7, "x", {"adv_id": None}]}, set()),
    ],
)
def test_a_hint_names_its_advertisers(hint: Any, named: set[str]) -> None:
    assert advertisers_in(json.dumps(hint).encode()) == named


@pytest.mark.parametrize(
    ("key", "route", "kind"),
    [
        ("72/@ana", Route.ACCOUNT, "account.access"),
        ("72/73", Route.ACCOUNT, None),
        ("72/@ana", Route.OWN, "own.confirm"),
        ("72/73", Route.OWN, "own.confirm"),
        ("72/73", Route.CODE, None),
    ],
)
def test_access_without_a_code_is_called_for_by_its_route(key: str, route: Route, kind: str | None) -> None:
    known = replace(ENDED, key=key, route=route, state=State.REQUESTED)

    call = call_for(known, NOW)

    assert (call.kind if call else None) == kind
    assert call_for(replace(known, state=State.AUTHORIZED), NOW) is None


@pytest.mark.parametrize(
    ("need", "note"),
    [
        (timedelta(days=2), "the authorization ends 2 d 0 h before the flight of ad 9001, on 2026-11-24 10:00 UTC"),
        (timedelta(hours=1), "the authorization ends 1 h 0 min before the flight of ad 9001, on 2026-11-22 11:00 UTC"),
        (timedelta(seconds=59), None),
        (timedelta(0), None),
        (None, None),
    ],
)
def test_a_grant_that_is_too_short_says_by_how_much(need: timedelta | None, note: str | None) -> None:
    ad = Ad(ad_id="9001", flight_end=None if need is None else NOW + need)
    known = replace(ENDED, flights={"9001": Flight(ad=ad, started_at=NOW - timedelta(days=1))})

    assert shortfall_of(known) == note


def test_only_by_policy_what_has_ended_is_to_be_unbound() -> None:
    policy = Policy(unbind_after=timedelta(days=3))

    owed = unbinding_of(replace(ENDED, state=State.ACTIVE), ENDED, policy)

    assert owed is not None
    assert (owed.due_at, owed.by) == (NOW + timedelta(days=3), "policy")
    assert unbinding_of(ENDED, ENDED, policy) is None
    assert unbinding_of(None, ENDED, Policy()) is None
    assert unbinding_of(None, replace(ENDED, starts_at=None), policy) is None
    assert unbinding_of(None, replace(ENDED, key="72/@ana"), policy) is None
    assert unbinding_of(None, replace(ENDED, state=State.AUTHORIZED), policy) is None


def test_a_refusal_is_told_with_what_was_said() -> None:
    theirs = CodeRefused(at=NOW, reason="auth_code_expired", said="Authorization\n expired")
    ours = CodeRefused(at=NOW, reason="wrong_post", said="It is the code of the post 74.")

    assert refusal_note(theirs).endswith("it stays the same. TikTok said: “Authorization expired”.")
    assert refusal_note(ours).endswith("send that one. It is the code of the post 74.")
    assert "TikTok gave a reason that is not known here" in refusal_note(
        CodeRefused(at=NOW, reason="of a newer version")
    )
