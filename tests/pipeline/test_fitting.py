"""What a method is told about the planes that it is fitted to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.engine.fit_each import fit_each
from noise2detail.errors import SettingError
from noise2detail.method import Context, Cost, Denoiser, Method, Step
from noise2detail.pipeline import fitting
from noise2detail.pipeline.denoise import denoise, plan
from noise2detail.pipeline.fitting import channel_groups
from noise2detail.tiling.geometry import TILE
from noise2detail.types import Batch
from tests.material import CPU, noisy_array, quick

Heard = list[tuple[Batch, Context]]


@dataclass(frozen=True)
class Listening:
    """A method that learns nothing and remembers what it was given; its denoiser doubles every value."""

    scope: ClassVar[Literal["any", "image"]] = "any"
    heard: Heard = field(default_factory=list, hash=False)

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> "Doubling":
        self.heard.append((noisy, context))
        return Doubling()

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> "Doubling":
        return Doubling()

    def cost(self, images: int, y: int, x: int) -> Cost:
        return Cost(float(images * y * x), 0.0)

    @classmethod
    def recipe(cls, name: str) -> "Listening":
        return cls()


@dataclass(frozen=True)
class Doubling:
    """Twice the working range, whole images only."""

    halo: ClassVar[int | None] = None
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        return noisy * 2

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        return {"doubled": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        return {}


def told(image: Any, axes: str, **wish: Any) -> Heard:
    method = Listening()
    assert isinstance(method, Method)
    denoise(image, axes=axes, method=method, seed=11, run=replace(CPU, **wish))
    return method.heard


def test_a_method_from_elsewhere_works_in_the_working_range() -> None:
    image = noisy_array(9, 12).astype(np.float64)
    low, high = np.percentile(image, (0.1, 99.9))
    expected = (image - low) / (high - low) * 2 * (high - low) + low
    np.testing.assert_allclose(denoise(image, method=Listening(), run=CPU), expected, rtol=1e-6)


def test_seed_device_and_precision_reach_the_method() -> None:
    ((noisy, context),) = told(noisy_array(9, 12), "YX", precision="bfloat16")
    assert (noisy.shape, noisy.dtype) == ((1, 1, 9, 12), torch.float32)
    assert (context.seed, context.device, context.precision) == (11, torch.device("cpu"), "bfloat16")
    assert context.mask is None
    assert context.tile == TILE


@pytest.mark.parametrize(
    ("wish", "shapes"),
    [
        ({"fit": "plane"}, [(1, 2, 9, 12)] * 3),
        ({"fit": "shared"}, [(3, 2, 9, 12)]),
        ({"fit": "plane", "channels": "each"}, [(1, 1, 9, 12)] * 6),
        ({"fit": "shared", "channels": "each"}, [(3, 1, 9, 12)] * 2),
    ],
    ids=["plane", "shared", "channels-each", "shared-channels-each"],
)
def test_planes_and_channels_are_grouped_as_wished(wish: dict[str, Any], shapes: list[tuple[int, ...]]) -> None:
    assert [tuple(noisy.shape) for noisy, _ in told(noisy_array(3, 2, 9, 12), "ZCYX", **wish)] == shapes


def test_a_gap_in_any_channel_is_a_gap_for_channels_trained_together() -> None:
    image = noisy_array(2, 9, 12)
    image[0, 1, 2] = image[1, 3, 4] = np.nan
    ((noisy, context),) = told(image, "CYX")
    assert torch.isfinite(noisy).all()
    assert context.mask is not None
    assert context.mask.shape == (1, 1, 9, 12)
    assert (~context.mask).nonzero().tolist() == [[0, 0, 1, 2], [0, 0, 3, 4]]


def test_a_gap_is_that_of_its_channel_for_channels_trained_alone() -> None:
    image = noisy_array(2, 9, 12)
    image[0, 1, 2] = image[1, 3, 4] = np.nan
    masks = [context.mask for _, context in told(image, "CYX", channels="each")]
    gaps = [(~mask).nonzero().tolist() for mask in masks if mask is not None]
    assert gaps == [[[0, 0, 1, 2]], [[0, 0, 3, 4]]]


def test_planes_without_gaps_are_all_data_beside_one_with() -> None:
    stack = noisy_array(3, 9, 12)
    stack[1, 4, 5] = np.inf
    ((_, context),) = told(stack, "ZYX", fit="shared")
    assert context.mask is not None
    assert (~context.mask).nonzero().tolist() == [[1, 0, 4, 5]]


def test_channel_groups() -> None:
    assert channel_groups(3, "joint") == (slice(0, 3),)
    assert channel_groups(3, "each") == (slice(0, 1), slice(1, 2), slice(2, 3))


class TestPlanesAtOnce:
    """Planes trained side by side come out as those trained one after the other."""

    @pytest.mark.parametrize("axes", ["TYX", "ZCYX"])
    @pytest.mark.parametrize("channels", ["joint", "each"])
    @pytest.mark.parametrize("at_once", [2, 3, 9])
    def test_the_result_is_the_same(self, axes: str, channels: Any, at_once: int) -> None:
        stack = noisy_array(*((5,) if axes == "TYX" else (4, 2)), 17, 20)
        stack[1, ..., 3, 4] = np.nan
        stack[-1] = 0.25
        alone, together = (
            denoise(stack, axes=axes, method=quick(), run=replace(CPU, channels=channels, at_once=n))
            for n in (1, at_once)
        )
        np.testing.assert_allclose(together, alone, rtol=0, atol=2e-4)
        np.testing.assert_array_equal(together[-1], stack[-1])

    def test_a_processor_trains_one_by_one_and_a_shared_training_is_one(self) -> None:
        stack = noisy_array(5, 16, 16)
        assert plan(stack, axes="TYX", method="noise2detail", run=replace(CPU, fit="plane")).at_once == 1
        assert plan(stack, axes="TYX", method="noise2detail", run=replace(CPU, at_once=3)).at_once == 3
        assert plan(stack, axes="TYX", method="noise2detail", run=replace(CPU, at_once=30)).at_once == 5
        assert plan(stack, axes="TYX", run=replace(CPU, at_once=3, fit="shared")).at_once == 1
        with pytest.raises(SettingError, match="at_once is 0"):
            replace(CPU, at_once=0)

    def test_progress_rises_to_its_end(self) -> None:
        heard: list[Step] = []
        denoise(noisy_array(5, 16, 16), axes="TYX", method=quick(), run=replace(CPU, at_once=2), on_step=heard.append)
        fractions = [step.fraction for step in heard]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0
        assert heard[0].stage == "planes 1-2/5, stage 1"
        assert any(step.stage == "planes 3-4/5, of these 2/2, applying" for step in heard)
        assert heard[-1].stage == "plane 5/5, applying"

    def test_too_many_for_the_memory_are_halved(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        stack = noisy_array(5, 16, 16)
        expected = denoise(stack, axes="TYX", method=quick(), run=replace(CPU, fit="plane"))
        tried: list[int] = []

        def small(method: Any, noisy: Batch, context: Context) -> Any:
            tried.append(len(noisy))
            if len(noisy) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return fit_each(method, noisy, context)

        monkeypatch.setattr(fitting, "fit_each", small)
        found = denoise(stack, axes="TYX", method=quick(), run=replace(CPU, at_once=5))
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4)
        assert tried == [5, 2, 3, 2]  # 3 are halved again, into one that needs no batch and two
        assert "not enough memory to train 5 planes at once; going on with 2" in caplog.text
