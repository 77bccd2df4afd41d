"""Webhooks leave by themselves while the simulator runs."""

from __future__ import annotations

import threading

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.courier import delivering
from simulator.world import World
from tests.serving import serving


def test_what_is_due_is_posted_while_it_runs(world: World) -> None:
    heard, has_heard = [], threading.Event()

    async def hear(request: Request) -> Response:
        heard.append(await request.json())
        has_heard.set()
        return Response()

    with serving(Starlette(routes=[Route("/hook", hear, methods=["POST"])])) as http:
        world.add_listener("client-1", "secret-1", f"{http.base_url}/hook")
        world.switches.webhook_delay_seconds = world.switches.webhook_duplicates = 0
        creator = world.add_creator("@lea")
        world.announce_removal("client-1", creator.creator_id, 1)
        with delivering(world, pause=0.01):
            assert has_heard.wait(10)

    assert heard[0]["event"] == "authorization.removed"
