"""Which commit a build says it was made from."""

import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("hatchling", reason="the build backend is not installed; make setup installs it")

SCRIPT = "commit_hook"


def git(folder: Path, *arguments: str) -> str:
    known = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "core.hooksPath=/dev/null",
    ]
    done = subprocess.run(["git", *known, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("a = 1\n")
    (root / "notes.txt").write_text("a\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


def packed(script: ModuleType, root: Path, target: str, version: str = "standard") -> dict[str, str]:
    """Text of each file that the hook adds, by its place; nothing of it may be left afterwards."""
    hook: Any = script.CommitHook(str(root), {}, None, None, str(root), target)
    data: dict[str, Any] = {"force_include": {}}
    hook.initialize(version, data)
    texts = {place: Path(path).read_text() for path, place in data["force_include"].items()}
    hook.finalize(version, data, "")
    assert not any(Path(path).exists() for path in data["force_include"])
    return texts


def test_wheel_and_sdist_say_the_commit(repository: Path, script: ModuleType) -> None:
    head = git(repository, "rev-parse", "HEAD") + "\n"
    assert packed(script, repository, "wheel") == {"noise2detail/commit.txt": head}
    assert packed(script, repository, "sdist") == {"src/noise2detail/commit.txt": head}


def test_an_editable_install_reads_the_checkout_itself(repository: Path, script: ModuleType) -> None:
    assert packed(script, repository, "wheel", "editable") == {}


@pytest.mark.parametrize("name", ["src/a.py", "src/new.py"])
def test_changed_files_are_in_no_commit(name: str, repository: Path, script: ModuleType) -> None:
    (repository / name).write_text("a = 2\n")
    assert packed(script, repository, "wheel") == {}


def test_what_is_not_packed_may_change(repository: Path, script: ModuleType) -> None:
    (repository / "notes.txt").write_text("b\n")
    assert packed(script, repository, "wheel") != {}


def test_an_unpacked_sdist_within_another_repository(repository: Path, script: ModuleType) -> None:
    (repository / "unpacked").mkdir()
    assert script.unchanged_commit(repository / "unpacked") is None


def test_without_git(repository: Path, script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    assert packed(script, repository, "wheel") == {}


def test_a_repository_that_git_refuses(repository: Path, script: ModuleType) -> None:
    (repository / ".git" / "HEAD").write_text("nonsense")
    assert packed(script, repository, "wheel") == {}


def test_the_repository_of_a_hook_that_builds_is_not_asked(
    repository: Path, script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert script.unchanged_commit(repository) == head
