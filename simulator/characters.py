"""Creators who behave like people: each character is a pure decision over what was received, when, and how often.

The same seed, post and message always lead to the same deeds at the same instants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from random import Random
from zoneinfo import ZoneInfo

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Character(StrEnum):
    """How somebody answers; what each does is in CHARACTERS below."""

    PROMPT = "prompt"
    FORGETFUL = "forgetful"
    NIGHT_OWL = "night_owl"
    SILENT = "never_answers"
    SECOND_ASK = "extends_on_the_second_ask"
    WRONG_CODE = "pastes_the_wrong_code"
    REVOKES = "revokes"
    DECLINES = "declines"
    ON_HOLIDAY = "on_holiday"
    DELETES = "deletes_the_post"


class Wish(StrEnum):
    """What a message asks for: a first authorization of a post, more days for it, or access to the whole account."""

    AUTHORIZE = "authorize"
    EXTEND = "extend"
    ACCESS = "access"


class Deed(StrEnum):
    """What a creator can do about one post, or (GRANT) about the whole account."""

    EXTEND = "extend"
    PASTE = "paste"
    PASTE_WRONG = "paste_wrong"
    GRANT = "grant"
    DECLINE = "decline"
    REVOKE = "revoke"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A message as its reader takes it. `count`: which one it is about this post and wish, the first is 1."""

    wish: Wish
    item_id: str
    days: int
    at: datetime
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """A deed at an instant; `days` as they were asked for."""

    at: datetime
    deed: Deed
    item_id: str
    days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who reads: a character with a seed, in a zone."""

    character: Character
    zone: ZoneInfo
    seed: int


def acts_of(person: Person, message: Received) -> tuple[Act, ...]:
    """What the person will do about the message, the first deed first; nothing is an answer too."""
    source = f"{person.seed}:{message.item_id}:{message.wish}:{message.count}"
    chance = Random(source)  # noqa: S311 - the same seed gives the same life
    return CHARACTERS[person.character](message, person.zone, chance)


Decision = Callable[[Received, ZoneInfo, Random], tuple[Act, ...]]


def prompt(message: Received, zone: ZoneInfo, chance: Random) -> tuple[Act, ...]:
    """Answers within hours, but not in the night."""
    return (_act(message, _by_day(message.at + chance.uniform(0.5, 6) * HOUR, zone), _asked(message)),)


def forgetful(message: Received, zone: ZoneInfo, chance: Random) -> tuple[Act, ...]:
    """Every other message is forgotten; the others are answered after some days."""
    if chance.random() < 0.5 and message.count < 3:  # noqa: PLR2004 - the third time even they remember
        return ()
    return (_act(message, _by_day(message.at + chance.uniform(1, 4) * DAY, zone), _asked(message)),)


def night_owl(message: Received, zone: ZoneInfo, chance: Random) -> tuple[Act, ...]:
    """Does everything between one and four at night."""
    local = message.at.astimezone(zone)
    night = datetime.combine(local.date(), time(1), zone) + chance.uniform(0, 3) * HOUR
    return (_act(message, night if night > message.at else night + DAY, _asked(message)),)


def silent(_message: Received, _zone: ZoneInfo, _chance: Random) -> tuple[Act, ...]:
    """Never answers."""
    return ()


def second_ask(message: Received, zone: ZoneInfo, chance: Random) -> tuple[Act, ...]:
    """Lets the first request for more days lie, and follows the second."""
    if message.wish is Wish.EXTEND and message.count == 1:
        return ()
    return prompt(message, zone, chance)


def wrong_code(message: Received, zone: ZoneInfo, chance: Random) -> tuple[Act, ...]:
    """Sends a code that does not work, and the right one when somebody has complained. Extending goes well."""
    (first,) = prompt(message, zone, chance)
    if message.wish is not Wish.AUTHORIZE:
        return (first,)
    later = _by_day(first.at + chance.uniform(18, 40) * HOUR, zone)
    return (_act(message, first.at, Deed.PASTE_WRONG), _act(message, later, Deed.PASTE))


def revokes(message: Received, zone: ZoneInfo, chance: Random) -> tuple[Act, ...]:
    """Agrees, regrets it a week or two later, and tells nobody."""
    (first,) = prompt(message, zone, chance)
    return (first, _act(message, first.at + chance.uniform(6, 16) * DAY, Deed.REVOKE))


def declines(message: Received, zone: ZoneInfo, chance: Random) -> tuple[Act, ...]:
    """Gives a first authorization, and says no to more days."""
    (first,) = prompt(message, zone, chance)
    return (_act(message, first.at, Deed.DECLINE),) if message.wish is Wish.EXTEND else (first,)


def on_holiday(message: Received, zone: ZoneInfo, chance: Random) -> tuple[Act, ...]:
    """Reads everything a week late."""
    return (_act(message, _by_day(message.at + chance.uniform(6, 9) * DAY, zone), _asked(message)),)


def deletes(message: Received, zone: ZoneInfo, chance: Random) -> tuple[Act, ...]:
    """Gives the code; when asked for more days, tidies the account and deletes the post."""
    (first,) = prompt(message, zone, chance)
    return (_act(message, first.at, Deed.DELETE),) if message.wish is Wish.EXTEND else (first,)


CHARACTERS: dict[Character, Decision] = {
    Character.PROMPT: prompt,
    Character.FORGETFUL: forgetful,
    Character.NIGHT_OWL: night_owl,
    Character.SILENT: silent,
    Character.SECOND_ASK: second_ask,
    Character.WRONG_CODE: wrong_code,
    Character.REVOKES: revokes,
    Character.DECLINES: declines,
    Character.ON_HOLIDAY: on_holiday,
    Character.DELETES: deletes,
}


def _asked(message: Received) -> Deed:
    return {Wish.AUTHORIZE: Deed.PASTE, Wish.EXTEND: Deed.EXTEND, Wish.ACCESS: Deed.GRANT}[message.wish]


def _act(message: Received, at: datetime, deed: Deed) -> Act:
    return Act(at=at.astimezone(UTC), deed=deed, item_id=message.item_id, days=message.days)


def _by_day(instant: datetime, zone: ZoneInfo) -> datetime:
    """The instant, or, when that is in the person's night (22 to 8), the next morning at the same minute past eight."""
    local = instant.astimezone(zone)
    if 8 <= local.hour < 22:  # noqa: PLR2004 - when people are awake
        return instant
    morning = local.replace(hour=8)
    return morning if local.hour < 8 else morning + DAY  # noqa: PLR2004 - as above
