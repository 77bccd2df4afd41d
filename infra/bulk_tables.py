"""The schema of work on many authorizations at once: acts on all that a filter matches, imports of sheets, and sums."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Text
from sqlmodel import Field, SQLModel

from domain.acts import Act
from infra.tables import instant, one_of, quoted, serial, words


class Progress(StrEnum):
    """Where a long piece of work stands. `paused`: by a person, who may let it go on."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether it goes on by itself."""
        return self in (Progress.WAITING, Progress.RUNNING)

    @property
    def has_ended(self) -> bool:
        return self is Progress.DONE


class Verdict(StrEnum):
    """What became of one row of a sheet."""

    GOOD = "good"
    BAD = "bad"
    AGAIN = "again"


class Stage(StrEnum):
    """What is done to the rows of a sheet: first each is checked, then those that are good are applied."""

    CHECK = "check"
    APPLY = "apply"


OPEN = f"status IN ({quoted(each for each in Progress if each.is_open)})"
STOPPED = f"status IN ({quoted(each for each in Progress if not each.is_open)})"


class BulkRow(SQLModel, table=True):
    """One act on everything that a filter matches, done in order of id: `place` is how far it has come.

    `nonce` is of the form that was sent: sent twice, it is one act; the ids of its letters are made of it. `left_out` counts
    the skipped by why; `claimed_until` is the last batch's time and a while, after which a sweep nudges again.
    """

    __tablename__: ClassVar[Any] = "bulks"
    __table_args__ = (
        one_of("act", Act, "bulks_act"),
        one_of("status", Progress, "bulks_status"),
        Index("bulks_open", "id", postgresql_where=text(OPEN)),
    )

    id: int | None = Field(default=None, sa_column=serial())
    nonce: str = Field(sa_column=words(required=True, unique=True))
    act: str = Field(sa_column=words(required=True))
    query: str = Field(sa_column=words(required=True))
    ids: list[int] | None = Field(default=None, sa_column=Column(JSONB))
    params: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default="{}"))
    status: str = Field(sa_column=words(required=True, server_default="waiting"))
    actor: str = Field(sa_column=words(required=True))
    matched: int = Field(sa_column=Column(Integer, nullable=False))
    last_id: int = Field(sa_column=Column(BigInteger, nullable=False))
    place: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    done: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    skipped: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    left_out: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default="{}"))
    undo_of: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("bulks.id"), unique=True))
    claimed_until: datetime | None = Field(default=None, sa_column=instant())
    created_at: datetime = Field(sa_column=instant(required=True))
    ended_at: datetime | None = Field(default=None, sa_column=instant())
    trouble: str | None = Field(default=None, sa_column=words())


class BulkMarkRow(SQLModel, table=True):
    """How one authorization stood before a bulk act that can be undone; of a grave one, that it was confirmed for this one."""

    __tablename__: ClassVar[Any] = "bulk_marks"

    bulk_id: int = Field(sa_column=Column(BigInteger, ForeignKey("bulks.id"), primary_key=True, autoincrement=False))
    authorization_id: int = Field(
        sa_column=Column(BigInteger, ForeignKey("authorizations.id"), primary_key=True, autoincrement=False)
    )
    before: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class ImportRow(SQLModel, table=True):
    """A sheet of existing codes: `lines` rows; `place` is the line up to which the present stage has come.

    `is_dry_run`: it waits for a person between the stages. `ignored` are the columns that mean nothing here. Once it
    `is_forgotten` nothing of it is applied any more, and its codes are taken away, up to `place`; from `emptied_at` on only
    the report is kept.
    """

    __tablename__: ClassVar[Any] = "imports"
    __table_args__ = (
        one_of("stage", Stage, "imports_stage"),
        one_of("status", Progress, "imports_status"),
        Index("imports_open", "id", postgresql_where=text(OPEN)),
        Index("imports_full", "created_at", postgresql_where=text("emptied_at IS NULL")),
    )

    id: int | None = Field(default=None, sa_column=serial())
    name: str = Field(sa_column=words(required=True))
    actor: str = Field(sa_column=words(required=True))
    stage: str = Field(sa_column=words(required=True, server_default="check"))
    status: str = Field(sa_column=words(required=True, server_default="waiting"))
    is_dry_run: bool = Field(sa_column=Column(Boolean, nullable=False))
    is_forgotten: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    ignored: list[str] = Field(default_factory=list, sa_column=Column(JSONB, nullable=False, server_default="[]"))
    lines: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    place: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    good: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    bad: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    again: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    applied: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))
    claimed_until: datetime | None = Field(default=None, sa_column=instant())
    created_at: datetime = Field(sa_column=instant(required=True))
    ended_at: datetime | None = Field(default=None, sa_column=instant())
    emptied_at: datetime | None = Field(default=None, sa_column=instant())
    trouble: str | None = Field(default=None, sa_column=words())


class SheetRow(SQLModel, table=True):
    """One row of a sheet, by the line on which it begins; sealed, since it holds a code, for as long as it may be applied.

    `fingerprint` is of all that it says, `last` are the code's last characters, `problem` is for people.
    """

    __tablename__: ClassVar[Any] = "sheet_rows"
    __table_args__ = (
        one_of("verdict", Verdict, "sheet_rows_verdict"),
        Index("sheet_rows_verdict_line", "import_id", "verdict", "line"),
        Index("sheet_rows_key", "import_id", "key", postgresql_where=text("key IS NOT NULL")),
    )

    import_id: int = Field(
        sa_column=Column(
            BigInteger, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        )
    )
    line: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    sealed: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    key: str | None = Field(default=None, sa_column=words())
    fingerprint: str | None = Field(default=None, sa_column=words())
    last: str | None = Field(default=None, sa_column=words())
    ends_at: datetime | None = Field(default=None, sa_column=instant())
    verdict: str | None = Field(default=None, sa_column=words())
    problem: str | None = Field(default=None, sa_column=words())


class SummaryRow(SQLModel, table=True):
    """Sums over all authorizations, made anew each minute, so that a page costs the same over ten thousand and a million."""

    __tablename__: ClassVar[Any] = "summaries"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    at: datetime = Field(sa_column=instant(required=True))
    body: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
