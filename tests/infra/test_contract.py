from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from domain import events
from infra.envelopes import Envelope
from infra.inbox import Letter
from infra.incoming import REMOVED, Reader
from infra.kept_events import creator_event_of, event_of
from infra.public_types import PUBLIC_TYPES
from infra.schemas import schema_of
from infra.unreadable import Unreadable
from infra.vault import Vault

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
VAULT = Vault(bytes(range(32)))
DAYS = (7, 30, 60, 365)
READER = Reader(VAULT, offered_days=DAYS)
CODE = "#" + "aB3/" * 15 + "xY9="
POST = {"advertiser_id": "7200000000000000001", "post": {"item_id": "7300000000000000001"}}
ACCOUNT = {"advertiser_id": "7200000000000000001", "account": {"handle": "@Maya.Moves"}}
PERIOD = {"starts_at": "2026-11-22T09:58:00Z", "expires_at": "2026-12-22T09:58:00+01:00"}
MAYA = {"creator": {"handle": "@Maya"}}
REQUEST = {"route": "code", "days": 30, "creator": {"handle": "@Maya", "timezone": "Europe/Paris"}}

GOOD: dict[str, dict[str, Any]] = {
    "authorization.requested": POST | REQUEST,
    "code.submitted": POST | {"code": f"hello {CODE} bye"},
    "code.granted": POST | PERIOD,
    "ad.started": POST | {"ad": {"ad_id": "1", "daily_spend": {"amount": "49.90", "currency": "eur"}}},
    "ad.stopped": POST | {"ad": {"ad_id": "1"}},
    "authorization.extended": POST | {"expires_at": "2027-01-01T00:00:00Z"},
    "authorization.revoked": POST | {"reason": "left"},
    "request.declined": POST,
    "post.changed": POST | {"condition": "private"},
    "renewal.suggested": POST | {"at": "2026-12-01T09:00:00Z", "reason": "the creator is at an event before"},
    "look.wanted": POST,
    "need.stated": POST | {"needed_until": "2027-03-01T00:00:00+01:00", "reason": "the campaign was prolonged"},
    "creator.snoozed": MAYA | {"until": "2026-12-01T09:00:00Z"},
    "creator.opted_out": MAYA,
    "creator.opted_in": MAYA,
    "creator.away": MAYA | {"from": "2026-12-01T00:00:00Z", "until": "2026-12-14T00:00:00+01:00"},
    "creator.payment_due": MAYA | {"is_due": True},
}


def letter(type_: str, data: Any) -> Letter:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return READER.letter(Envelope("msg_1", type_, NOW, raw, "$"), sender="producer:crm")


def event(type_: str, data: Any) -> events.Event:
    kept = letter(type_, data)
    return event_of(kept.type, kept.data, kept.occurred_at)


def told(type_: str, data: Any) -> events.CreatorEvent:
    kept = letter(type_, data)
    return creator_event_of(kept.type, kept.data, kept.occurred_at)


def refused(type_: str, data: Any) -> Unreadable:
    with pytest.raises(Unreadable) as complaint:
        letter(type_, data)
    return complaint.value


@pytest.mark.parametrize("type_", PUBLIC_TYPES)
def test_each_type_is_kept_read_back_and_described_by_its_schema(type_: str) -> None:
    schema = schema_of(type_, offered_days=DAYS)
    jsonschema.Draft202012Validator.check_schema(schema)

    jsonschema.validate(GOOD[type_], schema)
    if type_.startswith("creator."):
        assert told(type_, GOOD[type_]).at == NOW
        assert letter(type_, GOOD[type_]).key == "creator/maya"
    else:
        assert event(type_, GOOD[type_]).at == NOW
        assert letter(type_, GOOD[type_]).key == "7200000000000000001/7300000000000000001"


def test_what_is_said_of_a_creator_is_read_back() -> None:
    assert told("creator.away", GOOD["creator.away"]) == events.CreatorAway(
        at=NOW, begins_at=datetime(2026, 12, 1, tzinfo=UTC), ends_at=datetime(2026, 12, 13, 23, tzinfo=UTC)
    )
    assert told("creator.payment_due", MAYA | {"is_due": False}) == events.PaymentDue(at=NOW, is_due=False)
    assert refused("creator.opted_out", POST).field == "$.data.creator"
    assert refused("creator.away", GOOD["creator.away"] | {"until": "2026-11-30T00:00:00Z"}).field == "$.data.until"
    assert refused("creator.snoozed", MAYA | {"until": "0001-01-01T00:00:00Z"}).field == "$.data.until"
    with pytest.raises(Unreadable):
        creator_event_of("ad.started", b"{}", NOW)


