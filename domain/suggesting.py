"""Somebody's word on when to ask for a renewal: whether it can still be followed, and what the plan makes of it."""

from __future__ import annotations

from datetime import datetime

from domain.authorization import Authorization, Plan, changed
from domain.renewal import Policy, plan


def is_too_late(known: Authorization, around: datetime) -> bool:
    """Whether no running period ends after `around`, or one suggestion of this period was followed already.

    More than one a period, or a hint that is repeated would use up all rungs. Until then it may be changed.
    """
    was_followed = known.suggestion is not None and known.suggested_at is None
    return not known.is_running or known.expires_at is None or around >= known.expires_at or was_followed


def plan_with(known: Authorization, around: datetime, *, now: datetime, policy: Policy) -> Plan:
    """What the clock does next once it is known; asking only where a renewal is needed and may be had."""
    return plan(changed(known, suggested_at=around), now=now, policy=policy)
