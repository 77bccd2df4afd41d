"""The pages on refusals, on eligibility and on looking say what the code does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from domain.eligibility import ADVICE, WARNINGS, PostPolicy, Remark, figured, judge
from domain.findings import ACCOUNT_GONE, NOT_YET, WITHDRAWING_PARTS
from domain.looking import RHYTHMS, Rhythm
from domain.posts import CAROUSEL, CONDITIONS, STANDINGS, VIDEO, Post
from domain.refusal_table import CALL_ROWS, CODE_ROWS, OUR_ROWS, UNKNOWN, Refusal, Who
from domain.refusals import REFUSALS

DOCS = Path(__file__).parents[2] / "docs"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def rows_of(page: str, table: str) -> list[str]:
    """The rows between a page's markers of `table`, without the two lines of its head."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return text.partition(f"<!-- {table} -->\n")[2].partition(f"<!-- end of {table} -->")[0].splitlines()[2:]


def row_of_refusal(refusal: Refusal) -> str:
    """A refusal as the page shows it."""
    numbers = ", ".join(str(number) for number in (*refusal.numbers, *refusal.codes)) or "–"
    hard = "hard" if refusal.is_hard else "soft"
    return f"| `{refusal.symbol}` | {numbers} | {refusal.who} | {hard} | {refusal.cause} | {refusal.remedy} |"


def row_of_remark(remark: Remark) -> str:
    """A warning or a piece of advice as the page shows it, with the figures that hold unless told otherwise."""
    shown = figured(remark, PostPolicy())
    return f"| `{shown.code}` | {shown.sentence} | {shown.next_step} |"


def row_of_rhythm(rhythm: Rhythm) -> str:
    """A pace as the page shows it."""
    minutes = rhythm.every // timedelta(minutes=1)
    return f"| `{rhythm.pace}` | {minutes} min | {rhythm.why} |"


@pytest.mark.parametrize(
    ("table", "refusals"), [("codes", CODE_ROWS), ("calls", CALL_ROWS), ("ours", OUR_ROWS), ("unknown", (UNKNOWN,))]
)
def test_the_page_on_refusals_has_the_rows_of_the_code(table: str, refusals: tuple[Refusal, ...]) -> None:
    assert rows_of("refusals.md", table) == [row_of_refusal(refusal) for refusal in refusals]


def test_no_refusal_is_missing_from_the_page() -> None:
    text = (DOCS / "refusals.md").read_text(encoding="utf-8")

    assert [refusal.symbol for refusal in REFUSALS if f"| `{refusal.symbol}` |" not in text] == []
    assert all(f"`{who}`" in text for who in Who)


@pytest.mark.parametrize(("table", "remarks"), [("warnings", WARNINGS), ("advice", ADVICE)])
def test_the_page_on_eligibility_has_the_remarks_of_the_code(table: str, remarks: tuple[Remark, ...]) -> None:
    assert rows_of("eligibility.md", table) == [row_of_remark(remark) for remark in remarks]


def test_the_page_on_eligibility_names_each_symbol_that_a_post_can_get() -> None:
    said = {line.split("| `")[1].partition("`")[0] for line in rows_of("eligibility.md", "refused")}

    assert said == {refusal.symbol for post in every_kind_of_post() for refusal in in_the_way_of(post)}


def every_kind_of_post() -> Iterator[Post]:
    """Posts in every mixture of what the rules look at."""
    kinds = product(
        (VIDEO, CAROUSEL, "STORY"), CONDITIONS, (None, "7"), (True, False), ((), ("7",), ("7", "8")), (1, 11), (0, 2)
    )
    for item_type, status, duet_of, is_chain, mentions, minutes, day in kinds:
        yield Post(
            item_id="7",
            item_type=item_type,
            status=status,
            duet_of=duet_of,
            is_chain=is_chain,
            mentions=mentions,
            duration=timedelta(minutes=minutes),
            ends_at=NOW + timedelta(days=day),
        )


def in_the_way_of(post: Post) -> tuple[Refusal, ...]:
    """What stands in the way of the post."""
    return judge(post, policy=PostPolicy(), now=NOW).refusals


def test_the_page_on_looking_has_the_paces_of_the_code() -> None:
    assert rows_of("looking.md", "paces") == [row_of_rhythm(row) for row in RHYTHMS]


def test_the_page_on_looking_has_the_standings_of_the_code() -> None:
    assert rows_of("looking.md", "standings") == [
        f"| `{status}` | {standing} |" for status, standing in STANDINGS.items()
    ]


def test_the_page_on_looking_has_the_words_of_the_code() -> None:
    text = (DOCS / "looking.md").read_text(encoding="utf-8")
    listed = text.partition("<!-- words -->\n")[2].partition("\n<!-- end of words -->")[0]

    assert listed == ", ".join(f"`{part}`" for part in WITHDRAWING_PARTS)
    assert [word for word in (*ACCOUNT_GONE, *NOT_YET) if f"`{word}`" not in text] == []
