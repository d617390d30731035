"""Files that become files of another format, without being denoised."""

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from noise2detail.types import Pixels
from tests.cli.running import QUICK, grey, left, n2d, records, write
from tests.material import noisy_array

SCALED = Image(grey(3, 16, 18), "ZYX", {"X": 0.25, "Y": 0.25, "Z": 1.5})


def pixels(path: Path) -> Pixels:
    return np.asarray(open_image(path).array)


def test_another_format_holds_the_same(tmp_path: Path) -> None:
    source = save_image(SCALED, tmp_path / "a.tif")
    result = n2d("convert", source, tmp_path / "b.ome.tif")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{source} -> {tmp_path / 'b.ome.tif'}")
    with tifffile.TiffFile(tmp_path / "b.ome.tif") as tif:
        np.testing.assert_array_equal(tif.asarray(), SCALED.array, strict=True)
        assert tif.is_ome
        assert 'PhysicalSizeZ="1.5"' in str(tif.ome_metadata)
    assert left(tmp_path) == ["a.tif", "b.ome.tif"], "no sidecar, because nothing was done to the pixels"


@pytest.mark.parametrize("asked", [".png", "png", "PNG"])
def test_a_folder_into_a_folder(asked: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.tif", "b.npy", "c.png"):
        write(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("foreign")
    result = n2d("convert", tmp_path / "in", tmp_path / "new" / "out", "--to", asked, "--json")
    assert result.exit_code == 0, result.output
    assert [Path(r["output"]).name for r in records(result)] == ["a.png", "b.png", "c.png"]
    assert "notes.txt: not named like an image" in result.stderr
    assert "3 done, 0 failed, 1 skipped" in result.stderr
    assert left(tmp_path / "new" / "out") == ["a.png", "b.png", "c.png"]
    for source, output in zip("abc", left(tmp_path / "new" / "out"), strict=True):
        (original,) = (tmp_path / "in").glob(f"{source}.*")
        np.testing.assert_array_equal(pixels(tmp_path / "new" / "out" / output), pixels(original), strict=True)


def test_files_keep_their_format_unless_another_is_wished(tmp_path: Path) -> None:
    sources = [write(tmp_path / name) for name in ("a.tif", "b.png")]
    shutil.copy(sources[0], tmp_path / "c.lsm")
    result = n2d("convert", *sources, tmp_path / "c.lsm", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert left(tmp_path / "out") == ["a.tif", "b.png", "c.ome.tif"]


def test_results_of_this_program_are_converted_too(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.tif")
    (tmp_path / "in" / "a.tif.n2d.json").write_text("{}")
    result = n2d("convert", tmp_path / "in", tmp_path / "out", "--to", ".npy")
    assert result.exit_code == 0, result.output
    assert left(tmp_path / "out") == ["a.npy"]


@pytest.mark.parametrize(
    ("values", "dtype", "expected", "clipped"),
    [
        ([-3.0, 0.5, 1.5, 2.5, 254.6, 300.0], "uint8", [0, 0, 2, 2, 255, 255], 2 / 6),
        ([-3.0, 0.5, 1.5, 2.5, 254.6, 300.0], "int16", [-3, 0, 2, 2, 255, 300], 0.0),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 1e6], "uint16", [1, 2, 3, 4, 5, 65535], 1 / 6),
    ],
)
def test_types_are_rounded_half_to_even_and_clipped_never_rescaled(
    values: list[float], dtype: str, expected: list[int], clipped: float, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.npy", np.array([values], np.float32).repeat(2, axis=0))
    result = n2d("convert", source, tmp_path / "b.tif", "--dtype", dtype, "--json")
    assert result.exit_code == 0, result.output
    (record,) = records(result)
    assert (record["dtype"], record["clipped"]) == (dtype, clipped)
    assert ("were clipped" in result.stderr) == bool(clipped)
    np.testing.assert_array_equal(pixels(tmp_path / "b.tif"), np.array([expected] * 2, dtype), strict=True)


def test_the_record_tells_what_was_read(tmp_path: Path) -> None:
    source = write(tmp_path / "a.npy", noisy_array(2, 9, 8))
    (record,) = records(n2d("convert", source, tmp_path / "b.tif", "--axes", "zyx", "--json", "--quiet"))
    assert record.pop("seconds_total") >= 0
    assert record.pop("peak_mib") > 0
    assert record == {
        "input": str(source),
        "output": str(tmp_path / "b.tif"),
        "format": "npy",
        "axes": "ZYX",
        "shape": [2, 9, 8],
        "dtype": "float32",
        "clipped": 0.0,
    }


def test_what_is_lost_is_told(tmp_path: Path) -> None:
    source = save_image(SCALED, tmp_path / "a.tif")
    result = n2d("convert", source, tmp_path / "b.npy")
    assert result.exit_code == 0, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"warning: {tmp_path / 'b.npy'}: not carried over: tags")
    assert line.endswith("pixel size; that its axes are ZYX")
    assert n2d("convert", source, tmp_path / "c.npy", "--quiet").stderr == ""
    assert n2d("convert", tmp_path / "b.npy", tmp_path / "d.npy", "--axes", "ZYX").stderr == ""


def test_a_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "a.tif"), tmp_path / "b.tif"
    bad.write_text("text")
    stack = write(tmp_path / "c.tif", grey(2, 9, 9), "ZYX")
    result = n2d("convert", good, bad, stack, tmp_path / "out", "--to", "png", "--json")
    assert result.exit_code == 3
    assert [r["output"] is None for r in records(result)] == [False, True, True]
    assert "a PNG cannot hold axes ZYX" in records(result)[2]["error"]
    assert left(tmp_path / "out") == ["a.png"]


def test_existing_outputs_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    sources = [write(tmp_path / name) for name in ("a.tif", "b.tif")]
    there = write(tmp_path / "b.png", grey(9, 9))
    before = there.read_bytes()
    result = n2d("convert", *sources, tmp_path, "--to", "png")
    assert result.exit_code == 1
    assert f"error: {there}: is there already" in result.stderr
    assert there.read_bytes() == before
    assert left(tmp_path) == ["a.tif", "b.png", "b.tif"]
    assert n2d("convert", *sources, tmp_path, "--to", "png", "--overwrite").exit_code == 0
    assert left(tmp_path) == ["a.png", "a.tif", "b.png", "b.tif"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("a.tif", "a.tif", "--overwrite"), 1, "the output is the input itself"),
        (("gone.tif", "b.tif"), 1, "there is no such file"),
        (("a.tif", "b.gif"), 1, "cannot be written; choose one of"),
        (("a.tif", "out", "--to", "gif"), 2, "'gif' is no format that can be written; expected one of .ome.tiff"),
        (("a.tif", "b.tif", "--to", "png"), 2, "b.tif names a file and so its format"),
        (("a.tif", "nan.npy", "b.tif"), 2, "b.tif is named like a file"),
        (("a.tif", "b.tif", "--dtype", "int99"), 2, "there is no pixel type 'int99'"),
        (("a.tif", "b.tif", "--axes", "ZYX"), 1, "axes"),
        (("nan.npy", "b.tif", "--dtype", "uint8"), 1, "1 pixels are NaN or infinite, which uint8 cannot hold"),
        (("complex.npy", "b.npy", "--dtype", "float32"), 1, "its pixels are complex"),
        (("a.tif",), 2, "OUT"),
        (("a.tif", "b.tif", "--max-memory", "much"), 2, "'much' is not an amount of memory"),
        (("a.tif", "b.png", "--max-memory", "100"), 1, "have to be in memory at once, and the limit leaves 33 bytes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_end_in_one_line(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("a.tif"))
    write(Path("nan.npy"), np.array([[1, 2], [np.nan, 3]], np.float32))
    write(Path("complex.npy"), np.ones((4, 4), np.complex64))
    before = left(tmp_path)
    result = n2d("convert", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert "unexpected" not in result.stderr
    assert left(tmp_path) == before


@pytest.mark.parametrize(("dtype", "clipped"), [("float32", 0.0), ("uint8", 0.5)])
def test_pixels_that_stay_in_their_file_become_another_type(dtype: str, clipped: float, tmp_path: Path) -> None:
    stack = np.zeros((40, 16, 16), np.uint16)
    stack[20:] = 300
    source = save_image(Image(stack, "ZYX"), tmp_path / "a.ome.tif")
    limit = ("--max-memory", str(stack.nbytes))
    result = n2d("convert", source, tmp_path / "b.ome.tif", "--dtype", dtype, "--json", *limit)
    assert result.exit_code == 0, result.output
    (record,) = records(result)
    assert record["clipped"] == clipped
    assert ("50.00% of the pixels do not fit into uint8" in result.stderr) == (clipped > 0)
    np.testing.assert_array_equal(pixels(tmp_path / "b.ome.tif"), np.minimum(stack, 255 if clipped else 300))


def test_a_jpeg_becomes_a_png_with_one_warning(tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    PIL.Image.fromarray(grey(24, 26)).save(source, dpi=(300, 300))
    for command, arguments in (("convert", (tmp_path / "out",)), ("denoise", ("-o", tmp_path / "out2", *QUICK))):
        result = n2d(command, source, *arguments)
        assert result.exit_code == 0, result.output
        (warning,) = [line for line in result.stderr.splitlines() if line.startswith("warning")]
        assert "neighbours share their noise" in warning
    with PIL.Image.open(source) as before, PIL.Image.open(tmp_path / "out" / "photo.png") as after:
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before), strict=True)
    with PIL.Image.open(tmp_path / "out2" / "photo.png") as after:
        assert after.info["Description"].startswith("Denoised with noise2detail")
        assert after.info["dpi"] == pytest.approx((300, 300), rel=1e-3)
