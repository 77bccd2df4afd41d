"""What TikTok has not confirmed for a time.

That is asked of three tables, so each part here first finds by an index of its own what may be unconfirmed: asked one by
one, the hundreds of thousands that are confirmed would take seconds.
"""

from __future__ import annotations

from infra.tables import DOUBTFUL, RUNNING

# Whoever was looked at has a row there, which nothing deletes.
NOT_LOOKED_AT = "SELECT advertiser_id FROM advertisers WHERE coalesce(looked_at, '-infinity') < %(unconfirmed)s"
DOUBTED = f"SELECT key FROM sightings WHERE {DOUBTFUL}"
EACH = f"""
    SELECT id FROM authorizations WHERE {RUNNING} AND advertiser_id IN ({NOT_LOOKED_AT})
    UNION ALL SELECT id FROM authorizations WHERE {RUNNING} AND NOT is_sighted
    UNION ALL SELECT id FROM authorizations WHERE {RUNNING} AND key IN ({DOUBTED})
"""
IS_FOUND = f"authorizations.id IN ({EACH})"
# The same, asked of one row.
MAY_BE = f"NOT is_sighted OR authorizations.advertiser_id IN ({NOT_LOOKED_AT}) OR authorizations.key IN ({DOUBTED})"
# `CONFIRMED_AT` compared, at half its price: who was looked at since is read once, and not for each row.
IS_UNCONFIRMED = """
NOT coalesce((
    SELECT coalesce(confirmed_at, seen_at) >= %(unconfirmed)s OR (confirmed_at IS NULL AND sightings.advertiser_id IN (
        SELECT advertiser_id FROM advertisers WHERE looked_at >= %(unconfirmed)s))
    FROM sightings WHERE sightings.key = authorizations.key AND missing_since IS NULL
), false)
"""
