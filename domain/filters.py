"""What operators look for among authorizations: a value that reads from an address, writes itself into one, and says itself.

The same filter stands in the list's address, in a saved view, behind a sheet that is exported, and behind an act on
everything that it matches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from domain import spark_code
from domain.authorization import State
from domain.events import Condition, Route
from domain.money import CENT

LONGEST, LONGEST_ID = 100, 32
MOST_DAYS = 3650
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
NO_CODE = "the last four characters of a code, never all of it"
E = TypeVar("E", bound=StrEnum)
Pairs = Iterable[tuple[str, str]]


class Sort(StrEnum):
    """What stands first."""

    END = "end"
    MONEY = "money"
    NEWEST = "newest"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaint:
    """A part of a filter that cannot be read: which, and what it may be."""

    name: str
    remedy: str


class FilterError(ValueError):
    """A filter that cannot be read as a whole; `complaints` names each part that cannot."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = tuple(complaints)
        super().__init__("; ".join(f"{each.name}: {each.remedy}" for each in complaints))


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """All of it must hold; of several words for one part, any. Everything empty matches everything.

    `left_from` and `left_to`: days until the end, negative after it; while both are not, only what is in force has days
    left. `ends_from` and `ends_to`: the first and the last date (UTC) of the end, of what is in force or has expired.
    `risk_from`: least money at risk, in `currency` where that is named. `unconfirmed`: days for which TikTok has not
    confirmed what is in force. `search`: a post, a key, the beginning of a handle or of a campaign's name, or the last
    characters of a code.
    """

    state: tuple[State, ...] = ()
    route: tuple[Route, ...] = ()
    condition: tuple[Condition, ...] = ()
    advertiser: str = ""
    creator: str = ""
    campaign: str = ""
    left_from: int | None = None
    left_to: int | None = None
    ends_from: date | None = None
    ends_to: date | None = None
    risk_from: Decimal | None = None
    currency: str = ""
    unconfirmed: int | None = None
    search: str = ""

    @property
    def is_empty(self) -> bool:
        return not pairs_of(self)


def read(pairs: Pairs) -> Filter:
    """The filter of an address's query; names that are not a filter's are left to others. Raises FilterError."""
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        if name in PARTS and text.strip():
            given.setdefault(name, []).append(text.strip())
    values, complaints = {}, []
    for name, texts in given.items():
        try:
            values[name] = PARTS[name](texts)
        except ValueError as error:
            complaints.append(Complaint(name=name, remedy=str(error)))
    complaints += _crossed(values)
    if complaints:
        raise FilterError(complaints)
    return Filter(**values)


def pairs_of(wanted: Filter) -> list[tuple[str, str]]:
    """The filter as a query's pairs, always in the same order, so that two addresses of one filter are equal."""
    pairs: list[tuple[str, str]] = []
    for part in fields(wanted):
        value = getattr(wanted, part.name)
        if isinstance(value, tuple):
            pairs += [(part.name, str(word)) for word in sorted(value)]
        elif value is not None and value != "":
            pairs.append((part.name, str(value)))
    return pairs


def words_of(wanted: Filter) -> str:
    """The filter in words, for a heading and for the question before an act."""
    said = [sentence for sentence in (saying(wanted) for saying in SAYINGS) if sentence]
    return ", ".join(said) or "all authorizations"


def _crossed(values: Mapping[str, Any]) -> Iterator[Complaint]:
    """Of what begins beyond its end, the end."""
    for first, last, remedy in (
        ("left_from", "left_to", "at least {}, as many as the days that it begins with"),
        ("ends_from", "ends_to", "{} or later, as it begins with that day"),
    ):
        least, most = values.get(first), values.get(last)
        if least is not None and most is not None and least > most:
            yield Complaint(name=last, remedy=remedy.format(least))


def _choice(kind: type[E]) -> Callable[[list[str]], tuple[E, ...]]:
    def read_words(texts: list[str]) -> tuple[E, ...]:
        try:
            return tuple(sorted({kind(text.lower()) for text in texts}))
        except ValueError:
            raise ValueError(f"one of {', '.join(kind)}") from None

    return read_words


def _text(texts: list[str]) -> str:
    text = texts[-1]
    if spark_code.stands_in(text):
        raise ValueError(NO_CODE)
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"at most {LONGEST} printable characters")
    return text


def _advertiser(texts: list[str]) -> str:
    number = texts[-1]
    if not (number.isascii() and number.isdecimal() and len(number) <= LONGEST_ID):
        raise ValueError("an advertiser's number, in digits")
    return number


