"""What the built site is made of: its pages, where their links lead, and what they load."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

LOADED = {
    ("img", "src"),
    ("script", "src"),
    ("iframe", "src"),
    ("source", "srcset"),
    ("video", "src"),
    ("object", "data"),
}
"""Attributes that make a browser fetch something by itself; of ``link`` those whose ``rel`` is one of ``FETCHED``."""
FETCHED = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
IN_STYLES = re.compile(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)")

CLICKS = 3
"""In which every page is to be reached from the start page."""


@dataclass
class Found:
    """What one page holds."""

    links: list[str] = field(default_factory=list)
    """Of the whole page, as they stand there."""
    told: list[str] = field(default_factory=list)
    """Of these, those in the text itself, without the navigation around it."""
    loads: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)
    """Names that a link may end with."""
    unnamed: list[str] = field(default_factory=list)
    """Pictures without a description."""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found, self._article = Found(), 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self._article += tag == "article"
        if "id" in named:
            self.found.places.add(named["id"])
        if tag == "a" and "href" in named:
            self.found.links.append(named["href"])
            if self._article:
                self.found.told.append(named["href"])
        if tag == "link" and FETCHED & set(named.get("rel", "").split()):
            self.found.loads.append(named["href"])
        self.found.loads += [named[name] for kind, name in LOADED if kind == tag and name in named]
        if tag == "img" and not named.get("alt"):
            self.found.unnamed.append(named.get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        self._article -= tag == "article"


def read(site: Path) -> dict[Path, Found]:
    """Every page of a site, and what it holds; the page for addresses that do not exist has none of its own."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        if path.name != "404.html":
            reader = _Reader()
            reader.feed(path.read_text(encoding="utf-8"))
            pages[path] = reader.found
    return pages


def dead_links(site: Path, pages: dict[Path, Found]) -> Iterator[str]:
    """Links and pictures that lead nowhere, and places that are not on the page where they should be."""
    for page, found in pages.items():
        for link in {*found.links, *found.loads}:
            if outside(link) or link.startswith(("mailto:", "data:", "javascript:")):
                continue
            target, place = goal(page, link)
            if not target.is_file():
                yield f"{page.relative_to(site)}: {link}"
            elif place and target in pages and place not in pages[target].places:
                yield f"{page.relative_to(site)}: {link} (no such place there)"


def loaded_from_elsewhere(site: Path, pages: dict[Path, Found]) -> Iterator[str]:
    """What a page or a style sheet would fetch from another server."""
    for page, found in pages.items():
        yield from (f"{page.relative_to(site)}: {load}" for load in found.loads if outside(load))
    for sheet in site.rglob("*.css"):
        for groups in IN_STYLES.findall(sheet.read_text(encoding="utf-8")):
            if outside("".join(groups)):
                yield f"{sheet.relative_to(site)}: {''.join(groups)}"


def clicks(start: Path, pages: dict[Path, Found]) -> dict[Path, int]:
    """How many links in the texts lead from the start page to each page; those never reached are not there."""
    needed, latest = {start: 0}, [start]
    while latest:
        followed = {goal(page, link)[0] for page in latest for link in pages[page].told if not outside(link)}
        latest = [page for page in sorted(followed) if page in pages and page not in needed]
        needed |= {page: max(needed.values()) + 1 for page in latest}
    return needed


def outside(link: str) -> bool:
    """True if a link leads to another server."""
    return bool(urlsplit(link).netloc)


def goal(page: Path, link: str) -> tuple[Path, str]:
    """File that a link leads to, and the place on it."""
    address, place = urldefrag(link)
    path = unquote(urlsplit(address).path)
    target = (page.parent / path).resolve() if path else page
    return (target / "index.html" if target.is_dir() else target), unquote(place)
