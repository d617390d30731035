"""Denoising again: what a plan did to an image, done to others like it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from noise2detail.errors import SettingError
from noise2detail.method import ignore
from noise2detail.pipeline.denoise import execute
from noise2detail.pipeline.layout import lay_out
from noise2detail.pipeline.planning import check_seed, make_plan
from noise2detail.pipeline.progress import Listener, Part
from noise2detail.pipeline.replaying import replay
from noise2detail.plans import Plan, Target
from noise2detail.settings import from_data
from noise2detail.types import Pixels

Again = Callable[[Pixels], Pixels]
"""An image of its kind, denoised from scratch by the same method."""


def image_again(
    plan: Plan, *, seed: int | None = None, repeats: int = 1, turn: int = 0, on_step: Listener = ignore
) -> Again:
    """A function that denoises a whole image exactly as planned, from scratch.

    Value maps, noise and everything that was decided are those of the plan: other recordings of the same scene go the
    same way, and the image itself gives the same bits as before. The result is not rounded.

    Parameters
    ----------
    plan
        By which the image was denoised.
    seed
        None: that of the plan.
    repeats
        Calls of which ``on_step`` hears as of one work.
    turn
        Which of them the first call is, from 0.
    on_step
        Hears of every step; raise ``Cancelled`` there to stop.

    Raises
    ------
    SettingError
        A seed that is none; and on a call, an image of another shape than planned.
    """
    method = from_data(dict(plan.settings))
    listen = _in_turn(repeats, on_step, turn)
    made = _seeded(plan, seed)

    def again(noisy: Pixels) -> Pixels:
        if noisy.shape != plan.shape:
            raise SettingError(f"the image has the shape {noisy.shape}; expected that of the plan, {plan.shape}")
        return execute(noisy, made, method, lay_out(noisy, plan.axes), listen(), exact_type(noisy.dtype))

    return again


def plane_again(plan: Plan, *, seed: int | None = None, repeats: int = 1, on_step: Listener = ignore) -> Again:
    """A function that denoises one plane of one channel, of any size, by the method of a plan, from scratch.

    Halves of an image have another noise and other values than the image: both are found anew, while settings and
    choices stay those of the plan. Channels that a plan takes together are taken one by one here, planes that share a
    training get one each, and nothing is refused.

    Parameters
    ----------
    plan, seed, repeats, on_step
        As for ``image_again``.

    Raises
    ------
    SettingError
        A plan that cannot be repeated, such as one of ``noise2noise``, which needs several frames; or a seed that is
        none.
    """
    if plan.frames:
        raise SettingError(f"{plan.method} learns from several frames of a scene; expected a method that needs one")
    again = replay(plan)
    run = replace(again.run, anyway=True, fit="plane", channels="joint", at_once=None)
    listen = _in_turn(repeats, on_step)
    chosen = _seeded(plan, seed).seed

    def one(noisy: Pixels) -> Pixels:
        found = exact_type(noisy.dtype)
        made, method, layout = make_plan(noisy, "YX", again.method, again.recipe, chosen, run, found)
        return execute(noisy, made, method, layout, listen(), found)

    return one


def target_of(plan: Plan) -> Target:
    """What the result of a plan estimates where noise was cut off."""
    said = plan.settings.get("target")
    if said in ("latent", "captured"):
        return "latent" if said == "latent" else "captured"
    return "latent" if plan.settings.get("unclip") else "captured"


def exact_type(dtype: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Type in which a result is not rounded: what float32 cannot hold exactly is float64."""
    exact = dtype.kind == "f" and dtype.itemsize <= 4
    return np.dtype(np.float32 if exact else np.float64)


def _seeded(plan: Plan, seed: int | None) -> Plan:
    if seed is None:
        return plan
    check_seed(seed)
    return replace(plan, seed=seed)


def _in_turn(repeats: int, on_step: Listener, turn: int = 0) -> Callable[[], Listener]:
    """Listeners for one repeat after the other, each a share of all; the last one for those beyond."""
    done = turn - 1

    def listen() -> Listener:
        nonlocal done
        done = min(done + 1, repeats - 1)
        return Part(done, repeats, "repeat").listen(on_step)

    return listen
