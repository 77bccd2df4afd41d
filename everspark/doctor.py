"""`everspark doctor`: what is wrong, and how to mend it."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

import psycopg
import typer
from sqlalchemy import Engine

from everspark import address, debts, reach
from everspark.debts import Finding
from everspark.money import one
from everspark.opened import AsJson, Data, database, need_a_database
from everspark.outcomes import USAGE, WRONG, Stop, first_line
from everspark.printing import as_json, as_table
from infra import advertisers, ledger
from infra.broker import redis_client
from infra.clock import Clock, RunningClock, SystemClock
from infra.database import OUTAGES, hot, is_current, make_engine
from infra.embedded import EmbeddedError
from infra.ledger import Sweep
from infra.mail import BadSmtpUrl, SmtpMailer, SmtpServer
from infra.reports import summaries
from infra.reports.sweeps import Beat, beat
from infra.settings import Settings, load
from infra.vault import KeyUnusableError, load_key

# Signatures tolerate minutes, but due instants are compared with stored ones: seconds should be right.
LARGEST_SKEW = timedelta(seconds=2)
START = "start `everspark up` (or `everspark scheduler`)"
LATE = "others run: look into the log of the scheduler for what keeps it from beginning"
START_DEMO = "`everspark up --demo` begins another one; what is here is emptied then"
NAMES = (
    *(
        "key",
        "database",
        "clock",
        "migrations",
        "sweeps",
        "vows",
        "events",
        "outbox",
        "calls",
        "waits",
        "endpoints",
        "channels",
        "alerts",
        "tiktok",
        "spend",
        "redis",
        "smtp",
        "links",
    ),
    *(f"sweep {job}" for job in ledger.JOBS),
)
EVENTS = """
SELECT count(*) FILTER (WHERE status = 'quarantined'), count(*) FILTER (WHERE status = 'parked')
FROM pending WHERE status IN ('quarantined', 'parked')
"""
QUARANTINED = "`everspark events list --status quarantined`, then `events replay`"
PARKED = "`everspark events list --status parked`"
RECONNECT = "`everspark advertiser connect`, with a new token where the old one is refused"
LOOKS_STAND_STILL = "see that a worker runs, and look into its log: look_postponed, tiktok_limited"
# The doctor sees its own environment: `up --smtp` elsewhere is not in it.
NO_SMTP_HERE = "not in this shell's environment (EVERSPARK_SMTP_URL); of a service without it messages wait"
# TikTok may close an app for minutes when a limit was broken.
LOOKS_ARE_LATE_AFTER = timedelta(minutes=30)
MOST_NAMED = 3


def doctor(
    only: Annotated[list[str] | None, typer.Option(help="Judge only what is called so; may be repeated.")] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Says what is wrong, and how to mend it; ends with 1 then.

    Looks at key, database, clock, migrations, sweeps, vows, events, outbox (messages), calls (to TikTok), waits (for a
    person), endpoints, channels (where alerts go), alerts (that are open), tiktok, spend, redis, smtp and links (to
    creators' pages).

    Example: everspark doctor --json
    Example: everspark doctor --only database --only sweeps
    """
    settings = load(data_dir=data)
    need_a_database(settings)
    findings = _chosen(examine(settings), only or [])
    if json:
        as_json({"ok": all(found.ok for found in findings), "findings": [asdict(found) for found in findings]})
    else:
        rows = [("ok" if found.ok else "WRONG", found.name, found.detail, found.remedy or None) for found in findings]
        as_table(("", "what", "found", "remedy"), rows)
    if not all(found.ok for found in findings):
        raise typer.Exit(WRONG)


def _chosen(findings: list[Finding], only: list[str]) -> list[Finding]:
    """What was asked for; what could not be looked at, because something before it failed, is not well."""
    known = {found.name for found in findings}
    if strange := [name for name in only if name not in known.union(NAMES)]:
        raise Stop(f"Doctor looks at nothing called {strange[0]}: choose from {', '.join(NAMES)}.", USAGE)
    unseen = [Finding(name=name, ok=False, detail="could not be looked at") for name in only if name not in known]
    return [found for found in findings if not only or found.name in only] + unseen


