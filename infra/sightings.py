"""What TikTok last showed, in rows: read with what is held here, written only where it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from domain.authorization import Authorization
from domain.posts import VIDEO, Post
from domain.sightings import Sighting
from infra import authorizations
from infra.authorizations import as_json
from infra.tables import RUNNING

# The last time that TikTok confirmed what it had shown; null where it never did, or no longer does. A complete look confirms
# whatever it did not find missing, and writes that in one place; what it left out keeps its own instant. For queries FROM
# authorizations.
CONFIRMED_AT = """
(SELECT coalesce(sightings.confirmed_at, greatest(sightings.seen_at, advertisers.looked_at)) FROM sightings
 LEFT JOIN advertisers ON advertisers.advertiser_id = sightings.advertiser_id
 WHERE sightings.key = authorizations.key AND sightings.missing_since IS NULL)
"""
# Since when TikTok shows it no longer; null where it does, or never did. For queries FROM authorizations.
MISSING_SINCE = "(SELECT missing_since FROM sightings WHERE sightings.key = authorizations.key)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """An authorization as it is held here, with its row's version and the instant of its last change."""

    authorization: Authorization
    version: int
    updated_at: datetime


VERSIONS = "SELECT key, version, updated_at FROM authorizations WHERE key = ANY(%s)"


def held(connection: psycopg.Connection[Any], keys: Sequence[str]) -> dict[str, Held]:
    """What is held of `keys`; a key of which nothing is known is left out. One snapshot, so that all of it agrees."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    versions = {key: rest for key, *rest in connection.execute(VERSIONS, [list(keys)], prepare=True)}
    found = authorizations.load(connection, list(keys))
    return {
        key: Held(authorization=authorization, version=versions[key][0], updated_at=versions[key][1])
        for key, authorization in found.items()
    }


LOAD = """
SELECT key, auth_status, starts_at, ends_at, status, code_fingerprint, facts, seen_at, missing_since
FROM sightings WHERE key = ANY(%s)
"""


def load(connection: psycopg.Connection[Any], keys: Sequence[str]) -> dict[str, Sighting]:
    """The last sightings of `keys`, as far as there are any."""
    return {row[0]: sighting_of(row) for row in connection.execute(LOAD, [list(keys)], prepare=True)}


def sighting_of(row: tuple[Any, ...]) -> Sighting:
    """The value of one row of `LOAD`."""
    key, auth_status, starts_at, ends_at, status, code_fingerprint, facts, seen_at, missing_since = row
    return Sighting(
        key=key,
        auth_status=auth_status,
        starts_at=starts_at,
        ends_at=ends_at,
        status=status,
        code_fingerprint=code_fingerprint,
        facts=facts,
        seen_at=seen_at,
        missing_since=missing_since,
    )


# `known` may be newer: a targeted look may overtake a slow one.
SAVE = """
INSERT INTO sightings AS known (key, advertiser_id, auth_status, starts_at, ends_at, status, code_fingerprint, facts,
    seen_at, missing_since)
SELECT key, split_part(key, '/', 1), auth_status, starts_at, ends_at, status, code_fingerprint, facts, seen_at,
    missing_since
FROM json_to_recordset(%s) AS t (key text, auth_status text, starts_at timestamptz, ends_at timestamptz, status text,
    code_fingerprint text, facts jsonb, seen_at timestamptz, missing_since timestamptz)
ON CONFLICT (key) DO UPDATE SET
    auth_status = excluded.auth_status, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    status = excluded.status, code_fingerprint = excluded.code_fingerprint, facts = excluded.facts,
    seen_at = excluded.seen_at, missing_since = excluded.missing_since, confirmed_at = NULL
