"""What TikTok shows is written as a letter and read back as the same event."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.events import (
    Ad,
    AdLost,
    AdStarted,
    AdStopped,
    Code,
    CodeGranted,
    CodeRefused,
    CodeWithdrawn,
    Condition,
    LifecycleEvent,
    PeriodCorrected,
    PeriodExtended,
    PostChanged,
    RequestLapsed,
)
from infra.contract import PRIVATE_TYPES
from infra.kept_events import event_of
from infra.letters import event_id, letter
from infra.public_types import PUBLIC_TYPES
from tests.domain.story import ACCOUNT_KEY, KEY, day

AD = Ad(ad_id="9001", flight_end=day(60), daily_spend=Decimal("120.50"), currency="USD")
SHOWN: tuple[LifecycleEvent, ...] = (
    CodeGranted(at=day(2), starts_at=day(1), expires_at=day(31), code=Code(fingerprint="ab" * 16, last="x7Q2")),
    CodeGranted(at=day(2), starts_at=day(1), expires_at=None),
    CodeRefused(at=day(2), reason="auth_code_expired", said="Authorization expired"),
    PeriodExtended(at=day(20), expires_at=day(61)),
    PeriodCorrected(at=day(20), expires_at=day(25)),
    CodeWithdrawn(at=day(5), reason="the post was deleted"),
    PostChanged(at=day(5), condition=Condition.MUSIC_MISSING),
    AdStarted(at=day(3), ad=AD),
    AdStarted(at=day(3), ad=Ad(ad_id="9002")),
    AdStopped(at=day(4), ad_id="9001"),
    AdLost(at=day(4), ad_id="9001", reason="AD_STATUS_ASSET_AUTHORIZATION_LOST"),
)


@pytest.mark.parametrize("event", SHOWN, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("key", [KEY, ACCOUNT_KEY])
def test_a_letter_is_read_back_as_the_event_it_was_written_from(event: LifecycleEvent, key: str) -> None:
    written = letter(key, event, event_id="1")

    assert (written.sender, written.key, written.occurred_at) == ("tiktok", key, event.at)
    assert written.type in PUBLIC_TYPES or written.type in PRIVATE_TYPES
    assert event_of(written.type, written.data, written.occurred_at) == event


def test_what_only_the_clock_says_tiktok_does_not() -> None:
    with pytest.raises(TypeError, match="RequestLapsed"):
        letter(KEY, RequestLapsed(at=day(14)), event_id="1")


def test_the_same_sight_has_the_same_id_and_another_has_another() -> None:
    assert event_id("extended", KEY, day(61), 3) == event_id("extended", KEY, day(61), 3)
    assert event_id("extended", KEY, day(61), 3) != event_id("extended", KEY, day(62), 3)
    assert event_id("missing", KEY, None, 3) == f"missing:{KEY}:3"
