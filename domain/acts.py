"""What an operator may do to authorizations, one or many: its name, who may, whether it can be undone, what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.people import Role

FURTHEST = timedelta(days=3652)


class Act(StrEnum):
    """An act on authorizations; each becomes letters to the inbox, and only the worker changes state."""

    ASK = "ask"
    SNOOZE = "snooze"
    LOOK = "look"
    NEED = "need"
    UNBIND = "unbind"
    REVOKE = "revoke"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """What people read of an act. `param`: the instant that it needs, in words; None where it needs none. `is_call`: each one of
    it is a call to TikTok.
    """

    label: str
    sentence: str
    role: Role = Role.OPERATOR
    param: str | None = None
    can_be_undone: bool = False
    is_grave: bool = False
    is_call: bool = False


DEEDS: dict[Act, Deed] = {
    Act.ASK: Deed(
        label="Ask now",
        sentence="The creator is asked for the renewal at the next decent hour, where an ad needs it.",
    ),
    Act.SNOOZE: Deed(
        label="Snooze",
        sentence="The creator is not written to before then, for any post.",
        param="until",
        can_be_undone=True,
    ),
    Act.LOOK: Deed(label="Look now", sentence="TikTok is read at once to see how it stands.", is_call=True),
    Act.NEED: Deed(
        label="Needed until",
        sentence="A renewal is sought so that the authorization lasts until then.",
        param="until",
        can_be_undone=True,
    ),
    Act.UNBIND: Deed(
        label="Unbind",
        sentence="What has ended leaves the advertiser's list at TikTok; an extension of it is lost.",
        is_grave=True,
        is_call=True,
    ),
    Act.REVOKE: Deed(
        label="Revoke",
        sentence="It counts as withdrawn from now on: nobody is asked for it any more. A newer grant revives it.",
        is_grave=True,
    ),
}


class ActError(ValueError):
    """What stands in the way of an act, in a sentence for who wants it done."""


class NobodyError(ActError):
    """An act that concerns none of those that were chosen; `left_out`: how many for which reason."""

    def __init__(self, left_out: Mapping[str, int]) -> None:
        super().__init__("It concerns none of these, so there is nothing to do.")
        self.left_out = left_out


class TermError(ActError):
    """No instant that the act can be done with; nothing else stands in its way."""


def term_of(act: Act, until: datetime | None, *, now: datetime) -> datetime | None:
    """The instant that the act is done with: one ahead where the act needs one, else none. Raises TermError."""
    if DEEDS[act].param is None:
        return None
    if until is None:
        raise TermError("Say until when.")
    if not now < until <= now + FURTHEST:
        raise TermError("Say an instant that lies ahead, and by no more than ten years.")
    return until
