"""``n2d figure``: what it shows, what it says, and what it refuses."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture

from noise2detail.image import Image
from noise2detail.io import save_image
from noise2detail.metrics.fidelity import psnr, ssim
from noise2detail.types import Pixels
from tests.cli.running import left, n2d, records, write

SMALL = ("--width", "85", "--dpi", "72")
Y, X = np.mgrid[:40, :56]
CLEAN = (60 + 50 * np.sin(Y / 3.0) * np.cos(X / 4.0) + 2 * (X // 16)).round()
NOISY = np.random.default_rng(0).normal(CLEAN, 8).round().clip(0, 255)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Noisy, denoised and clean."""
    half = (CLEAN + (NOISY - CLEAN) / 4).round()
    found = [write(tmp_path / f"{name}.tif", values.astype(np.uint8)) for name, values in
             (("noisy", NOISY), ("denoised", half), ("clean", CLEAN))]  # fmt: skip
    return found[0], found[1], found[2]


def grey_of(path: Path) -> NDArray[np.uint8]:
    with Picture.open(path) as picture:
        return np.asarray(picture.convert("L"))


def test_the_measures_are_those_of_the_images(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    noisy, denoised, clean = pair
    output = tmp_path / "figure.svg"
    result = n2d("figure", noisy, denoised, "--reference", clean, "-o", output, "--json", *SMALL)
    assert result.exit_code == 0, result.output
    (record,) = records(result)
    assert [one["label"] for one in record["images"]] == ["noisy", "denoised.tif", "reference"]
    half = (CLEAN + (NOISY - CLEAN) / 4).round()
    assert record["images"][1]["psnr"] == pytest.approx(psnr(half, CLEAN, 255.0))
    assert record["images"][1]["ssim"] == pytest.approx(ssim(half, CLEAN, 255.0))
    text = output.read_text(encoding="utf-8")
    assert f">PSNR {record['images'][1]['psnr']:.2f} dB<" in text
    assert f">SSIM {record['images'][0]['ssim']:.3f}<" in text
    same = n2d("figure", clean, clean, "--reference", clean, "-o", tmp_path / "same.svg", "--json", *SMALL)
    assert (same.exit_code, records(same)[0]["images"][1]["psnr"]) == (0, None)
    assert ">PSNR infinite dB<" in (tmp_path / "same.svg").read_text(encoding="utf-8")
    assert (record["low"], record["high"]) == tuple(np.percentile(NOISY, (0.5, 99.5)))
    assert "--pixel-size" in result.stderr


def test_without_a_reference_the_noise_is_spoken_of(tmp_path: Path) -> None:
    smooth = 20 + np.add.outer(np.arange(128), np.arange(128)) / 2.0
    seen = np.random.default_rng(1).normal(smooth, 6)
    noisy = write(tmp_path / "noisy.tif", seen.astype(np.float32))
    perfect = write(tmp_path / "perfect.tif", smooth.astype(np.float32))
    output = tmp_path / "figure.svg"
    result = n2d("figure", noisy, perfect, noisy, "-o", output, "--json", *SMALL)
    assert result.exit_code == 0, result.output
    (record,) = records(result)
    assert record["images"][1]["variance_ratio"] == pytest.approx(1, abs=0.1)
    assert record["images"][2]["variance_ratio"] == 0
    text = output.read_text(encoding="utf-8")
    for said in ("the residual is as the noise is", "noise removed: 0 %", "noise was left in"):
        assert f">{said}<" in text


def test_a_method_is_named_by_the_sidecar(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    noisy, denoised, _ = pair
    beside = denoised.with_name("denoised.tif.n2d.json")
    beside.write_text(json.dumps({"plan": {"method": "bm3d"}}))
    output = tmp_path / "figure.svg"
    assert n2d("figure", noisy, denoised, "-o", output, *SMALL).exit_code == 0
    assert ">bm3d<" in output.read_text(encoding="utf-8")
    beside.write_text("nonsense")
    assert n2d("figure", noisy, denoised, "-o", output, "--overwrite", *SMALL).exit_code == 0
    assert ">denoised.tif<" in output.read_text(encoding="utf-8")
    hostile = "<script>alert(1)</script>,$\\frac{1}{0}$"
    assert n2d("figure", noisy, denoised, "-o", output, "--overwrite", "--labels", hostile, *SMALL).exit_code == 0
    text = output.read_text(encoding="utf-8")
    assert "<script>" not in text
    assert ">$\\frac{1}{0}$<" in text


def test_a_file_keeps_names_but_no_folders(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    noisy, denoised, clean = pair
    for suffix in ("png", "pdf", "svg"):
        output = tmp_path / f"figure.{suffix}"
        options = (
            "--reference",
            clean,
            "-o",
            output,
            "--profile",
            "1,1,30,40",
            "--residual",
            "--inset",
            "none",
            *SMALL,
        )
        assert n2d("figure", noisy, denoised, *options).exit_code == 0
        content = output.read_bytes()
        assert str(tmp_path).encode() not in content
        assert b"noise2detail" in content
    again = n2d("figure", noisy, denoised, *options, "--overwrite", "--quiet")  # the last of them
    assert (again.exit_code, again.output) == (0, "")
    assert output.read_bytes() == content
    with Picture.open(tmp_path / "figure.png") as picture:
        said = picture.info["Comment"]
    assert said.startswith("n2d figure noisy.tif denoised.tif --output figure.png --reference clean.tif")


def stack() -> Pixels:
    """Three planes of two channels, each as bright as its numbers say."""
    planes = np.zeros((3, 2, 16, 24), np.uint8)
    planes += (40 * np.arange(3)[:, None, None, None] + 100 * np.arange(2)[None, :, None, None]).astype(np.uint8)
    return planes


@pytest.mark.parametrize(
    ("options", "shade"),
    [((), 40), (("--plane", "2"), 80), (("--plane", "Z=0", "--channel", "1"), 100), (("--channel", "red"), 140)],
)
def test_the_plane_and_channel_that_were_chosen(options: tuple[str, ...], shade: int, tmp_path: Path) -> None:
    image = Image(stack(), "ZCYX", {"X": 0.5, "Y": 0.5}, channel_names=("green", "red"))
    source = save_image(image, tmp_path / "stack.ome.tif")
    output = tmp_path / "figure.png"
    done = n2d("figure", source, source, "-o", output, "--limits", "0,255", "--inset", "none", *options, *SMALL)
    assert done.exit_code == 0, done.output
    assert "pixel size" not in done.stderr
    assert ("--channel" in done.stderr) == ("--channel" not in options)
    values, counts = np.unique(grey_of(output), return_counts=True)
    # the shade that most dots have, apart from the ground
    assert values[np.argsort(-counts)][:2].tolist() in [[shade, 255], [255, shade]]


def test_colours_stay_colours(tmp_path: Path) -> None:
    colours = np.zeros((24, 24, 3), np.uint8) + np.array([200, 100, 50], np.uint8)
    colours[:12] = (10, 20, 30)
    source = write(tmp_path / "rgb.png", colours, "YXS")
    output = tmp_path / "figure.png"
    assert n2d("figure", source, source, "-o", output, "--inset", "none", *SMALL).exit_code == 0
    with Picture.open(output) as picture:
        found = {one for _, one in picture.convert("RGB").getcolors(1 << 20) or []}
    assert {(200, 100, 50), (10, 20, 30)} <= found


def test_gamma_and_other_scales_are_told(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    noisy, _, clean = pair
    unit = write(tmp_path / "unit.tif", (CLEAN / 255).astype(np.float32))
    result = n2d("figure", noisy, clean, unit, "-o", tmp_path / "f.png", "--gamma", "0.5", *SMALL)
    assert result.exit_code == 0, result.output
    assert "gamma is 0.5" in result.stderr
    (told,) = [line for line in result.stderr.splitlines() if "another scale" in line]
    assert "unit.tif" in told


REFUSED = {
    "no result": (("noisy.tif",), 2, "at least one result"),
    "not there": (("noisy.tif", "nothing.tif"), 1, "no such file"),
    "no image": (("noisy.tif", "text.tif"), 1, "text.tif"),
    "other shape": (("noisy.tif", "wide.tif"), 1, "wide.tif: the image has Y 40, X 60, noisy.tif has Y 40, X 56"),
    "other axes": (("noisy.tif", "rgb.png"), 1, "rgb.png"),
    "inset outside": (("noisy.tif", "denoised.tif", "--inset", "30,30,20,20"), 2, "inset 30,30,20,20"),
    "inset of words": (("noisy.tif", "denoised.tif", "--inset", "a,b"), 2, "Y,X,H,W"),
    "half an inset": (("noisy.tif", "denoised.tif", "--inset", "1.5,1,9,9"), 2, "whole numbers"),
    "limits upside down": (("noisy.tif", "denoised.tif", "--limits", "9,3"), 2, "lower one first"),
    "limits of one": (("noisy.tif", "denoised.tif", "--limits", "9"), 2, "LOW,HIGH"),
    "limits twice": (("noisy.tif", "denoised.tif", "--limits", "1,9", "--percentiles", "1,9"), 2, "one of them"),
    "percentiles": (("noisy.tif", "denoised.tif", "--percentiles", "99,1"), 2, "percentiles"),
    "gamma": (("noisy.tif", "denoised.tif", "--gamma", "0"), 2, "gamma"),
    "profile": (("noisy.tif", "denoised.tif", "--profile", "0,0,40,0"), 2, "profile 0,0,40,0"),
    "plane": (("noisy.tif", "denoised.tif", "--plane", "1"), 2, "single plane"),
    "channel": (("noisy.tif", "denoised.tif", "--channel", "1"), 2, "no channels"),
    "labels": (("noisy.tif", "denoised.tif", "--labels", "a"), 2, "expected 2"),
    "metrics": (("noisy.tif", "denoised.tif", "--metrics", "psnr"), 2, "--reference"),
    "unknown metric": (("noisy.tif", "denoised.tif", "--metrics", "best"), 2, "expected some of psnr"),
    "pixel size": (("noisy.tif", "denoised.tif", "--pixel-size", "0"), 2, "--pixel-size"),
    "width": (("noisy.tif", "denoised.tif", "--width", "3"), 2, "width is 3"),
    "reference": (("noisy.tif", "denoised.tif", "--reference", "large.tif"), 1, "large.tif"),
    "nothing but NaN": (("nan.tif", "nan.tif"), 1, "no pixel"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str, pair: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.tif").write_text("nothing")
    write(tmp_path / "wide.tif", np.zeros((40, 60), np.uint8))
    write(tmp_path / "rgb.png", np.zeros((40, 56, 3), np.uint8), "YXS")
    write(tmp_path / "large.tif", (CLEAN * 200).astype(np.uint16))
    write(tmp_path / "nan.tif", np.full((40, 56), np.nan, np.float32))
    before = left(tmp_path)
    words, code, said = REFUSED[case]
    result = n2d("figure", *words, "-o", "figure.png", *(() if "--width" in words else SMALL))
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert left(tmp_path) == before


def test_outputs_that_cannot_be(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    noisy, denoised, _ = pair
    for name in ("figure.tif", "figure", "figure.jpg"):
        result = n2d("figure", noisy, denoised, "-o", tmp_path / name)
        assert result.exit_code == 1
        assert ".png, .pdf, .svg" in result.stderr
    there = tmp_path / "there.png"
    there.write_bytes(b"mine")
    result = n2d("figure", noisy, denoised, "-o", there, *SMALL)
    assert result.exit_code == 1
    assert "--overwrite" in result.stderr
    assert there.read_bytes() == b"mine"
    source = write(tmp_path / "source.png", CLEAN.astype(np.uint8))
    kept = source.read_bytes()
    result = n2d("figure", source, denoised, "-o", source, "--overwrite", *SMALL)
    assert (result.exit_code, source.read_bytes()) == (1, kept)
    result = n2d("figure", noisy, denoised, "-o", tmp_path / "nowhere" / "figure.png", *SMALL)
    assert result.exit_code == 1
    assert "nowhere" in result.stderr
    assert not list(tmp_path.glob(".*"))


def test_a_stack_may_have_lost_an_axis_of_length_one(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.npy", CLEAN[None].astype(np.uint8))
    flat = write(tmp_path / "flat.tif", CLEAN.astype(np.uint8))
    axes = save_image(Image(np.load(whole), "ZYX"), tmp_path / "whole.ome.tif")
    result = n2d("figure", axes, flat, "-o", tmp_path / "figure.png", *SMALL)
    assert result.exit_code == 0, result.output
    assert re.search("figure.png: 85 x [0-9]+ mm", result.stdout)
    assert io.BytesIO((tmp_path / "figure.png").read_bytes()).read(4) == b"\x89PNG"
