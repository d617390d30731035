"""Units together are the whole: the same pixels as in one piece, the same bytes whoever makes them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaozarrs
import zarr
from zarr.codecs import BloscCodec, GzipCodec

from noise2detail.errors import UnreadableFileError
from noise2detail.fitted import Fitted, load
from noise2detail.io import open_image
from noise2detail.io.pyramid import reduced
from noise2detail.pipeline.denoise import apply_planes
from noise2detail.pipeline.layout import lay_out
from noise2detail.scale.driving import drive
from noise2detail.scale.loop import loop
from noise2detail.scale.markers import pending
from noise2detail.scale.outcome import Results, Silent, Stop, Task
from noise2detail.scale.plan import ScalePlan
from noise2detail.scale.unit import run_unit
from noise2detail.types import Pixels
from tests.scale.material import RUN, begun_plan, level, series, tree, write_store


def whole(plan: ScalePlan, pixels: Pixels) -> Pixels:
    """All planes by the pipeline, in one piece, with the weights of a plan."""
    fitted: Fitted = load(f"{plan.work}/denoiser.safetensors", run=RUN)
    layout = lay_out(pixels, plan.axes)
    return apply_planes(pixels, replace(plan.fit, tile=4096), layout, fitted.denoisers)


CASES: dict[str, tuple[str, tuple[int, ...], dict[str, Any], dict[str, Any]]] = {
    "chunks": ("zyx", (2, 90, 75), {"chunks": (1, 32, 32)}, {}),
    "odd-chunks": ("yx", (101, 90), {"chunks": (30, 45)}, {}),
    "shards": ("czyx", (2, 2, 64, 96), {"chunks": (1, 1, 16, 16), "shards": (1, 2, 32, 32)}, {}),
    "zarr-2": ("tcyx", (2, 2, 70, 70), {"zarr_format": 2, "compressors": {"id": "blosc", "cname": "lz4"}}, {}),
    "joint": ("cyx", (3, 70, 80), {"chunks": (1, 32, 80)}, {"run": replace(RUN, channels="joint"), "most": 32 * 80}),
    "blosc": ("yx", (80, 80), {"compressors": BloscCodec()}, {}),
    "gzip": ("yx", (80, 80), {"compressors": GzipCodec()}, {}),
}


@pytest.mark.parametrize(("axes", "shape", "storage", "changes"), CASES.values(), ids=CASES)
def test_units_make_what_the_whole_image_would_become(
    axes: str, shape: tuple[int, ...], storage: dict[str, Any], changes: dict[str, Any], tmp_path: Path
) -> None:
    pixels = series(*shape)
    source = write_store(tmp_path / "a.ome.zarr", pixels, axes, **storage)
    plan = begun_plan(source, tmp_path / "b.ome.zarr", **changes)
    assert plan.levels[0].count > 1
    outcome = drive(plan)
    assert outcome.finished
    assert outcome.done == plan.count
    made = level(tmp_path / "b.ome.zarr")
    difference = np.abs(made.astype(int) - whole(plan, pixels).astype(int))
    assert difference.max() <= 1, "to rounding"
    assert (difference > 0).mean() < 1e-3
    assert not np.array_equal(made, pixels)
    small = level(tmp_path / "b.ome.zarr", 1)
    assert np.array_equal(small, reduced(made, small.shape))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_output_is_described_as_the_input(zarr_format: int, tmp_path: Path) -> None:
    source = write_store(tmp_path / "a.ome.zarr", series(2, 40, 40), "cyx", zarr_format=zarr_format)
    drive(begun_plan(source, tmp_path / "b.ome.zarr"))
    before, after = (zarr.open_group(path, mode="r") for path in (source, tmp_path / "b.ome.zarr"))
    said = after.attrs.asdict()
    assert str(said.pop("noise2detail")).startswith("Denoised with noise2detail")
    assert said == before.attrs.asdict()
    for name in ("0", "1"):
        assert after[name].metadata.to_dict() == before[name].metadata.to_dict()
    if zarr_format == 3:
        yaozarrs.validate_zarr_store(str(tmp_path / "b.ome.zarr"))
    assert (tmp_path / "b.ome.zarr.n2d.json").is_file()


def test_nothing_takes_an_unfinished_output_for_an_image(tmp_path: Path) -> None:
    source = write_store(tmp_path / "a.ome.zarr", series(2, 40, 40))
    plan = begun_plan(source, tmp_path / "b.ome.zarr")
    run_unit(plan, 0)
    with pytest.raises(UnreadableFileError, match=r"b\.ome\.zarr: n2d scale has not finished it.*--status"):
        open_image(tmp_path / "b.ome.zarr")
    with pytest.raises(FileNotFoundError):
        zarr.open_group(tmp_path / "b.ome.zarr", mode="r")
    assert not (tmp_path / "b.ome.zarr.n2d.json").exists()


def backwards(task: Task, plan: ScalePlan, units: Sequence[int], results: Results, stop: Stop) -> None:
    loop(task, plan, units[::-1], results, stop)


class StopAfter(Silent):
    """Asks to stop after so many units."""

    def __init__(self, stop: Stop, units: int) -> None:
        self.stop, self.left = stop, units

    def done(self, unit: object) -> None:
        self.left -= 1
        if not self.left:
            self.stop.ask()


def test_whoever_makes_the_units_in_whatever_order_makes_the_same_bytes(tmp_path: Path) -> None:
    source = write_store(tmp_path / "a.ome.zarr", series(2, 90, 90))
    plan = begun_plan(source, tmp_path / "b.ome.zarr")
    assert drive(plan).finished
    once = tree(tmp_path / "b.ome.zarr")
    other = begun_plan(source, tmp_path / "c.ome.zarr")
    assert other.fingerprint == plan.fingerprint
    done, stop = 0, Stop()
    for _ in range(plan.count):
        stop = Stop()
        outcome = drive(other, backwards, StopAfter(stop, 1), stop)
        assert outcome.checked == done
        done += outcome.done
        assert outcome.stopped != outcome.finished
    assert done == plan.count
    assert tree(tmp_path / "c.ome.zarr") == once
    run_unit(plan, 0)
    run_unit(plan, plan.count - 1)
    assert tree(tmp_path / "b.ome.zarr") == once, "again and again"


def test_planes_that_hold_nothing_come_back_as_they_are(tmp_path: Path) -> None:
    pixels = series(4, 70, 70, dtype=np.float32)
    pixels[1], pixels[2], pixels[3, 20:40, 30:50] = 0, np.nan, np.nan
    source = write_store(tmp_path / "a.ome.zarr", pixels)
    plan = begun_plan(source, tmp_path / "b.ome.zarr")
    assert plan.levels[0].count > 4
    assert drive(plan).finished
    made = level(tmp_path / "b.ome.zarr")
    assert np.array_equal(made[1:3], pixels[1:3], equal_nan=True)
    assert np.array_equal(np.isnan(made), np.isnan(pixels))
    assert np.allclose(made, whole(plan, pixels), rtol=0, atol=2e-2, equal_nan=True), "also beside gaps"


def test_a_part_of_a_plane_that_holds_one_value_is_denoised_like_the_whole(tmp_path: Path) -> None:
    pixels = series(96, 96)
    pixels[:64, :64] = 500
    source = write_store(tmp_path / "a.ome.zarr", pixels, "yx")
    plan = begun_plan(source, tmp_path / "b.ome.zarr", most=32 * 32)
    assert drive(plan).finished
    assert np.abs(level(tmp_path / "b.ome.zarr").astype(int) - whole(plan, pixels)).max() <= 1


def test_a_store_without_some_chunks_is_filled(tmp_path: Path) -> None:
    source = write_store(tmp_path / "a.ome.zarr", series(2, 70, 70))
    chunk = source / "0" / "c" / "1" / "0" / "0"
    chunk.unlink()
    plan = begun_plan(source, tmp_path / "b.ome.zarr")
    assert drive(plan).finished
    assert (tmp_path / "b.ome.zarr" / chunk.relative_to(source)).is_file(), (
        "what is lost can be told from what is empty"
    )
    assert not pending(plan)
