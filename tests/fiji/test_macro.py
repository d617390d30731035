"""The macro for Fiji in a real ImageJ, without a window: what comes back is what was there, denoised."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from noise2detail.io import open_image
from noise2detail.methods.gaussian import Gaussian
from noise2detail.pipeline.denoise import denoise
from noise2detail.registry import METHODS
from tests.cli.running import environment, left

JAR = Path("/usr/share/java/ij.jar")
MACRO = Path(__file__).parents[2] / "src" / "noise2detail" / "fiji" / "Denoise_with_n2d.ijm"
DRIVER = Path(__file__).with_name("hyperstack.ijm")
KINDS = ("8-bit", "32-bit", "RGB", "RGB stack", "16-bit time")

in_imagej = pytest.mark.skipif(
    shutil.which("java") is None or not JAR.exists(), reason="ImageJ is not installed; on Debian: imagej"
)


def imagej(folder: Path, macro: Path, argument: str) -> str:
    """What a macro prints in an ImageJ whose temporary folder and settings lie in a folder with a difficult name."""
    for name in ("home", "temporary \"files' of a\\b"):
        (folder / name).mkdir(exist_ok=True)
    places = [f"-Duser.home={folder / 'home'}", f"-Djava.io.tmpdir={temporary(folder)}"]
    command = ["java", "-Djava.awt.headless=true", *places, "-jar", str(JAR), "-batch", str(macro), argument]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300, check=False)
    assert "Exception" not in done.stderr + done.stdout, done.stderr + done.stdout
    return done.stdout


def temporary(folder: Path) -> Path:
    return folder / "temporary \"files' of a\\b"


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what came of every kind of image, and what ImageJ said; n2d is the one of last time."""
    folder = tmp_path_factory.mktemp("fiji")
    n2d = program(folder / 'my "own" tools\' \\ bin' / "n2d", f'exec "{sys.executable}" -m noise2detail "$@"')
    mirror = program(folder / "mirror", 'test "$1" = --version && echo "noise2detail 0" || cp "$2" "$4"')
    settings = folder / "home" / ".imagej" / "IJ_Prefs.txt"
    settings.parent.mkdir(parents=True)
    escaped = str(n2d).replace("\\", "\\\\")
    settings.write_text(f".noise2detail.program={escaped}\n")
    said = imagej(folder, DRIVER, f"{MACRO}\n{folder}/\n{mirror}")
    (folder / "said.txt").write_text(said)
    return folder


def described(path: Path) -> dict[str, Any]:
    with tifffile.TiffFile(path) as tif:
        return dict(tif.imagej_metadata or {})


@in_imagej
def test_a_hyperstack_comes_back_denoised(desk: Path) -> None:
    original, result = tifffile.imread(desk / "cells_original.tif"), tifffile.imread(desk / "cells_result.tif")
    expected = denoise(open_image(desk / "cells_original.tif"), method=Gaussian(sigma=0.8))
    assert original.shape == (3, 2, 24, 30)
    assert np.array_equal(result, np.asarray(expected.array))
    assert not np.array_equal(result, original)


@in_imagej
def test_scale_channels_and_colours_come_back(desk: Path) -> None:
    before, after = described(desk / "cells_original.tif"), described(desk / "cells_result.tif")
    for name in ("images", "channels", "slices", "hyperstack", "mode", "unit", "spacing", "Labels", "Overlays"):
        assert repr(after[name]) == repr(before[name]), name
    assert after["Ranges"] == before["Ranges"] == (10.0, 2000.0, 20.0, 4000.0)
    assert np.array_equal(after["LUTs"], before["LUTs"])
    assert after["Info"].startswith("a note\nDenoised with noise2detail ")
    with tifffile.TiffFile(desk / "cells_result.tif") as one, tifffile.TiffFile(desk / "cells_original.tif") as other:
        for tag in ("XResolution", "YResolution"):
            assert one.pages.first.tags[tag].value == other.pages.first.tags[tag].value


@in_imagej
def test_what_imagej_says(desk: Path) -> None:
    said = (desk / "said.txt").read_text().splitlines()
    assert "cells cells_denoised.tif 16 at 2 3 1 mode color overlay 1" in said
    assert "cells objective=63x folder=<>" in said  # it belongs to no file
    assert "original cells.tif 16 at 2 3 1 mode color overlay 1" in said
    assert "original objective=63x folder=<>" in said
    assert "selection 3 4 7 8" in said
    assert "16-bit time 16-bit time_denoised 16 at 1 1 3 mode none overlay 0" in said
    assert said[-1] == "open 0"
    assert left(temporary(desk)) == []


@in_imagej
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_keeps_what_it_is(kind: str, desk: Path) -> None:
    pages = [desk / f"{kind}_{which}.tif" for which in ("original", "result")]
    before, after = (tifffile.imread(page) for page in pages)
    assert np.array_equal(before, after)
    assert after.dtype == before.dtype
    was, now = (described(page) for page in pages)
    assert {key: repr(value) for key, value in was.items()} == {key: repr(value) for key, value in now.items()}
    with tifffile.TiffFile(pages[0]) as one, tifffile.TiffFile(pages[1]) as other:
        first, second = one.pages.first, other.pages.first
        assert first.photometric == second.photometric
        if "ColorMap" in first.tags:
            assert np.array_equal(first.tags["ColorMap"].value, second.tags["ColorMap"].value)


@in_imagej
def test_n2d_says_why_there_is_no_result(tmp_path: Path) -> None:
    n2d = program(tmp_path / "n2d", f'exec "{sys.executable}" -m noise2detail "$@"')
    macro = tmp_path / "one.ijm"
    macro.write_text(f'newImage("cells", "8-bit ramp", 20, 16, 1); runMacro("{MACRO}", getArgument());')
    said = imagej(tmp_path, macro, f"method=gaussian recipe=best program=[{n2d}]")
    assert said.startswith("n2d made no result of cells:\n")
    assert "best" in said
    assert "Run this in a terminal" not in said
    assert left(temporary(tmp_path)) == []


@in_imagej
def test_what_is_no_n2d_is_refused(tmp_path: Path) -> None:
    macro = tmp_path / "one.ijm"
    macro.write_text(f'newImage("a", "8-bit ramp", 20, 16, 1); runMacro("{MACRO}", getArgument());')
    said = imagej(tmp_path, macro, f"program=[{tmp_path / 'no such'}]")
    assert said.startswith(f"Denoise with n2d: {tmp_path / 'no such'} is not n2d.\n")
    assert left(temporary(tmp_path)) == []


def test_methods_and_recipes_that_are_offered_exist() -> None:
    text = MACRO.read_text(encoding="utf-8")
    methods, recipes = (
        re.findall(r'"(.*?)"', found) for found in re.findall(r"^var (?:METHODS|RECIPES) = (.*);$", text, re.MULTILINE)
    )
    assert methods[0] == "auto"
    assert set(methods) <= set(METHODS)
    assert set(recipes) - {"default"} <= {name for entry in METHODS.values() for name in entry.recipes}
