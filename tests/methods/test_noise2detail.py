"""The stages of Noise2Detail, and what its settings change."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from noise2detail.engine.crops import Crops
from noise2detail.engine.network import ThreeLayerNet, new_network
from noise2detail.engine.schedule import Halving
from noise2detail.engine.training import Training
from noise2detail.method import Context, Step
from noise2detail.methods.noise2detail import Noise2Detail, Noise2DetailDenoiser
from noise2detail.tiling.geometry import TILE
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.tiling.windows import random_windows
from noise2detail.types import Batch
from tests.material import noisy_batch

FEW = Training(2, Halving(1e-2))
CROPPED = Training(2, Halving(1e-2), Crops(2, 16))
STRIDES = [(), (2,), (2, 4), (2, 4, 8), (3,)]


def method(training: Training = FEW, **settings: Any) -> Noise2Detail:
    return replace(Noise2Detail(stage1=training, stage3=training, width=6, clip=False), **settings)


def untrained(own: Noise2Detail, channels: int = 1) -> Noise2DetailDenoiser:
    first, second = (new_network(channels, own.width, seed, torch.device("cpu")) for seed in (0, 1))
    return Noise2DetailDenoiser(first, second, own, "float32")


def every(image: Batch, stride: int, net: ThreeLayerNet) -> Batch:
    """``x - f(x)`` of every sub-image of every ``stride``-th pixel, one after the other; zeros at the border."""
    result = torch.empty_like(image)
    for dy in range(stride):
        for dx in range(stride):
            part = image[..., dy::stride, dx::stride]
            result[..., dy::stride, dx::stride] = part - net(part).detach()
    return result


@pytest.mark.parametrize("strides", STRIDES, ids=str)
def test_stages_are_those_of_the_paper(strides: tuple[int, ...]) -> None:
    denoiser, noisy = untrained(method(strides=strides)), noisy_batch(2, 1, 24, 48)
    expected = {"stage1": noisy - denoiser.first(noisy).detach()}
    for stride in strides:
        once = every(noisy, stride, denoiser.first)
        expected[f"refined_stride{stride}"] = once - denoiser.first(once).detach()
    expected["stage2"] = sum(expected.values(), torch.zeros_like(noisy)) / (1 + len(strides))
    expected["stage3"] = denoiser.second(expected["stage2"]).detach()
    found = denoiser.stages(noisy)
    assert list(found) == list(expected)
    for name, image in expected.items():
        torch.testing.assert_close(found[name], image, rtol=0, atol=1e-6)


@pytest.mark.parametrize("training", [FEW, CROPPED], ids=["zeros", "reflect"])
@pytest.mark.parametrize("strides", STRIDES, ids=str)
def test_tiles_with_the_declared_halo_equal_the_whole(strides: tuple[int, ...], training: Training) -> None:
    denoiser = untrained(method(training, strides=strides))
    assert denoiser.halo == (2 * max(strides) + 4 if strides else 4)
    assert all(denoiser.alignment % stride == 0 for stride in strides)
    for y, x in ((45, 50), (8, 70)):
        noisy = noisy_batch(1, 1, y, x)
        found = apply_in_tiles(denoiser, noisy, tile=16, halo=denoiser.halo, alignment=denoiser.alignment)
        torch.testing.assert_close(found, denoiser(noisy), rtol=0, atol=1e-5)


def test_the_halo_is_needed() -> None:
    denoiser, noisy = untrained(method()), noisy_batch(1, 1, 64, 16)
    found = apply_in_tiles(denoiser, noisy, tile=16, halo=denoiser.halo - 4, alignment=denoiser.alignment)
    assert (found - denoiser(noisy)).abs().max() > 1e-4


@pytest.mark.parametrize("stage3_input", ["stage1", "stage2"])
@pytest.mark.parametrize("training", [FEW, CROPPED], ids=["zeros", "reflect"])
def test_stage3_learns_from_what_it_is_applied_to(training: Training, stage3_input: Any) -> None:
    denoiser, noisy = untrained(method(training, stage3_input=stage3_input)), noisy_batch(1, 1, TILE + 13, 19)
    torch.testing.assert_close(denoiser.smooth(noisy), denoiser.stages(noisy)[stage3_input], rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(9, 11), (17, 8), (10, 14)], ids=str)
def test_odd_sizes_are_reflected_at_bottom_and_right_and_cut_back(size: tuple[int, int]) -> None:
    denoiser, noisy = untrained(method()), noisy_batch(1, 1, *size)
    padding = [(0, 0), (0, 0), (0, -size[0] % 4), (0, -size[1] % 4)]
    larger = torch.nn.functional.pad(noisy, (0, padding[3][1], 0, padding[2][1]), mode="reflect")
    expected = denoiser.stages(larger)["stage2"][..., : size[0], : size[1]]
    torch.testing.assert_close(denoiser.stages(noisy)["stage2"], expected)


@pytest.mark.parametrize("clip", [True, False])
def test_clipping_covers_every_stage(clip: bool) -> None:
    denoiser, noisy = untrained(method(clip=clip)), 3 * noisy_batch(1, 1, 16, 16) - 1
    outside = {name: bool(((image < 0) | (image > 1)).any()) for name, image in denoiser.stages(noisy).items()}
    assert any(outside.values()) is not clip


def fitted(own: Noise2Detail, noisy: Batch, seed: int = 0) -> Noise2DetailDenoiser:
    found = own.fit(noisy, Context(seed=seed))
    assert isinstance(found, Noise2DetailDenoiser)
    return found


def test_the_blend_is_the_mean_of_stage_3_and_of_stage_1_applied_twice() -> None:
    noisy = noisy_batch(1, 1, 17, 18)
    denoiser = fitted(method(result="blend"), noisy)
    stages = denoiser.stages(noisy)
    twice = stages["stage1"] - denoiser.first(stages["stage1"]).detach()
    torch.testing.assert_close(stages["blend"], (stages["stage3"] + twice) / 2)
    assert list(stages)[-1] == "blend"
    assert torch.equal(denoiser(noisy), stages["blend"])


def test_members_are_trainings_with_other_seeds_and_their_mean() -> None:
    noisy, heard = noisy_batch(1, 2, 16, 18), list[Step]()
    found = method(members=3).fit(noisy, Context(seed=4, on_step=heard.append))
    alone = [method().fit(noisy, Context(seed=seed)) for seed in (4, 6, 8)]
    torch.testing.assert_close(found(noisy), sum(one(noisy) for one in alone) / 3)
    torch.testing.assert_close(found.stages(noisy)["stage2"], sum(one.stages(noisy)["stage2"] for one in alone) / 3)
    fractions = [step.fraction for step in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert heard[-1].stage == "network 3/3, stage 3"
    again = method(members=3).restore(dict(found.tensors()), Context())
    assert torch.equal(again(noisy), found(noisy))
    assert (found.halo, found.alignment) == (alone[0].halo, alone[0].alignment)


def test_a_large_image_is_sharpened_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """With windows that cover nothing but a part, stage 3 learns from them and nowhere else."""
    from noise2detail.methods import noise2detail as module

    noisy = noisy_batch(1, 1, 120, 131)
    own = method(stage3=Training(4, Halving(1e-3), Crops(5, 16)))
    whole = fitted(own, noisy)
    monkeypatch.setattr(module, "WINDOWS", 2)
    monkeypatch.setattr(module, "WINDOW", 40)
    heard: list[Step] = []
    small = own.fit(noisy, Context(on_step=heard.append))
    assert isinstance(small, Noise2DetailDenoiser)
    assert [step.index for step in heard if step.stage == "stage 2"] == [1, 2]
    assert same(whole.first, small.first)
    assert not same(whole.second, small.second)
    corners = random_windows(noisy, 2, 40, 4, 1)
    changed = noisy.clone()
    outside = torch.ones(120, 131, dtype=torch.bool)
    for _, top, left in corners.corners.tolist():
        outside[max(0, top - 12) : top + 52, max(0, left - 12) : left + 52] = False
    changed[..., outside] += 1
    second = own.fit_stage3(whole.first, changed, Context()).second
    assert same(second, small.second)


def same(one: ThreeLayerNet, other: ThreeLayerNet) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("stage3_input", ["stage1", "stage2"])
def test_reused_weights_go_on_where_stage1_ended(stage3_input: Any) -> None:
    own = method(stage3_weights="reused", stage3=Training(0), stage3_input=stage3_input)
    noisy = noisy_batch(1, 1, 16, 16)
    denoiser = fitted(own, noisy)
    stages = denoiser.stages(noisy)
    assert all(
        torch.equal(a, b) for a, b in zip(denoiser.first.parameters(), denoiser.second.parameters(), strict=True)
    )
    again = stages[stage3_input] - denoiser.first(stages[stage3_input]).detach()
    torch.testing.assert_close(stages["stage3"], again)


def test_fresh_weights_are_others_and_predict_the_image() -> None:
    noisy = noisy_batch(1, 1, 16, 16)
    denoiser = fitted(method(stage3=Training(0)), noisy, seed=4)
    expected = new_network(1, 6, 5, torch.device("cpu"))
    assert all(torch.equal(a, b) for a, b in zip(denoiser.second.parameters(), expected.parameters(), strict=True))
    stages = denoiser.stages(noisy)
    torch.testing.assert_close(stages["stage3"], expected(stages["stage2"]).detach())


CHANGES: list[tuple[str, Any, set[str]]] = [
    ("consistency", "crossed", {"first", "second"}),
    ("stage3_input", "stage1", {"second"}),
    ("stage3_weights", "reused", {"second"}),
    ("strides", (2,), {"second"}),
    ("stage1", replace(FEW, steps=1), {"first", "second"}),
    ("stage3", replace(FEW, steps=1), {"second"}),
]


@pytest.mark.parametrize(("name", "value", "networks"), CHANGES, ids=[name for name, _, _ in CHANGES])
def test_a_setting_changes_the_trainings_that_it_is_about(name: str, value: Any, networks: set[str]) -> None:
    noisy = noisy_batch(1, 1, 16, 16)
    plain, other = (own.fit(noisy, Context()).tensors() for own in (method(), method(**{name: value})))
    assert {key.split(".")[0] for key in plain if not torch.equal(plain[key], other[key])} == networks


def test_recipes() -> None:
    paper, fast = Noise2Detail.recipe("paper"), Noise2Detail.recipe("fast")
    assert paper == Noise2Detail()
    assert (paper.stage1, paper.stage3) == (Training(2000, Halving(1e-3, 1000)),) * 2
    assert (paper.clip, paper.strides, paper.width) == (True, (2, 4), 48)
    assert fast.stage1.crops is not None
    assert fast.stage3.crops is not None
    assert not fast.clip
