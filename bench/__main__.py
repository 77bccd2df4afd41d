"""`python -m bench [--only NAME] [--quick]`: measures Everspark beside its baselines and says which goals are met."""

from __future__ import annotations

import argparse
import logging
from typing import Protocol

import structlog
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import forecasting, over_http, queued, reconciling, room, room_acts, room_live, sweeping
from bench.queued import Say
from bench.results import Result, keep, show
from bench.servers import Stage, stage


class Measure(Protocol):
    """Takes one group of figures, and says what it is doing."""

    def __call__(self, stage: Stage, say: Say, *, quick: bool) -> list[Result]: ...


MEASURES: dict[str, Measure] = {
    "queue": queued.queue,
    "latency": queued.latency,
    "http": over_http.http,
    "sweeps": sweeping.sweeps,
    "reconcile": reconciling.reconcile,
    "forecast": forecasting.forecasts,
    "room": room.room,
    "live": room_live.live,
    "acts": room_acts.acts,
}


def main() -> None:
    """The exit code is 0 also when a goal is missed: the table says so, and whoever ran it decides."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=MEASURES, action="append", help="run this measure only (may be repeated)")
    parser.add_argument("--quick", action="store_true", help="less work and one turn each: a look, not a measurement")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console()
    results: list[Result] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, stage() as shared:
        for name in chosen.only or MEASURES:
            results += _measured(name, shared, progress, quick=chosen.quick)
    show(console, results)


def _measured(name: str, shared: Stage, progress: Progress, *, quick: bool) -> list[Result]:
    task = progress.add_task(name, total=None)
    results = MEASURES[name](shared, lambda step: progress.update(task, description=f"{name}: {step}"), quick=quick)
    progress.update(task, total=1, completed=1, description=f"{name}: done")
    keep(name, results)
    return results


if __name__ == "__main__":
    main()
