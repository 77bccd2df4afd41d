"""A program that calls the API with a token of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.people import Scope
from infra import api_tokens
from infra.broker import make_broker, make_nudges
from infra.clock import Clock, HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests.operator import quick_passwords
from tests.serving import serving
from web.api.calls import PREFIX
from web.main import Application, make_app

EVERYTHING = frozenset(Scope)


def token(engine: Engine, clock: Clock, *scopes: Scope, name: str = "crm", user_id: int | None = None) -> str:
    """A token that works; with all scopes where none is named."""
    chosen: Collection[Scope] = scopes or EVERYTHING
    with hot(engine) as connection:
        return api_tokens.make(connection, name=name, scopes=chosen, user_id=user_id, actor="cli:test", now=clock.now())


class Program:
    """`answer` is the last one. Without a token it is nobody."""

    def __init__(self, http: Any, secret: str = "") -> None:
        self._http, self._secret = http, secret
        self.answer: Any = None

    def asks(self, path: str, **headers: str) -> Any:
        """What is there, which must be there."""
        answer = self.sends("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def does(self, path: str, body: Any = None, *, key: str = "") -> Any:
        """What a write was answered, which must be done."""
        answer = self.sends("POST", path, body, **({"idempotency-key": key} if key else {}))
        assert answer.is_success, answer.text
        return answer.json()

    def sends(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Anything, in whatever way it ends. `path` may be an address that the API gave."""
        given = {"authorization": f"Bearer {self._secret}"} if self._secret else {}
        address = path if path.startswith(PREFIX) else f"{PREFIX}{path}"
        sent = {"json": body} if body is not None else {}
        self.answer = self._http.request(method, address, headers=given | headers, **sent)
        return self.answer

    def walks(self, path: str) -> Iterator[Any]:
        """All items of a list, page after page."""
        following: str | None = path
        while following:
            page = self.asks(following)
            yield from page["items"]
            following = page["next"]


def problem(answer: Any, status: int, word: str) -> dict[str, Any]:
    """What went wrong, in the form that all of it has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == status
    assert told["type"] == f"urn:everspark:problem:{word}"
    assert told["detail"]
    assert told["remedy"]
    return told


@contextmanager
def served(engine: Engine, clock: HandClock, vault: Vault, **settings: Any) -> Iterator[Any]:
    """The service, for programs; what they nudge nobody hears."""
    app = service(engine, clock, vault, **settings)
    with TestClient(app, base_url="http://127.0.0.1:8080", raise_server_exceptions=False) as http:
        yield http


@contextmanager
def served_at(engine: Engine, clock: HandClock, vault: Vault, **settings: Any) -> Iterator[str]:
    """The same behind a real server, by its address."""
    with serving(service(engine, clock, vault, **settings)) as client:
        yield str(client.base_url)


def service(engine: Engine, clock: HandClock, vault: Vault, **settings: Any) -> Application:
    return make_app(
        settings=load(**settings),
        engine=engine,
        vault=vault,
        clock=clock,
        nudges=make_nudges(make_broker("")),
        passwords=quick_passwords(),
    )
