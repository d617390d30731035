"""The reference implementation's own figures: every loss and every stage of two short runs."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from noise2detail.engine.network import ThreeLayerNet, new_network
from noise2detail.engine.pair_training import Pairs, Stage, train_on_pairs
from noise2detail.engine.schedule import Halving
from noise2detail.engine.training import Training
from noise2detail.method import Context, Step
from noise2detail.methods.noise2detail import Noise2Detail, Noise2DetailDenoiser

GOLDEN = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[3] / "shared" / "golden"
STAGES = ("stage1", "refined_stride2", "refined_stride4", "stage2", "stage3")
FORTY = Training(40, Halving(1e-3, 20))
METHOD = Noise2Detail(stage1=FORTY, stage3=FORTY)

Trace = Mapping[str, NDArray[np.float32]]


@pytest.fixture(scope="module", params=sorted(GOLDEN.glob("*.npz")), ids=lambda path: path.stem)
def trace(request: pytest.FixtureRequest) -> Trace:
    with np.load(request.param) as content:
        return dict(content)


@pytest.fixture(scope="module")
def replayed(trace: Trace) -> tuple[list[float], Noise2DetailDenoiser]:
    """Losses of both trainings from the stored initial weights, and what was learnt."""
    noisy = noisy_of(trace)
    losses: list[float] = []
    context = Context(on_step=partial(hear, losses))
    first, second = (initial(trace, f"{stage}_init_", noisy.shape[1]) for stage in ("stage1", "stage3"))
    denoiser = Noise2DetailDenoiser(first, second, METHOD, "float32")
    whole = Stage("", 0.0, 1.0)
    train_on_pairs(first, Pairs(noisy, noisy, "residual", METHOD.consistency), METHOD.stage1, whole, context)
    refined = Pairs(denoiser.smooth(noisy), noisy, METHOD.stage3_form, METHOD.consistency)
    train_on_pairs(second, refined, METHOD.stage3, whole, context)
    return losses, denoiser


def hear(losses: list[float], step: Step) -> None:
    assert step.loss is not None
    losses.append(float(step.loss))


def noisy_of(trace: Trace) -> torch.Tensor:
    return torch.from_numpy(trace["noisy"])[None].float()


def initial(trace: Trace, prefix: str, channels: int) -> ThreeLayerNet:
    net = new_network(channels, METHOD.width, 0, torch.device("cpu"))
    stored = {
        name.removeprefix(prefix): torch.from_numpy(value) for name, value in trace.items() if name.startswith(prefix)
    }
    net.load_state_dict(stored)
    return net


def test_every_loss_agrees(trace: Trace, replayed: tuple[list[float], Noise2DetailDenoiser]) -> None:
    expected = np.concatenate([trace["stage1_losses"], trace["stage3_losses"]])
    assert len(expected) == 80
    np.testing.assert_allclose(replayed[0], expected, rtol=1e-5)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_agrees(trace: Trace, replayed: tuple[list[float], Noise2DetailDenoiser], stage: str) -> None:
    found = replayed[1].stages(noisy_of(trace))
    assert tuple(found) == STAGES
    np.testing.assert_allclose(found[stage][0].numpy(), trace[stage], rtol=0, atol=1e-4)


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared/golden, of which tests/methods/golden is a copy, is not here"
)
@pytest.mark.parametrize("copy", sorted(GOLDEN.glob("*.npz")), ids=lambda path: path.stem)
def test_copies_are_the_reference_files(copy: Path) -> None:
    assert copy.read_bytes() == (SHARED / copy.name).read_bytes()
    assert {path.name for path in SHARED.glob("*.npz")} == {path.name for path in GOLDEN.glob("*.npz")}
