"""The first sign-in in a real browser: phone and desktop, light and dark, for everybody, without a script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, ViewportSize, expect
from sqlalchemy import Engine

from domain.people import Role
from infra import invitations
from infra.broker import make_broker, make_nudges
from infra.clock import HandClock
from infra.database import hot
from infra.settings import load
from infra.vault import Vault
from tests.browser.looking import DESKTOP, PHONE, looked_at
from tests.operator import PASSWORD, person, quick_passwords
from tests.serving import serving
from web.main import make_app


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """A service that was just started."""

    url: str
    engine: Engine
    clock: HandClock

    def first_link(self) -> str:
        with hot(self.engine) as connection:
            return f"{self.url}/welcome/{invitations.make_first(connection, now=self.clock.now())}"


@pytest.fixture
def house(engine: Engine, clock: HandClock, vault: Vault) -> Iterator[House]:
    app = make_app(
        settings=load(),
        engine=engine,
        vault=vault,
        clock=clock,
        nudges=make_nudges(make_broker("")),
        passwords=quick_passwords(),
    )
    with serving(app) as client:
        yield House(url=str(client.base_url), engine=engine, clock=clock)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_admin_comes_in_and_looks_round(
    browser: Browser, house: House, viewport: ViewportSize, scheme: str
) -> None:
    context = browser.new_context(
        viewport=viewport,
        color_scheme=scheme,  # type: ignore[arg-type]  # literals elsewhere
        bypass_csp=True,  # the policy stands aside for axe, which has to run its own
    )
    page, mark = context.new_page(), f"{viewport['width']}-{scheme}"

    page.goto(f"{house.url}/people")
    looked_at(page, viewport, f"{mark}-sign-in")
    page.goto(house.first_link())
    looked_at(page, viewport, f"{mark}-welcome")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Come in").click()
    page.get_by_role("heading", name="Today", level=1).wait_for()
    looked_at(page, viewport, f"{mark}-today")

    if viewport is PHONE:
        assert not page.get_by_role("link", name="People").is_visible()
        page.get_by_role("button", name="Menu").click()
        looked_at(page, viewport, f"{mark}-menu")
    page.get_by_role("link", name="People").click()
    person(house.engine, house.clock, Role.VIEWER, email="grace.hopper@long-name-of-a-house.example.com")
    page.get_by_label("E-mail address").fill("lin@example.com")
    page.get_by_role("radio", name="operator").check()
    page.get_by_role("button", name="Make a link", exact=True).click()
    assert "/welcome/" in page.get_by_label("A link for lin@example.com").last.input_value()
    looked_at(page, viewport, f"{mark}-people")

    page.goto(f"{house.url}/tokens")
    page.get_by_label("Name what uses it").fill("crm")
    page.get_by_role("button", name="Make it").click()
    assert page.get_by_label("Your new token").last.input_value().startswith("esp_")
    looked_at(page, viewport, f"{mark}-tokens")
    for path in ("settings", "account", "nowhere"):
        page.goto(f"{house.url}/{path}")
        looked_at(page, viewport, f"{mark}-{path}")


def test_without_scripts_one_signs_in_is_told_what_is_wrong_and_signs_out(browser: Browser, house: House) -> None:
    person(house.engine, house.clock, Role.VIEWER)
    context = browser.new_context(viewport=DESKTOP, java_script_enabled=False)
    page, complaints = context.new_page(), list[str]()
    # Who types before the page has set its focus keeps their own.
    expected = ("status of 422", "Autofocus")
    page.on(
        "console",
        lambda message: None if any(each in message.text for each in expected) else complaints.append(message.text),
    )
    # What the next click interrupts was not refused.
    page.on(
        "requestfailed",
        lambda request: complaints.append(request.url) if "ABORTED" not in (request.failure or "") else None,
    )

    page.goto(f"{house.url}/account")
    page.get_by_label("E-mail address").fill("ada.viewer@example.com")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("alert").inner_text().startswith("This address and this password do not belong together")
    assert page.get_by_label("E-mail address").input_value() == "ada.viewer@example.com"

    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Your account", level=1).wait_for()
    expect(page.get_by_role("link", name="People")).to_have_count(0)

    page.get_by_role("button", name="Sign out").click()
    page.goto(house.url)
    page.get_by_role("heading", name="Sign in", level=1).wait_for()
    assert complaints == []
