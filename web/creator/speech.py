"""The page's words in one language; dates and spans are told as in mails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from zoneinfo import ZoneInfo

from domain.refusals import Who, refusal_named
from infra.mail_words import day_in, instant_in, spaced, span_of
from web.creator.languages import de, en, es, fr

LANGUAGES: Mapping[str, ModuleType] = {"en": en, "fr": fr, "es": es, "de": de}
FALLBACK = "en"
# One wish of Accept-Language: a tag and how much it is wished for.
WISH = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,35})?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*")
MOST_WISHES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Speech:
    """How one reader is spoken to. Instants are told in `zone`."""

    language: str
    zone: ZoneInfo

    def say(self, word: str, **values: object) -> str:
        """The sentence that `word` stands for."""
        text: str = LANGUAGES[self.language].WORDS[word]
        return spaced(text.format(**values), self.language)

    def refusal(self, symbol: str) -> tuple[str, str]:
        """Cause and next step. What only the operator can settle is told as that, not in TikTok's terms."""
        rows: Mapping[str, tuple[str, str]] = LANGUAGES[self.language].REFUSALS
        passes = "passes" if refusal_named(symbol).who is Who.NOBODY else "unknown"
        cause, step = rows.get(symbol) or rows[passes]
        return spaced(cause, self.language), spaced(step, self.language)

    def day(self, day: date) -> str:
        """`Tuesday 22 December 2026`."""
        return day_in(day, self.language)

    def instant(self, instant: datetime) -> str:
        """`Tuesday 22 December 2026, 10:58 (Europe/Paris)`."""
        return instant_in(instant, self.zone, self.language)

    def span(self, span: timedelta) -> str:
        """`10 days`, `14 hours`: rounded down, so that nobody is promised more than there is."""
        return span_of(span, self.language) if span > timedelta() else self.say("over")

    def __call__(self, word: str, **values: object) -> str:
        return self.say(word, **values)


def speech(language: str, zone: str | None = None) -> Speech:
    """`zone` is an IANA name; without one that is known, UTC, which is never wrong."""
    return Speech(language=language, zone=zone_named(zone))


def zone_named(name: str | None) -> ZoneInfo:
    """The zone, or UTC for a name that nobody knows."""
    try:
        return ZoneInfo(name) if name else ZoneInfo("UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def language_for(*, chosen: str = "", locale: str | None = None, accepted: str = "") -> str:
    """The language chosen on the page, else the creator's, else what the browser wishes for, else English."""
    for wish in (chosen, re.split(r"[-_.@]", locale or "", maxsplit=1)[0].strip().lower(), *wishes(accepted)):
        if wish in LANGUAGES:
            return wish
    return FALLBACK


def wishes(accepted: str) -> list[str]:
    """The languages of an Accept-Language header, the dearest first; what cannot be read is no wish."""
    found = [WISH.fullmatch(part) for part in accepted[:1000].split(",")[:MOST_WISHES]]
    rated = [(float(match[2] or 1), match[1].lower()) for match in found if match]
    return [language for rate, language in sorted(rated, key=lambda wish: -wish[0]) if rate > 0]


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day in a zone, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
