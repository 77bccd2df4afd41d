"""Producers: who may send webhooks, registered, given a new secret, disabled and enabled; how what they send fares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from domain.people import Role
from infra import deliveries, producer_acts, producers
from infra.database import snapshot, transaction
from infra.producers import ProducerError, path_of
from infra.reports import events
from infra.tables import Producer, Scheme
from web.room.calls import Call, Desk, Page
from web.room.rendering import field

# What each scheme is, as its choice in the form says it.
SCHEMES = {
    Scheme.STANDARD: "signs each delivery by Standard Webhooks, as most programs can",
    Scheme.TIKTOK_DEVELOPER: "TikTok for Developers, which signs with your app's client secret",
    Scheme.PATH: "cannot sign: its address is the secret",
}
OVERLAPS = {"24": "a day", "72": "three days", "168": "a week", "0": "not at all"}
LATELY = timedelta(days=1)
CHANGED = "The secret of {name} was changed since this form was opened: nothing was done now."
# Why deliveries were refused, as the page says it; a word that is not here says enough by itself.
WHY = {
    "signature_wrong": "wrong signature",
    "signature_missing": "no signature",
    "timestamp_outside_tolerance": "too old, or of a wrong clock",
    "token_wrong": "wrong address",
    "malformed": "unreadable",
    "invalid": "not as the schema says",
    "too_large": "too large",
    "unsupported": "of an unknown kind",
    "rate": "too many a second",
}


def shown(
    desk: Desk, call: Call, *, name: str = "", secret: str = "", complaint: str = "", status: int = 200
) -> Response:
    """The list. `secret`: just made for `name`, and shown this once."""
    with transaction(desk.engine) as session:
        listed = producers.listed(session)
    with snapshot(desk.engine) as connection:
        came = events.by_producer(connection, since=call.now - LATELY)
        is_cut = events.is_cut(connection, since=call.now - LATELY)
        fared = deliveries.lately(connection, since=call.now - LATELY)
    scheme = next((each.scheme for each in listed if each.name == name), "")
    return desk.render(
        call,
        "room/producers.html",
        status=status,
        producers=listed,
        came=came,
        is_cut=is_cut,
        fared=fared,
        why=WHY,
        window=events.WINDOW,
        schemes=SCHEMES,
        overlaps=OVERLAPS,
        present=present,
        name=name,
        secret=secret,
        url=f"{desk.settings.public_url}{path_of(name, scheme, secret)}" if secret else "",
        public_url=desk.settings.public_url,
        complaint=complaint,
        may_act=call.visitor.role.may(Role.ADMIN),
    )


def register(desk: Desk, call: Call) -> Response:
    """Its secret is in this answer only."""
    name, scheme = field(call.form, "name").strip(), field(call.form, "scheme")
    given = field(call.form, "secret").strip() or None
    try:
        with transaction(desk.engine) as session:
            secret = producer_acts.register(
                session, desk.vault, name=name, scheme=scheme, secret=given, actor=call.visitor.actor, now=call.now
            )
    except ProducerError as error:
        return shown(desk, call, complaint=str(error), status=422)
    return shown(desk, call, name=name, secret=secret)


def present(producer: Producer) -> str:
    """Stands in the form for the secret that it replaces: the same form sent again replaces nothing more."""
    return hashlib.sha256(producer.secret).hexdigest()[:32]


def rotate(desk: Desk, call: Call) -> Response:
    """Likewise; the secret before stays valid for the chosen time."""
    hours = field(call.form, "overlap")
    if hours not in OVERLAPS:
        raise HTTPException(422, "Choose how long the old secret stays valid from what the form offers.")
    name, given = call.path["name"], field(call.form, "secret").strip() or None
    try:
        with transaction(desk.engine) as session:
            _need_present(call, producers.need(session, name))
            secret = producer_acts.rotate(
                session,
                desk.vault,
                name=name,
                overlap=timedelta(hours=int(hours)),
                secret=given,
                stops_older=bool(field(call.form, "stop_older")),
                actor=call.visitor.actor,
                now=call.now,
            )
    except ProducerError as error:
        return shown(desk, call, complaint=str(error), status=422)
    return shown(desk, call, name=name, secret=secret)


def _need_present(call: Call, producer: Producer) -> None:
    if field(call.form, "present") not in ("", present(producer)):
        raise ProducerError(CHANGED.format(name=producer.name))


def disable(desk: Desk, call: Call) -> Response:
    return _changed(desk, call, producer_acts.disable)


def enable(desk: Desk, call: Call) -> Response:
    """By the secret that it had: where that leaked, it is rotated right after."""
    return _changed(desk, call, producer_acts.enable)


def _changed(desk: Desk, call: Call, change: Callable[..., None]) -> Response:
    try:
        with transaction(desk.engine) as session:
            change(session, name=call.path["name"], actor=call.visitor.actor, now=call.now)
    except ProducerError as error:
        return shown(desk, call, complaint=str(error), status=404)
    return RedirectResponse("/producers", status_code=303)


PAGES = (
    Page(path="/producers", handler=shown),
    Page(path="/producers", handler=register, role=Role.ADMIN, methods=("POST",)),
    Page(path="/producers/{name}/rotate", handler=rotate, role=Role.ADMIN, methods=("POST",)),
    Page(path="/producers/{name}/disable", handler=disable, role=Role.ADMIN, methods=("POST",)),
    Page(path="/producers/{name}/enable", handler=enable, role=Role.ADMIN, methods=("POST",)),
)
