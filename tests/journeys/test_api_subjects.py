"""What the API does, subject by subject: the same as the pages, told as JSON, with the token in the audit log."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.people import Role, Scope
from infra.clock import HandClock
from infra.database import hot
from infra.vault import Vault
from tests import agency
from tests.acting import Floor
from tests.importing import Desk, code, sheet, with_code, with_end
from tests.operator import person
from tests.portfolio import Post, owes_message
from tests.program import Program, problem, served, token
from tests.service import KEY
from web.api.operations import OPERATIONS

DAY = timedelta(days=1)
LATER = "2027-01-01T00:00:00Z"


@pytest.fixture
def http(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Any]:
    with served(engine, clock, vault) as client:
        yield client


@pytest.fixture
def program(http: Any, engine: Engine, clock: HandClock) -> Program:
    return Program(http, token(engine, clock))


@pytest.fixture
def room(http: Any, engine: Engine, clock: HandClock) -> Floor:
    return Floor(engine, clock, http)


def audited(room: Floor) -> list[tuple[str, str, str | None]]:
    rows = room.asks("SELECT actor, act, subject FROM audit WHERE actor LIKE 'token:%%' ORDER BY id")
    return [(row["actor"], row["act"], row["subject"]) for row in rows]


# Authorizations


def test_the_list_is_filtered_sorted_and_counted_by_the_words_of_the_room(program: Program, room: Floor) -> None:
    room.holds(
        Post(number=1, ends=3, flight=30, spend="10"),
        Post(number=2, ends=5, flight=30, spend="99.50"),
        Post(number=3, ends=20, advertiser="7200000000000000002"),
    )

    found = program.asks("/authorizations?state=active&state=expired&left_to=7&sort=money")["items"]

    assert [each["item_id"][-1] for each in found] == ["2", "1"]
    assert found[0]["spend_a_day"] == {"amount": "99.50", "currency": "EUR"}
    assert found[0]["expires_at"] == "2026-11-27T10:00:00Z"
    assert found[0]["why_in_words"]
    assert program.asks("/authorizations/count?left_to=7") == {"count": 2, "is_more": False}
    assert program.asks("/authorizations/count?ends_from=2026-11-27&ends_to=2026-11-27")["count"] == 1
    assert program.asks("/authorizations?search=7300000000000000003")["items"][0]["id"] == 3


def test_a_message_that_waits_is_told_until_it_has_gone(program: Program, room: Floor) -> None:
    post, due_at = Post(number=1, ends=2, flight=30), room.clock.now() + timedelta(hours=8)
    room.holds(post)
    owes_message(room.engine, post, now=room.clock.now(), due_at=due_at, reason="the creator is on holiday")

    told = [
        program.asks("/authorizations")["items"][0]["message"],
        program.asks("/authorizations/1")["message"],
        program.asks("/today")["lapsing"][0]["message"],
    ]

    assert told == [told[0]] * 3
    assert (told[0]["status"], told[0]["reason"]) == ("owed", "the creator is on holiday")
    assert told[0]["due"] == f"{due_at:%Y-%m-%dT%H:%M:%SZ}"


def test_a_place_in_one_order_is_none_in_another(program: Program, room: Floor) -> None:
    room.holds(Post(number=1), Post(number=2), Post(number=3))
    following = program.asks("/authorizations?sort=newest&limit=1")["next"]

    assert program.asks(following)["items"]
    told = problem(program.sends("GET", following.replace("sort=newest", "sort=end")), 422, "invalid")
    assert told["field"] == "after"
    problem(program.sends("GET", following.replace("sort=newest", "sort=changed")), 422, "invalid")


def test_a_filter_that_cannot_be_read_is_told_by_its_part(program: Program) -> None:
    told = problem(program.sends("GET", "/authorizations?left_from=7&left_to=1"), 422, "invalid")
    assert "left_to: at least 7" in told["detail"]
    told = problem(program.sends("GET", "/authorizations?ends_from=0"), 422, "invalid")
    assert "ends_from: a day, such as 2026-11-25" in told["detail"]
    problem(program.sends("GET", "/authorizations?ends_from=tomorrow"), 422, "invalid")
    told = problem(program.sends("GET", "/authorizations?state=sleeping"), 422, "invalid")
    assert told["field"] == "state[0]"


def test_a_whole_code_is_not_looked_for(program: Program) -> None:
    answer = program.sends("GET", f"/authorizations?search=%23{'aB3' * 21}=")

    problem(answer, 422, "invalid")
    assert "aB3" not in answer.text


def test_all_that_matches_is_taken_away_as_a_sheet(program: Program, room: Floor) -> None:
    room.holds(Post(number=1, ends=3), Post(number=2, ends=20))

    answer = program.sends("GET", "/authorizations.csv?left_to=7")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    [row] = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert row["post"] == "7300000000000000001"
    assert audited(room) == [("token:crm", "authorizations.exported", None)]


def test_one_has_its_whole_story(program: Program, engine: Engine, clock: HandClock, vault: Vault) -> None:
    agency.opens(engine, clock, vault)

    told = program.asks(f"/authorizations/by-key/{KEY}")
    lines = list(program.walks(f"/authorizations/{told['id']}/history?limit=3"))
    events = list(program.walks(f"/authorizations/{told['id']}/events?limit=3"))

    assert told == program.asks(f"/authorizations/{told['id']}")
    assert told["is_needed_for_ever"] is False
    assert [each["outcome"] for each in told["endings"]] == ["lapsed"]
    assert {each["ad_id"]: each["is_live"] for each in told["ads"]} == {"9001": True, "9002": False}
    assert len(told["grants"]) == 2
    assert told["figures"][0]["spend"]["currency"] == "EUR"
    assert {each["act"] for each in told["acts"]} == {"ask", "snooze", "look", "need", "unbind", "revoke"}
    assert lines[-1]["event"] == "authorization.requested"
    assert lines[0]["id"] > lines[-1]["id"]
    assert {each["seq"] for each in events} == {each["seq"] for each in lines if each["seq"]}


def test_every_address_tells_of_a_house_with_a_past(
    program: Program, engine: Engine, clock: HandClock, vault: Vault
) -> None:
    agency.opens(engine, clock, vault)
    places = {"{number}": "1", "{seq}": "1", "{advertiser}": agency.ADVERTISER, "{subject}": agency.POST}
    elsewhere = ("/acts/{number}", "/imports/")

    for operation in OPERATIONS:
        if operation.method == "GET" and not operation.path.startswith(elsewhere):
            path = operation.path
            for name, value in places.items():
                path = path.replace(name, value)
            answer = program.sends("GET", path)

            assert answer.status_code == 200, f"{path}: {answer.text}"


def test_an_event_has_the_headers_of_its_delivery(program: Program, room: Floor) -> None:
    room.holds(Post(number=1))
    program.does("/acts", {"act": "snooze", "keys": [Post(number=1).key], "until": LATER})
    room.works()
    with hot(room.engine) as connection:
        connection.execute(
            "INSERT INTO inbox (sender, event_id, type, key, mailbox, occurred_at, received_at, data, headers) "
            "SELECT 'producer:crm', 'one', type, key, mailbox, occurred_at, received_at, data, %s FROM inbox LIMIT 1",
            ['{"user-agent": "crm/1.2"}'],
        )

    newest, before = program.asks("/events")["items"][:2]
    assert program.asks(f"/events/{newest['seq']}")["headers"] == {"user-agent": "crm/1.2"}
    assert program.asks(f"/events/{before['seq']}")["headers"] is None


# Acts


def test_an_act_is_previewed_begun_followed_and_undone(program: Program, room: Floor) -> None:
    room.holds(Post(number=1, ends=3), Post(number=2, ends=5, creator=None), Post(number=3, ends=20))
    order = {"act": "snooze", "filter": "left_to=7&state=active"}

    seen = program.does("/acts/preview", order)
    begun = program.does("/acts", order | {"until": LATER, "expected": seen["concerned"]})
    room.works()
    done = program.asks(f"/acts/{begun['id']}")

    assert (seen["matched"], seen["concerned"], seen["needs_until"], seen["can_be_undone"]) == (2, 1, True, True)
    assert [each["reason"] for each in seen["left_out"]] == ["no_creator"]
    assert (begun["status"], begun["filter"]) == ("waiting", "state=active&left_to=7")
    assert (done["status"], done["done"], done["skipped"], done["may_be_undone"]) == ("done", 1, 1, True)
    assert program.asks("/creators/1")["snoozed_until"] == LATER
    undone = program.does(f"/acts/{begun['id']}/undo")
    room.works()
    assert undone["undo_of"] == begun["id"]
    assert program.asks("/creators/1")["snoozed_until"] == "2026-11-22T10:00:00Z"
    problem(program.sends("POST", f"/acts/{begun['id']}/undo"), 409, "conflict")
    assert audited(room) == [("token:crm", "act.snooze", "act/1"), ("token:crm", "act.undone", "act/2")]


def test_what_cannot_be_taken_back_wants_the_number(program: Program, room: Floor) -> None:
    room.holds(Post(number=1), Post(number=2))
    order = {"act": "revoke", "keys": [Post(number=1).key]}

    assert problem(program.sends("POST", "/acts", order), 422, "invalid")["field"] == "expected"
    told = problem(program.sends("POST", "/acts", order | {"expected": 2}), 409, "conflict")
    assert told["detail"] == "By now it is 1, not 2. Look again, then confirm."
    program.does("/acts", order | {"expected": 1})
    room.works()
    assert [each["state"] for each in program.asks("/authorizations?sort=newest")["items"]] == ["active", "revoked"]


def test_an_act_wants_an_instant_that_lies_ahead(program: Program, room: Floor) -> None:
    room.holds(Post())
    order = {"act": "need", "keys": [Post().key]}

    for until in (None, "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"):
        told = problem(program.sends("POST", "/acts", order | {"until": until}), 422, "invalid")
        assert told["field"] == "until"


def test_an_act_on_one_key_that_is_not_known_says_which(program: Program, room: Floor) -> None:
    room.holds(Post())

    told = problem(program.sends("POST", "/acts", {"act": "look", "keys": ["1/2"]}), 422, "invalid")

    assert (told["field"], told["detail"]) == ("keys", "There is no authorization 1/2.")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("statee=active", "statee"),
        ("foo", "foo"),
        ("state", "state"),
        ("state=", "state"),
        ("%", "%"),
        ("state=active&lefft_to=7", "lefft_to"),
        ("?", "filter"),
        ("sort=money", "filter"),
    ],
)
def test_a_filter_that_is_not_understood_is_no_filter_of_everything(
    program: Program, room: Floor, text: str, word: str
) -> None:
    room.holds(Post(number=1, ends=5))

    for path in ("/acts/preview", "/acts"):
        body = {"act": "need", "filter": text} | ({"until": LATER} if path == "/acts" else {})
        told = problem(program.sends("POST", path, body), 422, "invalid")
        assert told["field"] == "filter"
        assert f": {word}: " in told["detail"]
    assert program.asks("/acts")["items"] == []


@pytest.mark.parametrize("text", ["?state=active", "/authorizations?state=active&sort=money"])
def test_a_filter_is_taken_as_it_was_copied_from_the_list(program: Program, room: Floor, text: str) -> None:
    room.holds(Post(number=1, ends=5))

    assert program.does("/acts", {"act": "need", "filter": text, "until": LATER})["filter"] == "state=active"


@pytest.mark.parametrize("body", [{}, {"keys": ["1/2"], "filter": ""}, {"keys": []}, {"filter": "state=sleeping"}])
def test_an_act_is_on_keys_or_on_a_filter(program: Program, body: dict[str, Any]) -> None:
    problem(program.sends("POST", "/acts", {"act": "look"} | body), 422, "invalid")


def test_an_act_is_paused_goes_on_and_ends(program: Program, room: Floor) -> None:
    room.holds(Post())
    number = program.does("/acts", {"act": "snooze", "filter": "", "until": LATER})["id"]

    assert program.does(f"/acts/{number}/pause")["status"] == "paused"
    assert program.does(f"/acts/{number}/go-on")["status"] == "waiting"
    assert program.does(f"/acts/{number}/end")["status"] == "done"
    problem(program.sends("POST", f"/acts/{number}/pause"), 409, "conflict")


# Creators and advertisers


def test_what_is_said_of_a_creator_holds_once_it_is_applied(program: Program, room: Floor) -> None:
    room.holds(Post(), Post(number=2, creator="noor.cooks"))
    [maya] = program.asks("/creators?search=@may")["items"]
    address = f"/creators/{maya['id']}"

    program.does(f"{address}/snooze", {"until": LATER})
    program.does(f"{address}/away", {"begins_at": "2026-12-20T00:00:00Z", "ends_at": "2026-12-27T00:00:00Z"})
    program.does(f"{address}/opt-out")
    program.does(f"{address}/payment-due")
    room.drains()
    told = program.asks(address)

    assert (told["snoozed_until"], told["away_until"]) == (LATER, "2026-12-27T00:00:00Z")
    assert (told["opted_out_at"], told["payment_due_since"]) == ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z")
    room.clock.advance(DAY)
    program.does(f"{address}/snooze", {"until": None})
    program.does(f"{address}/opt-in")
    program.does(f"{address}/payment-made")
    room.drains()
    told = program.asks(address)
    assert (told["snoozed_until"], told["opted_out_at"], told["payment_due_since"])[1:] == (None, None)
    assert told["snoozed_until"] in (None, "2026-11-23T10:00:00Z")
    assert audited(room)[0] == ("token:crm", "creator.snoozed", "creator/maya.moves")


@pytest.mark.parametrize("until", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_creator_is_snoozed_until_an_instant_ahead_and_not_too_far(program: Program, room: Floor, until: str) -> None:
    room.holds(Post())

    told = problem(program.sends("POST", "/creators/1/snooze", {"until": until}), 422, "invalid")

    assert told["field"] == "until"
    assert room.asks("SELECT FROM inbox") == []


def test_a_link_is_told_once_to_each_key_and_never_kept_in_the_clear(
    program: Program, room: Floor, http: TestClient
) -> None:
    room.holds(Post())

    link = program.does("/creators/1/links", key="link-1")["link"]
    again = program.does("/creators/1/links", key="link-1")["link"]

    assert again == link
    path = link.removeprefix("http://127.0.0.1:8080")
    assert http.get(path).status_code == 200
    assert path.rpartition("/")[2].encode() not in bytes(room.one("SELECT answer FROM api_answers")["answer"])
    assert [each["standing"] for each in program.asks("/creators/1")["links"]] == ["works"]
    assert program.does("/creators/1/links/revoke", {}) == {"count": 1}
    assert http.get(path).status_code != 200


def test_an_advertiser_tells_what_is_exposed_and_is_looked_at(
    program: Program, engine: Engine, clock: HandClock, vault: Vault
) -> None:
    agency.opens(engine, clock, vault)

    told = program.asks(f"/advertisers/{agency.ADVERTISER}")

    assert told["is_connected"] is True
    assert (told["report"]["lapsed"], len(told["lapses"])) == (1, 1)
    assert told["exposure"]["at_risk"][0]["currency"] == "EUR"
    assert program.does(f"/advertisers/{agency.ADVERTISER}/look")["noted"] is True
    problem(program.sends("POST", "/advertisers/7/look"), 404, "not_found")
    problem(program.sends("GET", "/advertisers/7"), 404, "not_found")


# The days ahead


def test_the_days_ahead(program: Program, room: Floor) -> None:
    room.holds(Post(number=1, ends=2.5, flight=30), Post(number=2, ends=80))

    days = program.asks("/calendar?days=30")["days"]
    forecast = program.asks("/forecast")
    today = program.asks("/today")

    assert [(day["day"], day["ends"], day["needed"]) for day in days if day["ends"]] == [("2026-11-24", 1, 1)]
    assert [days[0]["day"], days[-1]["day"]] == ["2026-11-22", "2026-12-22"]
    assert [each["key"] for each in forecast["lapses"]] == [Post(number=1).key]
    assert forecast["lapses"][0]["spend_a_day"] == [{"amount": "100.00", "currency": "EUR"}]
    assert [each["key"] for each in today["lapsing"]] == [Post(number=1).key]
    assert today["states"] == {"active": 2}


def test_the_calendar_and_the_forecast_say_the_same_of_a_date(program: Program, room: Floor) -> None:
    room.clock.advance(timedelta(hours=12, minutes=57))
    ends = (0.02, 0.9, 2.5, 2.95, 11.1, 29.9)
    room.holds(*(Post(number=number, ends=each, flight=60, spend=f"{number}.50") for number, each in enumerate(ends)))

    calendar, forecast = program.asks("/calendar?days=30")["days"], program.asks("/forecast")["days"]

    stops = {day["day"]: day["stops"] for day in calendar}
    assert stops == {day["day"]: day["stops"] for day in forecast}
    stopping = ["2026-11-22", "2026-11-23", "2026-11-25", "2026-12-04", "2026-12-22"]
    assert [day for day, money in stops.items() if money] == stopping
    assert stops["2026-11-25"] == [{"amount": "6.00", "currency": "EUR"}]


# Events, outbox, sweeps


def test_what_waits_is_replayed_by_number_and_by_filter(program: Program, room: Floor) -> None:
    room.holds(Post(number=1), Post(number=2))
    for number in (1, 2):
        program.does("/acts", {"act": "snooze", "keys": [Post(number=number).key], "until": LATER})
    room.works()
    with hot(room.engine) as connection:
        connection.execute(
            "INSERT INTO pending (seq, mailbox, key, status, attempts) "
            "SELECT seq, 0, key, 'parked', 1 FROM inbox ORDER BY seq"
        )

    waiting = program.asks("/events?outcome=parked")["items"]
    assert len(waiting) == 2
    assert program.does(f"/events/{waiting[0]['seq']}/replay")["seqs"] == [waiting[0]["seq"]]
    assert program.does("/events/replay", {"filter": "outcome=parked&sender=operator"})["count"] == 1
    problem(program.sends("POST", "/events/replay", {"filter": "outcome=parked"}), 409, "conflict")
    problem(program.sends("POST", "/events/replay", {"filter": "outcome=moved"}), 422, "invalid")
    for text in ("outcome=parked&keyy=7", "outcome=parked&key=", "outcome=parked&key", "?", "/acts?outcome=parked"):
        told = problem(program.sends("POST", "/events/replay", {"filter": text}), 422, "invalid")
        assert told["field"] == "filter", text
    assert program.asks("/audit?act=events")["items"][0]["actor"] == "token:crm"
    for path in ("/audit?act=zzz", "/events?type=zzz"):
        assert "zzz" not in problem(program.sends("GET", path), 422, "invalid")["detail"]


# Producers, people, tokens


def test_a_producer_is_registered_given_a_new_secret_and_disabled(program: Program, room: Floor) -> None:
    first = program.does("/producers", {"name": "shop"}, key="shop")
    assert program.does("/producers", {"name": "shop"}, key="shop") == first
    second = program.does("/producers/shop/rotate", {"overlap_hours": 0})

    assert first["url"] == "http://127.0.0.1:8080/webhooks/shop"
    assert first["secret"] != second["secret"]
    assert program.does("/producers/shop/disable")["disabled_at"] == "2026-11-22T10:00:00Z"
    assert program.does("/producers/shop/enable")["disabled_at"] is None
    assert first["secret"] not in str(program.asks("/producers"))
    problem(program.sends("POST", "/producers", {"name": "shop"}), 422, "invalid")
    problem(program.sends("POST", "/producers/other/rotate", {}), 404, "not_found")
    assert [act for _, act, _ in audited(room)] == [
        "producer.added",
        "producer.rotated",
        "producer.disabled",
        "producer.enabled",
    ]


def test_a_producer_keeps_the_overlap_that_it_was_promised(program: Program) -> None:
    program.does("/producers", {"name": "till"})
    program.does("/producers/till/rotate", {})

    told = problem(program.sends("POST", "/producers/till/rotate", {}), 409, "conflict")

    assert "would stop it now" in told["detail"]
    assert program.does("/producers/till/rotate", {"stop_older": True})["secret"]


def test_people_are_invited_and_their_roles_changed(program: Program, engine: Engine, clock: HandClock) -> None:
    ada = person(engine, clock, Role.ADMIN)

    made = program.does("/people/invitations", {"email": "bo@example.com", "role": "viewer"})
    link = made["link"]

    assert made["id"] == 1
    assert link.startswith("http://127.0.0.1:8080/welcome/")
    told = problem(program.sends("POST", "/people/invitations", {"email": "bo", "role": "viewer"}), 422, "invalid")
    assert told["field"] == "email"
    [open_] = program.asks("/people/invitations")["items"]
    assert (open_["email"], open_["role"], open_["expires_at"]) == ("bo@example.com", "viewer", "2026-11-23T10:00:00Z")
    assert program.does("/people/invitations/1/withdraw") == {"id": 1, "email": "bo@example.com"}
    assert program.asks("/people/invitations")["items"] == []
    problem(program.sends("POST", "/people/invitations/1/withdraw"), 404, "not_found")
    problem(program.sends("POST", f"/people/{ada.id}/disable"), 409, "conflict")
    person(engine, clock, Role.VIEWER)
    [viewer] = [each for each in program.asks("/people")["items"] if each["role"] == "viewer"]
    assert program.does(f"/people/{viewer['id']}/role", {"role": "operator"})["role"] == "operator"
    assert program.does(f"/people/{viewer['id']}/disable")["disabled_at"]
    assert program.does(f"/people/{viewer['id']}/enable")["disabled_at"] is None
    assert "password" not in str(program.asks("/people"))


def test_a_token_makes_and_revokes_others(program: Program, http: Any, engine: Engine, clock: HandClock) -> None:
    made = program.does("/tokens", {"name": "bi", "scopes": ["read"], "days": 30})
    secret = made["token"]

    other = Program(http, secret)
    assert other.asks("/tokens/own")["scopes"] == ["read"]
    [listed] = [each for each in program.asks("/tokens")["items"] if each["name"] == "bi"]
    assert listed["id"] == made["id"]
    assert (listed["last"], listed["expires_at"]) == (secret[-4:], "2026-12-22T10:00:00Z")
    assert program.does(f"/tokens/{listed['id']}/revoke") == {"id": listed["id"], "name": "bi"}
    problem(other.sends("GET", "/tokens/own"), 401, "not_signed_in")


def test_a_token_that_somebody_made_gives_no_more_than_they_may(http: Any, engine: Engine, clock: HandClock) -> None:
    admin = person(engine, clock, Role.ADMIN)
    program = Program(http, token(engine, clock, Scope.ADMIN, Scope.READ, user_id=admin.id))

    secret = program.does("/tokens", {"name": "new", "scopes": ["read"]})["token"]

    assert Program(http, secret).asks("/tokens/own")["made_by"] == admin.email


def test_a_token_gives_no_scope_that_it_does_not_have(http: Any, engine: Engine, clock: HandClock) -> None:
    program = Program(http, token(engine, clock, Scope.ADMIN))

    told = problem(program.sends("POST", "/tokens", {"name": "new", "scopes": ["admin", "read"]}), 422, "invalid")

    assert (told["field"], "may not read" in told["detail"]) == ("scopes", True)


def test_of_many_registrations_at_once_one_gets_the_name(http: Any, engine: Engine, clock: HandClock) -> None:
    secret = token(engine, clock)

    def makes(path: str, new: dict[str, Any]) -> list[int]:
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(Program(http, secret).sends, "POST", path, new) for _ in range(4)]
        return sorted(answer.result().status_code for answer in answers)

    assert makes("/tokens", {"name": "bi", "scopes": ["read"]}) == [201, 409, 409, 409]
    assert makes("/producers", {"name": "crm", "scheme": "standard"}) == [201, 422, 422, 422]


def test_an_address_that_takes_no_words_refuses_them(program: Program) -> None:
    for path in ("/people", "/tokens", "/producers", "/today", "/tokens/own"):
        told = problem(program.sends("GET", f"{path}?after=zz"), 422, "invalid")
        assert (told["field"], told["detail"]) == (
            "after",
            "after cannot be taken: nothing of this name is known here.",
        )


def test_settings_are_told_without_secrets(program: Program) -> None:
    told = {each["variable"]: each["value"] for each in program.asks("/settings")["items"]}

    assert told["EVERSPARK_API_PER_MINUTE"] == "600"
    assert told["EVERSPARK_VOWS_SECONDS"] == "300"
    assert told["EVERSPARK_SECRET_KEY"] in ("empty", "set, not shown")


# Imports


def test_a_sheet_is_sent_checked_read_and_applied(http: Any, engine: Engine, clock: HandClock, vault: Vault) -> None:
    secret = token(engine, clock)
    program, worker = Program(http, secret), Desk(engine, clock, vault)
    content = sheet(with_code(1), with_end(2), with_end(3, ends="soon")).encode()

    def sends(key: str, body: bytes = content, kind: str = "text/csv") -> Any:
        headers = {"authorization": f"Bearer {secret}", "content-type": kind, "idempotency-key": key}
        return http.post("/api/v1/imports?name=codes.csv", content=body, headers=headers)

    first, again = sends("one"), sends("one")
    number = first.json()["id"]
    worker.works()
    checked = program.asks(f"/imports/{number}")
    rows = list(program.walks(f"/imports/{number}/rows?limit=1"))

    assert (first.status_code, again.json()["id"]) == (201, number)
    assert first.headers["location"] == f"/api/v1/imports/{number}"
    assert (checked["name"], checked["lines"], checked["good"], checked["bad"]) == ("codes.csv", 3, 2, 1)
    assert [(row["line"], row["verdict"]) for row in rows] == [(4, "bad"), (2, "good"), (3, "good")]
    assert problem(program.sends("GET", f"/imports/{number}/rows?after=eA"), 422, "invalid")["field"] == "after"
    assert program.does(f"/imports/{number}/apply")["stage"] == "apply"
    worker.works()
    assert program.asks(f"/imports/{number}")["applied"] == 2
    report = program.sends("GET", f"/imports/{number}/rows.csv")
    assert report.text.count("\n") == 4
    assert code(1) not in report.text
    problem(program.sends("POST", f"/imports/{number}/apply"), 409, "conflict")
    problem(sends("two", b"nothing"), 422, "invalid")
    problem(sends("three", b"{}", "application/json"), 415, "unsupported")
    problem(sends("one", content + b"\n"), 422, "key_reused")
