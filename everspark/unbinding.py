"""`everspark unbind`: takes a post that is no longer authorized off the advertiser's list at TikTok."""

from typing import Annotated

import typer

import infra.authorizations
from everspark.authorizations import unknown
from everspark.opened import AsJson, Data, opened
from everspark.outcomes import NOT_FOUND, WRONG, Stop, say
from everspark.printing import as_json
from everspark.telling import tell
from infra.database import hot
from infra.reports.standing import tidy
from worker.beside import may_be_unbound

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
        with hot(tools.engine) as connection:
            known = infra.authorizations.load(connection, [key]).get(key)
            if known is None:
                raise Stop(unknown(connection, key), NOT_FOUND)
        if not may_be_unbound(known):
            raise Stop(f"{key} is {known.state}: {NOT_UNBINDABLE}", WRONG)
        letter = tell(tools, key, "unbind.requested", {}, act="act.unbind")
    if json:
        as_json({"key": key, "event_id": letter.event_id})
    else:
        say(f"Asked for; what became of it is in the history: `everspark show {key}`.")
