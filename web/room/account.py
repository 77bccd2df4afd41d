"""What everybody may do with their own account: sign out, and change the password."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from infra import audit, people, sessions
from infra.database import hot
from infra.passwords import WeakPassword
from web.room.calls import Call, Desk, Page
from web.room.guard import SIGN_IN, Cookie
from web.room.rendering import field


def shown(desk: Desk, call: Call, *, complaint: str = "", status: int = 200) -> Response:
    """The account, and a form for a new password where one signs in by one."""
    with hot(desk.engine) as connection:
        person = people.by_id(connection, call.visitor.user_id or 0)
    context = {"person": person, "complaint": complaint, "is_done": "done" in call.query}
    return desk.render(call, "room/account.html", status=status, **context)


def change_password(desk: Desk, call: Call) -> Response:
    """The old one is asked for: an open browser is not yet its owner. Everywhere else one is signed out."""
    with hot(desk.engine) as connection:
        person = people.by_id(connection, call.visitor.user_id or 0)
    new, place = field(call.form, "password"), call.visitor.session.hex()
    if wait := desk.tries.wait_for(call.visitor.email, place=place):
        return shown(desk, call, complaint=f"Too many tries. Wait {wait} s.", status=429)
    if person is None or not desk.passwords.is_right(person.password, field(call.form, "current")):
        with hot(desk.engine) as connection:
            desk.tries.note(connection, subject=call.visitor.email, by="password", address="", actor=call.visitor.actor)
        return shown(desk, call, complaint="The present password is another one.", status=422)
    if new != field(call.form, "again"):
        return shown(desk, call, complaint="The two new passwords differ: type the same one twice.", status=422)
    try:
        password = desk.passwords.hashed(new, email=person.email)
    except WeakPassword as error:
        return shown(desk, call, complaint=str(error), status=422)
    with hot(desk.engine) as connection:
        if not people.stands(connection, person):
            raise HTTPException(409, "Your account has changed meanwhile: sign in again.")
        people.set_password(connection, person, password)
        sessions.end_others(connection, person.id, but=call.visitor.session)
        audit.note(connection, at=call.now, actor=call.visitor.actor, act="person.password_changed")
    return RedirectResponse("/account?done", status_code=303)


def sign_out(desk: Desk, call: Call) -> Response:
    """Ends this session; in a simulation there is none."""
    with hot(desk.engine) as connection:
        sessions.end(connection, call.visitor.session)
        audit.note(connection, at=call.now, actor=call.visitor.actor, act="person.signed_out")
    desk.live.forget(call.visitor.session)
    answer = RedirectResponse(SIGN_IN, status_code=303)
    Cookie(is_secure=desk.settings.is_https).take(answer)
    return answer


PAGES = (
    Page(path="/account", handler=shown, words=("done",)),
    Page(path="/account/password", handler=change_password, methods=("POST",)),
    Page(path="/sign-out", handler=sign_out, methods=("POST",)),
)
