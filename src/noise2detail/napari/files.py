"""Layers to files and back, through the readers and writers of this package: what napari's own lack stays."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from noise2detail.errors import Noise2DetailError
from noise2detail.image import Image
from noise2detail.napari.records import provenance_of, record_in
from noise2detail.napari.resolve import described
from noise2detail.napari.units import scale_and_units

LayerData = tuple[Any, dict[str, Any], str]


def write_image(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """The file, as the name's ending says, with axes, pixel sizes and, of a result, what was done beside it.

    What the file said that the layer came from is kept where the result goes into a file of the same kind.

    Parameters
    ----------
    path
        Ends in .ome.tif, .tif, .ome.zarr, .nii.gz, .mrc, .npz or whatever ``n2d denoise -o`` takes; one that is there
        is replaced, napari has asked.
    data, meta
        Of the layer.

    Raises
    ------
    UnwritableFileError, OutputExistsError
        It cannot be written, or is the file that the layer came from.
    """
    from noise2detail.io import save_image

    layer = SimpleNamespace(**meta, data=data, _type_string="image")
    subject = described(layer)
    record = record_in(subject.metadata)
    source = str((record or {}).get("path", "")) or subject.path
    image = _with_what_the_file_said(subject.image, source)
    history = provenance_of(record) if record else None
    return [str(save_image(image, path, overwrite=True, source=source or None, provenance=history))]


def reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """What reads a file that napari itself does not; None for several at once."""
    return read_image if isinstance(path, str) else None


def read_image(path: str | Sequence[str]) -> list[LayerData]:
    """Layers of a file, one for each channel.

    Raises
    ------
    UnreadableFileError
        Not an image that this package reads.
    """
    from noise2detail.io import open_image

    return layers_of(open_image(Path(str(path))).in_memory(), Path(str(path)).name)


def layers_of(image: Image, name: str) -> list[LayerData]:
    """An image as layers with axis names, scale and units."""
    axes = image.axes.replace("C", "")
    scale, units = scale_and_units(axes, image.pixel_size_um, image.time_increment)
    labels = tuple(axes.replace("S", "").lower())
    meta: dict[str, Any] = {"scale": scale, "units": units, "axis_labels": labels, "rgb": "S" in axes, "name": name}
    if "C" not in image.axes:
        return [(image.array, meta, "image")]
    place = image.axes.index("C")
    count = image.array.shape[place]
    names = image.channel_names if len(image.channel_names) == count else [str(one + 1) for one in range(count)]
    index = (slice(None),) * place
    return [
        (image.array[(*index, number)], meta | {"name": f"{name} {own}", "blending": "additive"}, "image")
        for number, own in enumerate(names)
    ]


def _with_what_the_file_said(image: Image, source: str) -> Image:
    """Metadata of the file that a layer came from, where the layer still is all of it."""
    from noise2detail.io import open_image

    if not source or not Path(source).exists():
        return image
    try:
        said = open_image(source)
    except Noise2DetailError:  # of a format that another reader knows
        return image
    if tuple(said.array.shape) != tuple(image.array.shape):
        return image
    return replace(said, array=image.array, no_data=None)
