"""What is said to a filter of a log that names what there is not."""

from __future__ import annotations


class WantedError(ValueError):
    """A filter that cannot be read; the sentence names the part."""
