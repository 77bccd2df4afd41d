"""The schema. Rows are the truth; a queue message only says where there is mail (docs/decisions).

Enumerations are text with a CHECK: SQLModel would store their names, and Alembic does not see enum changes.
Instants are `timestamptz`; the session time zone is always UTC.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from domain.authorization import ENDED_STATES, RUNNING_STATES, Action, State
from domain.events import Condition, Route
from domain.lifecycle import Outcome
from domain.renewal import Urgency


class Scheme(StrEnum):
    """How a producer proves that an event is its own."""

    STANDARD = "standard"
    TIKTOK_DEVELOPER = "tiktok-developer"
    PATH = "path"


class Handling(StrEnum):
    """Why an event still stands in `pending`."""

    READY = "ready"
    EARLY = "early"
    PARKED = "parked"
    QUARANTINED = "quarantined"


class Payment(StrEnum):
    """Where an owed effect stands. `uncertain`: the answer was lost; settled by reading, never by blind retry."""

    OWED = "owed"
    PAYING = "paying"
    DONE = "done"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


INBOX_OUTCOMES = (*Outcome, "waiting", "quarantined")


def quoted(words: Any) -> str:
    """SQL literals for a CHECK, from the same enumeration that the code uses."""
    return ", ".join(f"'{word}'" for word in words)


def one_of(column: str, words: Any, name: str) -> CheckConstraint:
    """A CHECK that ties a text column to an enumeration."""
    return CheckConstraint(f"{column} IN ({quoted(words)})", name=name)


def instant(*, required: bool = False, **more: Any) -> Any:
    """A `timestamptz` column."""
    return Column(DateTime(timezone=True), nullable=not required, **more)


def serial(kind: type = BigInteger) -> Any:
    """A primary key that the database numbers."""
    return Column(kind, Identity(always=False), primary_key=True)


def words(*, required: bool = False, **more: Any) -> Any:
    """A text column."""
    return Column(Text, nullable=not required, **more)


def owner() -> Any:
    """A reference to the authorization that a row belongs to."""
    return Column(BigInteger, ForeignKey("authorizations.id"), nullable=False)


class Producer(SQLModel, table=True):
    """A registered sender of webhooks. Secrets are sealed."""

    __tablename__: ClassVar[Any] = "producers"
    __table_args__ = (one_of("scheme", Scheme, "producers_scheme"),)

    id: int | None = Field(default=None, sa_column=serial(Integer))
    name: str = Field(sa_column=words(required=True, unique=True))
    scheme: str = Field(sa_column=words(required=True))
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    previous_secret: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    previous_valid_until: datetime | None = Field(default=None, sa_column=instant())
    created_at: datetime = Field(sa_column=instant(required=True))
    disabled_at: datetime | None = Field(default=None, sa_column=instant())
    last_seen_at: datetime | None = Field(default=None, sa_column=instant())


class DeliveryCount(SQLModel, table=True):
    """How many deliveries of a producer had one outcome within one hour: `accepted`, or why they were refused."""

    __tablename__: ClassVar[Any] = "deliveries"

    producer: str = Field(sa_column=Column(Text, primary_key=True))
    hour: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    outcome: str = Field(sa_column=Column(Text, primary_key=True))
    count: int = Field(sa_column=Column(BigInteger, nullable=False))


class Inbox(SQLModel, table=True):
    """Every event ever accepted, once by (sender, event_id), with what became of it."""

    __tablename__: ClassVar[Any] = "inbox"
    __table_args__ = (
        UniqueConstraint("sender", "event_id", name="inbox_sender_event_id"),
        one_of("outcome", INBOX_OUTCOMES, "inbox_outcome"),
        Index("inbox_handled", "handled_at", postgresql_using="brin"),
        # Empty while nobody traces; of columns that the worker never writes.
        Index("inbox_traced", "key", postgresql_where=text("traceparent IS NOT NULL")),
        # No index covers what the worker writes but this summarizing one, so its UPDATE stays on the page (HOT).
        {"postgresql_with": {"fillfactor": "80"}},
    )

    seq: int | None = Field(default=None, sa_column=serial())
    sender: str = Field(sa_column=words(required=True))
    event_id: str = Field(sa_column=words(required=True))
    type: str = Field(sa_column=words(required=True))
    key: str = Field(sa_column=words(required=True))
    mailbox: int = Field(sa_column=Column(SmallInteger, nullable=False))
    occurred_at: datetime = Field(sa_column=instant(required=True))
    received_at: datetime = Field(sa_column=instant(required=True))
    data: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    outcome: str | None = Field(default=None, sa_column=words())
    reason: str | None = Field(default=None, sa_column=words())
    handled_at: datetime | None = Field(default=None, sa_column=instant())
    traceparent: str | None = Field(default=None, sa_column=words())
    headers: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))


class Pending(SQLModel, table=True):
    """What is not finally handled. A slim companion of the inbox: the worker deletes from it what it has applied."""

    __tablename__: ClassVar[Any] = "pending"
    __table_args__ = (
        one_of("status", Handling, "pending_status"),
        Index("pending_ready", "mailbox", "seq", postgresql_where=text("status = 'ready'")),
        Index("pending_early", "key", postgresql_where=text("status = 'early'")),
        Index("pending_for_people", "seq", postgresql_where=text("status IN ('parked', 'quarantined')")),
    )

    seq: int = Field(sa_column=Column(BigInteger, ForeignKey("inbox.seq"), primary_key=True, autoincrement=False))
    mailbox: int = Field(sa_column=Column(SmallInteger, nullable=False))
    key: str = Field(sa_column=words(required=True))
    status: str = Field(default="ready", sa_column=words(required=True, server_default="ready"))
    attempts: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    try_at: datetime | None = Field(default=None, sa_column=instant())
    error: str | None = Field(default=None, sa_column=words())


class CreatorRow(SQLModel, table=True):
    """Who grants; contact facts as the producers gave them last."""

    __tablename__: ClassVar[Any] = "creators"
    __table_args__ = (
        Index("creators_away", "away_from", postgresql_where=text("away_from IS NOT NULL")),
        # By the first letters of a handle, whatever the database's collation is.
        Index("creators_handle_prefix", "handle", postgresql_ops={"handle": "text_pattern_ops"}),
    )

    id: int | None = Field(default=None, sa_column=serial())
    handle: str = Field(sa_column=words(required=True, unique=True))
    name: str | None = Field(default=None, sa_column=words())
    email: str | None = Field(default=None, sa_column=words())
    phone: str | None = Field(default=None, sa_column=words())
    locale: str | None = Field(default=None, sa_column=words())
    timezone: str | None = Field(default=None, sa_column=words())
    updated_at: datetime = Field(sa_column=instant(required=True))
    opted_out_at: datetime | None = Field(default=None, sa_column=instant())
    snoozed_until: datetime | None = Field(default=None, sa_column=instant())
    snooze_stated_at: datetime | None = Field(default=None, sa_column=instant())
    away_from: datetime | None = Field(default=None, sa_column=instant())
    away_until: datetime | None = Field(default=None, sa_column=instant())
    payment_due_since: datetime | None = Field(default=None, sa_column=instant())


RUNNING = f"state IN ({quoted(RUNNING_STATES)})"
AT_RISK = f"{RUNNING} AND at_risk > 0"


class AuthorizationRow(SQLModel, table=True):
    """One advertiser's permission to use one post (or one creator's account), through all its renewals.

    `measured` is what its ads were measured to spend a day, by currency; `spend_a_day` and `at_risk` are kept for the eyes of
    operators, in its main `currency`: what decides is worked out anew from `domain.worth`. `is_sighted`: TikTok has shown it,
    so that it has a row in `sightings`; what has one may still lack the mark for a while.
    """

    __tablename__: ClassVar[Any] = "authorizations"
    __table_args__ = (
        one_of("route", Route, "authorizations_route"),
        one_of("state", State, "authorizations_state"),
        one_of("condition", Condition, "authorizations_condition"),
        one_of("next_action", Action, "authorizations_next_action"),
        CheckConstraint("(item_id IS NULL) <> (account_handle IS NULL)", name="authorizations_subject"),
        CheckConstraint("(next_action IS NULL) = (next_action_at IS NULL)", name="authorizations_next_action_at"),
        CheckConstraint("state <> 'revoked' OR revoked_at IS NOT NULL", name="authorizations_revoked_at"),
        CheckConstraint(f"NOT ({RUNNING}) OR starts_at IS NOT NULL", name="authorizations_starts_at"),
        CheckConstraint(
            f"NOT ({RUNNING}) OR route <> 'code' OR expires_at IS NOT NULL",
            name="authorizations_code_expires_at",
        ),
        # With what is mostly asked of them beside it (`include`), many are looked through in the index.
        Index("authorizations_advertiser", "advertiser_id", "id", postgresql_include=["state", "expires_at"]),
        Index("authorizations_creator", "creator_id", "id", postgresql_where=text("creator_id IS NOT NULL")),
        Index(
            "authorizations_expire",
            "expires_at",
            "id",
            postgresql_where=text(f"{RUNNING} AND expires_at IS NOT NULL"),
            postgresql_include=["currency"],
        ),
        Index("authorizations_remind", "next_action_at", "id", postgresql_where=text("next_action = 'ask'")),
        Index("authorizations_lapse", "next_action_at", "id", postgresql_where=text("next_action = 'lapse'")),
        # What operators filter and sort by.
        Index("authorizations_state", "state", "id"),
        Index(
            "authorizations_at_risk",
            "at_risk",
            "id",
            postgresql_where=text(AT_RISK),
            postgresql_include=["state", "expires_at"],
        ),
        # Hardly any have these: whoever asks for money at risk among them would walk the index above to its end.
        Index(
            "authorizations_at_risk_oddly",
            "at_risk",
            "id",
            postgresql_where=text(f"{AT_RISK} AND (route <> 'code' OR state <> 'active')"),
        ),
        Index("authorizations_currency", "currency", "id", postgresql_where=text("currency IS NOT NULL")),
        Index("authorizations_changed", "state_since", "id", postgresql_include=["state", "expires_at", "condition"]),
        Index(
            "authorizations_ended",
            "expires_at",
            "id",
            postgresql_where=text(f"state IN ({quoted(ENDED_STATES)}) AND expires_at IS NOT NULL"),
            postgresql_include=["state"],
        ),
        # Few have these: what lists are sorted by stands beside, or a walk by the end would look at nearly all others.
        Index("authorizations_route", "route", "expires_at", "id", postgresql_where=text("route <> 'code'")),
        Index("authorizations_route_changed", "route", "state_since", "id", postgresql_where=text("route <> 'code'")),
        Index(
            "authorizations_condition", "condition", "expires_at", "id", postgresql_where=text("condition <> 'public'")
        ),
        Index(
            "authorizations_account",
            "account_handle",
            postgresql_where=text("account_handle IS NOT NULL"),
            postgresql_ops={"account_handle": "text_pattern_ops"},
        ),
        # By the first letters too, large or small, whatever the database's collation is.
        Index(
            "authorizations_reference",
            text("lower(reference) text_pattern_ops"),
            "id",
            postgresql_where=text("reference IS NOT NULL"),
        ),
        Index("authorizations_item", "item_id", postgresql_where=text("item_id IS NOT NULL")),
        Index("authorizations_unsighted", "id", postgresql_where=text(f"{RUNNING} AND NOT is_sighted")),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: int | None = Field(default=None, sa_column=serial())
    key: str = Field(sa_column=words(required=True, unique=True))
    advertiser_id: str = Field(sa_column=words(required=True))
    item_id: str | None = Field(default=None, sa_column=words())
    account_handle: str | None = Field(default=None, sa_column=words())
    item_url: str | None = Field(default=None, sa_column=words())
    route: str = Field(sa_column=words(required=True))
    state: str = Field(sa_column=words(required=True))
    state_reason: str = Field(sa_column=words(required=True))
    state_since: datetime = Field(sa_column=instant(required=True))
    condition: str = Field(default="public", sa_column=words(required=True, server_default="public"))
    condition_at: datetime | None = Field(default=None, sa_column=instant())
    days: int | None = Field(default=None, sa_column=Column(Integer))
    needed_until: datetime | None = Field(default=None, sa_column=instant())
    need_stated_at: datetime | None = Field(default=None, sa_column=instant())
    contract_ends_at: datetime | None = Field(default=None, sa_column=instant())
    reference: str | None = Field(default=None, sa_column=words())
    creator_id: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("creators.id")))
    requested_at: datetime | None = Field(default=None, sa_column=instant())
    starts_at: datetime | None = Field(default=None, sa_column=instant())
    expires_at: datetime | None = Field(default=None, sa_column=instant())
    ladder_from: datetime | None = Field(default=None, sa_column=instant())
    period_source: str | None = Field(default=None, sa_column=words())
    corrected_at: datetime | None = Field(default=None, sa_column=instant())
    revoked_at: datetime | None = Field(default=None, sa_column=instant())
    declined_at: datetime | None = Field(default=None, sa_column=instant())
    rung: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    next_action: str | None = Field(default=None, sa_column=words())
    next_action_at: datetime | None = Field(default=None, sa_column=instant())
    suggested_at: datetime | None = Field(default=None, sa_column=instant())
    suggestion: str | None = Field(default=None, sa_column=words())
    decided_at: datetime | None = Field(default=None, sa_column=instant())
    decided_why: str | None = Field(default=None, sa_column=words())
    withheld_at: datetime | None = Field(default=None, sa_column=instant())
    withheld_why: str | None = Field(default=None, sa_column=words())
    why: str = Field(sa_column=words(required=True))
    measured: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    spend_a_day: Decimal | None = Field(default=None, sa_column=Column(Numeric(18, 4)))
    at_risk: Decimal | None = Field(default=None, sa_column=Column(Numeric(18, 4)))
    currency: str | None = Field(default=None, sa_column=words())
    is_sighted: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default="false"))
    version: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default="1"))
    created_at: datetime = Field(sa_column=instant(required=True))
    updated_at: datetime = Field(sa_column=instant(required=True))


class Grant(SQLModel, table=True):
    """One period given by the creator, and where its dates came from."""

    __tablename__: ClassVar[Any] = "grants"
    __table_args__ = (
        UniqueConstraint(
            "authorization_id", "starts_at", "ends_at", name="grants_period", postgresql_nulls_not_distinct=True
        ),
    )

    id: int | None = Field(default=None, sa_column=serial())
    authorization_id: int = Field(sa_column=owner())
    starts_at: datetime = Field(sa_column=instant(required=True))
    ends_at: datetime | None = Field(default=None, sa_column=instant())
    source: str = Field(sa_column=words(required=True))
    code_fingerprint: str | None = Field(default=None, sa_column=words())
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))


class CodeRow(SQLModel, table=True):
    """A Spark code at rest: sealed, looked up by fingerprint, shown by its last characters."""

    __tablename__: ClassVar[Any] = "codes"
    __table_args__ = (Index("codes_last", "last"),)

    fingerprint: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = Field(sa_column=words(required=True))
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    last: str = Field(sa_column=words(required=True))
    submitted_at: datetime = Field(sa_column=instant(required=True))


class AdRow(SQLModel, table=True):
    """An ad that depends on an authorization. A stop heard before its start leaves a row without a start."""

    __tablename__: ClassVar[Any] = "ads"

    authorization_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("authorizations.id"), primary_key=True, autoincrement=False)
    )
    ad_id: str = Field(sa_column=Column(Text, primary_key=True))
    started_at: datetime | None = Field(default=None, sa_column=instant())
    stopped_at: datetime | None = Field(default=None, sa_column=instant())
    lost_at: datetime | None = Field(default=None, sa_column=instant())
    flight_end: datetime | None = Field(default=None, sa_column=instant())
    daily_spend: Decimal | None = Field(default=None, sa_column=Column(Numeric(18, 4)))
    currency: str | None = Field(default=None, sa_column=words())
    objective: str | None = Field(default=None, sa_column=words())
    billing_event: str | None = Field(default=None, sa_column=words())


class History(SQLModel, table=True):
    """The audit trail: one row for each event applied to an authorization, also where nothing moved."""

    __tablename__: ClassVar[Any] = "history"
    __table_args__ = (Index("history_of", "authorization_id", "id"),)

    id: int | None = Field(default=None, sa_column=serial())
    authorization_id: int = Field(sa_column=owner())
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    at: datetime = Field(sa_column=instant(required=True))
    recorded_at: datetime = Field(sa_column=instant(required=True))
    event: str = Field(sa_column=words(required=True))
    outcome: str = Field(sa_column=words(required=True))
    from_state: str | None = Field(default=None, sa_column=words())
    to_state: str = Field(sa_column=words(required=True))
    reason: str = Field(sa_column=words(required=True))
    note: str | None = Field(default=None, sa_column=words())


class Ask(SQLModel, table=True):
    """One request to a creator: at most one for each (authorization, period, rung)."""

    __tablename__: ClassVar[Any] = "asks"
    __table_args__ = (
        UniqueConstraint("authorization_id", "period_ends_at", "rung", name="asks_once_a_rung"),
        one_of("urgency", Urgency, "asks_urgency"),
        Index("asks_of_message", "outbox_id"),
    )

    id: int | None = Field(default=None, sa_column=serial())
    authorization_id: int = Field(sa_column=owner())
    period_ends_at: datetime = Field(sa_column=instant(required=True))
    rung: int = Field(sa_column=Column(SmallInteger, nullable=False))
    urgency: str = Field(sa_column=words(required=True))
    days: int = Field(sa_column=Column(Integer, nullable=False))
    asked_at: datetime = Field(sa_column=instant(required=True))
    outbox_id: int | None = Field(
        default=None, sa_column=Column(BigInteger, ForeignKey("outbox.id", ondelete="SET NULL"))
    )
    sent_at: datetime | None = Field(default=None, sa_column=instant())


class Link(SQLModel, table=True):
    """A creator's way to their page: signed, with an end, and revocable. The token itself is kept nowhere."""

    __tablename__: ClassVar[Any] = "links"

    id: int | None = Field(default=None, sa_column=serial())
    creator_id: int = Field(sa_column=Column(BigInteger, ForeignKey("creators.id"), nullable=False, index=True))
    created_at: datetime = Field(sa_column=instant(required=True))
    expires_at: datetime = Field(sa_column=instant(required=True))
    revoked_at: datetime | None = Field(default=None, sa_column=instant())
    opened_at: datetime | None = Field(default=None, sa_column=instant())


