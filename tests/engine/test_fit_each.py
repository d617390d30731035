"""A denoiser for each image: in one program where the method can, one by one where it cannot, none of them bad."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor

from noise2detail.engine.fit_each import fit_each
from noise2detail.errors import DivergedError
from noise2detail.method import Context, Cost, Denoiser, FitsEach, Step
from noise2detail.types import Batch
from tests.material import noisy_batch, quick


class OneByOne:
    """A method that knows nothing of batches of trainings."""

    scope: ClassVar[Literal["any", "image"]] = "any"

    def __init__(self) -> None:
        self.inner: Any = quick()
        self.seen: list[tuple[Batch, Context]] = []

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        self.seen.append((noisy, context))
        found: Denoiser = self.inner.fit(noisy, context, start)
        return found

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        raise NotImplementedError

    def cost(self, images: int, y: int, x: int) -> Cost:
        return Cost(1.0, 1.0)

    @classmethod
    def recipe(cls, name: str) -> "OneByOne":
        return cls()


def test_a_method_without_a_batched_program_is_fitted_one_by_one() -> None:
    noisy, method, heard = noisy_batch(3, 1, 16, 18), OneByOne(), list[Step]()
    mask = torch.rand(3, 1, 16, 18, generator=torch.Generator().manual_seed(0)) > 0.1
    assert not isinstance(method, FitsEach)
    found = fit_each(method, noisy, Context(mask=mask, on_step=heard.append))
    for number, (denoiser, (image, context)) in enumerate(zip(found, method.seen, strict=True)):
        assert torch.equal(image, noisy[number : number + 1])
        assert context.mask is not None
        assert torch.equal(context.mask, mask[number : number + 1])
        alone = method.inner.fit(image, Context(mask=mask[number : number + 1]))
        assert torch.equal(denoiser(image), alone(image))
    fractions = [step.fraction for step in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_an_image_that_diverges_does_so_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The others come out as they would without it."""
    method: Any = quick()
    noisy = noisy_batch(3, 1, 16, 18)
    spoiled = noisy.clone()
    spoiled[1] *= 1e30
    with pytest.raises(DivergedError, match="stage 1 diverged"):
        fit_each(method, spoiled, Context())
    assert "the training of image 2 of 3 diverged among others" in caplog.text
    whole, part = method.fit_each(noisy, Context()), method.fit_each(spoiled, Context())
    for number in (0, 2):
        torch.testing.assert_close(part[number](noisy[:1]), whole[number](noisy[:1]), rtol=0, atol=1e-6)


def test_one_image_takes_the_plain_way() -> None:
    method: Any = quick()
    noisy = noisy_batch(1, 1, 16, 18)
    (found,) = fit_each(method, noisy, Context(seed=3))
    assert torch.equal(found(noisy), method.fit(noisy, Context(seed=3))(noisy))
    assert isinstance(replace(method), FitsEach)
