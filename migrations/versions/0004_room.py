"""The operators' room: people and what they did, acts on many at once, imports, sums, and what lists are sorted by."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROLES = "role IN ('viewer', 'operator', 'admin')"
STATUSES = "status IN ('waiting', 'running', 'paused', 'done', 'failed')"
ACTS = "act IN ('ask', 'snooze', 'look', 'need', 'unbind', 'revoke')"
OPEN = "status IN ('waiting', 'running')"
RUNNING = "state IN ('authorized', 'active')"
AT_RISK = f"{RUNNING} AND at_risk > 0"
DOUBTFUL = "missing_since IS NOT NULL OR confirmed_at IS NOT NULL"
TABLES = (
    *("deliveries", "sheet_rows", "imports", "bulk_marks", "bulks", "summaries", "alerts", "api_answers"),
    *("audit", "saved_views", "api_tokens", "invitations", "sessions", "users"),
)
ENDED = "state IN ('expired', 'revoked') AND expires_at IS NOT NULL"
INDEXES = (
    *("state", "at_risk", "at_risk_oddly", "currency", "changed", "ended"),
    *("route", "route_changed", "condition", "reference", "account", "item", "unsighted"),
)


def word(name: str, *, required: bool = False, **more: Any) -> Any:
    return sa.Column(name, sa.Text(), nullable=not required, **more)


def instant(name: str, *, required: bool = False) -> Any:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not required)


def count(name: str, kind: Any = sa.Integer) -> Any:
    return sa.Column(name, kind(), nullable=False, server_default="0")


def whole(name: str, kind: Any = sa.BigInteger) -> Any:
    return sa.Column(name, kind(), nullable=False, autoincrement=False)


def serial(kind: Any = sa.BigInteger) -> Any:
    return sa.Column("id", kind(), sa.Identity(always=False), nullable=False)


def record(name: str, *, required: bool = False, **more: Any) -> Any:
    return sa.Column(name, postgresql.JSONB(), nullable=not required, **more)


def upgrade() -> None:
    _people()
    _what_they_did()
    _many_at_once()
    _lists()


def _people() -> None:
    op.create_table(
        "users",
        serial(sa.Integer),
        word("email", required=True),
        word("name"),
        word("role", required=True),
        word("password"),
        word("subject"),
        instant("created_at", required=True),
        instant("disabled_at"),
        instant("signed_in_at"),
        sa.CheckConstraint(ROLES, name="users_role"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
        sa.UniqueConstraint("subject"),
    )
    op.create_table(
        "sessions",
        sa.Column("token", sa.LargeBinary(), nullable=False),
        whole("user_id", sa.Integer),
        instant("created_at", required=True),
        instant("seen_at", required=True),
        instant("expires_at", required=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "invitations",
        serial(sa.Integer),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        word("role", required=True),
        word("email"),
        instant("created_at", required=True),
        instant("expires_at", required=True),
        instant("used_at"),
        sa.CheckConstraint(ROLES, name="invitations_role"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
    )
    op.create_table(
        "api_tokens",
        serial(sa.Integer),
        word("name", required=True),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        word("last", required=True),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        instant("created_at", required=True),
        instant("expires_at"),
        instant("used_at"),
        instant("revoked_at"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
    )
    op.create_index(
        "api_tokens_name", "api_tokens", ["name"], unique=True, postgresql_where=sa.text("revoked_at IS NULL")
    )
    op.create_table(
        "saved_views",
        serial(sa.Integer),
        whole("user_id", sa.Integer),
        word("name", required=True),
        word("query", required=True),
        instant("created_at", required=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id", "name", name="saved_views_name"),
    )


def _what_they_did() -> None:
    op.create_table(
        "audit",
        serial(),
        instant("at", required=True),
        word("actor", required=True),
        word("act", required=True),
        word("subject"),
        record("about", required=True, server_default="{}"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_of", "audit", ["subject", "id"])
    op.create_index("audit_by", "audit", ["actor", "id"])
    chosen = sa.text("about ? 'keys'")
    op.create_index(
        "audit_keys", "audit", [sa.text("(about -> 'keys')")], postgresql_using="gin", postgresql_where=chosen
    )
    op.create_table(
        "api_answers",
        word("actor", required=True),
        word("key", required=True),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        instant("created_at", required=True),
        sa.PrimaryKeyConstraint("actor", "key"),
    )
    op.create_index("ix_api_answers_created_at", "api_answers", ["created_at"])
    op.create_table(
        "deliveries",
        word("producer", required=True),
        instant("hour", required=True),
        word("outcome", required=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("producer", "hour", "outcome"),
    )


def _many_at_once() -> None:
    op.create_table(
        "bulks",
        serial(),
        word("nonce", required=True),
        word("act", required=True),
        word("query", required=True),
        record("ids"),
        record("params", required=True, server_default="{}"),
        word("status", required=True, server_default="waiting"),
        word("actor", required=True),
        whole("matched", sa.Integer),
        whole("last_id"),
        count("place", sa.BigInteger),
        count("done"),
        count("skipped"),
        record("left_out", required=True, server_default="{}"),
        sa.Column("undo_of", sa.BigInteger(), nullable=True),
        instant("claimed_until"),
        instant("created_at", required=True),
        instant("ended_at"),
        word("trouble"),
        sa.CheckConstraint(ACTS, name="bulks_act"),
        sa.CheckConstraint(STATUSES, name="bulks_status"),
        sa.ForeignKeyConstraint(["undo_of"], ["bulks.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("nonce"),
        sa.UniqueConstraint("undo_of"),
    )
    op.create_index("bulks_open", "bulks", ["id"], postgresql_where=sa.text(OPEN))
    op.create_table(
        "bulk_marks",
        whole("bulk_id"),
        whole("authorization_id"),
        record("before", required=True),
        sa.ForeignKeyConstraint(["bulk_id"], ["bulks.id"]),
        sa.ForeignKeyConstraint(["authorization_id"], ["authorizations.id"]),
        sa.PrimaryKeyConstraint("bulk_id", "authorization_id"),
    )
    op.create_table(
        "imports",
        serial(),
        word("name", required=True),
        word("actor", required=True),
        word("stage", required=True, server_default="check"),
        word("status", required=True, server_default="waiting"),
        sa.Column("is_dry_run", sa.Boolean(), nullable=False),
        sa.Column("is_forgotten", sa.Boolean(), nullable=False, server_default=sa.false()),
        record("ignored", required=True, server_default="[]"),
        *(count(name) for name in ("lines", "place", "good", "bad", "again", "applied")),
        instant("claimed_until"),
        instant("created_at", required=True),
        instant("ended_at"),
        instant("emptied_at"),
        word("trouble"),
        sa.CheckConstraint("stage IN ('check', 'apply')", name="imports_stage"),
        sa.CheckConstraint(STATUSES, name="imports_status"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("imports_open", "imports", ["id"], postgresql_where=sa.text(OPEN))
    op.create_index("imports_full", "imports", ["created_at"], postgresql_where=sa.text("emptied_at IS NULL"))
    op.create_table(
        "sheet_rows",
        whole("import_id"),
        whole("line", sa.Integer),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        *(word(name) for name in ("key", "fingerprint", "last")),
        instant("ends_at"),
        word("verdict"),
        word("problem"),
        sa.CheckConstraint("verdict IN ('good', 'bad', 'again')", name="sheet_rows_verdict"),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("import_id", "line"),
    )
    op.create_index("sheet_rows_verdict_line", "sheet_rows", ["import_id", "verdict", "line"])
    known = sa.text("key IS NOT NULL")
    op.create_index("sheet_rows_key", "sheet_rows", ["import_id", "key"], postgresql_where=known)
    op.create_table(
        "summaries",
        word("name", required=True),
        instant("at", required=True),
        record("body", required=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "alerts",
        word("name", required=True),
        word("sentence", required=True),
        sa.Column("holds", sa.Boolean(), nullable=False),
        instant("since", required=True),
        instant("seen_at", required=True),
        instant("opened_at"),
        instant("resolved_at"),
        sa.PrimaryKeyConstraint("name"),
    )


def _lists() -> None:
    op.add_column("authorizations", instant("need_stated_at"))
    op.add_column("authorizations", record("measured"))
    for name in ("spend_a_day", "at_risk"):
        op.add_column("authorizations", sa.Column(name, sa.Numeric(precision=18, scale=4), nullable=True))
    op.add_column("authorizations", word("currency"))
    op.add_column("authorizations", sa.Column("is_sighted", sa.Boolean(), server_default="false", nullable=False))
    op.execute("UPDATE authorizations SET is_sighted = true WHERE key IN (SELECT key FROM sightings)")
    index("state", ["state", "id"])
    op.drop_index("authorizations_advertiser", "authorizations")
    index("advertiser", ["advertiser_id", "id"], include=["state", "expires_at"])
    op.drop_index("authorizations_creator", "authorizations")
    index("creator", ["creator_id", "id"], "creator_id IS NOT NULL")
    index("at_risk", ["at_risk", "id"], AT_RISK, include=["state", "expires_at"])
    index("at_risk_oddly", ["at_risk", "id"], f"{AT_RISK} AND (route <> 'code' OR state <> 'active')")
    index("currency", ["currency", "id"], "currency IS NOT NULL")
    index("changed", ["state_since", "id"], include=["state", "expires_at", "condition"])
    index("ended", ["expires_at", "id"], ENDED)
    index("route", ["route", "expires_at", "id"], "route <> 'code'")
    index("route_changed", ["route", "state_since", "id"], "route <> 'code'")
    index("condition", ["condition", "expires_at", "id"], "condition <> 'public'")
    index("reference", ["reference", "id"], "reference IS NOT NULL", ops={"reference": "text_pattern_ops"})
    index("account", ["account_handle"], "account_handle IS NOT NULL", ops={"account_handle": "text_pattern_ops"})
    index("item", ["item_id"], "item_id IS NOT NULL")
    index("unsighted", ["id"], f"{RUNNING} AND NOT is_sighted")
    op.create_index("sightings_doubtful", "sightings", ["key"], postgresql_where=sa.text(DOUBTFUL))
    op.create_index("codes_last", "codes", ["last"])
    op.add_column("inbox", word("traceparent"))
    op.add_column("inbox", record("headers"))
    op.create_index("inbox_traced", "inbox", ["key"], postgresql_where=sa.text("traceparent IS NOT NULL"))
    troubled = sa.text("status IN ('failed', 'uncertain')")
    op.create_index("outbox_troubled", "outbox", ["settled_at", "id"], postgresql_where=troubled)
    op.create_index("creators_handle_prefix", "creators", ["handle"], postgresql_ops={"handle": "text_pattern_ops"})


def index(
    name: str,
    columns: list[str],
    where: str | None = None,
    *,
    ops: dict[str, str] | None = None,
    include: list[str] | None = None,
) -> None:
    op.create_index(
        f"authorizations_{name}",
        "authorizations",
        columns,
        postgresql_where=sa.text(where) if where else None,
        postgresql_ops=ops or {},
        postgresql_include=include,
    )


def downgrade() -> None:
    op.drop_index("creators_handle_prefix", "creators")
    op.drop_index("outbox_troubled", "outbox")
    op.drop_index("codes_last", "codes")
    op.drop_index("inbox_traced", "inbox")
    op.drop_index("sightings_doubtful", "sightings")
    op.drop_column("inbox", "headers")
    op.drop_column("inbox", "traceparent")
    for name in (*INDEXES, "advertiser", "creator"):
        op.drop_index(f"authorizations_{name}", "authorizations")
    index("advertiser", ["advertiser_id", "id"])
    index("creator", ["creator_id"], "creator_id IS NOT NULL")
    for name in ("need_stated_at", "measured", "spend_a_day", "at_risk", "currency", "is_sighted"):
        op.drop_column("authorizations", name)
    for name in TABLES:
        op.drop_table(name)