def _handle(texts: list[str]) -> str:
    handle = _text([texts[-1].lower().lstrip("@ ")])
    if not handle:
        raise ValueError("a handle, such as @maya.moves")
    return handle


def _search(texts: list[str]) -> str:
    """What is looked for stands in the address, and in its history; a code must not."""
    if spark_code.find(texts[-1]) is not None:
        raise ValueError(NO_CODE)
    return _text(texts)


def _days(texts: list[str]) -> int:
    try:
        days = int(texts[-1])
    except ValueError:
        days = MOST_DAYS + 1
    if abs(days) > MOST_DAYS:
        raise ValueError(f"a whole number of days, at most {MOST_DAYS}")
    return days


def _date(texts: list[str]) -> date:
    try:
        day = date.fromisoformat(texts[-1])
    except ValueError:
        raise ValueError("a day, such as 2026-11-25") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"a day from {FIRST_DAY} to {LAST_DAY}")
    return day


def _age(texts: list[str]) -> int:
    if (days := _days(texts)) < 0:
        raise ValueError("a whole number of days, none below zero")
    return days


def _amount(texts: list[str]) -> Decimal:
    try:
        amount = Decimal(texts[-1])
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < 10**14:
        raise ValueError("an amount such as 250 or 99.50")
    cents = abs(amount.quantize(CENT))
    return cents if cents % 1 else Decimal(int(cents))


def _currency(texts: list[str]) -> str:
    code = texts[-1].upper()
    if len(code) != 3 or not code.isascii() or not code.isalpha():  # noqa: PLR2004 - ISO 4217
        raise ValueError("three letters, such as EUR")
    return code


PARTS: dict[str, Callable[[list[str]], Any]] = {
    "state": _choice(State),
    "route": _choice(Route),
    "condition": _choice(Condition),
    "advertiser": _advertiser,
    "creator": _handle,
    "campaign": _text,
    "left_from": _days,
    "left_to": _days,
    "ends_from": _date,
    "ends_to": _date,
    "risk_from": _amount,
    "currency": _currency,
    "unconfirmed": _age,
    "search": _search,
}


def _any(words: tuple[StrEnum, ...]) -> str:
    return " or ".join(word.replace("_", " ") for word in words)


def _days_of(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def _left(wanted: Filter) -> str:
    match wanted.left_from, wanted.left_to:
        case None, None:
            return ""
        case None | 0, int(most) if most >= 0:
            return f"ending within {_days_of(most)}"
        case None, int(most):
            return f"over for {_days_of(-most)} or more"
        case int(least), None if least >= 0:
            return f"with {_days_of(least)} left or more"
        case int(least), None:
            return f"ended at most {_days_of(-least)} ago, or yet to end"
        case int(least), int(most) if least < 0 <= most:
            return f"ended at most {_days_of(-least)} ago, or ending within {_days_of(most)}"
        case int(least), int(most) if most < 0:
            return f"ended {-most} to {_days_of(-least)} ago"
        case least, most:
            return f"with {least} to {_days_of(most or 0)} left"


def _ends(wanted: Filter) -> str:
    match wanted.ends_from, wanted.ends_to:
        case None, None:
            return ""
        case None, date() as last:
            return f"ending until {last:%d %b %Y}"
        case date() as first, None:
            return f"ending from {first:%d %b %Y} on"
        case first, last if first == last:
            return f"ending on {first:%d %b %Y}"
        case first, last:
            return f"ending from {first:%d %b %Y} to {last:%d %b %Y}"


SAYINGS: tuple[Callable[[Filter], str], ...] = (
    lambda wanted: _any(wanted.state),
    lambda wanted: f"by {_any(wanted.route)}" if wanted.route else "",
    lambda wanted: f"post {_any(wanted.condition)}" if wanted.condition else "",
    lambda wanted: f"of advertiser {wanted.advertiser}" if wanted.advertiser else "",
    lambda wanted: f"by @{wanted.creator}" if wanted.creator else "",
    lambda wanted: f"for {wanted.campaign}" if wanted.campaign else "",
    _left,
    _ends,
    lambda wanted: (
        f"{wanted.risk_from} {wanted.currency}".strip() + " or more at risk" if wanted.risk_from is not None else ""
    ),
    lambda wanted: f"in {wanted.currency}" if wanted.currency and wanted.risk_from is None else "",
    lambda wanted: (
        f"not confirmed for {_days_of(wanted.unconfirmed)} or more" if wanted.unconfirmed is not None else ""
    ),
    lambda wanted: f"matching “{wanted.search}”" if wanted.search else "",
)
