"""What a demo tells its pages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """That nothing here is real, for every page to say; `day_seconds` is how long a simulated day takes."""

    day_seconds: float
