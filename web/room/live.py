"""Tells open pages what has changed, as server-sent events: one poll a second reads a tiny mark for all of them together.

Whose session is over is told no more: all sessions are looked up together, in one query each ten seconds. While no page is
open nothing is asked.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress

import msgspec
import structlog
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from domain.people import Role
from infra import sessions
from infra.clock import Clock
from infra.database import OUTAGES, hot
from infra.reports import marks
from infra.reports.marks import MOST_NAMED, Mark
from web.room.calls import Call, Desk, Page, Visitor

log = structlog.get_logger()

POLL_SECONDS, HEARTBEAT_SECONDS = 1.0, 15.0
POLLS_A_CHECK = 10
# Each is a connection and a few kilobytes; who is turned away asks again later, and reads without it.
MOST_LISTENERS, MOST_OF_ONE = 1_000, 50
# A page that comes back within two minutes is told what it missed; another one fetches everything again.
MARKS_KEPT = 120
EVERYTHING = "*"
encode = msgspec.json.Encoder().encode


class Listener:
    """One open page. `news` are the topics that it was not told yet; None before the first poll."""

    def __init__(self, visitor: Visitor, since: str) -> None:
        self.visitor, self.since = visitor, since
        self.news: set[str] | None = None
        self.is_over = False
        self.woken = asyncio.Event()

    def hear(self, topics: Iterable[str]) -> None:
        self.news = (self.news or set()) | set(topics)
        self.woken.set()

    def end(self) -> None:
        self.is_over = True
        self.woken.set()

    async def wakes(self, seconds: float) -> bool:
        """Whether there is something to tell within these seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.woken.wait(), seconds)
        return self.woken.is_set()

    def takes(self) -> list[str]:
        """What it was not told yet, once."""
        self.woken.clear()
        news, self.news = self.news, set()
        return sorted(news or ())


