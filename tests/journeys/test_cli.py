"""The command line against a database with something in it: answers, tables, JSON and exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from domain.next_steps import status_in_words
from everspark import address
from everspark.cli import main
from everspark.doctor import NAMES
from infra import inbox, ledger, links
from infra.clock import RunningClock, SystemClock
from infra.database import hot
from infra.inbox import Letter
from infra.links import Expired, Unknown
from infra.settings import load
from infra.vault import Vault
from tests.journeys.commands import Command, Ended
from tests.portfolio import Post, holds
from worker.access import NO_CENTER, NOT_LINKED, NOT_YET
from worker.cases import UNCONNECTED
from worker.pay import NO_SMTP

KEY = "7200000000000000001/7300000000000000001"
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.fixture
def everspark(engine: Engine, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on this run's database."""

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data", str(data_dir)])
        said = capsys.readouterr()
        return Ended(code=ended.value.code or 0, out=said.out, err=said.err)

    return run


def an_authorization(engine: Engine, *, key: str = KEY, state: str = "active") -> None:
    advertiser, _, subject = key.partition("/")
    values = {"key": key, "advertiser": advertiser, "state": state, "now": NOW, "ends": NOW + timedelta(days=30)}
    values |= {"item": None, "handle": subject[1:]} if subject.startswith("@") else {"item": subject, "handle": None}
    with hot(engine) as connection:
        connection.execute(
            "insert into authorizations (key, advertiser_id, item_id, account_handle, route, state, state_reason,"
            " state_since, starts_at, expires_at, next_action, next_action_at, why, created_at, updated_at)"
            " values (%(key)s, %(advertiser)s, %(item)s, %(handle)s, 'code', %(state)s, 'granted', %(now)s, %(now)s,"
            " %(ends)s, 'ask', %(ends)s, 'window_opens', %(now)s, %(now)s)",
            values,
        )
        connection.execute(
            "insert into history (authorization_id, seq, at, recorded_at, event, outcome, to_state, reason)"
            " select id, 1, %(now)s, %(now)s, 'CodeGranted', 'moved', 'active', 'granted'"
            " from authorizations where key = %(key)s",
            values,
        )


def an_event(engine: Engine, *, event_id: str = "e-1", status: str = "ready") -> None:
    letter = Letter(
        sender="producer:crm", event_id=event_id, type="ad.stopped", key=KEY, occurred_at=NOW, data=b'{"ad": {}}'
    )
    with hot(engine) as connection:
        inbox.accept(connection, [letter], now=NOW)
        connection.execute("update pending set status = %s where seq = (select max(seq) from inbox)", [status])


def test_show_answers_exactly_what_is_promised(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)

    shown = everspark("show", KEY, "--json").json

    assert {name: shown[name] for name in shown if name not in {"key", "history", "asks", "endings", "money"}} == {
        "advertiser_id": "7200000000000000001",
        "item_id": "7300000000000000001",
        "route": "code",
        "state": "active",
        "condition": "public",
        "expires_at": "2026-12-22T10:00:00Z",
        "next_action": "ask",
        "next_action_at": "2026-12-22T10:00:00Z",
        "why": "window_opens",
        "suggested_at": None,
        "suggestion": None,
        "decided_at": None,
        "decided_why": None,
        "withheld_at": None,
        "withheld_why": None,
        "confirmed": None,
        "post": None,
        "owed": [],
        "next_step": None,
    }
    assert shown["money"] == {"spend_a_day": [], "at_risk": [], "last_7_days": []}
    assert shown["history"][0]["event"] == "CodeGranted"
    assert shown["history"][0]["at"] == "2026-11-22T10:00:00Z"


def test_account_access_is_found_by_handle(everspark: Command, engine: Engine) -> None:
    an_authorization(engine, key="7200000000000000001/@maya.moves")

    assert everspark("show", "7200000000000000001/@Maya.Moves", "--json").json["account"] == "maya.moves"


def test_show_for_people(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)

    said = everspark("show", KEY).out

    assert re.search(r"next_action_at +2026-12-22 10:00:00Z", said)
    assert "CodeGranted" in said


