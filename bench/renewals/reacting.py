"""What a creator does with a message: notices it or not, takes some time, and then extends, pastes a code, forgets or declines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bench.renewals.draws import between, draw, waited
from bench.renewals.people import ATTENTION_ON_HOLIDAY, ATTENTION_WHEN_BUSY, BUSY_WEEKS, Channel, Creator

A_FORTNIGHT, A_MONTH = timedelta(days=14), timedelta(days=30)
WAKES, SLEEPS = 7, 23


class Deed(StrEnum):
    """What came of one item of a message that was read."""

    EXTENDS = "extends"
    NEW_CODE = "new_code"
    WRONG_CODE = "wrong_code"
    FORGETS = "forgets"
    DECLINES = "declines"


@dataclass(slots=True)
class Memory:
    """What a creator has been through under one policy."""

    got_at: list[datetime]
    read_in_vain: dict[str, datetime]
    has_muted: bool = False

    def lately(self, at: datetime, span: timedelta) -> int:
        return sum(at - span < each <= at for each in self.got_at)


def mutes(creator: Creator, memory: Memory, at: datetime) -> bool:
    """Whether the message at `at`, which `memory` holds already, was one too many."""
    return memory.lately(at, A_MONTH) >= creator.mutes_at


def attention(creator: Creator, memory: Memory, at: datetime, channel: Channel) -> float:
    """The chance that a message that arrives at `at` is noticed at all."""
    character, wall = creator.character, at.astimezone(creator.place)
    chance = character.notices * character.hours[wall.hour] * character.weekdays[wall.weekday()]
    chance *= character.channels[channel] * creator.temper.attention
    if draw(creator.seed, creator.handle, "busy", wall.isocalendar()[:2]) < BUSY_WEEKS:
        chance *= ATTENTION_WHEN_BUSY
    others = max(0, memory.lately(at, A_FORTNIGHT) - 1)
    return chance * math.pow(0.5, others / character.halves_at)


def read_at(creator: Creator, memory: Memory, at: datetime, channel: Channel) -> datetime | None:
    """When the creator gets to a message of `at`, or None. One mood a date: of two messages that day both are met alike."""
    if memory.has_muted:
        return None
    mood = (creator.seed, creator.handle, at.astimezone(creator.place).date())
    chance, luck = attention(creator, memory, at, channel), draw(*mood, "notices")
    wait = waited(creator.character.takes * creator.temper.slowness, *mood, "takes")
    if not creator.is_away(at):
        return awake(creator, at + wait, *mood) if luck < chance else None
    if luck < chance * ATTENTION_ON_HOLIDAY:
        return awake(creator, at + wait, *mood)
    # Back at home, half of what had come meanwhile is looked through.
    back_at = max(each.ends_at for each in creator.holidays if each.begins_at <= at)
    return awake(creator, max(back_at, at) + wait, *mood) if luck < chance * 0.5 else None


def awake(creator: Creator, at: datetime, *mood: object) -> datetime:
    """`at`, or the morning after if the creator sleeps then."""
    wall = at.astimezone(creator.place)
    if WAKES <= wall.hour < SLEEPS:
        return at
    return at + timedelta(hours=(WAKES - wall.hour) % 24 + between(0, 2, *mood, "morning"))


def deed(creator: Creator, memory: Memory, key: str, at: datetime) -> Deed:
    """What the creator does about the code `key` when reading of it at `at`."""
    character = creator.character
    question = (creator.seed, creator.handle, key, at.astimezone(creator.place).date())
    before = memory.read_in_vain.get(key)
    was_reminded = before is not None and at - before < A_FORTNIGHT
    will = (character.acts_when_reminded if was_reminded else character.acts) * creator.temper.will
    if draw(*question, "declines") < character.declines:
        return Deed.DECLINES
    if draw(*question, "acts") >= will:
        return Deed.FORGETS
    if draw(*question, "by code") >= character.by_new_code:
        return Deed.EXTENDS
    return Deed.WRONG_CODE if draw(*question, "wrong") < character.wrong_code else Deed.NEW_CODE


def granted_days(creator: Creator, asked: int, offered: Sequence[int]) -> int:
    """What the creator gives: the days asked for, or the most that this creator gives to anyone."""
    return max((days for days in offered if days <= min(asked, creator.at_most_days)), default=offered[0])
