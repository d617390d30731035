"""What a fit has come to, asked for on the way: of the right shape, finite, and without a trace in the result."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from noise2detail.method import Step
from noise2detail.pipeline.denoise import denoise
from noise2detail.registry import METHODS
from tests.material import CPU, noisy_array, shortened

STAGES = {
    "zs_n2n": {"training"},
    "noise2detail": {"stage 1", "stage 3"},
    "auto": {"network", "filters", "risk"},
}


@pytest.mark.parametrize("stabilize", [False, True])
@pytest.mark.parametrize("name", ["zs_n2n", "noise2detail"])
def test_asking_for_snapshots_changes_nothing(name: str, stabilize: bool) -> None:
    asks_and_compares(name, stabilize=stabilize)


def test_asking_the_mixture_for_snapshots_changes_nothing() -> None:
    asks_and_compares("auto", stabilize=False)


def asks_and_compares(name: str, *, stabilize: bool) -> None:
    noisy = noisy_array(32, 40)
    method = shortened(METHODS[name].method.recipe(METHODS[name].recipes[0]), 3)
    run = replace(CPU, stabilize=stabilize)
    seen: dict[str, torch.Tensor] = {}

    def ask(step: Step) -> None:
        if step.snapshot is not None:
            found = step.snapshot()
            assert found is not None
            seen[step.stage] = found

    asked = denoise(noisy, method=method, run=run, on_step=ask)
    assert np.array_equal(asked, denoise(noisy, method=method, run=run))
    assert set(seen) == STAGES[name]
    assert all(tuple(found.shape) == (1, 1, 32, 40) and bool(found.isfinite().all()) for found in seen.values())


def test_the_last_snapshot_of_a_network_is_its_result() -> None:
    noisy = noisy_array(32, 40)
    method = shortened(METHODS["zs_n2n"].method.recipe("fast"), 4)
    last: list[torch.Tensor] = []

    def ask(step: Step) -> None:
        if step.snapshot is not None and step.index == step.count:
            found = step.snapshot()
            assert found is not None
            last.append(found)

    denoised = denoise(noisy, method=method, run=CPU, on_step=ask)
    shown = last[-1][0, 0].numpy()
    # the working range is an affine map of the values
    assert np.corrcoef(shown.ravel(), denoised.ravel())[0, 1] == pytest.approx(1, abs=1e-6)
