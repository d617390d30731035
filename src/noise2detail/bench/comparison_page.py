"""What a comparison shows while it runs and at its end: a table and a contact sheet."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.bench.results import Results
from noise2detail.bench.sheet import Panel, contact_sheet
from noise2detail.bench.tables import markdown
from noise2detail.image import Image
from noise2detail.io import open_image, write_bytes
from noise2detail.types import Pixels


def picture_of(results: Results, row: Mapping[str, Any]) -> Path:
    """File that holds the image of a row."""
    return results.path.with_name(str(row["file"]))


def show(results: Results, noisy: Image, reference: Image | None) -> None:
    """Bring the table and the sheet beside the results up to date."""
    write_bytes(results.path.with_name("table.md"), table(results).encode(), overwrite=True)
    panels = [Panel(plane_of(noisy, np.asarray(noisy.array)), "noisy")]
    if reference is not None:
        panels.append(Panel(plane_of(noisy, np.asarray(reference.array)), "reference"))
    for row in results.rows:
        if not row.get("error") and picture_of(results, row).exists():
            image = open_image(picture_of(results, row), noisy.axes)
            panels.append(Panel(plane_of(noisy, np.asarray(image.array)), str(row["method"]), _facts(row)))
    content = io.BytesIO()
    contact_sheet(panels, panels[1 if reference is not None else 0].image).save(content, "PNG")
    write_bytes(results.path.with_name("sheet.png"), content.getvalue(), overwrite=True)


def plane_of(image: Image, array: Pixels) -> Pixels:
    """The plane that the sheet shows: the middle of T and Z, the first channel, all colours."""
    sizes = dict(zip(image.axes, array.shape, strict=True))
    middle = {axis: sizes[axis] // 2 if axis in "TZ" else 0 for axis in image.axes if axis in "TZC"}
    plane = array[tuple(middle.get(axis, slice(None)) for axis in image.axes)]
    left = [axis for axis in image.axes if axis not in middle]
    plane = plane.transpose([left.index(axis) for axis in ("Y", "X", "S") if axis in left])
    shown: Pixels = plane if plane.ndim == 2 or plane.shape[-1] == 3 else plane[..., :1].repeat(3, -1)
    return shown


def _facts(row: dict[str, Any]) -> str:
    quality = f"{row['psnr']:.2f} dB, SSIM {row['ssim']:.3f}, " if "psnr" in row else ""
    return f"{quality}{row['seconds']:.1f} s"


def table(results: Results) -> str:
    """The table in Markdown; the best first where there is a reference."""
    with_reference = bool(results.head.get("reference"))
    rows: Sequence[dict[str, Any]] = results.rows
    if with_reference:
        rows = sorted(rows, key=lambda row: -row.get("psnr", float("-inf")))
        lines = [["method", "PSNR (dB)", "SSIM", "seconds", "peak MiB", "remarks"]]
        figures = [(row.get("psnr", ""), row.get("ssim", "")) for row in rows]
        quality = [[f"{a:.2f}" if a != "" else "", f"{b:.3f}" if b != "" else ""] for a, b in figures]
    else:
        lines = [["method", "residual / noise variance", "residual correlation", "seconds", "peak MiB", "remarks"]]
        quality = [[_number(row, "variance_ratio"), _number(row, "correlation")] for row in rows]
    for row, own in zip(rows, quality, strict=True):
        remark = f"failed: {row['error']}" if row.get("error") else str(row.get("verdict", ""))
        lines.append([str(row["method"]), *own, f"{row['seconds']:.1f}", f"{row['peak_mib']:.0f}", remark])
    return markdown(lines) + "\n"


def _number(row: dict[str, Any], name: str) -> str:
    return f"{row[name]:.2f}" if name in row else ""
