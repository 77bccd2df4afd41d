"""Spark codes: found in whatever was pasted around them, and checked against the strict shape.

Shape from public code that meets live traffic: `#`, 63 characters of standard base64, `=`. TikTok publishes no grammar,
so a code that is merely code-like is accepted with a warning; only TikTok can refuse it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

STRICT = re.compile(r"#[A-Za-z0-9+/]{63}=(?![A-Za-z0-9+/=])")
# Broken by the end of a line, as chats and mails do.
BROKEN = re.compile(r"#(?:[A-Za-z0-9+/] {0,2}){63}=(?![A-Za-z0-9+/=])")
# Not after a %: what is left of a code that was encoded twice would miss its #.
LOOSE = re.compile(r"#?(?<![A-Za-z0-9+/_=%-])[A-Za-z0-9+/_-]{30,}={0,2}")
# Paths of links mix words, cases and digits as codes do. A strict code inside one is found before links are left out.
LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
ESCAPE = re.compile(r"%(?:23|2[bBfF]|3[dD])")
# Names of campaigns are as long as codes, and mix cases and digits as they do: only what has a code's own signs, or its length.
SIGNED = re.compile(r"(?:#|%(?:25)*23)[A-Za-z0-9+/_%-]{30,}")
BARE = re.compile(r"[A-Za-z0-9+/]{60,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A code as TikTok wants to see it; `is_strict` says whether it has the one shape seen so far."""

    code: str = ""
    is_strict: bool = False

    @property
    def last(self) -> str:
        """The last characters, for people."""
        return self.code.rstrip("=")[-4:]

    def __repr__(self) -> str:
        # A dataclass's own repr would put the code into tracebacks and logs.
        return f"Found(last={self.last!r}, is_strict={self.is_strict})"


def find(text: str) -> Found | None:
    """The Spark code in `text`, which may be the code alone, a chat message or a whole mail; None if there is none.

    A percent-encoded code (`%23…%3D`) is decoded once: a `%2B` that reaches TikTok inside JSON makes it refuse the code.
    """
    visible = decoded_once(without_invisible(text))
    if strict := STRICT.search(visible):
        return Found(code=strict.group(), is_strict=True)
    if broken := BROKEN.search(visible):
        return Found(code=broken.group().replace(" ", ""), is_strict=True)
    candidates = [word for word in LOOSE.findall(LINK.sub(" ", visible)) if looks_random(word)]
    # A whole mail holds longer random words than the code, such as message ids; none of them begins with #.
    return Found(code=max(candidates, key=lambda word: (word[0] == "#", len(word)))) if candidates else None


def stands_in(text: str, *, is_cursor: bool = False) -> bool:
    """Whether a code stands in a text that is kept or shown as it is: an address, a filter, a name. What merely may be one does
    not count, and in a cursor not its length: those are as long.
    """
    visible = decoded_once(text if text.isascii() else without_invisible(text))
    # A + that was not encoded comes out of an address as a blank.
    if BROKEN.search(visible) or STRICT.search(visible.replace(" ", "+")):
        return True
    shapes = (SIGNED,) if is_cursor else (SIGNED, BARE)
    return any(looks_random(word) for shape in shapes for word in shape.findall(visible))


def without_invisible(text: str) -> str:
    """`text` without zero-width and control characters, which phones add when copying; line breaks stay separators."""
    return "".join(
        " " if character in "\r\n\t" or unicodedata.category(character) == "Zs" else character
        for character in text
        if character in "\r\n\t" or unicodedata.category(character) not in ("Cf", "Cc", "Cs", "Cn")
    )


def decoded_once(text: str) -> str:
    """`text` with percent escapes resolved, if it holds an escape that occurs in an encoded code."""
    return unquote(text) if ESCAPE.search(text) else text


def looks_random(candidate: str) -> bool:
    """Codes mix cases and digits; words and numbers do not."""
    body = candidate.strip("#=")
    return (
        any(character.isdigit() for character in body)
        and any(character.isupper() for character in body)
        and any(character.islower() for character in body)
    )
