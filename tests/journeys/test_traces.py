"""One trace from a webhook to its mail, its calls to TikTok and its webhooks out, though rows lie between; never a secret."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id
from sqlalchemy import Engine

from infra import endpoints, producers, tracing
from infra.clock import HandClock
from infra.database import hot, transaction
from infra.posting import Courier
from infra.vault import Vault
from tests.brand import brand
from tests.endpoint import receiving
from tests.journeys.looking import key_of, lookout, request
from tests.postbox import Postbox, postbox
from tests.service import POST, Service, service
from tests.visitor import Visitor, link_to
from worker.hooks import deliver

CREATOR = {"handle": "ana", "email": "ana@creators.test", "locale": "en", "timezone": "UTC"}
OUTSIDE = "4bf92f3577b34da6a3ce929d0e0e4736"
WEBHOOK, COMMIT, DRAIN, APPLY = "POST /webhooks/{producer}", "commit", "drain", "apply"


class Spans:
    """What was traced."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        tracing.begin(provider)

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str, **attributes: object) -> list[ReadableSpan]:
        return [
            span
            for span in self.all
            if span.name == name
            and all((span.attributes or {}).get(f"everspark.{key}") == value for key, value in attributes.items())
        ]

    def of(self, trace: str) -> list[str]:
        """The names of one trace, in the order in which they ended."""
        return [span.name for span in self.all if trace_of(span) == trace]


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return format_trace_id(span.context.trace_id)


@pytest.fixture
def spans() -> Iterator[Spans]:
    yield Spans()
    tracing.end()


@pytest.fixture
def box() -> Iterator[Postbox]:
    with postbox() as served:
        yield served


@pytest.fixture
def everspark(engine: Engine, clock: HandClock, vault: Vault, box: Postbox) -> Iterator[Service]:
    with service(engine=engine, clock=clock, vault=vault, smtp_url=box.url, quiet_weekends=False) as running:
        yield running


def granted(everspark: Service, item: str = POST) -> None:
    """An authorization with an ad that runs for longer."""
    now = everspark.clock.now()
    post = {"item_id": item}
    everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR, post=post)
    ends_at = (now + timedelta(days=30)).isoformat()
    everspark.hears("code.granted", starts_at=now.isoformat(), expires_at=ends_at, post=post)
    flight_end = (now + timedelta(days=90)).isoformat()
    everspark.hears("ad.started", ad={"ad_id": f"9{item}", "flight_end": flight_end}, post=post)
    everspark.settles()
    everspark.clock.advance(timedelta(seconds=1))


def suggests(everspark: Service, item: str = POST) -> None:
    """The brand wants the creator to be asked now."""
    now = everspark.clock.now().isoformat()
    everspark.hears("renewal.suggested", also={"at": now}, post={"item_id": item})


def asked(everspark: Service) -> None:
    """What is due is announced by the clock, applied and sent."""
    everspark.applies()
    everspark._sweeps("remind")  # noqa: SLF001 - time stands still, as it may within one second
    everspark.settles()


def test_from_a_webhook_to_its_mail_it_is_one_trace(everspark: Service, spans: Spans, box: Postbox) -> None:
    granted(everspark)
    everspark.http.headers["traceparent"] = f"00-{OUTSIDE}-00f067aa0ba902b7-01"

    suggests(everspark)
    del everspark.http.headers["traceparent"]
    asked(everspark)

    assert len(box.taken) == 1
    assert spans.of(OUTSIDE) == [COMMIT, WEBHOOK, APPLY, APPLY, "pay ask.mail"]
    (webhook,) = [span for span in spans.named(WEBHOOK) if trace_of(span) == OUTSIDE]
    assert webhook.parent is not None
    assert format_span_id(webhook.parent.span_id) == "00f067aa0ba902b7"
    assert (webhook.attributes or {})["http.response.status_code"] == 202
    applied = [span.attributes or {} for span in spans.named(APPLY) if trace_of(span) == OUTSIDE]
    assert [each["everspark.type"] for each in applied] == ["renewal.suggested", "renewal.due"]
    assert [each["everspark.outcome"] for each in applied] == ["stayed", "stayed"]


def test_a_batch_is_a_span_of_its_own_that_is_linked_with_its_events(everspark: Service, spans: Spans) -> None:
    everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)
    suggests(everspark)
    everspark.applies()

    (drain,) = spans.named(DRAIN)
    webhooks, applied = spans.named(WEBHOOK), spans.named(APPLY)
    assert len({trace_of(span) for span in (*webhooks, drain)}) == 3
    assert [link.context.trace_id for link in drain.links] == [
        each.context.trace_id for each in webhooks if each.context
    ]
    assert [trace_of(each) for each in applied] == [trace_of(each) for each in webhooks]
    assert drain.context is not None
    assert {link.context.span_id for each in applied for link in each.links} == {drain.context.span_id}


def test_a_message_of_several_events_is_linked_with_them_all(everspark: Service, spans: Spans, box: Postbox) -> None:
    other = f"{POST[:-1]}9"
    granted(everspark)
    granted(everspark, other)
    suggests(everspark)
    suggests(everspark, other)
    asked(everspark)

    assert len(box.taken) == 1
    (mail,) = spans.named("pay ask.mail")
    behind = {trace_of(span) for span in spans.named(APPLY, type="renewal.suggested")}
    linked = {format_trace_id(link.context.trace_id) for link in mail.links}
    assert len(behind) == 2
    assert {trace_of(mail)} | linked == behind


