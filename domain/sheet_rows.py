"""One row of a sheet of existing codes: what it says, or what is wrong with it, by column and with the remedy.

A remedy never repeats what a cell holds: it is shown, and a code may stand in any of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TypeVar

from domain import spark_code
from domain.acts import FURTHEST
from domain.sheets import Column
from domain.spark_code import Found

T = TypeVar("T")

LONGEST_ID, LONGEST_CAMPAIGN = 32, 200
# What it is taken for where neither a number of days nor an end is given.
USUAL_DAYS = 30
LAST_SECOND = time(23, 59, 59, tzinfo=UTC)
# A spreadsheet keeps fifteen digits of a number, and makes zeros of the rest.
DIGITS_KEPT = 15
# How a cell says that it is a text: '123 or ="123".
QUOTED = re.compile(r"^(?:'(?P<text>.*)|=\"(?P<formula>.*)\")$", re.DOTALL)
DIGITS = re.compile(r"[0-9]+")
ROUNDED = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+")
HANDLE = re.compile(r"@?([\w.]{1,64})")
LINK = re.compile(
    r"(?:https?://)?(?:www\.|m\.)?tiktok\.com/@(?P<handle>[\w.]{1,64})/(?:video|photo)/(?P<post>[0-9]{1,32})(?:[/?#]\S*)?",
    re.IGNORECASE,
)
# One that a blank breaks, and that is no whole one without it.
INTERRUPTED = re.compile(r"#[A-Za-z0-9+/_-]+(?: +[A-Za-z0-9+/_-]+)+=")
SHORT_LINK = re.compile(r"(?:https?://)?(?:v[mt]\.tiktok\.com|(?:www\.)?tiktok\.com/t)/\S*", re.IGNORECASE)
PLAIN_LINK = "https://www.tiktok.com/@{handle}/video/{post}"
NO_ADVERTISER = "It is missing. Give the advertiser's id, digits only."
EXAMPLE = PLAIN_LINK.format(handle="maya.moves", post="7300000000000000001")

TOO_MANY = "It has more cells than the first line has columns. Put a cell that holds a separator into quotation marks."
NO_POST = f"It is missing. Give the post's number, or its link such as {EXAMPLE}."


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaint:
    """What is wrong with one cell, and what would mend it."""

    column: Column
    sentence: str

    def __str__(self) -> str:
        return f"{self.column}: {self.sentence}"


class RowError(ValueError):
    """A row that cannot be taken; `complaints` has all that is wrong with it (as text a line for each), `key` its post if known."""

    def __init__(self, complaints: Iterable[Complaint], *, key: str | None = None) -> None:
        self.complaints, self.key = tuple(complaints), key
        super().__init__("\n".join(map(str, self.complaints)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A code, or a period, that exists already. `is_whole_day`: only the day of the end was told."""

    advertiser_id: str
    item_id: str
    handle: str
    item_url: str | None = None
    code: Found | None = field(default=None, repr=False)
    ends_at: datetime | None = None
    is_whole_day: bool = False
    days: int | None = None
    reference: str | None = None
    needed_until: datetime | None = None

    @property
    def key(self) -> str:
        return f"{self.advertiser_id}/{self.item_id}"

    def period(self, *, now: datetime, offered_days: Sequence[int]) -> int:
        """Days of the period: as told, else the shortest on offer that could still last until the end."""
        if self.days is not None or self.ends_at is None:
            return self.days or USUAL_DAYS
        left = self.ends_at - now
        return next((days for days in sorted(offered_days) if timedelta(days=days) >= left), max(offered_days))

    def starts_at(self, *, now: datetime, offered_days: Sequence[int]) -> datetime:
        """When the period began, as far as that can be told: its days before its end, and not ahead."""
        if self.ends_at is None:
            return now
        return min(now, self.ends_at - timedelta(days=self.period(now=now, offered_days=offered_days)))


class Reading:
    """One row being read; each cell that cannot be is noted, and the next one is read on."""

    def __init__(self, cells: Mapping[Column, str]) -> None:
        self._cells = cells
        self.complaints: list[Complaint] = []

    def text(self, column: Column) -> str:
        """What stands there, without what makes a spreadsheet take it for a text."""
        text = self._cells.get(column, "").strip()
        found = QUOTED.match(text)
        return (found["text"] or found["formula"] or "").strip() if found else text

    def exactly(self, read: Callable[..., T], column: Column) -> Callable[[str], T]:
        """`read`, told whether the cell says that it is a text, and so was not rounded."""
        return partial(read, is_exact=QUOTED.match(self._cells.get(column, "").strip()) is not None)

    def get(self, column: Column, read: Callable[[str], T]) -> T | None:
        """None where nothing stands there, or what cannot be read."""
        text = self.text(column)
        if not text:
            return None
        try:
            if column is not Column.CODE:
                _plain(text)
            return read(text)
        except ValueError as error:
            self.wrong(column, str(error))
            return None

    def need(self, column: Column, read: Callable[[str], T], remedy: str) -> T | None:
        if not self.text(column):
            self.wrong(column, remedy)
        return self.get(column, read)

    def wrong(self, column: Column, sentence: str) -> None:
        self.complaints.append(Complaint(column=column, sentence=sentence))


