"""Comparisons, benchmarks and data sets from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from noise2detail.bench import run as bench_run
from noise2detail.image import Image
from noise2detail.io import save_image
from tests.bench.here import Here
from tests.cli.running import n2d
from tests.material import noisy_array

CASE = """
title = "Small"
metrics = ["psnr", "ssim"]
[[data]]
name = "m"
layout = "clean"
path = "micrographs"
noise = { gaussian = 30.0 }
[[methods]]
method = "gaussian"
[[methods]]
method = "median"
settings = ["size=3"]
[[methods]]
method = "noise2noise"
"""


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    path = tmp_path / "cells.tif"
    save_image(Image((noisy_array(64, 48) * 1000).clip(0).astype(np.uint16), "YX", {"X": 0.2, "Y": 0.2}), path)
    return path


def test_compare_from_file_to_folder(cells: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    arguments = ("compare", cells, "-o", folder, "--methods", "gaussian,noise2noise", "--crop", "8,4,32,40")
    result = n2d(*arguments, "--device", "cpu", "--json")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["method"] for row in rows] == ["gaussian", "noise2noise"]
    assert "frames" in rows[1]["error"]
    names = {path.name for path in folder.iterdir()}
    assert names == {"table.md", "sheet.png", "report.html", "results.jsonl", "gaussian.tif"}
    again = n2d(*arguments)
    assert again.exit_code == 1
    assert "--resume" in again.stderr
    resumed = n2d(*arguments, "--resume")
    assert resumed.exit_code == 0
    assert "gaussian" not in resumed.stdout


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--crop", "1,2,3"), "Y,X,H,W"),
        (("--crop", "60,0,10,10"), "64x48"),
        (("--methods", "gausian"), "did you mean 'gaussian'"),
        (("--reference", "missing.tif"), "no such file"),
    ],
)
def test_compare_refuses_what_cannot_be(cells: Path, tmp_path: Path, more: tuple[str, str], said: str) -> None:
    result = n2d("compare", cells, "-o", tmp_path / "out", *more)
    assert result.exit_code in {1, 2}
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_bench_run_and_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_run, "Worker", Here)
    (tmp_path / "micrographs").mkdir()
    picture = Picture.fromarray((noisy_array(48, 48) * 255).clip(0, 255).astype(np.uint8))
    picture.save(tmp_path / "micrographs" / "a.png")
    (tmp_path / "case.toml").write_text(CASE)
    results = tmp_path / "r.jsonl"
    ran = n2d("bench", "run", tmp_path / "case.toml", "--data", tmp_path, "-o", results, "--device", "cpu")
    assert ran.exit_code == 0, ran.output
    assert "m a  gaussian  PSNR" in ran.stdout
    assert "noise2noise  failed:" in ran.stdout
    assert "3 results, 1 failed" in ran.stderr
    shown = n2d("bench", "table", results)
    assert "| gaussian |" in shown.stdout
    assert "`" not in shown.stdout.split("| command |")[1].splitlines()[0]
    made = n2d("bench", "table", results, "-o", tmp_path / "page.md")
    assert made.exit_code == 0, made.output
    assert {path.name for path in tmp_path.glob("page*")} == {"page.md", "page-seconds.png", "page-boxes.png"}
    assert "![page-seconds.png](page-seconds.png)" in (tmp_path / "page.md").read_text()
    assert n2d("bench", "table", results, "-o", tmp_path / "page.md").exit_code == 1


def test_bench_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "case.toml").write_text(CASE)
    missing = n2d("bench", "run", tmp_path / "case.toml", "--data", tmp_path, "-o", tmp_path / "r.jsonl")
    assert missing.exit_code == 1
    assert "micrographs" in missing.stderr
    assert not (tmp_path / "r.jsonl").exists()
    (tmp_path / "old.jsonl").write_text('{"kind": "head", "format": 0, "version": "0.1"}\n')
    assert "format 0" in n2d("bench", "table", tmp_path / "old.jsonl").stderr
    assert "no reduced form" in n2d("bench", "run", tmp_path / "case.toml", "--quick").stderr


def test_data_list_and_absent_network(tmp_path: Path) -> None:
    listed = n2d("data", "list")
    assert listed.exit_code == 0
    for word in ("fmd", "msd-task09", "biosr", "CC BY"):
        assert word in listed.stdout
    unknown = n2d("data", "fetch", "fdm")
    assert unknown.exit_code == 2
    assert "did you mean 'fmd'" in unknown.stderr
    # nothing listens on port 9 of this machine
    failed = n2d("data", "fetch", "fmd/test_mix", "-o", tmp_path, "--mirror", "http://127.0.0.1:9")
    assert failed.exit_code == 1
    assert "check the network" in failed.stderr
    assert "CC BY-SA" in failed.stderr
