"""Under the hood: events and their replay, the outbox, the ledger of sweeps, producers, and the audit log."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.people import Role
from infra import inbox, ledger
from infra.broker import make_broker, make_nudges
from infra.chosen import policy_of
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import MAILBOXES, RETRY_AFTER, Letter
from infra.producers import Registry
from infra.reports import events
from infra.reports.events import Wanted
from infra.settings import load
from infra.vault import Vault
from tests import agency
from tests.deliveries import CODE, CREATOR, day, letter
from tests.operator import Operator, quick_passwords
from web.main import make_app
from worker.drain import drain

TOO_LATE = datetime.max.replace(tzinfo=UTC)


@pytest.fixture
def http(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[TestClient]:
    nudges = make_nudges(make_broker(""))
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=nudges, passwords=quick_passwords())
    with TestClient(app, base_url="http://127.0.0.1:8080") as client:
        yield client


@pytest.fixture
def ada(http: TestClient, engine: Engine, clock: HandClock) -> Operator:
    return Operator(http, engine, clock)


@pytest.fixture
def viewer(http: TestClient, engine: Engine, clock: HandClock) -> Operator:
    return Operator(http, engine, clock, Role.VIEWER)


@pytest.fixture
def admin(http: TestClient, engine: Engine, clock: HandClock) -> Operator:
    return Operator(http, engine, clock, Role.ADMIN)


class House:
    """Hears letters, and applies them as a worker does."""

    def __init__(self, engine: Engine, clock: HandClock) -> None:
        self.engine, self.clock = engine, clock

    def hears(self, *letters: Letter) -> None:
        with hot(self.engine) as connection:
            inbox.accept(connection, letters, now=self.clock.now())
        self.settles()

    def settles(self) -> None:
        for mailbox in range(MAILBOXES):
            drain(self.engine, self.clock, policy_of(load()), mailbox)

    def quarantines(self, *letters: Letter) -> None:
        self.hears(*letters)
        for wait in RETRY_AFTER:
            self.clock.advance(wait)
            self.settles()

    def audited(self) -> list[tuple[str, str, str | None]]:
        with hot(self.engine) as connection:
            return connection.execute("SELECT actor, act, subject FROM audit ORDER BY id").fetchall()


@pytest.fixture
def house(engine: Engine, clock: HandClock) -> House:
    return House(engine, clock)


def requested(event_id: str, number: int = 1) -> Letter:
    post = str(7300000000000000000 + number)
    return letter(
        "authorization.requested", day(0), event_id=event_id, post=post, route="code", days=30, creator=CREATOR
    )


def poison(event_id: str, number: int = 1) -> Letter:
    """No producer gets such an instant through; to the plan it is as good as a bug."""
    return replace(requested(event_id, number), occurred_at=TOO_LATE)


def numbers(page: str) -> list[int]:
    """The events that a list shows."""
    return [int(seq) for seq in re.findall(r'href="/events/(\d+)"', page)]


class TestEvents:
    def test_an_empty_inbox_tells_what_comes_here(self, ada: Operator) -> None:
        assert ada.opens("/events").status_code == 200
        assert "Nothing was heard yet" in ada.text
        assert "Nothing raised an error" in (ada.opens("/events?outcome=quarantined"), ada.text)[1]

    def test_they_are_found_by_outcome_sender_type_key_age_and_number(
        self, ada: Operator, house: House, clock: HandClock
    ) -> None:
        house.hears(requested("one", 1))
        clock.advance(timedelta(hours=2))
        house.hears(requested("two", 2), letter("ad.stopped", day(1), event_id="three", post="9", ad={"ad_id": "4"}))
        second = requested("two", 2)

        found = {
            query: numbers(ada.opens(f"/events?{query}").text)
            for query in (
                "",
                "outcome=moved",
                "outcome=early",
                f"sender={second.sender.removeprefix('producer:')}",
                "sender=nobody",
                "type=ad.stopped",
                "type=tiktok.ping",
                f"key={second.key}",
                "age=hour",
                "first=2&last=2",
                "before=2",
            )
        }

        assert found.pop("") == [3, 2, 1]
        assert found == {
            "outcome=moved": [2, 1],
            "outcome=early": [3],
            f"sender={second.sender.removeprefix('producer:')}": [3, 2, 1],
            "sender=nobody": [],
            "type=ad.stopped": [3],
            "type=tiktok.ping": [],
            f"key={second.key}": [2],
            "age=hour": [3, 2],
            "first=2&last=2": [2],
            "before=2": [1],
        }

    @pytest.mark.parametrize(
        "query", ["outcome=lost", "type=zzz", "age=century", "first=x", "last=-1", f"key={'k' * 300}"]
    )
    def test_what_cannot_be_read_is_said(self, ada: Operator, query: str) -> None:
        assert ada.opens(f"/events?{query}").status_code == 422
        assert 'role="alert"' in ada.page.text

    def test_pages_follow_each_other_and_a_search_stops_after_its_window(self, house: House, clock: HandClock) -> None:
        house.hears(*(requested(f"{number}", number) for number in range(1, 8)))
        wanted = Wanted(type="ad.stopped")

        with hot(house.engine) as connection:
            first = events.page(connection, Wanted(), limit=4, now=clock.now())
            rest = events.page(connection, Wanted(), before=first.more, limit=4, now=clock.now())
            searched = events.page(connection, wanted, limit=4, window=5, now=clock.now())
            on = events.page(connection, wanted, before=searched.more, limit=4, window=5, now=clock.now())

        assert [[row["seq"] for row in page.rows] for page in (first, rest)] == [[7, 6, 5, 4], [3, 2, 1]]
        assert (first.more, rest.more) == (4, None)
        assert (searched.rows, searched.more, searched.is_cut) == ([], 3, True)
        assert (on.rows, on.more, on.is_cut) == ([], None, False)

    def test_one_that_raised_is_read_with_its_traceback_and_replayed(self, ada: Operator, house: House) -> None:
        house.quarantines(poison("bad"))

        assert numbers(ada.opens("/events?outcome=quarantined").text) == [1]
        ada.opens("/events/1")
        assert "raised an error" in ada.text
        assert "OverflowError" in ada.text
        assert '"handle"' in html.unescape(ada.page.text)
        answer = ada.sends("/events/1/replay")

        assert (answer.status_code, answer.headers["location"]) == (303, "/events/1?replayed")
        assert "ready again" in (ada.opens("/events/1?replayed"), ada.text)[1]
        assert house.audited()[-1] == ("user:ada.operator@example.com", "events.replayed", "event/1")
        assert ada.sends("/events/1/replay").status_code == 409

    def test_the_headers_of_its_delivery_are_shown_where_one_brought_it(self, ada: Operator, house: House) -> None:
        house.hears(replace(requested("one"), headers=b'{"user-agent": "crm/<1.2>"}'), requested("two", 2))

        ada.opens("/events/1")
        assert '<dt>user-agent</dt><dd class="id">crm/&lt;1.2&gt;</dd>' in ada.page.text
        assert "Its headers" not in (ada.opens("/events/2"), ada.text)[1]

    def test_a_replayed_one_is_applied_once_what_was_wrong_is_mended(
        self, ada: Operator, house: House, engine: Engine
    ) -> None:
        house.quarantines(poison("bad"))
        with hot(engine) as connection:
            connection.execute("UPDATE inbox SET occurred_at = received_at")

        ada.opens("/events/1")
        ada.sends("/events/1/replay")
        house.settles()

        ada.opens("/events/1")
        assert "state changed" in ada.text
        assert 'href="/authorizations/1"' in ada.page.text
        assert "Replay it" not in ada.text

    def test_the_ticked_or_all_that_match_are_replayed(self, ada: Operator, house: House) -> None:
        house.quarantines(*(poison(f"{number}", number) for number in range(1, 6)))
        last = poison("5", 5)

        ada.opens("/events?outcome=quarantined")
        assert "Replay all 5 that match" in ada.text
        answer = ada.sends("/events/replay", query="outcome=quarantined", seq=["1", "3"])
        assert answer.headers["location"] == "/events?outcome=quarantined&replayed=2"
        assert numbers(ada.opens(answer.headers["location"]).text) == [5, 4, 2]
        assert "2 are ready again" in ada.text
        answer = ada.sends("/events/replay", query=f"outcome=quarantined&key={last.key}", everything="1")
        assert answer.headers["location"].endswith("replayed=1")
        assert numbers(ada.opens("/events?outcome=quarantined").text) == [4, 2]

        assert ada.sends("/events/replay", query="outcome=quarantined").status_code == 422
        ada.opens("/events")
        assert ada.sends("/events/replay", query="outcome=moved", everything="1").status_code == 422
        for text in ("outcome=quarantined&keyy=1", "outcome=quarantined&key=", "foo", "?"):
            ada.opens("/events")
            assert ada.sends("/events/replay", query=text, everything="1").status_code == 422, text
        assert ada.opens("/events?outcom=quarantined").status_code == 422
        assert "outcom: no part of a filter" in ada.text
        ada.opens("/events")
        assert ada.sends("/events/replay", query="", seq=["1"]).status_code == 409

    def test_a_viewer_reads_and_has_nothing_to_press(self, viewer: Operator, house: House) -> None:
        house.quarantines(poison("bad"))

        assert "Replay" not in (viewer.opens("/events?outcome=quarantined"), viewer.text)[1]
        assert "Replay" not in (viewer.opens("/events/1"), viewer.text)[1]
        viewer.opens("/account")
        assert viewer.sends("/events/1/replay").status_code == 403

    def test_what_is_sealed_is_never_read(self, ada: Operator, house: House) -> None:
        house.hears(letter("code.submitted", day(0), event_id="code", code=CODE))

        ada.opens("/events/1")

        assert "kept sealed" in ada.text
        assert CODE not in html.unescape(ada.page.text)
        assert '"last"' in ada.text

    def test_there_is_none_of_another_number(self, ada: Operator) -> None:
        assert ada.opens("/events/987").status_code == 404
        assert "There is no such event; those that were handled are forgotten after a time." in ada.text
        assert 'The list has all that there are.</p>\n  <p><a class="button" href="/events">Events</a>' in ada.page.text
        assert "openapi" not in ada.page.text


class TestOutbox:
    @pytest.fixture(autouse=True)
    def _lived(self, engine: Engine, clock: HandClock, vault: Vault) -> None:
        agency.opens(engine, clock, vault)

    @pytest.fixture
    def message(self, _lived: None, engine: Engine) -> int:
        with hot(engine) as connection:
            query = "SELECT id FROM outbox WHERE kind = 'ask.mail' AND status = 'done' ORDER BY id LIMIT 1"
            return int(connection.execute(query).fetchall()[0][0])

    def test_it_tells_what_is_owed_to_whom_and_why_it_waits(self, ada: Operator, engine: Engine, message: int) -> None:
        with hot(engine) as connection:
            connection.execute(
                "UPDATE outbox SET status = 'owed', settled_at = NULL, last_error = 'waiting for TikTok' WHERE id = %s",
                [message],
            )

        ada.opens("/outbox?status=owed")

        assert "1 owed" in ada.text
        assert "Message that asks the creator to extend" in ada.text
        assert "@maya.moves" in ada.text
        assert "waiting for TikTok" in ada.text
        assert ada.opens("/outbox?status=lost").status_code == 422

    def test_what_failed_and_what_is_in_doubt_is_found(self, ada: Operator, engine: Engine, message: int) -> None:
        assert "Nothing failed" in (ada.opens("/outbox?status=failed"), ada.text)[1]
        assert "Nothing is in doubt" in (ada.opens("/outbox?status=uncertain"), ada.text)[1]
        assert "Uncertain: the answer was lost, so it may have happened." in ada.text
        with hot(engine) as connection:
            connection.execute(
                "UPDATE outbox SET status = 'failed', last_error = 'ReadTimeout' WHERE id = %s", [message]
            )

        ada.opens("/outbox?status=failed&kind=ask.mail")

        assert f'href="/outbox/{message}"' in ada.page.text
        assert "it did not answer in time (ReadTimeout)" in ada.text
        assert f'href="/outbox/{message}"' not in ada.opens("/outbox?status=failed&kind=look.one").text
        assert f'href="/outbox/{message}"' not in ada.opens("/outbox?status=done").text

    @pytest.mark.parametrize("word", ["uncertain", "cancelled"])
    def test_how_it_stands_is_called_as_addresses_and_documentation_call_it(
        self, ada: Operator, engine: Engine, message: int, word: str
    ) -> None:
        with hot(engine) as connection:
            connection.execute("UPDATE outbox SET status = %s WHERE id = %s", [word, message])

        assert f">{word}</span>" in ada.opens(f"/outbox?status={word}").text
        assert f"stands {word} " in (ada.opens(f"/outbox/{message}"), ada.text)[1]
        assert f"{word.capitalize()}: " in ada.text

    def test_a_message_reads_as_its_creator_has_it_but_for_the_link(self, ada: Operator, message: int) -> None:
        ada.opens(f"/outbox/{message}")

        assert "As the creator has it" in ada.text
        assert "to maya.moves@creators.test" in ada.text
        assert "Bonjour Maya" in ada.text
        assert ada.page.text.count('lang="fr"') == len(("the subject", "the text"))
        assert "[their own link]" in ada.text
        assert "/c/" not in ada.page.text
        assert "the-link.example" not in ada.page.text

    def test_one_that_is_owed_reads_as_it_would_be_sent(self, ada: Operator, engine: Engine, message: int) -> None:
        with hot(engine) as connection:
            connection.execute("UPDATE outbox SET status = 'owed', settled_at = NULL WHERE id = %s", [message])

        ada.opens(f"/outbox/{message}")

        assert "As the creator would get it now" in ada.text
        assert "Bonjour Maya" in ada.text

    def test_a_link_to_give_access_by_stays_in_its_message(self, ada: Operator, engine: Engine) -> None:
        link = "https://business.tiktok.example/give?token=sesame"
        with hot(engine) as connection:
            ((number,),) = connection.execute(
                "INSERT INTO outbox (kind, key, authorization_id, idempotency_key, payload, due_at, created_at)"
                " VALUES ('access.mail', 'k', 1, 'a-1', jsonb_build_object('link', %s::text), now(), now()) RETURNING id",
                [link],
            ).fetchall()

        ada.opens(f"/outbox/{number}")

        assert "[their own link]" in ada.text
        assert "sesame" not in ada.page.text
        assert ada.opens("/outbox/987654").status_code == 404


class TestSweeps:
    def swept(self, engine: Engine, clock: HandClock, job: str = "expire", *, error: str | None = None) -> None:
        now = clock.now()
        with hot(engine) as connection:
            number = ledger.begin(connection, job=job, slot=now, fence=1, now=now)
            assert number is not None
            ledger.end(connection, number, found=3, error=error, now=now + timedelta(seconds=1))

    def test_before_any_it_says_what_to_start(self, viewer: Operator) -> None:
        viewer.opens("/sweeps")

        assert "No sweep has ever run" in viewer.text
        assert "never ran" in viewer.text

    def test_it_tells_the_pace_of_each_job_its_longest_gap_and_that_one_is_late(
        self, viewer: Operator, engine: Engine, clock: HandClock
    ) -> None:
        for wait in (10, 10, 10, 900, 10):
            self.swept(engine, clock)
            clock.advance(timedelta(seconds=wait))

        viewer.opens("/sweeps")
        row = " ".join(viewer.text.partition("ends periods whose time is over")[2][:80].split())
        assert row.startswith("on time just now 3 10 s"), row
        clock.advance(timedelta(minutes=3))

        assert "over late 3 min ago" in (viewer.opens("/sweeps?job=expire"), viewer.text)[1]

    def test_a_young_house_has_no_gap_before_its_first_run(
        self, viewer: Operator, engine: Engine, clock: HandClock
    ) -> None:
        for _ in range(3):
            self.swept(engine, clock)
            clock.advance(timedelta(seconds=10))

        viewer.opens("/sweeps")

        row = viewer.text.partition("ends periods whose time is over")[2]
        assert row.startswith(" on time just now 3 10 s 10 s"), row[:80]

    def test_a_failure_stands_with_its_reason(self, viewer: Operator, engine: Engine, clock: HandClock) -> None:
        self.swept(engine, clock, "vows", error="grants overlap: 3 rows")
        self.swept(engine, clock, "prune")

        viewer.opens("/sweeps?loud")

        assert "broken vows" in viewer.text
        assert "grants overlap: 3 rows" in viewer.text
        assert "prune" not in viewer.page.text.partition('id="runs"')[2].partition("<tbody>")[2]
        assert viewer.opens("/sweeps?job=dance").status_code == 422


class TestProducers:
    def test_one_is_registered_rotated_and_disabled(
        self, admin: Operator, house: House, engine: Engine, vault: Vault
    ) -> None:
        registry = Registry(engine, vault)
        admin.opens("/producers")
        assert "Nobody may send yet" in admin.text

        admin.sends("/producers", name="crm", scheme="standard")
        first = admin.field("The secret of crm")
        assert "/webhooks/crm" in admin.text
        admin.sends("/producers/crm/rotate", overlap="24")
        second = admin.field("The secret of crm")
        registry.refresh()
        known, _ = registry.find("crm")

        assert known is not None
        assert [secret.text for secret in known.secrets] == [second, first]
        assert "the old one until" in (admin.opens("/producers"), admin.text)[1]
        assert second not in admin.page.text
        assert admin.sends("/producers/crm/disable").status_code == 303
        registry.refresh()
        assert registry.find("crm") == (None, "")
        assert [(act, subject) for _, act, subject in house.audited()] == [
            ("producer.added", "crm"),
            ("producer.rotated", "crm"),
            ("producer.disabled", "crm"),
        ]

    def test_the_form_of_a_rotation_works_once_and_asks_before_it_stops_an_older_secret(
        self, admin: Operator, house: House
    ) -> None:
        admin.opens("/producers")
        admin.sends("/producers", name="crm", scheme="standard")
        fields: dict[str, Any] = {
            "overlap": "24",
            "present": admin.page.text.partition('name="present" value="')[2][:32],
        }
        path = "/producers/crm/rotate"

        assert "Stop the older one now" not in admin.text
        assert admin.sends(path, **fields).status_code == 200
        assert "Stop the older one now" in admin.text
        again = admin.sends(path, **fields, stop_older="1")
        assert (again.status_code, "was changed since this form was opened" in admin.text) == (422, True)
        fields["present"] = admin.page.text.partition('name="present" value="')[2][:32]
        assert admin.sends(path, **fields).status_code == 422
        assert "would stop it now" in admin.text
        assert admin.sends(path, **fields, stop_older="1").status_code == 200
        assert [act for _, act, _ in house.audited()].count("producer.rotated") == 2

    @pytest.mark.parametrize(
        ("path", "fields", "status"),
        [
            ("/producers", {"name": "C R M", "scheme": "standard"}, 422),
            ("/producers", {"name": "crm", "scheme": "whisper"}, 422),
            ("/producers", {"name": "crm", "scheme": "tiktok-developer"}, 422),
            ("/producers/nobody/rotate", {"overlap": "24"}, 422),
            ("/producers/nobody/rotate", {"overlap": "9000"}, 422),
            ("/producers/nobody/disable", {}, 404),
        ],
    )
    def test_what_cannot_be_done_is_said(
        self, admin: Operator, house: House, path: str, fields: dict[str, Any], status: int
    ) -> None:
        admin.opens("/producers")

        assert admin.sends(path, **fields).status_code == status
        assert house.audited() == []

    def test_the_share_of_events_that_wait_for_a_person_stands_beside_it(
        self, admin: Operator, viewer: Operator, house: House
    ) -> None:
        sender = requested("x").sender.removeprefix("producer:")
        admin.opens("/producers")
        admin.sends("/producers", name=sender, scheme="path")
        house.quarantines(poison("bad", 1), requested("good", 2))

        viewer.opens("/producers")

        assert "2 1 wait for a person, 50.0 %" in viewer.text
        assert "Rotate" not in viewer.text
        assert "Register" not in viewer.text


def test_the_audit_log_is_read_by_who_what_and_on_what(admin: Operator, ada: Operator, house: House) -> None:
    house.quarantines(poison("bad"))
    admin.opens("/producers")
    admin.sends("/producers", name="crm", scheme="path")
    ada.opens("/events/1")
    ada.sends("/events/1/replay")

    def acts(query: str) -> list[str]:
        page = ada.opens(f"/audit?{query}").text
        return re.findall(r'data-label="What"><span>([^<]+)', page)

    assert acts("") == ["events.replayed", "producer.added"]
    assert acts("actor=ada.operator@example.com") == ["events.replayed"]
    assert acts("actor=user%3Aada.admin%40example.com") == ["producer.added"]
    assert acts("act=producer") == ["producer.added"]
    assert acts("act=endpoint") == []
    assert acts("subject=event/1") == ["events.replayed"]
    assert acts("subject=event/2&actor=cli") == []
    assert "Nothing of the kind" in ada.text
    assert ada.opens("/audit?act=prod").status_code == 422
    assert "No act is called like that; there are act, advertiser," in ada.text
    assert ada.opens("/audit?act=producer.lost").status_code == 422
    assert "there are producer.added, producer.rotated, producer.disabled, producer.enabled." in ada.text
