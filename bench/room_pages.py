"""Which pages are measured: Today, one authorization, and the list by each filter, in each order, at its beginning and amid it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import QueryParams

from bench.room_visits import Desk
from domain.filters import Sort, read
from infra.clock import SystemClock
from infra.database import hot
from infra.reports import listing
from infra.reports.listing import Place
from web.room.authorizations import looked_for

# What stands in the addresses, from the portfolio itself: the largest of a kind, and one in the middle.
NAMES = {
    "advertiser": "SELECT advertiser_id FROM authorizations GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "smaller": "SELECT advertiser_id FROM authorizations GROUP BY 1 ORDER BY count(*), 1 LIMIT 1",
    "creator": "SELECT min(handle) FROM creators JOIN authorizations ON creator_id = creators.id"
    " GROUP BY creator_id ORDER BY count(*) DESC, creator_id LIMIT 1",
    "handle": "SELECT max(handle) FROM creators WHERE id % 20 = 3",
    "account": "SELECT max(account_handle) FROM authorizations",
    "campaign": "SELECT reference FROM authorizations WHERE reference IS NOT NULL"
    " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "post": "SELECT max(item_id) FROM authorizations",
    "key": "SELECT max(key) FROM authorizations",
    "last": "SELECT max(last) FROM codes",
    "number": "SELECT max(id) FROM authorizations WHERE id % 500 = 0 AND state = 'active' AND next_action = 'ask'",
    "quiet": "SELECT max(id) FROM authorizations WHERE id % 500 = 1 AND state = 'expired'",
    "maker": "SELECT creator_id FROM authorizations GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "soon": "SELECT (now() AT TIME ZONE 'UTC')::date + 3",
    "later": "SELECT (now() AT TIME ZONE 'UTC')::date + 20",
}
PAGES = {
    "Today": "/",
    "one authorization, with a long story": "/authorizations/{number}",
    "one authorization that has ended": "/authorizations/{quiet}",
}
# Not named by the goal, and measured all the same.
OTHERS = {
    "calendar": "/calendar",
    "advertisers": "/advertisers",
    "the largest advertiser": "/advertisers/{advertiser}",
    "creators": "/creators",
    "the creator with most posts": "/creators/{maker}",
    "events": "/events",
    "outbox": "/outbox",
}
FILTERS = (
    "",
    *(f"state={state}" for state in ("requested", "authorized", "active", "expired", "revoked")),
    *(f"route={route}" for route in ("account", "own", "code")),
    *(f"condition={word}" for word in ("private", "under_review", "removed", "music_missing", "public")),
    "advertiser={advertiser}",
    "advertiser={smaller}",
    "creator={creator}",
    "creator={account}",
    "campaign={campaign}",
    "left_to=7",
    "left_from=20",
    "left_from=3&left_to=4",
    "left_to=-20",
    "left_from=-7&left_to=0",
    "ends_to={soon}",
    "ends_from={soon}&ends_to={soon}",
    "ends_from={later}",
    "risk_from=1",
    "risk_from=5000",
    "currency=SEK",
    "currency=EUR",
    "unconfirmed=2",
    "search={post}",
    "search=https://www.tiktok.com/@maya.1/video/{post}",
    "search={key}",
    "search=@{handle}",
    # One that begins as many others do.
    "search=@{creator}",
    "search=maya",
    "search=Spring 2026 no. 1",
    "search=Spring",
    "search={last}",
    # What people put together.
    "state=active&left_to=7&risk_from=500",
    "state=active&advertiser={advertiser}&left_to=14",
    "state=expired&left_from=-7&left_to=0",
    "state=active&condition=private&condition=under_review&condition=removed&condition=music_missing",
    "campaign={campaign}&state=active",
    "advertiser={smaller}&state=active&unconfirmed=2",
    "risk_from=100&currency=USD",
    "state=active&search=maya",
)


# "In the middle" is the middle of what matches, at most so many rows from the beginning.
DEEP = 5_000
AMID = "WITH found AS MATERIALIZED ({}) SELECT * FROM found OFFSET (SELECT count(*) / 2 FROM found) LIMIT 1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One page, with its address in each portfolio. `group` is what is shown as one line: the worst of it counts."""

    name: str
    group: str
    addresses: Mapping[int, str]


def asked(desks: Sequence[Desk]) -> list[Asked]:
    """Every page, in each portfolio with names of its own."""
    names = {desk.size: names_of(desk) for desk in desks}
    pages = [
        Asked(name=name, group=name, addresses={size: path.format(**known) for size, known in names.items()})
        for name, path in (PAGES | OTHERS).items()
    ]
    for text in FILTERS:
        filters = {size: text.format(**known) for size, known in names.items()}
        pages += [page for sort in Sort for page in listed(desks, filters, sort, group=group_of(text, sort))]
    return pages


def listed(desks: Sequence[Desk], filters: Mapping[int, str], sort: Sort, *, group: str) -> Iterator[Asked]:
    """The list's first page, and the one in the middle where every portfolio has one."""
    queries = {size: kept_of(f"{text}&sort={sort}") for size, text in filters.items()}
    yield Asked(name=f"by {sort}", group=group, addresses={size: address(query) for size, query in queries.items()})
    amid = {desk.size: middle(desk, queries[desk.size], sort) for desk in desks}
    if all(amid.values()):
        places = {size: address(query, after=str(amid[size])) for size, query in queries.items()}
        yield Asked(name=f"by {sort}, in the middle", group=group, addresses=places)


def group_of(text: str, sort: Sort) -> str:
    """The order in which the list opens stands alone."""
    return f"Authorizations, {text or 'all'}{'' if sort is Sort.END else ', in another order'}"


def names_of(desk: Desk) -> dict[str, str]:
    with hot(desk.engine) as connection:
        return {name: str((connection.execute(query.encode()).fetchone() or ("",))[0]) for name, query in NAMES.items()}


def kept_of(query: str) -> str:
    """The query of the one address of a filter and an order: others are led there."""
    return looked_for(QueryParams(parse_qsl(query))).query


def address(query: str, **place: str) -> str:
    whole = urlencode([*parse_qsl(query), *place.items()])
    return f"/authorizations?{whole}" if whole else "/authorizations"


def middle(desk: Desk, query: str, sort: Sort) -> Place | None:
    """The place amid the first stretch of this order that holds any match."""
    wanted, now = read(parse_qsl(query)), SystemClock().now()
    with hot(desk.engine) as connection:
        for number, stretch in listing.stretches_of(wanted, sort):
            text, values = listing.query_of(wanted, stretch, now=now, is_after=False)
            row = connection.execute(AMID.format(text).encode(), values | {"limit": 2 * DEEP}, prepare=False).fetchone()
            if row is not None:
                return Place(stretch=number, value=row[0], id=row[1])
    return None
