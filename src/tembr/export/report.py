"""The quantisation report: a table for programs, one for people, and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tembr import tables
from tembr.evaluate.plots import BLUE, GREEN, GREY, INK, ORANGE, plain_frame, save_figure
from tembr.export.measure import ACCURACY_LOSS, Measured
from tembr.files import write_bytes

COLUMNS = (
    "variant", "bytes", "milliseconds", "lowest_milliseconds", "agreement", "difference", "accuracy", "accuracy_low",
    "accuracy_high", "uar", "uar_low", "uar_high", "recordings",
)  # fmt: skip


def write_report(lines: Sequence[Measured], folder: Path, chosen: str, unseen: bool) -> None:
    """Write `quantization.csv`, `.md` and `.png`.

    Args:
        lines: fp32 first.
        chosen: variant that the bundle opens.
        unseen: whether the networks were trained without the recordings measured on.

    Raises:
        StoreError: a file could not be written.
    """
    tables.write(folder / "quantization.csv", COLUMNS, (dict(zip(COLUMNS, _row(line))) for line in lines))
    write_bytes(folder / "quantization.md", markdown(lines, chosen, unseen).encode())
    _draw(lines, folder / "quantization.png", chosen, unseen)


def markdown(lines: Sequence[Measured], chosen: str, unseen: bool) -> str:
    """The table for people, with what it was measured on."""
    head = "| variant | MB | ms | agrees with fp32 | largest difference | accuracy | UAR |"
    rows = [_markdown_row(line, line.variant == chosen) for line in lines]
    words = [f"* **{line.variant}**: {line.words}" for line in lines]
    return "\n".join(
        ["# Variants", "", head, "| --- " * 7 + "|", *rows, "", *words, "", _condition(lines[0], unseen), ""]
    )


def _condition(line: Measured, unseen: bool) -> str:
    what = "that no network was trained on" if unseen else "that the networks were trained on: compare, do not quote"
    return (
        f"Milliseconds: one recording on one thread, from waveform to probabilities, median, all variants in turn. "
        f"Accuracy and UAR: {line.recordings} recordings {what}. The variant in bold is the one opened by default: of "
        f"those within {100 * ACCURACY_LOSS:g} points of accuracy of fp32 the fastest, of equally fast ones the "
        "smallest, unless it was chosen otherwise."
    )


def _markdown_row(line: Measured, chosen: bool) -> str:
    name = f"**{line.variant}**" if chosen else line.variant
    return (
        f"| {name} | {line.bytes / 1e6:.2f} | {line.milliseconds:.2f} | {line.agreement:.1%} | {line.difference:.2g} "
        f"| {line.accuracy.value:.1%} | {line.uar.value:.1%} |"
    )


def _row(line: Measured) -> list:
    numbers = [line.milliseconds, line.lowest, line.agreement, line.difference]
    intervals = [value for i in (line.accuracy, line.uar) for value in (i.value, i.low, i.high)]
    return [line.variant, line.bytes, *(f"{n:.6g}" for n in (*numbers, *intervals)), line.recordings]


def _draw(lines: Sequence[Measured], path: Path, chosen: str, unseen: bool) -> None:
    figure = Figure(figsize=(13, 1.6 + 0.42 * len(lines)), layout="constrained")
    kind = "unseen in training" if unseen else "seen in training"
    figure.suptitle(f"Variants, {lines[0].recordings} recordings {kind}", color=INK, fontsize=13)
    time, size, share = figure.subplots(1, 3, sharey=True)
    _bars(time, [line.milliseconds for line in lines], lines, chosen, "milliseconds, one thread", "{:.1f}")
    _bars(size, [line.bytes / 1e6 for line in lines], lines, chosen, "MB", "{:.1f}")
    _shares(share, lines)
    time.set_yticks(range(len(lines)), [line.variant for line in lines], fontsize=9, parse_math=False)
    time.set_ylim(len(lines) - 0.5, -0.5)
    save_figure(figure, path)


def _bars(axes: Axes, values: list[float], lines: Sequence[Measured], chosen: str, label: str, form: str) -> None:
    colors = [GREEN if line.variant == chosen else GREY for line in lines]
    axes.barh(range(len(values)), values, height=0.62, color=colors)
    for row, value in enumerate(values):
        axes.annotate(form.format(value), (value, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.margins(x=0.16)
    axes.set_xlabel(label, color=INK)
    plain_frame(axes)


def _shares(axes: Axes, lines: Sequence[Measured]) -> None:
    for offset, color, name in ((-0.14, BLUE, "accuracy"), (0.14, ORANGE, "UAR")):
        intervals = [getattr(line, name.lower()) for line in lines]
        rows = [row + offset for row in range(len(lines))]
        axes.hlines(rows, [i.low for i in intervals], [i.high for i in intervals], color=color, linewidth=2)
        axes.scatter([i.value for i in intervals], rows, s=30, color=color, label=name, zorder=4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share recognised, 95 % interval", color=INK)
    axes.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderpad=0)
    plain_frame(axes)
