"""A quiet mailbox is drained at once, a busy one at intervals."""

from __future__ import annotations

from worker.pacing import ENOUGH, PLENTY, SPACING, Pacing


def test_only_a_mailbox_that_held_plenty_waits_and_only_until_its_time() -> None:
    time = [100.0]
    pacing = Pacing(now=lambda: time[0])
    assert pacing.pause(1) == 0

    pacing.note(1, begun=100.0, events=PLENTY - 1)
    assert pacing.pause(1) == 0

    pacing.note(1, begun=100.0, events=PLENTY)
    time[0] += SPACING / 4
    assert 0 < pacing.pause(1) <= SPACING
    assert pacing.pause(2) == 0

    time[0] += SPACING
    assert pacing.pause(1) == 0

    pacing.note(1, begun=time[0], events=ENOUGH)
    assert pacing.pause(1) == 0
