"""Who is let in where: the session of a cookie, the role that a page needs, and that a form was sent from our own page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from sqlalchemy import Engine
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from domain import spark_code
from infra import people, sessions
from infra.clock import Clock
from infra.database import hot
from infra.people import kept
from infra.settings import Settings, is_loopback
from infra.vault import Vault
from web.reading import NO_CODE, holds_code
from web.room.calls import Visitor

SIGN_IN = "/sign-in"
# In the door's address: it says that the session has ended, and that the form did nothing.
ENDED = "ended"
CSRF = "csrf"
# Carried by a page that fetches itself again: the mark of which it was told.
MARK = "x-live-mark"
MOST_FIELDS = 2_000
# Fields that nobody is shown again, or that codes belong into.
SECRETS = frozenset({CSRF, "current", "password", "again", "secret", "pasted"})
# Of a form with files: what is pasted is held in memory, a file is not.
LONGEST_FIELD = 2**20
LONGEST_ADDRESS = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Cookie:
    """The session's cookie. Over https its name binds it to this host alone."""

    is_secure: bool

    @property
    def name(self) -> str:
        return "__Host-everspark" if self.is_secure else "everspark"

    def give(self, answer: Response, secret: str) -> None:
        """Without an age: it ends with the browser, or when the session does."""
        answer.set_cookie(self.name, secret, path="/", secure=self.is_secure, httponly=True, samesite="lax")

    def take(self, answer: Response) -> None:
        answer.delete_cookie(self.name, path="/", secure=self.is_secure, httponly=True, samesite="lax")

    def lend(self, answer: Response, sealed: str) -> None:
        """What has to come back from the issuer of OpenID Connect: within minutes, to the door alone."""
        answer.set_cookie(
            self._lent, sealed, max_age=600, path=SIGN_IN, secure=self.is_secure, httponly=True, samesite="lax"
        )

    def take_back(self, answer: Response) -> None:
        answer.delete_cookie(self._lent, path=SIGN_IN, secure=self.is_secure, httponly=True, samesite="lax")

    def lent(self, cookies: Mapping[str, str]) -> str:
        return cookies.get(self._lent, "")

    @property
    def _lent(self) -> str:
        return "__Secure-everspark-door" if self.is_secure else "everspark-door"


class Guard:
    """`clock` is the one that sessions live by; where `is_open` a browser on this machine is the demo's operator.

    `listening` knows who has a live page open by a session.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        vault: Vault,
        clock: Clock,
        is_simulation: bool,
        listening: Callable[[bytes], Visitor | None] = lambda _session: None,
    ) -> None:
        self._engine, self._vault, self._clock, self._listening = engine, vault, clock, listening
        self._host = urlsplit(settings.public_url).netloc
        self.is_open = is_simulation and is_loopback(settings.host)
        self.cookie = Cookie(is_secure=settings.is_https)

    def visitor(self, request: Request) -> Visitor | None:
        """Who is signed in; in an open simulation, everybody is. Raises what the database raises."""
        now, secret = self._clock.now(), request.cookies.get(self.cookie.name)
        # However many pages are open, their fetching themselves again asks for no session: that was done for all of them.
        if secret and MARK in request.headers and request.method == "GET" and (known := self._listening(kept(secret))):
            return known
        with hot(self._engine) as connection:
            if secret:
                session = sessions.find(connection, secret, now=now)
                if session is not None:
                    return self._visitor(session)
            # A page elsewhere whose name was pointed at this machine has another host.
            if self.is_open and is_loopback(host_of(f"//{request.headers.get('host', '')}")):
                return self._demo(people.demo_operator(connection, now=now))
        return None

    def check_sender(self, headers: Mapping[str, str]) -> None:
        """A form of another site is refused, as far as the browser tells. Raises HTTPException."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            is_ours = site in ("same-origin", "none")
        else:
            is_ours = origin is None or origin.partition("://")[2] in (self._host, headers.get("host", ""))
        if not is_ours:
            raise HTTPException(403, "This was sent from another site. Open the page here, and send it again.")

    def check_form(self, visitor: Visitor, form: FormData) -> None:
        """Raises HTTPException unless the form carries the visitor's own token."""
        given = form.get(CSRF)
        # Compared in constant time: the token is derived, and only the mac of the right text is equal.
        if not isinstance(given, str) or not self._vault.is_mac(given, self._proof(visitor), context=CSRF):
            raise HTTPException(
                403, "This form is not of your present session. Open the page again, then send the form again."
            )

    def stood_on(self, headers: Mapping[str, str]) -> str:
        """The address of ours that a form was sent from, as far as the browser tells; else `/`."""
        try:
            came = urlsplit(headers.get("referer", ""))
        except ValueError:
            return "/"
        is_ours = came.netloc in (self._host, headers.get("host", ""))
        return own_path(f"{came.path}?{came.query}".removesuffix("?")) if is_ours else "/"

    def _visitor(self, session: sessions.Session) -> Visitor:
        return Visitor(
            user_id=session.user_id,
            email=session.email,
            name=session.name or session.email,
            role=session.role,
            csrf=self._vault.mac(session.token.hex(), context=CSRF),
            session=session.token,
        )

    def _demo(self, person: people.Person) -> Visitor:
        return Visitor(
            user_id=person.id,
            email=person.email,
            name=person.name or person.email,
            role=person.role,
            csrf=self._vault.mac(person.email, context=CSRF),
        )

    def _proof(self, visitor: Visitor) -> str:
        return visitor.session.hex() or visitor.email


