"""The room over HTTP: the route table as Starlette routes, each behind the guard, and its troubles as pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus

import structlog
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.clock import Clock, SystemClock
from infra.database import OUTAGES
from infra.passwords import Passwords, TooManyAtOnce
from infra.reports.places import PlaceError
from infra.settings import Settings
from infra.vault import Vault
from web.forecast import Foresight
from web.problems import Refusal
from web.room.arriving import Arrivals
from web.room.calls import Call, Desk, Knock, Nudging, OpenPage, Page, Visitor
from web.room.guard import MARK, Guard, form_of, need_no_code, sent, to_sign_in
from web.room.live import Live
from web.room.oidc import Issuer
from web.room.rendering import Rendering
from web.room.routes import PAGES
from web.room.sharing import Shared
from web.room.signing import Doorstep
from web.room.tries import Tries
from web.room.troubles import TROUBLES
from web.simulation import Simulation
from web.throttle import address_of

log = structlog.get_logger()
LONGEST_MARK, LONGEST_NAME = 32, 40
Endpoint = Callable[[Request], Awaitable[Response]]


class Room:
    """Everything that people see once they are in, and the door."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        vault: Vault,
        clock: Clock,
        nudges: Nudging,
        simulation: Simulation | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        self._clock = clock
        # Where days take seconds, who signs in stays in for hours of the machine.
        wall = SystemClock() if simulation else clock
        self.wall = wall
        self.live = Live(engine, wall)
        self.foresight = Foresight(engine, settings, clock)
        self.guard = Guard(
            settings=settings,
            engine=engine,
            vault=vault,
            clock=wall,
            is_simulation=simulation is not None,
            listening=self.live.visitor,
        )
        issuer = Issuer.of(settings)
        self._rendering = Rendering(PAGES, simulation, has_issuer=issuer is not None)
        self._desk = Desk(
            settings=settings,
            engine=engine,
            vault=vault,
            clock=clock,
            wall=wall,
            nudges=nudges,
            render=self._rendering,
            passwords=passwords or Passwords(),
            tries=Tries(wall),
            foresight=self.foresight,
            live=self.live,
            shared=Shared(),
        )
        doorstep = Doorstep(self.guard.cookie, wall)
        self._door = [*doorstep.pages(), *(Arrivals(doorstep, issuer).pages() if issuer else ())]

    def routes(self) -> list[Route]:
        """The door first: none of its addresses is a page's."""
        open_ = [Route(page.path, self._open(page), methods=list(page.methods)) for page in self._door]
        return open_ + [Route(page.path, self._guarded(page), methods=list(page.methods)) for page in PAGES]

    async def trouble(self, request: Request, error: Exception) -> Response:
        """The page, or the problem+json, of whatever went wrong; with the navigation for whom it is theirs."""
        status, sentence = _told(error)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("page_crashed", path=_route_of(request), exc_info=error)
        elif status == HTTPStatus.SERVICE_UNAVAILABLE:
            log.warning("page_not_shown", error=type(error).__name__)
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        headers |= {"retry-after": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        trouble = TROUBLES.get(status, TROUBLES[500])
        if not _reads_pages(request):
            remedy = trouble.for_programs or trouble.remedy
            body = Refusal(status, trouble.word, sentence or trouble.sentence, remedy).body()
            return Response(body, status_code=status, headers=headers, media_type="application/problem+json")
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        call = self._call(request, visitor) if visitor else self._knock(request)
        above = self._rendering.list_above(call) if status == HTTPStatus.NOT_FOUND else None
        answer = self._desk.render(
            call, "room/trouble.html", status=status, code=status, trouble=trouble, sentence=sentence, above=above
        )
        answer.headers.update(headers)
        return answer

    def _guarded(self, page: Page) -> Endpoint:
        async def answer(request: Request) -> Response:
            visitor = request.state.visitor = await run_in_threadpool(self.guard.visitor, request)
            need_no_code(request)
            if visitor is None:
                return self._outside(request)
            if not visitor.role.may(page.role):
                raise HTTPException(
                    403, f"This needs the role {page.role}, and yours is {visitor.role}. An admin can change it."
                )
            _need_texts(request)
            call = self._call(request, visitor)
            if request.method == "POST":
                self.guard.check_sender(request.headers)
                async with sent(request, most_bytes=page.most_bytes, takes_files=page.takes_files) as form:
                    self.guard.check_form(visitor, form)
                    need_no_code(request, form)
                    return await run_in_threadpool(page.handler, self._desk, replace(call, form=form))
            if page.words is not None:
                call.knows(*page.words)
            return await run_in_threadpool(page.handler, self._desk, call)

        return self._minded(answer)

    def _open(self, page: OpenPage) -> Endpoint:
        async def answer(request: Request) -> Response:
            _need_texts(request)
            knock = self._knock(request)
            if request.method == "POST":
                self.guard.check_sender(request.headers)
                knock = replace(knock, form=await form_of(request, most_bytes=10_000))
                need_no_code(request, knock.form)
            return await run_in_threadpool(page.handler, self._desk, knock)

        return self._minded(answer)

    def _minded(self, answer: Endpoint) -> Endpoint:
        async def minded(request: Request) -> Response:
            request.state.is_of_the_room = True
            try:
                _need_path(request)
                return await answer(request)
            except Exception as error:  # noqa: BLE001  every trouble becomes a page, and is logged there
                return await self.trouble(request, error)

        return minded

    def _outside(self, request: Request) -> Response:
        if _wants_json(request):
            raise HTTPException(401, "Nobody is signed in.")
        if request.method in ("GET", "HEAD"):
            return to_sign_in(_url_of(request))
        # What a form carried is lost with the session; the page that it stood on is where to go on.
        return to_sign_in(self._rendering.page_of(self.guard.stood_on(request.headers)), has_ended=True)

    def _call(self, request: Request, visitor: Visitor) -> Call:
        return Call(
            visitor=visitor,
            now=self._clock.now(),
            url=_url_of(request),
            path=request.path_params,
            query=request.query_params,
            wants_events="text/event-stream" in request.headers.get("accept", ""),
            mark=request.headers.get(MARK, "")[:LONGEST_MARK] or self.live.mark,
            is_refresh=MARK in request.headers,
        )

    def _knock(self, request: Request) -> Knock:
        return Knock(
            now=self._clock.now(),
            url=_url_of(request),
            address=_address_of(request),
            cookies=request.cookies,
            path=request.path_params,
            query=request.query_params,
        )


def _address_of(request: Request) -> str:
    """Whom to throttle. Proxies append a name to the header, or another header of the same name: the last word counts."""
    names = ",".join(request.headers.getlist("x-forwarded-for"))
    return address_of(request.client.host if request.client else "", {"x-forwarded-for": names})


def _need_path(request: Request) -> None:
    """PostgreSQL keeps no NUL in a text, so nothing is called like that. Raises HTTPException."""
    if "\x00" in request.scope["path"]:
        raise HTTPException(400, "This address is of no page.")


def _need_texts(request: Request) -> None:
    """Likewise in what stands after the path: a part that has one is named. Raises HTTPException."""
    for pair in request.query_params.multi_items():
        if any("\x00" in text for text in pair):
            name = pair[0].replace("\x00", "")[:LONGEST_NAME]
            raise HTTPException(422, f"`{name}`: no text holds the character NUL (`%00`): leave it out.")


def _told(error: Exception) -> tuple[int, str]:
    """The status, and a sentence where somebody wrote one."""
    match error:
        case HTTPException(status_code=status, detail=detail):
            return status, "" if detail == HTTPStatus(status).phrase else detail
        case TooManyAtOnce():
            return 429, str(error)
        case PlaceError():
            return 422, str(error)
        case _ if isinstance(error, OUTAGES):
            return 503, ""
        case _:
            return 500, ""


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "json" in accepted and "html" not in accepted


def _reads_pages(request: Request) -> bool:
    """Who takes anything is shown a page in the room, and a problem+json where programs go."""
    is_of_the_room = getattr(request.state, "is_of_the_room", False)
    return "html" in request.headers.get("accept", "") or (is_of_the_room and not _wants_json(request))


def _url_of(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _route_of(request: Request) -> str:
    """The path as the route table has it: what stands in an address may be a secret."""
    route = request.scope.get("route")
    return getattr(route, "path", "unknown")
