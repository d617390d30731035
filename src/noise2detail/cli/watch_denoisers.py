"""The denoiser of a watch: one for the whole experiment, kept beside the outputs, or that of a file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from noise2detail.cli.voice import Voice
from noise2detail.cli.wishes import Settled
from noise2detail.fitted import Fitted, fit, load
from noise2detail.image import Image
from noise2detail.method import Step
from noise2detail.pipeline.input import pixels_of
from noise2detail.pipeline.layout import lay_out
from noise2detail.watch.drifting import Known, known_of, what_changed
from noise2detail.watch.records import Records

_DESCRIBED = 4
"""Planes of an image that are looked at for a drift, spread over it."""


@dataclass(frozen=True)
class Chosen:
    """What an image goes through."""

    fitted: Fitted
    path: Path
    """Of the file that holds it."""


class Denoisers:
    """The only component that decides which denoiser a file goes through.

    Parameters
    ----------
    records
        Of the watch, whose folder the denoisers lie in.
    given
        A file with a denoiser; None: the first image is learnt from.
    settled
        How to learn and apply.
    refit
        Learn again from an image that has drifted away from what is known; else only say so.
    voice
        Hears of it.
    """

    def __init__(self, records: Records, given: Path | None, settled: Settled, *, refit: bool, voice: Voice) -> None:
        self._records, self._settled, self._refit, self._voice = records, settled, refit, voice
        self._chosen: Chosen | None = None
        self._known: Known | None = None
        name = next(reversed(records.denoisers), "")
        if given is not None:
            self._chosen = Chosen(load(given, run=settled.run), given)
            self._known = records.denoisers.get(given.name)
        elif name and (records.path.parent / name).exists():
            self._chosen = Chosen(load(records.path.parent / name, run=settled.run), records.path.parent / name)
            self._known = records.denoisers[name]

    def of(self, image: Image, name: str, on_step: Callable[[Step], None]) -> Chosen:
        """The denoiser for an image: that of the experiment, unless the image has drifted away from it.

        Parameters
        ----------
        image
            All of it in memory.
        name
            Of its file.
        on_step
            Hears of a training.
        """
        if self._chosen is None:
            return self._learn(image, name, "", on_step)
        why = self._drift(image)
        if not why:
            return self._chosen
        if self._refit:
            return self._learn(image, name, why, on_step)
        self._voice.warning(f"{name} has drifted away from what {self._chosen.path.name} learnt from: {why}")
        return self._chosen

    def _learn(self, image: Image, name: str, why: str, on_step: Callable[[Step], None]) -> Chosen:
        settled = self._settled
        fitted = fit(
            image, method=settled.method, recipe=settled.recipe, seed=settled.seed, run=settled.run, on_step=on_step
        )
        path = self._free()
        fitted.save(path)
        known = _known(image)
        self._records.add_denoiser(path.name, known)
        self._voice.note(f"{path.name} was learnt from {name}" + (f", because {why}" if why else ""))
        self._chosen, self._known = Chosen(fitted, path), known
        return self._chosen

    def _free(self) -> Path:
        folder, number = self._records.path.parent, len(self._records.denoisers) + 1
        while (folder / f"denoiser-{number}.safetensors").exists():
            number += 1
        return folder / f"denoiser-{number}.safetensors"

    def _drift(self, image: Image) -> str:
        """What has changed since the denoiser learnt, as words; the first image stands for one that was given."""
        if self._chosen is None or lay_out(pixels_of(image), image.axes).channels != self._chosen.fitted.plan.channels:
            return ""  # whoever applies it says what is wrong
        if self._known is None:
            self._known = _known(image)
            self._records.add_denoiser(self._chosen.path.name, self._known)
            return ""
        planes = _planes(image)
        return what_changed(self._known, planes[len(planes) // 2], _plane_axes(image))


def _plane_axes(image: Image) -> str:
    return "".join(axis for axis in image.axes if axis not in "TZ")


def _planes(image: Image) -> list[Image]:
    """Some planes, with their channels."""
    array = pixels_of(image)
    outer = [axis for axis in image.axes if axis in "TZ"]
    moved = array.transpose([image.axes.index(axis) for axis in (*outer, *_plane_axes(image))])
    flat = moved.reshape(-1, *moved.shape[len(outer) :])
    step = max(1, len(flat) // _DESCRIBED)
    return list(flat[::step][:_DESCRIBED])


def _known(image: Image) -> Known:
    return known_of(_planes(image), _plane_axes(image))