def test_the_domain_hears_what_was_said() -> None:
    started = event("ad.started", GOOD["ad.started"])
    assert isinstance(started, events.AdStarted)
    assert (started.ad.daily_spend, started.ad.currency) == (Decimal("49.90"), "EUR")

    granted = event("code.granted", GOOD["code.granted"])
    assert isinstance(granted, events.CodeGranted)
    assert granted.expires_at == datetime(2026, 12, 22, 8, 58, tzinfo=UTC)

    asked = event("authorization.requested", GOOD["authorization.requested"])
    assert isinstance(asked, events.AuthorizationRequested)
    assert asked.creator == events.Creator(handle="maya", timezone="Europe/Paris")


def test_a_need_is_an_instant_or_none_and_never_left_out() -> None:
    stated = event("need.stated", GOOD["need.stated"])
    assert isinstance(stated, events.NeedStated)
    assert stated.needed_until == datetime(2027, 2, 28, 23, tzinfo=UTC)
    assert event("need.stated", POST | {"needed_until": None}) == events.NeedStated(at=NOW, needed_until=None)

    assert refused("need.stated", POST).field == "$.data.needed_until"
    assert refused("need.stated", POST | {"needed_until": "1999-01-01T00:00:00Z"}).field == "$.data.needed_until"


def test_an_account_s_authorization_has_a_key_of_its_own_and_needs_no_end() -> None:
    kept = letter("code.granted", ACCOUNT | {"starts_at": "2026-11-22T09:58:00Z"})

    assert kept.key == "7200000000000000001/@maya.moves"


def test_a_request_for_an_account_is_by_account_unless_it_says_otherwise() -> None:
    for route, taken in ((None, events.Route.ACCOUNT), ("account", events.Route.ACCOUNT), ("own", events.Route.OWN)):
        asked = event("authorization.requested", ACCOUNT | ({"route": route} if route else {}))
        assert isinstance(asked, events.AuthorizationRequested)
        assert asked.route is taken


def test_a_submitted_code_is_sealed_and_only_its_fingerprint_stays() -> None:
    kept = letter("code.submitted", GOOD["code.submitted"] | {"note": f"see {CODE}!", CODE: [CODE.replace("#", "%23")]})

    assert kept.sealed is not None
    assert VAULT.unseal(kept.sealed, context="code") == CODE
    assert CODE[:20] not in kept.data.decode()
    assert json.loads(kept.data)["note"] == f"see {REMOVED}!"
    said = event_of(kept.type, kept.data, NOW)
    assert said == events.CodeSubmitted(at=NOW, code=events.Code(fingerprint=VAULT.fingerprint(CODE), last=CODE[-5:-1]))


def test_a_text_without_a_code_is_sealed_whole_and_said_to_hold_none() -> None:
    kept = letter("code.submitted", POST | {"code": "I will send it tomorrow"})

    assert kept.sealed is not None
    assert VAULT.unseal(kept.sealed, context="code") == "I will send it tomorrow"
    assert json.loads(kept.data)["code"] == {"fingerprint": None, "last": None}
    assert event_of(kept.type, kept.data, NOW) == events.CodeSubmitted(at=NOW, code=None)


def test_an_escaped_code_does_not_slip_through() -> None:
    raw = (
        json.dumps(POST).encode()[:-1]
        + b', "extra": {"note": "\\u0023'
        + CODE[1:].replace("/", "\\/").encode()
        + b'"}}'
    )

    kept = letter("request.declined", raw)

    assert json.loads(kept.data)["extra"] == {"note": REMOVED}


@pytest.mark.parametrize("spelled", [CODE[1:], quote(CODE[1:], safe=""), quote(quote(CODE, safe=""), safe="")])
def test_a_code_in_disguise_is_taken_out_of_unknown_fields(spelled: str) -> None:
    kept = json.loads(letter("request.declined", POST | {"link": f"https://crm.test/?c={spelled}&more=1"}).data)

    assert kept["link"].startswith(f"https://crm.test/?c={REMOVED}")
    assert spelled[:40] not in kept["link"]


