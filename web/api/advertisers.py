"""Advertisers: what is exposed and what covers it, how periods ended, how the connection to TikTok fares, a look at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Query

from domain.people import Scope
from infra import advertisers as connected
from infra.database import snapshot
from infra.reports import advertisers, lapses
from infra.reports.advertisers import Exposure, Row
from infra.reports.lapses import Ended
from infra.tiktok.limits import LEVELS
from web.api.authorization_shapes import Ending, ending_of
from web.api.calls import Asks, Operation, Writes
from web.api.paging import Page, Paged, page
from web.api.problems import conflict, missing
from web.api.shapes import Money, Noted, Shape, Word, moneys, seconds, with_money
from web.room.calls import cut

MOST_RISKS, MOST_LAPSES = 50, 100
REPORTED = timedelta(days=90)
Id = Annotated[Word, Path(description="The advertiser's id at TikTok.")]


class ExposureShown(Shape):
    """`uncovered`: how many in force end before what needs them does; `covered`: the share of the others."""

    states: dict[str, int]
    running: int
    uncovered: int
    covered: float | None
    spend_a_day: list[Money]
    at_risk: list[Money]


class Advertiser(Shape):
    """One of those that are connected, or that authorizations name."""

    advertiser_id: str
    name: str | None
    is_connected: bool
    connected_at: datetime | None
    looked_at: datetime | None
    next_look_at: datetime | None
    failed_looks: int | None
    rests_until: datetime | None
    trouble: str | None
    exposure: ExposureShown


class Risk(Shape):
    """An authorization in force, with money at risk."""

    id: int
    key: str
    handle: str | None
    state: str
    expires_at: datetime | None
    why: str
    at_risk: Money | None
    spend_a_day: Money | None


class Lapsed(Ending):
    """A lapse, of the authorization `key`."""

    key: str


class Report(Shape):
    """How the periods of the last 90 days ended. `on_time`: the share of needed ones that were renewed before their end;
    `left_out`: how many of the lapses that go on are in neither `minutes_down` nor `lost`, which tell of the 500 newest.
    """

    renewed: int
    lapsed: int
    not_needed: int
    on_time: float | None
    answered_in_seconds: int | None
    minutes_down: int
    lost: list[Money]
    left_out: int


class Looking(Shape):
    """What looks cost, about, and what the app may call."""

    calls: int
    every_seconds: int | None
    calls_a_day: int | None
    most_a_second: int
    most_a_minute: int


class AdvertiserShown(Advertiser):
    """One advertiser with its report."""

    largest_risks: list[Risk]
    report: Report
    lapses: list[Lapsed]
    looking: Looking


def listed(call: Asks, asked: Annotated[Paged, Query()]) -> Page[Advertiser]:
    """Advertisers by id."""
    with snapshot(call.desk.engine) as connection:
        rows, last = cut(advertisers.page(connection, after=asked.place, limit=asked.limit + 1), asked.limit)
        exposures = advertisers.exposures(connection, [row["advertiser_id"] for row in rows])
    items = [Advertiser(**_facts(row, exposures[row["advertiser_id"]])) for row in rows]
    return page(call, items, after=last and last["advertiser_id"])


def one(call: Asks, advertiser: Id) -> AdvertiserShown:
    """One advertiser, with the endings of the last 90 days."""
    with snapshot(call.desk.engine) as connection:
        row = advertisers.one(connection, advertiser)
        if row is None:
            raise missing("Nothing is known of this advertiser.")
        exposure = advertisers.exposures(connection, [advertiser])[advertiser]
        risks = advertisers.at_risk(connection, advertiser, limit=MOST_RISKS)
        looking = advertisers.looking(connection, row)
        since = call.now - REPORTED
        report = lapses.report(connection, advertiser, since=since, now=call.now)
        lapsed = lapses.newest_lapses(connection, advertiser, since=since, now=call.now, limit=MOST_LAPSES)
    rate = LEVELS[call.desk.settings.tiktok_level]
    return AdvertiserShown(
        **_facts(row, exposure),
        largest_risks=[Risk.model_validate(with_money(each, "at_risk", "spend_a_day")) for each in risks],
        report=_report(report),
        lapses=[_lapsed(each) for each in lapsed],
        looking=Looking(
            calls=looking.calls,
            every_seconds=seconds(looking.every),
            calls_a_day=looking.calls_a_day,
            most_a_second=rate.per_second,
            most_a_minute=rate.per_minute,
        ),
    )


def look(write: Writes, advertiser: Id) -> Noted:
    """Brings the next look at TikTok forward."""
    if advertisers.one(write.connection, advertiser) is None:
        raise missing("Nothing is known of this advertiser.")
    if not connected.want_look(write.connection, [advertiser], actor=write.actor, now=write.now):
        raise conflict(
            "This advertiser is not connected, so TikTok cannot be asked about it.",
            "Connect it by `everspark advertiser connect`.",
        )
    write.after.append(write.desk.nudges.looks)
    return Noted(at=write.now)


def _facts(row: Row, exposure: Exposure) -> dict[str, Any]:
    shown = ExposureShown(
        states=exposure.states,
        running=exposure.running,
        uncovered=exposure.uncovered,
        covered=exposure.covered,
        spend_a_day=moneys(exposure.spend_a_day),
        at_risk=moneys(exposure.at_risk),
    )
    return row | {"is_connected": bool(row["is_connected"]), "exposure": shown}


def _report(found: lapses.Report) -> Report:
    return Report(
        renewed=found.renewed,
        lapsed=found.lapsed,
        not_needed=found.not_needed,
        on_time=found.on_time,
        answered_in_seconds=seconds(found.answered_in),
        minutes_down=found.minutes_down,
        lost=moneys(found.lost),
        left_out=found.left_out,
    )


def _lapsed(each: Ended) -> Lapsed:
    return Lapsed(key=each.key, **dict(ending_of(each)))


OPERATIONS = (
    Operation(path="/advertisers", handler=listed),
    Operation(path="/advertisers/{advertiser}", handler=one),
    Operation(path="/advertisers/{advertiser}/look", handler=look, scope=Scope.ACT, method="POST", status=202),
)
