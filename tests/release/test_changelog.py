"""The change log, made of fragments."""

import importlib
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = "changelog"
ROOT = Path(__file__).parents[2]
DAY = date(2026, 3, 1)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """With one release behind it and three changes since."""
    (tmp_path / "changes").mkdir()
    for name, text in {
        "README.md": "about",
        "zeros.fix.md": "Frames of zeros\nstay.\n",
        "auto.feature.md": "`auto` decides.\n",
        "fit.change.md": "`each` is `plane` now.\n",
    }.items():
        (tmp_path / "changes" / name).write_text(text)
    (tmp_path / "CHANGELOG.md").write_text("# Change log\n\nWhat users notice.\n\n## 0.1.0 (2026-01-02)\n\n- First.\n")
    return tmp_path


def test_a_release_moves_the_fragments_into_the_log(repository: Path, script: ModuleType) -> None:
    assert script.main(["0.2.0", "--date", "2026-03-01", "--root", str(repository)]) == 0
    assert (repository / "CHANGELOG.md").read_text() == (
        "# Change log\n\nWhat users notice.\n\n## 0.2.0 (2026-03-01)\n\n### Changed\n\n- `each` is `plane` now.\n\n"
        "### New\n\n- `auto` decides.\n\n### Fixed\n\n- Frames of zeros stay.\n\n## 0.1.0 (2026-01-02)\n\n- First.\n"
    )
    assert [path.name for path in (repository / "changes").iterdir()] == ["README.md"]


def test_the_first_release_goes_below_the_head(repository: Path, script: ModuleType) -> None:
    (repository / "CHANGELOG.md").write_text("# Change log\n\nHead.\n")
    assert script.main(["0.1.0", "--root", str(repository)]) == 0
    assert (repository / "CHANGELOG.md").read_text().startswith("# Change log\n\nHead.\n\n## 0.1.0 (")


def test_a_draft_changes_nothing(repository: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    before = (repository / "CHANGELOG.md").read_text()
    assert script.main(["0.2.0", "--draft", "--root", str(repository)]) == 0
    assert "### Fixed\n\n- Frames of zeros stay.\n" in capsys.readouterr().out
    assert (repository / "CHANGELOG.md").read_text() == before
    assert len(list((repository / "changes").iterdir())) == 4


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.bugfix.md", "A.", "expected NAME.KIND.md"),
        ("Two words.fix.md", "A.", "rename it"),
        ("x.fix.md", " \n", "found ''"),
        ("x.fix.md", "# Title\n", "no heading"),
    ],
    ids=["unknown kind", "name", "empty", "heading"],
)
def test_a_fragment_that_is_none(
    name: str, text: str, message: str, repository: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "changes" / name).write_text(text)
    before = (repository / "CHANGELOG.md").read_text()
    assert script.main(["0.2.0", "--root", str(repository)]) == 1
    assert message in capsys.readouterr().err
    assert (repository / "CHANGELOG.md").read_text() == before


def test_a_version_that_was_released(repository: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["0.1.0", "--root", str(repository)]) == 1
    assert "has a section 0.1.0 already" in capsys.readouterr().err


def test_nothing_to_release(script: ModuleType) -> None:
    with pytest.raises(script.ChangelogError, match="no fragment"):
        script.section("0.2.0", DAY, {"fix": []})


def test_the_fragments_of_this_repository(script: ModuleType) -> None:
    found = script.fragments(ROOT / "changes")
    listed = [path.name for path in (ROOT / "changes").iterdir() if path.name != "README.md"]
    assert sum(map(len, found.values())) == len(listed)


def test_what_a_tag_needs(repository: Path, monkeypatch: pytest.MonkeyPatch, script: ModuleType) -> None:
    tagged = importlib.import_module("tagged")

    monkeypatch.setattr(tagged, "declared_version", lambda root: "0.2.0")
    problems = tagged.tag_problems("v0.3.0", repository)
    assert [problem[:30] for problem in problems] == [
        "the tag is v0.3.0, and the ver",
        "CHANGELOG.md has no section 0.",
        "changes/ still holds 3 fragmen",
    ]
    script.main(["0.2.0", "--root", str(repository)])
    assert tagged.tag_problems("v0.2.0", repository) == []
