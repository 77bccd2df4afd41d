"""Producers: who may send webhooks, registered, given a new secret, disabled; how their events fare."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Path
from pydantic import Field, SecretStr

from domain.people import Scope
from infra import producer_acts, producers
from infra.database import snapshot, transaction
from infra.producers import path_of
from infra.reports import events
from infra.tables import Producer, Scheme
from web.api.calls import Asks, Operation, Write, Writes
from web.api.paging import Page, page
from web.api.shapes import Asked, Shape, Word

LATELY = timedelta(days=1)
MOST_HOURS = 24 * 30
Name = Annotated[Word, Path(description="The producer's name.")]


class ProducerShown(Shape):
    """Who may send. `events`: within a day, of the newest 20,000 of all; `in_trouble`: those that wait for a person."""

    name: str
    scheme: Scheme
    created_at: datetime
    last_seen_at: datetime | None
    disabled_at: datetime | None
    previous_valid_until: datetime | None
    events: int
    in_trouble: int


class Registering(Asked):
    """`secret` is made where none is given; TikTok's client secret must be."""

    name: Word
    scheme: Scheme = Scheme.STANDARD
    secret: SecretStr | None = None


class Rotating(Asked):
    """The secret before stays valid for `overlap_hours` more. While an older one is, only `stop_older` makes another."""

    overlap_hours: int = Field(24, ge=0, le=MOST_HOURS)
    secret: SecretStr | None = None
    stop_older: bool = False


class Secret(Shape):
    """A producer's secret and where it posts to, told this once."""

    name: str
    scheme: Scheme
    secret: str
    url: str


def listed(call: Asks) -> Page[ProducerShown]:
    """All of them, by name."""
    with transaction(call.desk.engine) as session:
        found = producers.listed(session)
    with snapshot(call.desk.engine) as connection:
        came = events.by_producer(connection, since=call.now - LATELY)
    return page(call, [_shown(each, came.get(each.name, (0, 0))) for each in found], after=None)


def register(write: Writes, new: Registering) -> Secret:
    """Registers a producer, whose secret is in this answer only."""
    secret = producer_acts.register(
        write.session,
        write.desk.vault,
        name=new.name,
        scheme=new.scheme,
        secret=_plain(new.secret),
        actor=write.actor,
        now=write.now,
    )
    return _told(write, new.name, new.scheme, secret)


def rotate(write: Writes, name: Name, change: Rotating) -> Secret:
    """Gives one a new secret, which is in this answer only."""
    scheme = Scheme(producers.need(write.session, name).scheme)
    secret = producer_acts.rotate(
        write.session,
        write.desk.vault,
        name=name,
        overlap=timedelta(hours=change.overlap_hours),
        secret=_plain(change.secret),
        stops_older=change.stop_older,
        actor=write.actor,
        now=write.now,
    )
    return _told(write, name, scheme, secret)


def disable(write: Writes, name: Name) -> ProducerShown:
    """Refuses its deliveries from now on."""
    return _changed(write, name, producer_acts.disable)


def enable(write: Writes, name: Name) -> ProducerShown:
    """Takes its deliveries again, by the secret that it had."""
    return _changed(write, name, producer_acts.enable)


def _changed(write: Write, name: str, change: Callable[..., None]) -> ProducerShown:
    change(write.session, name=name, actor=write.actor, now=write.now)
    came = events.by_producer(write.connection, since=write.now - LATELY)
    return _shown(producers.need(write.session, name), came.get(name, (0, 0)))


def _shown(producer: Producer, came: tuple[int, int]) -> ProducerShown:
    all_, troubled = came
    facts = {name: getattr(producer, name) for name in ProducerShown.model_fields if hasattr(producer, name)}
    return ProducerShown(**facts, events=all_, in_trouble=troubled)


def _told(write: Write, name: str, scheme: Scheme, secret: str) -> Secret:
    url = f"{write.desk.settings.public_url}{path_of(name, scheme, secret)}"
    return Secret(name=name, scheme=scheme, secret=secret, url=url)


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


OPERATIONS = (
    Operation(path="/producers", handler=listed),
    Operation(path="/producers", handler=register, scope=Scope.ADMIN, method="POST", status=201),
    Operation(path="/producers/{name}/rotate", handler=rotate, scope=Scope.ADMIN, method="POST"),
    Operation(path="/producers/{name}/disable", handler=disable, scope=Scope.ADMIN, method="POST"),
    Operation(path="/producers/{name}/enable", handler=enable, scope=Scope.ADMIN, method="POST"),
)
