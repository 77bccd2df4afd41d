"""One owed call to TikTok: what is known when its turn has come, and every way in which it can end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import psycopg
from sqlalchemy import Engine

from domain.authorization import Authorization, State
from domain.eligibility import PostPolicy
from domain.refusal_table import NOT_CONNECTED
from domain.refusals import Refusal, Who, sentence_of
from domain.sightings import Sighting
from infra import advertisers, authorizations, outbox
from infra.advertisers import Connected
from infra.clock import Clock
from infra.database import hot
from infra.inbox import Letter, mailbox_of
from infra.outbox import Debt
from infra.owed import LinkOwed
from infra.tiktok.answers import Answer, Answered, Later, Lost, Refused
from infra.tiktok.client import Advertiser, BusinessCenter, Tiktok
from infra.vault import UnsealError, Vault

# The wait before each further try after trouble at TikTok.   in all   why
TRIES: tuple[timedelta, ...] = (
    timedelta(seconds=30),  #                                  30 s   a call that failed inside TikTok
    timedelta(minutes=2),  #                             2 min 30 s   the same, again
    timedelta(minutes=10),  #                           12 min 30 s   a restart over there
    timedelta(hours=1),  #                          1 h 12 min 30 s   an outage
    timedelta(hours=4),  #                          5 h 12 min 30 s   an outage that people work on
    timedelta(hours=18),  #                        23 h 12 min 30 s   maintenance overnight
)
# A token that TikTok does not accept waits for a person; asking TikTok every minute would only use up the limits.
REFUSED_CONNECTION_RESTS = timedelta(minutes=15)
UNCONNECTED = sentence_of(NOT_CONNECTED)
ANOTHER_KEY = "what is sealed does not open with this key: set the EVERSPARK_SECRET_KEY that it was sealed with"
CONNECTION_SYMBOLS = frozenset(
    ("token_missing", "token_invalid", "permission_missing", "foreign_advertiser", "app_refused", "not_offered")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """Settled, with the news that it brought, and what TikTok showed with it: it counts as seen.

    `mailboxes` hold news that was written before.
    """

    letters: Sequence[Letter] = ()
    sighting: Sighting | None = None
    mailboxes: frozenset[int] = frozenset()
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """Settled: no further try can help; `letters` make the reason visible where the authorization is."""

    reason: str
    letters: Sequence[Letter] = ()
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled:
    """The world has moved on; nothing was changed at TikTok."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Owed until somebody does what `remedy` says; `is_trouble` where TikTok refused the advertiser's connection."""

    remedy: str
    rests: timedelta = outbox.HOLD
    is_trouble: bool = False
    drop: Sequence[str] = ()
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PutOff:
    """Its turn comes again. `put` and `drop` change the payload; `is_limit`: the next row would meet the same closed door."""

    due_at: datetime
    reason: str
    put: Mapping[str, Any] = field(default_factory=dict)
    drop: Sequence[str] = ()
    link: LinkOwed | None = None
    is_limit: bool = False
    is_quiet: bool = False
    request_id: str | None = None


Ending: TypeAlias = Done | Failed | Cancelled | Waiting | PutOff


class Overtaken(Exception):  # noqa: N818  it reads as what it is in `except Overtaken`
    """Another payer has taken the row up meanwhile; nothing more is done for this claim."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What every call needs."""

    engine: Engine
    clock: Clock
    tiktok: Tiktok
    vault: Vault
    posts: PostPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A claimed row with what is known at that moment; `code` in the clear is never printed.

    `has_mail`: something was heard of the authorization that has not been applied yet.
    """

    desk: Desk
    debt: Debt
    known: Authorization | None
    connection: Connected
    code: str | None = field(default=None, repr=False)
    has_mail: bool = False

    @property
    def now(self) -> datetime:
        return self.desk.clock.now()

    @property
    def key(self) -> str:
        return self.debt.key

    @property
    def subject(self) -> str:
        """The post's id, or @ and the account's handle."""
        return self.key.partition("/")[2]

    @property
    def handle(self) -> str | None:
        """The account's handle, where the authorization is of an account."""
        return self.subject[1:] if self.subject.startswith("@") else None

    @property
    def step(self) -> str | None:
        """What was begun at TikTok, and whose end nobody knows."""
        step: str | None = self.debt.payload.get("step")
        return step

    @property
    def is_awaited(self) -> bool:
        """Whether access is still asked for."""
        return self.known is not None and self.known.state is State.REQUESTED

    @property
    def advertiser(self) -> Advertiser:
        return self.desk.tiktok.advertiser(self.connection.advertiser_id, self.connection.token)

    def center(self, bc_id: str) -> BusinessCenter:
        return self.desk.tiktok.business_center(bc_id, self.connection.token)

    def begins(self, step: str) -> None:
        """Commits that `step` is about to be done: whatever crashes from here on, the next turn begins by reading."""
        with hot(self.desk.engine) as connection:
            if not outbox.begin_step(connection, self.debt, step):
                raise Overtaken


