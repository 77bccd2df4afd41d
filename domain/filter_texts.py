"""A filter that stands alone as text, behind an act or a replay: what is misspelt in it is refused, never left unread.

A part that went unread would widen what is done, up to everything; so only an empty text matches everything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import parse_qsl

from domain.filters import PARTS, Complaint, Filter, FilterError, read

LIST = "/authorizations"
# What else an address of the list says: how it is sorted, and where the page begins.
BESIDE = ("sort", "after", "before")
# Of several words for one of these, any.
REPEATED = ("state", "route", "condition")
LONGEST_NAME = 40


def read_text(text: str) -> Filter:
    """The filter of authorizations that `text` says, as in the address of the list. Raises FilterError."""
    return read(pairs_in(text, path=LIST, words=PARTS, beside=BESIDE, repeated=REPEATED))


def pairs_in(
    text: str, *, path: str, words: Collection[str], beside: Collection[str], repeated: Collection[str] = ()
) -> list[tuple[str, str]]:
    """The parts that `text` names, which may be the address of the list at `path` as it was copied. Raises FilterError where a
    word is not one of `words` or `beside`, says nothing, or says two things of which only `repeated` ones may hold both.
    """
    if not text:
        return []
    query = re.sub(rf"^\s*(?:(?:https?://[^/?#\s]+)?{re.escape(path)})?\?", "", text)
    pairs = [(name.strip(), value.strip()) for name, value in parse_qsl(query, keep_blank_values=True)]
    named = [(name, value) for name, value in pairs if name not in beside]
    if complaints := [*strange((name for name, _ in named), words), *_unclear(named, words, repeated)]:
        raise FilterError(complaints)
    if not named:
        raise FilterError([Complaint(name="filter", remedy=f"one of {', '.join(words)}; empty, it matches all")])
    return named


def strange(names: Iterable[str], known: Collection[str]) -> Iterator[Complaint]:
    """A complaint of each name that is not known."""
    for name in dict.fromkeys(names):
        if name not in known:
            short = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
            yield Complaint(
                name=short or "a part without a name", remedy=f"no part of a filter; there are {', '.join(known)}"
            )


def _unclear(named: list[tuple[str, str]], words: Collection[str], repeated: Collection[str]) -> Iterator[Complaint]:
    for name in words:
        texts = [text for other, text in named if other == name]
        if not all(texts):
            yield Complaint(name=name, remedy="not empty; what does not matter is left out")
        elif len(texts) > 1 and name not in repeated:
            yield Complaint(name=name, remedy="said once")
