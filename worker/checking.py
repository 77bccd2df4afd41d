"""Pays `code.check`: is the code good, is it the right post's, can the post be used; then it is bound, and confirmed.

A post is bound only after a reading that shows it unbound, and a lost answer is settled by reading (decision 0012).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from domain.eligibility import judge
from domain.events import Code, CodeGranted, CodeRefused
from domain.facts import was_taken_back
from domain.posts import Post
from domain.refusal_table import CODE_NOT_STARTED, NOT_CONFIRMED, WRONG_POST
from domain.refusals import Refusal, sentence_of
from domain.sightings import of_post
from domain.spark_code import STRICT
from infra.inbox import Letter
from infra.letters import event_id, letter
from infra.tiktok.answers import Answer, Answered, Later, Lost, Refused
from worker.cases import (
    AFTER_LOSS,
    TRIES,
    Case,
    Done,
    Ending,
    Failed,
    PutOff,
    Waiting,
    lost,
    put_off,
    tried_again,
    troubled,
    when_refused,
)

BINDING = "binding"
STEP = ("step", "readings", "is_taken")
ALREADY = "already_authorized"
NOT_SEEN = "TikTok's answer was lost, and its list does not show the post so far; it is read again"

# The wait before each reading of the list while nobody knows whether the post was bound.
#                            in all   why
READINGS: tuple[timedelta, ...] = (
    AFTER_LOSS,  #              5 s   an answer that was lost on its way
    timedelta(seconds=15),  #  20 s   a list that lags behind
    timedelta(seconds=40),  # 1 min   a call that TikTok still works on
    timedelta(minutes=2),  #  3 min   the same, under load
    timedelta(minutes=7),  # 10 min   surely not bound: it may be bound
)


def check(case: Case) -> Ending:
    """One turn of a code's check."""
    if case.code is None:
        return Failed(reason="the code is no longer kept: ask for it again")
    return read_back(case) if case.step == BINDING else look_first(case, case.code)


def look_first(case: Case, code: str) -> Ending:
    """What the code stands for; nothing is bound by asking."""
    match case.advertiser.info(code):
        case Answered(value=post):
            return judged(case, code, post)
        case Refused() as answer if answer.refusal.symbol == ALREADY:
            return granted_before(case, answer)
        case Refused() as answer:
            return answered_no(case, answer)
        case Later() as answer:
            return put_off(case, answer)
        case Lost() as answer:
            return lost(case, answer, after=AFTER_LOSS)


def judged(case: Case, code: str, post: Post) -> Ending:
    """The right post, a window that is open, and a post that can be an ad: each no has its own words."""
    if post.item_id != case.subject:
        of = f" of {post.creator}" if post.creator else ""
        return told(case, WRONG_POST, said=f"It is the code of the post {post.item_id}{of}.")
    if post.starts_at is not None and post.starts_at > case.now:
        return PutOff(due_at=post.starts_at, reason=sentence_of(CODE_NOT_STARTED))
    verdict = judge(post, policy=case.desk.posts, now=case.now)
    if not verdict.is_eligible:
        return told(case, verdict.refusals[0])
    return found_or_bound(case, code)


def found_or_bound(case: Case, code: str) -> Ending:
    """Bound here by this very code: then the list has the answer, and nothing is bound."""
    match listed(case):
        case Answered(value=Post() as post, request_id=request_id) if is_bound(case, post):
            return granted(case, post, request_id)
        case Answered():
            return bind(case, code)
        case answer:
            return troubled(case, answer, given_up=partial(given_up, case))


def bind(case: Case, code: str) -> Ending:
    """The one call that must not happen twice."""
    case.begins(BINDING)
    match case.advertiser.authorize(code):
        case Answered(request_id=request_id):
            return confirmed(case, request_id)
        case Refused() as answer if answer.refusal.symbol == ALREADY:
            return without_step(granted_before(case, answer))
        case Refused() as answer:
            return without_step(answered_no(case, answer))
        case Later() as answer:
            return without_step(put_off(case, answer))
        case Lost() as answer:
            return lost(case, answer, after=AFTER_LOSS)


def confirmed(case: Case, request_id: str) -> Ending:
    """TikTok said yes; the dates are read from its list, which may lag behind."""
    match listed(case):
        case Answered(value=Post() as post, request_id=read_by) if is_bound(case, post):
            return granted(case, post, read_by)
        case _:
            due_at, reason = case.now + READINGS[0], sentence_of(NOT_CONFIRMED)
            return PutOff(due_at=due_at, reason=reason, put={"is_taken": True}, request_id=request_id)


def granted_before(case: Case, answer: Refused) -> Ending:
    """TikTok says that the post is authorized already, by this code or another: the list tells until when."""
    match listed(case):
        case Answered(value=Post() as post, request_id=request_id) if is_in_force(case, post):
            return granted(case, post, request_id)
        case Answered():
            return tried_again(case, answer, given_up=partial(given_up, case))
        case other:
            return troubled(case, other, given_up=partial(given_up, case))


