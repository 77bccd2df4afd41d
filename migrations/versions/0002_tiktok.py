"""What TikTok shows: connected advertisers, sightings, KPIs; ads that TikTok silenced; ends that it corrected."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAITED_FOR = "status IN ('owed', 'paying')"
ALSO_UNCERTAIN = "status IN ('owed', 'paying', 'uncertain')"


def upgrade() -> None:
    op.add_column("authorizations", sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ads", sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("outbox_due", table_name="outbox")
    op.create_index("outbox_due", "outbox", ["kind", "due_at", "id"], postgresql_where=sa.text(ALSO_UNCERTAIN))
    op.create_table(
        "advertisers",
        sa.Column("advertiser_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("bc_id", sa.Text(), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looking_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_kpis_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.Column("troubles", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_looks", sa.SmallInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("advertiser_id"),
    )
    op.create_index("advertisers_look", "advertisers", ["next_look_at"], postgresql_where=sa.text("token IS NOT NULL"))
    op.create_table(
        "sightings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("advertiser_id", sa.Text(), nullable=False),
        sa.Column("auth_status", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("code_fingerprint", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("sightings_advertiser", "sightings", ["advertiser_id"])
    op.create_table(
        "kpis",
        sa.Column("authorization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("spend", sa.Numeric(18, 4), nullable=False),
        sa.Column("impressions", sa.BigInteger(), nullable=False),
        sa.Column("clicks", sa.BigInteger(), nullable=False),
        sa.Column("conversions", sa.Numeric(18, 4), nullable=False),
        sa.ForeignKeyConstraint(["authorization_id"], ["authorizations.id"]),
        sa.PrimaryKeyConstraint("authorization_id", "day", "currency"),
    )
    op.create_index("kpis_day", "kpis", ["day"])
    # Access that was asked for before there was anybody to pursue it.
    op.execute(
        """
        INSERT INTO outbox (kind, key, authorization_id, idempotency_key, payload, due_at, created_at, last_error)
        SELECT kind, key, id, kind || '-' || key, jsonb_build_object('asked_at', requested_at), now(), now(),
            'waiting for TikTok'
        FROM (
            SELECT id, key, requested_at, CASE route WHEN 'own' THEN 'own.confirm' ELSE 'account.access' END AS kind
            FROM authorizations
            WHERE state = 'requested' AND requested_at IS NOT NULL
                AND (route = 'own' OR (route = 'account' AND account_handle IS NOT NULL))
        ) AS asked"""
    )


def downgrade() -> None:
    op.execute("DELETE FROM outbox WHERE kind IN ('account.access', 'own.confirm', 'access.mail', 'post.unbind')")
    op.drop_table("kpis")
    op.drop_table("sightings")
    op.drop_table("advertisers")
    op.drop_index("outbox_due", table_name="outbox")
    op.create_index("outbox_due", "outbox", ["kind", "due_at", "id"], postgresql_where=sa.text(WAITED_FOR))
    op.drop_column("ads", "lost_at")
    op.drop_column("authorizations", "corrected_at")
