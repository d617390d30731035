"""How far estimates are from the truth, told from the noisy image alone, and the mixture that is nearest.

Source
------
Stein, "Estimation of the mean of a multivariate normal distribution", Annals of Statistics 1981; Ramani, Blu & Unser,
"Monte-Carlo SURE", IEEE TIP 2008: the divergence of any estimator by one random probe. Noise of another covariance: the
probe has that covariance. Oliveira, Lei & Tibshirani, "Unbiased risk estimation in the normal means problem via coupled
bootstrap techniques", 2022: the reference, which fits anew to data with more noise.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Values = NDArray[np.float64]

STEP = 0.1
"""Of the probe, in deviations of the noise: estimators with thresholds jump, and jumps count too."""


def divergence(before: Tensor, after: Tensor, probe: Tensor) -> float:
    """Sum over pixels of the covariance of the noise with the estimate.

    Parameters
    ----------
    before, after
        Estimates from the noisy image, and from the image plus ``STEP`` times the probe.
    probe
        Noise of the same covariance as that of the image, drawn independently.
    """
    return float((probe * (after - before)).double().sum()) / STEP


def mixture(noisy: Tensor, estimates: Sequence[Tensor], divergences: Sequence[float]) -> list[float]:
    """Weights, none negative and 1 in sum, of the mixture of estimates with the least expected square error.

    Parameters
    ----------
    noisy
        The image.
    estimates
        Of the same pixels, of the same shape.
    divergences
        Of each, from ``divergence`` over those pixels.

    Only differences between estimates count, so that what all of them have in common adds no noise to the weights:
    with ``f`` the last estimate and ``D`` the differences of the others from it, the risk of ``f + D w`` changes by
    ``w' D'D w - 2 w' (D'(y - f) - d)``, where ``d`` are the differences of the divergences.
    """
    last = estimates[-1].double().flatten()
    apart = [estimate.double().flatten() - last for estimate in estimates[:-1]]
    rest = noisy.double().flatten() - last
    gram = np.array([[float(one @ other) for other in apart] for one in apart]).reshape(len(apart), len(apart))
    own = [float(rest @ one) for one in apart]
    pull = np.array([o - (d - divergences[-1]) for o, d in zip(own, divergences, strict=False)])
    found = _least(gram, pull)
    return [*found.tolist(), 1.0 - float(found.sum())]


def _least(gram: Values, pull: Values) -> Values:
    """Where ``w' gram w - 2 w' pull`` is least among weights that are not negative and at most 1 in sum.

    The few weights that there are allow to try every combination of those that are 0, with and without a rest.
    """
    best, least = np.zeros(len(pull)), 0.0
    ridge = 1e-9 * float(np.trace(gram))
    if ridge < np.finfo(np.float64).tiny:  # all estimates are the same
        return best
    for count in range(1, len(pull) + 1):
        for chosen in itertools.combinations(range(len(pull)), count):
            rows = np.array(chosen)
            part = gram[np.ix_(rows, rows)] + ridge * np.eye(count)
            free = np.linalg.solve(part, pull[rows])
            ones = np.linalg.solve(part, np.ones(count))
            for own in (free, free + ones * (1 - free.sum()) / ones.sum()):
                if own.min() < 0 or own.sum() > 1 + 1e-9:
                    continue
                value = float(own @ gram[np.ix_(rows, rows)] @ own - 2 * own @ pull[rows])
                if value < least:
                    best, least = np.zeros(len(pull)), value
                    best[rows] = own
    return best


def coupled_risk(
    estimate: Callable[[Tensor], Tensor], noisy: Tensor, draws: int, *, share: float = 0.25, seed: int = 0
) -> float:
    """Mean square error of an estimator that is fitted anew in each draw: the plain way, and slow.

    Parameters
    ----------
    estimate
        Of the noise-free image, from a noisy one.
    noisy
        An image whose noise is white, of variance 1.
    draws
        Repetitions that are averaged.
    share
        Variance of the noise that is added: the risk is that at ``1 + share`` times the noise.
    seed
        Of what is added.
    """
    generator = torch.Generator().manual_seed(seed)
    total = 0.0
    for _ in range(draws):
        added = torch.randn(noisy.shape, generator=generator).to(noisy)
        found = estimate(noisy + share**0.5 * added)
        other = noisy - added / share**0.5  # its noise is independent of that of the first
        total += float((found - other).square().mean()) - float((added / share**0.5).square().mean())
    # what is left of the difference between an independent copy and the truth is the noise of the image itself
    return total / draws - 1.0
