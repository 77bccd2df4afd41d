"""Where the worker's traces come together: the events of a batch, and the events behind what is paid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy import Engine

from infra import inbox, tracing
from infra.database import OUTAGES, hot
from infra.inbox import Mail

# What a batch owes was made, or made due again, at the instant at which it handled its events; an ask that joined a message
# has its own.
CAUSES = """
SELECT traceparent FROM inbox JOIN (
    SELECT key, created_at AS at FROM outbox WHERE id = %(id)s
    UNION SELECT key, due_at FROM outbox WHERE id = %(id)s
    UNION SELECT key, asked_at FROM asks JOIN authorizations ON authorizations.id = authorization_id WHERE outbox_id = %(id)s
) AS cause ON inbox.key = cause.key AND inbox.handled_at = cause.at
WHERE traceparent IS NOT NULL GROUP BY traceparent ORDER BY min(seq)
"""


def applied(mailbox: int, events: Sequence[tuple[Mail, str, str]], *, begun: int) -> None:
    """After its commit: a span of the batch, and in the trace of each of its events one of that event, linked to it. All last
    from `begun` till now: they were applied together.
    """
    if not events or not tracing.is_on():
        return
    links = [mail.traceparent for mail, _, _ in events if mail.traceparent]
    whole = tracing.record("drain", {"mailbox": mailbox, "events": len(events)}, links=links, begun=begun)
    for mail, outcome, reason in events:
        about: tracing.Attributes = {
            "seq": mail.seq,
            "type": mail.type,
            "key": mail.key,
            "outcome": str(outcome),
            "reason": str(reason),
        }
        tracing.record("apply", about, parent=mail.traceparent, links=[whole], begun=begun)


@contextmanager
def paying(engine: Engine, outbox_id: int, kind: str, key: str) -> Iterator[None]:
    """A span of what is done to pay one row: in the trace of the first event behind it, with links to those of the others."""
    if not tracing.is_on():
        yield
        return
    causes = _causes(engine, outbox_id, key)
    about: tracing.Attributes = {"outbox_id": outbox_id, "key": key}
    parent = causes[0] if causes else None
    with tracing.span(f"pay {kind}", about, parent=parent, links=causes[1:], kind="client"):
        yield


def _causes(engine: Engine, outbox_id: int, key: str) -> list[str]:
    """A row that was put off since, or that a call made, goes on with what was last heard. The row is claimed already: what
    fails here must not stand in its way.
    """
    with suppress(*OUTAGES), hot(engine) as connection:
        causes = [row[0] for row in connection.execute(CAUSES, {"id": outbox_id})]
        return causes or list(inbox.last_traces(connection, [key]).values())
    return []
