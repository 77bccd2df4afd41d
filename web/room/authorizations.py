"""The list of authorizations: what a filter matches, page by page, as a sheet, and as a view that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.acts import DEEDS
from domain.authorization import State
from domain.events import Condition, Route
from domain.filter_texts import BESIDE, strange
from domain.filters import PARTS, Complaint, Filter, FilterError, Sort, pairs_of, read, words_of
from domain.people import Role
from infra import audit, views
from infra.database import hot
from infra.reports import advertisers, exporting, listing
from infra.reports.listing import Listed, Matches
from infra.views import ViewError
from web.room import rendering
from web.room.calls import Call, Desk, Page, download

PATH = "/authorizations"
PLACES = ("after", "before")
NOTHING = Matches(ids=(), is_all=True)
SORTS = {
    Sort.END: "what ends first",
    Sort.MONEY: "most money at risk",
    Sort.NEWEST: "newest",
    Sort.CHANGED: "changed last",
}
# What operators ask most, for those who have saved nothing yet.
USUAL = {
    "Ends within 7 days": "left_to=7",
    "Money at risk": "risk_from=1&sort=money",
    "Waiting for a creator": "state=requested",
    "Lapsed this week": "state=expired&left_from=-7&left_to=0",
    "Posts in trouble": "condition=private&condition=under_review&condition=removed&condition=music_missing",
    "Unconfirmed for 2 days": "unconfirmed=2",
}
# These stand below the others, and are opened where one of them is used.
RARER = (
    *("route", "condition", "advertiser", "creator", "campaign"),
    *("left_from", "ends_from", "ends_to", "risk_from", "currency", "unconfirmed"),
)
# Both ends of the days left, or of the dates, are one part of the filter to whoever reads it.
TOGETHER: dict[str, tuple[str, ...]] = {
    "left_from": ("left_from", "left_to"),
    "left_to": (),
    "ends_from": ("ends_from", "ends_to"),
    "ends_to": (),
}
CHOICES = {"state": tuple(State), "route": tuple(Route), "condition": tuple(Condition)}
# So many advertisers to choose from leave the page light; each can be typed.
NAMED = 100
# Here, where names are known, in place of what the filter says itself.
WHICH_ADVERTISER = "an advertiser's number, or its name where no other has the same; both stand under Advertisers"


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What an address asks for; `complaints` by the part that cannot be read."""

    wanted: Filter = field(default_factory=Filter)
    sort: Sort = Sort.END
    complaints: tuple[Complaint, ...] = ()

    @property
    def query(self) -> str:
        """The one query of this filter and this order."""
        return urlencode([*pairs_of(self.wanted), *([("sort", str(self.sort))] if self.sort is not Sort.END else [])])


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A word that leads to another filter, or to another order of the same."""

    words: str
    href: str
    is_here: bool = False


def shown(desk: Desk, call: Call) -> Response:
    """One page. An address that says the same in other words leads to the one that is for keeping."""
    looked = looked_for(_by_number(desk, call.query))
    if looked.complaints:
        return _rendered(desk, call, looked, Listed(rows=[]), NOTHING, status=422)
    after, before = (call.query.get(name, "") for name in PLACES)
    address = _address(looked.query, after=after, before=before)
    if address != call.url:
        return RedirectResponse(address, status_code=303)
    with hot(desk.engine) as connection:
        wanted, matches = looked.wanted, listing.find(connection, looked.wanted, now=call.now)
        page = listing.page(connection, wanted, looked.sort, after=after, before=before, matches=matches, now=call.now)
    return _rendered(desk, call, looked, page, matches)


def export(desk: Desk, call: Call) -> Response:
    """All that the filter matches, read while it is sent."""
    looked = _readable(looked_for(call.query))
    with hot(desk.engine) as connection:
        about = {"query": looked.query}
        audit.note(connection, at=call.now, actor=call.visitor.actor, act="authorizations.exported", about=about)
    lines = exporting.lines(listing.everything(desk.engine, looked.wanted, now=call.now))
    return download(lines, f"authorizations-{call.now:%Y-%m-%d}.csv")


def save_view(desk: Desk, call: Call) -> Response:
    looked = _readable(looked_for(QueryParams(rendering.field(call.form, "query"))))
    user_id, actor = call.visitor.user_id, call.visitor.actor
    if user_id is None:
        raise HTTPException(403, "Only who signs in keeps views.")
    try:
        with hot(desk.engine) as connection:
            name = rendering.field(call.form, "name")
            views.save(connection, user_id, name=name, query=looked.query, actor=actor, now=call.now)
    except ViewError as error:
        raise HTTPException(422, str(error)) from None
    return RedirectResponse(_address(looked.query), status_code=303)


def delete_view(desk: Desk, call: Call) -> Response:
    looked = looked_for(QueryParams(rendering.field(call.form, "query")))
    with hot(desk.engine) as connection:
        user_id, actor = call.visitor.user_id or 0, call.visitor.actor
        views.delete(connection, user_id, call.path["id"], actor=actor, now=call.now)
    return RedirectResponse(_address("" if looked.complaints else looked.query), status_code=303)


def looked_for(query: QueryParams) -> Looked:
    """The filter and the order of an address."""
    complaints = list(strange(query, (*PARTS, *BESIDE)))
    wanted, sort = Filter(), Sort.END
    try:
        wanted = read(query.multi_items())
    except FilterError as error:
        complaints += error.complaints
    try:
        sort = Sort(query.get("sort") or Sort.END)
    except ValueError:
        complaints.append(Complaint(name="sort", remedy=f"one of {', '.join(Sort)}"))
    return Looked(wanted=wanted, sort=sort, complaints=tuple(complaints))


def _by_number(desk: Desk, query: QueryParams) -> QueryParams:
    """The number of the only advertiser that is called so, where somebody typed a name."""
    name = query.get("advertiser", "").strip()
    if not name or name.isdecimal():
        return query
    with hot(desk.engine) as connection:
        found = advertisers.called(connection, name, limit=2)
    if len(found) != 1:
        return query
    others = [(part, text) for part, text in query.multi_items() if part != "advertiser"]
    return QueryParams([*others, ("advertiser", found[0])])


def _remedy_of(complaint: Complaint) -> str:
    return WHICH_ADVERTISER if complaint.name == "advertiser" else complaint.remedy


def chips_of(looked: Looked) -> Iterator[Link]:
    """Each part of the filter in words, with the address of the list without it."""
    for part in fields(Filter):
        names = TOGETHER.get(part.name, (part.name,))
        values = getattr(looked.wanted, part.name)
        if isinstance(values, tuple):
            for value in values:
                less = tuple(each for each in values if each != value)
                yield _chip(looked, {part.name: (value,)}, {part.name: less})
        elif any(getattr(looked.wanted, name) not in ("", None) for name in names):
            alone = {name: getattr(looked.wanted, name) for name in names}
            yield _chip(looked, alone, {name: getattr(Filter(), name) for name in names})


def _chip(looked: Looked, alone: dict[str, Any], without: dict[str, Any]) -> Link:
    less = replace(looked, wanted=replace(looked.wanted, **without))
    return Link(words=words_of(replace(Filter(), **alone)), href=_address(less.query))


def _rendered(desk: Desk, call: Call, looked: Looked, page: Listed, matches: Matches, *, status: int = 200) -> Response:
    with hot(desk.engine) as connection:
        kept = views.of_user(connection, call.visitor.user_id)
        named = advertisers.names(connection, limit=NAMED)
    return desk.render(
        call,
        "room/authorizations.html",
        status=status,
        looked=looked,
        words=words_of(looked.wanted),
        complaints={each.name: _remedy_of(each) for each in looked.complaints},
        page=page,
        count=matches.count,
        counted=f"{'' if matches.is_all else 'more than '}{matches.count:,}",
        chips=list(chips_of(looked)),
        sorts=[_sorted(looked, sort) for sort in SORTS],
        usual=[Link(words=words, href=_address(query)) for words, query in USUAL.items()],
        views=[Link(words=view.name, href=_address(view.query), is_here=view.query == looked.query) for view in kept],
        kept=kept,
        older=page.next_after and _address(looked.query, after=page.next_after),
        newer=page.next_before and _address(looked.query, before=page.next_before),
        advertisers=named,
        deeds=DEEDS.items() if call.visitor.role.may(Role.OPERATOR) else (),
        known_choices=CHOICES,
        filter_query=urlencode(pairs_of(looked.wanted)),
        has_rarer=any(call.query.get(name) for name in RARER),
    )


def _sorted(looked: Looked, sort: Sort) -> Link:
    href = _address(replace(looked, sort=sort).query)
    return Link(words=SORTS[sort], href=href, is_here=sort is looked.sort)


def _readable(looked: Looked) -> Looked:
    if looked.complaints:
        raise HTTPException(422, "; ".join(f"{each.name}: {each.remedy}" for each in looked.complaints) + ".")
    return looked


def _address(query: str, **place: str) -> str:
    whole = urlencode([*parse_qsl(query), *((name, where) for name, where in place.items() if where)])
    return f"{PATH}?{whole}" if whole else PATH


PAGES = (
    Page(path=PATH, handler=shown, words=None),
    Page(path=f"{PATH}.csv", handler=export, words=None),
    Page(path="/views", handler=save_view, methods=("POST",)),
    Page(path="/views/{id:int}/delete", handler=delete_view, methods=("POST",)),
)
