"""What one creator sees: their posts that a brand needs, what each asks of them, and what TikTok last showed of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg.rows import dict_row

from domain.authorization import Authorization, State
from domain.events import Condition, Route
from domain.reasons import Reason
from domain.renewal import (
    LAWS,
    Policy,
    Urgency,
    law_of,
    objection_to_asking,
    smallest_period,
    urgency_of,
)
from infra import authorizations

# What ended longer ago is no creator's business any more; the ladder after the end is much shorter.
SHOWN_AFTER_END = timedelta(days=30)
# With captions in any script, and a refusal at each, the page stays under 50 kB.
MOST_POSTS = 30
LONGEST_TITLE = 90
DAYS = 30  # TikTok's own default where nobody wished for a length
PRESSING = (Urgency.EMERGENCY, Urgency.LAST_RESORT)


class Need(StrEnum):
    """What a post asks of its creator. `runs` and `declined` ask nothing."""

    WANTED = "wanted"
    EXTEND = "extend"
    URGENT = "urgent"
    OVER = "over"
    RUNS = "runs"
    DECLINED = "declined"


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One post on the page. `seen_at`: when TikTok was last looked at for it; `is_missing`: it did not show it then.

    `short_of`: the days that were asked for, where fewer were given and more is needed.
    """

    id: int
    key: str
    item_id: str | None
    account: str | None
    title: str
    link: str | None
    brand: str
    need: Need
    condition: Condition
    route: Route
    days: int
    ends_at: datetime | None
    shown_until: datetime | None
    seen_at: datetime | None
    is_missing: bool
    is_connected: bool
    last: str | None
    last_reason: str | None
    last_at: datetime | None
    short_of: int | None = None

    @property
    def asks(self) -> bool:
        """Whether the creator has something to do."""
        return self.need not in (Need.RUNS, Need.DECLINED) and self.condition is not Condition.REMOVED


POSTS = """
SELECT authorizations.id, authorizations.key, item_id, account_handle, item_url, reference,
    advertisers.name AS brand, authorizations.advertiser_id, advertisers.token IS NOT NULL AS is_connected,
    sightings.facts ->> 'caption' AS caption, sightings.ends_at AS shown_until,
    sightings.key IS NULL OR sightings.missing_since IS NOT NULL AS is_missing,
    greatest(sightings.seen_at, sightings.missing_since, advertisers.looked_at) AS seen_at,
    asked.days AS asked_days, asked.is_sent IS TRUE AS is_asked, coalesce(answered.days, authorizations.days) AS wished_days,
    last.event AS last, last.at AS last_at, last.data ->> 'reason' AS last_reason
FROM authorizations
LEFT JOIN advertisers ON advertisers.advertiser_id = authorizations.advertiser_id
LEFT JOIN sightings ON sightings.key = authorizations.key
LEFT JOIN LATERAL (
    SELECT days, max(sent_at) OVER () IS NOT NULL AS is_sent FROM asks
    WHERE authorization_id = authorizations.id AND period_ends_at = authorizations.expires_at
    ORDER BY rung DESC LIMIT 1
) AS asked ON true
LEFT JOIN LATERAL (
    SELECT days FROM asks WHERE authorization_id = authorizations.id AND period_ends_at < authorizations.expires_at
    ORDER BY period_ends_at DESC, rung DESC LIMIT 1
) AS answered ON true
LEFT JOIN LATERAL (
    SELECT event, history.recorded_at AS at, inbox.data FROM history LEFT JOIN inbox USING (seq)
    WHERE authorization_id = authorizations.id
      AND event IN ('code.submitted', 'code.refused', 'code.granted', 'authorization.extended')
    ORDER BY history.id DESC LIMIT 1
) AS last ON true
WHERE creator_id = %(creator_id)s
  AND (state IN ('requested', 'authorized', 'active') OR (state = 'expired' AND expires_at > %(since)s))
ORDER BY (next_action = 'ask' OR why = 'ladder_climbed' OR state IN ('requested', 'expired')) IS TRUE DESC,
    abs(extract(epoch FROM expires_at - %(now)s)) NULLS LAST, authorizations.id
LIMIT %(most)s
"""


