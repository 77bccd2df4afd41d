"""How long something takes or took, as pages and alerts say it to people."""

from __future__ import annotations

from datetime import timedelta

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def told(span: timedelta) -> str:
    """In its two largest units, rounded down: `18 d 16 h`, `2 h 5 min`, `40 min`."""
    days, rest = divmod(span, DAY)
    hours, minutes = rest // HOUR, rest % HOUR // MINUTE
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
