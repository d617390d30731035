"""Amounts of memory as people write them."""

import re

from noise2detail.errors import SettingError

_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def parse_size(text: str) -> int:
    """Number of bytes.

    >>> parse_size("4GB"), parse_size("512 MiB"), parse_size("1.5g")
    (4000000000, 536870912, 1500000000)

    Raises
    ------
    SettingError
        Not an amount of memory.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?)?b?\s*", text.lower())
    if not found or not float(found[1]):
        raise SettingError(f"{text!r} is not an amount of memory; expected one such as 4GB, 512MiB or 2000000000")
    return int(float(found[1]) * _BYTES[found[2] or ""])
