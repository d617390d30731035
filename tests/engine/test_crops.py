"""Random crops: replayable, from everywhere, the same from every image."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.engine.crops import Crops, CropSampler
from tests.material import noisy_batch


def numbered(batch: int, y: int, x: int) -> Tensor:
    """Every pixel holds its own number."""
    return torch.arange(float(batch * y * x)).reshape(batch, 1, y, x)


def corners(image: Tensor, crops: Crops, margin: int, steps: int, seed: int = 0) -> set[float]:
    """Number of the pixel in the upper left corner of every crop."""
    drawn = CropSampler((image,), crops, margin).draw(steps, seed)
    return {value for (parts,) in drawn for value in parts[:, 0, 0, 0].tolist()}


def test_same_seed_same_crops_whatever_the_global_generator_does() -> None:
    image, crops = noisy_batch(2, 1, 20, 24), Crops(3, 8)
    first = [parts for (parts,) in CropSampler((image,), crops, 4).draw(5, 7)]
    torch.rand(10)
    again = [parts for (parts,) in CropSampler((image,), crops, 4).draw(5, 7)]
    other = [parts for (parts,) in CropSampler((image,), crops, 4).draw(5, 8)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    list(CropSampler((noisy_batch(1, 1, 16, 16),), Crops(2, 8), 4).draw(3, 0))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_position_of_every_image_comes_up() -> None:
    image = numbered(2, 12, 11)
    allowed = image[..., :5, :4].flatten().tolist()
    assert corners(image, Crops(4, 8), 0, 200) == set(allowed)


@pytest.mark.parametrize("margin", [0, 4])
def test_a_crop_is_a_window_of_the_reflected_image(margin: int) -> None:
    image = numbered(1, 12, 13)
    padded = np.pad(image[0, 0].numpy(), margin, mode="reflect")
    windows = {w.tobytes() for w in np.lib.stride_tricks.sliding_window_view(padded, (8, 8)).reshape(-1, 8, 8)}
    for (parts,) in CropSampler((image,), Crops(2, 8), margin).draw(20, 0):
        assert parts.shape == (2, 1, 8, 8)
        assert {part.numpy().tobytes() for part in parts[:, 0]} <= windows


def test_a_small_image_is_reflected_up_to_the_size_of_a_crop() -> None:
    image = numbered(1, 8, 9)
    ((parts,),) = CropSampler((image,), Crops(1, 32), 4).draw(1, 0)
    padded = np.pad(image[0, 0].numpy(), 4, mode="reflect")
    expected = np.pad(padded, ((0, 32 - 16), (0, 32 - 17)), mode="reflect")
    np.testing.assert_array_equal(parts[0, 0].numpy(), expected)


def test_all_images_are_cut_at_the_same_place() -> None:
    image = numbered(2, 17, 15)
    mask = image % 5 != 0
    triples = CropSampler((image, image.expand(-1, 3, -1, -1) + 1000, mask), Crops(4, 8), 4).draw(10, 3)
    for source, target, valid in triples:
        assert torch.equal(target, source.expand(-1, 3, -1, -1) + 1000)
        assert valid.dtype == torch.bool
        assert torch.equal(valid, source % 5 != 0)


def test_more_steps_begin_with_the_same_crops() -> None:
    sampler = CropSampler((noisy_batch(1, 1, 20, 20),), Crops(2, 8), 4)
    few, many = list(sampler.draw(3, 0)), list(islice(sampler.draw(9, 0), 3))
    assert all(torch.equal(a, b) for (a,), (b,) in zip(few, many, strict=True))
