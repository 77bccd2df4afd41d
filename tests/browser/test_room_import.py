"""A sheet with bad rows in a real browser: sent in, read, applied, as it happens; phone and desktop, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ViewportSize, expect
from sqlalchemy import Engine

from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.settings import load
from infra.vault import Vault
from tests.browser.looking import DESKTOP, PHONE, looked_at
from tests.importing import ADVERTISER, Desk, code, post, sheet, with_code, with_end
from tests.operator import COOKIE, session_of
from tests.serving import serving
from web.main import make_app

# In the order of the sheet; the first line is the heading's.
ROWS = (
    with_code(1),
    with_code(2, ends="2027-01-31"),
    with_end(3),
    [ADVERTISER, "https://vm.tiktok.com/ZMabcdef/", "@creator.4", code(4), ""],
    [ADVERTISER, post(5), "@creator.5", "ask Maya", "31/12/2026"],
    ["7.2E+18", post(6), "@creator.6", code(6), ""],
    with_end(3),
    with_end(8),
)


@pytest.fixture
def room(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[tuple[Desk, str]]:
    app = make_app(settings=load(), engine=engine, vault=vault, clock=clock, nudges=make_nudges(make_broker("")))
    with serving(app) as client:
        yield Desk(engine, clock, vault), str(client.base_url)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_sheet_with_bad_rows_is_read_and_the_good_ones_are_applied(
    browser: Browser, room: tuple[Desk, str], viewport: ViewportSize, scheme: str, tmp_path: Path
) -> None:
    desk, url = room
    context = browser.new_context(
        viewport=viewport,
        color_scheme=scheme,  # type: ignore[arg-type]  # literals elsewhere
        base_url=url,
        bypass_csp=True,  # the policy stands aside for axe, which has to run its own
    )
    context.add_cookies([{"name": COOKIE, "value": session_of(desk.engine, desk.clock), "url": url}])
    page, mark = context.new_page(), f"{viewport['width']}-{scheme}"
    (tmp_path / "codes.csv").write_text(sheet(*ROWS))

    page.goto("/imports")
    looked_at(page, viewport, f"{mark}-imports-empty")
    page.click("button:has-text('Check it')")
    page.wait_for_selector("[role=alert]")
    looked_at(page, viewport, f"{mark}-imports-nothing")

    page.set_input_files("input[type=file]", tmp_path / "codes.csv")
    page.click("button:has-text('Check it')")
    page.wait_for_selector("h2:has-text('Being checked')")
    looked_at(page, viewport, f"{mark}-import-being-checked")
    desk.works()
    page.wait_for_selector("h2:text-is('Checked')")
    assert "Open it, and copy the whole address" in page.inner_text("tbody tr:first-child")
    looked_at(page, viewport, f"{mark}-import-checked")

    page.click("button:has-text('Apply the 4 good rows')")
    page.wait_for_selector("h2:has-text('Being applied')")
    desk.works()
    page.wait_for_selector("h2:text-is('Applied')")
    page.goto("/imports/1?show=good")
    expect(page.locator("#report tbody tr")).to_have_count(4)
    assert "authorized now" in page.inner_text("#report")
    looked_at(page, viewport, f"{mark}-import-applied")
    assert code(1) not in page.content()

    page.goto("/imports")
    page.fill("textarea", sheet(with_end(8), with_end(9), separator="\t"))
    looked_at(page, viewport, f"{mark}-imports")
    page.click("button:has-text('Check it')")
    page.wait_for_selector("h2:has-text('Being checked')")
    desk.works()
    page.wait_for_selector("text=an end that is no earlier")
    assert desk.sheet(2).again == 1
    context.close()


def test_what_was_pasted_stays_until_it_is_taken(browser: Browser, room: tuple[Desk, str]) -> None:
    desk, url = room
    context = browser.new_context(base_url=url)
    sign_in = [{"name": COOKIE, "value": session_of(desk.engine, desk.clock), "url": url}]
    context.add_cookies(sign_in)  # type: ignore[arg-type]  # what they are made of has a type of its own
    page = context.new_page()
    page.goto("/imports")
    pasted, check, alert = page.get_by_label("Or paste the rows"), page.get_by_role("button"), page.get_by_role("alert")

    # Refused
    pasted.fill(f"a,b\n1,{code(1)}")
    check.get_by_text("Check it").click()
    expect(alert).to_contain_text("names no column")
    expect(pasted).to_have_value(f"a,b\n1,{code(1)}")

    # The session is over meanwhile
    rows = sheet(with_code(1)).replace("\r\n", "\n")
    pasted.fill(rows)
    page.wait_for_selector("html[data-stream=on]", state="attached")
    desk.clock.advance(timedelta(hours=13))
    page.wait_for_selector("html[data-stream=over]", state="attached")
    check.get_by_text("Check it").click()
    expect(alert).to_contain_text("Your session has ended")
    expect(pasted).to_have_value(rows)

    # Signed in anew in another tab, it is told that this is another session, and takes the form the next time
    sign_in[0]["value"] = session_of(desk.engine, desk.clock)
    context.add_cookies(sign_in)  # type: ignore[arg-type]  # likewise
    check.get_by_text("Check it").click()
    expect(alert).to_contain_text("not of your present session")
    check.get_by_text("Check it").click()
    expect(page.get_by_role("heading", name="Being checked")).to_be_visible()
