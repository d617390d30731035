"""The section of a release in the change log, made of the fragments in ``changes/``.

python release/changelog.py 0.2.0            writes it into CHANGELOG.md and removes the fragments
python release/changelog.py 0.2.0 --draft    only shows it
"""

import argparse
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = {
    "removal": "Removed",
    "change": "Changed",
    "feature": "New",
    "fix": "Fixed",
    "doc": "Documentation",
}
"""Heading by kind, what users have to act on first."""

NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\.(?P<kind>[a-z]+)\.md")
SECTION = re.compile(r"^## \[?(?P<version>[^\s\]]+)", re.MULTILINE)

Fragments = dict[str, list[tuple[Path, str]]]


class ChangelogError(ValueError):
    """A fragment or a version that nothing can be made of; the message is for the one who wrote it."""


def fragments(folder: Path) -> Fragments:
    """File and text of every fragment, by kind in the order of the page and by name within it.

    Parameters
    ----------
    folder
        With the fragments and a ``README.md``.

    Raises
    ------
    ChangelogError
        A name or kind that is none, or a fragment that is empty or holds a heading.
    """
    found: Fragments = {kind: [] for kind in KINDS}
    for path in sorted(folder.iterdir()):
        if path.name == "README.md":
            continue
        name = NAME.fullmatch(path.name)
        if name is None or name["kind"] not in KINDS:
            raise ChangelogError(f"{path.name}: expected NAME.KIND.md with a KIND of {', '.join(KINDS)}; rename it")
        text = " ".join(path.read_text(encoding="utf-8").split())
        if not text or text.startswith("#"):
            raise ChangelogError(f"{path.name}: expected one to three sentences and no heading; found {text[:40]!r}")
        found[name["kind"]].append((path, text))
    return found


def section(version: str, day: date, found: Fragments) -> str:
    """Markdown of a release.

    Parameters
    ----------
    version
        As users install it.
    day
        Of the release.
    found
        What has changed.

    Raises
    ------
    ChangelogError
        Nothing has changed.
    """
    if not any(found.values()):
        raise ChangelogError("changes/ holds no fragment, so there is nothing to release")
    lines = [f"## {version} ({day.isoformat()})", ""]
    for kind, entries in found.items():
        if entries:
            lines += [f"### {KINDS[kind]}", "", *(f"- {text}" for _, text in entries), ""]
    return "\n".join(lines)


def with_section(log: str, version: str, text: str) -> str:
    """The change log with one more section, above all others.

    Parameters
    ----------
    log
        As it was.
    version
        Of the new section.
    text
        The new section.

    Raises
    ------
    ChangelogError
        It has a section of that version already.
    """
    known = [found["version"] for found in SECTION.finditer(log)]
    if version in known:
        raise ChangelogError(f"CHANGELOG.md has a section {version} already; take a version that was not released yet")
    first = SECTION.search(log)
    head, tail = (log[: first.start()], log[first.start() :]) if first else (log.rstrip() + "\n\n", "")
    return f"{head}{text}\n{tail}".rstrip() + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(description="Write the section of a release into CHANGELOG.md.")
    parser.add_argument("version", help="as users install it, such as 0.2.0")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date(), help="default: today")
    parser.add_argument("--draft", action="store_true", help="only show the section")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    wish = parser.parse_args(arguments)
    try:
        found = fragments(wish.root / "changes")
        text = section(wish.version, wish.date, found)
        log = wish.root / "CHANGELOG.md"
        new = with_section(log.read_text(encoding="utf-8"), wish.version, text)
    except ChangelogError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if wish.draft:
        print(text)
        return 0
    log.write_text(new, encoding="utf-8")
    entries = [path for of_kind in found.values() for path, _ in of_kind]
    for path in entries:
        path.unlink()
    print(f"CHANGELOG.md: {wish.version} with {len(entries)} entries; their files are removed from changes/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
