"""What a person reads beside TikTok's words and the program's: what a status means, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain.authorization import State
from domain.events import Condition
from domain.posts import CONDITIONS, plain_status
from domain.reasons import Reason

ASK_AGAIN = "a grant that begins later brings it back; send authorization.requested to ask for it"
STEPS = {
    Reason.WITHDRAWN: f"Ask the creator why it was taken back, and for a new grant: {ASK_AGAIN}.",
    Reason.DECLINED: f"The creator said no: choose another post, or talk to the creator again; {ASK_AGAIN}.",
}
# What a refusal's remedy was followed by, or what made it moot.
MOVED_ON = frozenset(
    (
        Reason.REQUESTED,
        Reason.ASKED_ANEW,
        Reason.WAITING_FOR_TIKTOK,
        Reason.GRANTED,
        Reason.ADOPTED,
        Reason.RENEWED,
        Reason.REVIVED,
        Reason.EXTENDED,
    )
)
# Those of all reasons that a next step is told by.
SPEAKING = frozenset((*STEPS, *MOVED_ON, Reason.CODE_REFUSED))
REMOVED = "The post was removed: choose another post of the creator, and request that one."


def status_in_words(status: str | None) -> str | None:
    """TikTok's word for a post's state with a plain one beside it, where it is known."""
    condition = CONDITIONS.get(plain_status(status or ""))
    return status if condition is None else f"{status} ({condition.replace('_', ' ')})"


def next_step(found: Mapping[str, Any], told: Iterable[Mapping[str, Any]]) -> str | None:
    """What a person has to do about an authorization as `show` reads it; None where nobody has to.

    `told`: the lines of its history whose reason is one of `SPEAKING`, the newest first. A refusal's cause and remedy stand
    in its line, until something newer is heard of a code.
    """
    if found["state"] == State.REVOKED:
        if found["condition"] == Condition.REMOVED:
            return REMOVED
        return next((STEPS[line["reason"]] for line in told if line["reason"] in STEPS), STEPS[Reason.WITHDRAWN])
    newest = next((line for line in told if line["reason"] not in STEPS), None)
    if newest is None or newest["reason"] != Reason.CODE_REFUSED:
        return None
    note: str | None = newest["note"]
    return note