HAS_MAIL = "SELECT EXISTS (SELECT FROM pending WHERE mailbox = %s AND status = 'ready' AND key = %s)"
SEALED = "SELECT sealed FROM codes WHERE fingerprint = %s"


def load(connection: psycopg.Connection[Any], desk: Desk, debt: Debt) -> Case | Waiting:
    """The case of a claimed row; what it waits for where its advertiser is not connected."""
    try:
        holder = advertisers.connected(connection, desk.vault, debt.key.partition("/")[0])
        code = _code(connection, desk.vault, debt)
    except UnsealError:
        return Waiting(remedy=ANOTHER_KEY)
    if holder is None:
        return Waiting(remedy=UNCONNECTED)
    known = authorizations.load(connection, [debt.key]).get(debt.key)
    row = connection.execute(HAS_MAIL, [mailbox_of(debt.key), debt.key]).fetchone()
    return Case(desk=desk, debt=debt, known=known, connection=holder, code=code, has_mail=bool(row and row[0]))


def _code(connection: psycopg.Connection[Any], vault: Vault, debt: Debt) -> str | None:
    fingerprint = debt.payload.get("fingerprint")
    row = connection.execute(SEALED, [fingerprint]).fetchone() if fingerprint else None
    return None if row is None else vault.unseal(bytes(row[0]), context="code")


def when_refused(
    case: Case, answer: Refused, *, otherwise: Callable[[Refused], Ending], given_up: Callable[[Refused], Ending]
) -> Ending:
    """A refusal of the connection waits for a person, a passing one for its time; `otherwise` for one about the matter."""
    refusal = answer.refusal
    if refusal.symbol in CONNECTION_SYMBOLS:
        remedy = sentence_of(refusal, answer.message)
        return Waiting(remedy=remedy, rests=REFUSED_CONNECTION_RESTS, is_trouble=True, request_id=answer.request_id)
    if is_passing(refusal):
        return tried_again(case, answer, given_up=given_up)
    return otherwise(answer)


def is_passing(refusal: Refusal) -> bool:
    """Whether the same call may be taken later, with nobody doing anything."""
    return refusal.who is Who.NOBODY and not refusal.is_hard


def tried_again(case: Case, answer: Refused, *, given_up: Callable[[Refused], Ending]) -> Ending:
    """Owed again by the schedule, until it is used up."""
    tries = int(case.debt.payload.get("tries", 0))
    if tries >= len(TRIES):
        return given_up(answer)
    reason = sentence_of(answer.refusal, answer.message)
    return PutOff(due_at=case.now + TRIES[tries], reason=reason, put={"tries": tries + 1}, request_id=answer.request_id)


def put_off(case: Case, answer: Later) -> PutOff:
    """Nothing happened; the same again, when TikTok may be asked again: after trouble less and less often."""
    if not answer.is_trouble:
        return PutOff(due_at=case.now + answer.after, reason=answer.reason, is_limit=True, request_id=answer.request_id)
    tries = int(case.debt.payload.get("tries", 0))
    span = max(answer.after, TRIES[min(tries, len(TRIES) - 1)])
    return PutOff(
        due_at=case.now + span,
        reason=answer.reason,
        put={"tries": tries + 1},
        is_limit=True,
        request_id=answer.request_id,
    )


def lost(case: Case, answer: Lost, *, after: timedelta) -> PutOff:
    """It may have happened: what became of it is read, soon."""
    reason = f"the answer was lost ({answer.reason}); what became of it is read from TikTok"
    return PutOff(due_at=case.now + after, reason=reason, request_id=answer.request_id)


# An answer that was lost on its way, or a call that TikTok still works on: read soon.
AFTER_LOSS = timedelta(seconds=5)


def troubled(case: Case, answer: Answer[Any], *, given_up: Callable[[Refused], Ending]) -> Ending:
    """What is no answer to a question: tried again, and `given_up` when that has no end."""
    match answer:
        case Refused():
            again = partial(tried_again, case, given_up=given_up)
            return when_refused(case, answer, otherwise=again, given_up=given_up)
        case Later():
            return put_off(case, answer)
        case Lost():
            return lost(case, answer, after=AFTER_LOSS)
        case Answered():
            raise TypeError("an answer is no trouble")