def parse(cells: Mapping[Column, str], *, now: datetime, offered_days: Sequence[int]) -> Held:
    """What a row says. Raises RowError with everything that is wrong with it."""
    row = Reading(cells)
    if row.text(Column.ROW):
        row.wrong(Column.ROW, TOO_MANY)
    advertiser_id = row.need(Column.ADVERTISER, row.exactly(_id, Column.ADVERTISER), NO_ADVERTISER) or ""
    item_id, author = row.need(Column.POST, row.exactly(_post, Column.POST), NO_POST) or ("", "")
    handle = _creator(row, author, has_post=bool(item_id))
    code = row.get(Column.CODE, _code)
    ends_at = row.get(Column.ENDS, lambda text: _ahead(_instant(text), now))
    if not row.text(Column.CODE) and not row.text(Column.ENDS):
        row.wrong(Column.CODE, "It is missing, and so is the end date. Give one of the two, or both.")
    days = row.get(Column.DAYS, lambda text: _days(text, offered_days))
    reference = row.get(Column.CAMPAIGN, _campaign)
    needed_until = row.get(Column.NEEDED, lambda text: _ahead(_instant(text), now))
    if row.complaints:
        raise RowError(row.complaints, key=f"{advertiser_id}/{item_id}" if advertiser_id and item_id else None)
    return Held(
        advertiser_id=advertiser_id,
        item_id=item_id,
        handle=handle,
        item_url=PLAIN_LINK.format(handle=author, post=item_id) if author else None,
        code=code,
        ends_at=ends_at,
        is_whole_day=ends_at is not None and _is_day(row.text(Column.ENDS)),
        days=days,
        reference=reference,
        needed_until=needed_until,
    )


def _creator(row: Reading, author: str, *, has_post: bool) -> str:
    """The handle, from its own cell or from the post's link; the two must not differ."""
    handle = row.get(Column.CREATOR, _handle) or author
    if has_post and not handle and not row.text(Column.CREATOR):
        row.wrong(Column.CREATOR, "It is missing. Give the creator's handle such as @maya.moves, or the post's link.")
    if author and handle != author:
        row.wrong(Column.CREATOR, "The post's link names another creator. Correct one of the two.")
    return handle


def _plain(text: str) -> None:
    """A code where none belongs would be shown to whoever reads the row."""
    if spark_code.stands_in(text):
        raise ValueError("This looks like a Spark code. Put it into the column code.")
    if "\ufffd" in text:
        raise ValueError("A character cannot be read. Save the sheet as CSV UTF-8, then send it again.")


def _id(text: str, *, is_exact: bool) -> str:
    if ROUNDED.fullmatch(text):
        raise ValueError("The spreadsheet has rounded this number. Format the column as text, then enter it again.")
    if not DIGITS.fullmatch(text) or len(text) > LONGEST_ID or not text.isascii():
        raise ValueError(f"This is no id. Give digits only, at most {LONGEST_ID}.")
    if not is_exact and len(text) > DIGITS_KEPT + 1 and not text[DIGITS_KEPT:].strip("0"):
        raise ValueError(
            "It ends in zeros, as numbers do that a spreadsheet has rounded. Format the column as text and enter it again;"
            " if it is right as it is, write a ' before it."
        )
    return text


def _post(text: str, *, is_exact: bool) -> tuple[str, str]:
    """The post's number, and its creator's handle where the link tells."""
    if found := LINK.fullmatch(text):
        return found["post"], found["handle"].lower()
    if SHORT_LINK.fullmatch(text):
        raise ValueError("A short link does not tell the post's number. Open it, and copy the whole address.")
    if not text[:1].isdigit():
        raise ValueError(f"This is neither a post's number nor its link such as {EXAMPLE}.")
    return _id(text, is_exact=is_exact), ""


def _handle(text: str) -> str:
    found = HANDLE.fullmatch(text)
    if not found:
        raise ValueError("This is no handle. Give letters, digits, dots and underscores, such as @maya.moves.")
    return found[1].lower()


def _code(text: str) -> Found:
    found = spark_code.find(text)
    if not (found and found.is_strict) and INTERRUPTED.search(spark_code.without_invisible(text)):
        raise ValueError("The code is not whole: a blank stands in it. Copy it again, from # to =.")
    if found is None:
        raise ValueError("No Spark code stands here. Copy it whole, from # to =.")
    if len(set(spark_code.STRICT.findall(text))) > 1:
        raise ValueError("Several codes stand in one cell. Give each post a row of its own.")
    return found


def _instant(text: str) -> datetime:
    """A day means its last second, in UTC; an instant has a zone."""
    try:
        if _is_day(text):
            return datetime.combine(date.fromisoformat(text), LAST_SECOND)
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("This is no date. Write it as 2026-12-31, or 2026-12-31T18:00:00Z.") from None
    if instant.tzinfo is None:
        raise ValueError("This time has no zone. Write it as 2026-12-31T18:00:00Z, or only the day.")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("This is no date. Write it as 2026-12-31, or 2026-12-31T18:00:00Z.") from None


def _is_day(text: str) -> bool:
    return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None


def _ahead(instant: datetime, now: datetime) -> datetime:
    if instant <= now:
        raise ValueError("It is over. Leave the row out, or give a later end.")
    if instant > now + FURTHEST:
        raise ValueError("It lies more than ten years ahead. Correct the year.")
    return instant


def _days(text: str, offered_days: Sequence[int]) -> int:
    number = re.fullmatch(r"([0-9]{1,4})(?: ?d(?:ays?)?)?", text, re.IGNORECASE)
    if number is None or int(number[1]) not in offered_days:
        raise ValueError(f"TikTok offers no such period. Give one of {', '.join(map(str, offered_days))}.")
    return int(number[1])


def _campaign(text: str) -> str:
    if len(text) > LONGEST_CAMPAIGN or not text.isprintable():
        raise ValueError(f"Give at most {LONGEST_CAMPAIGN} characters, in one line.")
    return text
