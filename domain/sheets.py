"""Sheets of existing codes as text: separators, quotes, and the columns that their heading names, in any order.

Read line by line: neither a long sheet nor a quotation mark that nobody closes fills the memory.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from domain import spark_code

# A row with a whole chat message in it is far shorter.
LONGEST_ROW = 32_000
LONGEST_NAME, MOST_NAMES = 40, 20
SEPARATORS = "\t;,|"
NOT_A_WORD = re.compile(r"[\W_]+")
# What Excel writes first to tell its own separator.
ABOUT_THE_SEPARATOR = re.compile(r'^"?sep=.?"?$', re.IGNORECASE)


class Column(StrEnum):
    """What a row can tell; the words stand before what is wrong with a cell."""

    ADVERTISER = "advertiser"
    POST = "post"
    CREATOR = "creator"
    CODE = "code"
    ENDS = "end date"
    DAYS = "days"
    CAMPAIGN = "campaign"
    NEEDED = "needed until"
    # No column: filled with how many cells stand behind the last one.
    ROW = "row"


# Compared without case, spaces, signs and TikTok's name: `TikTok Ad account ID` is `adaccountid`.
NAMES: Mapping[Column, str] = {
    Column.ADVERTISER: "advertiser advertiserid adaccount adaccountid adaccountno advid aadvid",
    Column.POST: (
        "post postid postlink posturl video videoid videolink videourl item itemid itemlink itemurl link url"
    ),
    Column.CREATOR: "creator creatorhandle handle username influencer influencerhandle talent",
    Column.CODE: (
        "code sparkcode sparkadcode sparkadscode authcode authorizationcode authorisationcode videocode adcode"
    ),
    Column.ENDS: (
        "enddate end ends endsat endson expires expiresat expireson expiry expirydate expiration expirationdate"
        " validuntil authorizationend authorizationends authorizationenddate authorisationenddate codeexpiry codeends"
    ),
    Column.DAYS: "days period perioddays duration durationdays authorizationdays authorizationperiod authorisationperiod",
    Column.CAMPAIGN: "campaign campaignname campaignreference campaignref reference ref",
    Column.NEEDED: "neededuntil needed neededtill flightend flightenddate campaignend campaignends campaignenddate",
}
COLUMN_OF = {name: column for column, names in NAMES.items() for name in names.split()}
ASKED_FOR = "The first line names the columns: advertiser, post, creator, and code or end date, in any order."


class SheetError(ValueError):
    """What keeps a whole sheet from being read, or from what somebody wants of it, in a sentence with the remedy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """The columns by their places from 0, among `width` in all; `ignored`: names that mean nothing here."""

    columns: Mapping[int, Column]
    width: int
    ignored: tuple[str, ...]

    def cells(self, record: Sequence[str]) -> dict[Column, str]:
        """What a record holds by column; of several columns for one thing the first that is filled."""
        found: dict[Column, str] = {}
        for place, column in self.columns.items():
            if place < len(record) and (text := record[place].strip()):
                found.setdefault(column, text)
        if surplus := sum(bool(cell.strip()) for cell in record[self.width :]):
            found[Column.ROW] = str(surplus)
        return found


class Feed:
    """Hands lines to the csv module; `first` is the line on which the present record begins, counted from 1."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self._line = iter(lines), 0
        self.begin()

    def begin(self) -> None:
        """The next record."""
        self.first, self._taken, self._quotes = self._line + 1, 0, 0

    def heading(self) -> str:
        """The first line that says something, which is handed on as the first. Raises SheetError where there is none."""
        for line in self._lines:
            if line.strip() and not ABOUT_THE_SEPARATOR.match(line.strip()):
                self._lines = chain([line], self._lines)
                return line
            self._line += 1
        raise SheetError(f"The sheet is empty. {ASKED_FOR}")

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self._line += 1
            self._taken += len(line)
            self._quotes += line.count('"')
            if self._taken > LONGEST_ROW:
                raise self._endless()
            yield f"{line}\n"
        if self._line > self.first and self._quotes % 2:
            raise self._endless()

    def _endless(self) -> SheetError:
        return SheetError(
            f"Line {self.first} has no end: a quotation mark opens there and is never closed, or the row is longer than"
            f" {LONGEST_ROW:,} characters. Close the quotation mark, then send the sheet again."
        )


def read(lines: Iterable[str]) -> tuple[Heading, Iterator[tuple[int, dict[Column, str]]]]:
    """The heading, and the rows as they come: the number of the line where each begins, and its cells.

    `lines` are without their ends. Rows without a word are left out. Raises SheetError, also while rows are read.
    """
    feed = Feed(lines)
    separator = separator_of(feed.heading())
    records = _records(feed, separator)
    _, names = next(records)
    heading = heading_of(names)
    return heading, ((line, cells) for line, record in records if (cells := heading.cells(record)))


def separator_of(line: str) -> str:
    """The one by which a first line names most columns."""
    pieces = {separator: line.split(separator) for separator in SEPARATORS}
    return max(SEPARATORS, key=lambda separator: sum(_column(name) is not None for name in pieces[separator]))


def heading_of(names: Sequence[str]) -> Heading:
    """The columns by their names. Raises SheetError where a name is there twice, or one is missing that no row can do without."""
    found = {place: column for place, name in enumerate(names) if (column := _column(name))}
    _need_different([names[place] for place in found])
    missing = [str(column) for column in (Column.ADVERTISER, Column.POST) if column not in found.values()]
    if not {Column.CODE, Column.ENDS} & set(found.values()):
        missing.append("code or end date")
    if missing:
        raise SheetError(f"The first line names no column for: {', '.join(missing)}. {ASKED_FOR}")
    others = [name.strip() for place, name in enumerate(names) if place not in found]
    # Names are shown; where the first line is a row after all, it may hold a code.
    ignored = tuple(name[:LONGEST_NAME] for name in others if name and spark_code.find(name) is None)
    return Heading(columns=found, width=len(names), ignored=ignored[:MOST_NAMES])


def _need_different(names: Sequence[str]) -> None:
    """`video id` may stand beside `video link`, but of two with one name nobody could tell which was meant."""
    times = Counter(map(_plain, names))
    twice = [name.strip() for name in names if times[_plain(name)] > 1]
    if twice:
        raise SheetError(
            f'The first line names "{twice[0]}" more than once. Keep one of these columns and remove or rename the others, then'
            " send the sheet again."
        )


def _column(name: str) -> Column | None:
    return COLUMN_OF.get(_plain(name).removeprefix("tiktok"))


def _plain(name: str) -> str:
    return NOT_A_WORD.sub("", name).lower()


def _records(feed: Feed, separator: str) -> Iterator[tuple[int, list[str]]]:
    try:
        for record in csv.reader(feed, delimiter=separator):
            line = feed.first
            feed.begin()
            yield line, record
    except csv.Error as error:
        raise SheetError(f"Line {feed.first} cannot be read: {error}. Mend it, then send the sheet again.") from None
