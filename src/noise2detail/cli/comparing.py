"""The page of a comparison, from what lies in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noise2detail.bench.compare import Comparison
from noise2detail.bench.comparison_page import picture_of
from noise2detail.bench.results import Results
from noise2detail.io import open_image, write_bytes
from noise2detail.plans import Target
from noise2detail.report.comparing import Result, compose_comparison
from noise2detail.report.render import render

COLUMNS = (("PSNR (dB)", "psnr", ".2f"), ("SSIM", "ssim", ".3f"), ("seconds", "seconds", ".1f"))


def write_comparison(results: Results, comparison: Comparison, source: Path) -> Path | None:
    """The page beside the results; None where no method has given any.

    Parameters
    ----------
    results
        With their images beside them.
    comparison
        That has given them.
    source
        The noisy file.
    """
    found = tuple(_result(results, comparison, row) for row in _ordered(results) if picture_of(results, row).exists())
    if not found:
        return None
    page = compose_comparison(
        comparison.noisy, found, source, reference=comparison.reference, command=comparison.command
    )
    return write_bytes(results.path.with_name("report.html"), render(page), overwrite=True)


def _ordered(results: Results) -> list[dict[str, Any]]:
    rows = [row for row in results.rows if not row.get("error")]
    return sorted(rows, key=lambda row: -row.get("psnr", float("-inf"))) if any("psnr" in row for row in rows) else rows


def _result(results: Results, comparison: Comparison, row: Mapping[str, Any]) -> Result:
    image = open_image(picture_of(results, row), comparison.noisy.axes)
    figures = {head: f"{row[key]:{form}}" for head, key, form in COLUMNS if key in row}
    return Result(str(row["method"]), image, _target(str(row["method"]), comparison), figures)


def _target(name: str, comparison: Comparison) -> Target:
    """What a method estimates; of those of an earlier run that is not known."""
    methods = (one.build()[1] for one in comparison.candidates if one.name == name)
    return "latent" if any(getattr(method, "target", None) == "latent" for method in methods) else "captured"
