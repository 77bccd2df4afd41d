"""Runs the revisions on the connection that infra.database hands over."""

from __future__ import annotations

from alembic import context

from infra import bulk_tables, people_tables  # noqa: F401 - they declare tables
from infra.tables import Inbox

context.configure(connection=context.config.attributes["connection"], target_metadata=Inbox.metadata)
with context.begin_transaction():
    context.run_migrations()
