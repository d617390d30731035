"""Whether a tag may be published: it names the version, whose section the change log has, and no fragment waits.

python release/tagged.py v0.2.0
"""

import sys
from pathlib import Path

from changelog import SECTION, ChangelogError, fragments
from contents import declared_version

ROOT = Path(__file__).parents[1]


def tag_problems(tag: str, root: Path = ROOT) -> list[str]:
    """What has to be mended before the tag can be published.

    Parameters
    ----------
    tag
        Such as ``v0.2.0``.
    root
        Of the repository.
    """
    version = declared_version(root)
    problems = []
    if tag != f"v{version}":
        problems.append(f"the tag is {tag}, and the version of the source {version}; expected v{version}")
    log = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if version not in [found["version"] for found in SECTION.finditer(log)]:
        problems.append(f"CHANGELOG.md has no section {version}; write it with make changelog VERSION={version}")
    try:
        left = [path.name for entries in fragments(root / "changes").values() for path, _ in entries]
    except ChangelogError as error:
        return [*problems, f"changes/{error}"]
    if left:
        problems.append(f"changes/ still holds {len(left)} fragments, {left[0]} among them, that CHANGELOG.md lacks")
    return problems


if __name__ == "__main__":
    found = tag_problems(sys.argv[1])
    print("\n".join(found) or f"{sys.argv[1]} can be published")
    sys.exit(bool(found))