def examine(settings: Settings) -> list[Finding]:
    """All findings; what depends on a database that is away is left out."""
    return [_key(settings), *_around_the_database(settings), _redis(settings), _smtp(settings), reach.links(settings)]


def _around_the_database(settings: Settings) -> list[Finding]:
    remedy = "look into data/postgres/server.log" if settings.is_embedded else "check EVERSPARK_DATABASE_URL"
    try:
        with database(settings) as url:
            engine = make_engine(url, pool_size=1)
            try:
                return _in_the_database(engine, settings)
            finally:
                engine.dispose()
    except (*OUTAGES, EmbeddedError) as error:
        return [Finding(name="database", ok=False, detail=first_line(error), remedy=remedy)]


def _in_the_database(engine: Engine, settings: Settings) -> list[Finding]:
    with hot(engine) as connection:
        before = SystemClock().now()
        version, now = connection.execute("select version(), clock_timestamp()").fetchall()[0]
    findings = [Finding(name="database", ok=True, detail=" ".join(str(version).split()[:2])), _skew(now - before)]
    if not is_current(engine):
        remedy = "run `everspark migrate`"
        return [*findings, Finding(name="migrations", ok=False, detail="not at this version's schema", remedy=remedy)]
    findings.append(Finding(name="migrations", ok=True, detail="current"))
    with hot(engine) as connection:
        clock = address.clock_of(settings)
        now = clock.now()
        found = [*findings, *_sweeps(connection, settings, clock), _events(connection)]
        found += [debts.messages(connection, now), debts.calls(connection, now), debts.waits(connection)]
        found += [reach.endpoints(connection, now), reach.channels(connection, settings, now)]
        found += [reach.alerts(connection)]
        return [*found, _tiktok(connection, settings, clock), _spend(connection)]


def _skew(skew: timedelta) -> Finding:
    return Finding(
        name="clock",
        ok=abs(skew) <= LARGEST_SKEW,
        detail=f"{skew.total_seconds():+.1f} s from this machine to the database",
        remedy="" if abs(skew) <= LARGEST_SKEW else "synchronise both machines' clocks (NTP)",
    )


def _sweeps(connection: psycopg.Connection[Any], settings: Settings, clock: Clock) -> list[Finding]:
    if address.is_demo(settings) and not isinstance(clock, RunningClock):
        # Its instants lie ahead of the machine's, and would say that sweeps are to come.
        return [Finding(name="sweeps", ok=False, detail="the demo is stopped", remedy=START_DEMO)]
    sweeps = beat(connection)
    if sweeps.newest is None:
        return [Finding(name="sweeps", ok=False, detail="none has ever run", remedy=START)]
    failed = [
        Finding(
            name=f"sweep {sweep.job}",
            ok=False,
            detail=first_line(sweep.error),
            remedy="look into the log: sweep_failed",
        )
        for sweep in sweeps.last.values()
        if sweep.has_failed
    ]
    return [_pace(sweeps, sweeps.newest, clock), *failed, _vows(sweeps.last.get("vows"))]


def _pace(sweeps: Beat, newest: datetime, clock: Clock) -> Finding:
    now = clock.now()
    late, detail = sweeps.late(now), f"the last one {(now - newest).total_seconds() / _speed(clock):.0f} s ago"
    if sweeps.has_stopped(now):
        return Finding(name="sweeps", ok=False, detail=detail, remedy=START)
    if late:
        return Finding(name="sweeps", ok=False, detail=f"{detail}; late: {', '.join(late)}", remedy=LATE)
    return Finding(name="sweeps", ok=True, detail=detail)


def _vows(last: Sweep | None) -> Finding:
    if last is None or last.has_failed:
        return Finding(name="vows", ok=True, detail="not checked yet" if last is None else "not checked this time")
    if last.is_broken:
        remedy = "report it with the rows named here: this is a bug"
        return Finding(name="vows", ok=False, detail=first_line(last.error), remedy=remedy)
    return Finding(name="vows", ok=True, detail="kept")


