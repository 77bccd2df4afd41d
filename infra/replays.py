"""Another try for events that wait: as the room and `everspark events replay` do it, with a line in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from infra import audit, inbox

# So many are named in the audit log; more are counted.
MOST_NAMED = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """Which events are ready again, and the mailboxes to nudge after the commit."""

    seqs: tuple[int, ...]
    mailboxes: frozenset[int]


def replay(connection: psycopg.Connection[Any], seqs: Sequence[int], *, actor: str, now: datetime) -> Replayed:
    """Makes parked, quarantined or early ones of `seqs` ready again, as if new; others are left as they are."""
    ready = inbox.replay(connection, seqs)
    done = Replayed(seqs=tuple(sorted(ready)), mailboxes=frozenset(ready.values()))
    if done.seqs:
        subject = f"event/{done.seqs[0]}" if len(done.seqs) == 1 else None
        about = {"count": len(done.seqs), "seqs": list(done.seqs[:MOST_NAMED])}
        audit.note(connection, at=now, actor=actor, act="events.replayed", subject=subject, about=about)
    return done
