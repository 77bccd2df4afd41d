"""A sheet of existing codes: checked first, row by row, then applied, once, whatever else happens by the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.sheets import SheetError
from infra import sheets
from infra.bulk_tables import Verdict
from infra.clock import HandClock
from infra.database import hot
from infra.inbox import Letter, accept
from infra.sheet_forgetting import CODES_AT_ONCE
from infra.vault import Vault
from tests.importing import ADVERTISER, HEADING, OFFERED, Desk, code, post, sheet, with_code, with_end
from tests.portfolio import Post, holds
from tests.sweeping import World
from worker.import_progress import fail
from worker.importing import BATCH, MOST_ODD, Importing
from worker.resting import MOST_BACKLOG

END_OF_THE_YEAR = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def desk(engine: Engine, clock: HandClock, vault: Vault) -> Desk:
    return Desk(engine, clock, vault)


def test_a_dry_run_tells_and_does_nothing(desk: Desk) -> None:
    number = desk.receives(sheet(with_code(1), with_end(2), [ADVERTISER, "soon", "@creator.3", "", "2026-12-31"]))
    desk.works()

    rows = desk.report(number)
    assert [(row.line, row.verdict) for row in rows] == [(4, "bad"), (2, "good"), (3, "good")]
    assert rows[0].problem == (
        "post: This is neither a post's number nor its link such as"
        " https://www.tiktok.com/@maya.moves/video/7300000000000000001."
    )
    assert (rows[1].last, rows[2].ends_at) == (code(1)[-5:-1], END_OF_THE_YEAR)
    found = desk.sheet(number)
    assert (found.status, found.good, found.bad, found.again, found.applied) == ("done", 2, 1, 0, 0)
    assert desk.asks("SELECT * FROM inbox") == []


def test_a_code_goes_to_tiktok_and_a_period_counts_as_told(desk: Desk) -> None:
    number = desk.receives(sheet(with_code(1), with_end(2), with_code(3, ends="2026-12-31")))
    desk.works()
    desk.says("apply", number)
    desk.works()

    known = {row["key"]: row for row in desk.asks("SELECT key, state, expires_at, days FROM authorizations")}
    assert known[f"{ADVERTISER}/{post(1)}"]["state"] == "requested"
    for number_ in (2, 3):
        assert known[f"{ADVERTISER}/{post(number_)}"] | {"key": ""} == {
            "key": "",
            "state": "authorized",
            "expires_at": END_OF_THE_YEAR,
            "days": 60,
        }
    owed = desk.asks("SELECT key FROM outbox WHERE kind = 'code.check'")
    assert owed == [{"key": f"{ADVERTISER}/{post(1)}"}]
    assert len(desk.asks("SELECT * FROM codes")) == 2
    told = desk.asks("SELECT type, outcome FROM inbox WHERE sender = 'import' ORDER BY seq")
    assert [tuple(each.values()) for each in told] == [
        ("authorization.requested", "moved"),
        ("code.submitted", "waiting"),
        ("authorization.requested", "moved"),
        ("code.granted", "moved"),
        ("authorization.requested", "moved"),
        ("code.granted", "moved"),
    ]
    assert desk.one("SELECT count(*) FROM creators") == {"count": 3}


def test_the_report_leads_to_what_became_of_each_row(desk: Desk) -> None:
    number = desk.applies(sheet(with_end(1), with_code(2)))

    granted, submitted = desk.report(number)
    assert (granted.state, granted.outcome) == ("authorized", "moved")
    assert (submitted.state, submitted.outcome) == ("requested", "waiting")
    assert granted.authorization_id is not None
    assert desk.one("SELECT type FROM inbox WHERE seq = %s", granted.event) == {"type": "code.granted"}


def test_what_is_parked_is_found_in_the_report(desk: Desk) -> None:
    number = desk.applies(sheet(with_end(1)))
    with hot(desk.engine) as connection:
        connection.execute("UPDATE inbox SET outcome = 'parked' WHERE type = 'code.granted'")

    assert [row.outcome for row in desk.report(number)] == ["parked"]


def test_rows_told_twice_and_rows_that_contradict_are_told_apart(desk: Desk) -> None:
    rows = desk.checks(sheet(with_end(1), with_end(2), with_end(1), with_end(2, "2026-12-30")))

    assert [(row.line, row.verdict, row.problem) for row in rows] == [
        (3, "bad", "Line 5 says something else of the same post. Keep one of the two."),
        (5, "bad", "Line 3 says something else of the same post. Keep one of the two."),
        (4, "again", "It says the same as line 2."),
        (2, "good", None),
    ]


def test_a_check_rests_less_than_what_gives_the_mailboxes_work(desk: Desk, engine: Engine, clock: HandClock) -> None:
    desk.receives(sheet(with_end(1)), is_dry_run=False)
    work = Importing(desk.vault, offered_days=OFFERED)

    checked, applied = work.advance(engine, clock), work.advance(engine, clock)

    assert checked
    assert applied
    assert (checked.times, applied.times) == (1, 3)
    assert applied.mailboxes


def test_twins_are_found_across_batches(engine: Engine, clock: HandClock, vault: Vault) -> None:
    desk = Desk(engine, clock, vault, size=2)

    rows = desk.checks(sheet(*(with_end(number) for number in (1, 2, 3, 4, 1, 5))))

    assert [(row.line, row.problem) for row in rows if row.verdict == "again"] == [(6, "It says the same as line 2.")]


def test_who_contradicts_across_batches_is_told_on_both_lines_and_nothing_is_applied(
    engine: Engine, clock: HandClock, vault: Vault
) -> None:
    desk = Desk(engine, clock, vault, size=2)

    number = desk.applies(
        sheet(with_end(1), with_end(2), with_end(3), with_end(1, "2026-12-30"), with_end(1, "2026-12-29"))
    )

    told = {row.line: (row.verdict, row.problem) for row in desk.report(number)}
    said = "Line {} says something else of the same post. Keep one of the two."
    assert (told[2], told[5], told[6]) == (("bad", said.format(5)), ("bad", said.format(2)), ("bad", said.format(2)))
    assert (told[3][0], told[4][0]) == ("good", "good")
    assert desk.one("SELECT good, bad, again FROM imports") == {"good": 2, "bad": 3, "again": 0}
    assert desk.one("SELECT count(*) FROM authorizations") == {"count": 2}


def test_what_is_known_already_is_again(desk: Desk) -> None:
    desk.applies(sheet(with_code(1), with_end(2), with_code(3, ends="2026-12-31")))

    rows = desk.checks(
        sheet(
            with_code(1),
            with_end(2, "2026-12-30"),
            with_code(3, ends="2026-12-31"),
            [*with_end(2)[:2], "@creator.2", "", ""],
            with_end(4),
        )
    )

    assert [(row.line, row.verdict) for row in rows] == [
        (5, "bad"),
        (2, "again"),
        (3, "again"),
        (4, "again"),
        (6, "good"),
    ]


def test_a_day_does_not_outlast_an_end_within_it(desk: Desk) -> None:
    holds(desk.engine, [Post(number=1, ends=12)], now=desk.clock.now())

    (row,) = desk.checks(sheet([ADVERTISER, "7300000000000000001", "@maya.moves", "", "2026-12-04"]))

    assert row.problem == "It is known already, with an end that is no earlier."


def test_a_later_end_is_news(desk: Desk) -> None:
    holds(desk.engine, [Post(number=1, ends=12)], now=desk.clock.now())

    desk.applies(sheet([ADVERTISER, "7300000000000000001", "@maya.moves", "", "2026-12-31"]))

    assert desk.one("SELECT expires_at FROM authorizations") == {"expires_at": END_OF_THE_YEAR}


def test_what_was_asked_for_before_stays_where_a_sheet_says_nothing_of_it(desk: Desk) -> None:
    holds(desk.engine, [Post(number=1, ends=12, days=7)], now=desk.clock.now())

    desk.applies(sheet([ADVERTISER, "7300000000000000001", "@maya.moves", "", "2026-12-31"]))

    assert desk.one("SELECT days FROM authorizations") == {"days": 7}


def test_sent_twice_it_changes_nothing_the_second_time(desk: Desk) -> None:
    text = sheet(*(with_end(number) for number in range(20)))
    desk.applies(text)
    events = desk.one("SELECT count(*) FROM inbox")

    second = desk.applies(text)

    assert desk.sheet(second).again == 20
    assert desk.one("SELECT count(*) FROM inbox") == events


def test_the_codes_are_forgotten_once_they_are_applied(desk: Desk) -> None:
    number = desk.receives(sheet(with_code(1), with_code(1), [ADVERTISER, "soon", "x", code(2), ""]))
    desk.works()
    assert desk.one("SELECT count(*) FROM sheet_rows WHERE sealed IS NOT NULL") == {"count": 1}

    desk.says("apply", number)
    desk.works()

    assert desk.one("SELECT count(*) FROM sheet_rows WHERE sealed IS NOT NULL") == {"count": 0}
    assert desk.sheet(number).emptied_at == desk.clock.now()


def test_a_row_that_is_over_by_the_time_it_is_applied_is_not(desk: Desk) -> None:
    number = desk.receives(sheet(with_end(1, "2026-11-23"), with_end(2)))
    desk.works()
    desk.clock.advance(timedelta(days=3))
    desk.says("apply", number)
    desk.works()

    found = desk.sheet(number)
    assert (found.good, found.bad, found.applied, found.is_applied) == (1, 1, 1, True)
    assert desk.report(number)[0].problem == "end date: It is over. Leave the row out, or give a later end."


def test_paused_it_stands_still_and_goes_on_where_it_was(engine: Engine, clock: HandClock, vault: Vault) -> None:
    desk = Desk(engine, clock, vault, size=2)
    number = desk.receives(sheet(*(with_end(number) for number in range(5))), is_dry_run=False)
    desk.works(batches=1)
    desk.says("pause", number)
    assert desk.works() == 0

    desk.says("go_on", number)
    desk.works()

    assert desk.sheet(number).is_applied
    assert desk.one("SELECT count(*) FROM authorizations") == {"count": 5}


def test_a_bug_met_by_what_a_person_paused_meanwhile_leaves_it_paused(desk: Desk) -> None:
    number = desk.receives(sheet(with_end(1)))
    desk.says("pause", number)

    fail(desk.engine, number, ZeroDivisionError())

    assert (desk.sheet(number).status, desk.sheet(number).trouble) == ("paused", None)


def test_ended_it_forgets_and_cannot_be_applied(desk: Desk) -> None:
    number = desk.receives(sheet(with_end(1)))
    desk.works()
    desk.says("end", number)

    with pytest.raises(SheetError, match="no longer kept"):
        desk.says("apply", number)
    with pytest.raises(SheetError, match="ended already"):
        desk.says("end", number)
    assert desk.one("SELECT count(*) FROM sheet_rows WHERE sealed IS NOT NULL") == {"count": 0}


def test_what_cannot_be_applied_says_why(desk: Desk) -> None:
    number = desk.receives(sheet(with_end(1)))
    with pytest.raises(SheetError, match="being checked"):
        desk.says("apply", number)
    desk.works()
    desk.says("apply", number)
    with pytest.raises(SheetError, match="applied already"):
        desk.says("apply", number)
    bad = desk.receives(sheet([ADVERTISER, "soon", "x", "", "2026-12-31"]))
    desk.works()
    with pytest.raises(SheetError, match="None of its rows"):
        desk.says("apply", bad)
    with pytest.raises(SheetError, match="no import 99"):
        desk.says("pause", 99)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("advertiser,post\n1,2", "code or end date"),
        (sheet(), "no rows"),
        (f'{",".join(HEADING)}\n1,2,3,"4\n1,2,3,4', "never closed"),
        (b"\x00\x01\x02\xff" * 20, "no text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "no text"),
        (b"PK\x03\x04\x14\x00[Content_Types].xml", "a workbook.* CSV UTF-8"),
        (b"\xff\xfe\xfd" * 20, "no column"),
        ("x" * 40_000, "Line 1 is longer than"),
        (f"{','.join(HEADING)}\n1,2,3,4\n{'x' * 200_000}\n5,6,7,8", "Line 3 is longer than"),
        ("advertiser\tpost\tPost\tcode\n1\t2\t3\t4", 'names "post" more than once'),
    ],
)
def test_what_is_no_sheet_is_refused_whole(desk: Desk, text: str | bytes, why: str) -> None:
    with pytest.raises(SheetError, match=why):
        desk.receives(text)

    assert desk.asks("SELECT * FROM imports") == []
    assert desk.asks("SELECT * FROM sheet_rows") == []


def test_a_sheet_of_another_key_stops_and_goes_on(desk: Desk, engine: Engine, clock: HandClock) -> None:
    number = desk.receives(sheet(with_end(1)))
    Desk(engine, clock, Vault(bytes(range(1, 33)))).works()
    assert (desk.sheet(number).status, desk.sheet(number).trouble) == ("failed", "UnsealError")

    desk.says("go_on", number)
    desk.works()

    assert desk.sheet(number).may_be_applied


def spoil(desk: Desk, *lines: int) -> None:
    """Lines that no program that reads sheets has written."""
    with hot(desk.engine) as connection:
        sealed = desk.vault.seal('{"planet": "Mars"}', context=sheets.CONTEXT)
        connection.execute("UPDATE sheet_rows SET sealed = %s WHERE line = ANY(%s)", [sealed, list(lines)])


@pytest.mark.parametrize("stage", ["check", "apply"])
def test_a_row_that_meets_a_bug_is_bad_and_the_others_go_on(desk: Desk, stage: str) -> None:
    number = desk.receives(sheet(*(with_end(number) for number in range(5))))
    if stage == "apply":
        desk.works()
        desk.says("apply", number)
    spoil(desk, 3, 5)

    with capture_logs() as logs:
        desk.works()
        if stage == "check":
            desk.says("apply", number)
            desk.works()

    found = desk.sheet(number)
    assert (found.status, found.good, found.bad, found.applied, found.is_applied) == ("done", 3, 2, 3, True)
    bad = desk.report(number, verdict=Verdict.BAD)
    assert [row.line for row in bad] == [3, 5]
    assert str(bad[0].problem).startswith("It could not be read, by a bug (ValidationError)")
    assert [line["line"] for line in logs if line["event"] == "import_row_failed"] == [3, 5]
    assert desk.one("SELECT count(*) FROM authorizations") == {"count": 3}


def test_far_down_a_large_batch_too(desk: Desk) -> None:
    number = desk.receives(sheet(*(with_end(number) for number in range(3 * BATCH))))
    spoil(desk, 2 * BATCH)

    desk.works()

    found = desk.sheet(number)
    assert (found.status, found.good, found.bad) == ("done", 3 * BATCH - 1, 1)


def test_where_all_rows_meet_a_bug_the_import_stands_still(desk: Desk) -> None:
    number = desk.receives(sheet(*(with_end(number) for number in range(10))))
    spoil(desk, *range(2, 12))

    desk.works()

    found = desk.sheet(number)
    assert (found.status, found.trouble, found.bad) == ("failed", "ValidationError", MOST_ODD)


LARGE = 2 * CODES_AT_ONCE + 10
CODES_LEFT = "SELECT count(*) FROM sheet_rows WHERE sealed IS NOT NULL"
MOST_IN_A_TRANSACTION = "SELECT max(many) FROM (SELECT count(*) AS many FROM sheet_rows GROUP BY xmin::text) AS written"


def test_a_large_sheet_that_is_ended_loses_its_codes_bit_by_bit(desk: Desk) -> None:
    number = desk.receives(sheet(*(with_end(number) for number in range(LARGE))))
    desk.says("pause", number)
    desk.says("end", number)
    assert (desk.one(CODES_LEFT), desk.sheet(number).emptied_at) == ({"count": LARGE - CODES_AT_ONCE}, None)
    with hot(desk.engine) as connection:
        assert sheets.is_any_neglected(connection, now=desk.clock.now())

    desk.works()

    assert (desk.one(CODES_LEFT), desk.sheet(number).emptied_at) == ({"count": 0}, desk.clock.now())
    assert desk.one(MOST_IN_A_TRANSACTION) == {"max": CODES_AT_ONCE}
    with hot(desk.engine) as connection:
        assert not sheets.is_any_neglected(connection, now=desk.clock.now())


def test_what_loses_its_codes_can_no_longer_be_applied(desk: Desk) -> None:
    number = desk.receives(sheet(*(with_end(number) for number in range(LARGE))))
    desk.works()
    desk.says("end", number)

    with pytest.raises(SheetError, match="no longer kept"):
        desk.says("apply", number)


def test_webhooks_go_first(desk: Desk) -> None:
    number = desk.receives(sheet(with_end(1)), is_dry_run=False)
    now = desk.clock.now()
    letters = [
        Letter(sender="crm", event_id=str(n), type="look.wanted", key=f"1/{n}", occurred_at=now, data=b"{}")
        for n in range(MOST_BACKLOG + 1)
    ]
    with hot(desk.engine) as connection:
        accept(connection, letters, now=now)

    assert desk.works(batches=1) == 1
    assert desk.one("SELECT count(*) FROM pending WHERE status = 'ready'") == {"count": 0}
    desk.works()
    assert desk.sheet(number).is_applied


def test_what_people_do_to_an_import_is_in_the_audit_log(desk: Desk) -> None:
    number = desk.receives(sheet(with_end(1)))
    desk.says("pause", number)
    desk.says("go_on", number)
    desk.works()
    desk.says("apply", number)

    noted = desk.asks("SELECT actor, act, subject, about FROM audit ORDER BY id")
    assert {each["actor"] for each in noted} == {"user:ada@example.com"}
    assert {each["subject"] for each in noted} == {f"import/{number}"}
    assert [each["act"] for each in noted] == [
        "import.uploaded",
        "import.paused",
        "import.resumed",
        "import.applied",
    ]
    assert noted[0]["about"] == {"name": "codes.csv", "rows": 1, "dry_run": True}


@pytest.fixture
def world(engine: Engine, clock: HandClock) -> World:
    return World(engine, clock)


def test_what_nobody_applied_is_forgotten_after_a_week(desk: Desk, world: World) -> None:
    number = desk.receives(sheet(with_code(1)))
    desk.works()
    desk.clock.advance(timedelta(days=6))
    world.sweeps("prune")
    assert desk.sheet(number).may_be_applied

    desk.clock.advance(timedelta(days=2))
    world.sweeps("prune")

    assert not desk.sheet(number).may_be_applied
    assert desk.one("SELECT count(*) FROM sheet_rows WHERE sealed IS NOT NULL") == {"count": 0}


def test_large_sheets_are_forgotten_bit_by_bit(desk: Desk, world: World) -> None:
    numbers = [desk.receives(sheet(*(with_end(number) for number in range(LARGE)))) for _ in range(2)]
    for number in numbers:
        desk.says("pause", number)
    desk.clock.advance(timedelta(days=8))

    assert world.sweeps("prune") == 2

    assert desk.one(CODES_LEFT) == {"count": 0}
    assert desk.one(MOST_IN_A_TRANSACTION) == {"max": CODES_AT_ONCE}
    assert {desk.sheet(number).emptied_at for number in numbers} == {desk.clock.now()}


def test_imports_are_kept_as_long_as_the_audit_log_speaks_of_them(desk: Desk, world: World) -> None:
    number = desk.applies(sheet(with_end(1)))
    desk.clock.advance(timedelta(days=729))
    world.sweeps("prune")
    assert desk.sheet(number).is_applied

    desk.clock.advance(timedelta(days=2))
    world.sweeps("prune")

    assert desk.asks("SELECT id FROM imports") == []


def test_a_neglected_import_is_nudged_again(desk: Desk, world: World) -> None:
    desk.receives(sheet(with_end(1)))

    world.sweeps("rescue")

    assert world.nudges.importers == 1
    with hot(desk.engine) as connection:
        assert sheets.is_any_neglected(connection, now=desk.clock.now())
