"""Traces by OpenTelemetry, for who has a place to look at them: off unless an endpoint is configured.

One trace goes from a webhook to what it leads to, although rows lie between. The row of an event keeps the traceparent of
the request that brought it. What the event's batch owes bears the very instant at which the event was handled, so that the
events behind a debt are found again by their key and that instant (worker.traced): no other table carries anything.

Like logs, this is of the whole process: configured once at its start, not handed through every call.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from infra.settings import PREFIX, BadSettings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Link, Tracer

# Where OpenTelemetry's own settings say where to.
STANDARD = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
Attributes = Mapping[str, str | int | None]
Note = Callable[[Attributes], None]


class _Process:
    """What this process traces with; None while tracing is off."""

    tracer: Tracer | None = None


def configure(endpoint: str) -> None:
    """Begins to send spans to a collector by OTLP over HTTP; `endpoint` wins over OpenTelemetry's own variables. Without
    any, nothing is done. Raises BadSettings where the libraries are not installed.
    """
    if not endpoint and not any(os.environ.get(name) for name in STANDARD):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise BadSettings(
            f"{PREFIX}OTLP_ENDPOINT needs OpenTelemetry: install everspark[tracing], or leave it out."
        ) from None
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces") if endpoint else OTLPSpanExporter()
    name = os.environ.get("OTEL_SERVICE_NAME", "everspark")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    begin(provider)


def begin(provider: TracerProvider) -> None:
    """Traces from now on. The provider sends what is left when the process ends."""
    _Process.tracer = provider.get_tracer("everspark")


def end() -> None:
    """Traces no more."""
    _Process.tracer = None


def is_on() -> bool:
    return _Process.tracer is not None


def span(
    name: str,
    attributes: Attributes,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    kind: str = "internal",
) -> AbstractContextManager[Note]:
    """A span as long as the block lasts, within the one of the surrounding block, or within `parent` where that is given.
    Gives what adds to its attributes. `kind`: internal, server or client. Never a secret, nor the text of an error.
    """
    tracer = _Process.tracer
    return nullcontext(_ignored) if tracer is None else _spanned(tracer, name, attributes, parent, links, kind)


def moment() -> int:
    """Now, for `record`; 0 while tracing is off."""
    return time.time_ns() if is_on() else 0


def record(name: str, attributes: Attributes, *, parent: str | None = None, links: Sequence[str], begun: int) -> str:
    """A span that lasted from `begun` until now, as a traceparent. Only while tracing is on."""
    from opentelemetry.context import Context
    from opentelemetry.trace import set_span_in_context

    if _Process.tracer is None:
        raise RuntimeError("tracing is off")
    context = _context_of(parent) if parent else Context()
    recorded = _Process.tracer.start_span(
        name, context, attributes=_named(attributes), links=_links(links), start_time=begun
    )
    recorded.end()
    return _written(set_span_in_context(recorded)) or ""


def child(name: str, attributes: Attributes, *, kind: str = "internal") -> AbstractContextManager[Note]:
    """The same within a surrounding span only: elsewhere, nothing."""
    return nullcontext(_ignored) if traceparent() is None else span(name, attributes, kind=kind)


def traceparent() -> str | None:
    """The surrounding span as W3C writes it; None where there is none."""
    return _written(None) if is_on() else None


def headers() -> dict[str, str]:
    """What a request to somebody else carries of the surrounding span; nothing where there is none."""
    here = traceparent()
    return {} if here is None else {"traceparent": here}


def _ignored(_attributes: Attributes) -> None:
    """Where nothing is traced."""


@contextmanager
def _spanned(
    tracer: Tracer, name: str, attributes: Attributes, parent: str | None, links: Sequence[str], kind: str
) -> Iterator[Note]:
    from opentelemetry.trace import SpanKind, StatusCode

    with tracer.start_as_current_span(
        name,
        context=_context_of(parent) if parent else None,
        kind=SpanKind[kind.upper()],
        attributes=_named(attributes),
        links=_links(links),
        # The text of an error may quote a row, or an address.
        record_exception=False,
        set_status_on_exception=False,
    ) as begun:
        try:
            yield lambda more: begun.set_attributes(_named(more))
        except BaseException as error:
            begun.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def _context_of(parent: str) -> Context:
    """Of what cannot be read there is an empty one, in which a trace of its own begins."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent}, context=Context())


def _written(context: Context | None) -> str | None:
    """The traceparent of a context, or of the surrounding one."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, context)
    return carrier.get("traceparent")


def _links(traceparents: Sequence[str]) -> list[Link]:
    from opentelemetry.trace import Link, get_current_span

    return [Link(get_current_span(_context_of(each)).get_span_context()) for each in traceparents]


def _named(attributes: Attributes) -> dict[str, Any]:
    """OpenTelemetry's own names have a dot; ours get one."""
    return {
        name if "." in name else f"everspark.{name}": value for name, value in attributes.items() if value is not None
    }
