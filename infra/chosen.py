"""What the settings come to where it is decided whom to ask, and when: the same for the worker and for the forecast."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from domain.eligibility import PostPolicy
from domain.hours import Hours
from domain.patience import Manners
from domain.renewal import Policy
from infra.channel_urls import BadChannel, Channels
from infra.settings import Settings


def policy_of(settings: Settings) -> Policy:
    """The part of the settings that decisions depend on."""
    return Policy(
        offered_days=settings.offered_days,
        lapse_after=timedelta(days=settings.lapse_after_days),
        minimum_daily_budget=settings.minimum_daily_budget,
        unbind_after=timedelta(days=settings.unbind_after_days) if settings.unbind_after_days else None,
        digest_span=timedelta(days=settings.digest_days),
    )


def posts_of(settings: Settings) -> PostPolicy:
    """The part of the settings that says which posts may be used."""
    return PostPolicy(
        refuses_private=settings.private_posts == "refuse", minimum_daily_budget=settings.minimum_daily_budget
    )


def manners_of(settings: Settings) -> Manners:
    """The part of the settings that says when creators are written to, and how often."""
    hours = Hours(opens=settings.quiet_until, closes=settings.quiet_from, weekends=not settings.quiet_weekends)
    return Manners(
        hours=hours,
        fallback=ZoneInfo(settings.quiet_zone),
        weekly_cap=settings.weekly_cap,
        emergency_cap=settings.emergency_cap,
    )


def creator_channels_of(settings: Settings) -> Channels:
    """How creators are reached beside mail. A setting that names no channel stops the worker, which says so; what only reads
    goes on without.
    """
    try:
        return Channels.parse(creator_url=settings.creator_channel_url.get_secret_value())
    except BadChannel:
        return Channels()
