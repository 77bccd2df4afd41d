"""People: who may sign in, one-time links for new ones and for lost passwords, roles, and who may not any more.

Links live by the machine's clock, as the door does that judges them.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.people import Role
from infra import invitations, people
from infra.database import hot
from infra.people import PeopleError
from web.room.calls import Call, Desk, Page
from web.room.rendering import field

# What each role means, as its choice in a form says it.
MEANINGS = {
    Role.VIEWER: "reads all pages but Audit, People, API tokens and Settings; changes nothing",
    Role.OPERATOR: "also acts on authorizations and events, and reads Audit",
    Role.ADMIN: "also sees to people, API tokens, producers and settings",
}


def shown(
    desk: Desk, call: Call, *, link: str = "", complaint: str = "", invited: str = "", status: int = 200
) -> Response:
    """The list. `link`: of an invitation just made, which is shown this once."""
    with hot(desk.engine) as connection:
        listed, links = people.listed(connection), invitations.listed(connection, now=desk.wall.now())
    context = {"people": listed, "invitations": links, "roles": MEANINGS, "link": link}
    context |= {"complaint": complaint, "invited": invited}
    return desk.render(call, "room/people.html", status=status, **context)


def invite(desk: Desk, call: Call) -> Response:
    """Makes a link. It is in this answer only: nobody finds it again."""
    email, role = field(call.form, "email"), _role(call)
    if not email.strip():
        return shown(desk, call, complaint="Say who is invited, by an e-mail address.", status=422)
    try:
        with hot(desk.engine) as connection:
            actor = call.visitor.actor
            secret = invitations.make(connection, role=role, email=email, actor=actor, now=desk.wall.now())
    except PeopleError as error:
        return shown(desk, call, complaint=str(error), invited=email, status=422)
    return shown(desk, call, link=f"{desk.settings.public_url}/welcome/{secret}", invited=email.strip())


def withdraw(desk: Desk, call: Call) -> Response:
    """The link lets nobody in any more."""
    try:
        with hot(desk.engine) as connection:
            invitations.withdraw(connection, call.path["id"], actor=call.visitor.actor, now=desk.wall.now())
    except PeopleError as error:
        return shown(desk, call, complaint=str(error), status=409)
    return RedirectResponse("/people", status_code=303)


def change_role(desk: Desk, call: Call) -> Response:
    role = _role(call)
    return _changed(desk, call, lambda connection, **by: people.change_role(connection, role=role, **by))


def disable(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, people.disable)


def enable(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, people.enable)


def _changed(desk: Desk, call: Call, change: people.Change) -> Response:
    try:
        with hot(desk.engine) as connection:
            change(connection, user_id=call.path["id"], actor=call.visitor.actor, now=call.now)
    except PeopleError as error:
        return shown(desk, call, complaint=str(error), status=409)
    return RedirectResponse("/people", status_code=303)


def _role(call: Call) -> Role:
    try:
        return Role(field(call.form, "role"))
    except ValueError:
        raise HTTPException(422, f"Choose one of the roles {', '.join(Role)}.") from None


PAGES = (
    Page(path="/people", handler=shown, role=Role.ADMIN),
    Page(path="/people", handler=invite, role=Role.ADMIN, methods=("POST",)),
    Page(path="/people/invitations/{id:int}/withdraw", handler=withdraw, role=Role.ADMIN, methods=("POST",)),
    Page(path="/people/{id:int}/role", handler=change_role, role=Role.ADMIN, methods=("POST",)),
    Page(path="/people/{id:int}/disable", handler=disable, role=Role.ADMIN, methods=("POST",)),
    Page(path="/people/{id:int}/enable", handler=enable, role=Role.ADMIN, methods=("POST",)),
)
