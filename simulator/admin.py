"""The puppeteer's strings: /admin/… in JSON, to look at the simulated TikTok, move its clock and act for its people."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.arguments import Mistaken, fitting, typed
from simulator.catalogue import Refused
from simulator.faults import Fault, Kind
from simulator.switches import Switches
from simulator.world import World

# What can be done under /admin/do/<name>: methods of World, their arguments as a JSON object.
ACTIONS = (
    "accept",
    "add_advertiser",
    "add_app",
    "add_center",
    "add_creator",
    "add_listener",
    "add_post",
    "announce_removal",
    "announce_revision",
    "announce_video",
    "assign",
    "ban",
    "consent",
    "creator_consent",
    "delete_code",
    "delete_post",
    "extend",
    "grant",
    "hold_ad",
    "issue",
    "issue_for_creator",
    "launch",
    "link_own_account",
    "make_private",
    "make_public",
    "mint",
    "moderate",
    "operate_ad",
    "reject",
    "remove_access",
    "rename",
    "review_ad",
    "revoke",
    "revoke_token",
    "scan",
    "set_auth_words",
    "set_music_missing",
    "set_status",
    "suspend",
    "switch_off",
    "unassign",
    "unlink_own_account",
)
SWITCHES = {field.name: field.type for field in dataclasses.fields(Switches)}
Answering = Callable[[dict[str, Any], Request], object]


class Admin:
    """The handlers. A call answers 200, 400 when it cannot be understood, 409 with TikTok's words when the world says no."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return [
            self._route("/", self.index, "GET"),
            self._route("/state", self.state, "GET"),
            self._route("/clock", self.clock, "GET"),
            self._route("/clock", self.move_clock, "POST"),
            self._route("/switches", self.switches, "GET"),
            self._route("/switches", self.turn, "POST"),
            self._route("/faults", self.faults, "GET"),
            self._route("/faults", self.plan, "POST"),
            self._route("/faults", self.clear_faults, "DELETE"),
            self._route("/limits", self.limits, "GET"),
            self._route("/limits", self.limit, "POST"),
            self._route("/calls", self.calls, "GET"),
            self._route("/calls", self.forget_calls, "DELETE"),
            self._route("/do/{action}", self.act, "POST"),
        ]

    def index(self, _given: dict[str, Any], _request: Request) -> object:
        paths = sorted({f"/admin{route.path}" for route in self.routes()})
        return {"is_simulation": True, "paths": paths, "actions": ACTIONS}

    def state(self, _given: dict[str, Any], _request: Request) -> object:
        """Everything there is, without tokens and secrets."""
        world = self._world
        return {
            "now": world.now(),
            "advertisers": list(world.advertisers.values()),
            "centers": list(world.centers.values()),
            "creators": list(world.creators.values()),
            "posts": list(world.posts.values()),
            "codes": list(world.codes.values()),
            "bindings": [
                {"standing": world.standing(each), **dataclasses.asdict(each)}
                for rows in world.bindings.values()
                for each in rows.values()
            ],
            "binds": sum(world.binds.values()),
        }

    def clock(self, _given: dict[str, Any], _request: Request) -> object:
        return {"now": self._world.now(), "speed": getattr(self._world.clock, "speed", None)}

    def move_clock(self, given: dict[str, Any], request: Request) -> object:
        """`advance_seconds`, `set` (an instant with zone) or `speed`, as far as the world's clock can."""
        types = {"advance_seconds": float, "set": datetime, "speed": float}
        for name, value in typed(given, types, what="the clock").items():
            try:
                self._move(name, value)
            except (AttributeError, TypeError, ValueError) as error:
                raise Mistaken(f"{name}: this clock cannot do that") from error
        return self.clock({}, request)

    def _move(self, name: str, value: Any) -> None:
        clock: Any = self._world.clock
        match name:
            case "advance_seconds":
                clock.advance(timedelta(seconds=value))
            case "set":
                clock.set(value)
            case _:
                clock.run_at(value)

    def switches(self, _given: dict[str, Any], _request: Request) -> object:
        return self._world.switches

    def turn(self, given: dict[str, Any], _request: Request) -> object:
        """Any of the switches by name; all are checked before the first is turned."""
        turned = msgspec.to_builtins(self._world.switches) | given
        if unknown := sorted(given.keys() - SWITCHES.keys()):
            raise Mistaken(f"{unknown[0]} is not a switch")
        try:
            checked = msgspec.convert(turned, Switches)
        except msgspec.ValidationError as error:
            raise Mistaken(str(error)) from error
        for name in given:
            setattr(self._world.switches, name, getattr(checked, name))
        return self._world.switches

    def faults(self, _given: dict[str, Any], _request: Request) -> object:
        return self._world.faults.planned

    def plan(self, given: dict[str, Any], _request: Request) -> object:
        if "kind" not in given:
            raise Mistaken(f"a fault needs a kind: one of {', '.join(Kind)}")
        how = typed(given, get_type_hints(Fault), what="a fault")
        return self._world.faults.plan(how.pop("path", "*"), how.pop("kind"), **how)

    def clear_faults(self, given: dict[str, Any], request: Request) -> object:
        self._world.faults.clear()
        return self.faults(given, request)

    def limits(self, _given: dict[str, Any], _request: Request) -> object:
        limits = self._world.limits
        levels = {app.app_id: app.level for app in self._world.apps.values()}
        return {
            "is_on": limits.is_on,
            "advertiser_second": limits.advertiser_second,
            "refused": limits.refused,
            "levels": levels,
        }

    def limit(self, given: dict[str, Any], request: Request) -> object:
        """`is_on`, `advertiser_second` {path: calls}, `forget` (windows begin anew)."""
        limits, types = self._world.limits, {"is_on": bool, "advertiser_second": dict[str, int], "forget": bool}
        asked = typed(given, types, what="the limits")
        limits.is_on = asked.get("is_on", limits.is_on)
        limits.advertiser_second.update(asked.get("advertiser_second", {}))
        if asked.get("forget"):
            limits.forget()
        return self.limits({}, request)

    def calls(self, _given: dict[str, Any], request: Request) -> object:
        """The last thousand, or those of `?path=tt_video/list`."""
        path = request.query_params.get("path")
        found = self._world.calls_of(path) if path else self._world.calls
        return {"count": len(found), "calls": found[-1000:]}

    def forget_calls(self, given: dict[str, Any], request: Request) -> object:
        self._world.calls.clear()
        return self.calls(given, request)

    def act(self, given: dict[str, Any], request: Request) -> object:
        action = request.path_params["action"]
        if action not in ACTIONS:
            raise Mistaken(f"{action} is none of: {', '.join(ACTIONS)}")
        deed = getattr(self._world, action)
        return deed(**fitting(action, deed, given))

    def _route(self, path: str, handler: Answering, method: str) -> Route:
        async def answer(request: Request) -> Response:
            try:
                given = msgspec.json.decode(await request.body() or b"{}", type=dict[str, Any])
                with self._world.lock:
                    return _json(handler(given, request))
            except Refused as refused:
                return _json({"code": refused.code, "message": refused.message, "symbol": refused.symbol}, status=409)
            except (Mistaken, msgspec.MsgspecError) as error:
                return _json({"message": str(error)}, status=400)
            except (TypeError, ValueError, LookupError):
                return _json({"message": f"{path}: these values do not go together, see docs/simulator.md"}, status=400)

        return Route(path, answer, methods=[method])


def _json(value: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")
