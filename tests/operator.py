"""An operator with a browser: signed in as somebody of a role, follows links, fills in forms."""

from __future__ import annotations

import html
import re
from typing import Any

from argon2 import PasswordHasher
from httpx2 import Response
from sqlalchemy import Engine

from domain.people import Role
from infra import people, sessions
from infra.clock import Clock
from infra.database import hot
from infra.passwords import Passwords
from infra.people import Person
from tests.visitor import text_of

PASSWORD = "four words in a row"
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
COOKIE = "everspark"


def quick_passwords() -> Passwords:
    """As the product's own, in a thousandth of the time."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def person(engine: Engine, clock: Clock, role: Role = Role.OPERATOR, *, email: str | None = None) -> Person:
    """Somebody who may sign in with PASSWORD, `ada.viewer@example.com` for a viewer."""
    email = email or f"ada.{role}@example.com"
    with hot(engine) as connection:
        if found := people.by_email(connection, email):
            return found
        password = quick_passwords().hashed(PASSWORD, email=email)
        return people.add(connection, email=email, name="Ada", role=role, password=password, now=clock.now())


def session_of(engine: Engine, clock: Clock, role: Role = Role.OPERATOR) -> str:
    """The cookie of a fresh session of somebody of this role."""
    somebody = person(engine, clock, role)
    with hot(engine) as connection:
        return sessions.begin(connection, somebody, now=clock.now())


class Operator:
    """`page` is the answer that was last seen. Without a role nobody is signed in."""

    def __init__(self, http: Any, engine: Engine, clock: Clock, role: Role | None = Role.OPERATOR) -> None:
        self._http, self.page = http, Response(204)
        self.cookie = session_of(engine, clock, role) if role else ""

    def opens(self, path: str, **headers: str) -> Response:
        """A page; redirects are not followed."""
        self.page = self._http.get(path, headers=self._headers(headers), follow_redirects=False)
        assert self.page.status_code != 500, path
        return self.page

    def sends(self, path: str, *, headers: dict[str, str] | None = None, **fields: Any) -> Response:
        """A form of the page that is open, with its token unless another one is given."""
        found = CSRF.search(self.page.text)
        filled = {"csrf": found[1] if found else ""} | fields
        answer: Response = self._http.post(
            path, data=filled, headers=self._headers(headers or {}), follow_redirects=False
        )
        if cookie := answer.cookies.get(COOKIE):
            self.cookie = cookie
        self._http.cookies.clear()
        self.page = answer
        return answer

    @property
    def text(self) -> str:
        """What a person reads."""
        return text_of(self.page)

    def field(self, label: str) -> str:
        """The value of what is shown once under a heading."""
        found = re.search(rf"{re.escape(label)}.*?value=\"([^\"]+)\"", self.page.text, re.DOTALL)
        assert found, self.text
        return html.unescape(found[1])

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        cookie = {"cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        return {"accept": "text/html", **cookie, **more}