class Endpoint(SQLModel, table=True):
    """Where signed webhooks go out to. `failing_since` and `disabled_at`: a long failure ends in a stop that people see."""

    __tablename__: ClassVar[Any] = "endpoints"

    id: int | None = Field(default=None, sa_column=serial(Integer))
    name: str = Field(sa_column=words(required=True, unique=True))
    url: str = Field(sa_column=words(required=True))
    secret: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=instant(required=True))
    failing_since: datetime | None = Field(default=None, sa_column=instant())
    disabled_at: datetime | None = Field(default=None, sa_column=instant())


class Ending(SQLModel, table=True):
    """How a period ended: renewed by extension or by a new code, lapsed, or not needed; a lapse with its report."""

    __tablename__: ClassVar[Any] = "endings"
    __table_args__ = (
        UniqueConstraint("authorization_id", "period_ends_at", name="endings_once_a_period"),
        Index("endings_decided", "decided_at"),
    )

    id: int | None = Field(default=None, sa_column=serial())
    authorization_id: int = Field(sa_column=owner())
    period_ends_at: datetime = Field(sa_column=instant(required=True))
    outcome: str = Field(sa_column=words(required=True))
    decided_at: datetime = Field(sa_column=instant(required=True))
    asked_at: datetime | None = Field(default=None, sa_column=instant())
    answered_at: datetime | None = Field(default=None, sa_column=instant())
    down_from: datetime | None = Field(default=None, sa_column=instant())
    down_until: datetime | None = Field(default=None, sa_column=instant())
    lost: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB))
    step: str | None = Field(default=None, sa_column=words())


