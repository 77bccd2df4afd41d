"""Indexes that the room's lists walk further with, names to choose from, and when somebody's snooze was stated."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

RUNS = "state IN ('authorized', 'active') AND expires_at IS NOT NULL"
ENDED = "state IN ('expired', 'revoked') AND expires_at IS NOT NULL"
REFERENCE = "reference IS NOT NULL"


def upgrade() -> None:
    _replaced("expire", ["expires_at", "id"], RUNS, include=["currency"])
    _replaced("ended", ["expires_at", "id"], ENDED, include=["state"])
    _replaced("reference", [sa.text("lower(reference) text_pattern_ops"), "id"], REFERENCE)
    op.create_index("advertisers_named", "advertisers", [sa.text("lower(name)"), "advertiser_id"])
    op.add_column("creators", sa.Column("snooze_stated_at", sa.DateTime(timezone=True), nullable=True))
    # The calendar of the version before, which nobody reads or makes anew any more.
    op.execute("DELETE FROM summaries WHERE name = 'ahead'")


def downgrade() -> None:
    op.drop_column("creators", "snooze_stated_at")
    op.drop_index("advertisers_named", "advertisers")
    _replaced("reference", [sa.text("reference text_pattern_ops"), "id"], REFERENCE)
    _replaced("ended", ["expires_at", "id"], ENDED)
    _replaced("expire", ["expires_at", "id"], RUNS)


def _replaced(name: str, columns: list[sa.TextClause | str], where: str, *, include: list[str] | None = None) -> None:
    name = f"authorizations_{name}"
    op.drop_index(name, "authorizations")
    op.create_index(name, "authorizations", columns, postgresql_where=sa.text(where), postgresql_include=include)
