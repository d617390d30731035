"""One denoiser for a whole experiment: fitted once, applied to others, kept in a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

import noise2detail as n2d
from noise2detail.errors import (
    AxesError,
    InputError,
    OutputExistsError,
    PixelTypeError,
    SettingError,
    UnreadableFileError,
)
from noise2detail.fitted import Fitted, plan_application
from noise2detail.pipeline.run import Run
from noise2detail.registry import METHODS
from tests.material import CPU, noisy_array, quick, reads_frames, shortened

FILTERS = {
    name: entry for name, entry in METHODS.items() if entry.method.scope == "any" and not reads_frames(entry.method)
}
"""Methods that learn from one image what can be applied to another."""


CONTROL = noisy_array(9, 12)
TREATED = 1 + 3 * noisy_array(17, 10, seed=1)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return n2d.fit(CONTROL, method=quick(), run=CPU)


@pytest.fixture
def path(fitted: Fitted, tmp_path: Path) -> Path:
    return fitted.save(tmp_path / "experiment.safetensors")


def weights(fitted: Fitted) -> list[tuple[str, torch.Tensor]]:
    return [item for denoiser in fitted.denoisers for item in denoiser.tensors().items()]


@pytest.mark.parametrize("recipe", ["fast", "paper"])
def test_fit_and_apply_are_denoise(recipe: str) -> None:
    denoiser = n2d.fit(CONTROL, method=quick(recipe), seed=3, run=CPU)
    expected = n2d.denoise(CONTROL, method=quick(recipe), seed=3, run=CPU)
    np.testing.assert_array_equal(n2d.apply(denoiser, CONTROL), expected)


def test_fit_and_apply_are_denoise_with_one_training_for_a_series() -> None:
    stack = noisy_array(3, 9, 12)
    denoiser = n2d.fit(stack, axes="ZYX", method=quick(), run=CPU)
    shared = n2d.denoise(stack, axes="ZYX", method=quick(), run=Run(device="cpu", precision="float32", fit="shared"))
    np.testing.assert_array_equal(n2d.apply(denoiser, stack, axes="ZYX"), shared)


def test_another_image_goes_through_the_same_function_of_pixel_values(fitted: Fitted) -> None:
    """A pixel's result depends on its surroundings alone, whatever else the image shows."""
    large = noisy_array(60, 60, seed=2)
    brighter = large.copy()
    brighter[40:] = brighter[40:] * 10 + 5
    halo = fitted.denoisers[0].halo
    assert halo is not None
    np.testing.assert_allclose(
        n2d.apply(fitted, brighter)[: 40 - halo], n2d.apply(fitted, large)[: 40 - halo], rtol=0, atol=1e-5
    )
    (value_map,) = fitted.plan.value_maps
    working = torch.from_numpy(((TREATED - value_map.offset) / value_map.scale).astype(np.float32))[None, None]
    expected = fitted.denoisers[0](working)[0, 0].numpy() * value_map.scale + value_map.offset
    np.testing.assert_allclose(n2d.apply(fitted, TREATED), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "f8"])
def test_the_type_is_that_of_the_image(fitted: Fitted, dtype: str) -> None:
    image = (TREATED * 10).astype(dtype)
    assert n2d.apply(fitted, image).dtype == image.dtype


@pytest.mark.parametrize("entry", FILTERS.values(), ids=list(FILTERS))
@pytest.mark.parametrize("channels", ["joint", "each"])
def test_a_file_gives_the_same_bits(entry: Any, channels: Any, tmp_path: Path) -> None:
    image = noisy_array(3, 9, 12)
    run = Run(device="cpu", precision="float32", channels=channels)
    first = n2d.fit(image, axes="CYX", method=shortened(entry.method.recipe(entry.recipes[0])), run=run)
    again = n2d.load(first.save(tmp_path / "a.safetensors"), run=CPU)
    assert len(again.denoisers) == (1 if channels == "joint" else 3)
    assert all(torch.equal(a[1], b[1]) for a, b in zip(weights(first), weights(again), strict=True))
    other = noisy_array(3, 11, 10, seed=4)
    np.testing.assert_array_equal(n2d.apply(again, other, axes="CYX"), n2d.apply(first, other, axes="CYX"))
    assert again.method == first.method
    assert again.plan == first.plan


def test_more_than_ten_denoisers_keep_their_order(tmp_path: Path) -> None:
    image = noisy_array(12, 8, 8)
    first = n2d.fit(image, axes="CYX", method=quick(), run=Run(device="cpu", precision="float32", channels="each"))
    again = n2d.load(first.save(tmp_path / "a.safetensors"), run=CPU)
    np.testing.assert_array_equal(n2d.apply(again, image, axes="CYX"), n2d.apply(first, image, axes="CYX"))


def test_the_file_holds_numbers_and_text_and_no_code(fitted: Fitted, path: Path) -> None:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    own = json.loads(header.pop("__metadata__")["noise2detail"])
    assert own["version"] == 1
    assert own["method"]["type"] == "Noise2Detail"
    assert own["plan"]["seed"] == fitted.plan.seed
    assert {item["dtype"] for item in header.values()} == {"F32"}
    assert len(content) == 8 + length + sum(4 * tensor.numel() for _, tensor in weights(fitted))


