"""A writer that is killed, runs out of room or has a rival leaves an output that is whole, or none."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.mutation.killing import REFUSED, SAVED, SHAPES, Writers, pixels, read

from noise2detail.io import find_images

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

LONGEST = 0.5
"""Seconds after which a writer is killed at the latest; a quarter of that is enough to write."""


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    with Writers() as started:
        yield started


def kill_often(folder: Path, writers: Writers, name: str, times: int, *, overwrite: bool) -> int:
    """How many writers did not come to their end, after the output was checked for each of them."""
    rng = np.random.default_rng(len(name))
    path, stopped, old = folder / name, 0, 0
    if overwrite:
        assert writers.wait(writers.start(path, 0)) == SAVED
    for seed in range(1, times + 1):
        stopped += writers.killed(path, seed, float(rng.uniform(0, LONGEST)), overwrite=overwrite)
        if overwrite:
            found = read(path)
            assert any(np.array_equal(found, pixels(name, one)) for one in (old, seed)), (name, seed)
            old = seed if np.array_equal(found, pixels(name, seed)) else old
        elif path.exists():
            np.testing.assert_array_equal(read(path), pixels(name, seed))
            path.unlink()
        left = {entry.name for entry in folder.iterdir()} - {name}
        assert all(entry.startswith(".") and entry.endswith(".part") for entry in left), left
    return stopped


@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "overwrite"])
@pytest.mark.parametrize("name", SHAPES)
def test_killed_at_any_time(tmp_path: Path, writers: Writers, name: str, overwrite: bool) -> None:
    kill_often(tmp_path, writers, name, 2, overwrite=overwrite)


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "overwrite"])
@pytest.mark.parametrize("name", SHAPES)
def test_killed_a_hundred_times(tmp_path: Path, writers: Writers, name: str, overwrite: bool) -> None:
    if "N2D_SLOW" not in os.environ:
        pytest.skip("takes minutes; set N2D_SLOW=1")
    assert kill_often(tmp_path, writers, name, 100, overwrite=overwrite) > 10


@pytest.mark.parametrize("name", SHAPES)
def test_what_a_killed_writer_left_disturbs_nobody(tmp_path: Path, writers: Writers, name: str) -> None:
    (tmp_path / f".{name}.0123abcd.part").write_bytes(b"II*\0half of an image")
    assert writers.wait(writers.start(tmp_path / name, 1)) == SAVED
    np.testing.assert_array_equal(read(tmp_path / name), pixels(name, 1))
    found = find_images([tmp_path])
    assert [path.name for path in found.images] == [name]
    assert [reason for _, reason in found.skipped] == ["hidden"]


@pytest.mark.parametrize("name", SHAPES)
def test_no_room_for_the_whole_file(tmp_path: Path, writers: Writers, name: str) -> None:
    path = tmp_path / name
    assert writers.wait(writers.start(path, 1, limit=2**20)) == REFUSED
    assert not list(tmp_path.iterdir())
    assert writers.wait(writers.start(path, 1)) == SAVED
    assert writers.wait(writers.start(path, 2, overwrite=True, limit=2**20)) == REFUSED
    np.testing.assert_array_equal(read(path), pixels(name, 1))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", SHAPES)
def test_two_writers_of_one_output(tmp_path: Path, writers: Writers, name: str) -> None:
    path = tmp_path / name
    for overwrite in (False, True):
        both = [writers.start(path, seed, overwrite=overwrite) for seed in (1, 2)]
        codes = [writers.wait(process) for process in both]
        assert SAVED in codes
        assert set(codes) <= {SAVED, REFUSED}
        found = read(path)
        assert any(np.array_equal(found, pixels(name, seed)) for seed in (1, 2))
        assert list(tmp_path.iterdir()) == [path]