class Escalation(SQLModel, table=True):
    """Silence that climbed: what a person should see to. Resolved by itself once the period is renewed or over for good."""

    __tablename__: ClassVar[Any] = "escalations"
    __table_args__ = (
        UniqueConstraint("authorization_id", "period_ends_at", "step", name="escalations_once_a_period"),
        Index("escalations_open", "opened_at", postgresql_where=text("resolved_at IS NULL")),
    )

    id: int | None = Field(default=None, sa_column=serial())
    authorization_id: int = Field(sa_column=owner())
    period_ends_at: datetime = Field(sa_column=instant(required=True))
    step: str = Field(sa_column=words(required=True))
    opened_at: datetime = Field(sa_column=instant(required=True))
    resolved_at: datetime | None = Field(default=None, sa_column=instant())


class Outbox(SQLModel, table=True):
    """An effect owed to the outside, written in the transaction that decided it and paid by another actor."""

    __tablename__: ClassVar[Any] = "outbox"
    __table_args__ = (
        one_of("status", Payment, "outbox_status"),
        # Uncertain ones too: those of TikTok are settled by reading, when they are due.
        Index("outbox_due", "kind", "due_at", "id", postgresql_where=text("status IN ('owed', 'paying', 'uncertain')")),
        Index("outbox_of", "authorization_id", "id"),
        # What a person has to look at, newest last; few, however much was ever sent.
        Index("outbox_troubled", "settled_at", "id", postgresql_where=text("status IN ('failed', 'uncertain')")),
        # At most one message to a creator is being gathered: what falls due meanwhile joins it.
        Index(
            "outbox_gathering",
            "creator_id",
            unique=True,
            postgresql_where=text("kind = 'ask.mail' AND status = 'owed' AND attempts = 0 AND creator_id IS NOT NULL"),
        ),
        Index("outbox_links", "creator_id", postgresql_where=text("kind = 'link.mail'")),
    )

    id: int | None = Field(default=None, sa_column=serial())
    kind: str = Field(sa_column=words(required=True))
    key: str = Field(sa_column=words(required=True))
    authorization_id: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("authorizations.id")))
    creator_id: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("creators.id")))
    idempotency_key: str = Field(sa_column=words(required=True, unique=True))
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    status: str = Field(default="owed", sa_column=words(required=True, server_default="owed"))
    attempts: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    due_at: datetime = Field(sa_column=instant(required=True))
    claimed_at: datetime | None = Field(default=None, sa_column=instant())
    settled_at: datetime | None = Field(default=None, sa_column=instant())
    last_error: str | None = Field(default=None, sa_column=words())
    created_at: datetime = Field(sa_column=instant(required=True))


