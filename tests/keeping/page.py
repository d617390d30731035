"""Write ``docs/reference/formats.md`` and ``refusals.md`` from what is measured here; a test keeps them equal.

python -m tests.keeping.page
"""

import logging
import tempfile
import tomllib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from noise2detail.errors import Noise2DetailError
from noise2detail.io import default_output, open_image, save_image
from tests.keeping import medical, pictures, stores, tiffs, volumes
from tests.keeping.refusals import READING, WRITING, Provoke, said
from tests.keeping.trial import Outcome, Trial, run, told_while

ROOT = Path(__file__).parents[2]
FORMATS_PAGE = ROOT / "docs" / "reference" / "formats.md"
REFUSALS_PAGE = ROOT / "docs" / "reference" / "refusals.md"
TRIALS: tuple[Trial, ...] = (
    *tiffs.TRIALS,
    *stores.TRIALS,
    *pictures.TRIALS,
    *medical.TRIALS,
    *volumes.TRIALS,
)
TARGETS = (".ome.tif", ".tif", ".ome.zarr", ".nii.gz", ".mrc", ".png", ".bmp", ".npy", ".npz")


@dataclass(frozen=True)
class Format:
    """What cannot be measured about a format."""

    names: tuple[str, ...]
    """Suffixes."""
    reader: str
    """What reads it, as its package is called; ``own``: this package itself."""
    trials: tuple[str, ...] = ()
    """Titles of the trials that measure it."""


FORMATS: Mapping[str, Format] = {
    "ome-tiff": Format((".ome.tif", ".ome.tiff", ".companion.ome"), "tifffile", ("OME-TIFF",)),
    "imagej-tiff": Format((".tif", ".tiff"), "tifffile", ("ImageJ TIFF",)),
    "tiff": Format((".tif", ".tiff", ".btf", ".tf2", ".tf8", ".lsm", ".stk"), "tifffile", ("TIFF",)),
    "ome-zarr": Format((".ome.zarr", ".zarr"), "zarr", ("OME-Zarr 0.4", "OME-Zarr 0.5")),
    "png": Format((".png",), "imagecodecs", ("PNG", "PNG of 16 bits")),
    "jpeg": Format((".jpg", ".jpeg", ".jpe", ".jfif"), "pillow", ("JPEG, which becomes PNG",)),
    "bmp": Format((".bmp",), "own", ("BMP", "BMP of 32 bits")),
    "dicom": Format((".dcm", ".dicom", ".ima"), "pydicom", tuple(one.title for one in medical.TRIALS)),
    "nifti": Format((".nii", ".nii.gz", ".hdr", ".img"), "own", ("NIfTI",)),
    "mrc": Format(
        (".mrc", ".mrcs", ".map", ".rec", ".st", ".ali", ".preali", ".dv", ".r3d"), "own", ("MRC",)
    ),
    "npy": Format((".npy",), "numpy", ("NPY",)),
    "npz": Format((".npz",), "numpy", ("NPZ",)),
    "czi": Format((".czi",), "own"),
    "nd2": Format((".nd2",), "nd2"),
    "lif": Format((".lif",), "liffile"),
    "oif": Format((".oif",), "oiffile"),
    "oib": Format((".oib",), "oiffile"),
    "ndtiff": Format(("",), "own"),
}  # fmt: skip
"""Every format by its name in ``Image.format``."""

HEAD = """# Formats

Written by `python -m tests.keeping.page`, which makes a file of every kind with all the fields below, changes its
pixels, writes it back, and reads both files with a library that is not ours. A test fails where we lose a field in
silence, and where this page is not what comes out.

A result is a file of the same kind as its input, with everything that the input said, as long as its pixels have the
same shape and names of channels. What a file is, is decided by its content; the name matters only for results. What
cannot be read or written is refused with a message: [every refusal](refusals.md). Real files of every format, those of
microscopes among them, and what became of them: [benchmarks](../../benchmarks/results/formats.md).
"""

FIELDS = """## Field by field

*Library alone* is the shortest program with the library of the format, as most scripts have it; it says what is lost if
nobody takes care. *noise2detail* is `n2d.open` and `n2d.save`. Both write other pixels than they have read, as a
denoiser does.
"""

ELSEWHERE = """## Into another format

Axes, pixel size, names of channels and time between frames go along as far as the other format has a place for them.
What does not is told as a warning; these are the words for the files above. A target that is not named cannot hold such
pixels, and is refused.

| from | to | told as not carried over |
|---|---|---|"""

REFUSED = """# What is refused

Written by `python -m tests.keeping.page`, which really does each of these things and notes the message. Nothing is
written then, and nothing that was there is touched. A message gives the file, what was found, and what to do.
"""


def outcomes(folder: Path) -> list[Outcome]:
    """Every trial."""
    return [run(trial, folder / str(number)) for number, trial in enumerate(TRIALS)]


