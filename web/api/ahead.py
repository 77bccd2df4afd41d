"""The days ahead: what ends and is to be asked (the calendar), and what goes out and lapses if nobody answers (the forecast)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field

from domain import forecast as foreseen
from domain.foreseen import Lapse, Message
from infra.database import snapshot
from infra.reports import calendar
from web.api.calls import Asks, Operation
from web.api.shapes import Asked, Money, Shape, moneys

MOST_DAYS = 90


class Span(Asked):
    """How far ahead: so many days of 24 hours."""

    days: int = Field(MOST_DAYS, ge=1, le=MOST_DAYS)


class CalendarDay(Shape):
    """A date (UTC). `needed`: of the `ends`, those that something outlasts; `stops`: the spend a day that ends with them."""

    day: date
    ends: int
    needed: int
    asks: int
    at_risk: list[Money]
    stops: list[Money]


class Calendar(Shape):
    """Each date from today, which holds what is overdue, to the one on which `days` times 24 hours are over.

    Of the last, only what comes before they are over is counted.
    """

    days: list[CalendarDay]


class Bound(Asked):
    """How many messages, and how many lapses, are named at most."""

    limit: int = Field(100, ge=0, le=1_000)


class ForecastDay(Shape):
    """One day (UTC). `stops`: the spend a day that ends; `lost`: what all lapses so far keep from it."""

    day: date
    messages: int
    asks: int
    lapses: int
    stops: list[Money]
    lost: list[Money]


class ForecastMessage(Shape):
    """A message that will go, and the authorizations that it asks for."""

    at: datetime
    handle: str
    urgency: str
    keys: list[str]
    at_risk: list[Money]


class ForecastLapse(Shape):
    """A period that will end although something needs it; `needed_until` null: for ever."""

    key: str
    handle: str | None
    at: datetime
    needed_until: datetime | None
    spend_a_day: list[Money]
    at_risk: list[Money]
    asked: int
    hindrance: str | None


class Forecast(Shape):
    """What the days from `begins_at` to `ends_at` bring if nobody answers: lapses with the most money first."""

    begins_at: datetime
    ends_at: datetime
    messages_in_all: int
    asks_in_all: int
    lapses_in_all: int
    requests_that_lapse: int
    stops: list[Money]
    lost: list[Money]
    days: list[ForecastDay]
    messages: list[ForecastMessage]
    lapses: list[ForecastLapse]


def shown(call: Asks, span: Annotated[Span, Query()]) -> Calendar:
    """What ends in the days ahead, and when creators are to be asked, by date (UTC)."""
    with snapshot(call.desk.engine) as connection:
        found = calendar.ahead(connection, now=call.now, count=span.days)
    return Calendar(
        days=[
            CalendarDay(
                day=day.day,
                ends=day.ends,
                needed=day.needed,
                asks=day.asks,
                at_risk=moneys(day.at_risk),
                stops=moneys(day.stops),
            )
            for day in found.days
        ]
    )


def forecast(call: Asks, bound: Annotated[Bound, Query()]) -> Forecast:
    """The next 30 days if nobody answers; a minute old at most, where it can be made that fast."""
    found = call.desk.foresight.latest()
    return Forecast(
        begins_at=found.now,
        ends_at=found.until,
        messages_in_all=len(found.messages),
        asks_in_all=found.asks,
        lapses_in_all=len(found.lapses),
        requests_that_lapse=len(found.requests),
        stops=moneys(found.stops),
        lost=moneys(found.lost),
        days=[_day(each) for each in found.days],
        messages=[_message(each) for each in found.messages[: bound.limit]],
        lapses=[_lapse(each) for each in found.largest[: bound.limit]],
    )


def _day(day: foreseen.Day) -> ForecastDay:
    return ForecastDay(
        day=day.day,
        messages=day.messages,
        asks=day.asks,
        lapses=day.lapses,
        stops=moneys(day.stops),
        lost=moneys(day.lost),
    )


def _message(message: Message) -> ForecastMessage:
    return ForecastMessage(
        at=message.at,
        handle=message.handle,
        urgency=message.urgency,
        keys=[item.key for item in message.items],
        at_risk=moneys(message.at_risk),
    )


def _lapse(lapse: Lapse) -> ForecastLapse:
    return ForecastLapse(
        key=lapse.key,
        handle=lapse.handle,
        at=lapse.at,
        needed_until=None if lapse.is_endless else lapse.until,
        spend_a_day=moneys(lapse.spend_a_day),
        at_risk=moneys(lapse.at_risk),
        asked=lapse.asked,
        hindrance=lapse.hindrance,
    )


OPERATIONS = (
    Operation(path="/calendar", handler=shown),
    Operation(path="/forecast", handler=forecast),
)
