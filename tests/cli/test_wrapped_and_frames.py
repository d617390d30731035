"""Stabilised noise, clipping undone, and several recordings of a scene, from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from noise2detail.noise.simulate import add_gaussian, add_poisson
from noise2detail.types import Pixels
from tests.cli.running import n2d

CLEAN = 0.1 + 0.8 * np.indices((96, 96)).sum(0).astype(np.float32) / 190
FRAMES = ("--method", "noise2noise", "--set", "steps=2", "--set", "width=4", "--device", "cpu")


def save(path: Path, pixels: Pixels, axes: str = "YX") -> Path:
    save_image(Image(pixels, axes), path)
    return path


def error_of(path: Path, clean: Pixels = CLEAN, columns: int | None = None) -> float:
    return float(np.mean((np.asarray(open_image(path).array) - clean)[:, :columns] ** 2))


def test_stabilized_bm3d_beats_plain_bm3d_on_photon_noise(tmp_path: Path) -> None:
    source = save(tmp_path / "a.tif", add_poisson(CLEAN, 12.0, np.random.default_rng(0)))
    for name, more in (("plain", ()), ("wrapped", ("--stabilize",))):
        done = n2d("denoise", source, "-o", tmp_path / f"{name}.tif", "--method", "bm3d", "--device", "cpu", *more)
        assert done.exit_code == 0, done.output
    assert error_of(tmp_path / "wrapped.tif") < error_of(tmp_path / "plain.tif")
    told = json.loads((tmp_path / "wrapped.tif.n2d.json").read_text())
    assert told["plan"]["method"] == "bm3d"
    assert told["plan"]["settings"]["type"] == "Stabilized"
    assert told["plan"]["settings"]["inner"]["type"] == "BM3D"


def test_unclip_brings_the_dark_back(tmp_path: Path) -> None:
    clean = np.where(np.arange(192) < 96, 0, 0.5).astype(np.float32) * np.ones((192, 1), np.float32)
    source = save(tmp_path / "a.tif", add_gaussian(clean, 25.0, np.random.default_rng(0)))
    for name, more in (("plain", ()), ("undone", ("--unclip",))):
        done = n2d("denoise", source, "-o", tmp_path / f"{name}.tif", "--method", "gaussian", "--device", "cpu", *more)
        assert done.exit_code == 0, done.output
    assert error_of(tmp_path / "undone.tif", clean, 80) < error_of(tmp_path / "plain.tif", clean, 80) / 4


def test_two_files_are_two_frames(tmp_path: Path) -> None:
    first, second = (
        save(tmp_path / f"{seed}.tif", add_gaussian(CLEAN, 25.0, np.random.default_rng(seed))) for seed in (0, 1)
    )
    done = n2d("denoise", first, "-o", tmp_path / "out.tif", "--frames", second, *FRAMES)
    assert done.exit_code == 0, done.output
    found = open_image(tmp_path / "out.tif")
    assert (found.axes, found.array.shape) == ("YX", (96, 96))


def test_a_series_is_a_scene(tmp_path: Path) -> None:
    series = np.stack([add_gaussian(CLEAN, 25.0, np.random.default_rng(seed)) for seed in range(6)])
    source = save(tmp_path / "s.ome.tif", series.reshape(3, 2, 96, 96), "TZYX")
    done = n2d("denoise", source, "-o", tmp_path / "out.ome.tif", *FRAMES)
    assert done.exit_code == 0, done.output
    assert open_image(tmp_path / "out.ome.tif").array.shape == (3, 2, 96, 96)
    shared = n2d("denoise", source, "-o", tmp_path / "o.ome.tif", "--fit", "shared", *FRAMES)
    assert shared.exit_code == 2
    assert "2 scenes" in shared.stderr


@pytest.mark.parametrize(
    ("shape", "dtype", "said"),
    [((96, 95), np.float32, "register and crop"), ((96, 96), np.uint16, "pixels of type uint16")],
)
def test_frames_that_do_not_fit_are_named(tmp_path: Path, shape: tuple[int, int], dtype: type, said: str) -> None:
    first = save(tmp_path / "first.tif", CLEAN)
    other = save(tmp_path / "other.tif", np.arange(np.prod(shape)).reshape(shape).astype(dtype))
    done = n2d("denoise", first, "-o", tmp_path / "out.tif", "--frames", other, *FRAMES)
    assert done.exit_code == 1
    assert "other.tif" in done.stderr
    assert said in done.stderr
    assert not (tmp_path / "out.tif").exists()


def test_one_frame_is_too_few(tmp_path: Path) -> None:
    done = n2d("denoise", save(tmp_path / "a.tif", CLEAN), *FRAMES)
    assert done.exit_code == 1
    assert "two or more" in done.stderr
    assert "--frames" in done.stderr


def test_methods_of_one_image_have_nothing_to_share(tmp_path: Path) -> None:
    stack = save(tmp_path / "z.ome.tif", np.stack([CLEAN, CLEAN[::-1]]), "ZYX")
    for command, suffix in ((("denoise", "--fit", "shared"), ".ome.tif"), (("fit",), ".safetensors")):
        done = n2d(
            command[0], stack, "-o", tmp_path / f"out{suffix}", *command[1:], "--method", "self2self", "--device", "cpu"
        )
        assert done.exit_code == 2, done.output
        assert "self2self" in done.stderr
