"""Dates, spans and free text as mails and the creator's page say them, in each language that there are pages for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_STUCK = "\u00a0"  # a number and its unit stay on one line
# A stop ends its word: neither addresses nor style sheets have these.
_FRENCH_SPACES = re.compile(r"(?<=«) | (?=»)|(?<=[\w»)]) (?=[:;!?](?:\s|<|$))")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Words:
    """`day` is a str.format pattern of weekday, number, month, year; `moment` of such a day, hour, minute.

    `units` are day, days, hour, hours.
    `entry` is what a calendar shows on the day of the end.
    """

    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    units: tuple[str, str, str, str]
    soon: str
    day: str
    moment: str
    entry: str


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_LANGUAGES = {
    "en": _Words(
        weekdays=_listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
        months=_listed(
            "January February March April May June July August September October November December",
        ),
        units=("day", "days", "hour", "hours"),
        soon="less than an hour",
        day="{weekday} {number} {month} {year}",
        moment="{day}, {hour}:{minute}",
        entry="TikTok ad authorization ends",
    ),
    "fr": _Words(
        weekdays=_listed("lundi mardi mercredi jeudi vendredi samedi dimanche"),
        months=_listed(
            "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        ),
        units=("jour", "jours", "heure", "heures"),
        soon="moins d’une heure",
        day="{weekday} {number} {month} {year}",
        moment=f"{{day}} à {{hour}}{_STUCK}h{_STUCK}{{minute}}",
        entry="Fin de l’autorisation publicitaire TikTok",
    ),
    "es": _Words(
        weekdays=_listed("lunes martes miércoles jueves viernes sábado domingo"),
        months=_listed(
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        ),
        units=("día", "días", "hora", "horas"),
        soon="menos de una hora",
        day="{weekday} {number} de {month} de {year}",
        moment=f"{{day}}, {{hour}}:{{minute}}{_STUCK}h",
        entry="Termina tu autorización de anuncios de TikTok",
    ),
    "de": _Words(
        weekdays=_listed("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
        months=_listed("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
        units=("Tag", "Tage", "Stunde", "Stunden"),
        soon="weniger als eine Stunde",
        day=f"{{weekday}}, {{number}}.{_STUCK}{{month}} {{year}}",
        moment=f"{{day}}, {{hour}}:{{minute}}{_STUCK}Uhr",
        entry="TikTok-Anzeigenautorisierung endet",
    ),
}
LOCALES = tuple(_LANGUAGES)


def language_of(locale: str | None) -> str:
    """`fr`, `fr-CA`, `fr_FR.UTF-8` are French; whatever there is no page for is English."""
    language = re.split(r"[-_.@]", (locale or "").strip().lower(), maxsplit=1)[0]
    return language if language in LOCALES else LOCALES[0]


def zone_of(name: str | None) -> ZoneInfo | None:
    """None for a zone nobody knows: the end is then told in UTC, which is never wrong."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def day_in(day: date, language: str) -> str:
    """`Tuesday 22 December 2026`."""
    words = _LANGUAGES[language]
    return words.day.format(
        weekday=words.weekdays[day.weekday()],
        number="1er" if language == "fr" and day.day == 1 else day.day,
        month=words.months[day.month - 1],
        year=day.year,
    )


def instant_in(instant: datetime, zone: ZoneInfo | None, language: str) -> str:
    """`Tuesday 22 December 2026, 10:58 (Europe/Paris)`: no format that two countries read differently."""
    local = instant.astimezone(zone or UTC)
    said = _LANGUAGES[language].moment.format(day=day_in(local, language), hour=f"{local:%H}", minute=f"{local:%M}")
    return f"{said} ({zone.key.replace('_', ' ')})" if zone else f"{said} UTC"


def span_of(span: timedelta, language: str) -> str:
    """`10 days`, `14 hours`: rounded down, so that nobody is promised more than there is."""
    day, days, hour, hours = _LANGUAGES[language].units
    if span >= timedelta(days=2):
        return f"{span.days}{_STUCK}{days if span.days > 1 else day}"
    count = span // timedelta(hours=1)
    return f"{count}{_STUCK}{hours if count > 1 else hour}" if count else _LANGUAGES[language].soon


def spaced(text: str, language: str) -> str:
    """The text as its language is set: in French no line breaks within « » or before : ; ! and ?"""
    return _FRENCH_SPACES.sub(_STUCK, text) if language == "fr" else text


def entry_title(language: str, what: str) -> str:
    """How a calendar names the end of `what`, which may be empty."""
    said = _LANGUAGES[language].entry
    return f"{said}: {what}" if what else said


def one_line(text: str) -> str:
    """Free text from outside, fit for a header or a line: no line breaks, control or direction characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