def formats_page(results: Sequence[Outcome], folder: Path) -> str:
    """Markdown of the formats; the folder holds what the trials have left."""
    lines = [HEAD, "## All formats", "", *overview(results), "", FIELDS]
    for outcome in results:
        lines += [*table(outcome), ""]
    return "\n".join([*lines, ELSEWHERE, *elsewhere(folder)]) + "\n"


def overview(results: Sequence[Outcome]) -> Iterator[str]:
    """One row for each format."""
    by_title = {outcome.trial.title: outcome for outcome in results}
    extras = {
        package.split(">=")[0]: name
        for name, packages in _project()["optional-dependencies"].items()
        for package in packages
        if name in {"lif", "nd2", "oif"}
    }
    yield "| format | names | read with | result | to install besides | fields kept | told as lost |"
    yield "|---|---|---|---|---|---|---|"
    for name, known in FORMATS.items():
        mine = [by_title[title] for title in known.trials]
        count, total = sum(sum(one.ours.values()) for one in mine), sum(len(one.ours) for one in mine)
        lost = "; ".join(word for one in mine for word in one.told if word in _losses(one)) or "nothing"
        result = default_output(Path(f"cells{known.names[0]}")).name
        extra = f"`noise2detail[{extras[known.reader]}]`" if known.reader in extras else "nothing"
        library = "its own code" if known.reader == "own" else known.reader
        measured = f"{count} of {total}" if mine else "not measured here"
        cells = (
            title(name),
            ", ".join(known.names) or "a folder with NDTiff.index",
            library,
            result,
            extra,
            measured,
            lost if mine else "not measured here",
        )
        yield _row(*cells)


def title(name: str) -> str:
    """A format as people call it."""
    from noise2detail.io.describe import _FORMATS

    return _FORMATS[name]


def table(outcome: Outcome) -> Iterator[str]:
    """Every field of one trial."""
    trial = outcome.trial
    yield f"### {trial.title}"
    yield ""
    stopped = f" It stops with a {outcome.stopped}." if outcome.stopped else ""
    yield f"Library alone: {trial.bare_words}.{stopped} Compared by {trial.judge}."
    yield ""
    yield "| field | library alone | noise2detail |"
    yield "|---|---|---|"
    for field, kept in outcome.ours.items():
        word = trial.lost.get(field, "")
        told = next((one for one in outcome.told if word and word in one), "")
        yield _row(field, _mark(outcome.bare[field]), _mark(kept) + ("" if kept else f", told: {told}"))


def elsewhere(folder: Path) -> Iterator[str]:
    """What is told when the source of each trial becomes a file of another kind."""
    for number, trial in enumerate(TRIALS):
        if trial.title not in {one.trials[0] for one in FORMATS.values() if one.trials}:
            continue
        heard: dict[str, list[str]] = {}
        for suffix in TARGETS:
            target = folder / str(number) / f"other{suffix}"
            if suffix != trial.result[1:] and (words := _conversion(folder / str(number), trial, target)) is not None:
                heard.setdefault(words or "nothing", []).append(suffix)
        for words, suffixes in heard.items():
            yield _row(trial.title, ", ".join(suffixes), words)


def _conversion(folder: Path, trial: Trial, target: Path) -> str | None:
    """What was told; None where it was refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = open_image(folder / trial.source, trial.axes)
            return "; ".join(told_while(lambda: save_image(image, target)))
        except Noise2DetailError:
            return None


def refusals(folder: Path) -> dict[str, dict[str, str]]:
    """The message of every refusal, by title of the group and what was tried."""
    groups: dict[str, dict[str, Provoke]] = {
        **{f"Reading: {name}": cases for name, cases in READING.items()},
        **{f"Writing: {name}": cases for name, cases in WRITING.items()},
    }
    return {
        title: {
            name: said(provoke, folder / f"{number}-{place}") for place, (name, provoke) in enumerate(cases.items())
        }
        for number, (title, cases) in enumerate(groups.items())
    }


def refusals_page(found: Mapping[str, Mapping[str, str]]) -> str:
    """Markdown of the refusals."""
    lines = [REFUSED]
    for name, cases in found.items():
        lines += [f"## {name}", "", "| what was tried | message |", "|---|---|"]
        lines += [_row(what, f"`{message}`") for what, message in cases.items()]
        lines += [""]
    return "\n".join(lines)


def _losses(outcome: Outcome) -> list[str]:
    words = [word for field, word in outcome.trial.lost.items() if not outcome.ours[field]]
    return [one for one in outcome.told if any(word in one for word in words)]


def _mark(kept: bool) -> str:
    return "yes" if kept else "**no**"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _project() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def main() -> None:
    """Write both pages."""
    logging.getLogger().addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory() as name:
        (tried := Path(name) / "trials").mkdir()
        (refused := Path(name) / "refusals").mkdir()
        FORMATS_PAGE.write_text(formats_page(outcomes(tried), tried), encoding="utf-8")
        REFUSALS_PAGE.write_text(refusals_page(refusals(refused)), encoding="utf-8")


if __name__ == "__main__":
    main()
