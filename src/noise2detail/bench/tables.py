"""Results as tables in Markdown: what was measured, beside what was published."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from noise2detail.bench.results import Results
from noise2detail.bench.scoring import METRICS

PARTIAL = "†"
"""Behind a mean over some of the images only, which cannot be compared with the others."""

UNDONE = ", clipping undone"
"""Added to the name of a method whose result had the mean of the clipped noise undone."""


@dataclass(frozen=True, eq=False)
class Board:
    """The rows of a file of results, in groups."""

    head: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]

    @property
    def lead(self) -> str:
        """The metric that tables lead with."""
        return str(self.metrics[0])

    @property
    def metrics(self) -> list[str]:
        """Every metric of the case that this version knows."""
        return [name for name in self.head.get("metrics", ()) if name in METRICS]

    @property
    def methods(self) -> list[str]:
        """Names in the order of the case."""
        return list(dict.fromkeys(name_of(row) for row in self.rows))

    @property
    def groups(self) -> list[str]:
        """Data sets, or the subsets of the only one."""
        return list(dict.fromkeys(self.group_of(row) for row in self.rows))

    def group_of(self, row: Mapping[str, Any]) -> str:
        """Data set of a row, or the subset where there is one data set only."""
        one = len({own["data"] for own in self.rows}) == 1 and len({own.get("subset") for own in self.rows}) > 1
        return str(row.get("subset") or row["data"]) if one else str(row["data"])

    def of(self, method: str, group: str | None = None) -> list[Mapping[str, Any]]:
        """Rows of a method that hold a result, of one group or of all."""
        return [
            row
            for row in self.rows
            if name_of(row) == method and not row.get("error") and (group is None or self.group_of(row) == group)
        ]

    def mean(self, method: str, metric: str, group: str | None = None) -> float | None:
        """Mean of a figure over images; None where there is none."""
        values = [row[metric] for row in self.of(method, group) if metric in row]
        return fmean(values) if values else None

    def is_whole(self, method: str, metric: str, group: str | None = None) -> bool:
        """Whether the mean of a method is over every image: over the easy ones alone it would flatter."""
        images = {(row["data"], row["image"]) for row in self.rows if group is None or self.group_of(row) == group}
        return images == {(row["data"], row["image"]) for row in self.of(method, group) if metric in row}

    def seconds(self, method: str) -> float | None:
        """Median time; None where nothing was run."""
        values = [row["seconds"] for row in self.of(method) if "seconds" in row]
        return median(values) if values else None


def name_of(row: Mapping[str, Any]) -> str:
    """Name of a method in tables."""
    return str(row["method"]) + (UNDONE if row.get("unclipped") else "")


def board_of(results: Results) -> Board:
    """Results in groups, methods in the order in which they first ran, a method and its undone form together."""
    order = {name: place for place, name in enumerate(dict.fromkeys(str(row["method"]) for row in results.rows))}
    rows = sorted(
        [*results.rows, *_nothing_undone(results.rows)],
        key=lambda row: (order[str(row["method"])], bool(row.get("unclipped"))),
    )
    return Board(results.head, rows)


def _nothing_undone(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows for images without clipped noise: with clipping undone a result is there what it is without."""
    undone = {(row["method"], row["data"], row["image"], row["seed"]) for row in rows if row.get("unclipped")}
    methods = {key[0] for key in undone}
    return [
        {**row, "unclipped": True}
        for row in rows
        if row["method"] in methods
        and not row.get("unclipped")
        and (row["method"], row["data"], row["image"], row["seed"]) not in undone
    ]


def report(results: Results, pictures: Iterable[str] = ()) -> str:
    """The whole page: title, tables, pictures, failures, circumstances.

    Parameters
    ----------
    results
        Of one case.
    pictures
        Names of image files that stand beside the page.
    """
    board, head = board_of(results), results.head
    reduced = " (reduced form)" if head.get("quick") else ""
    parts = [f"# {head['title']}{reduced}", str(head.get("note") or ""), *_tables(board)]
    parts += [f"![{name}]({name})" for name in pictures]
    parts += [_failures(board), _circumstances(head)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _tables(board: Board) -> list[str]:
    metric = METRICS[board.lead]
    published = board.head.get("published") or {}
    said = f"; in brackets what was published ({board.head.get('source')})" if published else ""
    tables = lead_table(board), measures_table(board)
    partial = f"{PARTIAL} over some of the images only: what failed or was not wanted on the others is missing."
    return [
        f"## {metric.title} by data set{said}",
        tables[0],
        "## All measures, mean over all images",
        tables[1],
        partial if any(PARTIAL in table for table in tables) else "",
    ]


def lead_table(board: Board) -> str:
    """The leading metric: a row for each method, a column for each group."""
    published = board.head.get("published") or {}
    rows = [["method", *board.groups, "mean of images"]]
    best = {group: _best(board, board.lead, group) for group in [*board.groups, None]}
    for method in board.methods:
        cells = [
            _cell(board, method, board.lead, group, best[group])
            + _bracket(_published(published, group or "mean").get(method))
            for group in [*board.groups, None]
        ]
        rows.append([method, *cells])
    return markdown(rows)


def _published(published: Mapping[str, Mapping[str, float]], group: str) -> Mapping[str, float]:
    """What was published for a group, or for the larger group whose name its own begins with."""
    return next((published[name] for name in sorted(published, reverse=True) if group.startswith(name)), {})


def measures_table(board: Board) -> str:
    """Every metric, seconds and memory: a row for each method."""
    rows = [["method", *(METRICS[name].title for name in board.metrics), "seconds", "peak MiB", "images"]]
    best = {name: _best(board, name, None) for name in board.metrics}
    for method in board.methods:
        own = board.of(method)
        cells = [_cell(board, method, name, None, best[name]) for name in board.metrics]
        seconds, peaks = board.seconds(method), [row["peak_mib"] for row in own if "peak_mib" in row]
        cells += [f"{seconds:.1f}" if seconds is not None else "", f"{max(peaks):.0f}" if peaks else ""]
        rows.append([method, *cells, str(len(own))])
    return markdown(rows)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table, its first row the head."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" + "|---:" * (len(rows[0]) - 1) + "|", *lines[1:]])


def _best(board: Board, metric: str, group: str | None) -> float | None:
    if METRICS[metric].best != "highest":
        return None
    values = [
        value
        for name in board.methods
        if (value := board.mean(name, metric, group)) is not None and board.is_whole(name, metric, group)
    ]
    return max(values, default=None)


def _cell(board: Board, method: str, metric: str, group: str | None, best: float | None) -> str:
    value = board.mean(method, metric, group)
    if value is None:
        return ""
    text = f"{value:.{METRICS[metric].digits}f}"
    if not board.is_whole(method, metric, group):
        return text + PARTIAL
    return f"**{text}**" if value == best else text


def _bracket(value: float | None) -> str:
    return "" if value is None else f" ({value:g})"


def _failures(board: Board) -> str:
    failed = [row for row in board.rows if row.get("error")]
    if not failed:
        return ""
    lines = [f"- {name_of(row)} on {row['data']} {row['image']}: {row['error']}" for row in failed]
    return "\n".join(["## What failed", "", *lines])


def _circumstances(head: Mapping[str, Any]) -> str:
    left_out = {"case", "title", "quick", "metrics", "seeds", "note", "published", "source", "format"}
    rows = [["circumstance", "value"], *([key, str(value)] for key, value in head.items() if key not in left_out)]
    return "## How it was measured\n\n" + markdown(rows)
