"""Every route of the room, in one table: the guard reads the roles from it, and so does the test that walks it."""

from __future__ import annotations

from web.room import (
    account,
    acts,
    advertisers,
    ahead,
    audited,
    authorizations,
    calendar,
    creators,
    escalations,
    events,
    imports,
    live,
    outbox,
    people,
    producers,
    settings,
    standing,
    sweeps,
    today,
    tokens,
)
from web.room.calls import Page

PAGES: tuple[Page, ...] = (
    *today.PAGES,
    *live.PAGES,
    *ahead.PAGES,
    *authorizations.PAGES,
    *standing.PAGES,
    *calendar.PAGES,
    *creators.PAGES,
    *escalations.PAGES,
    *advertisers.PAGES,
    *acts.PAGES,
    *imports.PAGES,
    *events.PAGES,
    *outbox.PAGES,
    *sweeps.PAGES,
    *producers.PAGES,
    *people.PAGES,
    *tokens.PAGES,
    *audited.PAGES,
    *settings.PAGES,
    *account.PAGES,
)
