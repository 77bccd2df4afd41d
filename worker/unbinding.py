"""Pays `post.unbind`: takes the post of an ended authorization off the advertiser's list, and settles by reading it."""

from __future__ import annotations

from domain.authorization import ENDED_STATES
from domain.posts import Post
from domain.refusals import sentence_of
from infra.tiktok.answers import Answered, Later, Lost, Refused
from worker.cases import AFTER_LOSS, Cancelled, Case, Done, Ending, Failed, PutOff, lost, put_off, troubled
from worker.checking import is_in_force, listed, without_step

UNBINDING = "unbinding"
REVIVED = "the authorization came back to life"
NEWS_FIRST = "what was heard of it lately is applied first"
STILL_AUTHORIZED = "TikTok shows the post authorized; only an operator's word unbinds it then"


def unbind(case: Case) -> Ending:
    """One turn. The list is read first: a post that is gone from it needs no call, also after a lost answer."""
    if case.known is None or case.known.state not in ENDED_STATES:
        return Cancelled(reason=REVIVED)
    if case.has_mail:
        # A grant may be among it, for instance of a code that was bound a moment ago.
        return PutOff(due_at=case.now + AFTER_LOSS, reason=NEWS_FIRST, is_quiet=True)
    match listed(case):
        case Answered(value=None, request_id=request_id):
            return Done(request_id=request_id)
        case Answered(value=Post() as post) if is_in_force(case, post) and case.debt.payload.get("by") != "operator":
            return Cancelled(reason=STILL_AUTHORIZED)
        case Answered():
            return taken_off(case)
        case answer:
            return troubled(case, answer, given_up=failed)


def taken_off(case: Case) -> Ending:
    """The call. Unlike a binding it may be made again as soon as a reading shows the post still there."""
    case.begins(UNBINDING)
    match case.advertiser.unbind(case.subject):
        case Answered(request_id=request_id):
            return Done(request_id=request_id)
        case Refused() as answer:
            return without_step(troubled(case, answer, given_up=failed))
        case Later() as answer:
            return without_step(put_off(case, answer))
        case Lost() as answer:
            return lost(case, answer, after=AFTER_LOSS)


def failed(answer: Refused) -> Failed:
    return Failed(reason=sentence_of(answer.refusal, answer.message), request_id=answer.request_id)
