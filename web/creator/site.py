"""/c/{token} over HTTP: who may see what, how often, and where an answer goes. The token is in no line and no other address.

The page changes nothing: what a creator sends becomes a letter to the inbox, and the worker acts on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urlsplit

import psycopg
import structlog
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from domain.renewal import Policy
from infra import inbox, links, tracing
from infra.clock import Clock
from infra.database import OUTAGES, hot
from infra.inbox import Letter
from infra.incoming import Reader
from infra.links import Expired, Unknown, Visit
from infra.settings import Settings
from infra.unreadable import Unreadable
from infra.vault import Vault
from web.creator import answers
from web.creator.answers import Complaint, Desk, letter_of
from web.creator.pages import Pages
from web.creator.requests import PREFIX, Answer, Request, Where, fields_of, fixed_headers, is_ours, request_of
from web.creator.scene import Scene, scene_of
from web.flusher import Flusher, StorageAwayError, UnkeepableError
from web.reading import ClientLeft, Receive, Scope, Send, body_of
from web.throttle import Allowance, Throttle, address_of

log = structlog.get_logger()
T = TypeVar("T")

# 20,000 characters, each of which may take nine bytes in a form.
LARGEST_FORM = 200_000
# How long an answer's page is held back for what comes of it, so that most people see the outcome at once.
TURNS, TURN_SECONDS = 8, 0.5
# A person with many posts answers them all in a minute; a machine that tries links does not get far.
PER_LINK, PER_ADDRESS = Allowance(burst=40, per_second=0.5), Allowance(burst=120, per_second=1)
# A link that is none costs its address so much more.
WRONG_LINK_COSTS = 8
ABOUT_A_POST = ("code", "extended", "decline")
ANSWERS = (*ABOUT_A_POST, "later", "resume")
# Not the address: it is the way to somebody's page.
SPAN = "POST /c/{token}"


class Site:
    """The ASGI application of every address under /c/."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        vault: Vault,
        clock: Clock,
        flusher: Flusher,
        reader: Reader,
        is_simulation: bool = False,
    ) -> None:
        self._engine, self._vault, self._clock = engine, vault, clock
        self._flusher, self._reader = flusher, reader
        self._policy = Policy(offered_days=settings.offered_days)
        self._host = urlsplit(settings.public_url).netloc
        self._pages = Pages(is_simulation=is_simulation)
        self._per_link, self._per_address = Throttle(PER_LINK), Throttle(PER_ADDRESS)
        self._headers = fixed_headers(self._pages.style_hash, is_https=settings.is_https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = request_of(scope, self._clock.now())
        try:
            answer = await self._answer(request, receive)
        except ClientLeft:
            return
        except (*OUTAGES, StorageAwayError) as error:
            log.warning("page_not_shown", error=type(error).__name__)
            answer = self._trouble(request, 503)
        except Exception as error:
            # The address is not in the line: it is the way to somebody's page.
            log.exception("creator_page_crashed", error=type(error).__name__)
            answer = self._trouble(request, 500)
        await self._send(answer, send, is_head=request.method == "HEAD")

    async def _answer(self, request: Request, receive: Receive) -> Answer:
        is_genuine = links.is_genuine(self._vault, request.token)
        if seconds := self._wait(request, is_genuine=is_genuine):
            log.warning("creator_page_refused", status=429, reason="too_many")
            t = request.speech()
            html = self._pages.notice(t, "many", t("many_text", seconds=seconds))
            return Answer(status=429, html=html, retry_after=seconds)
        if request.method not in ("GET", "HEAD", "POST"):
            return self._refused(request, 405, "bad_method")
        if request.method == "POST":
            return await self._traced_post(request, receive)
        link = await self._read(lambda connection: self._link(connection, request))
        if not isinstance(link, Visit):
            return self._gone(request)
        return await self._get(request, link)

    def _wait(self, request: Request, *, is_genuine: bool) -> int:
        """Seconds to wait. Only links of ours have a bucket: a made-up one must not push theirs out."""
        cost = 1 if is_genuine else WRONG_LINK_COSTS
        by_address = self._per_address.wait(address_of(request.peer, request.headers), request.now, cost=cost)
        if by_address or not is_genuine:
            return by_address
        return self._per_link.wait(request.token.partition(".")[0], request.now)

    async def _get(self, request: Request, visit: Visit) -> Answer:
        t, asked = request.speech(visit), request.asked
        if request.path == "stop":
            html = self._pages.notice(
                t,
                "stop",
                t("stop_text"),
                button="stop_button",
                action=f"{asked.base}/stop",
                query=asked.query,
                back=asked.base,
            )
            return Answer(status=200, html=html)
        if request.path in (*ANSWERS, "fresh"):
            return Answer(status=303, location=asked.base + asked.query)
        if request.path:
            return self._gone(request)
        scene = await self._scene(request, visit)
        for _ in range(TURNS if "wait" in request.where else 0):
            if scene.status is None or not scene.status.is_open:
                break
            await asyncio.sleep(TURN_SECONDS)
            scene = await self._scene(request, visit)
        return Answer(status=200, html=self._pages.posts(scene, asked, t))

    async def _traced_post(self, request: Request, receive: Receive) -> Answer:
        """What a creator sends begins a trace: a browser is in none that is known here."""
        with tracing.span(SPAN, {}, kind="server") as note:
            answer = await self._post(request, receive)
            note({"http.response.status_code": answer.status})
            return answer

    async def _post(self, request: Request, receive: Receive) -> Answer:
        try:
            body = await body_of(receive, request.headers, limit=LARGEST_FORM)
        except Unreadable:
            return self._refused(request, 413, "bad_big")
        # One click in a mail program comes from anywhere; what it does is the link's own.
        if request.path != "stop" and not is_ours(request.headers, self._host):
            return self._refused(request, 403, "bad_origin")
        link = await self._read(lambda connection: self._link(connection, request))
        if request.path == "stop":
            return await self._stop(request, link)
        if request.path == "fresh":
            return await self._fresh(request, link)
        if not isinstance(link, Visit) or request.path not in ANSWERS:
            return self._gone(request)
        return await self._take(request, link, fields_of(body))

    async def _take(self, request: Request, visit: Visit, form: Where) -> Answer:
        t, asked = request.speech(visit), request.asked
        scene = await self._scene(request, visit)
        desk = Desk(reader=self._reader, vault=self._vault, visit=visit, zone=t.zone, now=request.now)
        letter = letter_of(desk, request.path, form, scene.cards, has_opted_out=scene.has_opted_out)
        if isinstance(letter, Complaint):
            log.info("creator_page_refused", status=422, reason=letter.word, link_id=visit.link_id)
            return Answer(status=422, html=self._pages.posts(scene, asked, t, letter))
        await self._keep(letter, visit)
        place = f"#p{form['post']}" if request.path in ABOUT_A_POST else ""
        more = asked.query.replace("?", "&")
        location = f"{asked.base}?a={answers.mark_of(letter)}&wait=1{more}{place}"
        return Answer(status=303, location=location)

    async def _stop(self, request: Request, link: Visit | Expired | Unknown) -> Answer:
        """One click, also where the link's time is over: a wish to be left alone has no end date.

        Nobody is told that it is done where nothing was: the link of a stranger, or one that was taken back, is none.
        """
        if isinstance(link, Unknown):
            return self._gone(request)
        t = request.speech(link if isinstance(link, Visit) else None)
        await self._keep(answers.opted_out(link, now=request.now), link)
        back = request.asked.base if isinstance(link, Visit) else ""
        html = self._pages.notice(t, "stop", t("stop_done"), query=request.asked.query, back=back)
        return Answer(status=200, html=html)

    async def _fresh(self, request: Request, link: Visit | Expired | Unknown) -> Answer:
        """The same answer for every link, whether or not a fresh one is sent."""
        t = request.speech()
        if isinstance(link, Expired):
            await self._keep(answers.link_wanted(link, now=request.now), link)
        return Answer(status=200, html=self._pages.notice(t, "fresh_button", t("fresh_done")))

    async def _keep(self, letter: Letter, link: Visit | Expired) -> None:
        try:
            with tracing.child("commit", {"events": 1}):
                (receipt,) = await self._flusher.post(inbox.traced([letter]))
        except UnkeepableError:
            # Text that the database cannot hold never comes this far; if it does, asking again is no remedy.
            raise StorageAwayError from None
        log.info("creator_answered", type=letter.type, key=letter.key, link_id=link.link_id, new=receipt.is_new)

    async def _scene(self, request: Request, visit: Visit) -> Scene:
        return await self._read(
            lambda connection: scene_of(connection, visit, request.asked, policy=self._policy, now=request.now)
        )

    async def _read(self, reading: Callable[[psycopg.Connection], T]) -> T:
        def read() -> T:
            with hot(self._engine) as connection:
                return reading(connection)

        return await run_in_threadpool(read)

    def _link(self, connection: psycopg.Connection, request: Request) -> Visit | Expired | Unknown:
        link = links.creator_of(connection, self._vault, request.token, now=request.now)
        if isinstance(link, Visit) and link.is_first and request.method == "GET":
            links.note_opened(connection, link.link_id, now=request.now)
        return link

    def _gone(self, request: Request) -> Answer:
        """One page for whatever is no good link, and for addresses that do not exist."""
        t = request.speech()
        # What is not of a token's shape is not repeated in the page.
        token = request.token if links.TOKEN.fullmatch(request.token) else "0"
        log.info("creator_page_refused", status=404, reason="no_such_link")
        html = self._pages.notice(
            t,
            "gone",
            t("gone_text"),
            t("fresh_text"),
            button="fresh_button",
            action=f"{PREFIX}{token}/fresh",
            query=request.asked.query,
        )
        return Answer(status=404, html=html)

    def _refused(self, request: Request, status: int, word: str) -> Answer:
        t = request.speech()
        log.info("creator_page_refused", status=status, reason=word)
        return Answer(status=status, html=self._pages.notice(t, "error", t(word)))

    def _trouble(self, request: Request, status: int) -> Answer:
        t = request.speech()
        return Answer(status=status, html=self._pages.notice(t, "away", t("away_text")), retry_after=5)

    async def _send(self, answer: Answer, send: Send, *, is_head: bool) -> None:
        body = answer.html.encode()
        headers = [*self._headers, (b"content-length", str(len(body)).encode())]
        if answer.location:
            headers.append((b"location", answer.location.encode("ascii")))
        if answer.retry_after:
            headers.append((b"retry-after", str(answer.retry_after).encode()))
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append((b"allow", b"GET, HEAD, POST"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if is_head else body})
