"""Training on pairs: what a mask leaves out, and what is reported."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from noise2detail.engine.crop_loss import SMALLEST_CROP
from noise2detail.engine.crops import Crops
from noise2detail.engine.network import ThreeLayerNet, new_network
from noise2detail.engine.optimizers import Muon
from noise2detail.engine.pair_training import Pairs, Stage, train_on_pairs
from noise2detail.engine.schedule import Halving
from noise2detail.engine.training import Training, train
from noise2detail.errors import DivergedError, SettingError
from noise2detail.method import Context, Step
from noise2detail.types import Batch
from tests.material import noisy_batch

TRAININGS = [
    pytest.param(Training(3, Halving(1e-3)), id="whole"),
    pytest.param(Training(3, Halving(1e-3), Crops(4, 16)), id="crops"),
    pytest.param(Training(3, Halving(1e-3), Crops(4, 16, 4), 0.5, Muon()), id="muon"),
]


def trained(source: Batch, target: Batch, training: Training, **context: Any) -> ThreeLayerNet:
    net = new_network(source.shape[1], 6, 0, torch.device("cpu"))
    train_on_pairs(
        net,
        Pairs(source, target, "direct", "same", context.pop("mask", None)),
        training,
        Stage("sharpening", 0.25, 0.75),
        Context(**context),
    )
    return net


def same_bits(one: ThreeLayerNet, other: ThreeLayerNet) -> bool:
    weights = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in weights)


@pytest.mark.parametrize("training", TRAININGS)
def test_what_stands_at_gaps_of_the_target_does_not_matter(training: Training) -> None:
    source, target = noisy_batch(2, 2, 20, 19), noisy_batch(2, 2, 20, 19, seed=1)
    mask = torch.rand(2, 1, 20, 19, generator=torch.Generator().manual_seed(4)) > 0.05
    spoiled = torch.where(mask, target, 100.0)
    assert same_bits(trained(source, target, training, mask=mask), trained(source, spoiled, training, mask=mask))
    assert not same_bits(trained(source, target, training), trained(source, spoiled, training))


@pytest.mark.parametrize("training", TRAININGS)
def test_nothing_but_gaps_teaches_nothing(training: Training) -> None:
    image = noisy_batch(1, 1, 20, 19)
    net = trained(image, image, training, mask=torch.zeros(1, 1, 20, 19, dtype=torch.bool))
    assert same_bits(net, new_network(1, 6, 0, torch.device("cpu")))


@pytest.mark.parametrize("training", TRAININGS)
def test_a_mask_without_gaps_changes_nothing(training: Training) -> None:
    image = noisy_batch(1, 1, 20, 18)
    plain, masked = (
        trained(image, image, training, mask=m) for m in (None, torch.ones(1, 1, 20, 18, dtype=torch.bool))
    )
    for a, b in zip(plain.parameters(), masked.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize("training", TRAININGS)
def test_every_step_is_reported(training: Training) -> None:
    heard: list[Step] = []
    image = noisy_batch(1, 1, 16, 16)
    trained(image, image, training, on_step=heard.append)
    assert [(step.stage, step.index, step.count) for step in heard] == [("sharpening", n, 3) for n in (1, 2, 3)]
    assert [step.fraction for step in heard] == pytest.approx([0.25 + 0.5 * n / 3 for n in (1, 2, 3)])
    assert all(step.loss is not None and step.loss.shape == () and not step.loss.requires_grad for step in heard)


def test_the_seed_chooses_the_crops() -> None:
    image, training = noisy_batch(1, 1, 40, 40), Training(3, Halving(1e-3), Crops(2, 16))
    assert same_bits(trained(image, image, training, seed=1), trained(image, image, training, seed=1))
    assert not same_bits(trained(image, image, training, seed=1), trained(image, image, training, seed=2))
    whole = replace(training, crops=None)
    assert same_bits(trained(image, image, whole, seed=1), trained(image, image, whole, seed=2))


@pytest.mark.parametrize("training", TRAININGS)
def test_bfloat16_stays_close_to_float32(training: Training) -> None:
    image = noisy_batch(1, 1, 16, 16)
    exact, rough = (trained(image, image, training, precision=p) for p in ("float32", "bfloat16"))
    for a, b in zip(exact.parameters(), rough.parameters(), strict=True):
        assert b.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0, atol=0.04)  # three steps of 6e-3 each way at most
    assert not same_bits(exact, rough)


def test_the_smallest_crop() -> None:
    image = noisy_batch(1, 1, 20, 19)
    trained(image, image, Training(1, Halving(), Crops(1, SMALLEST_CROP)))
    with pytest.raises(SettingError, match=r"crops.size is 8; expected a number of at least 12"):
        trained(image, image, Training(1, Halving(), Crops(1, SMALLEST_CROP - 4)))


def test_a_training_that_diverges_is_tried_again_more_slowly(caplog: pytest.LogCaptureFixture) -> None:
    """The second attempt begins with the same weights; it is the training at a quarter of the rate."""
    image = noisy_batch(1, 1, 32, 32)
    wild = Training(12, Halving(3e4), Crops(2, 16))
    tame = Training(12, Halving(wild.schedule.scaled(0.25).rate), Crops(2, 16))  # type: ignore[union-attr]
    with pytest.raises(DivergedError, match=r"sharpening diverged: its loss was .* at a learning rate of 7500"):
        trained(image, image, wild)
    assert "sharpening diverged at step" in caplog.text
    assert "at a learning rate of 30000; trying once more at a quarter of it" in caplog.text
    with pytest.raises(DivergedError):
        trained(image, image, tame)


def test_the_second_attempt_counts_if_it_holds(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    from noise2detail.engine import pair_training

    image, training = noisy_batch(1, 1, 32, 32), Training(5, Halving(1e-3), Crops(2, 16))
    expected = trained(image, image, training.slower(0.25))
    true_train, attempts = train, []

    def diverge_first(net: ThreeLayerNet, *rest: Any) -> None:
        attempts.append(net)
        true_train(net, *rest)
        if len(attempts) == 1:
            raise DivergedError(5, 5, 1e-3, float("nan"))

    monkeypatch.setattr(pair_training, "train", diverge_first)
    assert same_bits(trained(image, image, training), expected)
    assert len(attempts) == 2
    assert "trying once more" in caplog.text


@pytest.mark.parametrize("training", TRAININGS)
def test_where_the_caller_has_switched_gradients_off_training_goes_on(training: Training) -> None:
    image = noisy_batch(1, 1, 24, 28)
    expected = trained(image, image, training)
    with torch.no_grad():
        assert same_bits(trained(image, image, training), expected)
