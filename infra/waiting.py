"""What is still owed to the outside, and why it waits, as people are told: of one authorization, of a page, and of all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from infra.outbox import (
    ACCESS_MAIL,
    ACCOUNT_ACCESS,
    ASK_MAIL,
    CODE_CHECK,
    EFFECTS,
    LINK_MAIL,
    LOOK_ONE,
    OWN_CONFIRM,
    PAYABLE,
    POST_UNBIND,
)
from infra.owed import UNBINDS_LATER

# Each kind of effect in plain words.
NAMES: Mapping[str, str] = {
    ASK_MAIL: "message that asks the creator to extend",
    ACCESS_MAIL: "message with the link to give access by",
    LINK_MAIL: "message with a fresh link to the creator's page",
    CODE_CHECK: "check of the code at TikTok",
    ACCOUNT_ACCESS: "access to the creator's account",
    OWN_CONFIRM: "confirmation of the advertiser's own account",
    POST_UNBIND: "unbinding of the post at TikTok",
    LOOK_ONE: "look at TikTok for one authorization",
}
# How the HTTP client names what it met, and nobody else should have to read alone.
TIMEOUT, BREAK = (
    re.compile(r"\b\w+Timeout\b"),
    re.compile(r"\b(?:Connect|Read|Write|Network|Protocol|\w+Protocol)Error\b"),
)
# A row that is owed anew keeps the time of its first; its payload says when it was asked for last.
SINCE = "coalesce((payload ->> 'asked_at')::timestamptz, (payload ->> 'submitted_at')::timestamptz, created_at)"
# What became of asks stands beside them; what else failed is told until the authorization moves on. What was owed before the
# authorization was known names it by its key alone: looked for among the open ones, which an index holds.
OWED_TO = f"""
SELECT kind, status, {SINCE} AS since, due_at AS due, attempts, last_error AS reason, payload ->> 'link' AS link
FROM outbox
WHERE id IN (
        SELECT id FROM outbox WHERE authorization_id = %(id)s
        UNION SELECT outbox_id FROM asks WHERE authorization_id = %(id)s
        UNION SELECT id FROM outbox
        WHERE authorization_id IS NULL AND key = %(key)s AND status IN ('owed', 'paying', 'uncertain'))
  AND (status IN ('owed', 'paying') OR (kind <> 'ask.mail' AND (status = 'uncertain' OR (status = 'failed'
       AND settled_at >= (SELECT state_since FROM authorizations WHERE authorizations.id = %(id)s)))))
ORDER BY id
"""
# Of one authorization, `{of}` in the query around it: the message of the present period's last ask, while it has not gone.
MESSAGE = """
SELECT message.status, last.asked_at AS since, message.due_at AS due, message.last_error AS reason
FROM (
    SELECT asked_at, sent_at, outbox_id FROM asks
    WHERE authorization_id = {of}.id AND period_ends_at = {of}.expires_at ORDER BY rung DESC LIMIT 1
) AS last JOIN outbox AS message ON message.id = last.outbox_id AND message.status IN ('owed', 'paying')
WHERE last.sent_at IS NULL
"""
# What needs it no more has its own reason, and its message is called off.
MESSAGES = f"""
SELECT a.id, message.* FROM authorizations AS a CROSS JOIN LATERAL ({MESSAGE.format(of="a")}) AS message
WHERE a.id = ANY(%s) AND (next_action = 'ask' OR why = 'ladder_climbed')
"""
# What stands in the way of those that were asked for: a creator's message too, since nothing can come of it before.
AT_REQUESTED = f"""
SELECT outbox.key, kind, {SINCE.replace("created_at", "outbox.created_at")} AS since, last_error AS reason,
    creators.handle, advertisers.name AS advertiser
FROM outbox
JOIN authorizations ON authorizations.id = authorization_id AND state = 'requested'
LEFT JOIN creators ON creators.id = authorizations.creator_id
LEFT JOIN advertisers USING (advertiser_id)
WHERE status IN ('owed', 'paying', 'uncertain') AND kind = ANY(%(kinds)s) AND last_error IS NOT NULL
ORDER BY since DESC, outbox.id DESC LIMIT %(limit)s
"""
WHY = """
SELECT kind, last_error, count(*) FROM outbox
WHERE status = 'owed' AND kind = ANY(%s) AND last_error IS NOT NULL
GROUP BY kind, last_error ORDER BY count(*) DESC, kind, last_error
"""


def owed_to(connection: psycopg.Connection[Any], authorization_id: int, key: str) -> list[dict[str, Any]]:
    """What one authorization is owed, the oldest first: `kind`, `what`, `status`, `since`, `due`, `attempts`, `reason` and `link`;
    `is_planned` where it is to be done on a day of its own, unless the authorization comes back before.

    `link` is that of a message which has not been sent yet; whoever has it can give access by it, so it is not logged.
    """
    cursor = connection.cursor(row_factory=dict_row)
    rows = cursor.execute(OWED_TO, {"id": authorization_id, "key": key}).fetchall()
    return [{"what": NAMES[row["kind"]]} | row | _told(row) for row in rows]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    is_planned = row["status"] == "owed" and row["reason"] == UNBINDS_LATER
    return {"reason": in_words(row["reason"]) or None, "is_planned": is_planned}


def with_messages(connection: psycopg.Connection[Any], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Authorizations with the `message` of each that asks for its present period and has not gone: `status`, `since`, `due`
    and `reason`; None where there is none.
    """
    cursor = connection.cursor(row_factory=dict_row)
    found = {
        message.pop("id"): message | {"reason": in_words(message["reason"])}
        for message in cursor.execute(MESSAGES, [[row["id"] for row in rows]])
    }
    return [row | {"message": found.get(row["id"])} for row in rows]


def at_requested(connection: psycopg.Connection[Any], *, limit: int) -> list[dict[str, Any]]:
    """What requested authorizations wait for, the newest first: `key`, `what`, `since`, `reason`, `handle`, `advertiser`."""
    values = {"kinds": [ACCESS_MAIL, *EFFECTS], "limit": limit}
    rows = connection.cursor(row_factory=dict_row).execute(AT_REQUESTED, values).fetchall()
    return [row | {"what": NAMES[row["kind"]], "reason": in_words(row["reason"])} for row in rows]


def in_words(reason: str | None) -> str:
    """A stored reason as a sentence's part: the name of an error alone tells nobody anything."""
    text = TIMEOUT.sub(lambda found: f"it did not answer in time ({found[0]})", reason or "")
    return BREAK.sub(lambda found: f"it could not be reached ({found[0]})", text)


def whys(connection: psycopg.Connection[Any]) -> list[tuple[str, str, int]]:
    """Each kind of owed effect with its reason to wait, and how many there are; the most frequent first."""
    rows = connection.execute(WHY, [[*PAYABLE, *EFFECTS]]).fetchall()
    return [(kind, reason, count) for kind, reason, count in rows]
