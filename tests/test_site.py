"""The documentation as a site: every link, every page within reach, and nothing from elsewhere."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from noise2detail import __all__ as public_names

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the folder ``docs``, which is no package."""
    monkeypatch.syspath_prepend(str(DOCS))
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # where dataclasses look for the types of their fields
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def links() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        yield loaded("site_links", patch)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built strictly: any warning of mkdocs, as of a link or of a place on a page that is not there, ends it.

    Not quietly: mkdocs does not count the warnings that it does not print.
    """
    place = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "WARNING" not in said
    return place


@pytest.fixture(scope="module")
def pages(site: Path, links: ModuleType) -> dict[Path, Any]:
    found: dict[Path, Any] = links.read(site)
    return found


def test_every_page_of_the_documents_is_there(site: Path) -> None:
    sources = [path.relative_to(DOCS) for path in DOCS.rglob("*.md")]
    assert len(sources) > 25
    for source in sources:
        page = site / source.with_suffix(".html")
        assert (page.with_name("index.html") if source.name == "README.md" else page).is_file(), source


def test_links_and_pictures_lead_somewhere(site: Path, links: ModuleType, pages: dict[Path, Any]) -> None:
    assert list(links.dead_links(site, pages)) == []
    assert {page: found.unnamed for page, found in pages.items() if found.unnamed} == {}


def test_every_page_is_three_links_in_the_text_away(site: Path, links: ModuleType, pages: dict[Path, Any]) -> None:
    needed = links.clicks(site / "index.html", pages)
    assert {page.relative_to(site) for page in pages.keys() - needed.keys()} == set()
    assert max(needed.values()) <= links.CLICKS


def test_nothing_is_loaded_from_elsewhere(site: Path, links: ModuleType, pages: dict[Path, Any]) -> None:
    assert list(links.loaded_from_elsewhere(site, pages)) == []


def test_dead_and_foreign_links_would_be_found(tmp_path: Path, links: ModuleType) -> None:
    (tmp_path / "index.html").write_text(
        '<article><a href="other.html#here">a</a><a href="gone.html">b</a><a href="other.html#lost">c</a></article>'
        '<a href="https://example.org">d</a><img src="https://example.org/a.png"><img src="no.png" alt="e">'
    )
    (tmp_path / "other.html").write_text('<p id="here"><link rel="stylesheet" href="//example.org/a.css"></p>')
    (tmp_path / "far.html").write_text("nobody leads here")
    (tmp_path / "a.css").write_text("@import url(https://example.org/b.css); a { background: url(c.png) }")
    pages = links.read(tmp_path)
    assert sorted(links.dead_links(tmp_path, pages)) == [
        "index.html: gone.html", "index.html: no.png", "index.html: other.html#lost (no such place there)",
    ]  # fmt: skip
    assert sorted(links.loaded_from_elsewhere(tmp_path, pages)) == [
        "a.css: https://example.org/b.css", "index.html: https://example.org/a.png", "other.html: //example.org/a.css",
    ]  # fmt: skip
    assert links.clicks(tmp_path / "index.html", pages) == {tmp_path / "index.html": 0, tmp_path / "other.html": 1}
    assert pages[tmp_path / "index.html"].unnamed == ["https://example.org/a.png"]


def test_search_knows_every_page_and_every_public_name(site: Path) -> None:
    script = (site / "search" / "search_index.js").read_text(encoding="utf-8")  # which pages from disk read
    index = json.loads(script.removeprefix("var __index = "))
    known = {entry["location"] for entry in index["docs"]}
    pages = {page.relative_to(site).as_posix() for page in site.rglob("*.html")} - {"404.html"}
    assert pages - known == set()
    names = {f"reference/api.html#noise2detail.{name}" for name in public_names if name != "__version__"}
    assert names - known == set()


def test_pages_have_no_text_that_other_markdown_would_make_a_list(site: Path, pages: dict[Path, Any]) -> None:
    """Lists need an empty line before them here and none in the repository."""
    for page in pages:
        for paragraph in page.read_text(encoding="utf-8").split("<p>")[1:]:
            text = paragraph.split("</p>")[0]
            assert "\n- " not in text, (page.relative_to(site), text[:80])
            assert "\n1. " not in text, (page.relative_to(site), text[:80])
            assert "\n|" not in text, (page.relative_to(site), text[:80])


def test_navigation_leaves_out_what_is_not_there_and_takes_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = loaded("site_hooks", monkeypatch)
    nav = ["README.md", {"A": ["a/README.md", {"Absent": "a/no.md"}]}, {"Folder": "b/"}, {"Empty": "c/"}]
    there = {"README.md", "a/README.md", "b/two.md", "b/index.md", "b/picture.png"}
    kept: list[Any] = ["README.md", {"A": ["a/README.md"]}, {"Folder": ["b/index.md", "b/two.md"]}]
    assert list(hooks.entries(nav, there)) == kept
    assert list(hooks.leaves(kept)) == ["README.md", "a/README.md", "b/index.md", "b/two.md"]


def test_links_are_those_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = loaded("site_hooks", monkeypatch)
    assert (
        hooks.resolved("docs/explanation/auto.md", "../../benchmarks/results/auto.md") == "benchmarks/results/auto.md"
    )
    assert hooks.resolved("README.md", "docs/how-to/live.md") == "docs/how-to/live.md"
    assert hooks.resolved("docs/how-to/live.md", "../../benchmarks/") == "benchmarks/README.md"
    assert hooks.LINK.findall("[a](b.md#c) ![d](e.png) [f](https://g.h) [i](#j) [k](/l)") == ["b.md", "e.png"]


def test_method_settings_page_is_what_the_registry_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "reference"))
    module = loaded("method_settings", monkeypatch)
    written = module.PAGE.read_text(encoding="utf-8")
    assert written == module.page(), "run python docs/reference/method_settings.py"
    assert "`stage1` | [Training](#training)" in written
    assert "### Training" in written


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield made
        made.close()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a browser: apt-get install chromium")
def test_pages_opened_from_disk_are_searchable_accessible_and_quiet(
    site: Path, chromium: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start page in light and a page with code in dark; ``make docs-check`` opens all of them."""
    check = loaded("check_site", monkeypatch)
    assert list(check.search(chromium, site)) == []
    for colour, size, name in (("light", "wide", "index.html"), ("dark", "narrow", "tutorial/first-image.html")):
        window = check.Window(chromium, site, colour, size)
        assert list(window.visit(site / name)) == []
        assert len(window.asked) > 3
        window.close()
