"""One request to the room as its pages see it, and what a page is: a path, a role, and a function of desk and call.

A page ends early by raising starlette's HTTPException: its status and detail become a page of the same look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import Engine
from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from domain.people import Role
from infra.clock import Clock
from infra.passwords import Passwords
from infra.settings import Settings
from infra.vault import Vault
from web import flusher
from web.forecast import Foresight
from web.reading import number_of

if TYPE_CHECKING:
    from web.room.live import Live
    from web.room.sharing import Shared
    from web.room.tries import Tries


class Nudging(flusher.Nudging, Protocol):
    """Tells the workers where a page has made work; infra.broker.Nudges."""

    def bulks(self) -> None: ...

    def imports(self) -> None: ...

    def looks(self) -> None: ...


T = TypeVar("T")
A_PAGE = 50
# So often a page without a script looks again while something goes on.
REFRESH_SECONDS = 2


def cut(rows: Sequence[T], most: int = A_PAGE) -> tuple[Sequence[T], T | None]:
    """Of one more than a page, the page; and its last row where more follow, from which a list goes on."""
    return rows[:most], rows[most - 1] if len(rows) > most else None


def download(parts: Iterable[str], name: str) -> Response:
    """A sheet, sent while it is made."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type="text/csv; charset=utf-8", headers=headers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Who is signed in. `csrf` stands in every form; `actor` is what the audit log calls them.

    `session` is what is kept of the cookie; empty in a simulation, where nobody has to sign in.
    """

    user_id: int | None
    email: str
    name: str
    role: Role
    csrf: str
    session: bytes = field(default=b"", repr=False)

    @property
    def actor(self) -> str:
        return f"user:{self.email}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request that was let in. `path` holds the parameters of the route's path, `form` what a POST carried.

    `mark` says how the database stood shortly before, where that is known; `is_refresh`: by a page that was told of it.
    """

    visitor: Visitor
    now: datetime
    url: str
    path: Mapping[str, Any] = field(default_factory=dict)
    query: QueryParams = field(default_factory=QueryParams)
    form: FormData = field(default_factory=FormData)
    wants_events: bool = False
    mark: str = ""
    is_refresh: bool = False

    def knows(self, *words: str) -> None:
        """Raises HTTPException for a word of the address that the page does not know: it would be taken for all there is."""
        if strange := [word for word in self.query if word not in words]:
            raise HTTPException(422, f"This page knows no `{strange[0][:40]}` in its address: leave it out.")

    @property
    def before(self) -> int | None:
        """The number below which a list goes on; None at its beginning. Raises HTTPException for what is no number."""
        text = self.query.get("before", "")
        if text and number_of(text) is None:
            raise HTTPException(422, "`before` is the number of a row: begin without it, and go on from there.")
        return number_of(text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Knock:
    """A request of somebody who is not in yet. `address` is whom to throttle."""

    now: datetime
    url: str
    address: str
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    path: Mapping[str, Any] = field(default_factory=dict, repr=False)
    query: QueryParams = field(default_factory=QueryParams)
    form: FormData = field(default_factory=FormData, repr=False)


Render = Callable[..., Response]


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What a page may use. `render(call, "room/today.html", status=200, **context)` makes the answer; the template knows
    `call`, `visitor`, `now`, `simulation` and `nav`, and the filters of web/room/rendering.py. `wall` is the machine's clock,
    which in a simulation is another than `clock`: sessions and one-time links live by it.
    """

    settings: Settings
    engine: Engine
    vault: Vault
    clock: Clock
    wall: Clock
    nudges: Nudging
    render: Render
    passwords: Passwords
    tries: Tries
    foresight: Foresight
    live: Live
    shared: Shared


Handler = Callable[[Desk, Call], Response]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One route of the room. The guard lets in who has `role` at least; a `POST` needs the visitor's CSRF token.

    `most_bytes` bounds what a form may carry, `takes_files` says whether files may be in it. `words` are those that its address
    may hold after the `?`; None where the page reads all of them itself, and complains of each that it does not know.
    """

    path: str
    handler: Handler
    role: Role = Role.VIEWER
    methods: tuple[str, ...] = ("GET",)
    words: tuple[str, ...] | None = ()
    most_bytes: int = 200_000
    takes_files: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenPage:
    """A route for those who are not in yet: signing in, a one-time link."""

    path: str
    handler: Callable[[Desk, Knock], Response]
    methods: tuple[str, ...] = ("GET",)