def read_back(case: Case) -> Ending:
    """A turn that begins with a step begun before: was it bound? Nothing is done twice before that is known."""
    match listed(case):
        case Answered(value=Post() as post, request_id=request_id) if is_bound(case, post):
            return granted(case, post, request_id)
        case Answered(value=post, request_id=request_id):
            return not_shown(case, post, request_id)
        case answer:
            return troubled(case, answer, given_up=partial(given_up, case))


def not_shown(case: Case, post: Post | None, request_id: str) -> Ending:
    """Read again by the schedule; after the last reading it surely is not bound, and may be.

    Where TikTok had said yes and shows the post in force by an older code, that is its answer: binding goes no further.
    """
    readings, rounds = (int(case.debt.payload.get(name, 0)) for name in ("readings", "rounds"))
    if readings + 1 < len(READINGS):
        due_at = case.now + READINGS[readings + 1]
        reason = sentence_of(NOT_CONFIRMED) if case.debt.payload.get("is_taken") else NOT_SEEN
        return PutOff(due_at=due_at, reason=reason, put={"readings": readings + 1}, is_quiet=True)
    if case.debt.payload.get("is_taken") and post is not None and is_in_force(case, post):
        return granted(case, post, request_id)
    if rounds >= len(TRIES):
        return replace_done(told(case, NOT_CONFIRMED), reason=sentence_of(NOT_CONFIRMED))
    reason = "TikTok's list shows that the post was not bound; it is bound anew"
    return PutOff(due_at=case.now, reason=reason, put={"rounds": rounds + 1}, drop=STEP)


def listed(case: Case) -> Answer[Post | None]:
    """The row of this post in the advertiser's list, if it has one."""
    page = 1
    while True:
        match case.advertiser.posts(keyword=case.subject, page=page):
            case Answered(value=found, request_id=request_id):
                post = next((each for each in found.items if each.item_id == case.subject), None)
                if post is not None or found.is_last:
                    return Answered(value=post, request_id=request_id)
                page += 1
            case answer:
                return answer


def is_in_force(case: Case, post: Post) -> bool:
    """Whether the advertiser may use the post now, by whatever code."""
    return post.is_authorized and post.ends_at is not None and post.ends_at > case.now


def is_bound(case: Case, post: Post) -> bool:
    """Whether the post is in force by the very code in hand; a code may have been handed in without its # and =."""
    return is_in_force(case, post) and (post.code is None or post.code.strip("#=") == (case.code or "").strip("#="))


def granted(case: Case, post: Post, request_id: str) -> Done:
    """The news, with the dates that TikTok's list shows.

    A code that was made before the withdrawal of another became known here, and is in force all the same, was given since.
    """
    starts_at = post.starts_at or case.now
    if case.known is not None and was_taken_back(case.known, starts_at):
        starts_at = case.now
    code = code_of(case, post)
    event = CodeGranted(at=case.now, starts_at=starts_at, expires_at=post.ends_at, code=code)
    seen = of_post(case.key, post, at=case.now, code=code)
    return Done(letters=(_letter(case, event, request_id),), sighting=seen, request_id=request_id)


def code_of(case: Case, post: Post) -> Code:
    """The code that is in force, without the code: as a rule the one that was handed in."""
    code = (case.code if is_bound(case, post) else post.code) or ""
    fingerprint = case.desk.vault.fingerprint(code)
    return Code(fingerprint=fingerprint, last=code.rstrip("=")[-4:], is_strict=STRICT.fullmatch(code) is not None)


def answered_no(case: Case, answer: Refused) -> Ending:
    """A refusal of the code or the post is news; one of the connection waits, a passing one is tried again."""
    return when_refused(case, answer, otherwise=partial(refused, case), given_up=partial(given_up, case))


def refused(case: Case, answer: Refused) -> Done:
    """TikTok's no, in its own words and under the symbol of ours."""
    return told(case, answer.refusal, said=answer.message, request_id=answer.request_id)


def given_up(case: Case, answer: Refused) -> Failed:
    """The schedule is used up: visible as a refusal, and as a failed row."""
    return replace_done(refused(case, answer), reason=sentence_of(answer.refusal, answer.message))


def told(case: Case, refusal: Refusal, *, said: str | None = None, request_id: str | None = None) -> Done:
    """The news of a refusal."""
    event = CodeRefused(at=case.now, reason=refusal.symbol, said=said)
    return Done(letters=(_letter(case, event, request_id),), request_id=request_id)


def replace_done(ending: Done, *, reason: str) -> Failed:
    """The same news of a row that failed."""
    return Failed(reason=reason, letters=ending.letters, request_id=ending.request_id)


def without_step(ending: Ending) -> Ending:
    """TikTok answered, so that nothing is uncertain any more."""
    if isinstance(ending, PutOff | Waiting):
        return replace(ending, drop=(*ending.drop, *STEP))
    return ending


def _letter(case: Case, event: CodeGranted | CodeRefused, request_id: str | None) -> Letter:
    """One answer for each time that the code was handed in, whatever crashes."""
    what = "granted" if isinstance(event, CodeGranted) else "refused"
    marks = (case.debt.payload["fingerprint"], case.debt.payload.get("submitted_at"))
    return letter(case.key, event, event_id=event_id(what, case.key, *marks), request_id=request_id)
