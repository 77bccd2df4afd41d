"""`everspark unbind`: takes a post that is no longer authorized off the advertiser's list at TikTok."""

from typing import Annotated

import typer

import infra.authorizations
from everspark.authorizations import unknown
from everspark.opened import AsJson, Data, opened
from everspark.outcomes import NOT_FOUND, WRONG, Stop, say
from everspark.printing import as_json
from everspark.users import actor
from infra import audit, inbox
from infra.broker import make_broker, make_nudges
from infra.database import hot
from infra.inbox import Letter
from infra.reports.standing import tidy
from worker.beside import may_be_unbound

OPERATOR = "operator"
NOT_UNBINDABLE = (
    "only a post whose authorization by a code has ended (expired, revoked) can be unbound; nothing was done."
)


def unbind(
    authorization: Annotated[str, typer.Argument(help="ADVERTISER/POST; its authorization must have ended.")],
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Takes an ended authorization's post off the advertiser's list at TikTok; an extension is no longer possible then.

    Example: everspark unbind 7200000000000000001/7300000000000000001
    """
    key = tidy(authorization)
    with opened(data) as tools:
        now = tools.clock.now()
        letter = Letter(
            sender=OPERATOR,
            event_id=f"unbind:{key}:{now.isoformat()}",
            type="unbind.requested",
            key=key,
            occurred_at=now,
            data=b"{}",
        )
        with hot(tools.engine) as connection:
            known = infra.authorizations.load(connection, [key]).get(key)
            if known is None:
                raise Stop(unknown(connection, key), NOT_FOUND)
            if not may_be_unbound(known):
                raise Stop(f"{key} is {known.state}: {NOT_UNBINDABLE}", WRONG)
            inbox.accept(connection, [letter], now=now)
            audit.note(connection, at=now, actor=actor(), act="act.unbind", subject=key)
        if tools.settings.redis_url:
            make_nudges(make_broker(tools.settings.redis_url)).mailboxes([inbox.mailbox_of(key)])
    if json:
        as_json({"key": key, "event_id": letter.event_id})
    else:
        say(f"Asked for; what became of it is in the history: `everspark show {key}`.")
