"""An operator sends a sheet in, reads what is wrong with it, applies what is good, and takes the report away."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from domain.people import Role
from infra.clock import HandClock
from infra.sheet_text import MOST_BYTES
from infra.vault import Vault
from tests.acting import Floor, floor
from tests.importing import ADVERTISER, Desk, code, post, sheet, with_code, with_end
from tests.operator import COOKIE, CSRF

BOUNDARY = "a-boundary-of-our-own"
BAD = [ADVERTISER, "soon", "@creator.3", "", "2026-12-31"]


class Room:
    """The pages, and the worker behind them."""

    def __init__(self, floor: Floor, desk: Desk) -> None:
        self.floor, self.desk, self.ada = floor, desk, floor.ada

    def sends(
        self, *, file: str | bytes = b"", pasted: str = "", csrf: str | None = None, name: str = "codes.csv"
    ) -> int:
        """The number of an import, or 0 where the page says what is wrong."""
        self.ada.opens("/imports")
        token = CSRF.search(self.ada.page.text)
        fields = {"csrf": csrf or (token[1] if token else ""), "pasted": pasted}
        self.posts(multipart(fields, file, name))
        found = re.fullmatch(r"/imports/([0-9]+)", self.ada.page.headers.get("location", ""))
        return int(found[1]) if found else 0

    def posts(self, body: bytes) -> None:
        """A form with a file in it, as a browser sends it."""
        kind, cookie = f"multipart/form-data; boundary={BOUNDARY}", f"{COOKIE}={self.ada.cookie}"
        headers = {"content-type": kind, "cookie": cookie, "accept": "text/html"}
        self.ada.page = self.floor.http.post("/imports", content=body, headers=headers, follow_redirects=False)

    def opens(self, path: str) -> str:
        self.ada.opens(path)
        assert self.ada.page.status_code == 200, self.ada.text
        return self.ada.text

    def presses(self, number: int, verb: str) -> int:
        self.ada.opens(f"/imports/{number}")
        return int(self.ada.sends(f"/imports/{number}/{verb}").status_code)


def multipart(fields: dict[str, str], file: str | bytes, name: str) -> bytes:
    raw = file.encode() if isinstance(file, str) else file
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in fields.items()]
    about = f'Content-Disposition: form-data; name="file"; filename="{name if raw else ""}"\r\nContent-Type: text/csv\r\n\r\n'
    parts.append(about.encode() + raw)
    marks = b"".join(b"--%s\r\n%s\r\n" % (BOUNDARY.encode(), part) for part in parts)
    return marks + b"--%s--\r\n" % BOUNDARY.encode()


@pytest.fixture
def room(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Room]:
    with floor(engine, clock, vault) as opened:
        yield Room(opened, Desk(engine, clock, vault))


def test_the_empty_page_teaches(room: Room) -> None:
    read = room.opens("/imports")

    assert "What a sheet holds" in read
    assert "Check it" in read
    room.ada.opens("/imports/sample.csv")
    rows = room.desk.checks(room.ada.page.text)
    assert [row.verdict for row in rows] == ["bad", "bad", "good"]
    assert "No Spark code stands here" in (rows[0].problem or "")


def test_a_file_is_checked_then_applied(room: Room) -> None:
    number = room.sends(file=sheet(with_code(1), with_end(2), BAD))
    assert "Being checked" in room.opens(f"/imports/{number}")
    assert 'http-equiv="refresh"' in room.ada.page.text
    room.desk.works()

    read = room.opens(f"/imports/{number}")
    assert "Import of codes.csv" in read
    assert "Apply the 2 good rows" in read
    assert "neither a post's number nor its link" in read
    assert read.index("neither a post's number") < read.index(post(1))
    assert room.presses(number, "apply") == 303
    room.desk.works()

    read = room.opens(f"/imports/{number}")
    assert "Applied" in read
    assert "authorized now" in read
    assert f"code …{code(1)[-5:-1]}" in read
    assert "Apply the" not in read
    assert "checked" in room.opens("/imports") or "applied" in room.ada.text


def test_rows_are_pasted_from_a_spreadsheet(room: Room) -> None:
    number = room.sends(pasted=sheet(with_end(1), with_end(2), separator="\t"))
    room.desk.works()

    assert "Import of pasted" in room.opens(f"/imports/{number}")
    assert room.desk.sheet(number).good == 2


@pytest.mark.parametrize(
    ("file", "pasted", "why"),
    [
        ("", "", "one of the two"),
        (sheet(with_end(1)), sheet(with_end(1)), "one of the two"),
        ("", "hello", "names no column for"),
        (sheet(), "", "no rows below"),
    ],
)
def test_what_is_wrong_with_the_whole_is_said_at_once(room: Room, file: str, pasted: str, why: str) -> None:
    assert room.sends(file=file, pasted=pasted) == 0

    assert room.ada.page.status_code == 422
    assert why in room.ada.text
    assert ("paste it once more" in room.ada.text) is bool(pasted)
    assert room.desk.asks("SELECT * FROM imports") == []


def test_what_was_pasted_is_on_no_page(room: Room) -> None:
    assert room.sends(pasted=f"a,b\n1,{code(1)}") == 0

    assert room.ada.page.status_code == 422
    assert code(1)[1:-1] not in room.ada.page.text


def test_the_report_is_read_part_by_part_and_page_by_page(room: Room) -> None:
    number = room.sends(file=sheet(*(BAD for _ in range(60)), *(with_end(n) for n in range(60))))
    room.desk.works()

    room.opens(f"/imports/{number}")
    first = lines_on(room)
    following = re.search(r'href="(/imports/[0-9]+\?after=[^"#]+)', room.ada.page.text)
    assert following is not None
    room.opens(following[1])
    assert first == list(range(2, 52))
    assert lines_on(room) == [*range(52, 62), *range(62, 102)]
    room.opens(f"/imports/{number}?show=good")
    assert lines_on(room) == list(range(62, 112))
    assert room.ada.opens(f"/imports/{number}?show=nonsense").status_code == 422
    assert "`show` is one of bad, again, good, unchecked; without it, all of the report." in room.ada.text
    assert room.ada.opens("/imports/99").status_code == 404


@pytest.mark.parametrize("place", ["nonsense", "bad", "bad.", "bad.x", "bad.9999999999", "worse.1"])
def test_a_place_in_the_report_that_cannot_be_read_is_refused(room: Room, place: str) -> None:
    number = room.sends(file=sheet(BAD))
    room.desk.works()

    assert room.ada.opens(f"/imports/{number}?after={place}").status_code == 422

    assert "The address names no place in this list: begin without `after`" in room.ada.text
    assert room.ada.opens(f"/imports/{number}?after=").status_code == 200


def lines_on(room: Room) -> list[int]:
    return [int(line) for line in re.findall(r'<th scope="row">([0-9]+)</th>', room.ada.page.text)]


def test_the_report_is_taken_away_as_a_sheet_that_runs_nothing(room: Room) -> None:
    number = room.sends(file=sheet(with_code(1), BAD))
    room.desk.works()

    room.ada.opens(f"/imports/{number}.csv")

    rows = list(csv.DictReader(io.StringIO(room.ada.page.text.removeprefix("\ufeff"))))
    assert [(row["line"], row["verdict"], row["code ends in"]) for row in rows] == [
        ("2", "good", code(1)[-5:-1]),
        ("3", "bad", ""),
    ]
    assert code(1) not in room.ada.page.text
    assert room.desk.one("SELECT count(*) FROM audit WHERE act = 'import.exported'") == {"count": 1}


def test_it_is_paused_goes_on_and_ends(room: Room) -> None:
    number = room.sends(file=sheet(with_end(1)))
    assert room.presses(number, "pause") == 303
    assert "Paused" in room.opens(f"/imports/{number}")
    room.desk.works()
    assert room.presses(number, "go-on") == 303
    room.desk.works()
    assert room.presses(number, "end") == 303

    assert "nothing was applied" in room.opens(f"/imports/{number}")
    assert room.presses(number, "apply") == 409
    assert "no longer kept" in room.ada.text


def test_a_viewer_reads_and_sends_nothing(room: Room) -> None:
    number = room.sends(file=sheet(with_end(1)))
    room.desk.works()
    room.ada = room.floor.enters(Role.VIEWER)

    assert "Check it" not in room.opens("/imports")
    assert "Apply the good row" not in room.opens(f"/imports/{number}")
    assert room.sends(file=sheet(with_end(2))) == 0
    assert room.ada.page.status_code == 403


def test_a_form_without_the_token_is_refused(room: Room) -> None:
    assert room.sends(file=sheet(with_end(1)), csrf="0" * 32) == 0

    assert room.ada.page.status_code == 403
    assert room.desk.asks("SELECT * FROM imports") == []


def test_what_is_too_long_is_refused(room: Room) -> None:
    assert room.sends(pasted="x" * (2**20 + 1)) == 0
    assert room.ada.page.status_code == 400
    assert "send that as a file" in room.ada.text

    room.posts(b"x" * (MOST_BYTES + 200_000))
    assert room.ada.page.status_code in (400, 413)


def test_no_code_is_shown_logged_or_kept_in_the_clear(room: Room) -> None:
    where_it_does_not_belong = [
        [code(1), post(1), "@a", code(1), ""],
        [ADVERTISER, code(2), "@a", "", "2026-12-31"],
        [ADVERTISER, post(3), code(3), "", "2026-12-31"],
        [ADVERTISER, post(4), "@a", "", code(4)],
        [ADVERTISER, post(5), "@a", f"it is {code(5)}, bye", ""],
        [ADVERTISER, post(6), "@a", f"{code(6)} {code(7)}", ""],
    ]
    heading = ["advertiser", "post", "creator", "code", "end date", code(8)]
    with capture_logs() as logs:
        number = room.sends(file=sheet(*where_it_does_not_belong, heading=heading), name=f"{code(9)}.csv")
        room.desk.works()
        room.presses(number, "apply")
        room.desk.works()
        seen = [room.ada.page.text, str(dict(room.ada.page.headers)), str(logs)]
        paths = ("/imports", f"/imports/{number}", f"/imports/{number}.csv", "/audit", "/events")
        seen += [room.ada.opens(path).text for path in paths]
    kept = room.desk.asks("SELECT to_jsonb(t)::text AS text FROM imports AS t")
    kept += room.desk.asks("SELECT to_jsonb(t)::text AS text FROM sheet_rows AS t")
    kept += room.desk.asks("SELECT to_jsonb(t)::text AS text FROM audit AS t")
    kept += room.desk.asks("SELECT to_jsonb(t)::text AS text FROM inbox AS t")

    everything = "\n".join([*seen, *(row["text"] for row in kept)])
    for each in range(1, 10):
        assert code(each)[1:-1] not in everything, each
    assert room.desk.one("SELECT last FROM codes") == {"last": code(5)[-5:-1]}