def test_a_code_is_one_trace_to_tiktok_and_back(engine: Engine, clock: HandClock, vault: Vault, spans: Spans) -> None:
    with brand(engine=engine, clock=clock, vault=vault) as story:
        story.asks()
        code = story.mints()
        story.pastes(code.value)
        secrets = [code.value, code.value.strip("#="), story.token, story.desk.secret]

    (paid,) = spans.named("pay code.check")
    names = spans.of(trace_of(paid))
    assert names[:3] == [COMMIT, WEBHOOK, APPLY]
    assert names.count("tiktok") == 4
    assert names[-2:] == ["pay code.check", APPLY]
    (back,) = spans.named(APPLY, type="code.granted")
    assert trace_of(back) == trace_of(paid)
    calls = [(span.attributes or {}).get("everspark.path") for span in spans.named("tiktok")]
    assert calls[:3] == ["tt_video/info", "tt_video/list", "tt_video/authorize"]
    said = "".join(span.to_json() for span in spans.all)
    assert [secret for secret in secrets if secret in said] == []


def test_a_webhook_out_belongs_to_the_event_that_it_tells_of(everspark: Service, spans: Spans) -> None:
    with receiving() as crm:
        with transaction(everspark.engine) as session:
            endpoints.add(session, everspark.vault, name="crm", url=crm.url + "/in", now=everspark.clock.now())
        everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)
        everspark.applies()
        deliver(everspark.engine, everspark.clock, everspark.vault, Courier(allow_private=True))

    (webhook,), (hook,) = spans.named(WEBHOOK), spans.named("pay hook")
    assert trace_of(hook) == trace_of(webhook)
    (taken,) = crm.taken
    assert hook.context is not None
    assert taken.headers["traceparent"].startswith(f"00-{trace_of(hook)}-{format_span_id(hook.context.span_id)}-")


def test_what_a_creator_sends_begins_a_trace(engine: Engine, clock: HandClock, vault: Vault, spans: Spans) -> None:
    with brand(engine=engine, clock=clock, vault=vault) as story:
        story.asks()
        story.desk.settles()
        creator = Visitor(story.desk.http, link_to(engine, vault, "ana.dances", now=clock.now()))
        creator.opens()
        answer = creator.sends(
            "decline", reason="payment", headers={"traceparent": f"00-{OUTSIDE}-00f067aa0ba902b7-01"}
        )
        story.desk.settles()

    (sent,) = spans.named("POST /c/{token}")
    assert sent.parent is None
    assert (sent.attributes or {})["http.response.status_code"] == answer.status_code == 303
    assert spans.of(trace_of(sent))[:3] == [COMMIT, "POST /c/{token}", APPLY]
    assert creator.token not in "".join(span.to_json() for span in spans.all)


def test_a_look_is_a_trace_of_its_own_and_what_it_finds_goes_on_with_what_was_heard(
    engine: Engine, clock: HandClock, vault: Vault, spans: Spans
) -> None:
    with lookout(engine, clock, vault) as watch:
        advertiser = watch.connects()
        post = watch.binds(advertiser, watch.creator())
        watch.binds(advertiser, watch.creator("never.heard.of"))
        with tracing.span("heard", {}):
            watch.writes([request(key_of(advertiser, post), {"route": "code", "days": 30}, watch)])
        watch.looks()

    look, (heard,) = spans.named("look")[0], spans.named("heard")
    assert (look.parent, look.attributes) == (None, {"everspark.advertiser_id": advertiser.advertiser_id})
    assert set(spans.of(trace_of(look))) == {"tiktok", "look"}
    assert [row["type"] for row in watch.asks("SELECT type FROM inbox WHERE sender = 'tiktok'")] == ["code.granted"] * 2
    assert [trace_of(span) for span in spans.named(APPLY, type="code.granted")] == [trace_of(heard)]


def test_the_address_of_a_producer_that_is_known_by_it_is_in_no_span(everspark: Service, spans: Spans) -> None:
    with transaction(everspark.engine) as session:
        token = producers.add(session, everspark.vault, name="feed", scheme="path", now=everspark.clock.now())

    taken = everspark.http.post(f"/webhooks/feed.{token}", json={"type": "x"})
    refused = everspark.http.post(f"/webhooks/feed.{token}x", json={"type": "x"})

    assert (taken.status_code, refused.status_code) == (400, 404)
    statuses = [(span.attributes or {})["http.response.status_code"] for span in spans.named(WEBHOOK)]
    assert statuses == [400, 404]
    assert token not in "".join(span.to_json() for span in spans.all)


def test_a_traceparent_that_cannot_be_read_begins_a_trace(everspark: Service, spans: Spans) -> None:
    for strange in ("", "zz", f"00-{'0' * 32}-00f067aa0ba902b7-01", "#" + "aB3/" * 15):
        everspark.http.headers["traceparent"] = strange
        everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)

    assert [span.parent for span in spans.named(WEBHOOK)] == [None] * 4


def test_an_error_is_named_and_its_text_is_not_told(spans: Spans) -> None:
    with pytest.raises(ValueError, match="of a creator"), tracing.span("pay", {}):
        raise ValueError("the address of a creator")

    (span,) = spans.all
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert span.events == ()


def test_while_it_is_off_nothing_is_written_or_kept(everspark: Service) -> None:
    everspark.http.headers["traceparent"] = f"00-{OUTSIDE}-00f067aa0ba902b7-01"
    everspark.hears("authorization.requested", route="code", days=30, creator=CREATOR)
    everspark.settles()
    with tracing.span("nothing", {}):
        carried = tracing.headers()

    assert carried == {}
    with hot(everspark.engine) as connection:
        rows: list[Any] = connection.execute("SELECT traceparent FROM inbox").fetchall()
    assert rows == [(None,)]
    assert not tracing.is_on()
