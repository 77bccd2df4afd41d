"""Whatever comes in, an envelope comes out: nothing that a client sends makes the simulator fall over."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.routes import endpoints
from simulator.transport import Auth
from tests.simulator.caller import Caller

NAMES = [
    "advertiser_ids",
    "auth_code",
    "item_id",
    "item_ids",
    "item_types",
    "identity_id",
    "identity_type",
    "identity_authorized_bc_id",
    "bc_id",
    "asset_id",
    "asset_type",
    "keyword",
    "page",
    "page_size",
    "cursor",
    "count",
    "filtering",
    "business_id",
    "is_ad_promotable",
    "authorization_days",
    "app_id",
    "secret",
    "client_id",
    "client_secret",
    "access_token",
    "refresh_token",
    "grant_type",
    "fields",
    "dimensions",
    "metrics",
    "report_type",
    "data_level",
    "start_date",
    "end_date",
    "creatives",
    "adgroup_id",
    "campaign_id",
    "ad_ids",
    "budget",
    "budget_mode",
    "name",
    "campaign_name",
    "adgroup_name",
    "objective_type",
    "schedule_type",
    "schedule_start_time",
    "schedule_end_time",
    "operation_status",
    "tcm_account_id",
    "video_id",
    "action",
    "subscribe_entity",
    "callback_url",
    "subscription_detail",
    "subscription_id",
    "order_field",
    "order_type",
]
STRANGE = ("", "x", "-1", "0", "99999999999999999999", "[", "{}", "[1]", '["x"]', "null", "2026-01-01", "é\u0000")
STRANGE_JSON: tuple[Any, ...] = (
    *STRANGE,
    None,
    0,
    -1,
    1.5,
    10**30,
    True,
    [],
    {},
    [None],
    [{}],
    [[1]],
    {"x": [1]},
    ["x"],
)
EVERY = [endpoint for methods in endpoints().values() for endpoint in methods.values()]


@pytest.mark.parametrize("shift", range(4))
def test_strange_parameters_are_answered_with_an_envelope(tiktok: Caller, shift: int) -> None:
    tiktok.authorize(tiktok.minted()[1])
    for endpoint in EVERY:
        for place in range(len(STRANGE_JSON)):
            values = STRANGE if endpoint.method == "GET" else STRANGE_JSON
            strange: dict[str, Any] = {
                name: values[(place + shift * number) % len(values)] for number, name in enumerate(NAMES)
            }
            strange |= {"advertiser_id": tiktok.advertiser_id}
            token = tiktok.token
            if endpoint.auth is Auth.CREATOR:
                token = tiktok.world.issue_for_creator("app-1", tiktok.creator.creator_id).value
            ask = tiktok.get if endpoint.method == "GET" else tiktok.post

            answer = ask(endpoint.path, token=token, **strange)

            assert isinstance(answer["code"], int)


def test_nothing_given_at_all(tiktok: Caller) -> None:
    for endpoint in EVERY:
        ask = tiktok.get if endpoint.method == "GET" else tiktok.post

        assert ask(endpoint.path)["code"] != 50000
