"""Limits of memory, and memory that runs out, as the command tells of them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from noise2detail.errors import NotEnoughMemoryError
from noise2detail.io import open_image
from noise2detail.method import Denoiser, Step
from noise2detail.methods.noise2detail import Noise2DetailDenoiser
from noise2detail.types import Batch
from tests.cli.running import QUICK, grey, left, n2d, write


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A denoiser."""
    result = n2d("fit", write(tmp_path / "control.tif"), "-o", tmp_path / "x.safetensors", *QUICK)
    assert result.exit_code == 0, result.output
    return tmp_path / "x.safetensors"


@pytest.mark.parametrize("limit", [None, "70MB"])
def test_smaller_tiles_for_less_memory(limit: str | None, model: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", grey(150, 70))
    more = ("--max-memory", limit) if limit else ()
    for command in (("denoise", source, *QUICK), ("apply", model, source, "--device", "cpu")):
        target = tmp_path / f"{command[0]}.tif"
        result = n2d(*command, "-o", target, *more)
        assert result.exit_code == 0, result.output
        said = json.loads(target.with_name(f"{target.name}.n2d.json").read_text())["plan"]
        assert (said["max_memory"], said["tile"]) == ((70_000_000, 64) if limit else (None, 256))


def test_too_little_memory_to_apply_is_wrong_usage(model: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif")
    result = n2d("apply", model, source, "--device", "cpu", "--max-memory", "2MB")
    assert result.exit_code == 2
    assert "error: max_memory is 2000000 bytes; expected at least" in result.stderr
    assert "a_denoised.tif" not in left(tmp_path)


def test_memory_that_runs_out_on_the_way_is_one_warning(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Noise2DetailDenoiser.__call__

    def short_of_memory(self: Denoiser, noisy: Batch) -> Batch:
        if max(noisy.shape[-2:]) > 100:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return plain(self, noisy)  # type: ignore[arg-type]

    source = write(tmp_path / "a.tif", grey(300, 280))
    expected = n2d("apply", model, source, "--device", "cpu", "-o", tmp_path / "b.tif", "--dtype", "float32")
    assert (expected.exit_code, expected.stderr) == (0, "")
    monkeypatch.setattr(Noise2DetailDenoiser, "__call__", short_of_memory)
    result = n2d("apply", model, source, "--device", "cpu", "-o", tmp_path / "c.tif", "--dtype", "float32")
    assert result.exit_code == 0, result.output
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("warning: memory ran out with tiles of 256x256 pixels (CUDA out of memory. Tried to")
    found, whole = (np.asarray(open_image(tmp_path / name).array) for name in ("c.tif", "b.tif"))
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-2)


def test_no_memory_even_for_the_smallest_tile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise NotEnoughMemoryError("CUDA out of memory", 64)

    monkeypatch.setattr("noise2detail.cli.denoising.execute", fail)
    result = n2d("denoise", write(tmp_path / "a.tif"), *QUICK)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(
        f"error: {tmp_path / 'a.tif'}: not enough memory (CUDA out of memory): even for tiles of 64x64"
    )
    assert left(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("command", ["denoise", "apply"])
def test_progress_until_all_is_done(command: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Step] = []

    @contextmanager
    def bar(name: str, *, shown: bool) -> Iterator[Callable[[Step], None]]:
        assert (name, shown) == ("a.tif", True)
        yield heard.append

    for module in ("denoising", "experiment"):
        monkeypatch.setattr(f"noise2detail.cli.{module}.progress_bar", bar)
    source = write(tmp_path / "a.tif", grey(300, 20))
    words = ("denoise", source, *QUICK) if command == "denoise" else ("apply", model, source, "--device", "cpu")
    result = n2d(*words)
    assert result.exit_code == 0, result.output
    assert [(step.stage, step.index, step.count) for step in heard[-2:]] == [("applying", 1, 2), ("applying", 2, 2)]
    assert heard[-1].fraction == 1.0
    assert (len(heard) > 2) == (command == "denoise")
