"""The Markdown of the gallery: nothing in it but what the table of cases and the measured figures hold."""

from collections.abc import Iterator, Mapping
from typing import Any

from case_table import Case, Data, Table

Figures = Mapping[str, Any]

MODALITIES = ("confocal", "two-photon", "wide-field", "light-sheet", "em", "oct", "ct", "histology", "time-lapse")


def pages(table: Table, figures: Figures) -> dict[str, str]:
    """Every page by its file name."""
    made = {f"{key}.md": page(key, table, figures) for key in table.pages}
    return {"index.md": index(table, figures), **made}


def index(table: Table, figures: Figures) -> str:
    """The table of all cases."""
    lines = [
        "# Gallery",
        "",
        table.intro,
        "",
        "## By modality",
        "",
        "| modality | image | what it shows | verdict | seconds |",
        "|---|---|---|---|---:|",
    ]
    lines += [
        _row(case, table, figures)
        for key in MODALITIES
        for case in table.cases
        if case.page == key and not case.failure
    ]
    lines += [
        "",
        "## Failures",
        "",
        "What went wrong, on images where it can be seen; more of it in the explanation of",
        "",
    ]
    lines[-2] = "What went wrong, where it can be seen:"
    lines += ["| page | image | what it shows | verdict | seconds |", "|---|---|---|---|---:|"]
    lines += [_row(case, table, figures) for case in table.cases if case.failure]
    lines += ["", "## Measured with", "", *_circumstances(figures)]
    return "\n".join(lines) + "\n"


def _row(case: Case, table: Table, figures: Figures) -> str:
    first = figures[case.id]["runs"][case.runs[0].name]
    title = table.pages[case.page].title
    anchor = slug(case.title)
    seconds = f"{first['seconds']:.1f}" if first["seconds"] is not None else ""
    return f"| {title} | [{case.title}]({case.page}.md#{anchor}) | {case.shows} | {verdict(first)} | {seconds} |"


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
    for case in table.cases:
        if case.page == key:
            lines += ["", *_section(case, table.data[case.data], figures[case.id])]
    return "\n".join(lines) + "\n\n[All of the gallery](index.md)\n"


def _section(case: Case, data: Data, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {case.title}"
    yield ""
    if case.panels:
        yield f"![{case.alt}](pictures/{case.id}.webp)"
        yield ""
        yield f"*{_caption(case)}*"
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


def _caption(case: Case) -> str:
    top, left, height, width = case.crop
    size = f"{height} rows from {top}, {width} columns from {left}"
    plane = f", plane {case.plane + 1}" if case.plane else ""
    black, white = (f"{value:g}" for value in case.grey)
    residual = (
        "; in differences middle grey is 0, with the same scale" if any(" - " in one for one in case.panels) else ""
    )
    zoom = f", magnified {case.zoom} times" if case.zoom > 1 else ""
    return f"{size[0].upper()}{size[1:]}{plane}{zoom}. Black is {black}, white {white}{residual}."


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
    said = f"**{run['verdict']}**: " + "; ".join(run["reasons"])
    return said + (". Not tested: " + "; ".join(run["untested"]) if run["untested"] else "")


def _circumstances(figures: Figures) -> Iterator[str]:
    kinds = {tuple(sorted(one["circumstances"].items())) for one in figures.values()}
    yield "| circumstance | |"
    yield "|---|---|"
    names = next(iter(figures.values()))["circumstances"]
    for name in names:
        values = sorted({str(dict(kind)[name]) for kind in kinds})
        yield f"| {name.replace('_', ' ')} | {', '.join(values)} |"
