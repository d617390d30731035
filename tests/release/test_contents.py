"""What a wheel and an sdist may hold."""

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = "contents"
ROOT = Path(__file__).parents[2]
INFO = "noise2detail-1.dist-info"
OWN = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
PACKED = {"cli/main.py", "py.typed", "report/assets/page.html.j2", "report/assets/page.css"}
KNOWN = {f"src/noise2detail/{name}" for name in PACKED} | {
    "pyproject.toml",
    "tests/a.py",
    "benchmarks/results/big.json",
}
POINTS = "[console_scripts]\nn2d = noise2detail.cli.main:main\n"


def wheel(folder: Path, names: Iterable[str], points: str = POINTS) -> Path:
    path = folder / "noise2detail-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in [*(f"noise2detail/{name}" for name in names), *(f"{INFO}/{name}" for name in OWN)]:
            archive.writestr(name, points if name.endswith("entry_points.txt") else "x")
    return path


def sdist(folder: Path, names: Iterable[str]) -> Path:
    path = folder / "noise2detail-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"noise2detail-1/{name}"), io.BytesIO())
    return path


def test_a_wheel_of_what_git_knows(tmp_path: Path, script: ModuleType) -> None:
    assert script.wheel_problems(wheel(tmp_path, PACKED), KNOWN, commit=False) == []
    assert script.wheel_problems(wheel(tmp_path, PACKED | {"commit.txt"}), KNOWN, commit=True) == []


def test_what_is_missing_and_what_is_foreign(tmp_path: Path, script: ModuleType) -> None:
    found = (PACKED - {"py.typed"}) | {"cli/__pycache__/main.pyc", "tests.npz"}
    assert script.wheel_problems(wheel(tmp_path, found), KNOWN - {"src/noise2detail/py.typed"}, commit=True) == [
        "noise2detail-1-py3-none-any.whl: noise2detail/commit.txt is missing",
        "noise2detail-1-py3-none-any.whl: noise2detail/py.typed is missing",  # whatever git says
        "noise2detail-1-py3-none-any.whl: noise2detail/cli/__pycache__/main.pyc has no business there",
        "noise2detail-1-py3-none-any.whl: noise2detail/tests.npz has no business there",
        "noise2detail/tests.npz: an image without README, LICENSE or NOTICE beside or above it that says whose it is",
    ]


@pytest.mark.parametrize("text", ["napari/README.md", "LICENSE-images.txt"])
def test_an_image_beside_its_licence(text: str, tmp_path: Path, script: ModuleType) -> None:
    names = PACKED | {"napari/sample.ome.zarr/0/zarr.json", "napari/cells.tif"}
    known = KNOWN | {f"src/noise2detail/{name}" for name in names}
    assert len(script.wheel_problems(wheel(tmp_path, names), known, commit=False)) == 2
    names, known = names | {text}, known | {f"src/noise2detail/{text}"}
    assert script.wheel_problems(wheel(tmp_path, names), known, commit=False) == []


@pytest.mark.parametrize(
    ("points", "missing"),
    [
        ("[console_scripts]\nn2d = noise2detail.shell:main\n", "noise2detail/shell"),
        ("[napari.manifest]\nnoise2detail = noise2detail:napari.yaml\n", "noise2detail/napari.yaml"),
    ],
)
def test_entry_points_that_lead_nowhere(points: str, missing: str, tmp_path: Path, script: ModuleType) -> None:
    [problem] = script.wheel_problems(wheel(tmp_path, PACKED, points), KNOWN, commit=False)
    assert missing in problem


def test_an_sdist_of_what_git_knows(tmp_path: Path, script: ModuleType) -> None:
    expected = (KNOWN - {"benchmarks/results/big.json"}) | {"PKG-INFO", "src/noise2detail/commit.txt"}
    assert script.sdist_problems(sdist(tmp_path, expected), KNOWN, commit=True) == []
    wrong = (expected - {"tests/a.py"}) | {"benchmarks/results/big.json"}
    assert script.sdist_problems(sdist(tmp_path, wrong), KNOWN, commit=True) == [
        "noise2detail-1.tar.gz: tests/a.py is missing",
        "noise2detail-1.tar.gz: benchmarks/results/big.json has no business there",
    ]


def test_a_wheel_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: ModuleType) -> None:
    monkeypatch.setitem(script.LARGEST, ".whl", 10)
    [problem] = script.wheel_problems(wheel(tmp_path, PACKED), KNOWN, commit=False)
    assert "expected at most 10" in problem


def test_the_version_of_this_source(script: ModuleType) -> None:
    from noise2detail.version import __version__

    assert script.declared_version(ROOT) == __version__
