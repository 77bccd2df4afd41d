"""Whose turn it is to be looked at: the sweep only nudges, the worker claims and looks."""

from __future__ import annotations

from infra import turns
from scheduler.leadership import Turn, as_leader


def call_for_looks(turn: Turn) -> int:
    """How many advertisers are due for a look or for a reading of their KPIs. One nudge serves them all.

    Where TikTok is not configured nobody could look: a nudge would come back at every sweep for ever.
    """
    if not turn.settings.tiktok_app_id:
        return 0
    with as_leader(turn) as connection:
        due = turns.due(connection, now=turn.now)
    if due:
        turn.nudges.looks()
    return due
