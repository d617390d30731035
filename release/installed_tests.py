"""What an installed package must do without its source; ``release/check.py`` runs this where it installed the wheel.

Needs pytest and nothing else. The tests that need PyTorch say so where it is not installed.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import pkgutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import tifffile

HERE = Path(__file__).parent
PURELIB = Path(sysconfig.get_path("purelib"))
N2D = Path(sysconfig.get_path("scripts")) / "n2d"
COMMIT = os.environ["N2D_COMMIT"]
FOR_NAPARI = "noise2detail.napari"
OF_NAPARI = {"napari", "qtpy", "magicgui", "superqt", "vispy"}
QUICK = ("--method", "noise2detail", "--set", "stage1.steps=2", "--set", "stage3.steps=2", "--set", "width=4")

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed here")


def n2d(*arguments: str | Path) -> str:
    """What the command prints."""
    command = [str(N2D), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def missing(module: str) -> str:
    """The package without which a module cannot be imported."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        return (error.name or "").partition(".")[0]
    return ""


@pytest.fixture
def crop(tmp_path: Path) -> Path:
    """A small part of the micrograph."""
    path = tmp_path / "crop.tif"
    tifffile.imwrite(path, tifffile.imread(HERE / "brain_section.tif")[200:264, 200:280], imagej=True)
    return path


def test_it_is_the_installed_one() -> None:
    spec = importlib.util.find_spec("noise2detail")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(PURELIB)


def test_version_and_commit() -> None:
    said = f"noise2detail {os.environ['N2D_VERSION']} (commit {COMMIT[:12] or 'unknown'})\n"
    assert n2d("--version") == said
    command = [sys.executable, "-m", "noise2detail", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == said
    assert importlib.metadata.version("noise2detail") == os.environ["N2D_VERSION"]


def test_types_are_told() -> None:
    assert (PURELIB / "noise2detail" / "py.typed").is_file()


def test_import_brings_nothing_heavy() -> None:
    code = "import noise2detail, sys; print(sorted({'torch', 'numpy', 'scipy', 'napari'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_help() -> None:
    said = n2d("--help")
    for command in ("denoise", "fit", "apply", "scale", "watch", "compare", "convert", "report", "info", "doctor"):
        assert f" {command} " in said
    assert "--recipe" in n2d("denoise", "--help")


def test_files_are_converted(crop: Path) -> None:
    n2d("convert", crop, crop.with_name("out.ome.tif"), "--quiet")
    assert np.array_equal(tifffile.imread(crop.with_name("out.ome.tif")), tifffile.imread(crop))


def test_the_macro_for_fiji_is_there() -> None:
    assert "Denoise" in Path(n2d("fiji").strip()).read_text(encoding="utf-8")


@needs_torch
def test_every_module_is_there_and_needs_no_extra() -> None:
    package = importlib.import_module("noise2detail")
    names = [found.name for found in pkgutil.walk_packages(package.__path__, "noise2detail.")]
    assert len(names) > 100
    for name in names:
        if not name.endswith("__main__"):
            absent = missing(name)
            # what draws in napari needs napari, and nothing else needs an extra
            assert not absent or (name.startswith(FOR_NAPARI) and absent in OF_NAPARI), f"{name} needs {absent}"
    for name in package.__all__:
        assert getattr(package, name) is not None


@needs_torch
def test_an_image_is_denoised_with_its_report(crop: Path) -> None:
    output = crop.with_name("out.tif")
    n2d("denoise", crop, "-o", output, "--quiet", "--report", "--method", "gaussian")
    before, after = tifffile.imread(crop), tifffile.imread(output)
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert not np.array_equal(after, before)
    said = json.loads(output.with_name("out.tif.n2d.json").read_text(encoding="utf-8"))
    assert (said["version"], said["commit"]) == (os.environ["N2D_VERSION"], COMMIT or None)
    [page] = crop.parent.glob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "</html>" in text
    assert "{{" not in text


@needs_torch
def test_a_network_is_trained(crop: Path) -> None:
    said = json.loads(n2d("denoise", crop, "-o", crop.with_name("out.tif"), "--device", "cpu", "--json", *QUICK))
    assert (said["method"], said["shape"]) == ("noise2detail", [64, 80])
    assert json.loads(n2d("info", crop, "--json"))["axes"] == "YX"


@needs_torch
def test_arrays_are_denoised() -> None:
    import noise2detail

    noisy = np.random.default_rng(0).poisson(40, (24, 24)).astype(np.uint16)
    denoised = np.asarray(noise2detail.denoise(noisy, method="gaussian"))
    assert (denoised.shape, denoised.dtype) == (noisy.shape, noisy.dtype)
    assert denoised.std() < noisy.std()


@pytest.mark.skipif(not importlib.metadata.entry_points(group="napari.manifest"), reason="no plugin for napari yet")
def test_the_plugin_is_valid() -> None:
    command = [sys.executable, "-m", "npe2", "validate", "noise2detail"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
