"""The people at the brands: each advertiser has somebody with office hours, who keeps a list or is told of silence."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from bench.renewals.draws import pick
from domain.hours import Hours, opening

DESKS = ((0.5, "America/New_York"), (0.4, "Europe/Paris"), (0.1, "Asia/Singapore"))
OFFICE = Hours(opens=time(9), closes=time(17))


def desk_of(seed: int, advertiser: str) -> ZoneInfo:
    """Where the advertiser's person works."""
    return ZoneInfo(pick(DESKS, seed, advertiser, "desk"))


def advertiser_of(key: str) -> str:
    return key.partition("/")[0]


def at_work(at: datetime, desk: ZoneInfo) -> datetime:
    """`at`, or the next instant of a working day."""
    return opening(at, zone=desk.key, hours=OFFICE, fallback=ZoneInfo("UTC")).astimezone(UTC)
