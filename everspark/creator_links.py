"""`everspark creator links|revoke-links`: a creator's links to their page, seen and taken back. The tokens are kept nowhere."""

import structlog

from everspark.creators import Handle, number_of, tidy
from everspark.opened import AsJson, Data, actor, opened
from everspark.outcomes import say
from everspark.printing import as_json, as_table
from infra import creator_acts, logs
from infra.database import hot
from infra.reports import creators

log = structlog.stdlib.get_logger(__name__)


def links(creator: Handle, data: Data = None, json: AsJson = False) -> None:
    """A creator's links, the newest first: until when each works, and whether it was ever opened.

    Example: everspark creator links ana.dances
    """
    with opened(data) as tools, hot(tools.engine) as connection:
        rows = creators.links(connection, number_of(connection, creator), now=tools.clock.now())
    if json:
        as_json(rows)
    elif rows:
        as_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        say(f"{tidy(creator)} has no links.")


def revoke_links(creator: Handle, data: Data = None, json: AsJson = False) -> None:
    """Takes back every link of a creator that still works; the next message brings a new one.

    Example: everspark creator revoke-links ana.dances
    """
    with opened(data) as tools:
        logs.configure(log_format=tools.settings.log_format, level=tools.settings.log_level)
        with hot(tools.engine) as connection:
            number = number_of(connection, creator)
            now = tools.clock.now()
            count = creator_acts.revoke_links(connection, number, tidy(creator), actor=actor(), now=now)
        log.info("links_revoked", creator_id=number, count=count)
    if json:
        as_json({"creator": tidy(creator), "revoked": count})
    else:
        say(
            f"{count} {'link' if count == 1 else 'links'} of {tidy(creator)} taken back; the next message brings a new one."
        )
