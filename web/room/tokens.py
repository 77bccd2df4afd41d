"""API tokens: made with a name and what they may do, shown once, revoked."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.people import Role, Scope
from infra import api_tokens
from infra.database import hot
from infra.people import PeopleError
from web.room.calls import Call, Desk, Page
from web.room.rendering import field

MEANINGS = {
    Scope.READ: "reads what the pages show a viewer",
    Scope.ACT: "asks, snoozes, looks, unbinds, revokes, replays",
    Scope.IMPORT: "brings in sheets of existing codes",
    Scope.ADMIN: "sees to producers, people and keys",
}
LASTS = {"30": "30 days", "90": "90 days", "365": "a year", "0": "until it is revoked"}


def shown(desk: Desk, call: Call, *, secret: str = "", complaint: str = "", status: int = 200) -> Response:
    """The list. `secret`: of a token just made, which is shown this once."""
    with hot(desk.engine) as connection:
        tokens = api_tokens.listed(connection)
    context = {"tokens": tokens, "scopes": MEANINGS, "lasts": LASTS, "secret": secret, "complaint": complaint}
    return desk.render(call, "room/tokens.html", status=status, **context)


def make(desk: Desk, call: Call) -> Response:
    """Makes a token. It is in this answer only: nobody finds it again."""
    scopes, days = [str(each) for each in call.form.getlist("scope")], field(call.form, "days")
    if days not in LASTS or not {*scopes} <= {*Scope}:
        raise HTTPException(422, "Choose what the token may do, and how long, from what the form offers.")
    try:
        with hot(desk.engine) as connection:
            secret = api_tokens.make(
                connection,
                name=field(call.form, "name"),
                scopes=[Scope(each) for each in scopes],
                user_id=call.visitor.user_id,
                days=int(days) or None,
                actor=call.visitor.actor,
                now=call.now,
            )
    except PeopleError as error:
        return shown(desk, call, complaint=str(error), status=422)
    return shown(desk, call, secret=secret)


def revoke(desk: Desk, call: Call) -> Response:
    try:
        with hot(desk.engine) as connection:
            api_tokens.revoke(connection, call.path["id"], actor=call.visitor.actor, now=call.now)
    except PeopleError as error:
        return shown(desk, call, complaint=str(error), status=404)
    return RedirectResponse("/tokens", status_code=303)


PAGES = (
    Page(path="/tokens", handler=shown, role=Role.ADMIN),
    Page(path="/tokens", handler=make, role=Role.ADMIN, methods=("POST",)),
    Page(path="/tokens/{id:int}/revoke", handler=revoke, role=Role.ADMIN, methods=("POST",)),
)
