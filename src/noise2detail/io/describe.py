"""What is known about an image, in words."""

from noise2detail.image import Image
from noise2detail.io.announced import readable
from noise2detail.io.template import TIFF_KEY, TiffTemplate

FACTS_KEY = "facts"
"""Key, in the metadata of an image, of further rows for :func:`describe`: label and text of each."""

_FORMATS = {
    "array": "array",
    "npy": "NPY",
    "png": "PNG",
    "tiff": "TIFF",
    "ome-tiff": "OME-TIFF",
    "imagej-tiff": "ImageJ TIFF",
    "nifti": "NIfTI",
    "mrc": "MRC",
    "dicom": "DICOM",
    "czi": "Zeiss CZI",
    "nd2": "Nikon ND2",
    "lif": "Leica LIF",
}
_COMPRESSIONS = {1: "none", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 32946: "deflate", 50000: "Zstandard"}


def describe(image: Image) -> tuple[tuple[str, str], ...]:
    """Label and text of each fact, for a table; looks at no pixel.

    Parameters
    ----------
    image
        As opened.
    """
    shape = tuple(image.array.shape)
    size = " x ".join(f"{axis} {length}" for axis, length in zip(image.axes, shape, strict=True))
    nbytes = int(image.array.dtype.itemsize)
    for length in shape:
        nbytes *= length
    rows = [
        ("format", _FORMATS.get(image.format, image.format)),
        ("axes", image.axes),
        ("size", size),
        ("pixel type", str(image.array.dtype)),
        ("pixels", readable(nbytes)),
        ("pixel size", _pixel_size(image)),
        ("time increment", "unknown" if image.time_increment is None else f"{image.time_increment:g} s"),
        ("channels", ", ".join(image.channel_names) or "unnamed"),
    ]
    template = image.metadata.get(TIFF_KEY)
    if isinstance(template, TiffTemplate):
        rows.append(("compression", _COMPRESSIONS.get(template.compression, f"code {template.compression}")))
        rows.append(("byte order", "little-endian" if template.byteorder == "<" else "big-endian"))
        rows += [("not carried over", lost) for lost in template.dropped]
    rows += image.metadata.get(FACTS_KEY, ())
    return tuple(row for row in rows if not (row[0] == "time increment" and "T" not in image.axes))


def _pixel_size(image: Image) -> str:
    if not image.pixel_size_um:
        return "unknown"
    sizes = (f"{axis} {image.pixel_size_um[axis]:.6g}" for axis in "XYZ" if axis in image.pixel_size_um)
    return ", ".join(sizes) + " um"
