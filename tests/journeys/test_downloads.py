"""What is taken away as CSV keeps nothing of the pool, whether it is fetched slowly, given up, or fetched to its end."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool

from infra.clock import HandClock
from infra.database import hot, make_engine
from infra.reports import imported
from infra.vault import Vault
from tests.importing import Desk, sheet, with_end
from tests.operator import COOKIE, session_of
from tests.program import service, token
from tests.serving import serving

# Some 8 MB: more than any socket holds between a server and one who does not read.
ROWS = 4_000
AUTHORIZATIONS = """
INSERT INTO authorizations (key, advertiser_id, item_id, item_url, route, state, state_reason, state_since, condition,
    why, created_at, updated_at)
SELECT '72/' || n, '72', n::text, repeat('x', 2000), 'code', 'requested', 'asked', %(now)s, 'public', 'covered', %(now)s, %(now)s
FROM generate_series(1, %(rows)s) AS n
"""
SHEET_ROWS = """
INSERT INTO sheet_rows (import_id, line, verdict, problem)
SELECT %(number)s, n, 'bad', repeat('x', 2000) FROM generate_series(10, %(rows)s + 9) AS n
"""
DOWNLOADS = ("/authorizations.csv", "/api/v1/authorizations.csv", "/imports/1.csv", "/api/v1/imports/1/rows.csv")


@pytest.fixture
def small(engine: Engine, database_url: str, clock: HandClock, vault: Vault) -> Iterator[Engine]:
    """A pool of two connections at most, and enough to take away."""
    number = Desk(engine, clock, vault).receives(sheet(with_end(1)))
    with hot(engine) as connection:
        values = {"now": clock.now(), "rows": ROWS, "number": number}
        connection.execute(AUTHORIZATIONS, values)
        connection.execute(SHEET_ROWS, values)
    made = make_engine(database_url, pool_size=1)
    yield made
    made.dispose()


@pytest.fixture
def known(small: Engine, clock: HandClock) -> dict[str, str]:
    """By these headers rooms and API know who asks."""
    return {"authorization": f"Bearer {token(small, clock)}", "cookie": f"{COOKIE}={session_of(small, clock)}"}


def held(engine: Engine) -> int:
    """How many connections of the pool are in hands."""
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.checkedout()


@contextmanager
def without_collecting() -> Iterator[None]:
    """Nothing is given back by the garbage collector, which comes when it likes."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def begun(http: httpx.Client, path: str, known: dict[str, str]) -> Iterator[None]:
    """A download whose first bytes are read and no more; it is given up at the end."""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader.settimeout(30)
        reader.connect((http.base_url.host, http.base_url.port))
        headers = "".join(f"{name}: {value}\r\n" for name, value in known.items())
        reader.sendall(f"GET {path} HTTP/1.1\r\nhost: {http.base_url.host}\r\n{headers}\r\n".encode())
        assert reader.recv(15) == b"HTTP/1.1 200 OK"
        yield


@pytest.mark.parametrize("path", DOWNLOADS)
def test_who_fetches_slowly_keeps_nobody_waiting(
    path: str, small: Engine, clock: HandClock, vault: Vault, known: dict[str, str]
) -> None:
    with serving(service(small, clock, vault)) as http, ExitStack() as slow:
        for _ in range(4):
            slow.enter_context(begun(http, path, known))

        answer = http.get("/api/v1/authorizations/count", headers=known)

        assert answer.json() == {"count": 1_000, "is_more": True}


@pytest.mark.parametrize("path", DOWNLOADS)
def test_who_gives_up_leaves_no_connection_behind(
    path: str, small: Engine, clock: HandClock, vault: Vault, known: dict[str, str]
) -> None:
    with without_collecting():
        with serving(service(small, clock, vault)) as http, begun(http, path, known):
            pass

        assert held(small) == 0


@pytest.mark.parametrize("path", DOWNLOADS)
def test_all_of_it_comes(path: str, small: Engine, clock: HandClock, vault: Vault, known: dict[str, str]) -> None:
    with serving(service(small, clock, vault)) as http:
        answer = http.get(path, headers=known)

    lines = answer.text.splitlines()[1:]
    assert len(set(lines)) == len(lines) == ROWS + ("imports" in path)


def test_rows_that_are_checked_while_a_report_is_taken_away_are_in_it_once(small: Engine) -> None:
    report = imported.everything(small, 1)
    lines = [next(report).line]

    with hot(small) as connection:
        connection.execute("UPDATE sheet_rows SET verdict = CASE WHEN line %% 2 = 0 THEN 'good' ELSE 'again' END", [])
    lines += [row.line for row in report]

    assert lines == [2, *range(10, ROWS + 10)]
