"""A look at one authorization alone: for a person who waits for the answer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from infra import advertisers, inbox
from infra.clock import Clock
from infra.database import hot
from infra.tiktok.client import Tiktok
from infra.vault import Vault
from worker.cases import TRIES, Case, Done, Ending, Failed, PutOff
from worker.comparing import Comparison, letter_of
from worker.looking import write
from worker.reading import Reading, UnansweredError


@dataclass(frozen=True, kw_only=True, slots=True)
class Glimpse:
    """What a look at one authorization came to. `trouble` says why TikTok did not tell; `is_there`: it was listed."""

    key: str
    at: datetime
    is_there: bool = False
    letters: int = 0
    mailboxes: frozenset[int] = frozenset()
    trouble: str | None = None


NOT_CONNECTED = "the advertiser is not connected: see `everspark advertiser connect`"
NOT_UNDERSTOOD = "it shows {}, which is not known here, and nothing was changed"
NO_ID = "posts are looked for by TikTok's ids of 19 digits"


def look_at(
    engine: Engine, clock: Clock, tiktok: Tiktok, vault: Vault, key: str, *, withdrawn_words: Collection[str] = ()
) -> Glimpse:
    """Looks at one authorization alone, with a call or two; its ads are not read. The time of the sighting is kept."""
    advertiser_id, _, subject = key.partition("/")
    at = clock.now()
    with hot(engine) as connection:
        connected = advertisers.connected(connection, vault, advertiser_id)
    if connected is None:
        return Glimpse(key=key, at=at, trouble=NOT_CONNECTED)
    reading = Reading(advertiser=tiktok.advertiser(advertiser_id, connected.token), bc_id=connected.bc_id)
    comparison = Comparison(
        engine=engine,
        vault=vault,
        advertiser_id=advertiser_id,
        at=at,
        is_targeted=True,
        withdrawn_words=withdrawn_words,
    )
    try:
        if subject.startswith("@"):
            comparison.meet_accounts(reading)
            compared = comparison.account(key)
        else:
            compared = comparison.looked_for(key, reading)
    except UnansweredError as unanswered:
        return Glimpse(key=key, at=at, trouble=str(unanswered))
    except ValueError:
        return Glimpse(key=key, at=at, trouble=NO_ID)
    if (doubt := comparison.doubts.get(key)) is not None:
        return Glimpse(key=key, at=at, is_there=True, trouble=NOT_UNDERSTOOD.format(doubt))
    letters = [letter_of(difference, event) for difference in compared.differences for event in difference.events]
    return Glimpse(
        key=key,
        at=at,
        is_there=key in comparison.seen,
        letters=write(engine, letters, compared.news, now=clock.now()),
        mailboxes=frozenset({inbox.mailbox_of(key)} if letters else ()),
    )


# Somebody waits for the answer: after two further tries, within three minutes, the usual look has to do.
MOST_TRIES = 2


def glimpse(case: Case) -> Ending:
    """What is owed to somebody who waits: a look at this one. It changes nothing at TikTok, so a lost answer loses nothing."""
    desk = case.desk
    seen = look_at(desk.engine, desk.clock, desk.tiktok, desk.vault, case.key)
    if seen.trouble is None:
        return Done(mailboxes=seen.mailboxes)
    tries = int(case.debt.payload.get("tries", 0))
    if seen.trouble in (NOT_CONNECTED, NO_ID) or tries >= MOST_TRIES:
        return Failed(reason=seen.trouble)
    return PutOff(due_at=case.now + TRIES[tries], reason=seen.trouble, put={"tries": tries + 1})