class Live:
    """The open pages of this process, on its event loop. `clock` is the one that sessions live by."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        poll_seconds: float = POLL_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._engine, self._clock = engine, clock
        self._poll_seconds, self._heartbeat_seconds = poll_seconds, heartbeat_seconds
        self._listeners: set[Listener] = set()
        self._marks: OrderedDict[str, Mark] = OrderedDict()
        self._seen: dict[int, int] = {}
        self._polling: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closing = False

    @property
    def mark(self) -> str:
        """How the database stood at the last poll; empty while nobody listens."""
        return next(reversed(self._marks), "")

    def visitor(self, session: bytes) -> Visitor | None:
        """Who has a page open by this session, which was in order at the last check."""
        found = (
            each.visitor for each in tuple(self._listeners) if each.visitor.session == session and not each.is_over
        )
        return next(found, None) if session else None

    def forget(self, session: bytes) -> None:
        """From any thread: this session has ended."""
        self._from_outside(lambda: self._end([each for each in self._listeners if each.visitor.session == session]))

    def hang_up(self) -> None:
        """From any thread, as the server stops: every stream ends at once, so that nobody waits for it."""
        self._is_closing = True
        self._from_outside(lambda: self._end(self._listeners))

    def has_room(self, visitor: Visitor) -> bool:
        own = sum(each.visitor.email == visitor.email for each in tuple(self._listeners))
        return not self._is_closing and len(self._listeners) < MOST_LISTENERS and own < MOST_OF_ONE

    async def stream(self, visitor: Visitor, since: str) -> AsyncIterator[bytes]:
        """What one page is sent, until it is closed, its session is over, or the server stops."""
        listener = self._admit(Listener(visitor, since))
        try:
            yield b"retry: 5000\n\n"
            while not listener.is_over:
                if not await listener.wakes(self._heartbeat_seconds):
                    # A comment keeps proxies from taking the silence for an end, and shows who has left.
                    yield b": quiet\n\n"
                elif not listener.is_over:
                    yield _event("changed", mark=self.mark, topics=listener.takes())
            if not self._is_closing:
                yield _event("over")
        finally:
            self._listeners.discard(listener)

    def _admit(self, listener: Listener) -> Listener:
        self._loop = asyncio.get_running_loop()
        self._listeners.add(listener)
        if self._is_closing:
            listener.end()
        elif self._polling is None:
            self._polling = self._loop.create_task(self._poll(), name="live")
        elif self.mark:
            self._greet(listener)
        return listener

    async def _poll(self) -> None:
        """As long as anybody listens."""
        polls = 0
        try:
            while self._listeners and not self._is_closing:
                polls += 1
                try:
                    await self._look()
                    if polls % POLLS_A_CHECK == 0:
                        await self._check_sessions()
                except OUTAGES as error:
                    log.warning("live_not_read", error=type(error).__name__)
                except Exception:
                    # All open pages would go quiet, and nobody would miss it.
                    log.exception("live_not_read")
                await asyncio.sleep(self._poll_seconds)
        finally:
            self._polling = None
            self._marks.clear()
            self._seen.clear()

    async def _look(self) -> None:
        before = self._marks.get(self.mark)
        mark, lines = await asyncio.to_thread(self._read, before)
        self._marks[mark.text] = mark
        self._marks.move_to_end(mark.text)
        while len(self._marks) > MARKS_KEPT:
            self._marks.popitem(last=False)
        touched = self._touched(lines)
        topics = mark.changed_since(before) + touched if before else []
        for listener in tuple(self._listeners):
            if listener.news is None:
                self._greet(listener)
            elif topics:
                listener.hear(topics)

    def _read(self, before: Mark | None) -> tuple[Mark, dict[int, int]]:
        """The mark; and where authorizations have changed, which ones did last."""
        with hot(self._engine) as connection:
            mark = marks.read(connection)
            is_other = before is None or "authorizations" in mark.changed_since(before)
            return mark, marks.latest(connection) if is_other else {}

    def _touched(self, lines: dict[int, int]) -> list[str]:
        """The topic of each authorization that has a line which was not there before; of too many, one for all."""
        fresh = {authorization for line, authorization in lines.items() if line not in self._seen}
        if lines:
            self._seen = lines
        many = len(fresh) > MOST_NAMED
        return ["authorization:*"] if many else [f"authorization:{number}" for number in sorted(fresh)]

    def _greet(self, listener: Listener) -> None:
        """What has changed since the page was made."""
        then, now = self._marks.get(listener.since), self._marks[self.mark]
        if then is None:
            listener.hear([EVERYTHING])
        else:
            topics = now.changed_since(then)
            listener.hear([*topics, "authorization:*"] if "authorizations" in topics else topics)

    async def _check_sessions(self) -> None:
        """Whose session is over, or whose role is another one by now, loads the page again."""
        signed_in = [each for each in self._listeners if each.visitor.session]
        if signed_in:
            alive = await asyncio.to_thread(self._alive, {each.visitor.session for each in signed_in})
            self._end([each for each in signed_in if alive.get(each.visitor.session) is not each.visitor.role])

    def _alive(self, tokens: Iterable[bytes]) -> dict[bytes, Role]:
        with hot(self._engine) as connection:
            return sessions.alive(connection, tokens, now=self._clock.now())

    def _end(self, listeners: Iterable[Listener]) -> None:
        for listener in listeners:
            listener.end()

    def _from_outside(self, act: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act)


def listening(desk: Desk, call: Call) -> Response:
    """The stream of `/live`, for web/static/room/live.js; `?since` is the mark of the page that asks."""
    if not call.wants_events:
        raise HTTPException(400, "This address is for the pages' own script.")
    if not desk.live.has_room(call.visitor):
        raise HTTPException(503, "Too many pages are open: this one stays as it is until it is loaded again.")
    # Not kept back until there is more of it, where nginx stands before.
    headers = {"x-accel-buffering": "no"}
    stream = desk.live.stream(call.visitor, call.query.get("since", ""))
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


def _event(name: str, **data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), encode(data))


PAGES = (Page(path="/live", handler=listening, words=("since",)),)
