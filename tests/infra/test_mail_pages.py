"""An operator's own pages: used where they are meant to be, and tried before they meet a creator."""

from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infra.ask_mail import DigestMail, compose_digest, sender_of
from infra.mail_check import overrides_in
from infra.mail_examples import ADVERTISER, LINK, NOW, example
from infra.mail_pages import BrokenTemplate, Overrides
from infra.settings import BadSettings, load

OTHER = "7200000000000000002"


def keep(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder)


def composed(digest: DigestMail, overrides: Overrides | None) -> EmailMessage:
    return compose_digest(digest, sender=sender_of("e@brand.test"), now=NOW, link=LINK, overrides=overrides)


def test_nothing_is_overridden_without_a_folder() -> None:
    assert overrides_in("") is None


def test_an_advertisers_own_come_before_the_default_ones_and_those_before_ours(tmp_path: Path) -> None:
    files = {
        f"{ADVERTISER}/ask.en.txt": "Ours\nHi {{ name }}, {{ items | length }}",
        "default/ask.en.txt": "Theirs\nHi",
        "default/ask.fr.txt": "Salut\nSalut",
    }
    overrides = overrides_in(keep(tmp_path, files))

    assert composed(example(), overrides)["Subject"] == "Ours"
    assert composed(example(advertiser_id=OTHER), overrides)["Subject"] == "Theirs"
    assert composed(example(locale="fr"), overrides)["Subject"] == "Salut"
    assert composed(example(locale="de"), overrides)["Subject"].startswith("Bitte")
    html = composed(example(), overrides).get_body(("html",))
    assert html is not None
    assert "It takes about a minute" in html.get_content()


def test_a_message_about_several_advertisers_is_written_with_the_default_ones(tmp_path: Path) -> None:
    files = {f"{ADVERTISER}/ask.en.txt": "Ours\nHi", "default/ask.en.txt": "Theirs\nHi"}
    overrides = overrides_in(keep(tmp_path, files))
    digest = example(count=2)
    digest = replace(digest, items=(digest.items[0], replace(digest.items[1], advertiser_id=OTHER)))

    assert composed(digest, overrides)["Subject"] == "Theirs"


def test_a_page_may_change_a_part_of_ours_and_take_in_files_of_its_own(tmp_path: Path) -> None:
    page = '{% extends "builtin/ask.en.html" %}{% block foot %}{% include "foot.html" %}{% endblock %}'
    files = {"default/ask.en.html": page, "default/foot.html": "<p>{{ brand }} says thanks</p>"}

    html = composed(example(), overrides_in(keep(tmp_path, files))).get_body(("html",))

    assert html is not None
    assert "It takes about a minute" in html.get_content()
    assert "<p>Northwind Shoes says thanks</p>" in html.get_content()


def test_what_creators_and_brands_wrote_is_escaped_in_their_pages_too(tmp_path: Path) -> None:
    overrides = overrides_in(keep(tmp_path, {"default/ask.en.html": "<p>{{ name }}</p>"}))

    html = composed(replace(example(), name="<b>Eve</b>"), overrides).get_body(("html",))

    assert html is not None
    assert "&lt;b&gt;Eve" in html.get_content()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"default/ask.de.txt": "Hallo\n\n{% if %}"}, ["line 3 of ", "default/ask.de.txt", "take the file away"]),
        ({"default/ask.en.txt": "Hi\n{{ nmae }}"}, ["line 2 of ", "default/ask.en.txt", "'nmae' is undefined"]),
        (
            {f"{OTHER}/ask.en.html": "\n{% for i in items %}{{ i.titel }}{% endfor %}"},
            [f"{OTHER}/ask.en.html", "titel"],
        ),
        ({"default/ask.en.txt": "Hi\n{{ items.append(1) }}"}, ["line 2 of ", "unsafe"]),
        ({"default/ask.en.txt": "Hi\n{{ ''.__class__.__mro__ }}"}, ["line 2 of ", "unsafe"]),
        ({"default/ask.en.txt": "Hi\n{{ posts[0].title }}"}, ["line 2 of "]),
        ({"default/ask.en.txt": "Hi\n{% include 'x.txt' %}"}, ["line 2 of ", "x.txt"]),
        ({"default/ask.en.txt": ""}, ["line 1 of ", "default/ask.en.txt", "subject"]),
        ({"default/ask.it.txt": "Ciao\n"}, ["ask.it.txt", "would never be used"]),
        ({"acme/ask.en.txt": "Hi\n"}, ["acme", "neither `default` nor an advertiser id", "rename it"]),
    ],
)
def test_a_broken_one_is_named_with_its_line_and_remedy(tmp_path: Path, files: dict[str, str], said: list[str]) -> None:
    with pytest.raises(BrokenTemplate) as caught:
        overrides_in(keep(tmp_path, files))

    assert all(part in str(caught.value) for part in said), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_and_a_file_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(BrokenTemplate, match="there is no folder"):
        overrides_in(str(tmp_path / "none"))
    keep(tmp_path, {"default/ask.en.txt": ""})
    (tmp_path / "default/ask.en.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(BrokenTemplate, match="save it as UTF-8"):
        overrides_in(str(tmp_path))


def test_a_broken_one_stops_the_start(tmp_path: Path) -> None:
    folder = keep(tmp_path, {"default/ask.en.txt": "Hi\n{{ nmae }}"})

    with pytest.raises(BadSettings, match=r"EVERSPARK_TEMPLATES_DIR cannot be used: line 2 of .*ask.en.txt"):
        load(templates_dir=folder)


def test_one_that_fails_on_real_data_gives_way_to_ours(tmp_path: Path) -> None:
    folder = keep(tmp_path, {"default/ask.en.txt": "Hi\n{% if name == 'Eve' %}{{ name + 1 }}{% endif %}"})

    with capture_logs() as logs:
        message = composed(replace(example(), name="Eve"), overrides_in(folder))

    assert message["Subject"].startswith("Please extend")
    assert [line["event"] for line in logs] == ["template_broken"]


def test_what_was_tried_is_what_is_used(tmp_path: Path) -> None:
    overrides = overrides_in(keep(tmp_path, {"default/ask.en.txt": "Before\nHi"}))
    keep(tmp_path, {"default/ask.en.txt": "After\n{{ broken"})

    assert composed(example(), overrides)["Subject"] == "Before"
