"""The garbage collector of a process that runs for long."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from infra import memory


class Ring:
    """A cycle, which only the collector ends."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_is_there_is_left_alone_and_what_comes_is_still_collected() -> None:
    memory.settle()

    kept = gc.get_freeze_count()
    rings = [weakref.ref(Ring()) for _ in range(3 * memory.YOUNG)]

    assert kept > memory.YOUNG
    assert any(ring() is None for ring in rings)
