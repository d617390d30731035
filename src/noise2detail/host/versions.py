"""Which versions run here, and from which commit."""

import platform
import re
from importlib import metadata
from pathlib import Path

_LIBRARIES = ("torch", "numpy", "scipy", "scikit-image", "tifffile", "imagecodecs", "pillow", "safetensors")


def libraries() -> dict[str, str]:
    """Versions of everything that can change a result."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # a library may be there without its description
            continue
    return found


def commit(package: Path = Path(__file__).parents[1]) -> str | None:
    """Commit that is checked out where the package runs from its own repository, else the one it was built from.

    None where neither is known: built without git, or from files that had been changed.

    Parameters
    ----------
    package
        Folder of the package.
    """
    return _checked_out(package) or _built_from(package)


def _built_from(package: Path) -> str | None:
    # the build writes it there: release/commit_hook.py
    try:
        return _checked((package / "commit.txt").read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError):
        return None


def _checked_out(package: Path) -> str | None:
    root = package.parents[1]
    # An environment may lie inside any other project's repository, whose commit says nothing.
    if package.parent.name != "src" or not (root / "pyproject.toml").is_file():
        return None
    try:
        git = _git_folder(root / ".git")
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        return _commit_of(git, head.removeprefix("ref: ")) if head.startswith("ref: ") else _checked(head)
    except (OSError, UnicodeDecodeError):
        return None


def _git_folder(git: Path) -> Path:
    if git.is_dir():
        return git
    # in a second working tree it is a file that names the folder
    return git.parent / git.read_text(encoding="utf-8").strip().removeprefix("gitdir: ")


def _commit_of(git: Path, branch: str) -> str | None:
    shared = git / "commondir"
    common = git / shared.read_text(encoding="utf-8").strip() if shared.is_file() else git
    for folder in (git, common):
        if (folder / branch).is_file():
            return _checked((folder / branch).read_text(encoding="utf-8").strip())
    packed = (common / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((_checked(line.split()[0]) for line in packed if line.endswith(" " + branch)), None)


def _checked(text: str) -> str | None:
    return text if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) else None