def test_unknown_fields_are_kept() -> None:
    assert json.loads(letter("request.declined", POST | {"crm": {"deal": 7}}).data)["crm"] == {"deal": 7}


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("code.granted", {"advertiser_id": 7200000000000000001}, "$.data.advertiser_id"),
    ("code.granted", {"advertiser_id": "1\n"}, "$.data.advertiser_id"),
    ("code.granted", {"advertiser_id": "9" * 33}, "$.data.advertiser_id"),
    ("code.granted", {"post": None}, "$.data.post"),
    ("code.granted", {"post": {}}, "$.data.post.item_id"),
    ("code.granted", {"account": {"handle": "maya"}}, "$.data.account"),
    ("code.granted", {"starts_at": "2026-11-22T09:58:00"}, "$.data.starts_at"),
    ("code.granted", {"starts_at": "22.11.2026"}, "$.data.starts_at"),
    ("code.granted", {"starts_at": 1763805480}, "$.data.starts_at"),
    ("code.granted", {"starts_at": "0001-01-01T00:00:00+14:00"}, "$.data.starts_at"),
    ("code.granted", {"expires_at": "9999-12-31T23:59:59-14:00"}, "$.data.expires_at"),
    ("code.granted", {"expires_at": "2026-11-22T09:58:00Z"}, "$.data.expires_at"),
    ("code.granted", {"expires_at": None}, "$.data.expires_at"),
    ("code.granted", {"code": {"fingerprint": "x", "last": "y"}}, "$.data.code"),
    ("authorization.requested", {"days": 31}, "$.data.days"),
    ("authorization.requested", {"days": None}, "$.data.days"),
    ("authorization.requested", {"route": "phone"}, "$.data.route"),
    ("authorization.requested", {"route": None}, "$.data.route"),
    ("authorization.requested", {"post": None, "account": {"handle": "maya"}}, "$.data.route"),
    ("authorization.requested", {"route": "account"}, "$.data.account"),
    ("authorization.requested", {"creator": None}, "$.data.creator"),
    ("authorization.requested", {"creator": {"handle": "a b"}}, "$.data.creator.handle"),
    ("authorization.requested", {"creator": {"handle": "a", "timezone": "Mars/Base"}}, "$.data.creator.timezone"),
    ("authorization.requested", {"creator": {"handle": "a", "email": "a@b\nBcc: c@d"}}, "$.data.creator.email"),
    ("authorization.requested", {"creator": {"handle": "a", "name": "a\r\nb"}}, "$.data.creator.name"),
    (
        "ad.started",
        {"ad": {"ad_id": "1", "daily_spend": {"amount": "-1", "currency": "EUR"}}},
        "$.data.ad.daily_spend.amount",
    ),
    (
        "ad.started",
        {"ad": {"ad_id": "1", "daily_spend": {"amount": 1.5, "currency": "EUR"}}},
        "$.data.ad.daily_spend.amount",
    ),
    (
        "ad.started",
        {"ad": {"ad_id": "1", "daily_spend": {"amount": "NaN", "currency": "EUR"}}},
        "$.data.ad.daily_spend.amount",
    ),
    (
        "ad.started",
        {"ad": {"ad_id": "1", "daily_spend": {"amount": "1", "currency": "€"}}},
        "$.data.ad.daily_spend.currency",
    ),
    ("post.changed", {"condition": "gone"}, "$.data.condition"),
    ("request.declined", {"reason": "a\x00b"}, "$.data"),
    ("request.declined", {"more": "a\x00b"}, "$.data"),
    ("request.declined", {"more": "\ud800"}, "$.data"),
    ("request.declined", {"more": [[]] and json.loads("[" * 99 + "]" * 99)}, "$.data"),
]


@pytest.mark.parametrize(("type_", "change", "field"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_field_is_named_with_its_remedy(type_: str, change: dict[str, Any], field: str) -> None:
    complaint = refused(type_, GOOD[type_] | change)

    assert complaint.field == field
    assert complaint.problem
    assert complaint.remedy


@pytest.mark.parametrize("number", ["1e400", "9" * 5000])
def test_a_number_that_the_database_cannot_keep_is_refused(number: str) -> None:
    raw = json.dumps(POST).encode()[:-1] + f', "extra": {number}}}'.encode()

    assert refused("request.declined", raw).field.startswith("$.data")


@pytest.mark.parametrize(
    "type_", ["period.ended", "request.lapsed", "renewal.due", "code.refused", "link.wanted", "nonsense"]
)
def test_only_public_types_may_be_sent(type_: str) -> None:
    complaint = refused(type_, POST)

    assert (complaint.field, complaint.status) == ("$.type", 422)


def test_the_clock_s_own_events_are_read() -> None:
    at = "2026-12-01T00:00:00Z"

    assert isinstance(event_of("period.ended", json.dumps({"ends_at": at}).encode(), NOW), events.PeriodEnded)
    assert isinstance(event_of("request.lapsed", b"{}", NOW), events.RequestLapsed)
    due = event_of("renewal.due", json.dumps({"period_ends_at": at, "rung": 2}).encode(), NOW)
    assert due == events.RenewalDue(at=NOW, period_ends_at=datetime(2026, 12, 1, tzinfo=UTC), rung=2)
    with pytest.raises(Unreadable):
        event_of("tiktok.video.publish.completed", b"{}", NOW)
    with pytest.raises(Unreadable):
        event_of("renewal.due", b"[]", NOW)
