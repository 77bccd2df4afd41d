"""POST /webhooks/{producer}, as a bare ASGI callable: this is the hot path, thousands of deliveries a second.

Nothing is kept of what is refused; what is answered 202 is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infra import envelopes, hints, inbox, signatures, tracing
from infra.clock import Clock
from infra.deliveries import ACCEPTED, OURS, Tally
from infra.inbox import Letter
from infra.incoming import Reader
from infra.kept_headers import kept_headers
from infra.metrics import Metrics
from infra.producers import Known, Registry
from infra.settings import Settings
from infra.signatures import Refused
from infra.unreadable import Unreadable
from web import problems
from web.flusher import Flusher, StorageAwayError, UnkeepableError
from web.headers import FOR_PROGRAMS
from web.problems import Refusal
from web.rates import Rates
from web.reading import ClientLeft, Receive, Scope, Send, body_of, headers_of

log = structlog.get_logger()

PREFIX = "/webhooks/"
# Its route, never the address itself: with `path` it is the secret.
SPAN = "POST /webhooks/{producer}"
# A producer added a moment ago must not meet 404; a flood of unknown names must not become a flood of queries.
ASK_AGAIN_SECONDS = 0.2


class Ingress:
    def __init__(
        self,
        *,
        settings: Settings,
        registry: Registry,
        reader: Reader,
        flusher: Flusher,
        clock: Clock,
        metrics: Metrics,
        tally: Tally,
    ) -> None:
        self._settings, self._registry, self._reader = settings, registry, reader
        self._flusher, self._clock, self._metrics, self._tally = flusher, clock, metrics, tally
        self._rates = Rates(settings.rate_per_second)
        self._asked_at = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with tracing.span(SPAN, {}, parent=_traceparent(scope), kind="server") as note:
            answer = await self._answer(scope, receive)
            if answer is None:
                return
            status, headers, body = answer
            note({"http.response.status_code": status})
        await send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *FOR_PROGRAMS, _length(body)]}
        )
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, problems.Headers, bytes] | None:
        """None for a client that left."""
        try:
            return await self._take(scope, receive)
        except ClientLeft:
            return None
        except Refusal as refusal:
            return refusal.status, refusal.headers, refusal.body()
        except Exception as error:
            # The address is not in the line: with `path` it is the secret.
            log.exception("ingress_crashed", error=type(error).__name__)
            crashed = problems.crashed()
            self._metrics.refused(crashed.status)
            return crashed.status, crashed.headers, crashed.body()

    async def _take(self, scope: Scope, receive: Receive) -> tuple[int, problems.Headers, bytes]:
        if scope["method"] != "POST":
            raise Refusal(405, "wrong_method", "Webhooks are posted.", "Send POST.", headers=[(b"allow", b"POST")])
        now = self._clock.now()
        producer, token = await self._producer(scope["path"][len(PREFIX) :])
        try:
            return await self._deliver(producer, token, headers_of(scope), receive, now)
        except Unreadable as complaint:
            refusal = problems.of_unreadable(complaint)
            self._note(refusal, producer.name, refusal.reason)
            raise refusal from None
        except (StorageAwayError, UnkeepableError) as error:
            refusal = problems.away() if isinstance(error, StorageAwayError) else _unkeepable()
            self._note(refusal, producer.name, refusal.reason)
            raise refusal from None

    async def _deliver(
        self, producer: Known, token: str, headers: Mapping[str, str], receive: Receive, now: datetime
    ) -> tuple[int, problems.Headers, bytes]:
        limit = self._settings.max_body_bytes
        kind = envelopes.media_type(headers)
        packed = await body_of(receive, headers, limit=limit)
        producer, refused = await self._proven(producer, token, headers, packed, now)
        if refused is not None:
            raise self._note(
                problems.unknown_producer() if token else problems.unsigned(), producer.name, refused.reason
            )
        if seconds := self._rates.wait(producer.name, now):
            raise self._note(_too_many(seconds), producer.name, "rate")
        body = envelopes.unpacked(packed, headers, limit=limit)
        kept = kept_headers(headers, token=token)
        letters, status = self._letters(producer, body, kind, headers, kept, now)
        with tracing.child("commit", {"producer": producer.name, "events": len(letters)}):
            receipts = await self._flusher.post(inbox.traced(letters))
        self._tally.count(producer.name, ACCEPTED)
        return status, problems.JSON_HEADERS, problems.accepted(receipts, is_batch=envelopes.is_batch(kind))

    def _letters(
        self, producer: Known, body: bytes, kind: str, headers: Mapping[str, str], kept: bytes, now: datetime
    ) -> tuple[list[Letter], int]:
        sender = f"producer:{producer.name}"
        # TikTok repeats for days whatever is not answered 200, so that its own webhooks are not answered 202.
        if producer.scheme == "tiktok-developer":
            return [hints.developer_hint(body, sender=sender, headers=kept)], 200
        if producer.scheme == "path" and kind == envelopes.JSON and hints.is_subscription(body):
            return [hints.subscription_hint(body, sender=sender, headers=kept)], 200
        latest = now + timedelta(seconds=self._settings.webhook_tolerance_seconds)
        found = envelopes.read(body, kind, headers, now=now, latest=latest, most=self._settings.max_batch_events)
        return [self._reader.letter(envelope, sender=sender, headers=kept) for envelope in found], 202

    async def _producer(self, slug: str) -> tuple[Known, str]:
        known, token = self._registry.find(slug)
        if known is None:
            await self._ask_again()
            known, token = self._registry.find(slug)
        if known is None or (known.scheme == "path") != bool(token):
            raise self._note(problems.unknown_producer(), None, "no_such_producer")
        return known, token

    async def _proven(
        self, producer: Known, token: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[Known, Refused | None]:
        refused = self._verify(producer, token, headers, body, now)
        if refused is None or refused.reason not in ("signature_wrong", "token_wrong"):
            return producer, refused
        # The secret may have been rotated since the registry was read.
        await self._ask_again()
        newest, _ = self._registry.find(producer.name)
        if newest is None:
            return producer, refused
        return newest, self._verify(newest, token, headers, body, now)

    def _verify(
        self, producer: Known, token: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Refused | None:
        tolerance = self._settings.webhook_tolerance_seconds
        if producer.scheme == "path":
            return signatures.verify_path(token, producer.valid_tokens(now))
        keys = producer.valid_keys(now)
        if producer.scheme == "tiktok-developer":
            return signatures.verify_tiktok(headers, body, keys, now=now, tolerance=tolerance)
        refused = signatures.verify_standard(headers, (body,), keys, now=now, tolerance=tolerance)
        if refused is None or "content-encoding" not in headers:
            return refused
        # Senders compress after signing as often as before.
        try:
            plain = envelopes.unpacked(body, headers, limit=self._settings.max_body_bytes)
        except Unreadable:
            return refused
        return signatures.verify_standard(headers, (plain,), keys, now=now, tolerance=tolerance)

    async def _ask_again(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._asked_at < ASK_AGAIN_SECONDS:
            return
        self._asked_at = now
        try:
            await asyncio.to_thread(self._registry.refresh)
        except SQLAlchemyError:
            raise self._note(problems.away(), None, "storage_away") from None

    def _note(self, refusal: Refusal, producer: str | None, reason: str) -> Refusal:
        """One line for the operator. The address is not in it: with `path` it is the secret."""
        log.warning(
            "webhook_refused", producer=producer, status=refusal.status, reason=reason, field=refusal.field or None
        )
        self._metrics.refused(refusal.status)
        if producer is not None and reason != OURS:
            self._tally.count(producer, reason)
        return refusal


def _too_many(seconds: int) -> Refusal:
    detail = "This producer sends more deliveries a second than it may."
    return Refusal(429, "too_many", detail, "Send batches, or wait.", retry_after=seconds)


def _unkeepable() -> Refusal:
    detail = "The database cannot keep this delivery."
    return Refusal(422, "invalid", detail, "Send plain JSON values; see docs/events.md.", field="$")


def _traceparent(scope: Scope) -> str | None:
    """Of the request, where it is part of somebody's trace. Read only while tracing is on."""
    return headers_of(scope).get("traceparent") if tracing.is_on() else None


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
