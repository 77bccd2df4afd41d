"""Tries an operator's pages at the start, with invented asks of every kind, so that none fails when a creator waits."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from jinja2 import TemplateSyntaxError

from infra.ask_mail import DigestMail, words_of
from infra.mail_examples import ADVERTISER, LINK, NOW, URGENCIES, example
from infra.mail_pages import DEFAULT, KINDS, BrokenTemplate, Overrides, read_overrides
from infra.mail_words import LOCALES
from infra.writing import rendered

REMEDY = "mend it, or take the file away and the built-in text is used"


def overrides_in(folder: str) -> Overrides | None:
    """EVERSPARK_TEMPLATES_DIR, read and tried; None where it is empty. Raises BrokenTemplate."""
    if not folder:
        return None
    overrides = read_overrides(Path(folder))
    for name, pages in overrides.pages.items():
        for language in LOCALES:
            if any(f"ask.{language}.{kind}" in pages for kind in KINDS):
                _try(overrides, name, language)
    return overrides


def _try(overrides: Overrides, name: str, language: str) -> None:
    environment = overrides.environment(None if name == DEFAULT else name)
    for digest, link in _examples(language, ADVERTISER if name == DEFAULT else name):
        words = words_of(digest, now=NOW, link=link, can_reply=link is None)
        try:
            page = rendered("ask", language, words, environment)
        except Exception as error:
            raise BrokenTemplate(_sentence(error, overrides.folder)) from error
        if not page.subject:
            file = overrides.folder / name / f"ask.{language}.txt"
            raise BrokenTemplate(f"line 1 of {file}, the subject, is empty; {REMEDY}")


def _examples(language: str, advertiser_id: str) -> Iterator[tuple[DigestMail, str | None]]:
    for urgency, count, has_account, is_bare in product(URGENCIES, (1, 3), (False, True), (False, True)):
        digest = example(
            locale=language,
            count=count,
            urgency=urgency,
            advertiser_id=advertiser_id,
            has_account=has_account,
            is_bare=is_bare,
        )
        yield from ((digest, LINK), (digest, None))


def _sentence(error: Exception, folder: Path) -> str:
    file, line = _place(error, folder)
    return f"line {line} of {file}: {str(error).rstrip('.') or type(error).__name__}; {REMEDY}"


def _place(error: Exception, folder: Path) -> tuple[str, int]:
    """Where in the operator's files it happened: Jinja puts its pages into the traceback."""
    if isinstance(error, TemplateSyntaxError):
        return error.filename or str(error.name), error.lineno
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(folder))]
    return (frames[-1].filename, frames[-1].lineno or 1) if frames else (str(folder), 1)
