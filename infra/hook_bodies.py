"""What a webhook says: one line of an authorization's history as the body that docs/webhooks-out.md describes.

No note of the history is in it: those quote TikTok and producers, and may name people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from domain.reasons import Reason, sentence

PING = "endpoint.ping"
# What no reason below names, as one of a newer version.
UPDATED = "authorization.updated"
TYPES: dict[Reason, str] = {
    Reason.REQUESTED: "authorization.requested",
    Reason.ASKED_ANEW: "authorization.requested",
    Reason.GRANTED: "authorization.granted",
    Reason.ADOPTED: "authorization.granted",
    Reason.RENEWED: "authorization.renewed",
    Reason.REVIVED: "authorization.revived",
    Reason.EXTENDED: "authorization.extended",
    Reason.CORRECTED: "authorization.corrected",
    Reason.AD_STARTED: "authorization.ad_started",
    Reason.ANOTHER_AD: "authorization.ad_started",
    Reason.AD_STOPPED: "authorization.ad_stopped",
    Reason.LAST_AD_STOPPED: "authorization.ad_stopped",
    Reason.AD_LOST: "authorization.ad_lost",
    Reason.LAST_AD_LOST: "authorization.ad_lost",
    Reason.ASKED: "authorization.renewal_asked",
    Reason.RENEWAL_DECLINED: "authorization.renewal_declined",
    Reason.CODE_REFUSED: "authorization.code_refused",
    Reason.CONDITION_CHANGED: "authorization.post_changed",
    Reason.FACTS_UPDATED: UPDATED,
    Reason.NEED_STATED: UPDATED,
    Reason.PERIOD_ENDED: "authorization.expired",
    Reason.REQUEST_LAPSED: "authorization.lapsed",
    Reason.WITHDRAWN: "authorization.revoked",
    Reason.DECLINED: "authorization.declined",
    Reason.UNBINDING: "authorization.unbinding",
}


def type_of(reason: str) -> str:
    """The public type of a line of the history."""
    return TYPES.get(Reason(reason), UPDATED) if reason in Reason.__members__.values() else UPDATED


def body_of(facts: Mapping[str, Any]) -> bytes:
    """The body from the facts that infra.hooks kept with the debt; the same bytes at each try."""
    item_id, handle = facts["item_id"], facts["account_handle"]
    data = {
        "key": facts["key"],
        "advertiser_id": facts["advertiser_id"],
        **({"post": {"item_id": item_id}} if item_id is not None else {"account": {"handle": handle}}),
        "reference": facts["reference"],
        "event": facts["event"],
        "outcome": facts["outcome"],
        "state": facts["state"],
        "from": facts["from"],
        "reason": facts["reason"],
        "sentence": sentence(facts["reason"]),
        "expires_at": in_zulu(facts["expires_at"]),
        "next_action": facts["next_action"],
        "next_action_at": in_zulu(facts["next_action_at"]),
        "why": facts["why"],
        "why_sentence": sentence(facts["why"]),
    }
    return _encoded(type_of(facts["reason"]), facts["at"], data)


def ping_of(name: str, now: datetime) -> bytes:
    """What `everspark endpoint test` sends."""
    return _encoded(PING, now.isoformat(), {"endpoint": name})


def _encoded(type_: str, at: str, data: Mapping[str, Any]) -> bytes:
    body = {"type": type_, "timestamp": in_zulu(at), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def in_zulu(text: str | None) -> str | None:
    """PostgreSQL's instant as RFC 3339 in UTC, with Z."""
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")
