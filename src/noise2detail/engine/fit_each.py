"""One network for each image, all trained in one batched program."""

import logging
from dataclasses import replace

import torch

from noise2detail.method import Context, Denoiser, FitsEach, Method, Step
from noise2detail.types import Batch

log = logging.getLogger(__name__)


def fit_each(method: Method, noisy: Batch, context: Context) -> tuple[Denoiser, ...]:
    """A denoiser for each image, as ``method.fit`` would give for it alone.

    Parameters
    ----------
    method
        One that trains networks side by side where it can (``FitsEach``); any other is fitted to one image after the
        other.
    noisy
        Images of one size.
    context
        As for ``fit``; its mask holds one for each image.

    Raises
    ------
    DivergedError
        The training of an image diverged, and again at a lower rate.
    """
    if len(noisy) == 1 or not isinstance(method, FitsEach):
        return tuple(_alone(method, noisy, context, number) for number in range(len(noisy)))
    found = method.fit_each(noisy, context)
    return tuple(
        denoiser if _is_finite(denoiser) else _again(method, noisy, context, number)
        for number, denoiser in enumerate(found)
    )


def _again(method: Method, noisy: Batch, context: Context, number: int) -> Denoiser:
    """Fitted alone, where a training that diverges is noticed and tried again."""
    log.warning("the training of image %d of %d diverged among others; it is trained alone", number + 1, len(noisy))
    return method.fit(noisy[number : number + 1], _context_of(context, number))


def _alone(method: Method, noisy: Batch, context: Context, number: int) -> Denoiser:
    own = _context_of(context, number)
    count = len(noisy)

    def listen(step: Step) -> None:
        context.on_step(replace(step, fraction=(number + step.fraction) / count))

    return method.fit(noisy[number : number + 1], replace(own, on_step=listen) if count > 1 else own)


def _context_of(context: Context, number: int) -> Context:
    return replace(context, mask=None if context.mask is None else context.mask[number : number + 1])


def _is_finite(denoiser: Denoiser) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in denoiser.tensors().values())
