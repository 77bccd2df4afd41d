"""The web process with an inbox that keeps nothing: the real ingress up to the commit, to see what the commit costs.

Run as `python -m bench.storing_nothing PORT`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette

from infra.clock import SystemClock
from infra.database import make_engine
from infra.deliveries import Tally
from infra.inbox import Letter, Receipt
from infra.incoming import Reader
from infra.metrics import Metrics
from infra.producers import Registry
from infra.settings import load
from infra.vault import Vault, load_key
from web.counting import Counting
from web.creator.site import Site
from web.flusher import Flusher
from web.ingress import Ingress
from web.main import Application


class Forgetful:
    """Stands where the flusher stands, and answers at once."""

    def start(self) -> None:
        """There is nothing to run."""

    async def stop(self) -> None:
        """There is nothing in hand."""

    def post(self, letters: Sequence[Letter]) -> asyncio.Future[list[Receipt]]:
        done: asyncio.Future[list[Receipt]] = asyncio.get_running_loop().create_future()
        done.set_result([Receipt(sender=each.sender, event_id=each.event_id, is_new=True) for each in letters])
        return done


def main() -> None:
    settings, vault = load(), Vault(load_key(load()))
    engine, tally = make_engine(settings.database_url), Tally()
    registry = Registry(engine, vault)
    flusher: Any = cast("Flusher", Forgetful())
    ingress = Ingress(
        settings=settings,
        registry=registry,
        reader=Reader(vault, offered_days=(7, 30, 60, 365)),
        flusher=flusher,
        clock=SystemClock(),
        metrics=Metrics(),
        tally=tally,
    )
    app: Any = Application(
        ingress,
        cast("Site", None),
        Starlette(),
        flusher,
        registry,
        counting=Counting(tally, engine, SystemClock()),
        hang_up=lambda: None,
        is_https=False,
    )
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
    )


if __name__ == "__main__":
    main()
