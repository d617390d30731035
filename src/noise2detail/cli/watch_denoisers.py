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
from noise2detail.types import Pixels
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
        self._given = None if given is None else Chosen(load(given, run=settled.run), given)
        self._current: dict[int, str] = {len(known): name for name, known in records.denoisers.items()}
        self._loaded: dict[str, Chosen] = {}

    def of(self, image: Image, name: str, on_step: Callable[[Step], None]) -> Chosen:
        """The denoiser for an image: that of the experiment, unless the image has drifted away from it.

        Images with other channels have one of their own.

        Parameters
        ----------
        image
            All of it in memory.
        name
            Of its file.
        on_step
            Hears of a training.
        """
        channels = lay_out(pixels_of(image), image.axes).channels
        current = self._given.path.name if self._given else self._current.get(channels, "")
        if not current:
            return self._learn(image, name, "", on_step)
        known = self._records.denoisers.get(current)
        if known is None:  # the first image stands for what a denoiser that was given has learnt from
            self._records.add_denoiser(current, _known(image))
            return self._chosen(current)
        if len(known) != channels or not (why := _drift(known, image)):
            return self._chosen(current)
        if not self._refit:
            self._voice.warning(f"{name} has drifted away from what {current} learnt from: {why}")
            return self._chosen(current)
        return self._fitting(image, channels) or self._learn(image, name, why, on_step)

    def _fitting(self, image: Image, channels: int) -> Chosen | None:
        """The newest other denoiser whose images were like this one."""
        for name, known in reversed(self._records.denoisers.items()):
            if name != self._current.get(channels) and len(known) == channels and not _drift(known, image):
                self._voice.note(f"back to {name}, which learnt from images like this one")
                self._current[channels] = name
                return self._chosen(name)
        return None

    def _chosen(self, name: str) -> Chosen:
        if self._given is not None and name == self._given.path.name:
            return self._given
        if name not in self._loaded:
            path = self._records.path.parent / name
            self._loaded[name] = Chosen(load(path, run=self._settled.run), path)
        return self._loaded[name]

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
        self._current[len(known)], self._loaded[path.name] = path.name, Chosen(fitted, path)
        return self._loaded[path.name]

    def _free(self) -> Path:
        folder, number = self._records.path.parent, len(self._records.denoisers) + 1
        while (folder / f"denoiser-{number}.safetensors").exists():
            number += 1
        return folder / f"denoiser-{number}.safetensors"


def _drift(known: Known, image: Image) -> str:
    """What has changed since a denoiser learnt, as words."""
    planes = _planes(image)
    return what_changed(known, planes[len(planes) // 2], _plane_axes(image))


def _plane_axes(image: Image) -> str:
    return "".join(axis for axis in image.axes if axis not in "TZ")


def _planes(image: Image) -> list[Pixels]:
    """Some planes, with their channels."""
    array = pixels_of(image)
    outer = [axis for axis in image.axes if axis in "TZ"]
    moved = array.transpose([image.axes.index(axis) for axis in (*outer, *_plane_axes(image))])
    flat = moved.reshape(-1, *moved.shape[len(outer) :])
    step = max(1, len(flat) // _DESCRIBED)
    return list(flat[::step][:_DESCRIBED])


def _known(image: Image) -> Known:
    return known_of(_planes(image), _plane_axes(image))
