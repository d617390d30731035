"""Where results go, and what is refused before any work begins."""

from pathlib import Path

import numpy as np
import pytest

from noise2detail.cli.jobs import plan_jobs
from noise2detail.errors import OutputExistsError, SettingError, UnwritableFileError
from tests.cli.running import LONG, left, n2d, write

FLOAT = np.dtype("float32")


@pytest.mark.parametrize(
    ("names", "output", "pixel_type", "expected"),
    [
        (["a.tif"], None, None, ["a_denoised.tif"]),
        (["a.tif"], "x.ome.tif", None, ["x.ome.tif"]),
        (["a.tif"], "there", None, ["there/a.tif"]),
        (["a.tif"], "new/", None, ["new/a.tif"]),
        (["a.tif"], "new", None, ["new/a.tif"]),
        (["a.tif"], "new/er", None, ["new/er/a.tif"]),
        (["a.tif", "b.png"], None, None, ["a_denoised.tif", "b_denoised.png"]),
        (["a.tif", "b.png"], "new", None, ["new/a.tif", "new/b.png"]),
        (["a.tif", "b.png"], "results.v2", None, ["results.v2/a.tif", "results.v2/b.png"]),
        (["b.png"], None, FLOAT, ["b_denoised.tif"]),
        (["a.tif", "b.png"], "new", FLOAT, ["new/a.tif", "new/b.tif"]),
        (["b.png"], None, np.dtype("uint16"), ["b_denoised.png"]),
        (["b.png"], "x.png", FLOAT, ["x.png"]),
        (["c.lsm"], "new", None, ["new/c.ome.tif"]),
        (["a.tif", "a.tif"], "new", None, ["new/a.tif"]),
    ],
)
def test_outputs(
    names: list[str],
    output: str | None,
    pixel_type: "np.dtype[np.generic] | None",
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    write(Path("a.tif"))
    write(Path("b.png"))
    write(Path("made.tif")).rename("c.lsm")
    jobs = plan_jobs([Path(name) for name in names], output, overwrite=False, pixel_type=pixel_type)
    assert [job.output.as_posix() for job in jobs.jobs] == expected


@pytest.mark.parametrize("output", ["one.tif", "one.jpeg", "a.tif"], ids=str)
def test_several_files_do_not_fit_into_one(output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("a.tif"))
    write(Path("b.tif"))
    with pytest.raises(SettingError, match=f"{output} is named like a file.*expected a folder"):
        plan_jobs([Path("a.tif"), Path("b.tif")], output, overwrite=True)
    assert left(tmp_path) == ["a.tif", "b.tif"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(UnwritableFileError, match="the folder cannot be created"):
        plan_jobs([write(tmp_path / "a.tif")], str(tmp_path / "file.txt" / "new"), overwrite=False)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("x.tif", "x.png"), "two inputs would be written to it: "),
        (("a/x.tif", "a/X.png"), "where capitals do not count: "),
        (("a/x.tif", "A/x.png"), "where capitals do not count: "),
        (("\u00e9.tif", "e\u0301.png"), "where capitals do not count"),
    ],
    ids=["suffixes", "capitals", "folders", "accents"],
)
def test_two_inputs_for_one_output(names: tuple[str, str], said: str, tmp_path: Path) -> None:
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "in" / name)
    for inputs in ([tmp_path / "in"], [tmp_path / "in" / name for name in names]):
        with pytest.raises(OutputExistsError, match=said) as caught:
            plan_jobs(inputs, str(tmp_path / "new" / "deep"), overwrite=False, suffix=".ome.tif")
        assert all(str(tmp_path / "in" / name) in str(caught.value) for name in names)
        assert left(tmp_path) == ["in"]


def test_an_output_that_is_another_input(tmp_path: Path) -> None:
    sources = [write(tmp_path / "a.tif"), write(tmp_path / "a_denoised.tif")]
    with pytest.raises(OutputExistsError, match="the output is another input of this run"):
        plan_jobs(sources, None, overwrite=True)


def test_a_folder_onto_itself(tmp_path: Path) -> None:
    write(tmp_path / "a.tif")
    with pytest.raises(OutputExistsError, match="the output is the input itself"):
        plan_jobs([tmp_path], str(tmp_path), overwrite=True)


def test_all_outputs_that_exist_are_named_at_once(tmp_path: Path) -> None:
    sources = [write(tmp_path / f"{n}.tif") for n in range(7)]
    for n in range(7):
        write(tmp_path / f"{n}_denoised.tif")
    with pytest.raises(OutputExistsError, match=r"for 7 outputs: 0_denoised.tif, .*4_denoised.tif \.\.\.$"):
        plan_jobs(sources, None, overwrite=False)


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    result = n2d("denoise", tmp_path, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[:2] == [
        f"skipped {tmp_path / 'a.txt'}: not named like an image (.tif, .png, .npy, .nii, .nii.gz, .mrc, .dcm)",
        f"error: {tmp_path}: holds no image; expected image files in it, such as TIFF, PNG or DICOM",
    ]
    assert left(tmp_path) == ["a.txt"]


def test_existing_outputs_stop_the_run_before_it_begins(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.tif"), write(tmp_path / "b.tif")
    there = write(tmp_path / "b_denoised.tif")
    before = there.read_bytes()
    result = n2d("denoise", first, second, *LONG)
    assert result.exit_code == 1
    assert f"error: {there}: is there already" in result.stderr
    assert there.read_bytes() == before
    assert left(tmp_path) == ["a.tif", "b.tif", "b_denoised.tif"]
