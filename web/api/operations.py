"""Every operation of the API, in one table: the guard reads the scopes from it, and so do the tests that walk it."""

from __future__ import annotations

from web.api import (
    acts,
    advertisers,
    ahead,
    authorizations,
    creators,
    escalations,
    events,
    imports,
    log,
    outbox,
    people,
    producers,
    sweeps,
    today,
)
from web.api.calls import Operation

OPERATIONS: tuple[Operation, ...] = (
    *today.OPERATIONS,
    *authorizations.OPERATIONS,
    *acts.OPERATIONS,
    *creators.OPERATIONS,
    *advertisers.OPERATIONS,
    *ahead.OPERATIONS,
    *escalations.OPERATIONS,
    *events.OPERATIONS,
    *imports.OPERATIONS,
    *outbox.OPERATIONS,
    *sweeps.OPERATIONS,
    *producers.OPERATIONS,
    *people.OPERATIONS,
    *log.OPERATIONS,
)
