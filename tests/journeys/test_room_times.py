"""How the room tells an instant: as a span from now, with the exact one beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from web.room.rendering import environment
from web.wording import relative

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(seconds=-59), "just now"),
        (timedelta(minutes=-3), "3 min ago"),
        (timedelta(hours=-2), "2 h 0 min ago"),
        (timedelta(days=2, hours=4), "in 2 d 4 h"),
        (timedelta(days=-90), "90 d ago"),
    ],
)
def test_an_instant_is_told_from_now(span: timedelta, told: str) -> None:
    assert relative(NOW + span, NOW) == told


def test_a_page_keeps_the_exact_instant() -> None:
    template = environment().from_string("{{ at|when }} {{ none|when }}")

    assert template.render(at=NOW - timedelta(hours=2), none=None, now=NOW) == (
        '<time datetime="2026-11-22T08:00:00Z" title="2026-11-22 08:00:00 UTC">2 h 0 min ago</time> —'
    )


def test_what_is_left_and_an_exact_instant_tell_it_too() -> None:
    template = environment().from_string("{{ at|left }} {{ over|left }} {{ at|exact }}")

    assert template.render(at=NOW + timedelta(days=8, hours=4), over=NOW, now=NOW) == (
        '<time datetime="2026-11-30T14:00:00Z" data-left>8 d 4 h</time> '
        '<time datetime="2026-11-22T10:00:00Z" data-left>over</time> '
        '<time datetime="2026-11-30T14:00:00Z" data-exact>2026-11-30 14:00</time>'
    )