class AdvertiserRow(SQLModel, table=True):
    """An advertiser that Everspark is connected to: its token (sealed), and when TikTok was and will be looked at.

    `troubles` says for each part of a look why it failed, `trouble` all of that in one text, None where nothing failed.
    `looking_until` is the claim of whoever looks at present. `looked_at` and `spent_at` are the instants of the last complete
    look and KPI reading, `tried_at` that of the last attempt, `failed_looks` how many failed in a row; before `rests_until`
    no hint brings a look.
    """

    __tablename__: ClassVar[Any] = "advertisers"
    __table_args__ = (
        Index("advertisers_look", "next_look_at", postgresql_where=text("token IS NOT NULL")),
        Index("advertisers_named", text("lower(name)"), "advertiser_id"),
    )

    advertiser_id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str | None = Field(default=None, sa_column=words())
    bc_id: str | None = Field(default=None, sa_column=words())
    token: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    connected_at: datetime = Field(sa_column=instant(required=True))
    next_look_at: datetime = Field(sa_column=instant(required=True))
    looking_until: datetime | None = Field(default=None, sa_column=instant())
    looked_at: datetime | None = Field(default=None, sa_column=instant())
    next_kpis_at: datetime = Field(sa_column=instant(required=True))
    spent_at: datetime | None = Field(default=None, sa_column=instant())
    trouble: str | None = Field(default=None, sa_column=words())
    troubles: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))
    tried_at: datetime | None = Field(default=None, sa_column=instant())
    rests_until: datetime | None = Field(default=None, sa_column=instant())
    failed_looks: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))


