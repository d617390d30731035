"""A process that ends between two renames, a disk that is full at any of them, and what earlier processes left."""

import errno
import itertools
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import pytest
from tests.io.test_dicom_series import series

import noise2detail.io.atomic as atomic
from noise2detail.errors import OutputExistsError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import open_image, save_image, sidecar_path, write_bytes
from noise2detail.io.plan_file import read_plan
from noise2detail.plans import Provenance

Noise = Callable[..., Any]

NAMES = ["out.tif", "out.npy", "out.ome.zarr", "out"]
KILLED, REFUSED = 77, 78

FORKED: Final = "forkserver"
"""Processes begin as copies of one that has no threads: those of the tests' own may hold a lock that is then for ever
held in a copy."""

needs_fork = pytest.mark.skipif(FORKED not in multiprocessing.get_all_start_methods(), reason="needs fork")


@pytest.fixture(scope="module", autouse=True)
def ready() -> None:
    """The process that is copied has imported what the copies need."""
    multiprocessing.set_forkserver_preload(["tests.io.test_stopped_between_renames", "pytest"])


@contextmanager
def each_rename(number: int, happen: Callable[[], None], *, after: bool = False) -> Iterator[None]:
    """Let something happen before or after the rename of that number."""
    original, numbers = Path.replace, itertools.count(1)

    def renamed(path: Path, target: Path) -> Path:
        own = next(numbers)  # Zarr renames in threads: what is counted must be one's own
        if own == number and not after:
            happen()
        result = original(path, target)
        if own == number and after:
            happen()
        return result

    with patch.object(Path, "replace", renamed):
        yield


