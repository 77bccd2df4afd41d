"""`everspark act`: what would happen is told first, and done after a yes."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.rows import dict_row
from sqlalchemy import Engine

from everspark.cli import main
from infra.clock import HandClock, SystemClock
from infra.database import hot
from tests.journeys.commands import Command, Ended
from tests.portfolio import Post, holds
from worker.bulks import advance


@pytest.fixture
def everspark(engine: Engine, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on this run's database, in which two authorizations end soon and one does not."""
    posts = [Post(number=1, ends=3), Post(number=2, ends=6, creator=None), Post(number=3, ends=25)]
    holds(engine, posts, now=SystemClock().now())

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data", str(data_dir)])
        said = capsys.readouterr()
        return Ended(code=ended.value.code or 0, out=said.out, err=said.err)

    return run


def bulks_of(engine: Engine) -> list[dict[str, object]]:
    with hot(engine) as connection:
        query = "SELECT act, query, status, matched, done FROM bulks ORDER BY id"
        return connection.cursor(row_factory=dict_row).execute(query).fetchall()


def test_without_a_yes_it_only_tells(everspark: Command, engine: Engine) -> None:
    told = everspark("act", "snooze", "--filter", "left_to=7", "--until", "2029-01-01")

    assert told.code == 0, told.err
    assert "1 of 2" in told.out
    assert "it is not known who its creator is  1" in told.out
    assert "Add --yes" in told.out
    machine = everspark("act", "revoke", "--filter", "left_to=7", "--json")
    assert (machine.code, machine.json) == (0, {"act": None, "matched": 2, "concerned": 2, "left_out": {}})
    assert bulks_of(engine) == []


def test_after_a_yes_a_worker_does_it(everspark: Command, engine: Engine) -> None:
    begun = everspark("act", "need", "--filter", "left_to=7", "--until", "2029-01-01", "--yes", "--json")
    advance(engine, HandClock(SystemClock().now()))

    assert begun.json == {"act": 1, "matched": 2, "concerned": 2, "left_out": {}}
    (bulk,) = bulks_of(engine)
    assert bulk == {"act": "need", "query": "left_to=7", "status": "done", "matched": 2, "done": 2}


def test_of_those_that_are_named(everspark: Command, engine: Engine) -> None:
    begun = everspark("act", "need", Post(number=3).key, "1/2", "--until", "2029-01-01", "--yes")

    assert begun.code == 0, begun.err
    assert "nothing is known of it  1" in begun.out
    assert [bulk["matched"] for bulk in bulks_of(engine)] == [1]


def test_a_grave_act_wants_the_number(everspark: Command, engine: Engine) -> None:
    assert "--count 3" in everspark("act", "revoke", "--filter", "", "--yes").err
    assert "By now it is 3, not 2" in everspark("act", "revoke", "--filter", "", "--yes", "--count", "2").err
    assert bulks_of(engine) == []
    assert everspark("act", "revoke", "--filter", "", "--yes", "--count", "3").code == 0


@pytest.mark.parametrize("text", ["statee=active", "foo", "state", "state=", "%", "&", " ", "sort=end"])
def test_a_filter_that_is_not_understood_is_no_filter_of_everything(
    everspark: Command, engine: Engine, text: str
) -> None:
    ended = everspark("act", "need", "--filter", text, "--until", "2029-01-01", "--yes")

    assert (ended.code, "The filter cannot be read: " in ended.err) == (2, True), ended.err
    assert bulks_of(engine) == []


def test_a_filter_is_taken_as_it_was_copied_from_the_list(everspark: Command, engine: Engine) -> None:
    address = "/authorizations?left_to=7&sort=money"

    assert everspark("act", "need", "--filter", address, "--until", "2029-01-01", "--yes").code == 0
    assert [(bulk["query"], bulk["matched"]) for bulk in bulks_of(engine)] == [("left_to=7", 2)]


def test_of_two_filters_both_must_hold(everspark: Command, engine: Engine) -> None:
    both = ("--filter", "left_to=7", "--filter", "state=active")

    assert everspark("act", "need", *both, "--until", "2029-01-01", "--yes").code == 0
    assert [bulk["query"] for bulk in bulks_of(engine)] == ["state=active&left_to=7"]


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("ask",), 2, "one of the two"),
        (("ask", "1/2", "--filter", ""), 2, "one of the two"),
        (("ask", "--filter", "left_to=soon"), 2, "left_to"),
        (("need", "--filter", "", "--yes"), 2, "until when"),
        (("snooze", "--filter", ""), 2, "Say until when. Add --until"),
        (("need", "--filter", "", "--until", "2001-01-01"), 2, "lies ahead"),
        (("ask", "--filter", "", "--until", "2029-01-01"), 2, "--until goes with snooze and need"),
        (("unbind", "--filter", "", "--yes"), 1, "nothing to do"),
    ],
)
def test_what_cannot_be_ends_with_a_sentence(
    everspark: Command, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    ended = everspark("act", *arguments)

    assert (ended.code, complaint in ended.err) == (code, True), ended.err