# What is confirmed by no look at its advertiser: it was missing there, or left out.
DOUBTFUL = "missing_since IS NOT NULL OR confirmed_at IS NOT NULL"


class SightingRow(SQLModel, table=True):
    """What TikTok last showed of one authorization. Written when it changed; a look that finds nothing writes nothing.

    While `missing_since` is None, the last confirmation is the later of `seen_at` and the advertiser's `looked_at`; or
    `confirmed_at`, where looks since then were complete but for this one.
    """

    __tablename__: ClassVar[Any] = "sightings"
    __table_args__ = (
        Index("sightings_advertiser", "advertiser_id"),
        Index("sightings_doubtful", "key", postgresql_where=text(DOUBTFUL)),
    )

    key: str = Field(sa_column=Column(Text, primary_key=True))
    advertiser_id: str = Field(sa_column=words(required=True))
    auth_status: str | None = Field(default=None, sa_column=words())
    starts_at: datetime | None = Field(default=None, sa_column=instant())
    ends_at: datetime | None = Field(default=None, sa_column=instant())
    status: str | None = Field(default=None, sa_column=words())
    code_fingerprint: str | None = Field(default=None, sa_column=words())
    facts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    seen_at: datetime = Field(sa_column=instant(required=True))
    missing_since: datetime | None = Field(default=None, sa_column=instant())
    confirmed_at: datetime | None = Field(default=None, sa_column=instant())


