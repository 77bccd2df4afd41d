"""Passwords as argon2id hashes: made, checked in the same time whether or not there is one, renewed when parameters change."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 256
# Each check takes 64 MiB for a moment: so many at once, the next ones wait for their turn, and more are turned away, or a
# flood of tries would hold every thread that pages are made on.
AT_ONCE, MOST_IN_HAND = 4, 16
# Cut before it is looked at; composed, it may be shorter than it was typed.
MOST_TYPED = 4 * LONGEST
# Fewer different characters, beside words and runs that everybody tries first, are no password.
FEWEST_DIFFERENT = 6
WORDS = (
    "everspark",
    "tiktok",
    "password",
    "passwort",
    "passwd",
    "welcome",
    "letmein",
    "changeme",
    "secret",
    "admin",
    "love",
)
KEYBOARDS = "qwertyuiop asdfghjkl zxcvbnm qwertzuiop yxcvbnm azertyuiop qsdfghjklm wxcvbn"
RUNS = f"abcdefghijklmnopqrstuvwxyz 012345678901 {KEYBOARDS}"
STEPS = frozenset(text[at : at + 3] for text in (RUNS, RUNS[::-1]) for at in range(len(RUNS) - 2))
DISGUISED = str.maketrans("@4301!5$7", "aaeoiisst")
LONGER_WORDS = re.compile(r"[^\W_]{4,}")
NOT_IN_WORDS = re.compile(r"[\W_]+")
GUESSED = (
    "This password is guessed at once, as are common words, your address, and runs such as 12345:"
    " a few words that have nothing to do with each other are easy to keep."
)


class WeakPassword(Exception):  # noqa: N818  it reads as what it is in `except WeakPassword`
    """A password that is not taken; the sentence says what is."""


class TooManyAtOnce(Exception):  # noqa: N818  likewise
    """More passwords are being checked than this machine can at a time."""


class Passwords:
    """Give a `hasher` with smaller parameters to tests that are not about them.

    Whatever makes or checks a hash raises TooManyAtOnce while MOST_IN_HAND others are under way.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._in_hand = threading.BoundedSemaphore(MOST_IN_HAND)
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._nobodys = ""

    def hashed(self, plain: str, *, email: str) -> str:
        """The hash of a new password. Raises WeakPassword."""
        password = _normal(plain)
        if len(password) < SHORTEST:
            raise WeakPassword(f"A password has at least {SHORTEST} characters; a few words in a row are easy to keep.")
        if len(password) > LONGEST:
            raise WeakPassword(f"A password has at most {LONGEST} characters.")
        if _is_guessed(password.casefold(), email.casefold()):
            raise WeakPassword(GUESSED)
        with self._turn():
            return self._hasher.hash(password)

    def is_right(self, kept: str | None, given: str) -> bool:
        """Whether `given` is the password of `kept`; for None it takes as long, and is False."""
        with self._turn():
            # Made at the first check, whoever it is for: a start need not wait for it.
            self._nobodys = self._nobodys or self._hasher.hash("nobody has this password")
            try:
                self._hasher.verify(kept or self._nobodys, _normal(given[:MOST_TYPED]))
            except (VerificationError, InvalidHashError):
                return False
        return kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def renewed(self, given: str) -> str:
        """The hash, by today's parameters, of a password that was right."""
        with self._turn():
            return self._hasher.hash(_normal(given))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._in_hand.acquire(blocking=False):
            raise TooManyAtOnce("Many passwords are being checked at this moment. Try again in some seconds.")
        try:
            with self._turns:
                yield
        finally:
            self._in_hand.release()


def _is_guessed(password: str, email: str) -> bool:
    """Whether it is a short word repeated, or has little beside what everybody tries first."""
    plain = NOT_IN_WORDS.sub("", password)
    # Where it begins anew: at its end, unless it repeats itself.
    if 0 < (plain + plain).find(plain, 1) < min(len(plain), SHORTEST):
        return True
    left = _without_runs(password).translate(DISGUISED)
    for word in sorted({*WORDS, *_words_of(email)}, key=len, reverse=True):
        left = left.replace(word.translate(DISGUISED), "")
    return len(set(left)) < FEWEST_DIFFERENT


def _without_runs(text: str) -> str:
    """Of neighbours in the alphabet, among digits or on a keyboard only the first two."""
    return "".join(character for at, character in enumerate(text) if text[max(at - 2, 0) : at + 1] not in STEPS)


def _words_of(email: str) -> set[str]:
    """The address, what stands before its @, and the longer words of both its sides."""
    return {email, email.partition("@")[0], *LONGER_WORDS.findall(email)}


def _normal(plain: str) -> str:
    """The same characters however a keyboard composes them."""
    return unicodedata.normalize("NFKC", plain)
