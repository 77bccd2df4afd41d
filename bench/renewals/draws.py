"""Random numbers that belong to what they decide: the same question gets the same answer under every policy.

Two policies that write to a creator on the same date meet the same mood, so what differs is the policy and not the luck.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from math import exp, log
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")
NORMAL = NormalDist()


def draw(*question: object) -> float:
    """Between 0 and 1, both excluded; always the same for one question."""
    digest = hashlib.blake2b(repr(question).encode(), digest_size=6).digest()
    return (int.from_bytes(digest) + 0.5) / 2**48


def between(low: float, high: float, *question: object) -> float:
    """Evenly between `low` and `high`."""
    return low + (high - low) * draw(*question)


def lognormal(median: float, sigma: float, *question: object) -> float:
    """Half lie below `median`; two thirds within a factor of e to the `sigma`."""
    return median * exp(sigma * NORMAL.inv_cdf(draw(*question)))


def waited(median: timedelta, *question: object) -> timedelta:
    """A wait that half end before `median`, with a long tail (exponential)."""
    return median * (-log(draw(*question)) / log(2))


def pick(options: Sequence[tuple[float, T]], *question: object) -> T:
    """One of `options`, each with its share; the shares need not sum to one."""
    left = draw(*question) * sum(share for share, _ in options)
    for share, option in options:
        left -= share
        if left < 0:
            return option
    return options[-1][1]
