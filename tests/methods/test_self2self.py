"""Self2Self: what is taken out, what the loss reads, and how guesses are averaged."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from noise2detail.engine.own_image import OwnImage
from noise2detail.engine.seeding import seeded
from noise2detail.errors import Cancelled, SettingError
from noise2detail.method import Context, Method, Step
from noise2detail.methods.self2self import Self2Self, _Training
from tests.material import noisy_batch

CPU = torch.device("cpu")
SMALL = Self2Self(steps=3, width=6, passes=2)


def training(method: Self2Self, images: torch.Tensor, mask: torch.Tensor | None = None) -> _Training:
    with seeded(0, CPU):
        return _Training(method, images, mask)


def calls_of(own: _Training) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """What the network is given from now on: image, mask, and what it answers."""
    calls: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    own.net.register_forward_hook(lambda _, given, output: calls.append((*given, output.detach().clone())))
    return calls


def test_published_settings() -> None:
    paper = Self2Self.recipe("paper")
    assert (paper.steps, paper.rate, paper.width, paper.passes, paper.crop) == (150_000, 1e-4, 48, 100, None)
    assert (paper.dropout, paper.keep) == (0.3, 0.7)
    assert isinstance(Self2Self.recipe("standard"), Method)
    with pytest.raises(KeyError):
        Self2Self.recipe("fastest")


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("passes", 0), ("dropout", 1.0), ("dropout", math.nan), ("keep", 0.0), ("keep", 1.0), ("crop", 40)],
)
def test_impossible_settings_are_refused(field: str, value: Any) -> None:
    with pytest.raises(SettingError, match=field):
        replace(SMALL, **{field: value})


@pytest.mark.parametrize("masked", [False, True], ids=["", "masked"])
def test_loss_is_the_mean_square_at_what_was_taken_out(masked: bool) -> None:
    images = noisy_batch(1, 2, 32, 32)
    mask = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(5)) < 0.6 if masked else None
    own = training(SMALL, images, mask)
    calls = calls_of(own)
    for seed in range(4):
        with seeded(seed, CPU):
            found = float(own.loss(0).detach())
        image, kept, output = calls[-1]
        # the flip that was drawn is the one under which the image is the given one
        flips = next(f for f in ([], [-2], [-1], [-2, -1]) if torch.equal(images.flip(f), image))
        valid = torch.ones_like(kept) if mask is None else mask.float().flip(flips).expand_as(kept)
        out = (valid * (1 - kept)).bool()
        expected = (output - image)[out].square().mean()
        assert found == pytest.approx(float(expected), rel=1e-5)
        assert not (kept.bool() & ~valid.bool()).any()


def test_every_flip_is_drawn() -> None:
    images = noisy_batch(1, 1, 32, 32)
    own = training(SMALL, images)
    calls = calls_of(own)
    with seeded(0, CPU), torch.no_grad():
        for step in range(24):
            own.loss(step)
    seen = [
        [torch.equal(images.flip(f), image) for f in ([], [-2], [-1], [-2, -1])].index(True) for image, _, _ in calls
    ]
    assert set(seen) == {0, 1, 2, 3}


def test_so_many_are_kept_and_drawn_for_each_channel() -> None:
    own = training(SMALL, noisy_batch(1, 3, 96, 96))
    calls = calls_of(own)
    own.loss(0)
    kept = calls[0][1]
    assert kept.shape == (1, 3, 96, 96)
    assert float(kept.mean()) == pytest.approx(0.7, abs=4 * math.sqrt(0.21 / kept.numel()))
    both = (kept[:, 0] * kept[:, 1]).mean()
    assert float(both) == pytest.approx(0.49, abs=4 * math.sqrt(0.25 / 96**2))


def test_what_was_taken_out_cannot_be_seen() -> None:
    """The guess at a pixel does not depend on it: the same draws, another value there, the same guess."""
    images = noisy_batch(1, 1, 32, 32)
    own = training(SMALL, images)
    calls = calls_of(own)
    with seeded(4, CPU):
        own.loss(0)
    image, kept, output = calls[0]
    spoilt = torch.where(kept > 0, image, image + 9.0)
    with seeded(4, CPU):
        torch.rand(2), torch.rand_like(image)  # flips and mask were drawn before the dropout
        again = own.net(spoilt.contiguous(memory_format=torch.channels_last), kept)
    assert torch.equal(again, output)


def test_result_is_the_mean_of_the_passes() -> None:
    """One by one from the same random state, flipped back."""
    images = noisy_batch(1, 1, 20, 17)
    own = training(SMALL, images)
    with seeded(6, CPU):
        found = SMALL._mean(own, Context())
    with seeded(6, CPU):
        guesses = [own.guess(0, Context()) for _ in range(SMALL.passes)]
    torch.testing.assert_close(found, torch.cat(guesses).mean(0, keepdim=True))
    assert not torch.equal(guesses[0], guesses[1])
    assert guesses[0].shape == images.shape


def test_guesses_are_flipped_back() -> None:
    """A network that answers with what it was shown gives the image where nothing was taken out."""
    images = noisy_batch(1, 1, 32, 32)
    own = training(SMALL, images)
    own.net.register_forward_hook(lambda _, given, __: given[0] * given[1])
    with seeded(0, CPU):
        guesses = [own.guess(0, Context()) for _ in range(8)]
    for guess in guesses:
        shown = guess != 0
        assert torch.equal(guess[shown], images[shown])
        assert 0.5 < float(shown.float().mean()) < 0.9


@pytest.mark.parametrize("size", [(40, 33), (8, 70)], ids=["both", "rows"])
def test_crops_are_parts_of_the_images(size: tuple[int, int]) -> None:
    images = torch.arange(3.0 * size[0] * size[1]).view(3, 1, *size) + 1
    own = training(replace(SMALL, crop=32, crops=5), images)
    with seeded(0, CPU):
        crops, valid = (torch.cat(parts) for parts in zip(*[own._crops(32) for _ in range(6)], strict=True))
    assert crops.shape == valid.shape == (30, 1, 32, 32)
    assert torch.equal(crops > 0, valid > 0)
    for crop in crops[:, 0]:
        inside = crop[:, crop.amax(0) > 0][crop.amax(1) > 0]
        assert torch.equal(inside.diff(dim=1), torch.ones_like(inside.diff(dim=1)))
        assert torch.equal(inside.diff(dim=0), torch.full_like(inside.diff(dim=0), float(size[1])))
    numbers = {int(crop.amax() - 1) // (size[0] * size[1]) for crop in crops}
    assert numbers == {0, 1, 2}


def test_whole_images_are_read_in_turn() -> None:
    images = noisy_batch(3, 1, 32, 32)
    own = training(SMALL, images)
    calls = calls_of(own)
    for step in range(6):
        own.loss(step)
    for step, (image, _, _) in enumerate(calls):
        assert any(torch.equal(images[step % 3][None].flip(f), image) for f in ([], [-2], [-1], [-2, -1]))


def test_training_takes_noise_away() -> None:
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 32, 32).contiguous()
    noisy = ramp + 0.2 * torch.randn(ramp.shape, generator=torch.Generator().manual_seed(3))
    method = replace(SMALL, steps=120, width=8, passes=8, crop=32, crops=1, rate=5e-3)
    found = method.fit(noisy, Context())(noisy)
    assert (found - ramp).square().mean() < (noisy - ramp).square().mean() / 3


def test_progress_ends_with_the_last_pass() -> None:
    heard: list[Step] = []
    SMALL.fit(noisy_batch(2, 1, 16, 16), Context(on_step=heard.append))
    fractions = [step.fraction for step in heard]
    assert [step.stage for step in heard] == ["training"] * 3 + ["averaging"] * 4
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 1.0


def test_all_gaps_give_finite_values_and_values_in_gaps_do_not_matter() -> None:
    noisy = noisy_batch(1, 1, 12, 12)
    nothing = SMALL.fit(noisy, Context(mask=torch.zeros(1, 1, 12, 12, dtype=torch.bool)))
    assert all(torch.isfinite(value).all() for value in nothing.tensors().values())
    mask = torch.ones(1, 1, 12, 12, dtype=torch.bool)
    mask[..., 2:5, 3:9] = False
    other = torch.where(mask, noisy, torch.full_like(noisy, 7.0))
    first, second = (SMALL.fit(image, Context(mask=mask))(image) for image in (noisy, other))
    assert torch.equal(first, second)


def test_nothing_global_is_left_after_a_cancelled_fit() -> None:
    before = torch.random.get_rng_state()

    def stop(step: Step) -> None:
        if step.loss is None:
            raise Cancelled

    with pytest.raises(Cancelled):
        SMALL.fit(noisy_batch(1, 1, 12, 12), Context(on_step=stop))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_restored_denoiser_is_the_same_and_knows_its_image_only() -> None:
    noisy = noisy_batch(2, 2, 9, 11)
    fitted = SMALL.fit(noisy, Context())
    again = SMALL.restore(fitted.tensors(), Context())
    assert isinstance(again, OwnImage)
    assert torch.equal(again(noisy), fitted(noisy))
    with pytest.raises(SettingError, match="very image"):
        again(noisy + 1)


def test_cost_grows_with_images_steps_and_passes() -> None:
    cost = SMALL.cost(1, 64, 64).training
    pass_cost = replace(SMALL, passes=3).cost(1, 64, 64).training - cost
    assert pass_cost > 0
    assert replace(SMALL, steps=4).cost(1, 64, 64).training - cost == pytest.approx(3 * pass_cost)
    assert SMALL.cost(1, 63, 62).training == cost
    crops = replace(SMALL, crop=32, crops=2)
    assert crops.cost(1, 256, 256).training - crops.cost(1, 128, 128).training == pytest.approx(
        crops.passes * pass_cost * (16 - 4)
    )
