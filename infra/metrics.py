"""What Prometheus sees: counters and histograms fed by the processes, and database gauges read at a scrape."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from domain.authorization import State
from domain.escalation import Step
from domain.watching import Kind
from infra.alert_rows import IS_OPEN
from infra.clock import Clock
from infra.ledger import JOBS
from infra.tables import Handling, Payment, quoted

log = structlog.get_logger()

SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
# Scrapes of several collectors, or a dashboard's refreshes, cost the database one reading.
CACHED_FOR = timedelta(seconds=15)
# How the ingress refuses. Each is shown from 0 on: a count that is first seen at 1 has grown by nothing, as Prometheus takes it.
REFUSALS = (400, 401, 404, 413, 415, 422, 429, 500, 503)


class Metrics:
    """One process's own registry: nothing global, so that tests and several apps in one process do not meet."""

    def __init__(self) -> None:
        # When each series began is of no use to anybody, and would be as many series again.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library types it not
        self.registry = CollectorRegistry()
        self._accepted = self._counter("everspark_events_accepted", "Events stored by the ingress.", "novelty")
        self._refused = self._counter("everspark_deliveries_refused", "Deliveries refused by the ingress.", "status")
        for status in REFUSALS:
            self._refused.labels(str(status))
        self._handled = self._counter("everspark_events_handled", "Events handled by the worker.", "outcome")
        self._paid = self._counter("everspark_outbox_paid", "Attempts at owed effects, by how they ended.", "status")
        self._called = self._counter("everspark_tiktok_called", "Attempts at owed calls, by how they ended.", "status")
        self._hooked = self._counter("everspark_hooks", "Attempts at webhooks out, by how they ended.", "status")
        self._looked = self._counter("everspark_tiktok_looked", "What the looks at TikTok came to.", "what")
        self._swept = self._counter("everspark_sweep_announced", "What sweeps found and announced.", "job")
        self._sweep_seconds = Histogram(
            "everspark_sweep_seconds", "Duration of one sweep.", ["job"], buckets=SECONDS, registry=self.registry
        )
        self._drain_size = self._histogram("everspark_drain_events", "Events taken in one drain.", SIZES)
        self._drain_seconds = self._histogram("everspark_drain_seconds", "Duration of one drain.", SECONDS)

    def accepted(self, *, new: int, again: int) -> None:
        self._accepted.labels("new").inc(new)
        self._accepted.labels("again").inc(again)

    def refused(self, status: int) -> None:
        self._refused.labels(str(status)).inc()

    def paid(self, status: str, count: int = 1) -> None:
        self._paid.labels(status).inc(count)

    def called(self, status: str, count: int = 1) -> None:
        self._called.labels(status).inc(count)

    def hooked(self, status: str, count: int = 1) -> None:
        self._hooked.labels(status).inc(count)

    def looked(self, *, advertisers: int, calls: int, letters: int) -> None:
        for what, count in (("advertisers", advertisers), ("calls", calls), ("letters", letters)):
            self._looked.labels(what).inc(count)

    def drained(self, *, outcomes: Mapping[str, int], seconds: float) -> None:
        for outcome, count in outcomes.items():
            self._handled.labels(outcome).inc(count)
        self._drain_size.observe(sum(outcomes.values()))
        self._drain_seconds.observe(seconds)

    def swept(self, job: str, *, found: int, seconds: float) -> None:
        self._swept.labels(job).inc(found)
        self._sweep_seconds.labels(job).observe(seconds)

    def watch(self, engine: Engine, clock: Clock) -> None:
        """Adds what the database knows."""
        self.registry.register(DatabaseCollector(engine, clock))

    def page(self) -> bytes:
        return generate_latest(self.registry)

    def serve(self, *, host: str, port: int) -> None:
        """Shows them at `/metrics` of a port of their own, for a process that answers nothing else; port 0: nowhere."""
        if not port:
            return
        try:
            start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            # Without them the process does its work all the same.
            remedy = "Free the port, or give each process of this machine an EVERSPARK_METRICS_PORT of its own."
            log.warning("metrics_not_served", port=port, error=error.strerror or type(error).__name__, remedy=remedy)

    def _counter(self, name: str, help_: str, label: str) -> Counter:
        return Counter(name, help_, [label], registry=self.registry)

    def _histogram(self, name: str, help_: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, help_, buckets=buckets, registry=self.registry)


