"""Every human act is in the audit log: the route table is walked, and each address that takes a form is used once for real."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.people import Role
from infra import advertisers, inbox, producer_acts
from infra.clock import HandClock
from infra.database import hot, transaction
from infra.vault import Vault
from tests.acting import ALL, Floor, floor
from tests.deliveries import day, letter
from tests.importing import ADVERTISER, Desk, sheet, with_code
from tests.operator import PASSWORD, person
from tests.portfolio import Post
from web.room.routes import PAGES

LATER = "2026-12-10T09:00"
POST = "7300000000000000009"
Fields = dict[str, Any]


class House(Floor):
    """A floor where an admin does everything that there is to do."""

    def __init__(self, engine: Engine, clock: HandClock, http: Any, vault: Vault) -> None:
        super().__init__(engine, clock, http)
        self.vault, self.admin, self.desk = vault, self.enters(Role.ADMIN), Desk(engine, clock, vault)

    def acts(self) -> list[str]:
        return [row["act"] for row in self.asks("SELECT act FROM audit ORDER BY id")]

    def number(self, query: str) -> int:
        return int(self.one(query)["id"])

    def sends(self, path: str, **fields: Any) -> Any:
        self.admin.opens("/account")
        return self.admin.sends(path, **fields)

    def parks(self) -> int:
        """The number of an event that contradicts what is known."""
        odd = letter("ad.started", day(0), event_id="odd", post=POST, ad={"ad_id": "1"})
        with hot(self.engine) as connection:
            inbox.accept(connection, [odd], now=self.clock.now())
            (seq,) = connection.execute("UPDATE pending SET status = 'parked' RETURNING seq").fetchall()[0]
        return int(seq)

    def has_act(self, act: str = "need") -> int:
        self.holds(Post(number=1, ends=5))
        return self.begins(act, until="2027-03-01T00:00", **ALL)

    def done(self) -> int:
        number = self.has_act()
        self.works()
        return number

    def has_paused(self) -> int:
        number = self.has_act()
        self.presses(number, "pause")
        return number

    def creator(self) -> int:
        self.holds(Post(number=1))
        return self.number("SELECT id FROM creators")

    def producer(self) -> str:
        with transaction(self.engine) as session:
            producer_acts.register(
                session, self.vault, name="crm", scheme="standard", actor="cli:test", now=self.clock.now()
            )
        return "crm"

    def somebody(self) -> int:
        return person(self.engine, self.clock, Role.VIEWER).id

    def gone(self) -> int:
        number = self.somebody()
        self.sends(f"/people/{number}/disable")
        return number

    def link(self) -> int:
        self.sends("/people", email="grace@example.com", role="viewer")
        return self.number("SELECT id FROM invitations")

    def token(self) -> int:
        self.sends("/tokens", name="crm", scope=["read"], days="30")
        return self.number("SELECT id FROM api_tokens")

    def view(self) -> int:
        self.sends("/views", name="mine", query="state=active")
        return self.number("SELECT id FROM saved_views")

    def sheet(self) -> int:
        return self.desk.receives(sheet(with_code(1)))

    def checked_sheet(self) -> int:
        number = self.sheet()
        self.desk.works()
        return number

    def paused_sheet(self) -> int:
        number = self.sheet()
        self.desk.says("pause", number)
        return number

    def failed(self, status: str = "failed") -> int:
        query = """INSERT INTO outbox (kind, key, idempotency_key, payload, status, due_at, settled_at, created_at)
            VALUES ('ask.mail', 'a/1', 'x', '{}', %(status)s, %(at)s, %(at)s, %(at)s) RETURNING id"""
        with hot(self.engine) as connection:
            values = {"status": status, "at": self.clock.now()}
            return int(connection.execute(query, values).fetchall()[0][0])

    def in_doubt(self) -> int:
        return self.failed("uncertain")

    def advertiser(self) -> str:
        with hot(self.engine) as connection:
            advertisers.connect(connection, self.vault, advertiser_id=ADVERTISER, token="t", now=self.clock.now())
        return ADVERTISER


# What stands in the address, and in the form. Everything that takes a form is here, or below.
STORIES: dict[str, tuple[Callable[[House], object] | None, Fields]] = {
    "/views": (None, {"name": "mine", "query": "state=active"}),
    "/views/{id:int}/delete": (House.view, {}),
    "/creators/{id:int}/snooze": (House.creator, {"until": "2026-12-10"}),
    "/creators/{id:int}/away": (House.creator, {"from": "2026-12-10", "until": "2026-12-20"}),
    "/creators/{id:int}/opt-out": (House.creator, {}),
    "/creators/{id:int}/opt-in": (House.creator, {}),
    "/creators/{id:int}/payment-due": (House.creator, {}),
    "/creators/{id:int}/payment-made": (House.creator, {}),
    "/creators/{id:int}/links": (House.creator, {}),
    "/creators/{id:int}/links/revoke": (House.creator, {}),
    "/advertisers/{id}/look": (House.advertiser, {}),
    "/acts": (House.creator, {"act": "need", "until": "2027-03-01T00:00", "nonce": "once", **ALL}),
    "/acts/{id:int}/pause": (House.has_act, {}),
    "/acts/{id:int}/go-on": (House.has_paused, {}),
    "/acts/{id:int}/end": (House.has_act, {}),
    "/acts/{id:int}/undo": (House.done, {}),
    "/events/replay": (House.parks, {"everything": "1", "query": "outcome=parked"}),
    "/events/{seq:int}/replay": (House.parks, {}),
    "/producers": (None, {"name": "crm", "scheme": "standard"}),
    "/producers/{name}/rotate": (House.producer, {"overlap": "24"}),
    "/producers/{name}/disable": (House.producer, {}),
    "/producers/{name}/enable": (House.producer, {}),
    "/outbox/retry": (House.failed, {}),
    "/outbox/{id:int}/retry": (House.failed, {}),
    "/outbox/{id:int}/arrived": (House.in_doubt, {}),
    "/imports": (None, {"pasted": sheet(with_code(1))}),
    "/imports/{id:int}/apply": (House.checked_sheet, {}),
    "/imports/{id:int}/pause": (House.sheet, {}),
    "/imports/{id:int}/go-on": (House.paused_sheet, {}),
    "/imports/{id:int}/end": (House.sheet, {}),
    "/people": (None, {"email": "grace@example.com", "role": "viewer"}),
    "/people/invitations/{id:int}/withdraw": (House.link, {}),
    "/people/{id:int}/role": (House.somebody, {"role": "operator"}),
    "/people/{id:int}/disable": (House.somebody, {}),
    "/people/{id:int}/enable": (House.gone, {}),
    "/tokens": (None, {"name": "crm", "scope": ["read"], "days": "30"}),
    "/tokens/{id:int}/revoke": (House.token, {}),
    "/account/password": (
        None,
        {"current": PASSWORD, "password": "five other words in a row", "again": "five other words in a row"},
    ),
    "/sign-out": (None, {}),
}
# Takes a form since the choice may be long, and changes nothing.
ONLY_READS = {"/acts/preview"}


@pytest.fixture
def house(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[House]:
    with floor(engine, clock, vault) as room:
        yield House(engine, clock, room.http, vault)


def test_nothing_that_takes_a_form_is_left_out() -> None:
    takes_a_form = {page.path for page in PAGES if "POST" in page.methods}

    assert takes_a_form - STORIES.keys() - ONLY_READS == set(), "tell its story here: what it does must be in the log"
    assert STORIES.keys() - takes_a_form == set()


@pytest.mark.parametrize("path", STORIES)
def test_what_a_person_does_is_in_the_audit_log(path: str, house: House) -> None:
    prepare, fields = STORIES[path]
    subject = prepare(house) if prepare else ""
    before = house.acts()

    answer = house.sends(re.sub(r"\{[^}]+\}", str(subject), path), **fields)

    assert answer.status_code in (200, 303), house.admin.text
    assert len(house.acts()) == len(before) + 1
    noted = house.one("SELECT actor FROM audit ORDER BY id DESC LIMIT 1")
    assert noted["actor"] == "user:ada.admin@example.com"


def test_what_is_taken_out_of_the_house_is_in_the_log_too(house: House) -> None:
    house.admin.opens("/authorizations.csv")

    assert house.acts()[-1:] == ["authorizations.exported"]
    for name in ("lapses", "messages"):
        house.admin.opens(f"/forecast/{name}.csv")
        assert house.acts()[-1:] == ["forecast.exported"]
        assert house.one("SELECT about FROM audit ORDER BY id DESC LIMIT 1")["about"] == {"sheet": name}