class KpiRow(SQLModel, table=True):
    """What the ads of one authorization did on one day of the advertiser's time zone; money in `currency`."""

    __tablename__: ClassVar[Any] = "kpis"
    __table_args__ = (Index("kpis_day", "day"),)

    authorization_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("authorizations.id"), primary_key=True, autoincrement=False)
    )
    day: date = Field(sa_column=Column(Date, primary_key=True))
    currency: str = Field(sa_column=Column(Text, primary_key=True))
    spend: Decimal = Field(sa_column=Column(Numeric(18, 4), nullable=False))
    impressions: int = Field(sa_column=Column(BigInteger, nullable=False))
    clicks: int = Field(sa_column=Column(BigInteger, nullable=False))
    conversions: Decimal = Field(sa_column=Column(Numeric(18, 4), nullable=False))


class Lease(SQLModel, table=True):
    """Who leads; `fence` rises with each change, so that a deposed leader's writes can be refused."""

    __tablename__: ClassVar[Any] = "leases"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    holder: str = Field(sa_column=words(required=True))
    fence: int = Field(sa_column=Column(BigInteger, nullable=False))
    expires_at: datetime = Field(sa_column=instant(required=True))


class AlertRow(SQLModel, table=True):
    """A condition of the service that people are told of (domain.watching): whether it holds, and since when it is open."""

    __tablename__: ClassVar[Any] = "alerts"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    sentence: str = Field(sa_column=words(required=True))
    holds: bool = Field(sa_column=Column(Boolean, nullable=False))
    since: datetime = Field(sa_column=instant(required=True))
    seen_at: datetime = Field(sa_column=instant(required=True))
    opened_at: datetime | None = Field(default=None, sa_column=instant())
    resolved_at: datetime | None = Field(default=None, sa_column=instant())


class Sweep(SQLModel, table=True):
    """One run of a sweep, so that a missed one is visible."""

    __tablename__: ClassVar[Any] = "sweeps"
    __table_args__ = (
        UniqueConstraint("job", "slot", name="sweeps_job_slot"),
        Index("sweeps_started", "started_at"),
    )

    id: int | None = Field(default=None, sa_column=serial())
    job: str = Field(sa_column=words(required=True))
    slot: datetime = Field(sa_column=instant(required=True))
    fence: int = Field(sa_column=Column(BigInteger, nullable=False))
    started_at: datetime = Field(sa_column=instant(required=True))
    ended_at: datetime | None = Field(default=None, sa_column=instant())
    found: int | None = Field(default=None, sa_column=Column(Integer))
    error: str | None = Field(default=None, sa_column=words())
