"""What memory the work on an image takes: forecast, limit, and what a process really took."""

import ctypes
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noise2detail as n2d
from noise2detail.errors import SettingError
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.memory import LARGEST, Need, choose_tile, find_limit, need_of, training_planes
from noise2detail.plans import ValueMap
from noise2detail.tiling.geometry import TILE
from tests.cli.running import environment
from tests.material import CPU, noisy_array, quick

NEED = Need((1000, 2000), plane=8_000_000, held=1_000_000, output=4_000_000)


def need(dtype: str, shape: tuple[int, ...] = (100, 200), axes: str = "YX", **more: Any) -> Need:
    layout = Layout(axes, shape)
    maps = (ValueMap(0, more.pop("scale", 1e5)),) * layout.channels
    wanted = np.dtype(more.pop("result", dtype))
    return need_of(layout, np.dtype(dtype), maps, wanted, more.pop("held", 0.0))


@pytest.mark.parametrize(
    ("found", "plane", "held", "output"),
    [
        (need("u2"), 80_000, 0, 40_000),
        (need("u2", scale=1.0), 100_000, 0, 40_000),
        (need("f4", held=2.0), 100_000, 160_000, 80_000),
        (need("u1", result="f4"), 80_000, 0, 80_000),
        (need("u2", (3, 2, 100, 200), "TCYX"), 160_000, 0, 240_000),
    ],
    ids=["uint16", "outliers", "float32", "other-type", "series"],
)
def test_what_is_counted(found: Need, plane: int, held: int, output: int) -> None:
    assert (found.size, found.plane, found.held, found.output) == ((100, 200), plane, held, output)


def test_the_peak_is_that_of_the_larger_work() -> None:
    tiles = NEED.peak(64) - 12_000_000
    assert NEED.peak(64, planes=1) == tiles + 12_000_000
    assert NEED.peak(64, planes=2) == tiles + 18_000_000
    assert NEED.peak(256) > NEED.peak(64)
    assert replace(NEED, size=(30, 2000)).peak(256) < NEED.peak(256)


@pytest.mark.parametrize("limit", range(81_000_000, 300_000_000, 7_000_000))
def test_the_largest_tile_that_fits_is_taken(limit: int) -> None:
    tile = choose_tile(limit, NEED)
    assert NEED.peak(tile) <= limit
    assert 64 <= tile <= TILE
    assert tile == TILE or NEED.peak(tile + 32) > limit


def test_without_a_limit_and_with_plenty_the_tile_is_the_fastest() -> None:
    assert choose_tile(None, NEED) == choose_tile(10**12, NEED) == TILE


def test_too_little_memory_says_how_much_would_do() -> None:
    with pytest.raises(SettingError) as caught:
        choose_tile(1000, NEED)
    said = str(caught.value).split()
    least, rounded = int(said[said.index("least") + 1]), said[-1]
    assert choose_tile(least, NEED) == 64
    enough = find_limit(rounded)
    assert enough is not None
    assert least <= enough < least + 10**6
    with pytest.raises(SettingError):
        choose_tile(least - 1, NEED)


def test_a_shared_training_sees_as_many_planes_as_fit() -> None:
    layout = Layout("ZYX", (50, 1000, 2000))
    assert training_planes(NEED, TILE, None, layout) == 50
    limit = NEED.peak(TILE) + 10_000_000
    planes = training_planes(NEED, TILE, limit, layout)
    assert 1 < planes < 50
    assert NEED.peak(TILE, planes) <= limit < NEED.peak(TILE, planes + 1)
    large = Layout("ZYX", (9, 2**14, 2**13))
    assert training_planes(replace(NEED, size=large.size), TILE, None, large) == LARGEST // (4 * 2**27) == 2


def test_the_plan_holds_limit_tile_and_planes() -> None:
    stack = noisy_array(30, 150, 160).astype(np.float32)
    made = n2d.plan(stack, axes="ZYX", method=quick(), run=replace(CPU, fit="shared", max_memory="71800kB"))
    assert made.max_memory == 71_800_000
    assert made.tile == 64
    assert 1 < made.training_planes < 30
    assert made.expected_mib is not None
    assert made.expected_mib * 2**20 <= made.max_memory
    free = n2d.plan(stack, axes="ZYX", method=quick(), run=replace(CPU, fit="shared"))
    assert (free.max_memory, free.tile, free.training_planes) == (None, TILE, 30)


# --- measured --------------------------------------------------------------------------------------------------------

MEASURE = """
import ctypes, json, sys
from dataclasses import replace
import numpy as np
import noise2detail as n2d
from noise2detail.methods.noise2detail import Noise2Detail

def status(key):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(key))

def measure(side, width, dtype, limit):
    fast = Noise2Detail.recipe("fast")
    short = replace(fast, width=width, stage1=replace(fast.stage1, steps=4), stage3=replace(fast.stage3, steps=4))
    run = n2d.Run(device="cpu", precision="float32", max_memory=limit)
    image = np.random.default_rng(0).integers(100, 4000, (side, side), np.uint16).astype(dtype)
    if image.dtype.kind == "f":
        image[10:20, 10:20] = np.nan
    # loads and compiles all that is needed, what fills gaps as well: SciPy alone takes ten megabytes
    n2d.denoise(image[:32, :32].copy(), method=short, run=replace(run, max_memory=None))
    ctypes.CDLL(None).malloc_trim(0)
    open("/proc/self/clear_refs", "w").write("5")  # the peak so far is forgotten
    before = status("VmRSS")
    plan = n2d.plan(image, method=short, run=run)
    n2d.denoise(image, method=short, run=run)
    return {"taken": status("VmHWM") - before, "tile": plan.tile, "forecast": plan.expected_mib * 2**20}

print(json.dumps([measure(*arguments) for arguments in json.loads(sys.argv[1])]))
"""

LIMIT = 75_000_000
LARGE = 2304
CASES = {
    "real network": (448, 48, "uint16", None),
    "real network, limit": (448, 48, "uint16", LIMIT),
    "large image": (LARGE, 2, "uint16", None),
    "large image with gaps": (LARGE, 2, "float32", None),
}


@pytest.fixture(scope="module")
def taken() -> dict[str, Any]:
    """What a process of its own took for each of the cases."""
    try:
        ctypes.CDLL(None).malloc_trim  # noqa: B018 - is it there?
        Path("/proc/self/clear_refs").write_text("5")
    except (AttributeError, OSError, TypeError):
        pytest.skip("needs Linux and its C library, which tell the peak memory of a process and forget it on demand")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(list(CASES.values()))],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    return dict(zip(CASES, json.loads(done.stdout), strict=True))


def test_a_process_takes_no_more_than_was_forecast_nor_allowed(taken: dict[str, Any]) -> None:
    """With the network in its real width, whose tiles take most of the memory of an image like this."""
    free, limited = taken["real network"], taken["real network, limit"]
    assert (free["tile"], limited["tile"]) == (TILE, 64)
    assert free["taken"] <= free["forecast"]
    assert limited["taken"] <= limited["forecast"] <= LIMIT
    assert limited["taken"] < 0.8 * free["taken"]


@pytest.mark.parametrize(("case", "mask"), [("large image", 0), ("large image with gaps", 1)])
def test_a_large_image_takes_a_plane_and_a_result(case: str, mask: int, taken: dict[str, Any]) -> None:
    """With a thin network: no copy of the image can hide behind its tiles."""
    counted = LARGE**2 * (4 + mask + np.dtype(CASES[case][2]).itemsize)
    assert taken[case]["taken"] <= counted + 30 * 2**20
