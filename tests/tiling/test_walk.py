"""Walking the tiles gives what the function gives for whole images."""

import itertools
import logging
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from noise2detail.errors import Cancelled, NotEnoughMemoryError
from noise2detail.tiling import walk as walking
from noise2detail.tiling.geometry import SMALLEST_TILE
from noise2detail.tiling.walk import TileSide, apply_in_tiles, walk
from noise2detail.types import Batch
from tests.material import noisy_batch


def blur(images: Batch) -> Batch:
    """Mean of 5x5 pixels with zeros outside: a halo of 2."""
    return F.avg_pool2d(images, 5, 1, 2)


@given(y=st.integers(1, 40), x=st.integers(1, 40), tile=st.integers(5, 50), alignment=st.sampled_from([1, 2, 4]))
def test_tiles_equal_the_whole(y: int, x: int, tile: int, alignment: int) -> None:
    images = noisy_batch(2, 2, y, x)
    found = apply_in_tiles(blur, images, tile=tile, halo=2, alignment=alignment)
    torch.testing.assert_close(found, blur(images), rtol=0, atol=1e-6)


def test_a_halo_too_small_shows() -> None:
    images = noisy_batch(1, 1, 20, 20)
    assert not torch.allclose(apply_in_tiles(blur, images, tile=5, halo=1, alignment=1), blur(images), atol=1e-3)


@pytest.mark.parametrize("halo", [0, None])
def test_the_number_of_channels_may_change(halo: int | None) -> None:
    images = noisy_batch(2, 1, 9, 11)
    found = apply_in_tiles(lambda batch: batch.expand(-1, 3, -1, -1) * 2, images, tile=4, halo=halo, alignment=1)
    assert torch.equal(found, images.expand(-1, 3, -1, -1) * 2)


def test_without_a_halo_images_go_through_whole_and_one_by_one() -> None:
    seen: list[tuple[int, ...]] = []

    def remember(images: Batch) -> Batch:
        seen.append(tuple(images.shape))
        return images

    apply_in_tiles(remember, noisy_batch(3, 1, 20, 9), tile=4, halo=None, alignment=1)
    assert seen == [(1, 1, 20, 9)] * 3


def test_no_tile_is_larger_than_asked_for() -> None:
    seen: list[tuple[int, ...]] = []

    def remember(images: Batch) -> Batch:
        seen.append(tuple(images.shape))
        return images

    apply_in_tiles(remember, noisy_batch(1, 1, 100, 37), tile=16, halo=3, alignment=4)
    assert max(max(shape[-2:]) for shape in seen) == 16 + 2 * 4


def test_every_tile_is_told_of() -> None:
    told: list[tuple[int, int]] = []
    apply_in_tiles(blur, noisy_batch(2, 1, 20, 9), tile=8, halo=2, alignment=1, on_tile=lambda *step: told.append(step))
    assert told == [(n, 12) for n in range(1, 13)]


def test_raising_between_tiles_stops_at_once() -> None:
    seen: list[Batch] = []

    def stop(index: int, count: int) -> None:
        if index == 2:
            raise Cancelled

    def look(piece: Batch) -> Batch:
        seen.append(piece)
        return piece

    with pytest.raises(Cancelled):
        apply_in_tiles(look, noisy_batch(1, 1, 64, 64), tile=16, halo=0, alignment=1, on_tile=stop)
    assert len(seen) == 2


# --- memory that runs out --------------------------------------------------------------------------------------------

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nand more"),
    torch.OutOfMemoryError(""),
    RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("std::bad_alloc"),
    MemoryError("Unable to allocate 90 GiB"),
]


class Machine:
    """Blurs pieces up to so many pixels a side, once so many have been done without trouble, and remembers them."""

    def __init__(self, most: int, after: int = 0, error: Exception = ERRORS[0]) -> None:
        self.most, self.after, self.error = most, after, error
        self.done: list[Batch] = []
        self.failed = 0

    def __call__(self, piece: Batch) -> Batch:
        if len(self.done) >= self.after and max(piece.shape[-2:]) > self.most:
            self.failed += 1
            raise self.error
        self.done.append(piece)
        return blur(piece)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{type(error).__name__}-{str(error)[:12]}")
