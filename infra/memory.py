"""The garbage collector of a process that is made to run for weeks."""

from __future__ import annotations

import gc

# Objects made before the young ones are looked through. A batch of events makes tens of thousands, nearly all of which end with
# it by themselves: at Python's 700 a drain spent a sixth of its time looking for cycles.
YOUNG = 10_000
# Python looks through the older ones after every tenth round of the younger; here there are fewer rounds.
ROUNDS = 20


def settle() -> None:
    """Called once a process is put together: what is there by now, above all modules, stays, and is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, ROUNDS, ROUNDS)
