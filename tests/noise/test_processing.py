"""What was done to an image before: seen where it was done, and only there."""

import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import label
from skimage import data
from torch import Tensor

from noise2detail.noise.processing import Kind, find_processing

Grey = NDArray[np.uint8]


def sample(name: str) -> NDArray[np.float64]:
    return np.asarray(getattr(data, name)(), np.float64)


def scenes() -> dict[str, NDArray[np.float64]]:
    """Some that nothing was done to: others of this library were compressed or doubled."""
    return {"camera": sample("camera"), "brick": sample("brick"), "flat": np.full((256, 256), 120.0)}


def noisy(clean: NDArray[np.float64], sigma: float, seed: int = 0) -> Grey:
    rng = np.random.default_rng(seed)
    found: Grey = np.clip(clean + rng.normal(0, sigma, clean.shape), 0, 255).round().astype(np.uint8)
    return found


def compressed(image: Grey, quality: int) -> Grey:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "jpeg", quality=quality)
    with Image.open(content) as found:
        return np.array(found)


def kinds(image: NDArray[np.generic], mask: Tensor | None = None) -> list[Kind]:
    return [one.kind for one in find_processing(torch.from_numpy(image.astype(np.float32)), mask).findings]


@pytest.mark.parametrize("scene", ["camera", "brick", "flat"])
@pytest.mark.parametrize("sigma", [3.0, 10.0, 25.0])
def test_noise_alone_is_no_processing(scene: str, sigma: float) -> None:
    assert kinds(noisy(scenes()[scene], sigma)) == []


@pytest.mark.parametrize("quality", [50, 75, 90])
@pytest.mark.parametrize("sigma", [0.0, 10.0, 25.0])
def test_compression_is_seen(quality: int, sigma: float) -> None:
    for scene in ("camera", "brick"):
        assert kinds(compressed(noisy(scenes()[scene], sigma), quality)) == ["jpeg"]


def test_compression_is_seen_after_cutting_and_scaling() -> None:
    image = compressed(noisy(scenes()["camera"], 5), 60)
    assert kinds(image[3:, 5:]) == ["jpeg"]
    assert kinds(image / 255.0) == ["jpeg"]


@pytest.mark.parametrize("factor", [1.3, 1.5, 2.0])
@pytest.mark.parametrize("how", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC], ids=["linear", "cubic"])
@pytest.mark.parametrize("sigma", [0.0, 10.0])
def test_interpolation_is_seen(factor: float, how: Image.Resampling, sigma: float) -> None:
    image = Image.fromarray(noisy(scenes()["camera"], sigma)[:300, :300])
    side = int(300 * factor)
    assert kinds(np.array(image.resize((side, side), how))) == ["interpolated"]


def test_images_that_are_no_photographs() -> None:
    areas = sample("coins") > 120
    assert kinds(areas) == ["binary"]
    assert kinds(label(areas)[0]) == ["labels"]
    assert kinds(np.full((32, 32), 7)) == ["constant"]
    assert kinds((sample("camera") / 51).round()) == ["few levels"]


def test_few_photons_are_no_labels() -> None:
    for photons in (0.05, 0.5, 3.0):
        image = np.random.default_rng(0).poisson(photons, (256, 256))
        assert "labels" not in kinds(image)


def test_levels_and_step() -> None:
    found = find_processing(torch.tensor(np.random.default_rng(0).integers(0, 40, (64, 64)) * 0.25 - 3.0))
    assert found.levels == 40
    assert found.step == pytest.approx(0.25)


def test_gaps_have_no_say() -> None:
    image = noisy(scenes()["camera"], 10)
    doubled = Image.fromarray(image).resize((1024, 1024), Image.Resampling.BILINEAR)
    image[:, 200:] = np.array(doubled)[:512, 200:512]
    mask = torch.ones(512, 512, dtype=torch.bool)
    assert kinds(image, mask) == ["interpolated"]
    mask[:, 200:] = False
    assert kinds(image, mask) == []
    assert kinds(image, mask & False) == ["constant"]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
@pytest.mark.parametrize("shape", [(8, 8), (16, 16), (8, 20000), (3, 40, 9)], ids=str)
def test_any_size_and_unit(scale: float, shape: tuple[int, ...]) -> None:
    image = torch.from_numpy(scale * np.random.default_rng(1).normal(100, 10, shape)).float()
    found = find_processing(image)
    assert not found.found("jpeg")
    assert not found.found("interpolated")
    assert 0 < found.step < 10 * scale
