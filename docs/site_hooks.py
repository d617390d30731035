"""What ``make docs`` does besides mkdocs: files of the repository outside ``docs/`` that a page links to come along.

The pages are written to be read in the repository, where ``../../benchmarks/results/auto.md`` is a file. On the site
everything outside ``docs/`` keeps its path and what is inside loses that folder, so links are written anew for it.
"""

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs/"

CELL = re.compile(r"<td.*?</td>", re.DOTALL)
CODE = re.compile(r"<code>([^<]*-[^<]*)</code>")
FENCE = re.compile(r"^ *```")
LINK = re.compile(r"(?<=\]\()(?!\w+:|#|/)([^)\s#]+)")
"""The file of a link or of a picture, without the place in it."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of ``docs/``, the start page, and whatever their links lead to."""
    waiting = ["README.md", *(DOCS + file.src_uri for file in files.documentation_pages())]
    seen = set(waiting)
    carry("README.md", files, config)
    while waiting:
        page = waiting.pop()
        for target in targets(page):
            if target not in seen and not target.startswith(DOCS):
                seen.add(target)
                carry(target, files, config)
                waiting += [target] * target.endswith(".md")
    named = list(entries(config.nav or [], {file.src_uri for file in files}))
    others = sorted(page for page in seen - set(leaves(named)) if page.endswith(".md") and not page.startswith(DOCS))
    config.nav = [*named, {"Repository": others}] if others else named
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """The text of a page with links as they are on the site."""
    here = posixpath.dirname(page.file.src_uri) or "."
    source = repository_path(page.file)
    if source.startswith("benchmarks/results/"):
        page.meta["search"] = {"boost": 0.3}  # tables of figures hold every word; pages that explain come first

    def of_site(link: re.Match[str]) -> str:
        return posixpath.relpath(resolved(source, link[1]).removeprefix(DOCS), here)

    return "\n".join(line if code else LINK.sub(of_site, line) for line, code in lines(markdown))


def on_page_content(html: str, **_: Any) -> str:
    """The text as HTML, in which options in tables are not broken at their hyphens."""

    def whole(code: re.Match[str]) -> str:
        return "<code>" + " ".join(f"<span>{word}</span>" for word in code[1].split(" ")) + "</code>"

    return CELL.sub(lambda cell: CODE.sub(whole, cell[0]), html)


def on_post_page(output: str, **_: Any) -> str:
    """The page with a name for the search dialog, which the theme leaves without one."""
    unnamed = 'data-md-component="search" role="dialog"'
    return output.replace(unnamed, f'{unnamed} aria-label="Search"')


def entries(nav: list[Any], there: set[str]) -> Iterator[Any]:
    """Entries of the navigation whose files are there; a folder stands for all pages in it."""
    for entry in nav:
        title, value = next(iter(entry.items())) if isinstance(entry, dict) else (None, entry)
        if isinstance(value, list):
            yield {title: list(entries(value, there))}
        elif value.endswith("/"):
            inside = sorted(uri for uri in there if uri.startswith(value) and uri.endswith(".md"))
            inside.sort(key=lambda uri: posixpath.basename(uri) not in {"README.md", "index.md"})
            if inside:
                yield {title: inside}
        elif value in there:
            yield entry


def leaves(nav: list[Any]) -> Iterator[str]:
    """Every page that the navigation names."""
    for entry in nav:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        yield from leaves(value) if isinstance(value, list) else [value]


def targets(page: str) -> Iterator[str]:
    """Paths in the repository that a page links to."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for line, code in lines(text):
        if not code:
            yield from (resolved(page, link) for link in LINK.findall(line))


def lines(text: str) -> Iterator[tuple[str, bool]]:
    """Every line, and whether it belongs to a fenced block."""
    inside = False
    for line in text.split("\n"):
        fence = bool(FENCE.match(line))
        yield line, inside or fence
        inside ^= fence


def resolved(page: str, link: str) -> str:
    """Path in the repository of what a page links to; of a folder its README."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    return posixpath.join(path, "README.md") if (ROOT / path).is_dir() else path


def carry(path: str, files: Files, config: MkDocsConfig) -> None:
    """Take a file of the repository into the site, at the same path."""
    source = ROOT / path
    if not source.is_file() or path.startswith(".."):
        msg = f"a page links to {path}, which is no file of the repository"
        raise PluginError(msg)
    files.append(File.generated(config, path, abs_src_path=str(source)))


def repository_path(file: File) -> str:
    """Path in the repository of a file of the site."""
    if file.abs_src_path is None:  # made by another plugin
        return DOCS + file.src_uri
    return Path(os.path.relpath(file.abs_src_path, ROOT)).as_posix()