def cards(
    connection: psycopg.Connection[Any], creator_id: int, handle: str, *, policy: Policy, now: datetime
) -> list[Card]:
    """The creator's posts, those that need something first, the nearest end, past or to come, before the others."""
    values = {"creator_id": creator_id, "since": now - SHOWN_AFTER_END, "now": now, "most": MOST_POSTS}
    rows = connection.cursor(row_factory=dict_row).execute(POSTS, values).fetchall()
    known = authorizations.load(connection, [row["key"] for row in rows])
    found = [
        card(row, known[row["key"]], handle, policy=policy, now=now)
        for row in rows
        if row["key"] in known and not is_done_with(known[row["key"]], now)
    ]
    return sorted(found, key=lambda each: (not each.asks, distance(each.ends_at, now)))


def is_done_with(known: Authorization, now: datetime) -> bool:
    """Whether it has ended and nobody needs it any longer: its creator is not asked for what no ad needs."""
    has_ended = known.expires_at is not None and known.expires_at <= now
    return has_ended and objection_to_asking(known, now) in (Reason.NO_AD_NEEDS_IT, Reason.COVERED)


def distance(ends_at: datetime | None, now: datetime) -> timedelta:
    """How far away an end is; what has none is the farthest."""
    return timedelta.max if ends_at is None else abs(ends_at - now)


def card(row: dict[str, Any], known: Authorization, handle: str, *, policy: Policy, now: datetime) -> Card:
    """One row as its creator sees it."""
    need = need_of(known, now, is_asked=row["is_asked"])
    return Card(
        id=row["id"],
        key=row["key"],
        item_id=row["item_id"],
        account=row["account_handle"],
        title=title_of(row),
        link=link_of(row, handle),
        brand=row["brand"] or row["advertiser_id"],
        need=need,
        condition=known.condition,
        route=known.route,
        days=days_of(row, known, policy, now),
        ends_at=known.expires_at,
        shown_until=row["shown_until"],
        seen_at=row["seen_at"],
        is_missing=row["is_missing"],
        is_connected=row["is_connected"],
        last=row["last"],
        last_reason=row["last_reason"],
        last_at=row["last_at"],
        short_of=short_of(known, row["wished_days"]) if need is Need.RUNS else None,
    )


def need_of(known: Authorization, now: datetime, *, is_asked: bool = False) -> Need:
    """What is asked of the creator: an extension from the period's window on, or once a message has asked for it."""
    if known.state is State.REQUESTED:
        return Need.WANTED
    if known.declined_at is not None:
        return Need.DECLINED
    ends_at = known.expires_at
    if ends_at is None:
        return Need.RUNS
    if ends_at <= now:
        return Need.OVER
    if objection_to_asking(known, ends_at):
        return Need.RUNS
    if ends_at - now > window_of(known, ends_at) and not is_asked:
        return Need.RUNS
    return Need.URGENT if urgency_of(known, now) in PRESSING else Need.EXTEND


def short_of(known: Authorization, wished: int | None) -> int | None:
    """The days that were asked for, where the period has fewer and somebody will have to be asked again."""
    begins_at, ends_at = known.ladder_begins_at, known.expires_at
    if wished is None or begins_at is None or ends_at is None or objection_to_asking(known, ends_at):
        return None
    return wished if (ends_at - begins_at).days + 1 < wished else None


def window_of(known: Authorization, ends_at: datetime) -> timedelta:
    """How long before its end a period is renewed."""
    begins_at = known.ladder_begins_at
    return law_of(begins_at, ends_at).window if begins_at is not None else LAWS[1].window


def days_of(row: dict[str, Any], known: Authorization, policy: Policy, now: datetime) -> int:
    """How many days to choose: those that the creator was asked for, else the fewest that cover the need."""
    if known.state is State.REQUESTED:
        return known.days or DAYS
    return row["asked_days"] or smallest_period(known, now, policy)


def title_of(row: dict[str, Any]) -> str:
    """The caption's beginning on one line; nothing where TikTok has shown none."""
    words = "".join(each if each.isprintable() else " " for each in row["caption"] or "").split()
    title = " ".join(words)
    return title if len(title) <= LONGEST_TITLE else title[:LONGEST_TITLE].rstrip() + "…"


def link_of(row: dict[str, Any], handle: str) -> str | None:
    """The post at TikTok. An address that a producer sent is taken only where it leads there too."""
    url = row["item_url"] or ""
    if is_tiktok(url):
        return url
    return f"https://www.tiktok.com/@{quote(handle)}/video/{quote(row['item_id'])}" if row["item_id"] else None


def is_tiktok(url: str) -> bool:
    """Whether an address leads to TikTok and nowhere else."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    return is_plain and parts.scheme == "https" and (host == "tiktok.com" or host.endswith(".tiktok.com"))
