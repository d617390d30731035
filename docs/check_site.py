"""Open every page of the built site in a browser, from disk, and say what is wrong with it.

    make docs-check [ARGS="--screenshots FOLDER --only tutorial"]

Each page is opened in light and in dark at two sizes: nothing may be asked of another server, fail to load, be told as
an error, stick out of the window, or break a rule of axe-core that it calls serious or critical. Then the search is
used. What needs no browser is tested with the other tests (``tests/test_site.py``) and checked here once more.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import site_links

CHROMIUM = "/usr/bin/chromium"
QUIET = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}
GRAVE = {"serious", "critical"}
QUESTION, ANSWER = "pedestal", "noise.html"
"""A word that is searched for, and a page that must be among the results."""


def main() -> int:
    """Say every fault; 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", type=Path, nargs="?", default=Path("site"))
    parser.add_argument("--screenshots", type=Path, help="folder for a picture of each page in each size and colour")
    parser.add_argument("--only", default="", help="check the pages whose path holds this text")
    asked = parser.parse_args()
    site = asked.site.resolve()
    pages = site_links.read(site)
    if not pages:
        sys.stderr.write(f"{site}: there is no page there; build the site first: make docs\n")
        return 1
    faults = [*site_links.dead_links(site, pages), *site_links.loaded_from_elsewhere(site, pages)]
    with browser() as driver:
        chosen = [page for page in pages if asked.only in page.relative_to(site).as_posix()]
        for colour in ("light", "dark"):
            for size in SIZES:
                window = Window(driver, site, colour, size)
                for page in chosen:
                    faults += window.visit(page, asked.screenshots)
                window.close()
        faults += search(driver, site)
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    sys.stdout.write(f"{len(chosen)} pages, {len(faults)} faults\n")
    return int(bool(faults))


class browser:  # noqa: N801 - used as a function
    """A Chromium of this machine, closed at the end of a ``with``."""

    def __enter__(self) -> Any:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        return self._browser

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()


@dataclass
class Window:
    """A window of a browser that remembers what it was asked for."""

    driver: Any
    site: Path
    colour: str
    """``light`` or ``dark``."""
    size: str
    """One of ``SIZES``."""
    asked: list[str] = field(default_factory=list)
    """Addresses that pages have fetched."""
    said: list[str] = field(default_factory=list)
    """Errors, and files that could not be loaded."""

    def __post_init__(self) -> None:
        width, height = SIZES[self.size]
        self._context = self.driver.new_context(
            viewport={"width": width, "height": height}, color_scheme=self.colour, reduced_motion="reduce"
        )
        self.page = self._context.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", lambda request: self.said.append(f"did not load {request.url}"))
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def _hear(self, told: Any) -> None:
        if told.type == "error":
            self.said.append(told.text)

    def open(self, page: Path) -> None:
        """Show a page and wait until it is at rest."""
        self.page.goto(page.as_uri())
        self.page.wait_for_function(
            "document.querySelector('[data-md-component=container]') && document.readyState == 'complete'"
        )

    def visit(self, page: Path, pictures: Path | None = None) -> Iterator[str]:
        """Faults of a page."""
        name = page.relative_to(self.site).as_posix()
        self.asked.clear()
        self.said.clear()
        self.open(page)
        found = [f"asks for {url}" for url in self.asked if not url.startswith("file://")]
        found += self.said
        if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append("sticks out of the window")
        found += violations(self.page)
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            label = name.removesuffix(".html").replace("/", "-")
            self.page.screenshot(path=pictures / f"{label}-{self.size}-{self.colour}.png")
        yield from (f"{name} ({self.size}, {self.colour}): {one}" for one in found)

    def close(self) -> None:
        """Close it."""
        self._context.close()


def violations(page: Any) -> list[str]:
    """Rules of axe-core that a page breaks gravely, each with the first places."""
    from axe_playwright_python.sync_playwright import Axe

    # else axe fetches every style sheet, which pages from disk may not, and is told of beside the next page
    broken = Axe().run(page, options={"preload": False}).response["violations"]
    return [
        f"{one['id']} ({one['impact']}), {len(one['nodes'])} times: {one['nodes'][0]['html'][:160]} "
        f"{' '.join(one['nodes'][0].get('failureSummary', '').split())[:200]}"
        for one in broken
        if one["impact"] in GRAVE
    ]


def search(driver: Any, site: Path) -> Iterator[str]:
    """Faults of the search on pages that are opened from disk."""
    window = Window(driver, site, "light", "wide")
    window.open(site / "index.html")
    window.page.locator("[data-md-component=search-query]").click()
    window.page.keyboard.type(QUESTION)
    window.page.wait_for_selector(".md-search-result__item", timeout=20_000)
    links = window.page.locator(".md-search-result__link").evaluate_all("all => all.map(one => one.href)")
    if not any(ANSWER in link for link in links):
        yield f"search for {QUESTION}: {ANSWER} is not among {links}"
    window.page.locator(".md-search-result__link").first.click()
    window.page.wait_for_url(lambda url: url.startswith("file://") and not url.endswith("/index.html"))
    yield from (f"search: asks for {url}" for url in window.asked if not url.startswith("file://"))
    yield from (f"search: {told}" for told in window.said)
    window.close()


if __name__ == "__main__":
    sys.exit(main())
