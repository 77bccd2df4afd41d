"""Pays `account.access` and `own.confirm`: access without a code, asked for, waited for, and read from TikTok."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.events import CodeGranted
from domain.posts import ACCOUNT_ACCESS, OWN_ACCOUNT, Identity
from domain.sightings import of_account
from infra.letters import event_id, letter
from infra.owed import LinkOwed
from infra.tiktok.answers import Account, Answer, Answered, Later, Page, Refused
from worker.cases import Cancelled, Case, Done, Ending, Failed, PutOff, Waiting, troubled

NO_CENTER = "the advertiser's Business Center is not known: run `everspark advertiser connect` for it again, with --bc"
NO_LONGER_ASKED = "access is no longer asked for"
NOT_YET = "waiting for the creator to give access by the link"
NOT_LINKED = (
    "TikTok shows no account of the advertiser's own that has this post: link the account in TikTok Ads Manager"
)
NOT_ASSIGNED = "the account was assigned to the advertiser; TikTok does not show it among its identities yet"

# How often it is looked whether access was given: until a span after the link was sent, every so often. A creator who
# acts does it within minutes of reading; later every call serves nobody, and the link is sent again anyway.
POLLS = (
    #  link younger than       looked at every
    (timedelta(minutes=30), timedelta(minutes=2)),
    (timedelta(hours=6), timedelta(minutes=15)),
    (timedelta.max, timedelta(hours=1)),
)
# How long a link lives is not published, and messages are read late: a day's link may be dead, and a creator who gets
# more than one message in three days reads none of them.
FRESH_LINK_AFTER = timedelta(days=3)
# Trouble that is over does not count for the next one, which may come a week later.
ANSWERED = ("tries",)
AFTER_ASSIGNING = timedelta(seconds=10)
# An assignment that TikTok does not show by then may have been taken back over there.
ASSIGNED_AGAIN_AFTER = timedelta(hours=6)


def access(case: Case) -> Ending:
    """One turn of a request for a creator's account."""
    if not case.is_awaited or case.handle is None:
        return Cancelled(reason=NO_LONGER_ASKED)
    bc_id = case.connection.bc_id
    if not bc_id:
        return Waiting(remedy=NO_CENTER)
    match account_of(case, bc_id):
        case Answered(value=None):
            return linked(case, bc_id)
        case Answered(value=Account() as account):
            return assigned(case, bc_id, account)
        case answer:
            return troubled(case, answer, given_up=failed)


def account_of(case: Case, bc_id: str) -> Answer[Account | None]:
    """The creator's account among those that the Business Center holds."""
    page = 1
    while True:
        match case.center(bc_id).accounts(page=page):
            case Answered(value=found, request_id=request_id):
                account = next((each for each in found.items if is_called(each.name, case.handle)), None)
                if account is not None or found.is_last or not found.items:
                    return Answered(value=account, request_id=request_id)
                page += 1
            case answer:
                return answer


def linked(case: Case, bc_id: str) -> Ending:
    """No access yet: a link is sent, anew where the last one may be dead; else it is looked again later."""
    sent_at = case.debt.payload.get("link_at")
    age = case.now - datetime.fromisoformat(sent_at) if sent_at else None
    if age is not None and age < FRESH_LINK_AFTER:
        return PutOff(due_at=case.now + pause_after(age), reason=NOT_YET, drop=ANSWERED, is_quiet=True)
    match case.center(bc_id).account_link():
        case Answered(value=url, request_id=request_id):
            return PutOff(
                due_at=case.now + pause_after(timedelta(0)),
                reason=NOT_YET,
                put={"link_at": case.now.isoformat()},
                drop=ANSWERED,
                link=LinkOwed(authorization_id=case.debt.authorization_id, key=case.key, link=url),
                request_id=request_id,
            )
        case answer:
            return troubled(case, answer, given_up=failed)


def pause_after(age: timedelta) -> timedelta:
    """Sooner at first."""
    return next(every for younger_than, every in POLLS if age < younger_than)


def assigned(case: Case, bc_id: str, account: Account) -> Ending:
    """The account is there; once TikTok shows it as an identity of the advertiser, it is authorized."""
    match identity_of(case, ACCOUNT_ACCESS, bc_id=bc_id):
        case Answered(value=Identity() as identity, request_id=request_id):
            return authorized(case, identity, request_id)
        case Answered() if (since := since_assigned(case)) is not None and since < ASSIGNED_AGAIN_AFTER:
            return PutOff(due_at=case.now + pause_after(since), reason=NOT_ASSIGNED, drop=ANSWERED, is_quiet=True)
        case Answered():
            return assign(case, bc_id, account)
        case answer:
            return troubled(case, answer, given_up=failed)


