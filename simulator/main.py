"""The simulated TikTok as an application. Whoever starts it listens on this machine's loopback only."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from simulator.admin import Admin
from simulator.portal import agreeing
from simulator.routes import endpoints
from simulator.transport import Gate
from simulator.world import World

LOOPBACK = "127.0.0.1"


def make_app(world: World) -> Starlette:
    """The API under /open_api/v1.3/ (or without this prefix), /portal/auth, and /admin/."""
    return Starlette(
        routes=[
            Mount("/admin", routes=Admin(world).routes()),
            Route("/portal/auth", agreeing(world)),
            Route("/{path:path}", Gate(world, endpoints())),
        ]
    )
