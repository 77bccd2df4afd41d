"""The client of TikTok that the settings describe, made in one place for every process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import sleep

from infra.broker import redis_client
from infra.clock import Clock
from infra.settings import Settings
from infra.tiktok.api import Api
from infra.tiktok.client import Tiktok
from infra.tiktok.limits import Limits, MemoryLimits, RedisLimits

NOT_CONFIGURED = "TikTok is not called: set EVERSPARK_TIKTOK_APP_ID and EVERSPARK_TIKTOK_SECRET"


def make_tiktok(settings: Settings, clock: Clock, *, pause: Callable[[float], None] = sleep) -> Tiktok | None:
    """The client; None where no app is configured. Processes that share a Redis share the rate limits.

    Limits are TikTok's, counted on `clock`: the machine's own, also where the rest runs on a faster one.
    """
    if not settings.tiktok_app_id:
        return None
    api = Api(
        base_url=settings.tiktok_url,
        app_id=settings.tiktok_app_id,
        secret=settings.tiktok_secret.get_secret_value(),
        limits=limits_of(settings),
        clock=clock,
        level=settings.tiktok_level,
        authorize_per_second=max(1, int(settings.tiktok_authorizes_per_second)),
        timeout=timedelta(seconds=settings.tiktok_timeout_seconds),
        pause=pause,
    )
    return Tiktok(api)


def limits_of(settings: Settings) -> Limits:
    """The buckets of all processes, or of this one alone."""
    return RedisLimits(redis_client(settings.redis_url)) if settings.redis_url else MemoryLimits()
