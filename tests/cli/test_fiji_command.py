"""The command ``n2d fiji``."""

import json
from pathlib import Path

import pytest

from noise2detail.cli import fiji
from tests.cli.running import left, n2d


def test_the_place_of_the_macro() -> None:
    place = Path(n2d("fiji").stdout.strip())
    assert place.name == fiji.MACRO
    assert fiji.OPEN in place.read_text(encoding="utf-8").splitlines()
    assert json.loads(n2d("fiji", "--json").stdout) == {"macro": str(place)}


@pytest.mark.parametrize("named", ["Fiji.app", "Fiji.app/plugins"])
def test_it_is_installed_and_knows_its_program(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fiji, "this_program", lambda: 'C:\\my "tools"\\n2d.exe')
    (tmp_path / "Fiji.app" / "plugins").mkdir(parents=True)
    place = Path(n2d("fiji", tmp_path / named).stdout.strip())
    assert place == tmp_path / "Fiji.app" / "plugins" / fiji.MACRO
    source = Path(n2d("fiji").stdout.strip()).read_text(encoding="utf-8")
    line = r'var PROGRAM = "C:\\my \"tools\"\\n2d.exe";'
    assert place.read_text(encoding="utf-8") == source.replace(fiji.OPEN, line)
    assert line in place.read_text(encoding="utf-8")
    assert n2d("fiji", tmp_path / named).exit_code == 0  # an older copy is replaced


def test_a_folder_that_is_not_fijis(tmp_path: Path) -> None:
    result = n2d("fiji", tmp_path, "--json")
    assert result.exit_code == 2
    assert "holds no folder plugins; name the folder in which Fiji or ImageJ is installed" in result.stderr
    assert "holds no folder plugins" in json.loads(result.stdout)["error"]
    assert left(tmp_path) == []


def test_somebody_elses_file_stays(tmp_path: Path) -> None:
    other = tmp_path / "plugins" / fiji.MACRO
    other.parent.mkdir()
    other.write_text("mine")
    result = n2d("fiji", tmp_path)
    assert result.exit_code == 2
    assert "is there and is none of ours" in result.stderr
    assert other.read_text() == "mine"


def test_the_program_beside_this_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "n2d"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    assert fiji.this_program() == str(program)
