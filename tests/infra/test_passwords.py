"""Passwords: which are taken, and that a hash says nothing but whether."""

from __future__ import annotations

import unicodedata

import pytest

from infra.passwords import LONGEST, WeakPassword
from tests.operator import PASSWORD, quick_passwords

PASSWORDS = quick_passwords()


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("eleven char", "at least 12"),
        ("x" * (LONGEST + 1), "at most 256"),
        ("aaaaaaaaaaaa", "guessed"),
        ("Ada@Example.com", "guessed"),
        ("adalovelace", "at least"),
        ("ada.lovelace1", "guessed"),
        ("Lovelace2026!", "guessed"),
        ("passwordpassword", "guessed"),
        ("strawberry strawberry", "guessed"),
        ("P@ssw0rd1234", "guessed"),
        ("Everspark2026", "guessed"),
        ("123456789012", "guessed"),
        ("qwertzuiop987654", "guessed"),
    ],
)
def test_what_is_guessed_at_once_is_not_taken(password: str, says: str) -> None:
    with pytest.raises(WeakPassword, match=says):
        PASSWORDS.hashed(password, email="ada.lovelace@example.com" if "@" not in password else "ada@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "bookkeeper in Tunis",
        "correcthorsebattery",
        "xK7#pq2!vR9z",
        "481 516 2342 9",
        "my password is seven walnuts",
        "я люблю гулять",
    ],
)
def test_what_is_not_is_taken(password: str) -> None:
    assert PASSWORDS.is_right(PASSWORDS.hashed(password, email=""), password)


def test_only_the_same_characters_are_right_however_they_were_typed() -> None:
    kept = PASSWORDS.hashed("naïve café words", email="ada@example.com")

    assert "naïve" not in kept
    assert PASSWORDS.is_right(kept, "naïve café words")
    assert not PASSWORDS.is_right(kept, "naive cafe words")
    assert not PASSWORDS.is_right("no hash at all", PASSWORD)


def test_a_long_one_is_as_long_as_it_is_composed() -> None:
    typed = "ábćdéf ghíjkĺ" * 19  # 247 characters; decomposed, as some keyboards type them, 342

    kept = PASSWORDS.hashed(typed, email="ada@example.com")

    assert PASSWORDS.is_right(kept, unicodedata.normalize("NFD", typed))


def test_nobody_has_a_password_not_even_the_one_that_is_compared_with() -> None:
    assert not PASSWORDS.is_right(None, "nobody has this password")
