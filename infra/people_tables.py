"""The schema of people and what they may do: users, sessions, invitations, API tokens, saved views, and the audit log.

No secret is kept: passwords as argon2 hashes; sessions, invitations and tokens as SHA-256 of 32 random bytes.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Text
from sqlmodel import Field, SQLModel

from domain.people import Role
from infra.tables import instant, one_of, serial, words

HAS_KEYS = "about ? 'keys'"


def user_of(*, required: bool = True) -> Any:
    """A reference to a user."""
    return Column(Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=not required)


class UserRow(SQLModel, table=True):
    """Somebody who may sign in. Without `password` only by OpenID Connect, as `subject`."""

    __tablename__: ClassVar[Any] = "users"
    __table_args__ = (one_of("role", Role, "users_role"),)

    id: int | None = Field(default=None, sa_column=serial(Integer))
    email: str = Field(sa_column=words(required=True, unique=True))
    name: str | None = Field(default=None, sa_column=words())
    role: str = Field(sa_column=words(required=True))
    password: str | None = Field(default=None, sa_column=words())
    subject: str | None = Field(default=None, sa_column=words(unique=True))
    created_at: datetime = Field(sa_column=instant(required=True))
    disabled_at: datetime | None = Field(default=None, sa_column=instant())
    signed_in_at: datetime | None = Field(default=None, sa_column=instant())


class SessionRow(SQLModel, table=True):
    """A browser that is signed in."""

    __tablename__: ClassVar[Any] = "sessions"

    token: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    user_id: int = Field(sa_column=user_of())
    created_at: datetime = Field(sa_column=instant(required=True))
    seen_at: datetime = Field(sa_column=instant(required=True))
    expires_at: datetime = Field(sa_column=instant(required=True, index=True))


class InvitationRow(SQLModel, table=True):
    """A one-time link by which somebody becomes a user, or sets a new password."""

    __tablename__: ClassVar[Any] = "invitations"
    __table_args__ = (one_of("role", Role, "invitations_role"),)

    id: int | None = Field(default=None, sa_column=serial(Integer))
    token: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    role: str = Field(sa_column=words(required=True))
    email: str | None = Field(default=None, sa_column=words())
    created_at: datetime = Field(sa_column=instant(required=True))
    expires_at: datetime = Field(sa_column=instant(required=True))
    used_at: datetime | None = Field(default=None, sa_column=instant())


class ApiTokenRow(SQLModel, table=True):
    """A program's way in: what it may do (`scopes`) and its last characters, never the token."""

    __tablename__: ClassVar[Any] = "api_tokens"
    __table_args__ = (Index("api_tokens_name", "name", unique=True, postgresql_where=text("revoked_at IS NULL")),)

    id: int | None = Field(default=None, sa_column=serial(Integer))
    name: str = Field(sa_column=words(required=True))
    token: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    last: str = Field(sa_column=words(required=True))
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    user_id: int | None = Field(default=None, sa_column=user_of(required=False))
    created_at: datetime = Field(sa_column=instant(required=True))
    expires_at: datetime | None = Field(default=None, sa_column=instant())
    used_at: datetime | None = Field(default=None, sa_column=instant())
    revoked_at: datetime | None = Field(default=None, sa_column=instant())


class SavedViewRow(SQLModel, table=True):
    """A filter that somebody wants to find again, as the query of its address."""

    __tablename__: ClassVar[Any] = "saved_views"
    __table_args__ = (UniqueConstraint("user_id", "name", name="saved_views_name"),)

    id: int | None = Field(default=None, sa_column=serial(Integer))
    user_id: int = Field(sa_column=user_of())
    name: str = Field(sa_column=words(required=True))
    query: str = Field(sa_column=words(required=True))
    created_at: datetime = Field(sa_column=instant(required=True))


class AuditRow(SQLModel, table=True):
    """Every human act: who (`actor`: `user:ada@example.com`, `token:crm-import`, `cli:ada`), what and on what."""

    __tablename__: ClassVar[Any] = "audit"
    __table_args__ = (
        Index("audit_of", "subject", "id"),
        Index("audit_by", "actor", "id"),
        # Acts on several that were chosen, by the key of each.
        Index("audit_keys", text("(about -> 'keys')"), postgresql_using="gin", postgresql_where=text(HAS_KEYS)),
    )

    id: int | None = Field(default=None, sa_column=serial())
    at: datetime = Field(sa_column=instant(required=True))
    actor: str = Field(sa_column=words(required=True))
    act: str = Field(sa_column=words(required=True))
    subject: str | None = Field(default=None, sa_column=words())
    about: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default="{}"))


class AnswerRow(SQLModel, table=True):
    """What a write by the API was answered, sealed, by its idempotency key: the same request again gets the same answer."""

    __tablename__: ClassVar[Any] = "api_answers"

    actor: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    request: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    status: int = Field(sa_column=Column(Integer, nullable=False))
    answer: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=instant(required=True, index=True))