def since_assigned(case: Case) -> timedelta | None:
    """How long ago the account was assigned; None where it was not yet."""
    assigned_at = case.debt.payload.get("assigned_at")
    return None if assigned_at is None else case.now - datetime.fromisoformat(assigned_at)


def assign(case: Case, bc_id: str, account: Account) -> Ending:
    """Assigning twice does no harm, so a lost answer is settled by the next turn, which reads first."""
    match case.center(bc_id).assign(account.asset_id, case.connection.advertiser_id):
        case Answered():
            return shown(case, bc_id)
        case answer:
            return troubled(case, answer, given_up=failed)


def shown(case: Case, bc_id: str) -> Ending:
    match identity_of(case, ACCOUNT_ACCESS, bc_id=bc_id):
        case Answered(value=Identity() as identity, request_id=request_id):
            return authorized(case, identity, request_id)
        case _:
            put = {"assigned_at": case.now.isoformat()}
            return PutOff(due_at=case.now + AFTER_ASSIGNING, reason=NOT_ASSIGNED, put=put, drop=ANSWERED)


def confirm_own(case: Case) -> Ending:
    """One turn of a request for the advertiser's own account, or for a post of it."""
    if not case.is_awaited:
        return Cancelled(reason=NO_LONGER_ASKED)
    match identity_of(case, OWN_ACCOUNT) if case.handle else identity_with_post(case):
        case Answered(value=Identity() as identity, request_id=request_id):
            return authorized(case, identity, request_id)
        case Answered():
            asked_at = datetime.fromisoformat(case.debt.payload["asked_at"])
            due_at, is_quiet = case.now + pause_after(case.now - asked_at), case.debt.last_error == NOT_LINKED
            return PutOff(due_at=due_at, reason=NOT_LINKED, drop=ANSWERED, is_quiet=is_quiet)
        case answer:
            return troubled(case, answer, given_up=failed)


def identity_of(case: Case, identity_type: str, *, bc_id: str | None = None) -> Answer[Identity | None]:
    """The identity of the authorization's account."""
    page = 1
    while True:
        match case.advertiser.identities(identity_type, bc_id=bc_id, page=page):
            case Answered(value=found, request_id=request_id):
                mine = next((each for each in found.items if is_named(each, case.handle)), None)
                if mine is not None or is_last(found):
                    return Answered(value=mine, request_id=request_id)
                page += 1
            case answer:
                return answer


def identity_with_post(case: Case) -> Answer[Identity | None]:
    """The own account that the post belongs to: TikTok shows the post under no other."""
    match case.advertiser.identities(OWN_ACCOUNT):
        case Answered(value=found, request_id=request_id):
            for identity in found.items:
                match case.advertiser.identity_video(identity.identity_id, OWN_ACCOUNT, case.subject):
                    case Answered(value=post, request_id=read_by) if post.item_id == case.subject:
                        return Answered(value=identity, request_id=read_by)
                    case Later() as answer:
                        return answer
                    case _:
                        continue
            return Answered(value=None, request_id=request_id)
        case answer:
            return answer


def is_last(page: Page[Identity]) -> bool:
    """TikTok's page numbers of BC_AUTH_TT are zeros, so that an empty page ends the list as well."""
    return page.is_last or not page.items


def is_named(identity: Identity, handle: str | None) -> bool:
    """By the name that nobody else can have, where TikTok shows it."""
    return is_called(identity.username or identity.display_name, handle)


def is_called(name: str | None, handle: str | None) -> bool:
    """Handles are compared without @ and case."""
    return bool(name) and bool(handle) and str(name).removeprefix("@").casefold() == str(handle).casefold()


def authorized(case: Case, identity: Identity, request_id: str) -> Done:
    """The news: access without an end."""
    event = CodeGranted(at=case.now, starts_at=case.now, expires_at=None)
    mark = event_id("granted", case.key, case.debt.payload.get("asked_at"))
    news = letter(case.key, event, event_id=mark, request_id=request_id)
    seen = of_account(case.key, identity, at=case.now) if case.handle else None
    return Done(letters=(news,), sighting=seen, request_id=request_id)


def failed(answer: Refused) -> Failed:
    return Failed(reason=f"{answer.refusal.cause} {answer.refusal.remedy}", request_id=answer.request_id)
