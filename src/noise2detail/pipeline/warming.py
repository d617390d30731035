"""Training that goes on from plane to plane."""

from dataclasses import replace

from noise2detail.method import Denoiser, Method
from noise2detail.pipeline.fitting import Planes, Valid, fit_planes
from noise2detail.pipeline.progress import Listener, share
from noise2detail.pipeline.series import briefly
from noise2detail.plans import Plan

SEEDS = 1000
"""Between those of planes: more than the members of a method use."""

LARGEST_SEED = 2**62
"""Generators take no larger ones, and methods add to what they get."""


class Warm:
    """Denoisers of planes that come in the order of the work; the only thing here that remembers the one before."""

    def __init__(self, method: Method, plan: Plan) -> None:
        self._method, self._briefly, self._plan = method, briefly(method), plan
        self._before: tuple[Denoiser, ...] | None = None
        self._starts = frozenset(plan.starts)

    def fitted(self, number: int, planes: Planes, valid: Valid | None, on_step: Listener) -> tuple[Denoiser, ...]:
        """Denoisers of one plane, one for each group of channels.

        Parameters
        ----------
        number
            Of the plane, in the order of the work.
        planes, valid, on_step
            As for ``fit_planes``.
        """
        anew = self._before is None or number in self._starts
        name = "" if number == 0 else "anew, " if anew else "going on, "
        method, begin = (self._method, None) if anew else (self._briefly, self._before)
        # what goes on draws other crops than before, or it would see the same places of every plane
        seed = self._plan.seed if anew else (self._plan.seed + SEEDS * number) % LARGEST_SEED
        plan, listen = replace(self._plan, seed=seed), share(on_step, 0.0, 1.0, name)
        self._before = fit_planes(planes, valid, method, plan, listen, begin)
        return self._before
