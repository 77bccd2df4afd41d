"""What TikTok's answer means, and how it is said to people.

How the API words its refusals of a Spark code is not published. So an answer is read by the symbol it names, then by its
words, then by the number in it, and only then by the envelope's code; what no row knows stays unknown, never guessed.
"""

from __future__ import annotations

import re

from domain.refusal_table import CALL_ROWS, CODE_ROWS, OUR_ROWS, UNKNOWN, Refusal, Who

__all__ = ("REFUSALS", "TIKTOKS", "UNKNOWN", "Refusal", "Who", "classify", "refusal_named", "sentence_of")

TIKTOKS = (*CODE_ROWS, *CALL_ROWS)
REFUSALS = (*TIKTOKS, *OUR_ROWS, UNKNOWN)

# A number means a refusal only where one would write it: first, in brackets, or after "code" or "error". Elsewhere it is
# a budget, an id or a limit.
# Nine digits at most: an id is none, and Python refuses to read thousands of them.
NUMBER = re.compile(r"(?:^\s*|[(\[]|(?:code|error|errno)\W{0,3}?)(-?[0-9]{1,9})(?![\w+/=]|[.,:-][0-9])", re.IGNORECASE)
ASKED_TOO_OFTEN, CALLER_FAMILY = 40016, range(40100, 40140)
NOT_WORDS = re.compile(r"[\W_]+")
# Enough for any sentence of TikTok's; a page of HTML from something in between must not fill a history.
LONGEST_QUOTE = 300


def words_of(text: str) -> str:
    """The words of `text` in lower case with single spaces around each, so that a phrase can be looked up whole."""
    return f" {NOT_WORDS.sub(' ', text.casefold()).strip()} "


PHRASES = tuple((row, tuple(words_of(text) for text in row.texts)) for row in TIKTOKS)
SYMBOL = re.compile(rf"\b({'|'.join(row.symbol for row in CODE_ROWS)})\b", re.IGNORECASE | re.ASCII)
BY_NUMBER = {number: row for row in TIKTOKS for number in row.numbers}
BY_CODE = {code: row for row in TIKTOKS for code in (*row.numbers, *row.codes)}
BY_SYMBOL = {row.symbol: row for row in REFUSALS}


def classify(*, code: int, message: str) -> Refusal:
    """The row that an answer means: `message` as TikTok wrote it, `code` of the envelope; UNKNOWN when no row fits."""
    if is_about_the_caller(code):
        return BY_CODE.get(code, UNKNOWN)
    return by_symbol(message) or by_text(message) or by_number(message) or BY_CODE.get(code, UNKNOWN)


def is_about_the_caller(code: int) -> bool:
    """Whether the envelope's code is of the family on tokens and haste.

    Their texts speak of "authorization codes" that are no Spark codes, and of limits that are no error numbers.
    """
    return code == ASKED_TOO_OFTEN or code in CALLER_FAMILY


def by_symbol(message: str) -> Refusal | None:
    """The row of the symbol that is named first."""
    named = SYMBOL.search(message)
    return BY_SYMBOL[named.group().lower()] if named else None


def by_text(message: str) -> Refusal | None:
    """The first row of the table of which a text occurs."""
    words = words_of(message)
    return next((row for row, phrases in PHRASES if any(phrase in words for phrase in phrases)), None)


def by_number(message: str) -> Refusal | None:
    """The row of the first known number that stands where an error's number would."""
    numbers = (int(number) for number in NUMBER.findall(message))
    return next((BY_NUMBER[number] for number in numbers if number in BY_NUMBER), None)


def refusal_named(symbol: str) -> Refusal:
    """The row of a stored symbol; UNKNOWN for one that only another version knew."""
    return BY_SYMBOL.get(symbol, UNKNOWN)


def sentence_of(refusal: Refusal, said: str = "") -> str:
    """Cause and remedy for people, with what TikTok `said` where the row alone does not tell enough."""
    quote = " ".join(said.split())[:LONGEST_QUOTE]
    beside = f" TikTok said: “{quote}”." if refusal.is_quoted and quote else ""
    return f"{refusal.cause} {refusal.remedy}{beside}"
