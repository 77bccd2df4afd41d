"""Who may do what in the operators' room: three roles, each of which may all that the one before it may."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A viewer reads, an operator acts on authorizations and events, an admin also sees to people, keys and settings."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Whether somebody of this role may do what `needed` is needed for."""
        return RANKS.index(self) >= RANKS.index(needed)


RANKS = tuple(Role)


class Scope(StrEnum):
    """What an API token may do."""

    READ = "read"
    ACT = "act"
    IMPORT = "import"
    ADMIN = "admin"
