"""Running cases, on miniature trees of the layouts of the real data sets."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from noise2detail.bench.candidate import Candidate
from noise2detail.bench.case import Case, read_case
from noise2detail.bench.datasets import find_pairs
from noise2detail.bench.results import read_results
from noise2detail.bench.run import RAW, Order, Place, run_case
from noise2detail.errors import Cancelled, InputError
from tests.material import CPU

CASES = Path(__file__).parents[2] / "benchmarks" / "cases"
QUICK = Candidate("zs_n2n", settings=("training.steps=2", "width=4"), label="quick")
FAILING = Candidate("noise2noise", label="failing")


def clean(seed: int, side: int = 32) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    waves = 0.4 + 0.3 * np.sin(9 * x + rng.uniform(0, 6)) * np.cos(7 * y) + 0.2 * x
    result: NDArray[np.float32] = np.clip(waves, 0, 1).astype(np.float32)
    return result


def grow_fmd(root: Path) -> None:
    for folder in ("raw", "gt"):
        (root / "fmd" / "test_mix" / folder).mkdir(parents=True)
    for number, name in enumerate(("Confocal_BPAE_B_1", "Confocal_BPAE_B_2", "WideField_BPAE_R_1")):
        image = clean(number) * 200
        noisy = np.random.default_rng(number).poisson(image)
        for folder, pixels in (("raw", noisy), ("gt", image)):
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(
                root / "fmd/test_mix" / folder / f"{name}.png"
            )


def grow_task09(root: Path) -> None:
    import nibabel

    folder = root / "msd-task09" / "Task09_Spleen" / "imagesTr"
    folder.mkdir(parents=True)
    for name, planes in (("spleen_2", 5), ("spleen_3", 33)):
        volume = np.stack([clean(n) * 1000 - 500 for n in range(planes)], -1).astype(np.int16)
        image = nibabel.Nifti1Image(volume, np.eye(4))  # type: ignore[no-untyped-call]
        nibabel.save(image, folder / f"{name}.nii.gz")


def grow_micrographs(root: Path) -> None:
    (root / "micrographs").mkdir()
    for number in range(2):
        tifffile.imwrite(root / "micrographs" / f"m{number}.tif", (clean(number) * 60000).astype(np.uint16))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for grow in (grow_fmd, grow_task09, grow_micrographs):
        grow(root)
    return root


@pytest.mark.parametrize(
    ("name", "images"), [("paper_table1", 33), ("paper_table2", 99), ("paper_table3", 3), ("report_table1", 6)]
)
def test_full_cases_find_and_score_their_data(tree: Path, tmp_path: Path, name: str, images: int) -> None:
    case = read_case(CASES / f"{name}.toml")
    found = [entry for spec in case.data for entry in find_pairs(spec, tree)]
    assert len(found) == images
    few = replace(case, data=tuple({**spec, "count": 1} for spec in case.data[:1]), methods=(QUICK,))
    results = run_case(few, Order(tree, tmp_path / "r.jsonl", run=CPU))
    rows = [row for row in results.rows if not row["unclipped"]]
    assert {row["method"] for row in rows} == {RAW, "quick"}
    assert all(set(case.metrics) - {"frc"} <= set(row) for row in rows)


def small_case(**more: Any) -> Case:
    spec = {"name": "m", "layout": "clean", "path": "micrographs", "noise": {"gaussian": 40.0}}
    return Case("small", "Small", (spec,), (QUICK,), **more)


def test_a_method_that_fails_is_a_row_and_the_others_go_on(tree: Path, tmp_path: Path) -> None:
    case = replace(small_case(), methods=(FAILING, QUICK))
    heard: list[dict[str, Any]] = []
    results = run_case(case, Order(tree, tmp_path / "r.jsonl", command="n2d x", run=CPU, on_row=heard.append))
    errors = [row for row in results.rows if row.get("error")]
    assert [row["method"] for row in errors] == ["failing", "failing"]
    assert "frames" in errors[0]["error"]
    assert [row["method"] for row in heard] == ["failing"] * 2 + ["quick"] * 2
    again = read_results(tmp_path / "r.jsonl")
    assert again.rows == results.rows
    assert again.head["command"] == "n2d x"
    assert all(row["psnr"] > 5 and row["seconds"] > 0 and row["peak_mib"] > 50 for row in heard[2:])


def test_an_interrupted_run_goes_on_where_it_stopped(tree: Path, tmp_path: Path) -> None:
    places: list[Place] = []

    def stop(place: Place) -> None:
        places.append(place)
        if place.number == 2:
            raise Cancelled

    order = Order(tree, tmp_path / "r.jsonl", run=CPU)
    with pytest.raises(Cancelled):
        run_case(small_case(), order, stop)
    assert (places[0].count, places[0].candidate, places[0].image) == (2, "quick", "m m0")
    heard: list[dict[str, Any]] = []
    results = run_case(small_case(), replace(order, resume=True, on_row=heard.append))
    assert [row["image"] for row in heard] == ["m1"]
    assert len(results.rows) == 4


def test_clipped_noise_is_shown_with_and_without(tmp_path: Path) -> None:
    (tmp_path / "micrographs").mkdir()
    dark = np.repeat([[0.0] * 96 + [0.5] * 96], 192, 0) * 255
    Image.fromarray(dark.astype(np.uint8)).save(tmp_path / "micrographs" / "dark.png")
    blurred = Candidate("gaussian")
    results = run_case(
        replace(small_case(unclip=True), methods=(blurred,)), Order(tmp_path, tmp_path / "r.jsonl", run=CPU)
    )
    plain, undone = (row for row in results.rows if row["method"] == "gaussian")
    assert (plain["unclipped"], undone["unclipped"]) == (False, True)
    assert undone["psnr"] > plain["psnr"] + 1


def test_a_reference_of_another_range_is_refused(tmp_path: Path) -> None:
    for folder, factor in (("noisy", 200), ("reference", 1)):
        (tmp_path / "p" / folder).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "p" / folder / "a.tif", (clean(0) * factor).astype(np.float32))
    case = replace(small_case(), data=({"name": "p", "layout": "pairs", "path": "p"},))
    with pytest.raises(InputError, match="same range"):
        run_case(case, Order(tmp_path, tmp_path / "r.jsonl", run=CPU))


def test_noise_added_is_that_of_the_seed(tree: Path) -> None:
    spec = small_case().data[0]
    first, again = ([entry.load().noisy for entry in find_pairs(spec, tree)] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])
