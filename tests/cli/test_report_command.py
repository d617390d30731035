"""n2d report, and --report of n2d denoise: what is written, told, refused and withheld."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from noise2detail.bench import compare
from noise2detail.image import Image
from noise2detail.io import save_image
from tests.bench.here import Here
from tests.cli.running import left, n2d, records
from tests.dicom_material import SECRET
from tests.dicom_material import write as write_dicom

RNG = np.random.default_rng(3)
CLEAN = 400 + 300 * gaussian_filter(RNG.normal(size=(96, 128)), 6) / 0.05
NOISY = (CLEAN + RNG.normal(0, 20, CLEAN.shape)).astype(np.float32)
QUICK = ("--method", "gaussian", "--device", "cpu")


def put(path: Path, array: NDArray[np.generic], axes: str = "YX") -> Path:
    return save_image(Image(array, axes), path)


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    return put(tmp_path / "cells.tif", NOISY)


def test_denoise_writes_a_page_beside_the_output_and_tells_the_verdict(noisy: Path) -> None:
    result = n2d("denoise", noisy, *QUICK, "--report", "--json")
    (record,) = records(result)
    page = noisy.with_name("cells_denoised_report.html")
    assert (result.exit_code, record["report"]) == (0, str(page))
    text = page.read_text(encoding="utf-8")
    assert record["verdict"] in {"trust", "look closer", "do not trust"}
    assert "gaussian, recipe" in text
    assert "Noise removed" in text or "noise was left in" in text.lower()


def test_the_page_may_be_named(noisy: Path) -> None:
    page = noisy.with_name("page.html")
    assert n2d("denoise", "--report", page, noisy, *QUICK).exit_code == 0
    assert page.exists()


@pytest.mark.parametrize("place", ["there.html", "absent/page.html"])
def test_a_page_that_cannot_be_written_leaves_the_result_and_exits_with_3(noisy: Path, place: str) -> None:
    kept = noisy.with_name("there.html")
    kept.write_text("mine", encoding="utf-8")
    result = n2d("denoise", noisy, *QUICK, "--report", noisy.with_name("x").parent / place)
    assert result.exit_code == 3
    assert noisy.with_name("cells_denoised.tif").exists()
    assert kept.read_text(encoding="utf-8") == "mine"
    assert place.split("/")[-1] in result.stderr
    assert "is kept" in result.stderr


def test_one_page_for_several_images_is_refused_before_any_work(noisy: Path, tmp_path: Path) -> None:
    second = put(tmp_path / "more.tif", NOISY)
    result = n2d("denoise", noisy, second, *QUICK, "--report", tmp_path / "page.html")
    assert result.exit_code == 2
    assert left(tmp_path) == ["cells.tif", "more.tif"]


def test_a_name_that_is_none_of_a_page_is_refused(noisy: Path) -> None:
    assert n2d("denoise", noisy, *QUICK, "--report=page.pdf").exit_code == 2
    assert n2d("report", noisy, noisy, "-o", "page.pdf").exit_code == 2


def test_a_result_of_this_program_is_recognised_by_what_lies_beside_it(noisy: Path) -> None:
    n2d("denoise", noisy, *QUICK)
    denoised = noisy.with_name("cells_denoised.tif")
    result = n2d("report", noisy, denoised, "--json")
    (record,) = records(result)
    text = Path(record["report"]).read_text(encoding="utf-8")
    assert "n2d denoise cells.tif -o cells_denoised.tif --plan cells_denoised.tif.n2d.json" in text


def test_what_lies_beside_it_is_not_believed_for_another_input(noisy: Path) -> None:
    n2d("denoise", noisy, *QUICK)
    other = put(noisy.with_name("other.tif"), NOISY + 1)
    result = n2d("report", other, noisy.with_name("cells_denoised.tif"))
    assert result.exit_code == 0
    assert "another file" in result.stderr


def test_a_damaged_record_is_a_warning(noisy: Path) -> None:
    denoised = put(noisy.with_name("done.tif"), CLEAN.astype(np.float32))
    denoised.with_name("done.tif.n2d.json").write_text("{", encoding="utf-8")
    result = n2d("report", noisy, denoised)
    assert result.exit_code == 0
    assert "warning" in result.stderr


def test_a_perfect_result_of_another_program_is_trusted(noisy: Path) -> None:
    denoised = put(noisy.with_name("elsewhere.tif"), CLEAN.astype(np.float32))
    result = n2d("report", noisy, denoised, "--json")
    (record,) = records(result)
    assert (result.exit_code, record["verdict"]) == (0, "trust"), record


def test_the_noisy_image_itself_is_not(noisy: Path) -> None:
    (record,) = records(n2d("report", noisy, put(noisy.with_name("same.tif"), NOISY), "--json"))
    assert record["verdict"] == "do not trust"


def test_denoising_again_estimates_the_error(noisy: Path) -> None:
    result = n2d("denoise", noisy, *QUICK, "--report", "--again", "--json")
    (record,) = records(result)
    (said,) = record["estimated"]
    assert "PSNR" in said
    assert "Estimated error" in Path(record["report"]).read_text(encoding="utf-8")


def test_denoising_again_goes_around_gaps_and_constant_channels(tmp_path: Path) -> None:
    holes = np.stack([NOISY, np.full_like(NOISY, 7)])
    holes[0, :20, :30] = np.nan
    source = put(tmp_path / "two.tif", holes, "CYX")
    result = n2d("denoise", source, *QUICK, "--report", "--again", "--json")
    (record,) = records(result)
    assert result.exit_code == 0, result.stderr
    first, second = record["estimated"]
    assert "estimated PSNR" in first
    assert "no error was estimated" in second


def test_denoising_again_needs_to_know_how(noisy: Path) -> None:
    result = n2d("report", noisy, put(noisy.with_name("done.tif"), CLEAN.astype(np.float32)), "--again")
    assert result.exit_code == 0
    assert "--again needs" in result.stderr


@pytest.mark.parametrize(
    ("array", "said"),
    [(CLEAN[:, 1:], "same pixels"), (CLEAN / 4096, "same scale")],
    ids=["another shape", "another scale"],
)
def test_images_that_do_not_fit_are_refused_in_one_line(
    noisy: Path, array: NDArray[np.float64], said: str, tmp_path: Path
) -> None:
    denoised = put(tmp_path / "done.tif", array.astype(np.float32))
    result = n2d("report", noisy, denoised)
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert left(tmp_path) == ["cells.tif", "done.tif"]


def test_gaps_and_an_image_without_noise_are_told_and_judged(tmp_path: Path) -> None:
    holes = NOISY.copy()
    holes[:30, :40] = np.nan
    filled = np.where(np.isnan(holes), np.nan, CLEAN).astype(np.float32)
    assert n2d("report", put(tmp_path / "holes.tif", holes), put(tmp_path / "a.tif", filled)).exit_code == 0
    smooth = CLEAN.astype(np.float32)
    result = n2d("report", put(tmp_path / "smooth.tif", smooth), put(tmp_path / "b.tif", smooth + 1))
    assert result.exit_code == 0


def test_a_stack_names_its_planes(tmp_path: Path) -> None:
    stack = np.stack([NOISY, NOISY + 1, NOISY])
    done = np.stack([CLEAN, CLEAN + 1, gaussian_filter(CLEAN, 8)]).astype(np.float32)
    result = n2d("report", put(tmp_path / "s.tif", stack, "ZYX"), put(tmp_path / "d.tif", done, "ZYX"), "--json")
    (record,) = records(result)
    assert any("z 3" in reason for reason in record["reasons"]), record


def test_names_from_a_file_are_text(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>&'.tif"
    noisy = put(tmp_path / name, NOISY)
    done = put(tmp_path / "done.tif", CLEAN.astype(np.float32))
    page = tmp_path / "page.html"
    assert n2d("report", noisy, done, "-o", page).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


@pytest.mark.parametrize("asked", [False, True])
def test_who_was_imaged_is_shown_only_where_that_is_asked_for(tmp_path: Path, asked: bool) -> None:
    source = write_dicom(tmp_path / "Doe_Jane.dcm", NOISY.astype(np.int16))
    result = n2d("denoise", source, *QUICK, "-o", tmp_path / "Doe_Jane_done.dcm")
    assert result.exit_code == 0, result.stderr
    more = ["--identify"] if asked else []
    result = n2d("report", source, tmp_path / "Doe_Jane_done.dcm", "-o", tmp_path / "p.html", *more)
    assert result.exit_code == 0, result.stderr
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    for told in (SECRET, "Doe_Jane"):
        assert (told in text) == asked


def test_the_record_is_one_line_of_json(noisy: Path) -> None:
    result = n2d("report", noisy, put(noisy.with_name("d.tif"), CLEAN.astype(np.float32)), "--json")
    assert {"noisy", "denoised", "report", "verdict", "reasons"} <= json.loads(result.stdout).keys()


def test_compare_puts_every_method_on_one_page(noisy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "Worker", Here)
    result = n2d("compare", noisy, "--methods", "gaussian,median", "-o", tmp_path / "many", "--crop", "0,0,64,64")
    assert result.exit_code == 0, result.stderr
    text = (tmp_path / "many" / "report.html").read_text(encoding="utf-8")
    assert all(f">{name}</" in text for name in ("gaussian", "median"))
    assert "cells.tif" in text