def test_what_is_not_there_is_code_3(everspark: Command) -> None:
    ended = everspark("show", "1/2")

    assert ended.code == 3
    assert "There is no authorization 1/2" in ended.err


def an_ask(engine: Engine, *, status: str = "owed", last_error: str | None = None) -> None:
    values = {"now": NOW, "status": status, "error": last_error}
    with hot(engine) as connection:
        connection.execute(
            "insert into outbox (kind, key, authorization_id, idempotency_key, payload, status, due_at,"
            " last_error, created_at)"
            " values ('ask.mail', 'k', 1, 'once', '{}', %(status)s, %(now)s, %(error)s, %(now)s)",
            values,
        )
        connection.execute(
            "insert into asks (authorization_id, period_ends_at, rung, urgency, days, asked_at, outbox_id)"
            " values (1, %(now)s, 0, 'window', 30, %(now)s, 1)",
            values,
        )


def test_show_tells_what_became_of_the_messages(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    an_ask(engine, last_error="no mail server is configured")

    [ask] = everspark("show", KEY, "--json").json["asks"]

    assert ask == {
        "rung": 0,
        "days": 30,
        "asked_at": "2026-11-22T10:00:00Z",
        "sent_at": None,
        "status": "owed",
        "reason": "no mail server is configured",
        "looked_at_again": "2026-11-22T10:00:00Z",
    }
    assert re.search(r"owed +no mail server is configured", everspark("show", KEY).out)


def an_effect(
    engine: Engine, *, kind: str, status: str = "owed", last_error: str | None = None, **payload: str
) -> None:
    """An effect of the authorization that was made first."""
    values = {
        "kind": kind,
        "key": KEY,
        "status": status,
        "error": last_error,
        "now": NOW,
        "payload": json.dumps(payload),
    }
    values["settled_at"] = None if status in ("owed", "paying") else NOW
    with hot(engine) as connection:
        connection.execute(
            "insert into outbox (kind, key, authorization_id, idempotency_key, payload, status, due_at, last_error,"
            " created_at, settled_at) values (%(kind)s, %(key)s, 1, gen_random_uuid()::text, %(payload)s, %(status)s,"
            " %(now)s, %(error)s, %(now)s, %(settled_at)s)",
            values,
        )


def test_show_says_what_is_owed_and_why_it_waits_with_the_link(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    an_effect(engine, kind="account.access", last_error=NO_CENTER)
    an_effect(engine, kind="access.mail", last_error=NO_SMTP, link="https://tiktok.example/give?token=1")
    an_effect(engine, kind="code.check", last_error="ConnectError")

    access, mail, check = everspark("show", KEY, "--json").json["owed"]
    said = everspark("show", KEY).out

    assert (access["kind"], access["what"]) == ("account.access", "access to the creator's account")
    assert (access["status"], access["since"], access["reason"]) == ("owed", "2026-11-22T10:00:00Z", NO_CENTER)
    assert (mail["link"], access["link"]) == ("https://tiktok.example/give?token=1", None)
    assert check["reason"] == "it could not be reached (ConnectError)"
    assert "--bc" in said
    assert "\n  https://tiktok.example/give?token=1\n" in said


def test_what_is_over_is_not_owed(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    an_effect(engine, kind="code.check", status="done")
    an_effect(engine, kind="account.access", status="failed", last_error="it is over")

    [failed] = everspark("show", KEY, "--json").json["owed"]

    assert (failed["status"], failed["reason"]) == ("failed", "it is over")


@pytest.mark.parametrize(
    ("kind", "reason", "remedy"),
    [
        ("ask.mail", NO_SMTP, "set EVERSPARK_SMTP_URL"),
        ("account.access", NO_CENTER, "--bc"),
        ("own.confirm", NOT_LINKED, "link the account"),
        ("code.check", UNCONNECTED, "everspark advertiser connect"),
    ],
)
def test_doctor_counts_what_waits_for_a_person(
    everspark: Command, engine: Engine, kind: str, reason: str, remedy: str
) -> None:
    an_authorization(engine)
    an_effect(engine, kind=kind, last_error=reason)
    an_effect(engine, kind=kind, last_error=reason)

    [waits] = everspark("doctor", "--only", "waits", "--json").json["findings"]

    assert not waits["ok"]
    assert waits["detail"].startswith("2 × ")
    assert remedy in waits["remedy"]


def test_what_waits_for_its_turn_or_a_creator_is_well(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    an_effect(engine, kind="code.check", last_error="waiting for TikTok")
    an_effect(engine, kind="account.access", last_error=NOT_YET)

    [waits] = everspark("doctor", "--only", "waits", "--json").json["findings"]

    assert (waits["ok"], waits["detail"], waits["remedy"]) == (True, "2 in their turn", "")


def test_an_uncertain_call_settles_itself_and_a_failed_one_wants_a_person(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    an_effect(engine, kind="code.check", status="uncertain")
    with hot(engine) as connection:
        connection.execute("update outbox set settled_at = clock_timestamp()")
    first = everspark("doctor", "--only", "outbox", "--only", "calls", "--json").json["findings"]
    an_effect(engine, kind="code.check", status="failed")
    with hot(engine) as connection:
        connection.execute("update outbox set settled_at = clock_timestamp()")
    [calls] = everspark("doctor", "--only", "calls", "--json").json["findings"]

    assert [(each["ok"], each["remedy"]) for each in first] == [(True, ""), (True, "")]
    assert "1 uncertain, settled by reading TikTok" in first[1]["detail"]
    assert not calls["ok"]
    assert f"1 failed in the last 7 days ({KEY})" in calls["detail"]


@pytest.fixture
def demo_folder(data_dir: Path) -> Iterator[Path]:
    """A folder that a demo has run on."""
    with address.announced(load(data_dir=data_dir), RunningClock(NOW + timedelta(days=900), 60)):
        pass
    yield data_dir
    (data_dir / address.DEMO).unlink()


@pytest.mark.usefixtures("demo_folder")
def test_beside_a_demo_nothing_is_called_missing(everspark: Command, engine: Engine) -> None:
    with hot(engine) as connection:
        ledger.begin(connection, job="expire", slot=NOW, fence=1, now=NOW + timedelta(days=900))

    found = {each["name"]: each for each in everspark("doctor", "--json").json["findings"]}
    looked = everspark("look")

    assert found["tiktok"]["detail"].startswith("simulated")
    assert found["smtp"]["detail"].startswith("simulated")
    assert (found["sweeps"]["ok"], found["sweeps"]["detail"]) == (False, "the demo is stopped")
    assert looked.code == 2
    assert "cannot be looked at from beside it" in looked.err


def told(engine: Engine, *, reason: str, note: str | None = None) -> None:
    with hot(engine) as connection:
        connection.execute(
            "insert into history (authorization_id, seq, at, recorded_at, event, outcome, to_state, reason, note)"
            " values (1, 2, %(now)s, %(now)s, 'x', 'moved', 'revoked', %(reason)s, %(note)s)",
            {"now": NOW, "reason": reason, "note": note},
        )


def test_a_revoked_one_says_whom_to_ask(everspark: Command, engine: Engine) -> None:
    an_authorization(engine, state="expired")
    with hot(engine) as connection:
        connection.execute("update authorizations set state = 'revoked', revoked_at = state_since")
    told(engine, reason="withdrawn")

    assert "Next step: Ask the creator why it was taken back" in everspark("show", KEY).out


def test_a_refused_one_says_its_remedy_until_something_newer_is_heard(everspark: Command, engine: Engine) -> None:
    an_authorization(engine, state="requested")
    told(engine, reason="code_refused", note="The post was deleted. Choose another post.")
    refused = everspark("show", KEY, "--json").json["next_step"]
    told(engine, reason="waiting_for_tiktok")

    assert refused == "The post was deleted. Choose another post."
    assert everspark("show", KEY, "--json").json["next_step"] is None


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("HESITATE_RECOMMEND", "HESITATE_RECOMMEND (public)"),
        ("ITEM_STATUS_REVIEW_PENDING", "ITEM_STATUS_REVIEW_PENDING (under review)"),
        ("A_NEW_WORD", "A_NEW_WORD"),
        (None, None),
    ],
)
def test_a_status_has_a_plain_word_beside_it(status: str | None, shown: str | None) -> None:
    assert status_in_words(status) == shown


def test_only_what_has_ended_is_unbound(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)

    ended = everspark("unbind", KEY)

    assert ended.code == 1
    assert f"{KEY} is active: only a post whose authorization" in ended.err
    assert everspark("events", "list", "--json").json == []


def test_a_key_whose_events_wait_says_so(everspark: Command, engine: Engine) -> None:
    an_event(engine, event_id="e-1", status="early")
    an_event(engine, event_id="e-2", status="parked")

    ended = everspark("show", KEY)

    assert ended.code == 3
    assert "1 early, 1 parked" in ended.err
    assert everspark("doctor", "--only", "events", "--json").json["findings"][0]["remedy"].endswith("--status parked`")


@pytest.mark.parametrize(
    "arguments", [("list",), ("show", KEY), ("events", "list"), ("doctor",), ("producer", "list")], ids=" ".join
)
def test_looking_makes_no_database(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "misspelt"
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--data", str(folder)])

    assert ended.value.code == 1
    assert f"There is no database in {folder} yet" in capsys.readouterr().err
    assert not folder.exists()


def test_doctor_counts_spend_that_was_only_stated_and_says_whose_settings_it_read(
    everspark: Command, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVERSPARK_SMTP_URL", raising=False)
    first = everspark("doctor", "--only", "spend", "--only", "smtp", "--json").json["findings"]
    holds(engine, [Post(number=1, ends=3, spend="500")], now=SystemClock().now())
    [spend] = everspark("doctor", "--only", "spend", "--json").json["findings"]

    assert {each["name"]: each["detail"] for each in first} == {
        "spend": "none measured or stated",
        "smtp": "not in this shell's environment (EVERSPARK_SMTP_URL); of a service without it messages wait",
    }
    assert spend["detail"] == "500.00 EUR a day on 1 active"


def test_the_list_is_sorted_as_in_the_room(everspark: Command, engine: Engine) -> None:
    posts = [Post(number=1, ends=3, spend="1"), Post(number=2, ends=25, spend="9000"), Post(number=3, ends=12)]
    holds(engine, posts, now=SystemClock().now())

    def listed(*arguments: str) -> list[int]:
        keys = [row["key"] for row in everspark("list", "--json", *arguments).json]
        return [int(key[-1]) for key in keys]

    assert listed() == listed("--sort", "newest") == [3, 2, 1]
    assert listed("--sort", "end", "--state", "active") == [1, 3, 2]
    assert listed("--sort", "money", "--limit", "2") == [2, 3]
    assert listed("--advertiser", posts[0].advertiser, "--sort", "end") == [1, 3, 2]
    assert listed("--advertiser", "72") == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("list",), "There are no such authorizations.\n"),
        (("creator", "list"), "There are no creators yet.\n"),
        (("producer", "list"), "There are no producers yet.\n"),
        (("endpoint", "list"), "There are no endpoints yet.\n"),
        (("advertiser", "list"), "There are no advertisers yet.\n"),
        (("token", "list"), "There are no tokens yet.\n"),
        (("user", "list"), "There is nobody yet.\n"),
        (("events", "list", "--status", "parked"), "There are no such events.\n"),
        (("outbox", "list"), "Nothing such is or was owed.\n"),
        (("endings",), "No period ended in the last 30 days.\n"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)
def test_where_there_is_nothing_a_sentence_says_so(
    everspark: Command, engine: Engine, arguments: tuple[str, ...], sentence: str
) -> None:
    assert everspark(*arguments).out == sentence


def test_show_says_what_a_key_looks_like_and_counts_money_and_asks_as_people_do(
    everspark: Command, engine: Engine
) -> None:
    strange = everspark("show", "foo")
    assert (strange.code, "ADVERTISER/POST, or ADVERTISER/@HANDLE" in strange.err) == (3, True), strange.err

    now, post = SystemClock().now(), Post(number=1, ends=3, spend="12345.5")
    holds(engine, [post], now=now)
    with hot(engine) as connection:
        connection.execute(
            "INSERT INTO asks (authorization_id, period_ends_at, rung, urgency, days, asked_at)"
            " SELECT id, expires_at, 3, 'window', 30, %s FROM authorizations",
            [now],
        )
    told, (listed,) = everspark("show", post.key).out, everspark("creator", "list", "--json").json

    assert "spend a day       12,345.50 EUR" in re.sub(r"(?m)^spend a day +", "spend a day       ", told)
    [heading, ask] = told.partition("Asks, and their messages")[2].splitlines()[1:3]
    assert (heading.split()[0], ask.split()[0]) == ("ask", "4")
    assert listed["has_email"] is True
    assert " yes " in everspark("creator", "list").out


def test_doctor_lists_what_it_looks_at(everspark: Command) -> None:
    ended = everspark("doctor", "--only", "nothing")

    assert ended.code == 2
    assert "key, database, clock" in ended.err


def test_list_filters(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    an_authorization(engine, key="9/9", state="expired")

    assert [row["key"] for row in everspark("list", "--json").json] == ["9/9", KEY]
    assert [row["key"] for row in everspark("list", "--state", "active", "--json").json] == [KEY]
    assert [row["key"] for row in everspark("list", "--advertiser", "9", "--json").json] == ["9/9"]
    assert len(everspark("list", "--limit", "1", "--json").json) == 1


def test_a_state_that_does_not_exist_is_code_2(everspark: Command) -> None:
    assert everspark("list", "--state", "asleep").code == 2


def test_a_producer_is_added_listed_rotated_and_disabled(everspark: Command) -> None:
    added = everspark("producer", "add", "crm", "--scheme", "standard", "--json").json
    rotated = everspark("producer", "rotate", "crm", "--json").json
    assert everspark("producer", "disable", "crm").code == 0
    listed = everspark("producer", "list", "--json")

    assert list(added) == ["name", "scheme", "url", "secret"]
    assert added["url"] == "http://127.0.0.1:8080/webhooks/crm"
    assert added["secret"] != rotated["secret"]
    assert added["secret"] not in listed.out
    assert rotated["secret"] not in listed.out
    assert listed.json[0]["disabled_at"] is not None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("producer", "add", "Not A Name"), 2),
        (("producer", "add", "crm", "--scheme", "tiktok-developer"), 2),
        (("producer", "rotate", "nobody"), 3),
        (("producer", "disable", "nobody"), 3),
        (("events", "show", "999"), 3),
        (("events", "replay"), 2),
        (("events", "replay", "999"), 3),
        (("send", "no-such-file.json"), 3),
        (("send",), 2),
        (("send", "a-file.json", "--example"), 2),
        (("no-such-command",), 2),
    ],
)
def test_exit_codes(everspark: Command, arguments: tuple[str, ...], code: int) -> None:
    ended = everspark(*arguments)

    assert ended.code == code
    assert "Traceback" not in ended.err


def test_an_event_that_does_not_wait_says_why_it_is_not_tried_again(everspark: Command, engine: Engine) -> None:
    an_event(engine, event_id="e-1")
    an_event(engine, event_id="e-2")
    with hot(engine) as connection:
        connection.execute("update inbox set handled_at = %s, outcome = 'moved' where seq = 1", [NOW])
        connection.execute("delete from pending where seq = 1")

    handled = everspark("events", "replay", "1", "--json")
    ready = everspark("events", "replay", "2")

    assert (handled.code, handled.out) == (1, "")
    assert "Event 1 was handled (moved)" in handled.err
    assert ready.code == 1
    assert "Event 2 is ready already" in ready.err


def test_a_quarantined_event_is_replayed(everspark: Command, engine: Engine) -> None:
    an_event(engine, event_id="e-1", status="quarantined")
    an_event(engine, event_id="e-2")

    [waiting] = everspark("events", "list", "--status", "quarantined", "--json").json
    assert everspark("events", "show", str(waiting["seq"]), "--json").json["event_id"] == "e-1"
    assert everspark("events", "replay", "--status", "quarantined", "--json").json["replayed"] == 1

    assert everspark("events", "list", "--status", "quarantined", "--json").json == []


def test_doctor_says_what_is_wrong_and_how_to_mend_it(everspark: Command) -> None:
    ended = everspark("doctor", "--json")

    assert ended.code == 1
    wrong = [found for found in ended.json["findings"] if not found["ok"]]
    assert [found["name"] for found in wrong] == ["sweeps"]
    assert "everspark up" in wrong[0]["remedy"]


def test_doctor_is_content_when_sweeps_run(everspark: Command, engine: Engine) -> None:
    with hot(engine) as connection:
        [now] = connection.execute("select clock_timestamp()").fetchall()[0]
        for job in ("expire", "vows"):
            sweep = ledger.begin(connection, job=job, slot=now, fence=1, now=now)
            assert sweep is not None
            ledger.end(connection, sweep, found=0, error=None, now=now)

    assert everspark("doctor").code == 0


def a_message(engine: Engine, *, status: str, days_ago: int) -> None:
    with hot(engine) as connection:
        connection.execute(
            "insert into outbox (kind, key, idempotency_key, payload, status, due_at, created_at, settled_at)"
            " select 'ask.mail', %(key)s, gen_random_uuid()::text, '{}', %(status)s, at, at, at"
            " from (select clock_timestamp() - make_interval(days => %(days)s) as at) as settled",
            {"key": KEY, "status": status, "days": days_ago},
        )


@pytest.mark.parametrize(("status", "remedy"), [("failed", "outbox retry"), ("uncertain", "never sent again")])
def test_doctor_judges_the_messages_of_the_last_days_and_counts_the_older(
    everspark: Command, engine: Engine, status: str, remedy: str
) -> None:
    a_message(engine, status=status, days_ago=8)
    [old] = everspark("doctor", "--only", "outbox", "--json").json["findings"]
    a_message(engine, status=status, days_ago=6)
    [new] = everspark("doctor", "--only", "outbox", "--json").json["findings"]

    assert (old["ok"], old["remedy"]) == (True, "")
    assert old["detail"] == "0 failed, 0 uncertain in the last 7 days; 1 older"
    assert not new["ok"]
    assert f"1 {status}" in new["detail"]
    assert remedy in new["remedy"]


def test_doctor_finds_quarantine_and_silence(everspark: Command, engine: Engine) -> None:
    an_event(engine, status="quarantined")
    long_ago = NOW - timedelta(days=400)
    with hot(engine) as connection:
        ledger.begin(connection, job="expire", slot=long_ago, fence=1, now=long_ago)

    found = {found["name"]: found["ok"] for found in everspark("doctor", "--json").json["findings"]}

    assert not found["events"]
    assert not found["sweeps"]
    assert found["database"]


def test_send_says_when_nobody_listens(everspark: Command, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text("{}")

    ended = everspark("send", str(file), "--url", "http://127.0.0.1:9")

    assert ended.code == 1
    assert "is `everspark up` running?" in ended.err


def a_creator(engine: Engine) -> None:
    with hot(engine) as connection:
        connection.execute("insert into creators (handle, updated_at) values ('maya.moves', %s)", [NOW])
        connection.execute("update authorizations set creator_id = 1")


@pytest.mark.parametrize(
    ("arguments", "type_", "said"),
    [
        (("snooze", "--until", "2096-12-24"), "creator.snoozed", {"until": "2096-12-24T00:00:00Z"}),
        (
            ("away", "--from", "2096-12-24", "--until", "2097-01-04T09:00:00+01:00"),
            "creator.away",
            {"from": "2096-12-24T00:00:00Z", "until": "2097-01-04T09:00:00+01:00"},
        ),
        (("opt-out",), "creator.opted_out", {}),
        (("opt-in",), "creator.opted_in", {}),
        (("payment-due", "--paid"), "creator.payment_due", {"is_due": False}),
    ],
)
def test_what_a_creator_said_becomes_a_letter(
    everspark: Command, engine: Engine, arguments: tuple[str, ...], type_: str, said: dict[str, Any]
) -> None:
    an_authorization(engine)
    a_creator(engine)
    command, *options = arguments

    ended = everspark("creator", command, "@Maya.Moves", *options, "--json")

    assert (ended.code, ended.json["key"]) == (0, "creator/maya.moves")
    with hot(engine) as connection:
        assert connection.execute("select sender, type, data from inbox").fetchall() == [("operator", type_, said)]


@pytest.mark.parametrize("said", [("snooze",), ("away", "--from", "2019-12-20")])
def test_what_is_past_already_is_not_noted(everspark: Command, engine: Engine, said: tuple[str, ...]) -> None:
    an_authorization(engine)
    a_creator(engine)
    command, *options = said

    ended = everspark("creator", command, "maya.moves", *options, "--until", "2020-01-01")

    assert (ended.code, ended.err) == (2, "--until must lie ahead; 2020-01-01 00:00:00Z is past.\n")
    with hot(engine) as connection:
        assert connection.execute("select from inbox").fetchall() == []


def test_creators_are_listed_and_shown_with_what_is_proposed(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    a_creator(engine)
    assert everspark("creator", "show", "maya.moves", "--json").json["requests_a_year"] == []
    with hot(engine) as connection:
        connection.execute("update authorizations set creator_id = 1, needed_until = now() + interval '1 year'")

    shown = everspark("creator", "show", "maya.moves", "--json").json

    assert (shown["advice"], shown["written_to_at"]) == ("not_asked_often", [])
    periods = [sentence.partition(":")[0] for sentence in shown["requests_a_year"]]
    assert periods == ["at 7 days", "at 30 days", "at 60 days", "at 365 days", "with account access"]
    assert [each["key"] for each in shown["authorizations"]] == [KEY]
    assert "maya.moves" in everspark("creator", "list").out
    assert "not asked often" in everspark("creator", "show", "maya.moves").out
    assert everspark("creator", "show", "nobody").code == 3
    assert everspark("creator", "opt-out", "nobody").code == 3
    assert everspark("creator", "away", "maya.moves", "--from", "2026-12-24", "--until", "2026-12-23").code == 2


def test_a_creators_links_are_listed_and_taken_back_and_are_shown_nowhere(
    everspark: Command, engine: Engine, vault: Vault
) -> None:
    an_authorization(engine)
    a_creator(engine)
    assert everspark("creator", "links", "maya.moves").out == "maya.moves has no links.\n"
    now = datetime.now(UTC)
    with hot(engine) as connection:
        tokens = [links.issue(connection, vault, creator_id=1, now=now - timedelta(days=age)) for age in (31, 1, 0)]
    standing = [each["standing"] for each in everspark("creator", "links", "@Maya.Moves", "--json").json]
    assert standing == ["works", "works", "expired"]

    revoked = everspark("creator", "revoke-links", "maya.moves", "--json")

    assert revoked.json == {"creator": "maya.moves", "revoked": 2}
    line = json.loads(revoked.err)
    assert (line["event"], line["creator_id"], line["count"]) == ("links_revoked", 1, 2)
    listed = everspark("creator", "links", "maya.moves")
    assert (listed.out.count("revoked"), listed.out.count("expired")) == (3, 1)
    assert not any(token in text for token in tokens for text in (listed.out, revoked.out, revoked.err))
    with hot(engine) as connection:
        assert {type(links.creator_of(connection, vault, token, now=now)) for token in tokens} == {Unknown, Expired}
    assert everspark("creator", "links", "nobody").code == everspark("creator", "revoke-links", "nobody").code == 3


def test_a_suggestion_becomes_a_letter_and_endings_are_listed(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    with hot(engine) as connection:
        connection.execute(
            "insert into endings (authorization_id, period_ends_at, outcome, decided_at, down_from, step)"
            " values (1, now(), 'lapsed', now(), now(), 'no_answer')"
        )

        connection.execute("update authorizations set starts_at = '2096-11-22', expires_at = '2096-12-22'")

    suggested = everspark("suggest", KEY, "--at", "2096-12-01", "--reason", "she films again")
    assert (suggested.code, "As things stand nobody is asked: " in suggested.out) == (0, True)
    assert everspark("suggest", "1/2", "--at", "2096-12-01").code == 3

    with hot(engine) as connection:
        [(type_, said)] = connection.execute("select type, data from inbox").fetchall()
    assert (type_, said) == ("renewal.suggested", {"at": "2096-12-01T00:00:00Z", "reason": "she films again"})
    [ending] = everspark("endings", "--json").json
    assert (ending["outcome"], ending["in_words"]) == ("lapsed", "the creator was asked in time and did not answer")
    assert "1 lapsed" in everspark("endings").out
    assert [each["outcome"] for each in everspark("show", KEY, "--json").json["endings"]] == ["lapsed"]


def test_a_suggestion_says_what_comes_of_it(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    with hot(engine) as connection:
        connection.execute(
            "update authorizations set starts_at = '2096-11-22', expires_at = '2096-12-22', needed_until = '2097-06-01'"
        )

    planned = everspark("suggest", KEY, "--at", "2096-12-01", "--json").json
    told = everspark("suggest", KEY, "--at", "2096-12-01").out

    assert (planned["next_action"], planned["next_action_at"]) == ("ask", "2096-12-01T00:00:00Z")
    assert planned["why"] == "renewal_suggested"
    assert "The next ask: 2096-12-01 00:00:00Z" in told


def test_a_suggestion_that_nothing_can_follow_is_not_taken(everspark: Command, engine: Engine) -> None:
    an_authorization(engine)
    with hot(engine) as connection:
        connection.execute("update authorizations set starts_at = '2096-11-22', expires_at = '2096-12-22'")

    past = everspark("suggest", KEY, "--at", "2020-01-01")
    beyond = everspark("suggest", KEY, "--at", "2096-12-23")
    with hot(engine) as connection:
        connection.execute("update authorizations set state = 'revoked', revoked_at = now()")
    revoked = everspark("suggest", KEY, "--at", "2096-12-01")

    assert (past.code, past.err) == (2, "--at must lie ahead; 2020-01-01 00:00:00Z is past.\n")
    assert (beyond.code, "no running period ends after" in beyond.err) == (1, True)
    assert (revoked.code, f"{KEY} is revoked" in revoked.err) == (1, True)
    with hot(engine) as connection:
        assert connection.execute("select from inbox").fetchall() == []


def test_the_help_of_doctor_names_all_that_it_looks_at(everspark: Command) -> None:
    told = everspark("doctor", "--help").out

    assert [name for name in NAMES if not name.startswith("sweep ") and name not in told] == []


def test_links_lead_to_where_the_service_on_this_folder_listens(
    everspark: Command, engine: Engine, data_dir: Path
) -> None:
    an_authorization(engine)
    a_creator(engine)
    with hot(engine) as connection:
        connection.execute(
            "update authorizations set needed_until = '2097-01-01', expires_at = now() + interval '1 day'"
        )
        connection.execute(
            "insert into escalations (authorization_id, period_ends_at, step, opened_at)"
            " select 1, expires_at, 'owner', now() from authorizations"
        )

    with address.announced(load(data_dir=data_dir, port=9123)):
        [row] = everspark("escalations", "--links", "--json").json
        [found] = everspark("doctor", "--only", "links", "--json").json["findings"]

    assert "http://127.0.0.1:9123/c/" in row["draft"]
    assert found["detail"] == "creators' pages are under http://127.0.0.1:9123"
