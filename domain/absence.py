"""Who is away until a period's end is asked before leaving: during a holiday that was told nobody asks."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.patience import Holiday
from domain.renewal import NOTHING, law_of

# From Friday evening to Monday morning nobody is written to: three days before a holiday leave an hour to write at, and
# mostly a day to act. Earlier than that an ask would only be forgotten until the holiday begins.
LEAD = timedelta(days=3)
# Who has just granted or extended is not asked for more in the same breath.
A_REST = timedelta(days=1)


def forward_at(ask_at: datetime, *, begins_at: datetime, ends_at: datetime, holiday: Holiday) -> datetime | None:
    """The instant from which the ask that is planned for `ask_at` should be made, for a holiday that leaves no other time
    for it before the period's end; None where it stays where it is. `begins_at` as `Authorization.ladder_begins_at`.

    The window need not be open: a holiday longer than the window would cover all of it.
    """
    at = max(holiday.begins_at - LEAD, begins_at + A_REST)
    covers_the_rest = holiday.begins_at < ends_at and holiday.ends_at > last_ask_at(begins_at, ends_at)
    is_swallowed = covers_the_rest and ask_at < min(holiday.ends_at, ends_at)
    return at if is_swallowed and at < min(ask_at, holiday.begins_at) else None


def last_ask_at(begins_at: datetime, ends_at: datetime) -> datetime:
    """The last ask of a period's ladder before its end."""
    return ends_at - min(before for before in law_of(begins_at, ends_at).rungs if before > NOTHING)
