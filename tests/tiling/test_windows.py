"""Windows: drawn from everywhere, and the same pixels as the whole gives."""

import pytest
import torch

from noise2detail.numerics.padding import pad_to_multiple
from noise2detail.numerics.shuffle import shuffle_apart, shuffle_together
from noise2detail.tiling.windows import apply_in_windows, random_windows
from noise2detail.types import Batch
from tests.material import noisy_batch

STRIDE = 4
HALO = 2 * STRIDE


def far_reaching(images: Batch) -> Batch:
    """Mean over five by five pixels of the same phase: depends on alignment, on borders, and on ``HALO`` pixels."""
    y, x = images.shape[-2:]
    apart = shuffle_apart(pad_to_multiple(images, STRIDE), STRIDE)
    mean = torch.nn.functional.avg_pool2d(apart, 5, 1, 2)
    return shuffle_together(mean, STRIDE)[..., :y, :x]


@pytest.mark.parametrize(("y", "x"), [(72, 72), (75, 140), (131, 90)])
def test_a_window_holds_what_the_whole_has_there(y: int, x: int) -> None:
    images = noisy_batch(3, 2, y, x)
    told: list[tuple[int, int]] = []
    windows = random_windows(images, 12, 40, STRIDE, 5)
    found = apply_in_windows(
        far_reaching,
        images,
        windows,
        halo=HALO,
        alignment=STRIDE,
        on_window=lambda index, count: told.append((index, count)),
    )
    torch.testing.assert_close(found, windows.cut(far_reaching(images)), rtol=0, atol=1e-6)
    assert told == [(n, 12) for n in range(1, 13)]


def test_windows_come_from_all_of_all_images() -> None:
    images = noisy_batch(2, 1, 50, 61)
    corners = random_windows(images, 4000, 40, STRIDE, 0).corners
    expected = torch.cartesian_prod(torch.arange(2), torch.arange(0, 11, 4), torch.arange(0, 22, 4))
    assert torch.equal(corners.unique(dim=0), expected)  # type: ignore[no-untyped-call]
    assert torch.equal(random_windows(images, 4000, 40, STRIDE, 0).corners, corners)


def test_a_listener_can_stop() -> None:
    images = noisy_batch(1, 1, 64, 64)

    def stop(index: int, count: int) -> None:
        raise InterruptedError(index)

    windows = random_windows(images, 3, 40, STRIDE, 0)
    with pytest.raises(InterruptedError, match="1"):
        apply_in_windows(far_reaching, images, windows, halo=HALO, alignment=STRIDE, on_window=stop)
