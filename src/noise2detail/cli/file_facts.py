"""What is known about files, and what denoising them would take."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from noise2detail.cli.images import chosen_images, labelled
from noise2detail.cli.outputs import beside
from noise2detail.cli.voice import aligned
from noise2detail.cli.wishes import Settled
from noise2detail.errors import InputError, Noise2DetailError, SeveralImagesError
from noise2detail.image import Image
from noise2detail.io import describe, facts_of
from noise2detail.io.announced import readable
from noise2detail.io.names import output_format
from noise2detail.io.source import Source, open_source
from noise2detail.io.writers import left_behind
from noise2detail.pipeline.input import pixels_of
from noise2detail.pipeline.planning import make_plan
from noise2detail.plans import Plan

_SHOWN = ("size", "pixel type", "pixel size")
"""Facts that a list of several images has room for."""


def file_facts(source: Source, settled: Settled) -> tuple[dict[str, Any], str]:
    """The same for programs and for people; of a file with several images of which none is chosen, a list of them.

    Parameters
    ----------
    source
        An image.
    settled
        How it would be denoised.

    Raises
    ------
    UnreadableFileError, AxesError
        It cannot be read.
    """
    path = source.path
    try:
        image = open_source(replace(source, image=settled.image), settled.axes)
    except SeveralImagesError as several:
        if settled.image is not None:
            raise
        return _several(source, several.names, settled.axes)
    size, output = _bytes(source), beside(source, None)
    if settled.image is not None:
        output = labelled(output, chosen_images(source, settled.image)[0][1])
    plan, refusal = _forecast(image, settled)
    lost = left_behind(image, output_format(output))
    record = {"file": str(path), "bytes_on_disk": size, **_record(image, lost)}
    record |= {
        "default_output": output.name,
        "default_format": output_format(output),
        "denoising": _expected(plan) if plan else None,
        "refusal": refusal,
    }
    rows = [("file", str(path)), ("file size", readable(size)), *describe(image)]
    rows += [(f"not in a {output.suffix}", part) for part in lost]
    rows.append(("result", output.name))
    said = f"n2d denoise would refuse it: {refusal}" if plan is None else _in_words(plan)
    return record, f"{aligned([(label, _one_line(text)) for label, text in rows])}\n\n{said}"


def _several(source: Source, names: Sequence[str], axes: str | None) -> tuple[dict[str, Any], str]:
    """What the images of a file are, the one after the other, as none of them is chosen."""
    path, size = source.path, _bytes(source)
    images: list[dict[str, Any]] = []
    rows = [("file", str(path)), ("file size", readable(size)), ("images", str(len(names)))]
    for number, name in enumerate(names):
        try:
            image = open_source(replace(source, image=number), axes)
        except Noise2DetailError as error:
            found, text = {"error": str(error)}, getattr(error, "found", str(error))
        else:
            found, text = _record(image, ()), ", ".join(text for label, text in describe(image) if label in _SHOWN)
        images.append({"number": number, "name": name, **found})
        rows.append((f"image {number}", f"{name!r}: {text}" if name else text))
    record = {"file": str(path), "bytes_on_disk": size, "images": images}
    told = "choose one with --image and its number or name; n2d denoise and n2d convert know --image all too"
    return record, f"{aligned([(label, _one_line(text)) for label, text in rows])}\n\n{told}"


def _record(image: Image, lost: tuple[str, ...]) -> dict[str, Any]:
    """Facts as JSON holds them; whatever stands in a file is a string there."""
    facts = facts_of(image)
    details: dict[str, str] = {}
    for label, text in facts.further:
        details[label] = f"{details[label]}; {text}" if label in details else text
    return {
        "bytes_in_memory": facts.nbytes,
        "format": facts.format,
        "axes": facts.axes,
        "shape": list(facts.lengths),
        "size": dict(zip(facts.axes, facts.lengths, strict=True)),
        "dtype": facts.dtype,
        "pixel_size_um": {axis: _number(size) for axis, size in facts.pixel_size_um},
        "time_increment": _number(facts.time_increment),
        "channel_names": [str(name) for name in facts.channel_names],
        "compression": facts.compression,
        "byte_order": facts.byte_order,
        "details": details,
        "not_carried_over": list(dict.fromkeys((*facts.lost, *lost))),
    }


def _number(value: float | None) -> float | None:
    """The value, if it is a number that JSON knows."""
    return None if value is None or not math.isfinite(value) else float(value)


def _bytes(source: Source) -> int:
    """Of a file, of all files of a folder, or of the parts."""
    files = source.parts or (source.path.rglob("*") if source.path.is_dir() else (source.path,))
    return sum(file.stat().st_size for file in files if file.is_file())


def _forecast(image: Image, settled: Settled) -> tuple[Plan | None, str | None]:
    """A plan made without a look at the noise, or why there is none."""
    wishes = (settled.method, settled.recipe, settled.seed, settled.run)
    try:
        return make_plan(pixels_of(image), image.axes, *wishes, look=False)[0], None
    except InputError as error:
        return None, str(error)


def _expected(plan: Plan) -> dict[str, Any]:
    return {
        "method": plan.method,
        "recipe": plan.recipe,
        "expected_seconds": plan.expected_seconds,
        "expected_mib": plan.expected_mib,
        "device": plan.device,
        "precision": plan.precision,
        "threads": plan.threads,
    }


def _in_words(plan: Plan) -> str:
    seconds = "an unknown time" if plan.expected_seconds is None else f"{plan.expected_seconds:.0f} s"
    return (
        f"n2d denoise would take about {seconds} and {plan.expected_mib or 0:.0f} MiB on {plan.device}, with "
        f"{plan.method}, recipe {plan.recipe}; n2d plan looks at the noise and says more"
    )


def _one_line(text: str) -> str:
    """Text from a file, without what could move the cursor of a terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
