"""Before a creator is written to, TikTok is read once more: who extended a minute ago is not asked.

A message that may go now is put back as long as its posts are being read, and never for long. The rows are the truth: the
message's own says since when it waits, the looks' whether they are over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from domain.patience import TIME_TO_ACT
from infra import advertisers, inbox, owed
from infra.outbox import HOLD, Debt
from worker.asking import Later
from worker.reading import is_item_id

# TikTok itself takes about a minute to pass a change on (turns.MINIMUM_GAP), so a reading of two minutes ago says what a
# new one would; and one whole look serves all messages that go within two minutes.
FRESH = timedelta(minutes=2)
# A look takes a second or two. What is not over by then is waited for at the pace of the sweep that rescues messages.
SOON = timedelta(seconds=5)
# Then the message goes without. A single look gives up within three minutes (glimpsing.MOST_TRIES); one whose process died
# is taken up by another after five (outbox.ABANDONED_AFTER).
LONGEST = timedelta(minutes=10)
# Nobody came back to the message for so long (the daemon stood still, or many messages stood before it): what was read then
# says little of now.
FORGOTTEN = timedelta(minutes=30)
# One call reads one post, and a handful reads all of an advertiser: beyond this many, the whole look costs less, and serves
# the next creators' messages too.
MOST_SINGLE = 3
LOOKING_FIRST = "TikTok is read once more, since the creator may have extended meanwhile"


@dataclass(frozen=True, kw_only=True, slots=True)
class LastReading:
    """When TikTok was last asked for one authorization, as far as it is asked at all. `has_news`: something was heard of it
    that is not applied yet, or was applied a moment ago; `is_checked`: a code of its creator is on its way to TikTok.
    """

    key: str
    advertiser_id: str
    is_connected: bool
    read_at: datetime | None
    has_news: bool
    is_checked: bool

    @property
    def is_open(self) -> bool:
        """Whether an answer of the creator's may be under way. Nobody waits for a code that cannot be checked."""
        return self.has_news or (self.is_checked and self.is_connected)

    def is_stale(self, since: datetime) -> bool:
        """Whether it can be read, and was not just before `since`."""
        can_be_read = self.is_connected and is_item_id(self.key.partition("/")[2])
        return can_be_read and (self.read_at is None or self.read_at <= since - FRESH)


# A look that came to nothing counts as well: whether to try again is for its own schedule to say. A worker may have applied
# something since the message was judged, some statements ago: then the end is another one.
LAST_READINGS = """
SELECT asked.key, split_part(asked.key, '/', 1) AS advertiser_id,
    coalesce(token IS NOT NULL AND (rests_until IS NULL OR rests_until <= %(now)s), false) AS is_connected,
    greatest(coalesce(sightings.confirmed_at, greatest(sightings.seen_at, looked_at)), look.settled_at) AS read_at,
    EXISTS (SELECT FROM pending WHERE pending.mailbox = asked.mailbox AND pending.status = 'ready'
        AND pending.key = asked.key) OR held.expires_at IS DISTINCT FROM asked.ends_at AS has_news,
    EXISTS (SELECT FROM outbox WHERE kind = 'code.check' AND status IN ('owed', 'paying', 'uncertain')
        AND outbox.key = asked.key) AS is_checked
FROM unnest(%(keys)s::text[], %(ends)s::timestamptz[], %(mailboxes)s::int2[]) AS asked (key, ends_at, mailbox)
JOIN authorizations AS held ON held.key = asked.key
LEFT JOIN advertisers ON advertisers.advertiser_id = split_part(asked.key, '/', 1)
LEFT JOIN sightings ON sightings.key = asked.key
LEFT JOIN outbox AS look ON look.idempotency_key = 'look.one-' || asked.key
    AND look.status IN ('done', 'failed', 'cancelled')
"""
BEGIN = """
UPDATE outbox SET payload = payload || jsonb_build_object('looking_since', %(now)s::timestamptz) WHERE id = %(id)s
"""
OPEN_LOOKS = """
SELECT split_part(key, '/', 1), count(*) FROM outbox
WHERE kind = 'look.one' AND status IN ('owed', 'paying', 'uncertain') AND key <> ALL(%s) GROUP BY 1
"""


def look_first(
    connection: psycopg.Connection[Any], debt: Debt, ends: Mapping[str, datetime], now: datetime
) -> Later | None:
    """Called with the message's row locked, when it may go: what it waits for, or None if it goes. `ends` are the ends of
    the periods that it asks about, by authorization.
    """
    since = looking_since(debt, now)
    if leaves_no_time(ends.values(), now) or (since is not None and now - since >= LONGEST):
        return None
    readings = last_readings(connection, ends, now)
    stale = [each for each in readings if each.is_stale(since or now)]
    if not stale and not any(each.is_open for each in readings):
        return None
    owe_readings(connection, stale, now)
    if since is None:
        connection.execute(BEGIN, {"id": debt.id, "now": now})
    return Later(reason=LOOKING_FIRST, at=now + (SOON if since is None else HOLD), is_looking=True)


def looking_since(debt: Debt, now: datetime) -> datetime | None:
    """Since when the message waits for TikTok. Where it has waited for something else since then, it looks anew."""
    if debt.last_error != LOOKING_FIRST:
        return None
    since = datetime.fromisoformat(debt.payload["looking_since"])
    return since if now - since < FORGOTTEN else None


def leaves_no_time(ends: Iterable[datetime], now: datetime) -> bool:
    """Whether the minutes of a look are the last ones in which somebody could still act."""
    return any(now < end <= now + TIME_TO_ACT + LONGEST for end in ends)


def last_readings(
    connection: psycopg.Connection[Any], ends: Mapping[str, datetime], now: datetime
) -> list[LastReading]:
    """One for each key of `ends`, in their order."""
    keys = sorted(ends)
    values = {"keys": keys, "ends": [ends[key] for key in keys], "now": now}
    values["mailboxes"] = [inbox.mailbox_of(key) for key in keys]
    with connection.cursor(row_factory=class_row(LastReading)) as cursor:
        return cursor.execute(LAST_READINGS, values).fetchall()


def owe_readings(connection: psycopg.Connection[Any], stale: Sequence[LastReading], now: datetime) -> None:
    """A look at each post, or at the whole advertiser where there would be many; what is owed or due already stays so."""
    if not stale:
        return
    by_advertiser = defaultdict[str, list[str]](list)
    for each in stale:
        by_advertiser[each.advertiser_id].append(each.key)
    others = dict(connection.execute(OPEN_LOOKS, [[each.key for each in stale]]).fetchall())
    whole = [one for one, keys in by_advertiser.items() if len(keys) + others.get(one, 0) > MOST_SINGLE]
    single = [key for one, keys in by_advertiser.items() if one not in whole for key in keys]
    owed.owe_looks(connection, sorted(single), now=now)
    if whole:
        advertisers.look_soon(connection, sorted(whole), now=now, apart=FRESH)
