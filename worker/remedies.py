"""What a person has to do about something that is owed and waits; most of it only waits for its turn."""

from __future__ import annotations

from domain.refusals import REFUSALS
from worker.access import NO_CENTER, NOT_LINKED
from worker.asking import BAD_EMAIL, NO_CREATOR, NO_EMAIL
from worker.cases import ANOTHER_KEY, CONNECTION_SYMBOLS, UNCONNECTED
from worker.effects import NO_APP
from worker.pay import NO_SMTP

# Each of ours is written as "what is missing: what to do".
FOR_PEOPLE = (NO_APP, NO_CENTER, NOT_LINKED, ANOTHER_KEY, NO_SMTP, NO_CREATOR, NO_EMAIL, BAD_EMAIL)
CONNECT = "`everspark advertiser connect ADVERTISER`, for each advertiser whose authorizations wait"
REFUSED = tuple(row for row in REFUSALS if row.symbol in CONNECTION_SYMBOLS)


def remedy_of(reason: str) -> str | None:
    """What a person has to do about it; None where nobody has to."""
    if reason in FOR_PEOPLE:
        return reason.partition(": ")[2]
    if reason == UNCONNECTED:
        return CONNECT
    return next((row.remedy for row in REFUSED if reason.startswith(row.cause)), None)
