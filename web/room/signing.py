"""The door: signing in by password, and the one-time link by which somebody comes in."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from infra import audit, invitations, people, sessions
from infra.clock import Clock
from infra.database import hot
from infra.invitations import Invitation
from infra.passwords import WeakPassword
from infra.people import PeopleError, Person, kept
from web.room.calls import Desk, Knock, OpenPage
from web.room.guard import ENDED, SIGN_IN, Cookie, own_path
from web.room.rendering import field

log = structlog.get_logger()

LONGEST_EMAIL = 320
WRONG = "This address and this password do not belong together, or the account is not open."
OVER = "Your session has ended, and nothing was done of what you just sent. Sign in, then do it again."
GONE = "This link was used, is older than a day, was withdrawn, or was replaced by a newer one."


class Doorstep:
    """The pages for those who are not in yet. `clock` is the one that sessions live by."""

    def __init__(self, cookie: Cookie, clock: Clock) -> None:
        self.cookie, self.clock = cookie, clock

    def pages(self) -> Iterator[OpenPage]:
        yield OpenPage(path=SIGN_IN, handler=self.ask)
        yield OpenPage(path=SIGN_IN, handler=self._sign_in, methods=("POST",))
        yield OpenPage(path="/welcome/{token}", handler=self._greet)
        yield OpenPage(path="/welcome/{token}", handler=self._let_in, methods=("POST",))

    def ask(self, desk: Desk, knock: Knock, *, complaint: str = "", status: int = 200, wait: int = 0) -> Response:
        """The form, with what went wrong before, where something did."""
        complaint = complaint or (OVER if ENDED in knock.query else "")
        wanted = own_path(field(knock.form, "next") or knock.query.get("next", "/"))
        email = field(knock.form, "email")
        answer = desk.render(knock, "room/sign_in.html", status=status, complaint=complaint, wanted=wanted, email=email)
        if wait:
            answer.headers["retry-after"] = str(wait)
        return answer

    def _sign_in(self, desk: Desk, knock: Knock) -> Response:
        email, password = field(knock.form, "email").strip().casefold()[:LONGEST_EMAIL], field(knock.form, "password")
        if wait := desk.tries.wait(knock.address) or desk.tries.wait_for(email, place=knock.address):
            return self.slow_down(desk, knock, wait)
        with hot(desk.engine) as connection:
            person = people.by_email(connection, email)
        # Outside the transaction, and also where there is nobody: it takes as long, and tells nothing.
        is_right = desk.passwords.is_right(person.password if person else None, password)
        if person is None or person.disabled_at or not is_right:
            return self._turn_away(desk, knock, person)
        with hot(desk.engine) as connection:
            # That took its time: who was disabled meanwhile, or got another password, does not come in by the old one.
            if people.stands(connection, person):
                if person.password and desk.passwords.is_outdated(person.password):
                    people.set_password(connection, person, desk.passwords.renewed(password))
                return self.enter(connection, knock, person, own_path(field(knock.form, "next")), by="password")
        return self._turn_away(desk, knock, person)

    def _turn_away(self, desk: Desk, knock: Knock, person: Person | None) -> Response:
        """The form again; it does not say what was wrong."""
        log.warning("sign_in_refused", reason="wrong")
        with hot(desk.engine) as connection:
            subject = person.email if person else None
            desk.tries.note(connection, subject=subject, by="password", address=knock.address)
        return self.ask(desk, knock, complaint=WRONG, status=422)

    def slow_down(self, desk: Desk, knock: Knock, wait: int) -> Response:
        """The form, for who has tried too often."""
        log.warning("sign_in_refused", reason="too_many")
        return self.ask(desk, knock, complaint=f"Too many tries. Wait {wait} s.", status=429, wait=wait)

    def _greet(self, desk: Desk, knock: Knock) -> Response:
        _slowed(desk, knock)
        with hot(desk.engine) as connection:
            invitation = self._invitation(connection, knock)
        return self._form(desk, knock, invitation)

    def _let_in(self, desk: Desk, knock: Knock) -> Response:
        _slowed(desk, knock)
        form, now = knock.form, self.clock.now()
        with hot(desk.engine) as connection:
            invitation = self._invitation(connection, knock)
        try:
            email = people.address(invitation.email or field(form, "email"))
            password = desk.passwords.hashed(_same_twice(knock), email=email)
            with hot(desk.engine) as connection:
                # Looked up again, and held: of two who use it at once, one comes in.
                invitation, name = self._invitation(connection, knock), field(form, "name")
                person = invitations.accept(connection, invitation, email=email, name=name, password=password, now=now)
                return self.enter(connection, knock, person, "/", by="link")
        except (PeopleError, WeakPassword) as error:
            return self._form(desk, knock, invitation, complaint=str(error), status=422)

    def _form(
        self, desk: Desk, knock: Knock, invitation: Invitation, *, complaint: str = "", status: int = 200
    ) -> Response:
        context = {"invitation": invitation, "complaint": complaint, "form": knock.form}
        return desk.render(knock, "room/welcome.html", status=status, **context)

    def _invitation(self, connection: psycopg.Connection, knock: Knock) -> Invitation:
        """Raises HTTPException where the link is good for nothing."""
        invitation = invitations.find(connection, knock.path["token"], now=self.clock.now())
        if invitation is None:
            raise HTTPException(404, f"{GONE} An admin makes a new one.")
        return invitation

    def enter(self, connection: psycopg.Connection, knock: Knock, person: Person, wanted: str, *, by: str) -> Response:
        """A session begins, and the one that the browser had is over; the answer leads to where they wanted to go."""
        now = self.clock.now()
        if before := knock.cookies.get(self.cookie.name):
            sessions.end(connection, kept(before))
        secret = sessions.begin(connection, person, now=now)
        audit.note(connection, at=now, actor=f"user:{person.email}", act="person.signed_in", about={"by": by})
        log.info("signed_in", user_id=person.id, by=by)
        answer = RedirectResponse(quote(wanted, safe="/?&=%#+,:;@~!$'()*"), status_code=303)
        self.cookie.give(answer, secret)
        return answer


def _slowed(desk: Desk, knock: Knock) -> None:
    """Raises HTTPException where an address tries links too often."""
    if wait := desk.tries.wait(knock.address):
        raise HTTPException(429, f"Too many tries. Wait {wait} s.", {"retry-after": str(wait)})


def _same_twice(knock: Knock) -> str:
    """The new password. Raises WeakPassword where the two fields differ."""
    password = field(knock.form, "password")
    if password != field(knock.form, "again"):
        raise WeakPassword("The two passwords differ: type the same one twice.")
    return password
