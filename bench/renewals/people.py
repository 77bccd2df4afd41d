"""Creators with characters: when they look at messages, how long they take, and what they do then. All figures are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bench.renewals.draws import between, draw, pick
from domain.patience import Holiday


class Channel(StrEnum):
    """What a message is sent by: a program mails, a person with a list writes to the creator directly, or telephones."""

    MAIL = "mail"
    DIRECT = "direct"
    TELEPHONE = "telephone"


# Attention by the hour at which a message arrives; what arrives while somebody sleeps lies below the morning's other mail.
BY_DAY = (*[0.7] * 7, 0.8, 0.9, *[1.0] * 9, *[0.95] * 3, 0.9, 0.8, 0.7)
BY_EVENING = (*[0.65] * 8, 0.7, *[0.8] * 8, *[1.0] * 6, 0.75)
IN_OFFICE = (*[0.8] * 7, 0.9, *[1.0] * 9, 0.95, *[0.8] * 6)
ANY_DAY = (1.0,) * 7
FEWER_ON_WEEKENDS = (1.0, 1.0, 1.0, 1.0, 0.95, 0.8, 0.85)
ON_WEEKDAYS = (1.0, 1.0, 1.0, 1.0, 0.9, 0.5, 0.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Character:
    """Chances at the best hour of the best day. `acts_when_reminded`: where an earlier message had been read without effect.

    `takes`: the median time from the message to the deed. `extends_alone`: on TikTok's own notice, before a period ends.
    `halves_at`: so many messages within 14 days halve the attention. `by_new_code`: the share of renewals that come as a
    code instead of an extension; `wrong_code`: the share of those that are of another post, or mistyped.
    """

    name: str
    share: float
    notices: float
    acts: float
    acts_when_reminded: float
    takes: timedelta
    extends_alone: float = 0.15
    hours: tuple[float, ...] = BY_DAY
    weekdays: tuple[float, ...] = FEWER_ON_WEEKENDS
    channels: Mapping[Channel, float] = field(default_factory=lambda: {Channel.MAIL: 0.93, Channel.DIRECT: 1.0})
    halves_at: float = 8
    by_new_code: float = 0.15
    wrong_code: float = 0.1
    declines: float = 0.005

    def __post_init__(self) -> None:
        if (len(self.hours), len(self.weekdays)) != (24, 7):
            raise ValueError("a day has 24 hours, and a week seven days")


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


RELIABLE = Character(name="reliable", share=0.32, notices=0.95, acts=0.95, acts_when_reminded=0.95, takes=hours(5))
CHARACTERS = (
    RELIABLE,
    replace(RELIABLE, name="evenings", share=0.20, notices=0.92, acts=0.90, acts_when_reminded=0.90, takes=hours(9),
            hours=BY_EVENING, weekdays=ANY_DAY),
    replace(RELIABLE, name="pastes", share=0.10, notices=0.90, acts=0.90, acts_when_reminded=0.90, takes=hours(8),
            by_new_code=0.9, wrong_code=0.2),
    replace(RELIABLE, name="forgets", share=0.16, notices=0.90, acts=0.50, acts_when_reminded=0.75, takes=hours(10),
            extends_alone=0.10),
    replace(RELIABLE, name="agency", share=0.12, notices=0.95, acts=0.92, acts_when_reminded=0.92, takes=hours(26),
            extends_alone=0.05, hours=IN_OFFICE, weekdays=ON_WEEKDAYS, channels={Channel.MAIL: 1.0, Channel.DIRECT: 0.9}),
    replace(RELIABLE, name="slow", share=0.08, notices=0.85, acts=0.85, acts_when_reminded=0.85, takes=hours(72),
            extends_alone=0.10),
    replace(RELIABLE, name="never", share=0.02, notices=0.00, acts=0.00, acts_when_reminded=0.00, takes=hours(24),
            extends_alone=0.00),
)  # fmt: skip

ZONES = (
    (0.24, "America/New_York"),
    (0.10, "America/Chicago"),
    (0.12, "America/Los_Angeles"),
    (0.06, "America/Sao_Paulo"),
    (0.12, "Europe/London"),
    (0.12, "Europe/Paris"),
    (0.08, "Europe/Berlin"),
    (0.02, "Africa/Lagos"),
    (0.02, "Asia/Dubai"),
    (0.01, "Asia/Kolkata"),
    (0.03, "Asia/Jakarta"),
    (0.04, "Asia/Tokyo"),
    (0.03, "Australia/Sydney"),
    (0.01, "Pacific/Auckland"),
)
# Who does not grant as long a period as was asked for; what was granted is what counts.
AT_MOST_DAYS = ((0.75, 365), (0.15, 60), (0.10, 30))
HOLIDAYS_A_YEAR = ((0.3, 0), (0.45, 1), (0.25, 2))
ATTENTION_ON_HOLIDAY = 0.15
# Illness, exams, a shoot abroad: a week in seven.
BUSY_WEEKS, ATTENTION_WHEN_BUSY = 0.14, 0.5
TELLS_OF_HOLIDAYS = 0.3
# Of whom a number for text messages is known, beside the mail address.
HAS_PHONE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Temper:
    """How much harsher or milder all characters are than the table says."""

    name: str = "as modelled"
    attention: float = 1.0
    will: float = 1.0
    slowness: float = 1.0
    never: float = 1.0
    alone: float = 1.0


TEMPERS = (
    Temper(),
    Temper(name="harsher", attention=0.8, will=0.85, slowness=1.5, never=2.0, alone=0.5),
    Temper(name="milder", attention=1.1, will=1.1, slowness=0.7, never=0.5, alone=2.0),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Creator:
    """One person. `mutes_at`: so many messages within 30 days, and nothing more is read (Everspark is told to stop)."""

    handle: str
    seed: int
    character: Character
    temper: Temper
    place: ZoneInfo
    at_most_days: int
    mutes_at: int
    holidays: tuple[Holiday, ...]
    tells_of_holidays: bool
    has_phone: bool

    def is_away(self, at: datetime) -> bool:
        return any(each.begins_at <= at < each.ends_at for each in self.holidays)


def creator(seed: int, number: int, temper: Temper, year_begins: datetime) -> Creator:
    """The creator `number` of the year `seed`."""
    who = (seed, "creator", number)
    cast = [(each.share * (temper.never if each.name == "never" else 1), each) for each in CHARACTERS]
    holidays = pick(HOLIDAYS_A_YEAR, *who, "holidays")
    return Creator(
        handle=f"creator{number}",
        seed=seed,
        character=pick(cast, *who, "character"),
        temper=temper,
        place=ZoneInfo(pick(ZONES, *who, "zone")),
        at_most_days=pick(AT_MOST_DAYS, *who, "at most"),
        mutes_at=round(between(12, 40, *who, "mutes")),
        holidays=tuple(holiday(year_begins, *who, "holiday", each) for each in range(holidays)),
        tells_of_holidays=draw(*who, "tells") < TELLS_OF_HOLIDAYS,
        has_phone=draw(*who, "phone") < HAS_PHONE,
    )


def holiday(year_begins: datetime, *question: object) -> Holiday:
    """Five to fifteen days somewhere in the year."""
    begins_at = year_begins + timedelta(days=round(between(0, 360, *question, "begin")))
    return Holiday(begins_at=begins_at, ends_at=begins_at + timedelta(days=round(between(5, 15, *question, "length"))))