WHERE known.seen_at <= coalesce(excluded.missing_since, excluded.seen_at)
"""


# One whose row somebody writes just now stays without the mark until it is written again, which lists only pay with some time.
MARK = """
UPDATE authorizations SET is_sighted = true WHERE id IN (
    SELECT id FROM authorizations WHERE key = ANY(%s) AND NOT is_sighted FOR NO KEY UPDATE SKIP LOCKED
)
"""


def save(connection: psycopg.Connection[Any], sightings: Sequence[Sighting]) -> None:
    """Inserts or updates them."""
    if sightings:
        connection.execute(SAVE, [as_json(sightings)], prepare=True)
        connection.execute(MARK, [[each.key for each in sightings]], prepare=True)


LEFT_OUT = """
UPDATE sightings SET confirmed_at = CASE WHEN key = ANY(%(keys)s) THEN
    CASE WHEN seen_at < %(at)s THEN greatest(seen_at, %(before)s) ELSE coalesce(%(before)s, seen_at) END END
WHERE advertiser_id = %(advertiser_id)s AND (key = ANY(%(keys)s)) <> (confirmed_at IS NOT NULL)
"""


def leave_out(
    connection: psycopg.Connection[Any],
    advertiser_id: str,
    keys: Sequence[str],
    *,
    at: datetime,
    before: datetime | None,
) -> None:
    """Keeps for `keys` alone the confirmation of the look `before` the one of `at`; all others go by that one."""
    values = {"advertiser_id": advertiser_id, "keys": list(keys), "at": at, "before": before}
    connection.execute(LEFT_OUT, values)


WANTED_ADS = """
SELECT ad_id, key FROM ads JOIN authorizations ON authorizations.id = authorization_id
WHERE advertiser_id = %s AND started_at IS NOT NULL AND (stopped_at IS NULL OR stopped_at < started_at)
"""


def wanted_ads(connection: psycopg.Connection[Any], advertiser_id: str) -> list[tuple[str, str]]:
    """The ads that are meant to run, each with the key of what it uses."""
    return connection.execute(WANTED_ADS, [advertiser_id]).fetchall()


UNSEEN = f"""
SELECT authorizations.key, sightings.key IS NOT NULL AND missing_since IS NULL FROM authorizations
LEFT JOIN sightings ON sightings.key = authorizations.key
WHERE authorizations.advertiser_id = %s AND authorizations.key <> ALL(%s)
  AND ({RUNNING} OR EXISTS (
    SELECT FROM ads WHERE authorization_id = authorizations.id AND started_at IS NOT NULL
    AND (stopped_at IS NULL OR stopped_at < started_at)))
ORDER BY authorizations.id
"""


def unseen(connection: psycopg.Connection[Any], advertiser_id: str, seen: Sequence[str]) -> tuple[list[str], list[str]]:
    """The advertiser's authorizations that a look did not meet, of those for which that means something: first what an
    earlier look had met, then the others.
    """
    rows = connection.execute(UNSEEN, [advertiser_id, list(seen)]).fetchall()
    return [key for key, was_met in rows if was_met], [key for key, was_met in rows if not was_met]


ACCOUNTS = "SELECT key, route FROM authorizations WHERE advertiser_id = %s AND account_handle IS NOT NULL"


def accounts(connection: psycopg.Connection[Any], advertiser_id: str) -> dict[str, str]:
    """The routes of the advertiser's authorizations of whole accounts, by key."""
    return dict(connection.execute(ACCOUNTS, [advertiser_id]).fetchall())


def post_of(sighting: Sighting) -> Post:
    """The post as it was seen, for those who judge posts; without its code."""
    facts = sighting.facts
    return Post(
        item_id=sighting.key.partition("/")[2],
        item_type=facts.get("item_type", VIDEO),
        status=sighting.status or "",
        auth_status=sighting.auth_status,
        starts_at=sighting.starts_at,
        ends_at=sighting.ends_at,
        caption=facts.get("caption", ""),
        creator=facts.get("creator"),
        identity_id=facts.get("identity_id"),
        identity_type=facts.get("identity_type"),
        duration=timedelta(seconds=facts["seconds"]) if "seconds" in facts else None,
        duet_of=facts.get("duet_of"),
        stitch_of=facts.get("stitch_of"),
        is_chain=facts.get("is_chain", False),
        mentions=tuple(facts.get("mentions", ())),
        has_anchors=facts.get("has_anchors", False),
    )
