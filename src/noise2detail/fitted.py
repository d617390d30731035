"""A denoiser that outlives the image it was fitted to: one for a whole experiment, kept in a file."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

from noise2detail import registry
from noise2detail.errors import AxesError, DeviceError, SettingError, UnreadableFileError
from noise2detail.io import write_bytes
from noise2detail.method import Context, Denoiser, Method, Step, ignore
from noise2detail.pipeline.computing import computing
from noise2detail.pipeline.denoise import Noisy, apply_planes
from noise2detail.pipeline.fitting import fit_planes
from noise2detail.pipeline.input import like, take
from noise2detail.pipeline.layout import Layout, check_pixel_type, lay_out
from noise2detail.pipeline.memory import choose_tile, fastest_tile, find_limit, need_of
from noise2detail.pipeline.planning import make_plan
from noise2detail.pipeline.precision import choose_precision
from noise2detail.pipeline.progress import Listener
from noise2detail.pipeline.replaying import plan_from_data
from noise2detail.pipeline.run import Run, find_device
from noise2detail.pipeline.threads import choose_threads
from noise2detail.pipeline.training_set import training_set
from noise2detail.plans import Plan
from noise2detail.settings import from_data, to_data
from noise2detail.types import Pixels

FILE_VERSION = 1
"""Of what stands in the file's header."""

HEADER = "noise2detail"
"""Key of the header's one entry."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was learnt from one image or series, with everything needed to apply it to others."""

    denoisers: tuple[Denoiser, ...]
    """One for each group of channels."""
    method: Method
    """That fitted them."""
    plan: Plan
    """By which they were fitted."""

    def save(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write to a safetensors file: weights, settings and value maps, no code.

        Raises
        ------
        OutputExistsError
            The file is there already and ``overwrite`` is not set.
        UnwritableFileError
            It cannot be written; nothing is left behind.
        """
        header = {"version": FILE_VERSION, "method": to_data(self.method), "plan": asdict(self.plan)}
        tensors = {
            f"{number}.{name}": tensor
            for number, denoiser in enumerate(self.denoisers)
            for name, tensor in denoiser.tensors().items()
        }
        content = safetensors.torch.save(tensors, {HEADER: json.dumps(header)})
        return write_bytes(Path(path), content, overwrite=overwrite)


def fit(
    noisy: Any,
    *,
    axes: str | None = None,
    method: str | Method = registry.DEFAULT,
    recipe: str | None = None,
    seed: int = 0,
    run: Run = Run(),  # noqa: B008 - frozen
    on_step: Callable[[Step], None] = ignore,
) -> Fitted:
    """One denoiser, fitted to all planes of an image or series together.

    Parameters
    ----------
    noisy, axes, method, recipe, seed, run, on_step
        As for ``denoise``; there is one training for all planes, whatever ``run.fit`` says.

    Raises
    ------
    InputError, SettingError
        As ``denoise``.
    """
    array, axes = take(noisy, axes)
    plan, chosen, layout = make_plan(array, axes, method, recipe, seed, replace(run, fit="shared"))
    if chosen.scope != "any":
        raise SettingError(
            f"{plan.method} is bound to the image it was fitted to; use denoise instead of fit and apply"
        )
    planes, valid = training_set(array, plan, layout)
    with computing(plan.device, plan.threads):
        return Fitted(fit_planes(planes, valid, chosen, plan, on_step), chosen, plan)


def apply(fitted: Fitted, noisy: Noisy, *, axes: str | None = None, on_step: Listener = ignore) -> Noisy:
    """Image denoised by what was learnt from another: same shape, type and intensity scale.

    Control and treated images that are denoised by one ``fitted`` go through one and the same function of the pixel
    values, so a comparison of their intensities stays fair.

    Parameters
    ----------
    fitted
        From ``fit`` or ``load``.
    noisy
        As for ``denoise``, with as many channels as what ``fitted`` learnt from.
    axes
        As for ``denoise``.
    on_step
        Hears of every tile; raise ``Cancelled`` there to stop.

    Raises
    ------
    InputError
        The image cannot be denoised, or has other channels.
    SettingError
        The image does not fit into the memory that was allowed.
    """
    array, axes = take(noisy, axes)
    plan, layout = plan_application(fitted, array, axes)
    result: Noisy = like(noisy, apply_planes(array, plan, layout, fitted.denoisers, on_step))
    return result


def plan_application(
    fitted: Fitted, array: Pixels, axes: str | None, result_type: np.dtype[Any] | None = None
) -> tuple[Plan, Layout]:
    """The plan of the fit as it stands for another image, and how that is laid out.

    Parameters
    ----------
    fitted, array, axes
        As for ``apply``.
    result_type
        In which the result is wanted; None: that of the image.

    Raises
    ------
    InputError, SettingError
        As ``apply``.
    """
    check_pixel_type(array.dtype)
    layout = lay_out(array, axes)
    if layout.channels != fitted.plan.channels:
        raise AxesError(
            f"the image has {layout.channels} channels (axes {layout.axes}, shape {array.shape}); this denoiser was "
            f"fitted to {fitted.plan.channels}; apply it to images with the same channels"
        )
    need = need_of(layout, array.dtype, fitted.plan.value_maps, result_type or array.dtype, 0.0)
    plan = replace(
        fitted.plan,
        shape=tuple(array.shape),
        axes=layout.axes,
        dtype=str(array.dtype),
        planes=len(layout.planes),
        tile=choose_tile(fitted.plan.max_memory, need, fastest_tile(fitted.plan.device)),
        expected_seconds=None,
        expected_mib=None,
    )
    return plan, layout


def load(path: Path | str, *, run: Run = Run()) -> Fitted:  # noqa: B008 - frozen
    """What ``Fitted.save`` wrote.

    Parameters
    ----------
    path
        The file.
    run
        Device, precision, threads and memory to apply it with; the rest was decided by the fit.

    Raises
    ------
    UnreadableFileError
        Absent, damaged, or not such a file.
    """
    path = Path(path)
    header, tensors = _read(path)
    if header.get("version") != FILE_VERSION:
        raise UnreadableFileError(
            path, f"a denoiser of file version {header.get('version')}", f"expected {FILE_VERSION}"
        )
    device = find_device(run.device)
    precision = choose_precision(run, device)[0]
    limit = find_limit(run.max_memory)
    try:
        plan = replace(
            plan_from_data(header["plan"]),
            device=str(device),
            precision=precision,
            threads=choose_threads(run.threads)[0],
            max_memory=limit,
        )
        method: Method = from_data(header["method"])
        context = Context(seed=plan.seed, device=device, precision=plan.precision)
        count = 1 + max(int(name.split(".")[0]) for name in tensors)
        with computing(device):
            denoisers = tuple(method.restore(_own(tensors, number), context) for number in range(count))
    except DeviceError:
        raise
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UnreadableFileError(path, f"a damaged denoiser ({error})", "fit and save it again") from error
    return Fitted(denoisers, method, plan)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors of a file that this package has written."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = dict(json.loads(file.metadata()[HEADER]))
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except FileNotFoundError as error:
        raise UnreadableFileError(path, "there is no such file") from error
    except (OSError, safetensors.SafetensorError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise UnreadableFileError(
            path, f"not a denoiser ({error})", "expected a file that n2d fit has written"
        ) from error


def _own(tensors: dict[str, torch.Tensor], number: int) -> dict[str, torch.Tensor]:
    prefix = f"{number}."
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
