"""Which commit a result came from."""

import shutil
from pathlib import Path

import pytest

from noise2detail.host.versions import commit, libraries

HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a checkout whose branch is ``main``."""
    folder = tmp_path / "src" / "noise2detail"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "refs" / "heads" / "main").write_text(HASH + "\n")
    return folder


def test_a_branch(package: Path) -> None:
    assert commit(package) == HASH


def test_a_packed_branch(package: Path, tmp_path: Path) -> None:
    (tmp_path / ".git" / "refs" / "heads" / "main").unlink()
    (tmp_path / ".git" / "packed-refs").write_text(
        f"# pack-refs\n{'f' * 40} refs/heads/other\n{HASH} refs/heads/main\n"
    )
    assert commit(package) == HASH


def test_no_branch(package: Path, tmp_path: Path) -> None:
    (tmp_path / ".git" / "HEAD").write_text(HASH + "\n")
    assert commit(package) == HASH


def test_a_second_working_tree(package: Path, tmp_path: Path) -> None:
    git = tmp_path / ".git"
    git.rename(tmp_path / "shared")
    own = tmp_path / "shared" / "worktrees" / "w"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/main\n")
    (own / "commondir").write_text("../..\n")
    git.write_text(f"gitdir: {own}\n")
    assert commit(package) == HASH


@pytest.mark.parametrize("damage", ["HEAD", "refs/heads/main"])
def test_a_damaged_repository_is_no_error(damage: str, package: Path, tmp_path: Path) -> None:
    (tmp_path / ".git" / damage).write_text("nonsense")
    assert commit(package) is None


def test_a_branch_without_commits(package: Path, tmp_path: Path) -> None:
    (tmp_path / ".git" / "refs" / "heads" / "main").unlink()
    assert commit(package) is None


def test_an_installed_package_has_none_even_within_some_repository(package: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site-packages" / "noise2detail"
    installed.mkdir(parents=True)
    assert commit(installed) is None


def test_an_installed_package_knows_what_it_was_built_from(tmp_path: Path) -> None:
    installed = tmp_path / "site-packages" / "noise2detail"
    installed.mkdir(parents=True)
    (installed / "commit.txt").write_text(HASH + "\n")
    assert commit(installed) == HASH


def test_an_unpacked_source_distribution_knows_it_too(package: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / ".git")
    assert commit(package) is None
    (package / "commit.txt").write_text(HASH + "\n")
    assert commit(package) == HASH


def test_what_is_checked_out_counts_for_more(package: Path) -> None:
    (package / "commit.txt").write_text("f" * 40 + "\n")
    assert commit(package) == HASH


@pytest.mark.parametrize("text", [b"", b"main", HASH[:12].encode(), b"\xff" * 40])
def test_anything_else_is_no_commit(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "commit.txt").write_bytes(text)
    assert commit(tmp_path) is None


def test_libraries_that_can_change_a_result() -> None:
    found = libraries()
    assert {"python", "torch", "numpy", "tifffile", "imagecodecs"} <= set(found)
    assert all(found.values())
