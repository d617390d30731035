"""What the documents say works as they say it, with next to no training."""

import importlib.util
import re
import shlex
import shutil
import textwrap
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from noise2detail import machine_cache
from noise2detail.bench import compare
from noise2detail.bench.candidate import Candidate
from noise2detail.cli.main import app
from noise2detail.engine.crops import Crops
from noise2detail.engine.schedule import OneCycle
from noise2detail.engine.smoother import PairSmoother
from noise2detail.engine.training import Training
from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from noise2detail.methods.auto import Auto
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.methods.noise2noise import Noise2Noise
from noise2detail.scale import running
from noise2detail.scale.loop import loop
from tests.bench.here import Here
from tests.cli.conftest import abacus

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
IMAGES = {
    "cells.tif": ((16, 16), "YX"),
    "control.tif": ((16, 16), "YX"),
    "treated.tif": ((18, 16), "YX"),
    "stack.tif": ((3, 16, 16), "ZYX"),
    "stack.npy": ((3, 16, 16), "ZYX"),
    "channels.ome.tif": ((2, 16, 16), "CYX"),
    "recordings/one.tif": ((16, 16), "YX"),
    "folder/one.tif": ((16, 16), "YX"),
    "microscope/one.tif": ((16, 16), "YX"),
    "control_folder/one.tif": ((16, 16), "YX"),
    "examples/brain_section.tif": ((16, 16), "YX"),
    "brain_section.tif": ((16, 16), "YX"),
    "cells.ome.tif": ((16, 16), "YX"),
    "part.tif": ((16, 16), "YX"),
    "first.tif": ((16, 16), "YX"),
    "second.tif": ((16, 16), "YX"),
    "big.ome.zarr": ((2, 32, 32), "ZYX"),
}


NOT_RUN = {
    "make ": "builds an environment: tests/test_demo.py runs the demo, tests/test_site.py builds the site",
    "python3 -m venv ": "needs the package index",
    ". .venv/bin/activate": "changes the shell it is typed into",
    "pip install ": "needs the package index",
    "dask ": "needs several machines: tests/scale/test_dask.py has its like",
    "export ": "changes the shell it is typed into",
    "n2d bench ": "runs for hours: tests/cli/test_compare_bench_data.py has its like",
    "n2d data ": "needs the network: tests/cli/test_compare_bench_data.py has its like",
    "n2d denoise scan/*.dcm": "a shell expands the pattern: tests/cli/test_dicom_files.py has its like",
}
"""Beginnings of commands that no test runs as they stand, and why."""
PASSED_OVER = {
    "s3://": "needs a server: tests/scale/test_s3.py has its like",
    "--dask": "needs a scheduler: tests/scale/test_dask.py and tests/cli/test_scale_clusters.py have its like",
}
"""Parts of commands, likewise."""


def fences() -> list[tuple[str, str, str]]:
    """Place, language and text of every fenced block, those within lists too."""
    fence = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
    return [
        (page.name, found.group(2), textwrap.dedent(found.group(3)))
        for page in PAGES
        for found in fence.finditer(page.read_text(encoding="utf-8"))
    ]


def blocks(language: str) -> list[tuple[str, str]]:
    """Place and text of every fenced block in a language."""
    return [(name, text) for name, own, text in fences() if own == language]


def commands() -> list[tuple[str, str]]:
    """Every command that the documents show, in blocks and in their text, each once, and the first place of it."""
    shown = [
        (name, line.removeprefix("$ "))
        for name, text in [*blocks("console"), *blocks("bash")]
        for line in text.splitlines()
        if line.startswith("$ ") or "$ " not in text
    ]
    for page in PAGES:
        # a command that is merely named has no file
        named = re.findall(r"`(n2d [^`\n]*)`", page.read_text(encoding="utf-8"))
        shown += [(page.name, line) for line in named if "." in line or page.parent == ROOT]
    shown = [(name, line.removeprefix(".venv/bin/").split("  #")[0].strip()) for name, line in shown]
    return [(name, line) for line, name in {line: name for name, line in reversed(shown)}.items()]


