"""The build hook of Hatch that writes into wheel and sdist which commit they were made from."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKED = ("src", "pyproject.toml", "README.md", "LICENSE")
"""What a wheel is made of: a change there is in no commit."""


class CommitHook(BuildHookInterface):  # type: ignore[misc]  # not everywhere installed
    """Adds ``noise2detail/commit.txt``; a wheel that is built from an sdist finds it there already."""

    PLUGIN_NAME = "custom"
    folder = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the file to be packed; an editable install reads the checkout itself."""
        found = None if version == "editable" else unchanged_commit(Path(self.root))
        if found is None:
            return
        self.folder = tempfile.mkdtemp()
        path = Path(self.folder, "commit.txt")
        path.write_text(found + "\n", encoding="ascii")
        within = "noise2detail" if self.target_name == "wheel" else "src/noise2detail"
        build_data["force_include"][str(path)] = f"{within}/commit.txt"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was packed."""
        del version, build_data, artifact_path
        if self.folder:
            shutil.rmtree(self.folder)


def unchanged_commit(root: Path) -> str | None:
    """Commit that is checked out; None without git, outside a repository of its own, and for changed files.

    Parameters
    ----------
    root
        Folder of ``pyproject.toml``.
    """
    if not (root / ".git").exists():  # an sdist that was unpacked within some other repository
        return None
    head = git(root, "rev-parse", "HEAD")
    return head if head and git(root, "status", "--porcelain", "--", *PACKED) == "" else None


def git(root: Path, *arguments: str) -> str | None:
    """What git says; None where it is absent or refuses."""
    # a hook of another repository that starts this build would have git look there
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(["git", *arguments], cwd=root, env=quiet, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
