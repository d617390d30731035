"""``n2d denoise --uncertainty``: a second image beside the output."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from noise2detail.cli.uncertainty import uncertainty_path
from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from noise2detail.metrics.bootstrap import FreshNoise
from noise2detail.types import Pixels
from tests.cli.running import LONG, QUICK, left, n2d, records, write

BLUR = ("--method", "gaussian", "--set", "sigma=1.5", "--device", "cpu")


def noise_on(*shape: int, sigma: float = 8.0, seed: int = 0) -> Pixels:
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    scene = 100 + 20 * np.sin(x / 12) * np.cos(y / 15)
    values: Pixels = (scene + np.random.default_rng(seed).normal(0, sigma, shape)).astype(np.float32)
    return values


def share_of_blur() -> float:
    """Standard deviation that the blur leaves of white noise of deviation 1, far from the border."""
    bell = np.exp(-0.5 * (np.arange(-6, 7) / 1.5) ** 2)
    return float(np.sum((bell / bell.sum()) ** 2))


def rms(values: Pixels) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def test_of_a_blur_it_is_what_the_noise_and_the_bell_say(tmp_path: Path) -> None:
    source = tmp_path / "cells.ome.tif"
    image = Image(noise_on(64, 64), "YX", pixel_size_um={"Y": 0.2, "X": 0.1})
    save_image(image, source)
    result = n2d("denoise", source, *BLUR, "--uncertainty", "--json")
    assert result.exit_code == 0, result.output
    (record,) = records(result)
    target = tmp_path / "cells_denoised_uncertainty.ome.tif"
    assert record["uncertainty"] == str(target)
    assert record["draws"] == 20
    found = open_image(target)
    assert found.array.dtype == np.float32
    assert found.pixel_size_um == pytest.approx({"Y": 0.2, "X": 0.1})
    values = np.asarray(found.array)
    assert rms(values[8:-8, 8:-8]) == pytest.approx(8 * share_of_blur(), rel=0.15)
    assert record["uncertainty_rms"] == pytest.approx([rms(values)])
    said = json.loads((tmp_path / f"{target.name}.n2d.json").read_text())
    assert said["holds"]["what"].startswith("standard uncertainty of each pixel")
    assert said["holds"]["draws"] == 20
    assert said["plan"]["method"] == "gaussian"
    assert "holds" not in json.loads((tmp_path / "cells_denoised.ome.tif.n2d.json").read_text())


def test_the_denoised_image_is_the_same_with_and_without(tmp_path: Path) -> None:
    source = write(tmp_path / "cells.png", noise_on(24, 24).astype(np.uint8))
    assert n2d("denoise", source, *QUICK, "-o", tmp_path / "a.png").exit_code == 0
    result = n2d("denoise", source, *QUICK, "-o", tmp_path / "b.png", "--uncertainty", "--draws", "2")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(open_image(tmp_path / "a.png").array, open_image(tmp_path / "b.png").array)
    assert left(tmp_path)[-3:] == ["b_uncertainty.tif", "b_uncertainty.tif.n2d.json", "cells.png"]
    assert np.asarray(open_image(tmp_path / "b_uncertainty.tif").array).min() > 0


def test_channels_have_their_own_noise_and_gaps_have_none(tmp_path: Path) -> None:
    array = np.stack([noise_on(2, 48, 48, sigma=4), noise_on(2, 48, 48, sigma=16, seed=1)], axis=1)
    array[0, 0, 5:8, 5:9] = np.nan
    array[1, 1] = 7.0
    source = write(tmp_path / "stack.npy", array)
    result = n2d("denoise", source, *BLUR, "--axes", "ZCYX", "--uncertainty", "--draws", "8", "--json")
    assert result.exit_code == 0, result.output
    found = np.load(tmp_path / "stack_denoised_uncertainty.npy")
    assert found.shape == array.shape
    assert np.array_equal(np.isnan(found), np.isnan(array))
    assert (found[1, 1] == 0).all()  # a constant plane stays as it is
    low, high = found[1, 0, 8:-8, 8:-8], found[0, 1, 8:-8, 8:-8]
    assert rms(low) == pytest.approx(4 * share_of_blur(), rel=0.25)
    assert rms(high) == pytest.approx(16 * share_of_blur(), rel=0.25)
    assert [math.isfinite(one) for one in records(result)[0]["uncertainty_rms"]] == [True, True]


def test_repeatability_is_a_number(tmp_path: Path) -> None:
    source = write(tmp_path / "cells.tif", noise_on(24, 24).astype(np.uint8))
    trained = n2d("denoise", source, *QUICK, "-o", tmp_path / "a.tif", "--repeatability", "2", "--json")
    (record,) = records(trained)
    assert record["repeatability_rms"][0] > 0
    assert record["seeds"] == [0, 1, 2]
    assert "uncertainty" not in record
    filtered = n2d("denoise", source, *BLUR, "-o", tmp_path / "b.tif", "--repeatability", "1", "--json")
    assert records(filtered)[0]["repeatability_rms"] == [0.0]


def test_collisions_are_refused_before_any_work(tmp_path: Path) -> None:
    source = write(tmp_path / "cells.tif")
    there = write(tmp_path / "cells_denoised_uncertainty.tif")
    before = there.read_bytes()
    result = n2d("denoise", source, *LONG, "--uncertainty")
    assert result.exit_code == 1
    assert "cells_denoised_uncertainty.tif: is there already" in result.stderr
    assert there.read_bytes() == before
    assert left(tmp_path) == ["cells.tif", "cells_denoised_uncertainty.tif"]
    other = write(tmp_path / "cells_uncertainty.tif")
    result = n2d("denoise", source, other, *LONG, "--out-dir", tmp_path / "out", "--uncertainty")
    assert result.exit_code == 1
    assert "two inputs would be written to it" in result.stderr
    assert not (tmp_path / "out").exists()


def test_overwrite_replaces_it(tmp_path: Path) -> None:
    source = write(tmp_path / "cells.tif", noise_on(24, 24))
    write(tmp_path / "cells_denoised_uncertainty.tif")
    result = n2d("denoise", source, *BLUR, "--uncertainty", "--draws", "2", "--overwrite")
    assert result.exit_code == 0, result.output
    assert open_image(tmp_path / "cells_denoised_uncertainty.tif").array.dtype == np.float32


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the third repeat: the denoised image is not written either, nor half of anything."""
    drawn: list[int] = []

    def interrupted(self: FreshNoise, signal: Pixels, rng: np.random.Generator) -> Pixels:
        drawn.append(1)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return signal.astype(self.dtype)

    monkeypatch.setattr(FreshNoise, "draw", interrupted)
    source = write(tmp_path / "cells.tif", noise_on(64, 64))
    result = n2d("denoise", source, *BLUR, "--uncertainty")
    assert result.exit_code == 130
    assert "interrupted: nothing was written" in result.stderr
    assert left(tmp_path) == ["cells.tif"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--draws", "5"), "--uncertainty, which is not given"),
        (("--uncertainty", "--draws", "1"), "at least 2"),
        (("--repeatability", "0"), "at least 1"),
    ],
    ids=["alone", "one", "none"],
)
def test_wrong_usage(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    result = n2d("denoise", write(tmp_path / "cells.tif"), *LONG, *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert left(tmp_path) == ["cells.tif"]


def test_without_noise_there_is_nothing_to_draw(tmp_path: Path) -> None:
    steps = np.kron(np.random.default_rng(0).integers(0, 255, (4, 4)), np.ones((16, 16))).astype(np.uint8)
    result = n2d("denoise", write(tmp_path / "steps.npy", steps), *BLUR, "--uncertainty")
    assert result.exit_code == 1
    assert "there is no noise to draw again: " in result.stderr
    assert left(tmp_path) == ["steps.npy"]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("a.png", "a_uncertainty.tif"),
        ("a.bmp", "a_uncertainty.tif"),
        ("a.dcm", "a_uncertainty.nii.gz"),
        ("series", "series_uncertainty.nii.gz"),
        ("a.ome.zarr", "a_uncertainty.ome.zarr"),
        ("a.mrc", "a_uncertainty.mrc"),
        ("a.nii.gz", "a_uncertainty.nii.gz"),
    ],
)
def test_names(output: str, expected: str) -> None:
    assert uncertainty_path(Path(output)).name == expected