def to_sign_in(url: str, *, has_ended: bool = False) -> Response:
    """The way to the door, and from there back to where somebody wanted to go. `has_ended`: amid a form, which did nothing."""
    more = "&".join([ENDED] * has_ended + [f"next={quote(url, safe='/')}"] * (url != "/"))
    return RedirectResponse(f"{SIGN_IN}?{more}".removesuffix("?"), status_code=303)


def own_path(text: str) -> str:
    """`text` if it is an address of ours, else `/`: nobody is sent elsewhere by what stands in a link, nor to an address with a
    code, which the page of signing in is not asked about itself: an issuer's own words may look like one.
    """
    if spark_code.stands_in(text):
        return "/"
    is_path = text.startswith("/") and not text.startswith("//") and len(text) <= LONGEST_ADDRESS
    if not is_path or "\\" in text or not text.isprintable() or text.startswith(SIGN_IN):
        return "/"
    return text


def need_no_code(request: Request, form: FormData | None = None) -> None:
    """A code in an address or in a field would be kept, and shown again. Raises HTTPException."""
    pairs = request.query_params.multi_items() if form is None else _fields(form)
    if holds_code(request.url.path, pairs):
        raise HTTPException(422, NO_CODE)


def _fields(form: FormData) -> list[tuple[str, str]]:
    return [(name, text) for name, text in form.multi_items() if isinstance(text, str) and name not in SECRETS]


async def form_of(request: Request, *, most_bytes: int) -> FormData:
    """What a POST carries, as fields. Raises HTTPException where it is too long, or no form."""
    body = b"".join([part async for part in _parts(request, most_bytes)])
    if not body:
        return FormData()
    if _kind(request) != "application/x-www-form-urlencoded":
        raise HTTPException(415, "This is not a form. Use the forms of the pages, or the API for programs.")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "This form cannot be read. Open the page again, then send it again.") from None
    return FormData([(name, value.replace("\x00", "")) for name, value in fields])


@asynccontextmanager
async def sent(request: Request, *, most_bytes: int, takes_files: bool = False) -> AsyncIterator[FormData]:
    """What a POST carries for the length of the block; files come in pieces, wait on the disk, and are gone after it."""
    if not (takes_files and _kind(request) == "multipart/form-data"):
        yield await form_of(request, most_bytes=most_bytes)
        return
    parts = _parts(request, most_bytes)
    parser = MultiPartParser(request.headers, parts, max_files=1, max_fields=10, max_part_size=LONGEST_FIELD)
    try:
        form = await parser.parse()
    except MultiPartException:
        sentence = (
            f"This form cannot be read, or a field of it is longer than {LONGEST_FIELD:,} bytes: send that as a file."
        )
        raise HTTPException(400, sentence) from None
    try:
        yield form
    finally:
        await form.close()


async def _parts(request: Request, most_bytes: int) -> AsyncGenerator[bytes, None]:
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most_bytes:
                raise HTTPException(413, f"This form is longer than {most_bytes:,} bytes. Send less at once.")
            yield part
    except ClientDisconnect:
        raise HTTPException(400, "The form broke off. Send it again.") from None


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def host_of(address: str) -> str:
    """The host that an address names, without its port; empty where it cannot be read."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
