"""What a page says when it cannot be shown: a title, a sentence, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """`word` is the constant name of it for programs; `sentence` stands where nobody said anything nearer.

    `for_programs`: the remedy for those, where it is another than for people.
    """

    word: str
    title: str
    sentence: str
    remedy: str
    for_programs: str = ""


TROUBLES: dict[int, Trouble] = {
    400: Trouble(
        word="malformed",
        title="This cannot be read",
        sentence="What was sent is not what the page sends.",
        remedy="Open the page again, then send it again.",
    ),
    401: Trouble(
        word="signed_out",
        title="Nobody is signed in",
        sentence="This needs somebody who is signed in.",
        remedy="Sign in at /sign-in; programs use the API with a token.",
    ),
    403: Trouble(
        word="forbidden",
        title="Not allowed",
        sentence="This needs another role.",
        remedy="Go back to Today, or ask an admin of your house.",
    ),
    404: Trouble(
        word="not_found",
        title="There is nothing here",
        sentence="The address is wrong, or what it showed is gone.",
        remedy="Go back to Today, and on from there.",
        for_programs="What programs find here is in /openapi.json.",
    ),
    405: Trouble(
        word="wrong_method",
        title="Not like this",
        sentence="The address takes another kind of request.",
        remedy="Send GET to look, and use the forms of the pages to act.",
    ),
    409: Trouble(
        word="conflict",
        title="It has changed meanwhile",
        sentence="Somebody, or Everspark itself, was quicker.",
        remedy="Look at the page again, then decide again.",
    ),
    413: Trouble(
        word="too_large",
        title="Too much at once",
        sentence="The form is too long.",
        remedy="Send less at once.",
    ),
    415: Trouble(
        word="unsupported",
        title="This is not a form",
        sentence="Only forms are read here.",
        remedy="Use the forms of the pages; programs use the API.",
    ),
    422: Trouble(
        word="invalid",
        title="Something is missing, or wrong",
        sentence="A field is empty, or holds what it cannot hold.",
        remedy="Correct it, then send it again.",
    ),
    429: Trouble(
        word="too_many",
        title="Too often",
        sentence="This was tried too many times.",
        remedy="Wait a little, then try again.",
    ),
    500: Trouble(
        word="failed",
        title="This is our mistake",
        sentence="The page met a bug. Nothing of what it was to do is known to be done.",
        remedy="Try again; if it stays, the log has the traceback.",
    ),
    503: Trouble(
        word="storage_away",
        title="The database does not answer",
        sentence="Webhooks are answered 503 meanwhile, and their senders try again: nothing is lost.",
        remedy="It comes back by itself when the database does; /readyz says what exactly is wrong.",
    ),
}
