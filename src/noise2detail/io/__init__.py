"""Files: readers and writers that give back the same kind of file, and refuse what they cannot read whole."""

from noise2detail.io.atomic import write_bytes
from noise2detail.io.describe import Facts, describe, facts_of
from noise2detail.io.listing import Found, find_images
from noise2detail.io.names import default_output, refuse_output
from noise2detail.io.open import image_names, open_image
from noise2detail.io.save import save_image
from noise2detail.io.sidecar import sha256, sidecar_path

__all__ = [
    "Facts",
    "Found",
    "default_output",
    "describe",
    "facts_of",
    "find_images",
    "image_names",
    "open_image",
    "refuse_output",
    "save_image",
    "sha256",
    "sidecar_path",
    "write_bytes",
]
