"""The Markdown of the gallery: nothing in it but what the table of cases and the measured figures hold."""

from collections.abc import Iterator, Mapping
from typing import Any

from case_table import Case, Data, Table, View

Figures = Mapping[str, Any]

MODALITIES = ("confocal", "two-photon", "wide-field", "light-sheet", "em", "oct", "ct", "histology", "time-lapse")


COVER = (
    "![Nine images, the left half of each noisy and the right half denoised: confocal, two-photon, wide-field, "
    "light-sheet, electron microscopy, OCT, CT, histology, time-lapse](pictures/cover.webp)"
)


def pages(table: Table, figures: Figures) -> dict[str, str]:
    """Every page by its file name."""
    made = {f"{key}.md": page(key, table, figures) for key in table.pages}
    return {"index.md": index(table, figures), **made}


def index(table: Table, figures: Figures) -> str:
    """The table of all cases."""
    head = "| verdict | seconds |\n|---|---|---|---|---:|"
    lines = [
        "# Gallery",
        "",
        COVER,
        "",
        table.intro,
        "",
        "## By modality",
        "",
        f"| modality | image | what it shows {head}",
    ]
    for key in MODALITIES:
        lines += [_row(case, case.shows, "", table, figures) for case in table.cases if case.page == key and case.shows]
    lines += ["", "## Failures", "", f"| page | image | what goes wrong {head}"]
    lines += [_row(case, case.failure, case.blamed, table, figures) for case in table.cases if case.failure]
    lines += ["", "## Measured with", "", *_circumstances(figures)]
    return "\n".join(lines) + "\n"


def _row(case: Case, shows: str, name: str, table: Table, figures: Figures) -> str:
    one = figures[case.id]["runs"][name or case.runs[0].name]
    seconds = f"{one['seconds']:.1f}" if one["seconds"] is not None else ""
    link = f"[{case.title}]({case.page}.md#{slug(case.title)})"
    return f"| {table.pages[case.page].title} | {link} | {shows} | {verdict(one)} | {seconds} |"


def verdict(run: Mapping[str, Any]) -> str:
    """In a word or two."""
    return "refused" if run["refused"] else run["verdict"] or "not asked"


def slug(title: str) -> str:
    """Anchor of a heading, as GitHub and the site make it."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def page(key: str, table: Table, figures: Figures) -> str:
    """One modality, or the failures."""
    head = table.pages[key]
    lines = [f"# {head.title}", "", head.intro]
    if key == "failures":
        others = [case for case in table.cases if case.failure and case.page != key]
        lines += ["", "On the pages of their modality:", ""]
        lines += [f"- [{case.title}]({case.page}.md#{slug(case.title)}): {case.failure}" for case in others]
    for case in table.cases:
        if case.page == key:
            lines += ["", *_section(case, table.data[case.data], figures[case.id])]
    return "\n".join(lines) + "\n\n[All of the gallery](index.md)\n"


def _section(case: Case, data: Data, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {case.title}"
    yield ""
    for number, view in enumerate(case.views):
        yield f"![{view.alt}](pictures/{case.picture(number)})"
        yield ""
        yield f"*{_caption(view)}*"
        yield ""
    yield f"{data.name}; {found['size']}. {data.licence}"
    yield ""
    for wish in case.runs:
        yield f"    {wish.command}"
    yield ""
    yield from _facts(case, found)
    yield ""
    yield "What to look at:"
    yield ""
    for sentence in case.look:
        yield f"- {sentence}"


def _caption(view: View) -> str:
    top, left, height, width = view.crop
    plane = f"Plane {view.plane + 1}, rows" if view.plane else "Rows"
    black, white = (f"{value:g}" for value in view.grey)
    residual = (
        "; in differences middle grey is 0, the contrast the same" if any(" - " in one for one in view.panels) else ""
    )
    zoom = f", magnified {view.zoom} times" if view.zoom > 1 else ""
    part = f"{plane} {top} to {top + height - 1}, columns {left} to {left + width - 1}{zoom}"
    return f"{part}. Black is {black}, white {white}{residual}."


def _facts(case: Case, found: Mapping[str, Any]) -> Iterator[str]:
    errors = found["errors"]
    measure = found["measure"]
    head = [
        "result",
        "verdict and its reasons",
        "seconds",
        *([f"{measure}, noisy {errors['noisy']:.4g}"] if errors else []),
    ]
    yield "| " + " | ".join(head) + " |"
    yield "|---|---|---:|" + ("---:|" if errors else "")
    for wish in case.runs:
        run = found["runs"][wish.name]
        seconds = f"{run['seconds']:.1f}" if run["seconds"] is not None else ""
        cells = [wish.name, _said(run), seconds, *([f"{errors[wish.name]:.4g}"] if wish.name in errors else [])]
        yield "| " + " | ".join(cells) + " |"


def _said(run: Mapping[str, Any]) -> str:
    if run["refused"]:
        return f"**refused**: {run['refused']}"
    if not run["verdict"]:
        return "no report asked for"
    parts = [f"**{run['verdict']}**"]
    if run["reasons"]:
        parts.append(": " + "; ".join(run["reasons"]))
    if run["untested"]:
        parts.append(". Not tested: " + "; ".join(run["untested"]))
    return "".join(parts)


def _circumstances(figures: Figures) -> Iterator[str]:
    kinds = {tuple(sorted(one["circumstances"].items())) for one in figures.values()}
    yield "| circumstance | |"
    yield "|---|---|"
    names = next(iter(figures.values()))["circumstances"]
    for name in names:
        values = sorted({str(dict(kind)[name]) for kind in kinds})
        yield f"| {name.replace('_', ' ')} | {', '.join(values)} |"
