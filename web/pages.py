"""The read-only pages: at `/` counts by state, what lapses next, the last events; at `/forecast` the days ahead. No scripts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Engine

from domain.authorization import State
from domain.money import Amounts
from domain.reasons import sentence
from infra.clock import Clock
from web.forecast import DAYS, Foresight, bars
from web.overview import overview

HERE = Path(__file__).parent
DAY = 86_400
# The page of a demo comes again by itself so often; a quiet service's page waits to be asked.
REFRESH_SECONDS = 3
LARGEST, NEXT = 12, 15
# What became of an event, in words that need no page of documentation.
OUTCOMES = {
    "moved": "state changed",
    "stayed": "noted",
    "again": "known already",
    "late": "came too late",
    "waiting": "being checked",
    "ready": "to be applied",
    "early": "waits for an earlier one",
    "parked": "needs a person",
    "quarantined": "raised an error",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """That nothing here is real, for every page to say; `day_seconds` is how long a simulated day takes."""

    day_seconds: float


class Pages:
    """`simulation` None: the real service."""

    def __init__(
        self, engine: Engine, clock: Clock, foresight: Foresight, simulation: Simulation | None = None
    ) -> None:
        self._engine, self._clock, self._foresight, self._simulation = engine, clock, foresight, simulation
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "instant": instant,
            "left": left,
            "days": days,
            "day": day,
            "local": local,
            "money": money,
            "sender": sender,
            "outcome": outcome,
            "sentence": sentence,
        }

    def home(self, *, is_still: bool = False) -> str:
        """`is_still`: without the refresh by itself, for reading."""
        page = overview(self._engine, self._clock.now())
        return self._rendered("home.html", is_still=is_still, page=page, states=list(State))

    def forecast(self) -> str:
        page = self._foresight.latest()
        return self._rendered(
            "forecast.html",
            is_still=True,
            page=page,
            days=DAYS,
            bars=bars(page.days),
            lapses=page.largest[:LARGEST],
            messages=page.messages[:NEXT],
            fallback=self._foresight.fallback,
        )

    def trouble(self) -> str:
        return self._rendered("trouble.html", is_still=False)

    def _rendered(self, name: str, *, is_still: bool, **more: object) -> str:
        return self._templates.get_template(name).render(
            simulation=self._simulation,
            now=self._clock.now(),
            refresh_seconds=REFRESH_SECONDS if self._simulation and not is_still else None,
            **more,
        )


def instant(value: datetime | None) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if value else "—"


def day(value: date) -> str:
    return f"{value:%a %d %b}"


def local(value: datetime) -> str:
    """By somebody's own clock, with its zone."""
    return f"{value:%a %d %b, %H:%M} {value.tzinfo}"


def left(value: datetime, now: datetime) -> str:
    """How long until `value`, in the two largest units."""
    return "over" if value <= now else _span(value, now)


def days(value: datetime, now: datetime) -> float:
    """Days until `value`, none when it is over."""
    return max(0.0, round((value - now).total_seconds() / DAY, 2))


def money(amounts: Amounts) -> str:
    """`12 340 EUR`, one after the other where there are several currencies; units suffice at a glance."""
    shown = [f"{amount:,.0f} {currency or ''}".replace(",", "\u202f").strip() for currency, amount in amounts.items()]
    return " + ".join(sorted(shown)) or "—"


def sender(value: str) -> str:
    """Who sent an event, for people: a producer by its own name."""
    return {"tiktok": "TikTok", "clock": "the clock"}.get(value, value.removeprefix("producer:"))


def outcome(value: str) -> str:
    """An outcome's word for people; one of a newer version speaks for itself."""
    return OUTCOMES.get(value, value)


def _span(later: datetime, sooner: datetime) -> str:
    seconds = int((later - sooner).total_seconds())
    whole, rest = divmod(seconds, DAY)
    hours, minutes = rest // 3600, rest % 3600 // 60
    return f"{whole} d {hours} h" if whole else f"{hours} h {minutes} min"
