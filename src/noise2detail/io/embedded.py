"""How large the images are that other formats carry inside, by their own headers; nothing is decoded.

A strip of a TIFF or a frame of a DICOM file may be a whole JPEG, and a few bytes of JPEG may announce gigabytes.
"""

import struct

_FRAME_HEADERS = frozenset(range(0xFFC0, 0xFFD0)) - {0xFFC4, 0xFFC8, 0xFFCC} | {0xFFF7}
_JXR_ENTRIES = 64
_JXL_LENGTHS = (9, 13, 18, 30)
_JXL_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def embedded_size(data: bytes) -> tuple[int, int] | None:
    """Rows and columns that an encoded image announces; None where it is of no known kind or has no header.

    Parameters
    ----------
    data
        The image, or its first bytes.
    """
    try:
        for magic, size in _KINDS:
            if data.startswith(magic):
                return size(data)
    except (struct.error, IndexError, ValueError):
        return None
    return None


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Rows and columns that a JPEG or JPEG-LS image announces.

    Raises
    ------
    ValueError
        It has no frame header.
    """
    at = 2
    while at + 9 <= len(data):
        marker, length = struct.unpack(">HH", data[at : at + 4])
        if marker in _FRAME_HEADERS:
            rows, columns = struct.unpack(">HH", data[at + 5 : at + 9])
            return rows, columns
        at += 2 + length
    raise ValueError("a frame without a JPEG header")


def _jpeg2000(data: bytes) -> tuple[int, int]:
    at = data.index(b"\xff\x4f\xff\x51")
    right, bottom, left, top = struct.unpack(">4I", data[at + 8 : at + 24])
    return bottom - top, right - left


def _png(data: bytes) -> tuple[int, int]:
    columns, rows = struct.unpack(">II", data[16:24])
    return rows, columns


def _webp(data: bytes) -> tuple[int, int]:
    if len(data) < 30:
        raise ValueError("no size")
    if data[12:16] == b"VP8X":
        return _little(data[27:30]) + 1, _little(data[24:27]) + 1
    if data[12:16] == b"VP8L":
        bits = _little(data[21:25])
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    return _little(data[28:30]) & 0x3FFF, _little(data[26:28]) & 0x3FFF


def _lerc(data: bytes) -> tuple[int, int]:
    at = 14 if struct.unpack("<i", data[6:10])[0] >= 3 else 10  # newer versions have a checksum in between
    rows, columns = struct.unpack("<ii", data[at : at + 8])
    return rows, columns


def _jpeg_xr(data: bytes) -> tuple[int, int]:
    at = _little(data[4:8])
    if _little(data[at : at + 2]) > _JXR_ENTRIES:
        raise ValueError("no directory")
    entries = [data[place : place + 12] for place in range(at + 2, at + 2 + 12 * _little(data[at : at + 2]), 12)]
    # the value of a short entry stands in its first two bytes
    found = {_little(one[:2]): _little(one[8 : 10 if one[2] == 3 else 12]) for one in entries if len(one) == 12}
    if not {0xBC80, 0xBC81} <= found.keys():
        raise ValueError("no size")
    return found[0xBC81], found[0xBC80]


def _jpeg_xl(data: bytes) -> tuple[int, int]:
    bits = _little(data[data.index(b"\xff\x0a") + 2 :][:12])

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    def length() -> int:
        return 8 * (take(5) + 1) if small else take(_JXL_LENGTHS[take(2)]) + 1

    small = take(1)
    rows, ratio = length(), take(3)
    if not ratio:
        return rows, length()
    wide, high = _JXL_RATIOS[ratio - 1]
    return rows, rows * wide // high


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


_KINDS = (
    (b"\xff\xd8", jpeg_size),
    (b"\xff\x4f", _jpeg2000),
    (b"\0\0\0\x0cjP", _jpeg2000),
    (b"\x89PNG", _png),
    (b"RIFF", _webp),
    (b"Lerc2 ", _lerc),
    (b"II\xbc", _jpeg_xr),
    (b"\xff\x0a", _jpeg_xl),
    (b"\0\0\0\x0cJXL", _jpeg_xl),
)
