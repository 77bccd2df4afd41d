"""`everspark import`: a sheet is checked, its bad rows are named, and it goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from domain.sheets import SheetError
from everspark.cli import main
from infra import sheets
from infra.bulk_tables import Progress
from infra.clock import SystemClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault, load_key
from tests.importing import ADVERTISER, chunks, code, post, sheet, with_code
from tests.journeys.commands import Command, Ended

GOOD = with_code(1, ends="2035-12-31")
BAD = [ADVERTISER, "soon", "@creator.3", "", "2035-12-31"]


@pytest.fixture
def everspark(engine: Engine, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data", str(data_dir)])
        said = capsys.readouterr()
        return Ended(code=ended.value.code or 0, out=said.out, err=said.err)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.csv").write_text(sheet(GOOD))
    (tmp_path / "mixed.csv").write_text(sheet(GOOD, BAD, *([BAD] * 30)))
    return tmp_path


def count(engine: Engine, what: str) -> int:
    with hot(engine) as connection:
        ((number,),) = connection.execute(f"SELECT count(*) FROM {what}".encode()).fetchall()
    return int(number)


def test_a_dry_run_tells_what_is_good_and_how_to_apply_it(everspark: Command, folder: Path, engine: Engine) -> None:
    told = everspark("import", str(folder / "good.csv"))

    assert told.code == 0, told.err
    assert "good         1" in told.out
    assert "everspark import --resume 1 --apply" in told.out
    assert code(1) not in told.out + told.err
    assert count(engine, "inbox") == 0


def test_applied_at_once(everspark: Command, folder: Path, engine: Engine) -> None:
    told = everspark("import", str(folder / "good.csv"), "--apply", "--json")

    assert told.code == 0, told.err
    assert told.json == {
        "import": 1,
        "stage": "apply",
        "status": "done",
        "rows": 1,
        "good": 1,
        "bad": 0,
        "again": 0,
        "applied": 1,
        "report": [],
    }
    assert count(engine, "inbox WHERE sender = 'import'") == 2
    # No worker runs here, and none on this machine could be nudged.
    assert count(engine, "authorizations WHERE state = 'authorized'") == 1


def test_bad_rows_are_named_and_end_it_with_one(everspark: Command, folder: Path) -> None:
    told = everspark("import", str(folder / "mixed.csv"))

    assert told.code == 1
    assert "neither a post's number" in told.out
    assert "And 11 more" in told.out
    in_json = everspark("import", str(folder / "mixed.csv"), "--json")
    assert in_json.code == 1
    assert [row["line"] for row in in_json.json["report"]] == list(range(3, 34))


def test_a_checked_one_is_applied_later_and_only_once(everspark: Command, folder: Path, engine: Engine) -> None:
    everspark("import", str(folder / "good.csv"))

    assert everspark("import", "--resume", "1", "--apply").code == 0
    again = everspark("import", "--resume", "1", "--apply")

    assert again.code == 0
    assert "applied      1" in again.out
    assert count(engine, "inbox WHERE sender = 'import'") == 2


def test_one_that_stopped_goes_on(everspark: Command, engine: Engine, data_dir: Path) -> None:
    vault = Vault(load_key(load(data_dir=data_dir)))
    with hot(engine) as connection:
        number = sheets.receive(
            connection,
            chunks(sheet(*(with_code(n, ends="2035-12-31") for n in range(3)))),
            vault=vault,
            name="codes.csv",
            actor="user:ada@example.com",
            now=SystemClock().now(),
            is_dry_run=False,
        )
        sheets.pause(connection, number, actor="user:ada@example.com", now=SystemClock().now())

    told = everspark("import", "--resume", str(number))

    assert told.code == 0, told.out
    assert "applied      3" in told.out
    with hot(engine) as connection:
        assert sheets.need(connection, number).status is Progress.DONE
        with pytest.raises(SheetError):
            sheets.apply(connection, number, actor="cli:ada", now=SystemClock().now())


def test_from_standard_input(data_dir: Path, engine: Engine) -> None:
    typed = sheet(GOOD, separator="\t")

    with CliRunner().isolation(typed), pytest.raises(SystemExit) as ended:
        main(["import", "-", "--data", str(data_dir)])

    assert ended.value.code == 0
    assert count(engine, "imports WHERE name = 'pasted' AND good = 1") == 1


@pytest.mark.parametrize(
    ("arguments", "ending", "complaint"),
    [
        ((), 2, "one of the two"),
        (("x.csv", "--resume", "1"), 2, "one of the two"),
        (("no-such.csv",), 3, "cannot be read"),
        (("/",), 2, "cannot be read"),
        (("--resume", "99"), 3, "no import 99"),
    ],
)
def test_wrong_usage_says_how(everspark: Command, arguments: tuple[str, ...], ending: int, complaint: str) -> None:
    told = everspark("import", *arguments)

    assert told.code == ending
    assert complaint in told.err


def test_what_is_no_sheet(everspark: Command, tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "letter.txt").write_text(f"Dear all,\nthe code of {post(1)} is {code(1)}\n")

    told = everspark("import", str(tmp_path / "letter.txt"))

    assert told.code == 2
    assert "names no column for" in told.err
    assert count(engine, "imports") == 0
