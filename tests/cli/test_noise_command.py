"""``n2d noise``: what it says of noise that was put there."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.running import left, n2d, records, write

SIDE = 128


def scene() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    image: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = 100 + 800 * x
    image += 200 * ((y - 0.5) ** 2 + (x - 0.3) ** 2 < 0.05)
    return image


def counted(gain: float, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    rng = np.random.default_rng(seed)
    return np.round(gain * rng.poisson(scene() / gain)).astype(np.uint16)


def test_counted_photons_in_words(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", counted(20.0))
    result = n2d("noise", source)
    assert result.exit_code == 0, result.output
    labels = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert labels == ["deviation", "growth", "no light", "cut off", "sharing"]
    for said in ("where it is dark", "--stabilize", "nowhere", "next to none"):
        assert said in result.stdout
    assert left(tmp_path) == ["a.tif"]


def test_counted_photons_in_figures(tmp_path: Path) -> None:
    source = write(tmp_path / "a.npy", np.stack([counted(20.0), counted(5.0, 1)]))
    first, second = records(n2d("noise", source, "--axes", "CYX", "--json"))
    assert (first["channel"], second["channel"]) == ("1", "2")
    assert first["gain"] == pytest.approx(20, rel=0.15)
    assert second["gain"] == pytest.approx(5, rel=0.15)
    assert first["clipped_below"] is None
    assert not first["correlated"]
    assert first["deviations"]["0.5"] == pytest.approx((20 * first["levels"]["0.5"]) ** 0.5, rel=0.1)


def test_clipped_and_shared_noise_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    dark = np.array([0.0, 0.0, 0.4, 0.6, 0.9])[np.add.outer(np.arange(SIDE), 2 * np.arange(SIDE)) // 48 % 5]
    clipped = write(
        tmp_path / "clipped.npy", np.clip(dark + rng.normal(0, 0.1, dark.shape), 0, None).astype(np.float32)
    )
    result = n2d("noise", clipped)
    assert "below 0: what is left there is off in the mean; auto undoes it, others with --unclip" in result.stdout
    white = rng.normal(0, 10, (SIDE + 1, SIDE + 1))
    smooth = np.add.outer(np.arange(SIDE), 2 * np.arange(SIDE)) / 4.0
    shared = smooth + (white[1:, 1:] + white[:-1, 1:] + white[1:, :-1] + white[:-1, :-1]) / 2
    result = n2d("noise", write(tmp_path / "shared.npy", shared.astype(np.float32)))
    assert "neighbouring pixels share it" in result.stdout
    assert "auto removes such noise" in result.stdout


def test_nothing_to_measure(tmp_path: Path) -> None:
    result = n2d("noise", write(tmp_path / "a.tif", np.full((32, 32), 7, np.uint8)))
    assert (result.exit_code, result.stdout) == (0, "noise  none was found: there is nothing to remove\n")


def test_the_certainty_of_figures_is_told(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", counted(20.0))
    assert "±" in n2d("noise", source).stdout
    (found,) = records(n2d("noise", source, "--json"))
    errors = found["uncertainty"]
    assert abs(found["gain"] - 20) < 3 * errors["gain"] < 6
    assert abs(found["correlation_x"]) < 4 * errors["correlation_x"] < 0.2
    assert (found["noiseless"], found["noise_only"], found["processing"]) == (False, False, {})
    assert found["stripes"] == {"rows": 0.0, "columns": 0.0, "waves": []}


def test_what_was_done_before_is_told(tmp_path: Path) -> None:
    noisy = np.random.default_rng(0).normal(scene() / 4, 8).clip(0, 255).astype(np.uint8)
    doubled = np.array(Image.fromarray(noisy).resize((256, 256), Image.Resampling.BILINEAR))
    source = write(tmp_path / "doubled.tif", doubled)
    assert "interpolated" in n2d("noise", source).stdout
    (found,) = records(n2d("noise", source, "--json"))
    assert list(found["processing"]) == ["interpolated"]


def test_stripes_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = scene() + rng.normal(0, 10, (SIDE, SIDE)) + rng.normal(0, 5, (SIDE, 1))
    source = write(tmp_path / "striped.npy", image.astype(np.float32))
    assert "offsets of rows" in n2d("noise", source).stdout
    (found,) = records(n2d("noise", source, "--json"))
    assert found["stripes"]["rows"] == pytest.approx(0.5, rel=0.3)
    assert found["stripes"]["columns"] == 0


def test_no_noise_and_nothing_else_are_told(tmp_path: Path) -> None:
    smooth = write(tmp_path / "smooth.tif", scene()[:, :30].round().astype(np.uint16))
    assert n2d("noise", smooth).stdout.startswith("noise  no")
    noise = write(tmp_path / "noise.npy", np.random.default_rng(0).normal(9, 1, (256, 256)).astype(np.float32))
    assert "signal" in n2d("noise", noise).stdout


def test_noise_that_planes_share_is_told(tmp_path: Path) -> None:
    first = np.random.default_rng(0).normal(0, 10, (5, SIDE, SIDE))
    stack = scene() + (first[1:] + first[:-1]) / 2**0.5
    source = write(tmp_path / "stack.npy", stack.astype(np.float32))
    assert "next plane along Z 0.5" in n2d("noise", source, "--axes", "ZYX").stdout
    (found,) = records(n2d("noise", source, "--axes", "TYX", "--json"))
    assert found["correlation_between_planes"]["T"] == pytest.approx(0.5, abs=0.06)


def test_the_figure_has_a_row_for_each_channel(tmp_path: Path) -> None:
    source = write(tmp_path / "a.npy", np.stack([counted(20.0), np.full((SIDE, SIDE), 3, np.uint16)]))
    plot = tmp_path / "noise.png"
    result = n2d("noise", source, "--axes", "CYX", "--plot", plot)
    assert result.exit_code == 0, result.output
    with Image.open(plot) as picture:
        assert picture.size == (1320, 748)
        values = np.asarray(picture.convert("L"))
    assert all((half < 128).sum() > 500 for half in np.split(values, 2))
    again = n2d("noise", source, "--axes", "CYX", "--plot", plot)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    assert n2d("noise", source, "--axes", "CYX", "--plot", plot, "--overwrite").exit_code == 0


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"nothing")
    result = n2d("noise", tmp_path / "a.tif")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: {tmp_path / 'a.tif'}" in result.stderr
