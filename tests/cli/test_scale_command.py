"""``n2d scale``: what it says and returns."""

import json
import signal
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import zarr

from noise2detail.cli import scaling
from noise2detail.cli.scale_progress import Telling
from noise2detail.cli.stopping import stopping
from noise2detail.cli.voice import Voice
from noise2detail.method import Step
from noise2detail.scale import geometry
from noise2detail.scale.outcome import Stop
from tests.cli.running import QUICK_SETTINGS, n2d, records
from tests.scale.material import MOST, level, series, tree, write_store

QUICK = (*QUICK_SETTINGS, "--device", "cpu", "--precision", "float32", "--workers", "0", "--threads", "1")


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units of small stores as small as they can be."""
    monkeypatch.setattr(geometry, "SMALLEST_UNIT", MOST)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_store(tmp_path / "a.ome.zarr", series(2, 90, 70))


def test_a_store_is_denoised_and_found_complete(source: Path, tmp_path: Path) -> None:
    done = n2d("scale", source, *QUICK)
    assert done.exit_code == 0, done.stderr
    target = tmp_path / "a_denoised.ome.zarr"
    assert f"{target}: " in done.stdout
    assert level(target).shape == (2, 90, 70)
    before = tree(target)
    (again,) = records(n2d("scale", source, *QUICK, "--json"))
    assert (again["finished"], again["done"], again["checked"]) == (True, 0, again["units"])
    assert tree(target) == before
    said = n2d("scale", source, "--status").stdout
    assert "finished" in said
    refused = n2d("scale", source, *QUICK, "--seed", "3")
    assert refused.exit_code == 1
    assert "begun with seed 0, and 3 is asked for" in refused.stderr


def test_a_plan_of_units_is_made_and_run(source: Path, tmp_path: Path) -> None:
    plan, target = tmp_path / "plan.json", tmp_path / "b.ome.zarr"
    made = n2d("plan", source, "--units", plan, "-o", target, *QUICK_SETTINGS, "--device", "cpu", "--threads", "1")
    assert made.exit_code == 0, made.stderr
    assert "units    " in made.stdout
    assert (tmp_path / "plan.safetensors").is_file()
    assert json.loads(plan.read_text())["wish"]["channels"] == "each"
    assert not target.exists()
    done = n2d("scale", source, "--plan", plan, "--workers", "0")
    assert done.exit_code == 0, done.stderr
    assert level(target).shape == (2, 90, 70)
    other = n2d("scale", source, "--plan", plan, "--workers", "0", "-o", tmp_path / "c.ome.zarr")
    assert other.exit_code == 0, other.stderr
    assert tree(tmp_path / "c.ome.zarr") == tree(target)
    refused = n2d("scale", source, "--plan", plan, "--unit-pixels", "4096", "--seed", "1")
    assert refused.exit_code == 2
    assert "has decided what --unit-pixels, --seed would say" in refused.stderr
    refused = n2d("plan", source, "--units", tmp_path / "other.json", "--max-memory", "1GB")
    assert refused.exit_code == 2
    assert "--max-memory cannot be planned in units" in refused.stderr


def test_a_damaged_chunk_is_named_and_the_exit_code_is_3(source: Path, tmp_path: Path) -> None:
    chunk = source / "0" / "c" / "1" / "2" / "1"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:40])
    failed = n2d("scale", source, *QUICK)
    assert failed.exit_code == 3
    assert "0/c/1/2/1: its pixels cannot be decoded" in failed.stderr
    assert "(z 1-2, y " in failed.stderr
    assert "unfinished" in failed.stdout
    assert "the same command goes on" in failed.stdout
    assert "unfinished" in n2d("scale", source, "--status").stdout
    chunk.write_bytes(whole)
    mended = n2d("scale", source, *QUICK)
    assert mended.exit_code == 0, mended.stderr
    assert "were there already" in mended.stdout


def without_multiscales(path: Path) -> Path:
    zarr.open_group(path, mode="w").create_array("0", shape=(9, 9), dtype="uint8")
    return path


def unaligned(path: Path) -> Path:
    write_store(path, series(64, 64), "yx", chunks=(16, 16), shards=(32, 32))
    file = path / "0" / "zarr.json"
    document = json.loads(file.read_text())
    document["codecs"][0]["configuration"]["chunk_shape"] = [15, 16]
    file.write_text(json.dumps(document))
    return path


def empty(path: Path) -> Path:
    return write_store(path, np.zeros((2, 64, 64), np.uint16))


def complex_pixels(path: Path) -> Path:
    write_store(path, series(64, 64), "yx")
    file = path / "0" / "zarr.json"
    file.write_text(file.read_text().replace('"uint16"', '"complex64"'))
    return path


BAD: dict[str, tuple[Any, tuple[str, ...], str]] = {
    "absent": (lambda path: path, (), "there is no such folder"),
    "no-multiscales": (without_multiscales, (), "is a Zarr group without OME metadata of an image"),
    "unaligned-shards": (unaligned, (), "has shards of (32, 32) that chunks of (15, 16) do not fill"),
    "empty": (empty, (), "are constant or hold no finite number"),
    "complex": (complex_pixels, (), "complex numbers"),
    "tiny": (lambda path: write_store(path, series(5, 64), "yx", levels=1), (), "5x64 pixels; expected at least 8x8"),
    "auto": (lambda path: write_store(path, series(64, 64), "yx"), ("-m", "auto"), "auto filters whole planes"),
    "whole-planes": (lambda path: write_store(path, series(64, 64), "yx"), ("-m", "bm3d"), "bm3d needs whole planes"),
    "axes": (lambda path: write_store(path, series(64, 64), "yx"), ("--axes", "XY"), "rows and columns last"),
    "option": (lambda path: path, ("--storage-option", "anon"), "expected NAME=VALUE"),
    "plan": (lambda path: path, ("--plan", "no.json"), "there is no such file"),
}


@pytest.mark.parametrize(("make", "arguments", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_done_is_said_in_one_line(
    make: Any, arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    source = make(tmp_path / "a.ome.zarr")
    settings = () if arguments[:1] in {("-m",), ("--plan",)} else QUICK_SETTINGS
    failed = n2d("scale", source, "-o", tmp_path / "b.ome.zarr", *settings, "--workers", "0", *arguments)
    assert failed.exit_code in {1, 2}
    assert said in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("b.")], "nothing is left"


def test_the_first_signal_finishes_the_unit_and_the_same_command_goes_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "b.ome.zarr"
    with monkeypatch.context() as patched:
        patched.setattr(Telling, "done", lambda self, unit: signal.raise_signal(signal.SIGTERM))
        stopped = n2d("scale", source, "-o", target, *QUICK)
    assert stopped.exit_code == 75
    assert "the units in flight are finished first" in stopped.stderr
    assert "unfinished" in stopped.stdout
    (done,) = records(n2d("scale", source, "-o", target, *QUICK, "--json"))
    assert (done["finished"], done["checked"]) == (True, 1)


def test_a_signal_during_the_training_ends_it_and_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []

    def step(step: Step) -> None:
        heard.append(step.fraction)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(scaling, "unit_progress", lambda name, voice: nullcontext((None, step)))
    stopped = n2d("scale", source, "-o", tmp_path / "b.ome.zarr", *QUICK)
    assert stopped.exit_code == 75
    assert len(heard) == 1, "the next step ends the training"
    assert "no unit was begun" in stopped.stderr
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("b.")], "nothing is left"


def test_the_second_signal_stops_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    stop, before = Stop(), signal.getsignal(signal.SIGINT)

    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        assert stop.asked
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(typer.Exit) as caught, stopping(stop, Voice()):
        twice()
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before
    said = capsys.readouterr().err
    assert "once more stops at once" in said
    assert "units that are done stay" in said


def test_noise_that_grows_with_depth_is_warned_of(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:128, :128]
    scene = np.stack([600 + 300 * np.sin(y / 19 + z) * np.cos(x / 23) for z in range(24)])
    noise = generator.normal(0, 1, scene.shape) * np.linspace(10, 60, 24)[:, None, None]
    source = write_store(
        tmp_path / "a.ome.zarr", (scene + noise).clip(0).astype(np.uint16), levels=1, chunks=(1, 128, 128)
    )
    said = n2d("plan", source, "--units", tmp_path / "plan.json", *QUICK_SETTINGS, "--device", "cpu")
    assert "the noise of planes 18 to 23 is not that of the first ones" in said.stdout
