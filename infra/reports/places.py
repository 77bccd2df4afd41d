"""Where a page of a list begins: after the last row of the one before, as the address of the next page says it."""

from __future__ import annotations


class PlaceError(ValueError):
    """A place that the list does not have, or that cannot be read. Never taken for the beginning in silence: a walk would start
    anew.
    """

    def __init__(self) -> None:
        super().__init__(
            "The address names no place in this list: begin without `after` (or `before`), and go on from there."
        )