class DatabaseCollector(Collector):
    """Gauges from one reading of the database, kept for 15 s; without it there is only `everspark_database_up` 0."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._lock = threading.Lock()
        self._read_at: datetime | None = None
        self._kept: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            now = self._clock.now()
            if self._read_at is None or not timedelta(0) <= now - self._read_at < CACHED_FOR:
                self._kept, self._read_at = self._read(now), now
            return self._kept

    def _read(self, now: datetime) -> list[Metric]:
        try:
            with self._engine.connect() as connection:
                answers = {name: connection.execute(text(sql), {"now": now}).all() for name, _, _, sql, _ in GAUGES}
        except SQLAlchemyError as error:
            log.warning("metrics_not_read", error=type(error).__name__)
            return [_gauge("everspark_database_up", "Whether the database answered.", None, [(None, 0.0)], ())]
        families = [
            _gauge(name, help_, label, [(row[0], row[1]) for row in answers[name]], always)
            for name, help_, label, _, always in GAUGES
        ]
        return [_gauge("everspark_database_up", "Whether the database answered.", None, [(None, 1.0)], ()), *families]


# One probe of the index (job, slot) for each job: the ledger is long.
LAST_SWEEP = (
    f"SELECT job, number FROM unnest(ARRAY[{quoted(JOBS)}]) AS jobs (name) CROSS JOIN LATERAL"
    " (SELECT job, {wanted} AS number FROM sweeps WHERE job = name AND {which} ORDER BY slot DESC LIMIT 1) AS last"
)
# As the worker summed it up (infra.reports.summaries): by currency, four amounts, of which the last two are at risk.
MONEY = (
    "SELECT coalesce(nullif(currency, ''), 'unknown'), (amounts ->> {place})::float8"
    " FROM summaries, jsonb_each(body -> 'money') AS sums (currency, amounts) WHERE name = 'portfolio'"
)
# name, help, label, query (label's value, number), label values that are shown even at 0
GAUGES: tuple[tuple[str, str, str | None, str, tuple[str, ...]], ...] = (
    (
        "everspark_inbox_pending",
        "Events not finally handled.",
        "status",
        "SELECT status, count(*) FROM pending GROUP BY status",
        tuple(Handling),
    ),
    (
        "everspark_inbox_oldest_seconds",
        "Age of the oldest event that is ready, not handled and was never tried; 0 when there is none.",
        None,
        (
            "SELECT NULL, coalesce(extract(epoch FROM :now - (SELECT received_at FROM inbox WHERE seq ="
            " (SELECT min(seq) FROM pending WHERE status = 'ready' AND try_at IS NULL))), 0)"
        ),
        (),
    ),
    (
        "everspark_inbox_lag_seconds",
        "Time from accepted to handled, mean over the last 200 handled events.",
        None,
        (
            "SELECT NULL, coalesce(avg(extract(epoch FROM handled_at - received_at)), 0) FROM"
            " (SELECT handled_at, received_at FROM inbox WHERE handled_at IS NOT NULL ORDER BY seq DESC LIMIT 200) last"
        ),
        (),
    ),
    (
        "everspark_outbox",
        "Owed effects by state.",
        "status",
        "SELECT status, count(*) FROM outbox GROUP BY status",
        tuple(Payment),
    ),
    (
        "everspark_requests_withheld",
        "Owed requests to creators that wait for a better moment, by the reason.",
        "reason",
        (
            "SELECT withheld_why, count(DISTINCT outbox.id) FROM outbox JOIN asks ON asks.outbox_id = outbox.id"
            " JOIN authorizations ON authorizations.id = asks.authorization_id"
            " WHERE outbox.kind = 'ask.mail' AND outbox.status = 'owed' AND withheld_at >= outbox.created_at"
            " GROUP BY withheld_why"
        ),
        (),
    ),
    (
        "everspark_escalations_open",
        "Escalations that are open, by how far they climbed.",
        "step",
        "SELECT step, count(*) FROM escalations WHERE resolved_at IS NULL GROUP BY step",
        tuple(Step),
    ),
    (
        "everspark_endpoints",
        "Endpoints of webhooks out, by how they stand.",
        "standing",
        (
            "SELECT CASE WHEN disabled_at IS NOT NULL THEN 'disabled' WHEN failing_since IS NOT NULL THEN 'failing'"
            " ELSE 'well' END AS standing, count(*) FROM endpoints GROUP BY standing"
        ),
        ("well", "failing", "disabled"),
    ),
    (
        "everspark_authorizations",
        "Authorizations by state.",
        "state",
        "SELECT state, count(*) FROM authorizations GROUP BY state",
        tuple(State),
    ),
    (
        "everspark_authorizations_expiring",
        "Authorizations in force that end within so many days.",
        "days",
        (
            "SELECT span::text, (SELECT count(*) FROM authorizations WHERE state IN ('authorized', 'active')"
            " AND expires_at IS NOT NULL AND expires_at < :now + make_interval(days => span))"
            " FROM unnest(ARRAY[7, 30]) AS t (span)"
        ),
        (),
    ),
    (
        "everspark_money_at_risk",
        "What would not be delivered because of what is in force and lapses.",
        "currency",
        MONEY.format(place=2),
        (),
    ),
    (
        "everspark_money_at_risk_week",
        "The same for what lapses within 7 days.",
        "currency",
        MONEY.format(place=3),
        (),
    ),
    (
        "everspark_sums_age_seconds",
        "Age of the sums that the worker makes.",
        None,
        "SELECT NULL, extract(epoch FROM :now - at) FROM summaries WHERE name = 'portfolio'",
        (),
    ),
    (
        "everspark_advertisers",
        "Connected advertisers, by whether TikTok shows all of them.",
        "standing",
        (
            "SELECT CASE WHEN trouble IS NULL THEN 'well' ELSE 'failing' END AS standing, count(*) FROM advertisers"
            " WHERE token IS NOT NULL GROUP BY standing"
        ),
        ("well", "failing"),
    ),
    (
        "everspark_alerts_open",
        "Alerts about the service that are open.",
        "kind",
        f"SELECT split_part(name, ':', 1) AS kind, count(*) FROM alerts WHERE {IS_OPEN} GROUP BY kind",
        tuple(Kind),
    ),
    (
        "everspark_sweep_age_seconds",
        "Time since each sweep last came to its end.",
        "job",
        # One that raised has no end. A check of the vows that found something broken has one, and an error beside it.
        LAST_SWEEP.format(wanted="extract(epoch FROM :now - ended_at)", which="ended_at IS NOT NULL"),
        (),
    ),
    (
        "everspark_sweep_found",
        "What each sweep found in its latest run.",
        "job",
        LAST_SWEEP.format(wanted="coalesce(found, 0)", which="ended_at IS NOT NULL"),
        (),
    ),
)


def _gauge(
    name: str, help_: str, label: str | None, rows: list[tuple[str | None, float]], always: tuple[str, ...]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_, labels=[label] if label else [])
    for value, number in (dict.fromkeys(always, 0.0) | dict(rows)).items():
        family.add_metric([value] if label and value is not None else [], float(number))
    return family
