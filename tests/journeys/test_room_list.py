"""The list of authorizations: found, filtered, sorted, paged through, chosen from, kept as a view, taken away as a sheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from psycopg.rows import dict_row
from sqlalchemy import Engine
from starlette.testclient import TestClient

from domain.events import Creator
from domain.people import Role
from infra import audit, authorizations
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.reports.exporting import COLUMNS, FORMULA, harmless
from infra.reports.listing import PAGE
from infra.settings import load
from infra.vault import Vault
from infra.views import MOST
from tests.operator import Operator, quick_passwords
from tests.portfolio import Post, holds, owes_message
from web.main import make_app
from web.room.calls import A_PAGE

DAY = timedelta(days=1)
Enter = Callable[..., Operator]


@pytest.fixture
def enter(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[Enter]:
    """Somebody of a role."""
    app = make_app(
        settings=load(),
        engine=engine,
        vault=vault,
        clock=clock,
        nudges=make_nudges(make_broker("")),
        passwords=quick_passwords(),
    )
    with TestClient(app, base_url="http://127.0.0.1:8080") as http:
        yield lambda role=Role.OPERATOR: Operator(http, engine, clock, role)


def to(somebody: Operator, words: str) -> list[str]:
    """Where the links of the open page go that say so."""
    return [unescape(each) for each in re.findall(rf'<a href="([^"]*)">{words}</a>', somebody.page.text)]


def posts(engine: Engine, clock: HandClock, count: int = 6) -> list[Post]:
    """Each ends two days after the one before, and spends more."""
    made = [
        Post(number=number, creator=f"creator_{number}", ends=number * 2, flight=60, spend=str(number * 10))
        for number in range(1, count + 1)
    ]
    holds(engine, made, now=clock.now())
    return made


def shown(somebody: Operator) -> list[int]:
    """The posts on the page that is open, in its order."""
    return [
        int(number) - 7300000000000000000
        for number in re.findall(r'<span class="id" id="i\d+">(?:\d+/<wbr>)?(\d+)</span>', somebody.page.text)
    ]


def follows(somebody: Operator, words: str) -> Operator:
    """Clicks on a link by what it says."""
    found = re.search(rf'<a[^>]*href="([^"]+)"[^>]*>(?:<span>)?{words}', somebody.page.text)
    assert found, somebody.text
    somebody.opens(unescape(found[1]))
    return somebody


def audit_of(engine: Engine) -> list[dict[str, Any]]:
    with hot(engine) as connection:
        query = "SELECT actor, act, about FROM audit WHERE act LIKE 'view.%%' OR act LIKE 'auth%%' ORDER BY id"
        return connection.cursor(row_factory=dict_row).execute(query, []).fetchall()


def test_what_ends_first_stands_first_with_its_money_and_what_comes_next(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    posts(engine, clock)
    ada = enter()

    ada.opens("/authorizations")

    assert shown(ada) == [1, 2, 3, 4, 5, 6]
    assert "6 authorizations" in ada.text
    assert "@creator_1" in ada.text
    assert "300 EUR" in ada.text
    assert "Ask the creator" in ada.text
    assert "something that needs the authorization runs on after its end" in ada.text
    assert 'href="/authorizations/1"' in ada.page.text


def test_a_message_that_waits_is_what_comes_next_until_it_has_gone_or_its_period_is_over(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    now = clock.now()
    post, *_ = posts(engine, clock)
    owes_message(engine, post, now=now, due_at=now + timedelta(hours=8), reason="the creator has no e-mail address")
    ada = enter()
    ada.opens("/authorizations")
    waits = "A message waits its turn comes in 8 h 0 min : the creator has no e-mail address"
    assert waits in ada.text
    assert "no further request is planned" not in ada.text

    clock.advance(timedelta(hours=8, minutes=1))
    ada.opens("/authorizations")
    assert "A message waits its turn came 1 min ago" in ada.text

    for over in (
        "UPDATE asks SET sent_at = asked_at",
        "UPDATE authorizations SET expires_at = expires_at + interval '1 day'",
    ):
        with hot(engine) as connection:
            connection.execute("UPDATE asks SET sent_at = NULL")
            connection.execute(over.encode())
        ada.opens("/authorizations")
        assert "A message waits" not in ada.text


def test_what_was_due_is_not_told_as_done(enter: Enter, engine: Engine, clock: HandClock) -> None:
    holds(engine, [Post(number=1)], now=clock.now())
    plan = "UPDATE authorizations SET next_action = 'ask', next_action_at = %s"
    ada = enter()

    for hours, said in ((5, "Ask the creator in 5 h 0 min"), (-5, "Ask the creator: was due 5 h 0 min ago")):
        with hot(engine) as connection:
            connection.execute(plan, [clock.now() + timedelta(hours=hours)])
        for page in ("/authorizations", "/creators/1", f"/advertisers/{Post().advertiser}"):
            ada.opens(page)
            assert said in ada.text, page


def test_what_tiktok_shows_no_longer_was_not_never_shown(enter: Enter, engine: Engine, clock: HandClock) -> None:
    posts(engine, clock, count=2)
    with hot(engine) as connection:
        connection.execute(
            "INSERT INTO sightings (key, advertiser_id, facts, seen_at, missing_since)"
            " SELECT key, advertiser_id, '{}', %s, %s FROM authorizations WHERE id = 1",
            [clock.now() - timedelta(days=33), clock.now() - timedelta(days=3)],
        )
    ada = enter()

    ada.opens("/authorizations")
    first, second = ada.text.partition("@creator_1")[2].split("@creator_2")

    assert "no longer since 3 d 0 h ago" in first
    assert "never" in second


@pytest.mark.parametrize(
    ("advertiser", "most"), [("Maison Alba", 90_000), ("a" * 200, 100_000)], ids=["usual_advertiser", "long_advertiser"]
)
def test_a_whole_page_of_the_longest_names_stays_light(
    enter: Enter, engine: Engine, clock: HandClock, advertiser: str, most: int
) -> None:
    """Nothing is compressed on its way, as CSRF tokens stand in the pages: what each row repeats is paid fifty times."""
    made = [Post(number=n, creator=f"{n:02}_{'w' * 197}", ends=n / 2, flight=60) for n in range(1, PAGE + 2)]
    holds(engine, made, now=clock.now())
    seen_at = clock.now() - timedelta(hours=3)
    with hot(engine) as connection:
        connection.execute("UPDATE authorizations SET reference = lpad(id::text, 200, 'r'), condition = 'under_review'")
        connection.execute(
            "INSERT INTO advertisers (advertiser_id, name, connected_at, next_look_at, next_kpis_at)"
            " VALUES (%(id)s, %(name)s, %(at)s, %(at)s, %(at)s)",
            {"id": made[0].advertiser, "name": advertiser, "at": seen_at},
        )
        connection.execute(
            "INSERT INTO sightings (key, advertiser_id, facts, seen_at)"
            " SELECT key, advertiser_id, '{}', %s FROM authorizations",
            [seen_at],
        )
        connection.execute(
            "INSERT INTO advertisers (advertiser_id, name, connected_at, next_look_at, next_kpis_at)"
            " SELECT 7300000000000000000 + n, 'Brand ' || lpad(n::text, 194, 'b'), %(at)s, %(at)s, %(at)s"
            " FROM generate_series(1, 300) AS n",
            {"at": seen_at},
        )
    ada = enter()

    answer = ada.opens("/authorizations")

    assert len(shown(ada)) == PAGE
    assert ada.page.text.count("w" * 197) == PAGE
    assert "3 h 0 min ago" in ada.text
    assert len(answer.content) <= most


def test_a_filter_becomes_chips_a_heading_and_one_address(enter: Enter, engine: Engine, clock: HandClock) -> None:
    posts(engine, clock)
    ada = enter()

    answer = ada.opens("/authorizations?search=&sort=end&left_to=7&creator=&state=expired&state=active&currency=eur")

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/authorizations?state=active&state=expired&left_to=7&currency=EUR",
    )
    ada.opens(answer.headers["location"])
    assert shown(ada) == [1, 2, 3]
    assert "active or expired, ending within 7 days, in EUR" in ada.text
    follows(ada, "ending within 7 days")
    assert len(shown(ada)) == 6
    follows(follows(follows(ada, "in EUR"), "active"), "expired")
    assert ada.page.url.path == "/authorizations"
    assert not ada.page.url.query


def test_the_dates_of_the_end_are_one_chip_and_two_fields(enter: Enter, engine: Engine, clock: HandClock) -> None:
    posts(engine, clock)
    ada = enter()

    answer = ada.opens("/authorizations?ends_to=2026-11-28&ends_from=2026-11-26&left_to=5")

    assert answer.headers["location"] == "/authorizations?left_to=5&ends_from=2026-11-26&ends_to=2026-11-28"
    page = ada.opens(answer.headers["location"]).text
    assert shown(ada) == [2]
    assert '<input name="ends_from" type="date" value="2026-11-26"' in page
    assert '<input name="ends_to" type="date" value="2026-11-28"' in page
    assert "<details open><summary>More to filter by" in page
    follows(ada, "ending within 5 days")
    assert shown(ada) == [2, 3]
    follows(ada, "ending from 26 Nov 2026 to 28 Nov 2026")
    assert ada.page.url.path == "/authorizations"
    assert not ada.page.url.query
    assert ada.opens("/authorizations?ends_to=soon").status_code == 422
    assert "A day, such as 2026-11-25." in ada.text


def test_it_is_sorted_by_money_and_searched(enter: Enter, engine: Engine, clock: HandClock) -> None:
    posts(engine, clock)
    ada = enter()

    ada.opens("/authorizations")
    follows(ada, "most money at risk")
    assert shown(ada) == [6, 5, 4, 3, 2, 1]
    ada.opens("/authorizations?search=%40Creator_4")
    assert shown(ada) == [4]
    ada.opens("/authorizations?search=creator_99")
    assert "Nothing is matching “creator_99”." in ada.text
    assert "the last four characters of a code" in ada.text


def test_a_campaign_is_searched_by_its_beginning_in_large_letters_or_small(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    posts(engine, clock)
    with hot(engine) as connection:
        connection.execute("UPDATE authorizations SET reference = 'Maison Alba ' || id")
    ada = enter()

    ada.opens("/authorizations?search=maison+alba+4")

    assert len(shown(ada)) == 1
    assert "the beginning of a handle or a campaign's name" in ada.text
    ada.opens("/authorizations?search=alba")
    assert shown(ada) == []


def called(engine: Engine, clock: HandClock, *names: str) -> None:
    """Advertisers of these names are connected, the first of whom has the posts."""
    query = """
    INSERT INTO advertisers (advertiser_id, name, connected_at, next_look_at, next_kpis_at)
    SELECT 7200000000000000000 + place, name, %(at)s, %(at)s, %(at)s
    FROM unnest(%(names)s::text[]) WITH ORDINALITY AS known (name, place)
    """
    with hot(engine) as connection:
        connection.execute(query, {"names": list(names), "at": clock.now()})


def test_an_advertiser_is_found_by_name_and_the_address_keeps_the_number(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    posts(engine, clock)
    called(engine, clock, "Maison Alba", "Nord & Co", "Twin", "twin")
    ada = enter()

    answer = ada.opens("/authorizations?left_to=7&advertiser=+maison+ALBA&state=active")

    number = Post().advertiser
    assert answer.headers["location"] == f"/authorizations?state=active&advertiser={number}&left_to=7"
    ada.opens(answer.headers["location"])
    assert shown(ada) == [1, 2, 3]
    options = ("Maison Alba", "Nord &amp; Co", "7200000000000000003", "7200000000000000004")
    assert "".join(f"<option>{each}" for each in options) + "</datalist>" in ada.page.text
    for name in ("maison", "TWIN"):
        assert ada.opens(f"/authorizations?advertiser={name}").status_code == 422
        assert shown(ada) == []
        assert "An advertiser's number, or its name where no other has the same" in ada.text


def test_pages_go_on_and_back(enter: Enter, engine: Engine, clock: HandClock) -> None:
    posts(engine, clock, count=PAGE + 7)
    ada = enter()

    ada.opens("/authorizations")
    first = shown(ada)
    follows(ada, "Next page")
    assert shown(ada) == list(range(PAGE + 1, PAGE + 8))
    assert f"{PAGE + 7} authorizations" in ada.text
    follows(ada, "‹ Previous page")
    assert shown(ada) == first == list(range(1, PAGE + 1))


@pytest.mark.parametrize("place", ["after=zzz", "after=7_x_1", "sort=money&before=9_1_1"])
def test_a_place_that_the_list_does_not_have_is_refused_and_is_not_its_beginning(enter: Enter, place: str) -> None:
    ada = enter()

    assert ada.opens(f"/authorizations?{place}").status_code == 422
    assert "The address names no place in this list: begin without" in ada.text


def test_what_cannot_be_read_stands_beside_its_field_and_nothing_is_listed(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    posts(engine, clock)
    ada = enter()

    answer = ada.opens("/authorizations?left_to=soon&risk_from=much&sort=colour")

    assert answer.status_code == 422
    assert shown(ada) == []
    assert "left to: a whole number of days, at most 3650" in ada.text
    assert "An amount such as 250 or 99.50." in ada.text
    assert "sort: one of end, money, newest, changed" in ada.text
    assert 'value="soon" aria-invalid="true"' in ada.page.text
    assert ada.opens("/authorizations.csv?left_to=soon").status_code == 422


@pytest.mark.parametrize("place", ["-1", "zz", "1" * 19, "²"])
def test_a_list_goes_on_below_a_number_and_nowhere_else(
    enter: Enter, engine: Engine, clock: HandClock, place: str
) -> None:
    posts(engine, clock)
    ada = enter()

    for path in ("/events", "/acts", "/imports", "/outbox", "/sweeps", "/audit", "/authorizations/1"):
        assert ada.opens(f"{path}?before={place}").status_code == 422, path
        assert "begin without it" in ada.text
        assert ada.opens(f"{path}?before=").status_code == 200, path
        assert ada.opens(f"{path}?before=7").status_code == 200, path


def test_a_list_goes_on_to_its_end_and_back_to_its_beginning_under_the_same_filter(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    with hot(engine) as connection:
        for number in range(A_PAGE + 2):
            audit.note(connection, at=clock.now(), actor="cli:ada", act="act.need", subject=f"post/{number}", about={})
    ada = enter()

    ada.opens("/audit?actor=ada&act=act.need")
    (onward,) = to(ada, "Older ones")
    assert to(ada, "Back to the newest") == []
    ada.opens(onward)
    (back,) = to(ada, "Back to the newest")

    assert "post/1" in ada.text
    assert "post/2" not in ada.text
    assert to(ada, "Older ones") == []
    assert back == "/audit?actor=ada&act=act.need"
    assert f"post/{A_PAGE + 1}" in (ada.opens(back), ada.text)[1]


@pytest.mark.parametrize("path", ["/authorizations", "/authorizations.csv"])
def test_a_misspelt_word_of_the_address_lists_nothing(
    enter: Enter, engine: Engine, clock: HandClock, path: str
) -> None:
    posts(engine, clock)
    ada = enter()

    answer = ada.opens(f"{path}?statee=active")

    assert answer.status_code == 422
    assert shown(ada) == []
    assert "statee: no part of a filter; there are state, route" in ada.text


def test_an_empty_house_is_taught_what_to_do(enter: Enter) -> None:
    ada = enter()

    ada.opens("/authorizations")

    assert "No authorization is known yet." in ada.text
    assert "everspark producer add crm" in ada.text


def test_chosen_rows_and_all_that_match_go_to_the_question_before_an_act(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    made = posts(engine, clock)
    ada = enter()

    ada.opens("/authorizations?left_to=7")
    ada.sends("/acts/preview", act="look", query="left_to=7", key=[made[0].key, made[2].key])
    assert "2" in ada.text
    assert made[1].key not in ada.page.text
    ada.opens("/authorizations?left_to=7")
    ada.sends("/acts/preview", act="look", query="left_to=7", everything="1")
    assert "ending within 7 days" in ada.text
    ada.opens("/authorizations?left_to=7")
    assert ada.sends("/acts/preview", act="look", query="left_to=7").status_code == 422
    assert "Choose authorizations first" in ada.text


def test_a_viewer_reads_and_chooses_nothing(enter: Enter, engine: Engine, clock: HandClock) -> None:
    posts(engine, clock)
    viewer = enter(Role.VIEWER)

    viewer.opens("/authorizations")

    assert len(shown(viewer)) == 6
    assert "/acts/preview" not in viewer.page.text
    assert "Choose" not in viewer.text


def test_views_are_kept_used_replaced_and_deleted_by_whom_they_belong_to(
    enter: Enter, engine: Engine, clock: HandClock
) -> None:
    posts(engine, clock)
    ada, grace = enter(), enter(Role.ADMIN)

    ada.opens("/authorizations?left_to=7&sort=money")
    answer = ada.sends("/views", name=" Mine ", query="left_to=7&sort=money")
    assert answer.headers["location"] == "/authorizations?left_to=7&sort=money"
    ada.opens("/authorizations")
    follows(ada, "Mine")
    assert shown(ada) == [3, 2, 1]
    assert ada.sends("/views", name="Mine", query="sort=newest&state=ACTIVE").status_code == 422
    assert "You have another view called Mine: delete that one first, or choose another name." in ada.text
    ada.opens("/authorizations")
    assert ada.sends("/views", name="Mine", query="sort=money&left_to=7").status_code == 303

    grace.opens("/authorizations")
    assert "Mine" not in grace.text
    grace.sends("/views/1/delete", query="")
    ada.opens("/authorizations")
    assert "Mine" in ada.text
    ada.sends("/views/1/delete", query="left_to=7")
    ada.opens("/authorizations")
    assert "Mine" not in ada.text
    assert [row["act"] for row in audit_of(engine)] == ["view.saved", "view.saved", "view.deleted"]
    assert audit_of(engine)[0]["about"] == {"name": "Mine", "query": "left_to=7&sort=money"}


def test_a_view_needs_a_name_and_there_is_an_end_to_them(enter: Enter) -> None:
    ada = enter()

    ada.opens("/authorizations")
    assert ada.sends("/views", name="   ", query="").status_code == 422
    assert "Give the view a name" in ada.text
    for number in range(MOST):
        ada.opens("/authorizations")
        assert ada.sends("/views", name=f"View {number}", query="").status_code == 303
    ada.opens("/authorizations")
    assert ada.sends("/views", name="One more", query="").status_code == 422
    ada.opens("/authorizations")
    assert ada.sends("/views", name="View 0", query="").status_code == 303
    ada.opens("/authorizations")
    assert ada.sends("/views", name="Broken", query="state=moon").status_code == 422


def test_the_sheet_has_what_the_filter_matches_and_no_formula(enter: Enter, engine: Engine, clock: HandClock) -> None:
    made = posts(engine, clock, count=1_203)
    with hot(engine) as connection:
        evil = {"creator_1": (Creator(handle="creator_1", name='=HYPERLINK("x";"y")'), clock.now() + DAY)}
        authorizations.save_creators(connection, evil)
        connection.execute("UPDATE authorizations SET reference = '+49' WHERE id = 1")
    ada = enter(Role.VIEWER)

    answer = ada.opens("/authorizations.csv?left_to=2400")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="authorizations-2026-11-22.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row["authorization"] for row in rows] == [post.key for post in made[1_200 - 1 :: -1]]
    assert list(rows[0]) == list(COLUMNS)
    last = rows[-1]
    assert (last["creator name"], last["campaign"]) == ('\'=HYPERLINK("x";"y")', "'+49")
    assert (last["at risk"], last["currency"], last["ends (UTC)"]) == ("300.00", "EUR", "2026-11-24 10:00:00")
    assert [row["about"] for row in audit_of(engine)] == [{"query": "left_to=2400"}]


@pytest.mark.parametrize("sign", FORMULA)
def test_a_cell_that_a_spreadsheet_would_run_is_text(sign: str) -> None:
    assert harmless(f"{sign}1") == f"'{sign}1"
    assert harmless("maya") == "maya"
    assert harmless(-3) == -3
    assert harmless(None) is None


def test_what_somebody_typed_is_shown_and_never_run(enter: Enter) -> None:
    ada = enter()

    ada.opens('/authorizations?search="><script>alert(1)</script>')
    target = urlsplit(ada.page.headers["location"])
    assert dict(parse_qsl(target.query)) == {"search": '"><script>alert(1)</script>'}
    ada.opens(ada.page.headers["location"])

    assert "<script>alert" not in ada.page.text
    assert ada.page.status_code == 200
