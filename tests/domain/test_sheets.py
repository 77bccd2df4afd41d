"""Sheets of existing codes: whatever separates them, whatever order they are in, and whatever else somebody pastes."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sheet_rows import TOO_MANY, Held, RowError, parse
from domain.sheets import LONGEST_ROW, Column, SheetError, read
from domain.spark_code import Found

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
OFFERED = (7, 30, 60, 365)
CODE = f"#{'aB3dE6gH9' * 7}="
LINK = "https://www.tiktok.com/@maya.moves/video/7300000000000000001"
CELLS = {
    Column.ADVERTISER: "7200000000000000001",
    Column.POST: "7300000000000000001",
    Column.CREATOR: "@Maya.Moves",
    Column.ENDS: "2026-12-31",
}
HELD = Held(
    advertiser_id="7200000000000000001",
    item_id="7300000000000000001",
    handle="maya.moves",
    ends_at=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    is_whole_day=True,
)


def held(**cells: str) -> Held:
    """A row with these cells by the names of their columns; empty ones are taken out."""
    more = {Column[name]: text for name, text in cells.items()}
    return parse({column: text for column, text in (CELLS | more).items() if text}, now=NOW, offered_days=OFFERED)


def rows_of(text: str) -> list[tuple[int, dict[Column, str]]]:
    return list(read(text.split("\n"))[1])


@pytest.mark.parametrize("separator", list(",;\t|"))
@pytest.mark.parametrize(
    "names",
    [
        ("advertiser", "post", "code"),
        ("Ad account ID", "Video link", "Spark code"),
        ("AD_ACCOUNT_ID", "Video-ID", "Authorization Code"),
        ("Advertiser ID", "TikTok post URL", "Spark Ads code"),
    ],
)
def test_columns_are_known_by_usual_names(separator: str, names: tuple[str, ...]) -> None:
    text = separator.join([*reversed(names), "whatever"]) + "\n" + separator.join(["c", "b", "a", "d"])

    heading, rows = read(text.split("\n"))

    assert list(rows) == [(2, {Column.ADVERTISER: "a", Column.POST: "b", Column.CODE: "c"})]
    assert heading.ignored == ("whatever",)


def test_what_spreadsheets_add_is_read_over() -> None:
    text = 'sep=;\n"advertiser";"post";"end date"\n\n;;\n"1";"a ""b""\nc";"3"\n4;5;6'

    assert rows_of(text) == [
        (5, {Column.ADVERTISER: "1", Column.POST: 'a "b"\nc', Column.ENDS: "3"}),
        (7, {Column.ADVERTISER: "4", Column.POST: "5", Column.ENDS: "6"}),
    ]


def test_a_row_of_more_cells_than_columns_is_not_taken() -> None:
    heading = ",".join(CELLS) + ",note"
    plain = ",".join(CELLS.values())

    rows = [judged(cells) for _, cells in rows_of(f"{heading}\n{plain},Spring, 2026\n{plain},Spring,, \n{plain}")]

    assert rows == [(None, f"row: {TOO_MANY}"), (HELD, ""), (HELD, "")]


def test_of_two_columns_for_one_thing_the_filled_one_counts() -> None:
    assert rows_of("advertiser,video id,video link,code\n1,,x,y") == [
        (2, {Column.ADVERTISER: "1", Column.POST: "x", Column.CODE: "y"})
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("advertiser,post\n1,2", "names no column for: code or end date"),
        ("7200000000000000001,7300000000000000001,#x", "names no column for: advertiser, post, code or end date"),
        ("advertiser,post,post,code\n1,2,3,4", 'names "post" more than once'),
        ("advertiser\tpost\tcode\tEnd date\tend_date\n1\t2\t3\t4", 'names "End date" more than once'),
        ('advertiser,post,code\n1,2,"3\n4,5,6', "Line 2 has no end"),
        (f"advertiser,post,code\n1,2,{'x' * LONGEST_ROW}", "Line 2 has no end"),
        ("advertiser,post,code\n1,2,3\r4", "Line 2 cannot be read"),
    ],
)
def test_what_is_no_sheet_says_so(text: str, why: str) -> None:
    with pytest.raises(SheetError, match=why):
        rows_of(text)


def test_a_quotation_mark_that_nobody_closes_fills_no_memory() -> None:
    taken = 0

    def endless() -> object:
        nonlocal taken
        yield "advertiser,post,code"
        yield '1,2,"3'
        while True:
            taken += 1
            yield '","x'

    with pytest.raises(SheetError, match="Line 2"):
        list(read(endless())[1])  # type: ignore[arg-type]  # a generator

    assert taken < LONGEST_ROW


plain = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cf"]), min_size=1, max_size=30)


@given(rows=st.lists(st.tuples(plain, plain, plain), max_size=5), separator=st.sampled_from(",;\t|"))
def test_what_was_written_is_read(rows: list[tuple[str, str, str]], separator: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows([("advertiser", "post", "code"), *rows])

    found = [tuple(cells.values()) for _, cells in read(text.getvalue().split("\n"))[1]]

    assert found == [tuple(cell.strip() for cell in row) for row in rows]


@given(text=st.text(max_size=300))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        rows = rows_of(f"advertiser,post,creator,code,end date,days\n{text}")
    except SheetError:
        return
    for _, cells in rows:
        taken, problem = judged(cells)
        assert taken or problem


@given(cells=st.dictionaries(st.sampled_from(Column), st.text(max_size=80) | st.sampled_from([*CELLS.values(), CODE])))
def test_any_row_is_taken_or_told_what_is_wrong_with_it(cells: dict[Column, str]) -> None:
    taken, problem = judged(cells)

    assert taken is None or taken.code or taken.ends_at
    assert CODE.strip("#=") not in f"{taken!r} {problem}"


def judged(cells: dict[Column, str]) -> tuple[Held | None, str]:
    """What a row says, or what is wrong with it."""
    try:
        return parse(cells, now=NOW, offered_days=OFFERED), ""
    except RowError as error:
        return None, str(error)


def test_a_day_means_its_last_second() -> None:
    assert held() == HELD


@pytest.mark.parametrize(
    ("cells", "facts"),
    [
        ({"ENDS": "2026-12-31T18:00:00Z"}, {"ends_at": datetime(2026, 12, 31, 18, tzinfo=UTC), "is_whole_day": False}),
        (
            {"ENDS": "2026-12-31T18:00:00+02:00"},
            {"ends_at": datetime(2026, 12, 31, 16, tzinfo=UTC), "is_whole_day": False},
        ),
        ({"POST": LINK}, {"item_url": LINK}),
        ({"POST": f"{LINK}?is_from_webapp=1&sender=pc", "CREATOR": ""}, {"item_url": LINK}),
        ({"POST": "tiktok.com/@Maya.Moves/photo/7300000000000000001"}, {"item_url": LINK}),
        ({"ADVERTISER": "'7200000000000000001"}, {}),
        ({"ADVERTISER": '="7200000000000000001"'}, {}),
        ({"POST": "'7300000000000000000"}, {"item_id": "7300000000000000000"}),
        ({"DAYS": "30 days"}, {"days": 30}),
        ({"CAMPAIGN": "US_Q4_2026_BlackFriday_Creators_Prospecting"}, {"reference": "US_Q4_2026_BlackFriday_Creators_Prospecting"}),
        ({"NEEDED": "2027-01-01"}, {"needed_until": datetime(2027, 1, 1, 23, 59, 59, tzinfo=UTC)}),
        ({"CODE": f"here it is: {CODE} thanks"}, {"code": Found(code=CODE, is_strict=True)}),
    ],
)  # fmt: skip
def test_usual_spellings(cells: dict[str, str], facts: dict[str, object]) -> None:
    whole = {name: getattr(HELD, name) for name in Held.__slots__} | facts

    assert held(**cells) == Held(**whole)


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"ADVERTISER": ""}, "advertiser: It is missing."),
        ({"ADVERTISER": "7.2E+18"}, "advertiser: The spreadsheet has rounded this number."),
        ({"ADVERTISER": "7200000000000000000"}, "advertiser: It ends in zeros"),
        ({"ADVERTISER": "acme"}, "advertiser: This is no id."),
        ({"ADVERTISER": "७२००"}, "advertiser: This is no id."),
        ({"POST": ""}, "post: It is missing."),
        ({"POST": "https://vm.tiktok.com/ZMabc/"}, "post: A short link does not tell"),
        ({"POST": "https://www.tiktok.com/t/ZMabc/"}, "post: A short link does not tell"),
        ({"POST": "https://example.com/video/1"}, "post: This is neither"),
        ({"CREATOR": ""}, "creator: It is missing."),
        ({"CREATOR": "Maya Moves"}, "creator: This is no handle."),
        ({"CREATOR": "@jo.cooks", "POST": LINK}, "creator: The post's link names another creator."),
        ({"ENDS": ""}, "code: It is missing, and so is the end date."),
        ({"CODE": "ask Maya"}, "code: No Spark code stands here."),
        ({"CODE": f"{CODE[:30]} {CODE[33:]}"}, "code: The code is not whole: a blank stands in it."),
        ({"CODE": f"{CODE[:44]} {CODE[45:]}"}, "code: The code is not whole: a blank stands in it."),
        ({"CODE": f"{CODE} {CODE.replace('a', 'b')}"}, "code: Several codes stand in one cell."),
        ({"ENDS": "31/12/2026"}, "end date: This is no date. Write it as 2026-12-31"),
        ({"ENDS": "2026-12-31 18:00"}, "end date: This time has no zone."),
        ({"ENDS": "0001-01-01T00:00:00+14:00"}, "end date: This is no date."),
        ({"ENDS": "2026-11-21"}, "end date: It is over."),
        ({"ENDS": "2126-11-21"}, "end date: It lies more than ten years ahead."),
        ({"DAYS": "45"}, "days: TikTok offers no such period. Give one of 7, 30, 60, 365."),
        ({"CAMPAIGN": "word " * 41}, "campaign: Give at most 200 characters"),
        ({"CAMPAIGN": f"for {CODE}"}, "campaign: This looks like a Spark code."),
        ({"CAMPAIGN": "B\ufffdro"}, "campaign: A character cannot be read."),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(cells: dict[str, str], problem: str) -> None:
    with pytest.raises(RowError) as error:
        held(**cells)

    assert str(error.value).startswith(problem)
    assert len(error.value.complaints) == 1


def test_everything_that_is_wrong_with_a_row_is_told_at_once() -> None:
    with pytest.raises(RowError) as error:
        held(ENDS="soon", DAYS="45", CAMPAIGN="x" * 201)

    assert [each.column for each in error.value.complaints] == [Column.ENDS, Column.DAYS, Column.CAMPAIGN]
    assert error.value.key == HELD.key


@pytest.mark.parametrize(("left", "days"), [(3, 7), (7, 7), (8, 30), (61, 365), (400, 365)])
def test_without_days_the_shortest_period_that_reaches_the_end_is_taken(left: int, days: int) -> None:
    row = held(ENDS=f"{NOW + timedelta(days=left):%Y-%m-%dT%H:%M:%SZ}")

    assert row.period(now=NOW, offered_days=OFFERED) == days
    assert row.starts_at(now=NOW, offered_days=OFFERED) == min(NOW, NOW + timedelta(days=left - days))


def test_a_code_alone_is_taken_for_the_usual_period() -> None:
    row = held(ENDS="", CODE=CODE)

    assert row.period(now=NOW, offered_days=OFFERED) == 30
    assert row.starts_at(now=NOW, offered_days=OFFERED) == NOW
