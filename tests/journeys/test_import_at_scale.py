"""Fifty thousand rows: taken in, checked, and told as they are read, whatever the memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from infra.clock import HandClock
from infra.vault import Vault
from tests.importing import HEADING, Desk, code, post
from worker.importing import CHECKED

ROWS = 50_000
# The sheet itself has nearly five megabytes, and its rows as Python's objects ten times as much.
MOST_HELD = 3 * 2**20


@pytest.fixture
def desk(engine: Engine, clock: HandClock, vault: Vault) -> Desk:
    return Desk(engine, clock, vault)


def sent(rows: int) -> Iterator[bytes]:
    """A sheet as it comes over a wire, made while it is read."""
    yield f"{';'.join(HEADING)}\r\n".encode()
    for number in range(rows):
        tail = f"{code(number)};" if number % 2 else ";2026-12-31"
        yield f"7200000000000000001;{post(number)};@creator.{number};{tail}\r\n".encode()


@contextmanager
def holding_at_most(most: int) -> Iterator[None]:
    """Memory of Python's own, beyond what there is at the beginning."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < most, f"{(peak - before) / 2**20:.1f} MiB"


def test_fifty_thousand_rows_stream(desk: Desk) -> None:
    assert sum(map(len, sent(ROWS))) > 1.5 * MOST_HELD
    # What is loaded once is not counted.
    desk.checks(b"".join(sent(10)))

    with holding_at_most(MOST_HELD):
        number = desk.receives(sent(ROWS))
    assert desk.sheet(number).lines == ROWS

    with holding_at_most(MOST_HELD):
        desk.works(batches=8)
    with holding_at_most(MOST_HELD):
        assert len(desk.report(number, limit=50)) == 50
    assert desk.sheet(number).done == 8 * CHECKED