def why_not(line: str) -> str:
    """Why a command is not run; empty if it is."""
    reasons = [why for start, why in NOT_RUN.items() if f"{line} ".startswith(start)]
    return next(iter([*reasons, *(why for part, why in PASSED_OVER.items() if part in line)]), "")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the images that the documents name, and recipes of two steps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine_cache, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(machine_cache, "measure", abacus)
    monkeypatch.setattr(compare, "Worker", Here)
    monkeypatch.setattr(running, "pool", lambda plan, workers: nullcontext(loop))
    monkeypatch.setattr(compare, "every_method", lambda: (Candidate("noise2detail"), Candidate("gaussian")))
    brief = Training(2, OneCycle(), Crops(2, 16))
    monkeypatch.setattr(
        Noise2Detail, "recipe", classmethod(lambda cls, name: cls(stage1=brief, stage3=brief, width=4, clip=False))
    )
    short = Auto(effort="quick", network=PairSmoother(training=brief, width=4))
    monkeypatch.setattr(Auto, "recipe", classmethod(lambda cls, name: short))
    monkeypatch.setattr(Noise2Noise, "recipe", classmethod(lambda cls, name: cls(steps=2, width=4)))
    noise = np.random.default_rng(0)
    (tmp_path / "demo").mkdir()
    (tmp_path / "Fiji.app" / "plugins").mkdir(parents=True)
    for name, (shape, axes) in IMAGES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        save_image(Image(noise.integers(0, 4000, shape).astype(np.uint16), axes), path)
    for name in ("raw.png", "average.png", "average.tif", "denoised.png"):
        save_image(open_image(tmp_path / "cells.tif"), tmp_path / name)
    with tifffile.TiffWriter(tmp_path / "positions.ome.tif") as writer:
        for pixels in noise.integers(0, 4000, (3, 24, 24)).astype(np.uint16):
            writer.write(pixels, metadata={"axes": "YX"})
    return tmp_path


@pytest.mark.parametrize(("name", "text"), blocks("python"), ids=lambda value: value[:40].replace("\n", " "))
def test_python_blocks_run(name: str, text: str, desk: Path) -> None:
    exec(compile(text, name, "exec"), {})


@pytest.mark.parametrize(("name", "line"), [one for one in commands() if not why_not(one[1])], ids=lambda value: value)
def test_commands_run(name: str, line: str, desk: Path) -> None:
    if line.startswith("cp "):
        shutil.copy(*line.split()[1:])
        return
    assert line.startswith("n2d "), f"{name}: tell in NOT_RUN why this is not run, or run it"
    # the images here are smaller than people's, and so is the patience
    words = ["2,1,12,12" if re.fullmatch(r"\d+(,\d+){3}", word) else word for word in shlex.split(line)[1:]]
    words = ["stage1.steps=2" if word.startswith("stage1.steps=") else word for word in words]
    words = ["--slurm-write" if word == "--slurm" else word for word in words]  # there is no Slurm here
    if words[0] == "scale-task":
        made = CliRunner().invoke(app, ["scale", "big.ome.zarr", "-o", words[1], "--slurm-write"])
        assert made.exit_code == 0, made.output
    if words[0] == "apply":
        made = CliRunner().invoke(app, ["fit", "control.tif", "-o", words[1]])
        assert made.exit_code == 0, made.output
    if "--plan" in words:
        file = words[words.index("--plan") + 1]
        made = CliRunner().invoke(app, ["plan", words[1], "--units" if words[0] == "scale" else "-o", file])
        assert made.exit_code == 0, made.output
    if "--status" in words:
        made = CliRunner().invoke(app, [word for word in words if word != "--status"])
        assert made.exit_code == 0, made.output
    if words[0] in {"figure", "report"}:  # of results that are there already
        source = open_image(words[1])
        for result in words[2 : next(number for number, word in enumerate([*words, "-"]) if word.startswith("-"))]:
            save_image(source, result, overwrite=True)
    if words[0] == "watch":  # which would go on
        words = [*words, "--once", "--settle", "0"]
        if "--denoiser" in words:
            made = CliRunner().invoke(app, ["fit", "control.tif", "-o", words[words.index("--denoiser") + 1]])
            assert made.exit_code == 0, made.output
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output


def test_every_kind_of_block_was_found() -> None:
    """The tests above would pass on nothing."""
    assert len(blocks("python")) >= 8
    # what is neither code nor a command is what a program has said
    assert {language for _, language, _ in fences()} == {"python", "console", "bash", "text"}
    lines = [line for _, line in commands()]
    assert {line.split()[1] for line in lines if line.startswith("n2d ")} == {
        "denoise", "fit", "apply", "info", "doctor", "compare", "convert", "bench", "data", "methods", "noise", "plan",
        "figure", "report", "scale", "scale-task", "watch", "fiji", "--version",
    }  # fmt: skip
    assert sum(not why_not(line) for line in lines) > 100


def test_reasons_for_not_running_are_all_needed() -> None:
    lines = [line for _, line in commands()]
    assert [start for start in NOT_RUN if not any(f"{line} ".startswith(start) for line in lines)] == []
    assert [part for part in PASSED_OVER if not any(part in line for line in lines)] == []


def test_command_line_page_is_what_the_commands_say() -> None:
    source = ROOT / "docs" / "reference" / "command_line.py"
    spec = importlib.util.spec_from_file_location("command_line", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), f"run python {source.relative_to(ROOT)}"


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"
