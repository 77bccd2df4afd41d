"""Makes answers out of templates: one environment, strict about names, with the room's filters and its navigation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response
from starlette.routing import compile_path

from domain.explaining import told_why
from domain.reasons import sentence
from web import wording
from web.room.calls import Call, Knock, Page, Visitor
from web.simulation import Simulation

TEMPLATES = Path(__file__).parents[1] / "templates"
# Groups of the navigation, in reading order.
NAVIGATION: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("/", "Today"),
        ("/authorizations", "Authorizations"),
        ("/calendar", "Calendar"),
        ("/forecast", "Forecast"),
        ("/creators", "Creators"),
        ("/advertisers", "Advertisers"),
        ("/imports", "Imports"),
        ("/acts", "Acts"),
        ("/escalations", "Escalations"),
    ),
    "Under the hood": (
        ("/events", "Events"),
        ("/outbox", "Outbox"),
        ("/sweeps", "Sweeps"),
        ("/producers", "Producers"),
    ),
    "Administration": (
        ("/people", "People"),
        ("/tokens", "API tokens"),
        ("/audit", "Audit"),
        ("/settings", "Settings"),
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One link of the navigation. `is_here`: the page that is open, or the one that it belongs to."""

    path: str
    label: str
    is_here: bool


class Rendering:
    """`render` of every desk. `table` is the whole route table: what is linked must be in it."""

    def __init__(self, table: Sequence[Page], simulation: Simulation | None, *, has_issuer: bool) -> None:
        self._roles = {page.path: page.role for page in table if "GET" in page.methods}
        self._routes = [(compile_path(path)[0], role) for path, role in self._roles.items()]
        self._simulation = simulation
        self._environment = environment()
        self._environment.globals["has_issuer"] = has_issuer

    def __call__(self, call: Call | Knock, template: str, *, status: int = 200, **context: Any) -> Response:
        """The answer to a call, or to somebody who is not in yet."""
        visitor = call.visitor if isinstance(call, Call) else None
        known: dict[str, Any] = {
            "call": call,
            "now": call.now,
            "visitor": visitor,
            "simulation": self._simulation,
            "refresh_seconds": None,
            "nav": self.navigation(visitor, call.url.partition("?")[0]) if visitor else {},
            "own_page": self.page_of(call.url),
            "leads": lambda address: visitor is not None and self.leads(visitor, address),
        }
        return HTMLResponse(self._environment.get_template(template).render(known | context), status_code=status)

    def leads(self, visitor: Visitor, address: str) -> bool:
        """Whether the address is a page, and this visitor may open it: only then it is worth a link."""
        path = address.partition("?")[0]
        return any(route.match(path) and visitor.role.may(role) for route, role in self._routes)

    def page_of(self, url: str) -> str:
        """The page that an address belongs to: itself, or the nearest above it where only forms are sent to it."""
        path = url.partition("?")[0]
        if any(route.match(path) for route, _ in self._routes):
            return url
        return self.page_of(path.rstrip("/").rpartition("/")[0] or "/")

    def list_above(self, call: Call | Knock) -> Link | None:
        """The page that has all of what an address names one of; None where there is none that its visitor may open."""
        path = call.url.partition("?")[0]
        groups = self.navigation(call.visitor, path) if isinstance(call, Call) else {}
        links = (link for links in groups.values() for link in links)
        return next((link for link in links if link.is_here and link.path not in ("/", path)), None)

    def navigation(self, visitor: Visitor, here: str) -> dict[str, list[Link]]:
        """The links that this visitor may follow, by group; groups without any are left out."""
        groups = {
            group: [
                Link(path=path, label=label, is_here=_is_within(here, path))
                for path, label in links
                if visitor.role.may(self._roles[path])
            ]
            for group, links in NAVIGATION.items()
        }
        return {group: links for group, links in groups.items() if links}


def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": wording.number,
        "instant": wording.instant,
        "left": left,
        "exact": exact,
        "span": wording.span,
        "days": wording.days,
        "day": wording.day,
        "local": wording.local,
        "money": wording.money,
        "share": wording.share,
        "sender": wording.sender,
        "given_by": wording.given_by,
        "outcome": wording.outcome,
        "standing": wording.standing,
        "sentence": sentence,
        "told_why": told_why,
        "relative": wording.relative,
        "when": when,
        "field": field,
    }
    return made


def field(form: Mapping[str, Any], name: str) -> str:
    """One field of a form or a query as text; empty where there is none, or a file."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


@pass_context
def when(context: Context, value: datetime | None) -> str | Markup:
    """A `<time>` that reads as a span from now, and tells the exact UTC on hover and to machines."""
    if value is None:
        return "—"
    at = f"{value:%Y-%m-%d %H:%M:%S}"
    return _time(at, f'title="{at} UTC"', wording.relative(value, context["now"]))


@pass_context
def left(context: Context, value: datetime) -> Markup:
    """The same as the span alone, until it is over; beside the exact instant, so that no title has to tell it."""
    return _time(f"{value:%Y-%m-%d %H:%M:%S}", "data-left", wording.left(value, context["now"]))


def exact(value: datetime) -> Markup:
    """The same as the instant itself, by UTC, to the minute; on hover live.js tells the reader's own time too."""
    return _time(f"{value:%Y-%m-%d %H:%M:%S}", "data-exact", wording.instant(value))


def _time(at: str, more: str, told: str) -> Markup:
    # Lists have hundreds of these: of our own words and digits alone, so that nothing has to be escaped.
    return Markup(f'<time datetime="{at.replace(" ", "T")}Z" {more}>{told}</time>')  # noqa: S704


def _is_within(here: str, path: str) -> bool:
    return here == path or (path != "/" and here.startswith(f"{path}/"))
