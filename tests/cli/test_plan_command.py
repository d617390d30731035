"""``n2d plan`` and ``n2d denoise --plan``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noise2detail.io import open_image, sidecar_path
from noise2detail.pipeline import replaying
from noise2detail.version import __version__
from tests.cli.running import QUICK, grey, left, n2d, records, write
from tests.deciding import SEEN, register

STUB = ("--method", "stub", "--device", "cpu")
DECIDED = 0.037
"""Strength that nobody would find by chance."""


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def pixels(path: Path) -> Any:
    return np.asarray(open_image(path).array)


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Alter the plan in a file."""
    held = json.loads(path.read_text())
    change(held["plan"])
    path.write_text(json.dumps(held))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A plan of two steps for ``a.tif``."""
    result = n2d("plan", write(tmp_path / "a.tif", grey(40, 48)), "-o", tmp_path / "p.json", *QUICK, "--seed", "3")
    assert result.exit_code == 0, result.output
    return tmp_path / "p.json"


# --- what is printed and kept --------------------------------------------------------------------------------------


def test_a_plan_is_printed_with_its_reasons(stub: None, tmp_path: Path) -> None:
    result = n2d("plan", write(tmp_path / "a.tif", grey(64, 64)), *STUB, "--precision", "float32", "--seed", "4")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "image    64 x 64 uint8, axes YX: 1 plane, 1 channel"
    assert lines[1] == "method   stub, recipe standard"
    assert "seed 4" in lines[2]
    assert lines[3].startswith("noise    deviation ")
    assert lines[4].startswith("expect   0 s, ")
    assert lines[5].startswith("because  strength 0.")
    assert "because  float32 was asked for" in lines
    assert left(tmp_path) == ["a.tif"]


def test_json_and_file_hold_the_same_plan_as_the_sidecar(made: Path) -> None:
    source = made.with_name("a.tif")
    (record,) = records(n2d("plan", source, "--json", *QUICK, "--seed", "3"))
    kept = json.loads(made.read_text())
    assert record == {"file": str(source)} | kept
    assert (kept["version"], kept["input_name"]) == (__version__, "a.tif")
    assert n2d("denoise", source, *QUICK, "--seed", "3").exit_code == 0
    assert json.loads(sidecar_path(source.with_name("a_denoised.tif")).read_text())["plan"] == kept["plan"]


def test_the_result_type_and_frames_are_planned_too(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.tif"), write(tmp_path / "b.tif", grey(seed=1))
    frames = ("--method", "noise2noise", "--frames", second, "--dtype", "float32", "--device", "cpu", "--json")
    (record,) = records(n2d("plan", first, *frames))
    assert (record["plan"]["frames"], record["plan"]["dtype"], record["plan"]["planes"]) == (True, "float32", 2)


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [("p.json", (), "is there already"), ("a.tif", ("--overwrite",), "the output is the input itself"),
     ("no/p.json", (), "is not there")],
)  # fmt: skip
def test_outputs_that_are_refused(made: Path, name: str, more: tuple[str, ...], said: str) -> None:
    before = made.read_bytes()
    result = n2d("plan", made.with_name("a.tif"), "-o", made.parent / name, *more, *QUICK)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert made.read_bytes() == before


def test_a_refusal_says_what_to_do(stub: None, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    mask = write(folder / "mask.tif", (grey(32, 32) > 100).astype(np.uint8))
    for command in ("plan", "denoise"):
        result = n2d(command, mask, *STUB)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "denoising would do harm: there are two values only" in result.stderr
        assert "--anyway" in result.stderr
    assert "n2d plan looks at the noise" in n2d("info", mask, *STUB).stdout
    write(folder / "cells.tif", grey(32, 32))
    result = n2d("denoise", folder, "-o", tmp_path / "out", *STUB)
    assert result.exit_code == 3
    assert "1 done, 1 failed" in result.stderr
    assert left(tmp_path / "out") == ["cells.tif", "cells.tif.n2d.json"]


def test_anyway_is_kept_and_replayed(stub: None, tmp_path: Path) -> None:
    mask = write(tmp_path / "mask.tif", (grey(32, 32) > 100).astype(np.uint8))
    assert n2d("plan", mask, "--anyway", "-o", tmp_path / "p.json", *STUB).exit_code == 0
    result = n2d("denoise", mask, "--plan", tmp_path / "p.json")
    assert result.exit_code == 0, result.output


def test_the_target_is_a_setting(stub: None, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", grey(32, 32))
    (record,) = records(n2d("plan", source, *STUB, "--target", "captured", "--json"))
    assert record["plan"]["settings"]["target"] == "captured"
    for command in ("plan", "denoise"):
        result = n2d(command, source, "--target", "captured", "--method", "gaussian")
        assert result.exit_code == 2
        assert "Gaussian has no setting 'target', which auto, stub has" in result.stderr
        assert n2d(command, source, "--target", "seen", *STUB).exit_code == 2
    refused = n2d("plan", source, *STUB, "--stabilize")
    assert refused.exit_code == 2
    assert "--target latent" in refused.stderr


# --- replaying -----------------------------------------------------------------------------------------------------

REPLAYED = {
    "default": QUICK,
    "settings": (*QUICK, "--set", "strides=2", "--seed", "7", "--recipe", "paper"),
    "wrapped": ("--method", "bm3d", "--stabilize", "--unclip", "--device", "cpu"),
    "modes": (*QUICK, "--fit", "shared", "--channels", "each", "--max-memory", "300MB"),
    "how": (*QUICK, "--precision", "float32", "--threads", "1"),
    "deciding": STUB,
    "recipe": (*STUB, "--recipe", "strong"),
}


@pytest.mark.parametrize("arguments", REPLAYED.values(), ids=REPLAYED.keys())
def test_a_replay_gives_the_same_bits_and_the_same_plan(stub: None, arguments: tuple[str, ...], tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", grey(2, 40, 48), "ZYX")
    first = n2d("denoise", source, "-o", tmp_path / "b.tif", *arguments)
    assert first.exit_code == 0, first.output
    assert n2d("plan", source, "-o", tmp_path / "p.json", *arguments).exit_code == 0
    (tmp_path / "line.json").write_text(n2d("plan", source, "--json", *arguments).stdout)
    sidecar = sidecar_path(tmp_path / "b.tif")
    for number, held in enumerate((sidecar, tmp_path / "p.json", tmp_path / "line.json")):
        again = tmp_path / f"again{number}.tif"
        result = n2d("denoise", source, "-o", again, "--plan", held)
        assert result.exit_code == 0, result.output
        np.testing.assert_array_equal(pixels(again), pixels(tmp_path / "b.tif"))
        one, other = (json.loads(path.read_text())["plan"] for path in (sidecar, sidecar_path(again)))
        assert f"as the plan in {held.name} says" in other["why"]
        for key in ("why", "expected_seconds"):
            one.pop(key), other.pop(key)
        assert other == one


def test_what_was_decided_is_not_decided_again(stub: None, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", grey(32, 32))
    assert n2d("plan", source, "-o", tmp_path / "p.json", *STUB).exit_code == 0
    changed(tmp_path / "p.json", lambda plan: plan["settings"].update(strength=DECIDED))
    SEEN.clear()
    assert n2d("denoise", source, "--plan", tmp_path / "p.json").exit_code == 0
    assert SEEN == []
    done = json.loads(sidecar_path(tmp_path / "a_denoised.tif").read_text())["plan"]
    assert done["settings"]["strength"] == DECIDED


def test_another_image_gets_maps_and_noise_of_its_own(stub: None, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", grey(32, 32))
    assert n2d("plan", source, "-o", tmp_path / "p.json", *STUB).exit_code == 0
    other = write(tmp_path / "b.ome.tif", grey(2, 2, 24, 20).astype(np.uint16) * 50, "TCYX")
    result = n2d("denoise", other, "--plan", tmp_path / "p.json", "-o", tmp_path / "c.ome.tif")
    assert result.exit_code == 0, result.output
    one = json.loads((tmp_path / "p.json").read_text())["plan"]
    two = json.loads(sidecar_path(tmp_path / "c.ome.tif").read_text())["plan"]
    assert (two["axes"], two["channels"], len(two["value_maps"]), len(two["noise"])) == ("TCYX", 2, 2, 2)
    assert two["settings"] == one["settings"]
    assert two["value_maps"][0]["scale"] > 10 * one["value_maps"][0]["scale"]


def test_threads_are_no_more_than_there_are(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "cores", lambda: 1)
    changed(made, lambda plan: plan.update(threads=64))
    before = torch.get_num_threads()
    assert n2d("denoise", made.with_name("a.tif"), "--plan", made).exit_code == 0
    assert json.loads(sidecar_path(made.with_name("a_denoised.tif")).read_text())["plan"]["threads"] == 1
    assert torch.get_num_threads() == before


def test_how_it_runs_may_be_said_again(made: Path) -> None:
    more = (
        "--threads",
        "1",
        "--max-memory",
        "400MB",
        "--precision",
        "float32",
        "--device",
        "cpu",
        "--dtype",
        "float32",
    )
    assert n2d("denoise", made.with_name("a.tif"), "--plan", made, *more).exit_code == 0
    done = json.loads(sidecar_path(made.with_name("a_denoised.tif")).read_text())["plan"]
    assert (done["threads"], done["max_memory"], done["dtype"], done["seed"]) == (1, 400_000_000, "float32", 3)


@pytest.mark.parametrize(
    "option",
    [("--method", "noise2detail"), ("--recipe", "fast"), ("--set", "width=4"), ("--seed", "0"), ("--fit", "plane"),
     ("--channels", "joint"), ("--stabilize",), ("--unclip",), ("--target", "latent")],
    ids=lambda option: option[0],
)  # fmt: skip
def test_options_that_a_plan_has_decided_are_refused(made: Path, option: tuple[str, ...]) -> None:
    result = n2d("denoise", made.with_name("a.tif"), "--plan", made, *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"has decided what {option[0]} would say" in result.stderr
    assert left(made.parent) == ["a.tif", "p.json"]


def test_a_plan_of_another_version_is_told(made: Path) -> None:
    held = json.loads(made.read_text())
    made.write_text(json.dumps(held | {"version": "0.0.1"}))
    result = n2d("denoise", made.with_name("a.tif"), "--plan", made)
    assert result.exit_code == 0, result.output
    assert f"made by noise2detail 0.0.1, this is {__version__}" in result.stderr


# --- files that are no plans ---------------------------------------------------------------------------------------

BROKEN: dict[str, tuple[str, str]] = {
    "empty": ("", "is no plan: no JSON"),
    "text": ("hello", "is no plan: no JSON"),
    "list": ("[1, 2]", "holds no plan"),
    "null": ('{"plan": null}', "holds no plan"),
    "other JSON": ('{"name": "x"}', "holds no plan"),
    "empty plan": ('{"plan": {}}', "this one needs"),
    "deep": ("[" * 200_000, "is no plan"),
    "large": ('{"plan": {"why": ["' + "x" * 2**20 + '"]}}', "is larger than any plan"),
    "long number": ('{"plan": ' + "9" * 5000 + "}", "is no plan"),
    "bytes": ("\udcff\udcfe\udc80", "is no plan"),
}


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_plan(content: str, said: str, tmp_path: Path) -> None:
    held = tmp_path / "p.json"
    held.write_bytes(content.encode("utf-8", "surrogateescape"))
    one_line(n2d("denoise", write(tmp_path / "a.tif"), "--plan", held), held, said)


def one_line(result: Any, held: Path, said: str) -> None:
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {held}: ")
    assert said in line
    assert "unexpected" not in line


def test_a_plan_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif")
    one_line(n2d("denoise", source, "--plan", tmp_path / "no.json"), tmp_path / "no.json", "there is no such file")
    one_line(n2d("denoise", source, "--plan", tmp_path), tmp_path, "cannot be read")
    one_line(n2d("denoise", source, "--plan", source), source, "is no plan")


def nested(levels: int) -> list[Any]:
    """A list in a list in a list."""
    inner: list[Any] = []
    for _ in range(levels):
        inner = [inner]
    return inner


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"colour": "red"}, "does not know colour"),
    "unknown method": ({"method": "noise2detial"}, "did you mean 'noise2detail'"),
    "another method": ({"method": "gaussian"}, "the settings are those of Noise2Detail; expected those of gaussian"),
    "unknown recipe": ({"recipe": "papre"}, "did you mean 'paper'"),
    "no settings": ({"settings": {}}, "settings of another version"),
    "no record": ({"settings": {"type": "os.system"}}, "settings of another version"),
    "a record of lists": ({"settings": {"type": ["x"]}}, "settings of another version"),
    "deep settings": ({"settings": {"type": "Noise2Detail", "width": nested(900)}}, "is no plan"),
    "another record": ({"settings": {"type": "Crops"}}, "the settings are those of Crops"),
    "settings in words": ({"settings": "all"}, "settings of Plan is 'all'"),
    "inner text": ({"settings": {"type": "Stabilized", "inner": "x"}}, "the settings are those of str"),
    "seed": ({"seed": -1}, "seed is -1"),
    "seed in words": ({"seed": "one"}, "seed of Plan is 'one'; expected a whole number"),
    "truth as a number": ({"seed": True}, "seed of Plan is True"),
    "threads": ({"threads": 0}, "threads is 0"),
    "precision": ({"precision": "half"}, "precision of Plan is 'half'"),
    "fit": ({"fit": ["each"]}, "fit of Plan is ['each']"),
    "at once": ({"at_once": 0}, "at_once is 0"),
    "value maps": ({"value_maps": 3}, "value_maps of the plan is 3"),
    "a value map": ({"value_maps": [{"offset": 0}]}, "needs scale"),
    "noise": ({"noise": [[1, 2]]}, "NoiseFound in a plan is [1, 2]"),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES.keys())
def test_plans_that_do_not_fit(made: Path, change: dict[str, Any], said: str) -> None:
    changed(made, lambda plan: plan.update(change))
    one_line(n2d("denoise", made.with_name("a.tif"), "--plan", made), made, said)
    assert left(made.parent) == ["a.tif", "p.json"]


@pytest.mark.parametrize(
    ("change", "said"),
    [({"width": [1, 2]}, "width"), ({"width": "wide"}, "width"), ({"strides": [2, "x"]}, "strides"), ({"w": 1}, "w")],
)
def test_settings_that_do_not_fit(made: Path, change: dict[str, Any], said: str) -> None:
    changed(made, lambda plan: plan["settings"].update(change))
    one_line(n2d("denoise", made.with_name("a.tif"), "--plan", made), made, said)


def test_a_device_that_is_not_here_is_said(made: Path) -> None:
    changed(made, lambda plan: plan.update(device="cuda:99"))
    result = n2d("denoise", made.with_name("a.tif"), "--plan", made)
    assert result.exit_code == 2
    assert "there is no device 'cuda:99' here" in result.stderr
    assert n2d("denoise", made.with_name("a.tif"), "--plan", made, "--device", "cpu").exit_code == 0
