"""What every method promises, asked of every method in the registry."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from noise2detail.errors import Cancelled
from noise2detail.method import Context, Denoiser, Method, Step
from noise2detail.methods.auto import Auto
from noise2detail.registry import METHODS
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Batch
from tests.material import is_trained, noisy_batch, reads_frames, registered, shortened

SIZES = [(8, 8), (9, 11), (17, 8), (8, 31)]
METHOD = pytest.mark.parametrize("method", registered())


@pytest.fixture(scope="module")
def fitted() -> dict[Method, Denoiser]:
    """One denoiser of each method: applying needs no new training."""
    return {}


def denoiser_of(fitted: dict[Method, Denoiser], method: Method) -> Denoiser:
    if method not in fitted:
        fitted[method] = fit(method, noisy_batch(1, 1, 24, 24), Context())
    return fitted[method]


def fit(method: Method, noisy: Batch, context: Context) -> Denoiser:
    """Fitted to the images; a method that learns from frames gets another recording of each."""
    if not reads_frames(method):
        return method.fit(noisy, context)
    again = noisy + noisy_batch(*noisy.shape, seed=7) - noisy_batch(*noisy.shape)
    if context.mask is not None:
        context = replace(context, mask=torch.cat([context.mask, context.mask]))
    return method.fit(torch.cat([noisy, again]), context)


def fit_and_apply(method: Method, noisy: Batch, **context: Any) -> Batch:
    return fit(method, noisy, Context(**context))(noisy)


def skip_unless_trained(method: Method) -> None:
    if not is_trained(method):
        pytest.skip("trains nothing")


def skip_unless_of_the_engine(method: Method) -> None:
    """For what is promised of methods whose networks are trained by ``Training`` only."""
    if not trainings(method):
        pytest.skip("has a training of its own")


@METHOD
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_result_is_finite_float32_of_the_same_size(method: Method, size: tuple[int, int]) -> None:
    noisy = noisy_batch(1, 1, *size)
    before = noisy.clone()
    found = fit_and_apply(method, noisy)
    assert found.shape == noisy.shape
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert not torch.equal(found, noisy)
    assert torch.equal(noisy, before)


@METHOD
@pytest.mark.parametrize("channels", [2, 5])
def test_any_number_of_channels(method: Method, channels: int) -> None:
    noisy = noisy_batch(1, channels, 9, 12)
    found = fit_and_apply(method, noisy)
    assert found.shape == noisy.shape
    assert torch.isfinite(found).all()


@METHOD
def test_one_fit_sees_every_image_of_a_batch(method: Method) -> None:
    noisy = noisy_batch(3, 1, 12, 10)
    batches = (noisy, torch.cat([noisy[:2], noisy[2:] + 1]))
    together, changed = (fit(method, batch, Context()) for batch in batches)
    found = together(noisy)
    assert found.shape == noisy.shape
    torch.testing.assert_close(found, torch.cat([together(image[None]) for image in noisy]), rtol=0, atol=1e-5)
    # crops of a few steps may miss an image, whole images may not
    if trainings(method) and all(value["crops"] is None for value in trainings(method)):
        assert not torch.equal(changed(noisy), found)


def trainings(method: Any) -> list[Any]:
    return [vars(value) for value in vars(method).values() if hasattr(value, "crops")]


@METHOD
def test_same_seed_same_bits(method: Method) -> None:
    noisy = noisy_batch(1, 1, 16, 15)
    first = fit_and_apply(method, noisy, seed=3)
    torch.rand(5)
    assert torch.equal(fit_and_apply(method, noisy, seed=3), first)
    skip_unless_trained(method)
    assert not torch.equal(fit_and_apply(method, noisy, seed=4), first)


@METHOD
def test_nothing_global_changes(method: Method) -> None:
    before = torch.random.get_rng_state(), torch.is_grad_enabled(), torch.get_num_threads()
    fit_and_apply(method, noisy_batch(1, 1, 16, 15))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (torch.is_grad_enabled(), torch.get_num_threads()) == before[1:]


@METHOD
@pytest.mark.parametrize("tile", [1, 12, 64])
@pytest.mark.parametrize("size", [(8, 8), (37, 50), (41, 9)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_tiles_equal_the_whole(
    method: Method, fitted: dict[Method, Denoiser], size: tuple[int, int], tile: int
) -> None:
    denoiser = denoiser_of(fitted, method)
    if denoiser.halo is None:
        return
    noisy = noisy_batch(2, 1, *size)
    found = apply_in_tiles(
        denoiser, noisy, tile=max(tile, size[0] // 4), halo=denoiser.halo, alignment=denoiser.alignment
    )
    torch.testing.assert_close(found, denoiser(noisy), rtol=0, atol=1e-5)


@METHOD
def test_an_output_pixel_depends_on_the_halo_at_most(method: Method, fitted: dict[Method, Denoiser]) -> None:
    denoiser = denoiser_of(fitted, method)
    if denoiser.halo is None:
        return
    middle = 8 * (denoiser.halo // 8 + 2)
    noisy = noisy_batch(1, 1, 2 * middle, 32)
    changed = noisy.clone()
    changed[..., middle:, :] += 0.05
    moved = (denoiser(changed) - denoiser(noisy)).abs().amax((0, 1, 3))
    assert moved[: middle - denoiser.halo].max() < 1e-6
    assert moved[middle] > 1e-5


@METHOD
def test_raising_in_the_listener_stops_at_once(method: Method) -> None:
    heard: list[Step] = []

    def stop(step: Step) -> None:
        heard.append(step)
        if len(heard) == 2 or step.fraction == 1:
            raise Cancelled

    before = torch.random.get_rng_state()
    with pytest.raises(Cancelled):
        fit(method, noisy_batch(1, 1, 12, 12), Context(on_step=stop))
    assert len(heard) <= 2
    assert torch.equal(torch.random.get_rng_state(), before)


@METHOD
def test_every_step_is_reported_until_all_is_done(method: Method) -> None:
    heard: list[Step] = []
    fit(method, noisy_batch(1, 1, 12, 12), Context(on_step=heard.append))
    fractions = [step.fraction for step in heard]
    assert fractions == sorted(set(fractions))
    assert fractions[0] > 0
    assert fractions[-1] == 1.0
    learning = [step for step in heard if step.loss is not None]
    skip_unless_of_the_engine(method)
    count = getattr(method, "members", 1) * len(trainings(method))
    assert [(step.index, step.count) for step in learning] == [(1, 3), (2, 3), (3, 3)] * count
    assert len({step.stage for step in learning}) == count
    assert all(step.loss is not None and torch.isfinite(step.loss) for step in learning)


@METHOD
@pytest.mark.parametrize(("channels", "masked"), [(1, True), (3, False)], ids=["masked", "colour"])
def test_images_fitted_side_by_side_are_those_fitted_alone(method: Any, channels: int, masked: bool) -> None:
    if not hasattr(method, "fit_each"):
        pytest.skip("trains one network after the other")
    noisy = torch.cat([noisy_batch(2, channels, 17, 22), noisy_batch(1, channels, 17, 22, seed=1) * 3 - 1])
    mask = torch.rand(3, 1, 17, 22, generator=torch.Generator().manual_seed(8)) > 0.04 if masked else None
    together = method.fit_each(noisy, Context(seed=4, mask=mask))
    assert len(together) == 3
    for number, denoiser in enumerate(together):
        own = slice(number, number + 1)
        alone = method.fit(noisy[own], Context(seed=4, mask=None if mask is None else mask[own]))
        torch.testing.assert_close(denoiser(noisy[own]), alone(noisy[own]), rtol=0, atol=2e-4)
        assert denoiser.tensors().keys() == alone.tensors().keys()
        assert all(value.shape == alone.tensors()[name].shape for name, value in denoiser.tensors().items())


@METHOD
def test_a_warm_start_is_taken(method: Method) -> None:
    skip_unless_of_the_engine(method)
    noisy = noisy_batch(1, 1, 16, 16)
    first = method.fit(noisy, Context())
    standing = shortened(method, 1)
    for training in [name for name, value in vars(method).items() if hasattr(value, "crops")]:
        still = replace(
            getattr(method, training).schedule, **{next(iter(vars(getattr(method, training).schedule))): 0.0}
        )
        standing = replace(standing, **{training: replace(getattr(standing, training), schedule=still)})
    again = standing.fit(noisy, Context(seed=9), start=first)
    assert torch.equal(again(noisy), first(noisy))
    assert not torch.equal(standing.fit(noisy, Context(seed=9))(noisy), first(noisy))


@METHOD
def test_a_start_of_another_method_is_ignored(method: Method) -> None:
    skip_unless_of_the_engine(method)
    noisy = noisy_batch(1, 1, 12, 12)
    alone = fit_and_apply(method, noisy)
    for entry in (METHODS[name] for name in ("noise2detail", "zs_n2n", "median")):
        if not isinstance(method, entry.method):
            other = fit(shortened(entry.method.recipe(entry.recipes[0]), 1), noisy, Context())
            assert torch.equal(method.fit(noisy, Context(), start=other)(noisy), alone)


@METHOD
@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_learnt_can_be_restored(method: Method, channels: int) -> None:
    noisy = noisy_batch(1, channels, 13, 12)
    first = fit(method, noisy, Context())
    tensors = {name: value.clone() for name, value in first.tensors().items()}
    again = method.restore(tensors, Context(seed=5))
    assert torch.equal(again(noisy), first(noisy))
    assert (again.halo, again.alignment) == (first.halo, first.alignment)


@METHOD
def test_the_last_stage_is_the_result(method: Method, fitted: dict[Method, Denoiser]) -> None:
    noisy = noisy_batch(1, 1, 24, 24) if method.scope == "image" else noisy_batch(2, 1, 13, 18)
    denoiser = denoiser_of(fitted, method)
    stages = denoiser.stages(noisy)
    assert all(image.shape == noisy.shape for image in stages.values())
    assert torch.equal(list(stages.values())[-1], denoiser(noisy))


@METHOD
def test_gaps_teach_nothing(method: Method) -> None:
    """Training on nothing but gaps leaves the initial weights, which no training at all leaves too."""
    noisy = noisy_batch(1, 1, 16, 16)
    gaps = torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    skip_unless_of_the_engine(method)
    untrained = shortened(method, 1).fit(noisy, Context(mask=gaps))
    still = method.fit(noisy, Context(mask=gaps))
    trained = method.fit(noisy, Context())
    assert all(torch.equal(value, untrained.tensors()[name]) for name, value in still.tensors().items())
    assert not any(torch.equal(value, untrained.tensors()[name]) for name, value in trained.tensors().items())


@METHOD
def test_a_part_of_gaps_is_left_out(method: Method) -> None:
    noisy = noisy_batch(1, 2, 16, 18)
    mask = torch.ones(1, 1, 16, 18, dtype=torch.bool)
    mask[..., 3:7, 4:9] = False
    masked, plain = fit_and_apply(method, noisy, mask=mask), fit_and_apply(method, noisy)
    assert torch.isfinite(masked).all()
    nothing = fit_and_apply(method, noisy, mask=torch.zeros_like(mask))
    assert torch.isfinite(nothing).all()
    skip_unless_trained(method)
    assert not torch.equal(masked, plain)


@METHOD
def test_bfloat16_stays_close_to_float32(method: Method) -> None:
    short, noisy = shortened(method, 1), noisy_batch(1, 1, 16, 16)
    exact, rough = (fit_and_apply(short, noisy, precision=p) for p in ("float32", "bfloat16"))
    assert rough.dtype == torch.float32
    assert torch.isfinite(rough).all()
    # of a mixture, a network may have no part
    assert torch.equal(rough, exact) != is_trained(method) or isinstance(method, Auto)
    assert (rough - exact).abs().max() < 0.1 * exact.abs().max().clamp_min(1)


@METHOD
def test_cost_grows_with_the_work(method: Any) -> None:
    cost = method.cost(1, 64, 64)
    larger = method.cost(1, 128, 128).application
    assert larger == method.cost(4, 64, 64).application
    assert 0 < cost.application < larger or method.scope == "image"
    assert cost.total == cost.training + cost.application
    skip_unless_trained(method)
    assert cost.training < shortened(method, 6).cost(1, 64, 64).training
    skip_unless_of_the_engine(method)
    whole = sum(training["steps"] * 64 * 64 for training in trainings(method) if training["crops"] is None)
    assert cost.total > whole


@pytest.mark.parametrize(("name", "entry"), METHODS.items(), ids=list(METHODS))
def test_every_method_keeps_the_contract(name: str, entry: Any) -> None:
    for recipe in entry.recipes:
        method = entry.method.recipe(recipe)
        assert isinstance(method, Method)
        assert method.scope in {"any", "image"}
        assert hash(method) == hash(entry.method.recipe(recipe))
        assert isinstance(fit(shortened(method, 1), noisy_batch(1, 1, 8, 8), Context()), Denoiser)
    assert "paper" in entry.recipes or not is_trained(method) or name == "auto"


@pytest.mark.gpu
@METHOD
def test_an_accelerator_gives_nearly_the_same(method: Method, accelerator: torch.device) -> None:
    noisy = noisy_batch(1, 1, 24, 21)
    found = method.fit(noisy.to(accelerator), Context(device=accelerator))(noisy.to(accelerator))
    assert found.device.type == accelerator.type
    torch.testing.assert_close(found.cpu(), fit_and_apply(method, noisy), rtol=0, atol=2e-2)


@pytest.mark.gpu
@METHOD
def test_bfloat16_on_an_accelerator(method: Method, accelerator: torch.device) -> None:
    noisy = noisy_batch(1, 1, 24, 21).to(accelerator)
    exact, rough = (fit_and_apply(method, noisy, device=accelerator, precision=p) for p in ("float32", "bfloat16"))
    assert torch.isfinite(rough).all()
    assert (rough - exact).abs().max() < 0.1
