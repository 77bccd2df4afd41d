"""Commands that go on looking: a turn at once, then one after another, until somebody asks them to end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from everspark.following import rounds

# In a process of its own: it catches the signals of the process.
STORY = """
import os, signal
from everspark.following import rounds
turns = rounds(60.0)
print(next(turns))
os.kill(os.getpid(), signal.{name})
print(list(turns))
quick = rounds(0.001)
print(next(quick), next(quick), next(quick))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_next_turn_comes_by_itself_and_a_signal_ends_them(name: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", STORY.format(name=name)], capture_output=True, text=True, check=True, timeout=30
    )

    assert told.stdout.split("\n") == ["0", "[]", "0 1 2", ""]


def test_once_is_one_turn() -> None:
    assert list(rounds(60.0, once=True)) == [0]