def test_a_file_is_not_overwritten_unless_asked(fitted: Fitted, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(OutputExistsError, match=path.name):
        fitted.save(path)
    assert path.read_bytes() == before
    other = n2d.fit(CONTROL, method=quick(), seed=1, run=CPU)
    assert other.save(str(path), overwrite=True) == path
    assert path.read_bytes() != before


def test_device_and_memory_are_chosen_when_loading(path: Path) -> None:
    assert n2d.load(path, run=Run(device="cpu", precision="bfloat16")).plan.precision == "bfloat16"
    small = n2d.load(path, run=Run(device="cpu", precision="float32", max_memory="70MB"))
    large = noisy_array(150, 70)
    assert plan_application(small, large, None)[0].tile == 64
    assert plan_application(n2d.load(path, run=CPU), large, None)[0].tile == 256
    np.testing.assert_allclose(n2d.apply(small, large), n2d.apply(n2d.load(path, run=CPU), large), rtol=0, atol=1e-5)
    with pytest.raises(SettingError, match=r"max_memory is 70000000 bytes; expected at least \d+ for this image"):
        n2d.apply(small, noisy_array(1500, 1500))
    with pytest.raises(SettingError, match="there is no device 'tpu'"):
        n2d.load(path, run=Run(device="tpu", precision="float32"))


# --- what is refused -------------------------------------------------------------------------------------------------


def test_other_channels_are_refused(fitted: Fitted) -> None:
    with pytest.raises(AxesError, match=r"has 3 channels \(axes YXS.*fitted to 1"):
        n2d.apply(fitted, noisy_array(9, 12, 3), axes="YXS")


@pytest.mark.parametrize(
    ("image", "error"),
    [(CONTROL > 0.5, PixelTypeError), (noisy_array(7, 9), InputError), (noisy_array(2, 9, 9), AxesError)],
    ids=["bool", "small", "no-axes"],
)
def test_images_are_checked_when_applying(fitted: Fitted, image: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        n2d.apply(fitted, image)


def damaged(path: Path, how: str) -> Path:
    """A file in which something is wrong."""
    content = path.read_bytes()
    with safetensors.safe_open(path, framework="pt") as file:
        own = json.loads(file.metadata()["noise2detail"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    target = path.with_name(f"{how}.safetensors")
    if how == "half":
        target.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        target.write_bytes(b"")
    elif how == "text":
        target.write_text("once upon a time")
    elif how == "pickle":
        torch.save({"weight": torch.zeros(3)}, target)
    elif how == "foreign":
        target.write_bytes(safetensors.torch.save({"weight": torch.zeros(3)}, {"format": "pt"}))
    elif how == "no-metadata":
        target.write_bytes(safetensors.torch.save({"weight": torch.zeros(3)}))
    else:
        own, tensors = altered(own, tensors, how)
        target.write_bytes(safetensors.torch.save(tensors, {"noise2detail": json.dumps(own)}))
    return target


def altered(own: Any, tensors: dict[str, torch.Tensor], how: str) -> tuple[Any, dict[str, torch.Tensor]]:
    if how == "later-version":
        own["version"] = 99
    elif how == "no-version":
        del own["version"]
    elif how == "header-is-a-number":
        own = 7
    elif how == "no-plan":
        del own["plan"]
    elif how == "unknown-method":
        own["method"]["type"] = "Telepathy"
    elif how == "unknown-setting":
        own["method"]["colour"] = "green"
    elif how == "missing-tensor":
        tensors.pop("0.first.layers.2.bias")
    elif how == "wrong-shape":
        tensors["0.first.layers.2.bias"] = torch.zeros(99)
    else:
        tensors = {}
    return own, tensors


DAMAGES = [
    ("half", "not a denoiser"),
    ("empty", "not a denoiser"),
    ("text", "not a denoiser"),
    ("pickle", "not a denoiser"),
    ("foreign", "not a denoiser"),
    ("no-metadata", "not a denoiser"),
    ("header-is-a-number", "not a denoiser"),
    ("later-version", "version 99; expected 1"),
    ("no-version", "version None; expected 1"),
    ("no-plan", "damaged"),
    ("unknown-method", "Telepathy"),
    ("unknown-setting", "colour"),
    ("missing-tensor", "damaged"),
    ("wrong-shape", "damaged"),
    ("no-tensors", "damaged"),
]


@pytest.mark.parametrize(("how", "says"), DAMAGES, ids=[how for how, _ in DAMAGES])
def test_a_file_that_is_no_denoiser_is_refused(path: Path, how: str, says: str) -> None:
    target = damaged(path, how)
    with pytest.raises(UnreadableFileError, match=says) as caught:
        n2d.load(target, run=CPU)
    assert caught.value.path == target


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        n2d.load(tmp_path / "nowhere.safetensors", run=CPU)
    with pytest.raises(UnreadableFileError):
        n2d.load(tmp_path, run=CPU)