@pytest.fixture
def images(tmp_path: Path, noise: Noise) -> dict[str, tuple[Image, Image]]:
    """Two images for each output that differ in their pixels."""
    plain = Image(noise((2, 8, 9), "int16"), "ZYX")
    (tmp_path / "in").mkdir()
    slices = open_image(series(tmp_path / "in" / "scan")[0])
    return {
        name: (one, replace(one, array=np.asarray(one.array) // 2))
        for name, one in ((name, plain if name != "out" else slices) for name in NAMES)
    }


def save_until(number: int, after: bool, *what: Any, overwrite: bool) -> None:
    """Save, and end the process at the rename of that number."""
    image, path, provenance = what
    with each_rename(number, lambda: os._exit(KILLED), after=after):
        save_image(image, path, provenance=provenance, overwrite=overwrite)


def killed_at(number: int, after: bool, *what: Any, overwrite: bool = False) -> bool:
    """Whether a process that was to end at the rename of that number came so far."""
    context = multiprocessing.get_context(FORKED)
    process = context.Process(target=save_until, args=(number, after, *what), kwargs={"overwrite": overwrite})
    process.start()
    process.join()
    assert process.exitcode in {0, KILLED}
    return process.exitcode == KILLED


def seed_told(path: Path) -> int | None:
    side = sidecar_path(path)
    return int(read_plan(side)[0]["seed"]) if side.exists() else None


def seeded(provenance: Provenance, seed: int) -> Provenance:
    return replace(provenance, plan=replace(provenance.plan, seed=seed))


@needs_fork
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", NAMES)
def test_a_new_output_is_never_without_its_sidecar(
    tmp_path: Path, images: dict[str, tuple[Image, Image]], name: str, after: bool, provenance: Provenance
) -> None:
    path, (image, _), number = tmp_path / name, images[name], 1
    while killed_at(number, after, image, path, seeded(provenance, 1)):
        if path.exists():
            np.testing.assert_array_equal(open_image(path, image.axes).array, image.array)
            assert seed_told(path) == 1
        assert seed_told(path) in {None, 1}
        # what is left of it is in nobody's way
        save_image(image, path, provenance=seeded(provenance, 2), overwrite=True)
        assert seed_told(path) == 2
        for left in (path, sidecar_path(path)):
            atomic._remove(left)
        number += 1
    assert number > 2
    assert all(
        left.name.startswith(".")
        for left in tmp_path.iterdir()
        if left.name not in {"in", path.name, f"{path.name}.n2d.json"}
    )


@needs_fork
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", NAMES)
def test_a_replaced_output_is_never_beside_the_sidecar_of_another(
    tmp_path: Path, images: dict[str, tuple[Image, Image]], name: str, after: bool, provenance: Provenance
) -> None:
    path, (old, new), number = tmp_path / name, images[name], 1
    while True:
        save_image(old, path, provenance=seeded(provenance, 1), overwrite=True)
        if not killed_at(number, after, new, path, seeded(provenance, 2), overwrite=True):
            break
        if path.exists():
            found = np.asarray(open_image(path, new.axes).array)
            at = 1 if np.array_equal(found, old.array) else 2
            np.testing.assert_array_equal(found, (old, new)[at - 1].array)
            assert seed_told(path) in {None, at}
        else:  # a folder cannot replace a folder in one step
            assert (tmp_path / name).suffix in {".zarr", ""}
            assert len([left for left in tmp_path.iterdir() if left.suffix == ".old" and left.is_dir()]) >= 1
        number += 1
    assert number > 2
    np.testing.assert_array_equal(open_image(path, new.axes).array, new.array)
    assert seed_told(path) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("name", NAMES)
def test_disk_fails_at_any_rename(
    tmp_path: Path, images: dict[str, tuple[Image, Image]], name: str, code: int, provenance: Provenance
) -> None:
    def fail() -> None:
        raise OSError(code, "the disk")

    path, (old, new) = tmp_path / name, images[name]
    save_image(old, path, provenance=seeded(provenance, 1))
    for existing in (True, False):
        before = sorted(tmp_path.rglob("*"))
        number, failed = 1, True
        while failed:
            failed = False
            with each_rename(number, fail):
                try:
                    save_image(new, path, provenance=seeded(provenance, 2), overwrite=True)
                except UnwritableFileError:
                    failed = True
            if failed:
                assert sorted(tmp_path.rglob("*")) == before, number
                assert seed_told(path) == (1 if existing else None)
            number += 1
        assert number > 2
        for left in (path, sidecar_path(path)):
            atomic._remove(left)


@pytest.mark.parametrize("name", NAMES)
def test_no_sidecar_of_an_earlier_run_is_left(
    tmp_path: Path, images: dict[str, tuple[Image, Image]], name: str, provenance: Provenance
) -> None:
    path, (old, new) = tmp_path / name, images[name]
    save_image(old, path, provenance=provenance)
    save_image(new, path, overwrite=True)
    assert sorted(left.name for left in tmp_path.iterdir()) == sorted(["in", name])


# --- what a killed process left ------------------------------------------------------------------------------------


def left_behind(target: Path, age: float, *, folder: bool = False) -> Path:
    part = target.with_name(f".{target.name}.0123abcd.part")
    if folder:
        part.mkdir()
    else:
        part.write_bytes(b"half")
    os.utime(part, (time.time() - age,) * 2)
    return part


@pytest.mark.parametrize("folder", [False, True])
def test_parts_of_the_same_output_are_removed_when_they_are_old(tmp_path: Path, image: Image, folder: bool) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "out.tif"
    part = left_behind(path, 100, folder=folder)
    save_image(image, path)
    assert part.exists(), "a minute ago somebody may have written it on another machine"
    os.utime(part, (0, 0))
    with patch.object(fcntl, "flock", side_effect=OSError):
        save_image(image, path, overwrite=True)
    assert part.exists(), "without locks nobody knows whether it is still written"
    strangers = [left_behind(tmp_path / "other.tif", 1e6), tmp_path / ".out.tif.mine.part"]
    strangers[1].write_bytes(b"mine")
    os.utime(strangers[1], (0, 0))
    save_image(image, path, overwrite=True)
    assert sorted(tmp_path.iterdir()) == sorted([path, *strangers])


def test_parts_that_are_still_written_are_left_alone(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "any.bin"
    with atomic.part_of(path) as slow:
        os.utime(slow, (0, 0))
        write_bytes(path, b"fast")
        assert slow.exists()
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def image(noise: Noise) -> Image:
    return Image(noise((8, 9)), "YX")


# --- two at once ---------------------------------------------------------------------------------------------------


def save_together(begin: Barrier, image: Image, path: Path, provenance: Provenance, overwrite: bool) -> None:
    """Save when both processes are there."""
    begin.wait()
    try:
        save_image(image, path, provenance=provenance, overwrite=overwrite)
    except OutputExistsError:
        os._exit(REFUSED)


@needs_fork
@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "overwrite"])
@pytest.mark.parametrize("name", ["out.tif", "out.ome.zarr"])
def test_two_processes_do_not_mix(
    tmp_path: Path, images: dict[str, tuple[Image, Image]], name: str, overwrite: bool, provenance: Provenance
) -> None:
    path, both = tmp_path / name, images[name]
    context = multiprocessing.get_context(FORKED)
    for _ in range(5):
        begin = context.Barrier(2)
        processes = [
            context.Process(target=save_together, args=(begin, image, path, seeded(provenance, seed), overwrite))
            for seed, image in enumerate(both, 1)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        codes = [process.exitcode for process in processes]
        assert set(codes) == ({0} if overwrite else {0, REFUSED})
        told = seed_told(path)
        assert told is not None
        assert overwrite or codes[told - 1] == 0
        np.testing.assert_array_equal(open_image(path, both[0].axes).array, both[told - 1].array)
        assert sorted(left.name for left in tmp_path.iterdir()) == sorted(["in", name, f"{name}.n2d.json"])
        for left in (path, sidecar_path(path)):
            atomic._remove(left)