def test_where_memory_runs_out_smaller_tiles_go_on(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    images = noisy_batch(1, 2, 300, 210)
    machine = Machine(most=80, after=1, error=error)
    found = apply_in_tiles(machine, images, tile=256, halo=2, alignment=2)
    torch.testing.assert_close(found, blur(images), rtol=0, atol=1e-6)
    assert machine.failed == 2
    assert [max(piece.shape[-2:]) for piece in machine.done[:2]] == [258, 66]
    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "memory ran out with tiles of 256x256 pixels" in warning.message
    assert "\n" not in warning.message


@given(
    y=st.integers(40, 400), x=st.integers(40, 400), tile=st.integers(65, 300), alignment=st.sampled_from([1, 2, 3, 4]),
    most=st.integers(76, 300), after=st.integers(0, 6),
)  # fmt: skip
def test_no_tile_is_computed_twice(y: int, x: int, tile: int, alignment: int, most: int, after: int) -> None:
    image = noisy_batch(1, 1, y, x)
    machine = Machine(most, after)
    covered, told, fractions = np.zeros((y, x), int), [], [0.0]
    for done in walk(machine, image, TileSide(tile), halo=2, alignment=alignment):
        covered[done.tile.place] += 1
        told.append(done)
        fractions.append(done.fraction)
    assert (covered == 1).all()
    assert len(machine.done) == len(told)
    assert told[-1].index == told[-1].count
    assert all(before < now for before, now in itertools.pairwise(fractions))
    assert fractions[-1] == 1.0


def test_an_image_after_one_that_was_too_large_begins_with_the_small_tiles(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(most=100)
    apply_in_tiles(machine, noisy_batch(3, 1, 200, 200), tile=256, halo=2, alignment=1)
    assert machine.failed == 2
    assert len(caplog.records) == 1
    assert len(machine.done) == 3 * 16


@pytest.mark.parametrize(
    ("halo", "size", "tile", "said"),
    [
        (2, 200, SMALLEST_TILE, "even for tiles of 64x64 pixels, so a smaller limit"),
        (2, 30, 30, "even for tiles of 30x30 pixels"),
        (None, 200, None, "this denoiser needs the image whole"),
    ],
)
def test_where_even_the_smallest_tile_is_too_large_one_error_says_so(
    halo: int | None, size: int, tile: int | None, said: str
) -> None:
    with pytest.raises(NotEnoughMemoryError, match=said) as caught:
        apply_in_tiles(Machine(most=20), noisy_batch(1, 1, size, size), tile=256, halo=halo, alignment=1)
    assert caught.value.tile == tile
    assert caught.value.found == "CUDA out of memory. Tried to allocate 2.00 GiB"
    assert isinstance(caught.value, MemoryError)
    assert isinstance(caught.value.__cause__, torch.OutOfMemoryError)


def test_an_alignment_larger_than_the_smallest_tile_ends_too() -> None:
    with pytest.raises(NotEnoughMemoryError):
        apply_in_tiles(Machine(most=20), noisy_batch(1, 1, 300, 300), tile=256, halo=2, alignment=96)


@pytest.mark.parametrize("error", [RuntimeError("shapes do not fit"), ValueError("out of memory")], ids=str)
def test_any_other_error_is_passed_on(error: Exception) -> None:
    machine = Machine(most=100, error=error)
    with pytest.raises(type(error), match=str(error)):
        apply_in_tiles(machine, noisy_batch(1, 1, 200, 200), tile=256, halo=2, alignment=1)
    assert machine.failed == 1


def test_what_the_function_held_is_free_when_the_cache_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch can give back to a GPU only what nobody holds."""
    held: list[weakref.ref[torch.Tensor]] = []
    left: list[int] = []
    monkeypatch.setattr(walking, "_release", lambda: left.append(sum(one() is not None for one in held)))

    def wasteful(piece: Batch) -> Batch:
        large = torch.zeros(1000)
        held.append(weakref.ref(large))
        if max(piece.shape[-2:]) > 70:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return piece

    apply_in_tiles(wasteful, noisy_batch(1, 1, 200, 200), tile=256, halo=2, alignment=1)
    assert left == [0, 0]