def _speed(clock: Clock) -> float:
    """How many of its seconds pass in one of the machine's, by which everything is late all the same."""
    return clock.speed if isinstance(clock, RunningClock) else 1.0


def _events(connection: psycopg.Connection[Any]) -> Finding:
    quarantined, parked = connection.execute(EVENTS).fetchall()[0]
    remedies = [remedy for count, remedy in ((quarantined, QUARANTINED), (parked, PARKED)) if count]
    return Finding(
        name="events",
        ok=not quarantined,
        detail=f"{quarantined} quarantined, {parked} parked",
        remedy="; ".join(remedies),
    )


def _tiktok(connection: psycopg.Connection[Any], settings: Settings, clock: Clock) -> Finding:
    """Advertisers whose token is refused, and looks that nobody takes."""
    connected = [row for row in advertisers.every(connection) if row.is_connected]
    if not settings.tiktok_app_id and not address.is_demo(settings):
        detail = f"not called (EVERSPARK_TIKTOK_APP_ID); {len(connected)} advertisers connected"
        return Finding(name="tiktok", ok=True, detail=detail)
    troubled = [row for row in connected if row.trouble is not None]
    late = [row for row in connected if row.next_look_at < clock.now() - LOOKS_ARE_LATE_AFTER * _speed(clock)]
    problems = [f"{row.advertiser_id}: {row.trouble}" for row in troubled[:MOST_NAMED]]
    problems += [f"{len(late)} wait for a look since {min(row.next_look_at for row in late):%H:%M} UTC"] if late else []
    remedies = [remedy for found, remedy in ((troubled, RECONNECT), (late, LOOKS_STAND_STILL)) if found]
    simulated = ["simulated: its TikTok is in the demo's own process"] if address.is_demo(settings) else []
    detail = "; ".join([*simulated, f"{len(connected)} advertisers connected", *problems])
    return Finding(name="tiktok", ok=not problems, detail=detail, remedy="; ".join(remedies))


def _spend(connection: psycopg.Connection[Any]) -> Finding:
    """What depends on all of this."""
    totals = summaries.spent_a_day(connection)
    detail = ", ".join(f"{one(currency, amount)} a day on {count} active" for currency, amount, count in totals)
    return Finding(name="spend", ok=True, detail=detail or "none measured or stated")


def _redis(settings: Settings) -> Finding:
    if not settings.redis_url:
        return Finding(name="redis", ok=True, detail="not used: the queue is in memory")
    problem = _problem(lambda: redis_client(settings.redis_url).ping())
    remedy = "check EVERSPARK_REDIS_URL and that Redis runs" if problem else ""
    return Finding(name="redis", ok=not problem, detail=problem or "answers", remedy=remedy)


def _smtp(settings: Settings) -> Finding:
    if address.is_demo(settings):
        return Finding(name="smtp", ok=True, detail="simulated: the demo's creators read their mail themselves")
    if not settings.smtp_url:
        return Finding(name="smtp", ok=True, detail=NO_SMTP_HERE)
    try:
        problem = SmtpMailer(SmtpServer.parse(settings.smtp_url), timeout=5).check()
    except BadSmtpUrl as error:
        problem = str(error)
    remedy = "check EVERSPARK_SMTP_URL; messages wait until it answers" if problem else ""
    return Finding(name="smtp", ok=problem is None, detail=problem or "answers", remedy=remedy)


def _key(settings: Settings) -> Finding:
    try:
        load_key(settings)
    except KeyUnusableError as error:
        return Finding(name="key", ok=False, detail=str(error), remedy="set EVERSPARK_SECRET_KEY")
    return Finding(name="key", ok=True, detail="usable")


def _problem(look: Callable[[], object]) -> str:
    import redis

    try:
        look()
    except (redis.RedisError, OSError) as error:
        return first_line(error)
    return ""
