"""The screen of `everspark top`. Colour is never the only sign: what is wrong also begins with a mark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from domain.explaining import told_why
from everspark.money import one
from everspark.printing import shown
from infra.ledger import JOBS, Sweep
from infra.reports.pulse import Pulse
from infra.reports.summaries import Money
from infra.reports.today import Row, Today
from web.wording import share

LAPSES, CHORES = 8, 8
MARK = "! "
# Older than this, what nobody tried is late (docs/operations.md, EversparkInboxAges).
OLD = timedelta(minutes=5)
UNITS = ((timedelta(days=2), 86_400, "d"), (timedelta(hours=2), 3_600, "h"), (timedelta(minutes=2), 60, "min"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """What one screen shows."""

    page: Today
    pulse: Pulse


def picture(frame: Frame) -> RenderableType:
    """From top to bottom as on the page Today, then the machinery side by side."""
    page = frame.page
    machinery = Table.grid(padding=(0, 4))
    machinery.add_row(_inbox(frame.pulse, page.now), _outbox(frame.pulse), _sweeps(frame.pulse, page.now))
    return Group(
        *_money(page),
        Text(),
        _lapses(page),
        Text(),
        *_for_you(page),
        Text(),
        machinery,
    )


def span(time: timedelta) -> str:
    """`40 s`, `12 min`, `7 h`, `3 d`; without a sign."""
    for from_, seconds, unit in UNITS:
        if abs(time) >= from_:
            return f"{abs(time) // timedelta(seconds=seconds)} {unit}"
    return f"{abs(time) // timedelta(seconds=1)} s"


def _money(page: Today) -> Iterator[Text]:
    counted = span(page.now - page.sums.at)
    yield Text(f"everspark   {shown(page.now)}   sums of {counted} ago", style="dim")
    for each in page.sums.money:
        yield _amounts(each)
    if not page.sums.money:
        yield Text("Nothing at risk: no ad is known to spend on what lapses", style="bold")
    yield Text("   ".join(f"{count:,} {state}" for state, count in page.sums.states.items()))


def _amounts(money: Money) -> Text:
    text = Text(f"{one(money.currency, money.at_risk_soon)} at risk within 7 days", style="bold")
    text.append(f"   {one(money.currency, money.at_risk)} in all", style="not bold")
    if money.coverage is not None:
        spend = one(money.currency, money.spend_a_day)
        covered = f"   {share(money.coverage)} of the spend, {spend} a day, is covered"
        text.append(covered, style="not bold")
    return text


def _lapses(page: Today) -> Table:
    """What ends within a week, the most money first."""
    table = _table(f"Ends within 7 days: {page.sums.ending_soon:,}")
    table.add_column("ends in", justify="right")
    table.add_column("at risk", justify="right")
    table.add_column("authorization", no_wrap=True)
    for name in ("creator", "asked", "next"):
        table.add_column(name)
    for row in page.lapsing[:LAPSES]:
        table.add_row(*(Text(cell) for cell in _cells(row, page.now)))
    return table


def _cells(row: Row, now: datetime) -> tuple[str, ...]:
    asked = f"{row['times']} ×, {span(now - row['last_at'])} ago" if row["last_at"] else "-"
    return (
        span(row["expires_at"] - now) if row["expires_at"] > now else "over",
        one(row["currency"], row["at_risk"]) if row["at_risk"] else "-",
        row["key"],
        f"@{row['handle']}" if row["handle"] else "-",
        asked,
        _comes(row, now),
    )


def _comes(row: Row, now: datetime) -> str:
    if row["message"]:
        return f"message {_when(row['message']['due'], now)}"
    if not row["next_action"]:
        return told_why(row["why"])
    at = row["next_action_at"]
    return f"{row['next_action']} {_when(at, now) if at > now else f'was due {span(now - at)} ago'}"


def _when(at: datetime, now: datetime) -> str:
    return f"in {span(at - now)}" if at > now else "now"


def _for_you(page: Today) -> Iterator[Text]:
    yield Text("For you", style="bold")
    for each in page.chores[:CHORES]:
        text = Text(f"{MARK if each.is_grave else '  '}{each.what}", style="red" if each.is_grave else "yellow")
        yield text.append(f"   {each.command}", style="dim")
    if page.open:
        yield Text(f"{MARK}{page.open:,} climbed to a person", style="red").append("   everspark escalations", "dim")
    if page.has_nothing_to_do and not page.open:
        yield Text("  nothing")


def _inbox(pulse: Pulse, now: datetime) -> Table:
    table = _counts("Inbox", pulse.inbox, grave={"quarantined"})
    if pulse.oldest is not None:
        is_late = now - pulse.oldest > OLD
        table.add_row(Text(f"{MARK if is_late else ''}oldest", "red" if is_late else ""), span(now - pulse.oldest))
    return table


def _outbox(pulse: Pulse) -> Table:
    return _counts("Outbox", pulse.outbox, grave={"failed", "uncertain"})


def _counts(title: str, counts: Mapping[str, int], *, grave: set[str]) -> Table:
    table = _table(title)
    table.add_column("")
    table.add_column("", justify="right")
    for status, count in counts.items():
        is_grave = bool(count) and status in grave
        table.add_row(Text(f"{MARK if is_grave else ''}{status}", "red" if is_grave else ""), f"{count:,}")
    return table


def _sweeps(pulse: Pulse, now: datetime) -> Table:
    table = _table("Sweeps")
    table.add_column("")
    for name in ("began", "found"):
        table.add_column(name, justify="right")
    table.add_column("")
    ran = {sweep.job: sweep for sweep in pulse.sweeps}
    for job in JOBS if ran else ():
        table.add_row(*_sweep(ran[job], now, is_late=job in pulse.late) if job in ran else (job, "never", "-"))
    if not pulse.sweeps:
        table.add_row(Text(f"{MARK}none ever ran", "red"))
    return table


def _sweep(sweep: Sweep, now: datetime, *, is_late: bool) -> tuple[Text, ...]:
    error = Text(sweep.error.partition("\n")[0][:80], "red") if sweep.error else Text()
    is_wrong = bool(sweep.error) or is_late
    name = Text(f"{MARK if is_wrong else ''}{sweep.job}", "red" if is_wrong else "")
    found = "-" if sweep.found is None else f"{sweep.found:,}"
    return name, Text(f"{span(now - sweep.started_at)} ago"), Text(found), error


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
