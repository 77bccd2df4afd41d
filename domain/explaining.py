"""One place to ask for the sentence of any reason code for asking or not, whichever part of the decisions it came from."""

from __future__ import annotations

from domain import advisor, patience, reasons

# The codes of these parts differ from each other; tests/domain/test_explaining.py sees to it.
PARTS: tuple[dict[str, str], ...] = (
    {str(code): told for code, told in reasons.SENTENCES.items()},
    {str(code): told for code, told in patience.SENTENCES.items()},
    {str(code): told for code, told in advisor.SENTENCES.items()},
)
SENTENCES: dict[str, str] = {code: told for part in PARTS for code, told in part.items()}


def told_why(code: str) -> str:
    """The sentence of a reason code; an unknown code (of a newer version) speaks for itself."""
    return SENTENCES.get(code, code)
