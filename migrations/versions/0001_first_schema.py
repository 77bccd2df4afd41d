"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "codes",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last", sa.Text(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint"),
    )
    op.create_table(
        "creators",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("handle"),
    )
    op.create_table(
        "inbox",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.SmallInteger(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('moved', 'stayed', 'again', 'late', 'early', 'parked', 'waiting', 'quarantined')",
            name="inbox_outcome",
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("sender", "event_id", name="inbox_sender_event_id"),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("inbox_handled", "inbox", ["handled_at"], unique=False, postgresql_using="brin")
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "producers",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret", sa.LargeBinary(), nullable=True),
        sa.Column("previous_valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("scheme IN ('standard', 'tiktok-developer', 'path')", name="producers_scheme"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "sweeps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("job", "slot", name="sweeps_job_slot"),
    )
    op.create_index("sweeps_started", "sweeps", ["started_at"], unique=False)
    op.create_table(
        "authorizations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("advertiser_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=True),
        sa.Column("account_handle", sa.Text(), nullable=True),
        sa.Column("item_url", sa.Text(), nullable=True),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("condition", sa.Text(), server_default="public", nullable=False),
        sa.Column("condition_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("needed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contract_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("creator_id", sa.BigInteger(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ladder_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_source", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("declined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rung", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("next_action", sa.Text(), nullable=True),
        sa.Column("next_action_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "NOT (state IN ('authorized', 'active')) OR route <> 'code' OR expires_at IS NOT NULL",
            name="authorizations_code_expires_at",
        ),
        sa.CheckConstraint(
            "NOT (state IN ('authorized', 'active')) OR starts_at IS NOT NULL", name="authorizations_starts_at"
        ),
        sa.CheckConstraint(
            "condition IN ('public', 'private', 'under_review', 'removed', 'music_missing')",
            name="authorizations_condition",
        ),
        sa.CheckConstraint("next_action IN ('ask', 'expire', 'lapse')", name="authorizations_next_action"),
        sa.CheckConstraint("route IN ('code', 'account', 'own')", name="authorizations_route"),
        sa.CheckConstraint("state <> 'revoked' OR revoked_at IS NOT NULL", name="authorizations_revoked_at"),
        sa.CheckConstraint(
            "state IN ('requested', 'authorized', 'active', 'expired', 'revoked')", name="authorizations_state"
        ),
        sa.CheckConstraint("(item_id IS NULL) <> (account_handle IS NULL)", name="authorizations_subject"),
        sa.CheckConstraint("(next_action IS NULL) = (next_action_at IS NULL)", name="authorizations_next_action_at"),
        sa.ForeignKeyConstraint(
            ["creator_id"],
            ["creators.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("authorizations_advertiser", "authorizations", ["advertiser_id", "id"], unique=False)
    op.create_index(
        "authorizations_creator",
        "authorizations",
        ["creator_id"],
        unique=False,
        postgresql_where=sa.text("creator_id IS NOT NULL"),
    )
    op.create_index(
        "authorizations_expire",
        "authorizations",
        ["expires_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('authorized', 'active') AND expires_at IS NOT NULL"),
    )
    op.create_index(
        "authorizations_lapse",
        "authorizations",
        ["next_action_at", "id"],
        unique=False,
        postgresql_where=sa.text("next_action = 'lapse'"),
    )
    op.create_index(
        "authorizations_remind",
        "authorizations",
        ["next_action_at", "id"],
        unique=False,
        postgresql_where=sa.text("next_action = 'ask'"),
    )
    op.create_table(
        "pending",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mailbox", sa.SmallInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="ready", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('ready', 'early', 'parked', 'quarantined')", name="pending_status"),
        sa.ForeignKeyConstraint(
            ["seq"],
            ["inbox.seq"],
        ),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("pending_early", "pending", ["key"], unique=False, postgresql_where=sa.text("status = 'early'"))
    op.create_index(
        "pending_for_people",
        "pending",
        ["seq"],
        unique=False,
        postgresql_where=sa.text("status IN ('parked', 'quarantined')"),
    )
    op.create_index(
        "pending_ready", "pending", ["mailbox", "seq"], unique=False, postgresql_where=sa.text("status = 'ready'")
    )
    op.create_table(
        "ads",
        sa.Column("authorization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ad_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("flight_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("daily_spend", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("objective", sa.Text(), nullable=True),
        sa.Column("billing_event", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
        ),
        sa.PrimaryKeyConstraint("authorization_id", "ad_id"),
    )
    op.create_table(
        "asks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("authorization_id", sa.BigInteger(), nullable=False),
        sa.Column("period_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rung", sa.SmallInteger(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("urgency IN ('window', 'emergency', 'last_resort', 'after_end')", name="asks_urgency"),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("authorization_id", "period_ends_at", "rung", name="asks_once_a_rung"),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("authorization_id", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("code_fingerprint", sa.Text(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "authorization_id", "starts_at", "ends_at", name="grants_period", postgresql_nulls_not_distinct=True
        ),
    )
    op.create_table(
        "history",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("authorization_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("history_of", "history", ["authorization_id", "id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("authorization_id", sa.BigInteger(), nullable=True),
        sa.Column("ask_id", sa.BigInteger(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), server_default="owed", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('owed', 'paying', 'done', 'failed', 'uncertain', 'cancelled')", name="outbox_status"
        ),
        sa.ForeignKeyConstraint(
            ["ask_id"],
            ["asks.id"],
        ),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("idempotency_key"),
    )
    op.create_index(
        "outbox_due",
        "outbox",
        ["kind", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('owed', 'paying')"),
    )
    op.create_index("outbox_of", "outbox", ["authorization_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("outbox")
    op.drop_table("history")
    op.drop_table("grants")
    op.drop_table("asks")
    op.drop_table("ads")
    op.drop_table("pending")
    op.drop_table("authorizations")
    op.drop_table("sweeps")
    op.drop_table("producers")
    op.drop_table("leases")
    op.drop_table("inbox")
    op.drop_table("creators")
    op.drop_table("codes")
