"""Random crops: replayable, from everywhere, the same from every image."""

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.engine.crops import Crops, CropSampler, Material
from noise2detail.errors import SettingError
from tests.material import noisy_batch


def numbered(batch: int, y: int, x: int) -> Tensor:
    """Every pixel holds its own number."""
    return torch.arange(float(batch * y * x)).reshape(batch, 1, y, x)


def drawn(images: tuple[Tensor, ...], crops: Crops, margin: int, steps: int, seed: int = 0) -> list[tuple[Tensor, ...]]:
    """The crops of every step."""
    sampler = CropSampler(tuple(Material(image) for image in images), crops, margin, steps, seed)
    return [sampler.at(torch.tensor([step])) for step in range(steps)]


def corners(image: Tensor, crops: Crops, margin: int, steps: int, seed: int = 0) -> set[float]:
    """Number of the pixel in the upper left corner of every crop."""
    return {value for (parts,) in drawn((image,), crops, margin, steps, seed) for value in parts[:, 0, 0, 0].tolist()}


def test_same_seed_same_crops_whatever_the_global_generator_does() -> None:
    image, crops = noisy_batch(2, 1, 20, 24), Crops(3, 8)
    first = [parts for (parts,) in drawn((image,), crops, 4, 5, 7)]
    torch.rand(10)
    again = [parts for (parts,) in drawn((image,), crops, 4, 5, 7)]
    other = [parts for (parts,) in drawn((image,), crops, 4, 5, 8)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    drawn((noisy_batch(1, 1, 16, 16),), Crops(2, 8), 4, 3)
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
    for (parts,) in drawn((image,), Crops(2, 8), margin, 20):
        assert parts.shape == (2, 1, 8, 8)
        assert {part.numpy().tobytes() for part in parts[:, 0]} <= windows


def test_a_small_image_is_reflected_up_to_the_size_of_a_crop() -> None:
    image = numbered(1, 8, 9)
    ((parts,),) = drawn((image,), Crops(1, 32), 4, 1)
    expected = np.pad(image[0, 0].numpy(), ((4, 20), (4, 19)), mode="reflect")
    np.testing.assert_array_equal(parts[0, 0].numpy(), expected)


def test_all_images_are_cut_at_the_same_place() -> None:
    image = numbered(2, 17, 15)
    mask = image % 5 != 0
    triples = drawn((image, image.expand(-1, 3, -1, -1) + 1000, mask), Crops(4, 8), 4, 10, 3)
    for source, target, valid in triples:
        assert torch.equal(target, source.expand(-1, 3, -1, -1) + 1000)
        assert valid.dtype == torch.bool
        assert torch.equal(valid, source % 5 != 0)


def test_more_steps_begin_with_the_same_crops() -> None:
    images = (noisy_batch(1, 1, 20, 20),)
    few, many = drawn(images, Crops(2, 8), 4, 3), drawn(images, Crops(2, 8), 4, 9)
    assert all(torch.equal(a, b) for (a,), (b,) in zip(few, many[:3], strict=True))


def test_crops_come_from_images_of_different_sizes() -> None:
    """Each window of each image as often as any other, so large images are read more often."""
    small, large = numbered(1, 9, 12)[0], numbered(1, 20, 17)[0] + 1000
    sampler = CropSampler((Material([small, large]),), Crops(4, 8), 0, 400, 0)
    firsts = torch.cat([sampler.at(torch.tensor([step]))[0] for step in range(400)])[:, 0, 0, 0]
    allowed = {*small[0, :2, :5].flatten().tolist(), *large[0, :13, :10].flatten().tolist()}
    assert set(firsts.tolist()) == allowed
    share = float((firsts < 1000).float().mean())
    assert share == pytest.approx(10 / 140, abs=0.025)


def test_one_batch_is_not_copied() -> None:
    image = noisy_batch(2, 3, 16, 16)
    assert Material(image).flat.data_ptr() == image.data_ptr()


@pytest.mark.parametrize("wrong", [{"size": 30}, {"size": 0}, {"count": 0}, {"quarters": 0}, {"quarters": 5}])
def test_impossible_crops_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=f"crops.{next(iter(wrong))} is"):
        Crops(**wrong)
