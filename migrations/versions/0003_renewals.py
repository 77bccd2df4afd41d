"""Renewals: what creators said, one message for several asks, their links, webhooks out, endings and escalations."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

GATHERING = "kind = 'ask.mail' AND status = 'owed' AND attempts = 0 AND creator_id IS NOT NULL"
CREATORS = ("opted_out_at", "snoozed_until", "away_from", "away_until", "payment_due_since")
WHY_LOG = (("decided_at", "decided_why"), ("withheld_at", "withheld_why"), ("suggested_at", "suggestion"))


def instant(name: str, *, required: bool = False) -> Any:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not required)


def serial(kind: Any = sa.BigInteger) -> Any:
    return sa.Column("id", kind(), sa.Identity(always=False), nullable=False)


def owner() -> Any:
    return sa.Column("authorization_id", sa.BigInteger(), nullable=False)


def upgrade() -> None:
    for name in CREATORS:
        op.add_column("creators", instant(name))
    op.create_index("creators_away", "creators", ["away_from"], postgresql_where=sa.text("away_from IS NOT NULL"))
    for at, why in WHY_LOG:
        op.add_column("authorizations", instant(at))
        op.add_column("authorizations", sa.Column(why, sa.Text(), nullable=True))
    op.create_table(
        "links",
        serial(),
        sa.Column("creator_id", sa.BigInteger(), nullable=False),
        instant("created_at", required=True),
        instant("expires_at", required=True),
        instant("revoked_at"),
        instant("opened_at"),
        sa.ForeignKeyConstraint(["creator_id"], ["creators.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_links_creator_id", "links", ["creator_id"])
    op.create_table(
        "endpoints",
        serial(sa.Integer),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        instant("created_at", required=True),
        instant("failing_since"),
        instant("disabled_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "endings",
        serial(),
        owner(),
        instant("period_ends_at", required=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        instant("decided_at", required=True),
        instant("asked_at"),
        instant("answered_at"),
        instant("down_from"),
        instant("down_until"),
        sa.Column("lost", postgresql.JSONB(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["authorization_id"], ["authorizations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("authorization_id", "period_ends_at", name="endings_once_a_period"),
    )
    op.create_index("endings_decided", "endings", ["decided_at"])
    op.create_table(
        "escalations",
        serial(),
        owner(),
        instant("period_ends_at", required=True),
        sa.Column("step", sa.Text(), nullable=False),
        instant("opened_at", required=True),
        instant("resolved_at"),
        sa.ForeignKeyConstraint(["authorization_id"], ["authorizations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("authorization_id", "period_ends_at", "step", name="escalations_once_a_period"),
    )
    op.create_index("escalations_open", "escalations", ["opened_at"], postgresql_where=sa.text("resolved_at IS NULL"))
    op.add_column("outbox", sa.Column("creator_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(None, "outbox", "creators", ["creator_id"], ["id"])
    op.create_index("outbox_gathering", "outbox", ["creator_id"], unique=True, postgresql_where=sa.text(GATHERING))
    op.create_index("outbox_links", "outbox", ["creator_id"], postgresql_where=sa.text("kind = 'link.mail'"))
    # One message for one ask becomes one message for several.
    op.add_column("asks", sa.Column("outbox_id", sa.BigInteger(), nullable=True))
    op.add_column("asks", instant("sent_at"))
    op.create_foreign_key(None, "asks", "outbox", ["outbox_id"], ["id"], ondelete="SET NULL")
    op.create_index("asks_of_message", "asks", ["outbox_id"])
    op.execute(
        """
        UPDATE asks SET outbox_id = outbox.id, sent_at = CASE WHEN outbox.status = 'done' THEN outbox.settled_at END
        FROM outbox WHERE outbox.ask_id = asks.id"""
    )
    op.drop_column("outbox", "ask_id")


def downgrade() -> None:
    op.add_column("outbox", sa.Column("ask_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(None, "outbox", "asks", ["ask_id"], ["id"])
    op.execute("UPDATE outbox SET ask_id = asks.id FROM asks WHERE asks.outbox_id = outbox.id")
    op.drop_column("asks", "sent_at")
    op.drop_column("asks", "outbox_id")
    op.drop_index("outbox_links", table_name="outbox")
    op.drop_index("outbox_gathering", table_name="outbox")
    op.drop_column("outbox", "creator_id")
    for table in ("escalations", "endings", "endpoints", "links"):
        op.drop_table(table)
    for at, why in WHY_LOG:
        op.drop_column("authorizations", why)
        op.drop_column("authorizations", at)
    op.drop_index("creators_away", table_name="creators")
    for name in reversed(CREATORS):
        op.drop_column("creators", name)
