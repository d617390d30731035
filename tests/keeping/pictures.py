"""PNG, JPEG and BMP; the library alone is Pillow."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.PngImagePlugin

from tests.keeping.tiffs import noise
from tests.keeping.trial import Facts, Trial, denoised


def again(source: Path, target: Path) -> None:
    """What everybody writes first."""
    with PIL.Image.open(source) as picture:
        PIL.Image.fromarray(denoised(np.asarray(picture))).save(target)


def exif() -> Any:
    made = PIL.Image.Exif()
    made[271], made[306] = "a camera", "2020:01:02 03:04:05"
    return made


def make_png(path: Path) -> None:
    told = PIL.PngImagePlugin.PngInfo()
    told.add_text("Comment", "taken on Thursday")
    told.add_itxt("Title", "a µ title", lang="en")
    told.add(b"gAMA", struct.pack(">I", 45455))
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    picture = PIL.Image.fromarray(noise((6, 7, 4), "uint8"))
    picture.save(path, dpi=(300, 200), pnginfo=told, icc_profile=profile, exif=exif())


def png_facts(path: Path) -> Facts:
    with PIL.Image.open(path) as picture:
        pixels, said = np.asarray(picture), dict(picture.info)
        stamp = picture.getexif().get(271)
    return {
        "resolution": said.get("dpi"),
        "alpha, its values untouched": pixels[..., 3] if pixels.shape[-1] == 4 else None,
        "text": [str(said[key]) for key in ("Comment", "Title") if key in said] or None,
        "gamma": said.get("gamma"),
        "colour profile": said.get("icc_profile"),
        "Exif": stamp,
    }


def make_deep(path: Path) -> None:
    PIL.Image.fromarray(noise((6, 7))).save(path, dpi=(300, 200))


def deep_facts(path: Path) -> Facts:
    with PIL.Image.open(path) as picture:
        return {"bit depth of 16": {"I;16": 16}.get(picture.mode), "resolution": picture.info.get("dpi")}


def make_jpeg(path: Path) -> None:
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    picture = PIL.Image.fromarray(noise((16, 16, 3), "uint8"))
    picture.save(path, quality=90, dpi=(300, 200), comment=b"a comment", icc_profile=profile, exif=exif())


def again_as_jpeg(source: Path, target: Path) -> None:
    """The same, as what it was."""
    made = target.with_suffix(".jpg")
    again(source, made)
    made.rename(target)


def jpeg_facts(path: Path) -> Facts:
    with PIL.Image.open(path) as picture:
        said, stamp, lossless = dict(picture.info), picture.getexif().get(271), picture.format != "JPEG"
    comment = said.get("comment", said.get("Comment"))
    dpi = said.get("dpi")
    return {
        "resolution": [round(one) for one in dpi] if dpi else None,
        "comment": comment.decode() if isinstance(comment, bytes) else comment,
        "colour profile": said.get("icc_profile"),
        "Exif": stamp,
        "no further loss by JPEG": lossless,
    }


def make_bmp(path: Path) -> None:
    PIL.Image.fromarray(noise((6, 8), "uint8")).save(path, dpi=(300, 200))
    content = bytearray(path.read_bytes())
    content[22:26] = struct.pack("<i", -6)
    path.write_bytes(content)


def bmp_facts(path: Path) -> Facts:
    content = path.read_bytes()
    return {
        "bit depth": struct.unpack_from("<H", content, 28)[0],
        "resolution": struct.unpack_from("<ii", content, 38),
        "palette of greys": content[54:58] == bytes(4) or None,
        "order of the rows (top to bottom)": struct.unpack_from("<i", content, 22)[0] < 0,
    }


def make_clear(path: Path) -> None:
    PIL.Image.fromarray(noise((6, 7, 4), "uint8")).save(path, dpi=(300, 200))


def clear_facts(path: Path) -> Facts:
    content = path.read_bytes()
    with PIL.Image.open(path) as picture:
        pixels = np.asarray(picture)
    start = struct.unpack_from("<I", content, 10)[0]
    fourth = np.frombuffer(content[start:], np.uint8)[3::4] if content[28] == 32 else None
    return {
        "bit depth": struct.unpack_from("<H", content, 28)[0],
        "resolution": struct.unpack_from("<ii", content, 38),
        "fourth sample, its values untouched": None if fourth is None else fourth[: pixels[..., 0].size],
    }


BARE = "Pillow: `fromarray(denoised(asarray(open(source)))).save(result)`"
TRIALS = (
    Trial("PNG", "a.png", "b.png", BARE, "Pillow", make_png, again, png_facts),
    Trial("PNG of 16 bits", "a.png", "b.png", BARE, "Pillow", make_deep, again, deep_facts),
    Trial(
        "JPEG, which becomes PNG", "a.jpg", "b.png", BARE + " as JPEG", "Pillow", make_jpeg,
        again_as_jpeg,
        jpeg_facts, {"no further loss by JPEG": lambda before, after: after["no further loss by JPEG"]},
    ),
    Trial("BMP", "a.bmp", "b.bmp", BARE, "the bytes of the header", make_bmp, again, bmp_facts),
    Trial("BMP of 32 bits", "a.bmp", "b.bmp", BARE, "the bytes of the header", make_clear, again, clear_facts),
)  # fmt: skip
