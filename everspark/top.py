"""`everspark top`: what Today shows, and how the machinery does, in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from everspark import top_picture
from everspark.following import Once, Seconds, rounds
from everspark.money import plain
from everspark.opened import AsJson, Data, Opened, opened
from everspark.outcomes import first_line
from everspark.printing import as_json
from everspark.top_picture import Frame
from infra.database import OUTAGES, hot
from infra.reports import today
from infra.reports.pulse import pulse
from infra.reports.summaries import Money
from infra.reports.today import Row


def top(once: Once = False, seconds: Seconds = 2.0, data: Data = None, json: AsJson = False) -> None:
    """Money at risk, what lapses next, what waits for somebody, inbox, outbox and sweeps; live, until Ctrl-C.

    Looks once where the output is no terminal, and with --json.

    Example: everspark top
    Example: everspark top --once
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    with opened(data) as tools:
        if json:
            as_json(plain_frame(read(tools)))
        elif once or not console.is_terminal:
            console.print(top_picture.picture(read(tools)))
        else:
            watch(tools, console, rounds(seconds))


def watch(tools: Opened, console: Console, turns: Iterable[int]) -> None:
    """Draws on the whole screen, anew in each turn. A database that is away is waited for."""
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for _ in turns:
            live.update(_drawn(tools), refresh=True)


def _drawn(tools: Opened) -> RenderableType:
    try:
        return top_picture.picture(read(tools))
    except OUTAGES as error:
        return Text(f"The database does not answer: {first_line(error)}. Trying again.", style="red")


def read(tools: Opened) -> Frame:
    """Everything as it stands now."""
    now = tools.clock.now()
    page = today.read(tools.engine, tools.settings, now=now)
    with hot(tools.engine) as connection:
        return Frame(page=page, pulse=pulse(connection, now=now))


def plain_frame(frame: Frame) -> dict[str, Any]:
    """For machines."""
    page, beat = frame.page, frame.pulse
    return {
        "now": page.now,
        "counted_at": page.sums.at,
        "states": page.sums.states,
        "money": [plain_money(each) for each in page.sums.money],
        "ending_within_7_days": page.sums.ending_soon,
        "lapses": [plain_lapse(row) for row in page.lapsing],
        "for_you": [
            {"kind": each.kind, "count": each.count, "what": each.what, "why": each.why, "command": each.command}
            for each in page.chores
        ],
        "escalated": page.open,
        "waits": [{"what": each.what, "reason": each.reason, "count": each.count} for each in page.waits],
        "inbox": {**beat.inbox, "oldest_received_at": beat.oldest},
        "outbox": beat.outbox,
        "sweeps": [
            {"job": each.job, "started_at": each.started_at, "ended_at": each.ended_at, "found": each.found}
            | {"error": each.error, "is_late": each.job in beat.late}
            for each in beat.sweeps
        ],
    }


def plain_money(money: Money) -> dict[str, Any]:
    amounts = {
        "at_risk_within_7_days": money.at_risk_soon,
        "at_risk": money.at_risk,
        "spend_a_day": money.spend_a_day,
        "covered_a_day": money.covered_a_day,
    }
    return {"currency": money.currency} | {name: f"{amount:.2f}" for name, amount in amounts.items()}


def plain_lapse(row: Row) -> dict[str, Any]:
    at_risk = plain({row["currency"]: row["at_risk"]}) if row["at_risk"] else []
    return {name: row[name] for name in ("key", "handle", "state", "expires_at", "next_action", "next_action_at")} | {
        "at_risk": at_risk,
        "asked": row["times"],
        "asked_at": row["last_at"],
    }
