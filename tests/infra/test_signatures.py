from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from infra.signatures import (
    Secret,
    key_of_standard,
    new_secret,
    sign_standard,
    verify_path,
    verify_standard,
    verify_tiktok,
)

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


def headers(identity: str, signature: str, sent: datetime = NOW) -> dict[str, str]:
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": signature,
    }


def standard(given: dict[str, str], body: bytes, *secrets: str, now: datetime = NOW) -> str | None:
    keys = [key_of_standard(secret) for secret in secrets]
    refused = verify_standard(given, (body,), keys, now=now, tolerance=300)
    return refused.reason if refused else None


@given(st.binary(min_size=24, max_size=64), st.from_regex(r"[!-~]{1,40}", fullmatch=True), TEXT)
def test_what_the_public_package_signs_is_believed_and_what_we_sign_it_believes(
    key: bytes, identity: str, body: str
) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()

    theirs = Webhook(secret).sign(identity, NOW, body)
    ours = sign_standard(secret, identity, NOW, body.encode())

    assert standard(headers(identity, theirs), body.encode(), secret) is None
    assert ours == headers(identity, theirs)


@given(st.binary(max_size=60), st.binary(max_size=60), st.text(max_size=60))
def test_nothing_else_is_believed(body: bytes, other: bytes, noise: str) -> None:
    secret = new_secret("standard")
    signed = sign_standard(secret, "msg_1", NOW, body)

    if other != body:
        assert standard(signed, other, secret) == "signature_wrong"
    assert standard(signed | {"webhook-id": "msg_2"}, body, secret) == "signature_wrong"
    assert standard(signed | {"webhook-signature": f"v1,{noise}"}, body, secret) == "signature_wrong"
    assert standard(signed | {"webhook-timestamp": noise}, body, secret) is not None
    assert standard(signed, body, new_secret("standard")) == "signature_wrong"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_is_needed(name: str) -> None:
    secret = new_secret("standard")
    signed = sign_standard(secret, "msg_1", NOW, b"{}")
    del signed[name]

    assert standard(signed, b"{}", secret) == "signature_missing"


def test_one_of_several_signatures_and_one_of_two_keys_is_enough() -> None:
    old, new = new_secret("standard"), new_secret("standard")
    mark = sign_standard(old, "msg_1", NOW, b"{}")["webhook-signature"]
    given_ = headers("msg_1", f"v1a,xyz v1,AAAA {mark}")

    assert standard(given_, b"{}", new, old) is None
    assert standard(given_, b"{}", new) == "signature_wrong"


@pytest.mark.parametrize(("seconds", "is_fine"), [(-300, True), (300, True), (-301, False), (301, False)])
def test_a_signature_ages_in_both_directions(seconds: int, is_fine: bool) -> None:  # noqa: FBT001  a table
    secret = new_secret("standard")
    signed = sign_standard(secret, "msg_1", NOW + timedelta(seconds=seconds), b"{}")

    assert (standard(signed, b"{}", secret) is None) is is_fine


def test_tiktok_signs_the_time_and_the_body_with_the_client_secret() -> None:
    key, seconds, body = b"client-secret", int(NOW.timestamp()), b'{"event":"tiktok.ping"}'
    mark = hmac.new(key, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()

    def verdict(header: str, body: bytes = body) -> str | None:
        refused = verify_tiktok({"tiktok-signature": header}, body, [key], now=NOW, tolerance=300)
        return refused.reason if refused else None

    assert verdict(f"t={seconds},s={mark}") is None
    assert verdict(f"t={seconds},s={mark}", body + b" ") == "signature_wrong"
    assert verdict(f"t={seconds - 301},s={mark}") == "timestamp_outside_tolerance"
    assert verdict(f"s={mark}") == "signature_wrong"
    assert verdict("") == "signature_missing"


def test_a_path_is_believed_by_its_token() -> None:
    token = new_secret("path")

    assert verify_path(token, [token]) is None
    assert verify_path(token + "x", [token]) is not None
    assert verify_path("é\udcff", [token]) is not None
    assert verify_path(token, []) is not None


def test_a_secret_is_not_in_its_own_repr() -> None:
    assert "whsec" not in repr(Secret(text="whsec_abc"))
