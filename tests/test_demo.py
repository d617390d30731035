"""The demo, without a training: everything it promises is written, and it says so."""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import noise2detail as n2d

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, which writes into an empty folder and takes a quarter of each pixel instead of its noise."""
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    module = importlib.import_module("demo")
    monkeypatch.setattr(module, "DESTINATION", tmp_path / "demo")
    monkeypatch.setattr(module.phantom_ct, "ANGLES", 30)
    monkeypatch.setattr(module, "n2d", Darkened)
    return module


class Darkened:
    """The package as far as the demo uses it."""

    Image, open, save, judge = n2d.Image, staticmethod(n2d.open), staticmethod(n2d.save), staticmethod(n2d.judge)

    @staticmethod
    def denoise(image: n2d.Image, recipe: str | None = None) -> n2d.Image:
        from dataclasses import replace

        array = np.asarray(image.array)
        return replace(image, array=(array - array // 4).astype(array.dtype))


def test_demo(demo: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):  # the second run replaces the results of the first
        demo.main()
        told = capsys.readouterr().out
        for name in ("before_after", "phantom_before_after", "stack_before_after"):
            picture = demo.DESTINATION / f"{name}.png"
            assert str(picture) in told
            with PIL.Image.open(picture) as opened:
                assert opened.width > 400
        assert "verdict       do not trust" in told
        page = demo.DESTINATION / "report.html"
        assert str(page) in told.splitlines()[-2]
        assert page.read_bytes().startswith(b"<!doctype html>")
        assert "Hounsfield" in told
        assert "3 slices at 0, 2.5, 5 mm" in told
        assert "type DERIVED" in told
        assert "OME-Zarr 0.5 in sizes 3 x 256 x 256 and 3 x 128 x 128" in told
    before, after = (n2d.open(demo.DESTINATION / name) for name in ("phantom_ct", "phantom_ct_denoised"))
    assert (before.axes, before.pixel_size_um) == (after.axes, after.pixel_size_um)
    pixels = np.asarray(before.array)
    np.testing.assert_array_equal(after.array, pixels - pixels // 4)
    pixels = np.asarray(n2d.open(demo.STACK).array)
    np.testing.assert_array_equal(
        n2d.open(demo.DESTINATION / "brain_stack_denoised.ome.zarr").array, pixels - pixels // 4
    )
