"""Draws the charts of power-tuning: chart.py JSON FOLDER. A program of its own, for a Python with matplotlib."""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot, ticker  # noqa: E402

# The page replaces these by the colours of its theme, so no two may be alike.
INK, SOFT, GRID, TIME, ARM, X86, PUBLISHED = "#1f2328", "#59636e", "#d8dee4", "#2f6f9f", "#c4532d", "#8a5fb0", "#8c959f"


def line(axes, rows, key, colour, label, marker="o"):
    """Measured points are full, estimated ones hollow behind a dashed line."""
    measured = [row for row in rows if not row["estimated"]]
    later = measured[-1:] + [row for row in rows if row["estimated"]]
    xs = [row["memory_mb"] for row in measured]
    axes.plot(xs, [row[key] for row in measured], marker=marker, color=colour, label=label, linewidth=2, markersize=6, zorder=3)
    if len(later) > 1:
        axes.plot([row["memory_mb"] for row in later], [row[key] for row in later], "--", color=colour, linewidth=1.4, zorder=2)
        axes.plot([row["memory_mb"] for row in later[1:]], [row[key] for row in later[1:]], marker, color=colour,
                  markerfacecolor="none", markersize=6, zorder=3)


def style(axes, title, rows):
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=12)
    axes.set_xlabel("memory, MB (logarithmic)", color=SOFT)
    axes.set_xscale("log")
    sizes = [row["memory_mb"] for row in rows]
    # Labels that would overlap are left out.
    labelled = []
    for size in sizes:
        if not labelled or size / labelled[-1] >= 1.34:
            labelled.append(size)
    axes.set_xticks(labelled)
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.tick_params(colors=SOFT, length=3, labelsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.legend(frameon=False, labelcolor=INK, fontsize=10, loc="upper right")


def draw(name, workload, folder):
    rows = workload["rows"]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    line(left, rows, "ms", TIME, "here")
    ranged = [row for row in rows if not row["estimated"]]
    left.vlines([row["memory_mb"] for row in ranged], [row["least_ms"] for row in ranged],
                [row["most_ms"] for row in ranged], color=TIME, linewidth=1.2, zorder=2)
    published = workload["published"]
    if published:
        xs = [int(size) for size in published]
        left.plot(xs, list(published.values()), ":", marker="s", markersize=4, color=PUBLISHED, label="Rust on AWS, published", zorder=1)
    style(left, "Time of an invocation, ms", rows)
    line(right, rows, "dollars_x86_64", X86, "x86_64", "s")
    line(right, rows, "dollars_arm64", ARM, "arm64")
    style(right, "Cost of a million invocations, $", rows)
    # Room for the legends, which must not lie on the points.
    for axes in (left, right):
        axes.set_ylim(top=1.28 * axes.get_ylim()[1])
    for suffix in ("svg", "png"):
        figure.savefig(folder / f"{name}.{suffix}", dpi=150, transparent=suffix == "svg", metadata={"Date": None} if suffix == "svg" else None)
    pyplot.close(figure)


def main():
    document, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "millrace", "font.family": "DejaVu Sans", "text.color": INK})
    result = json.loads(document.read_text(encoding="utf-8"))
    for name, workload in result["workloads"].items():
        draw(name, workload, folder)


main()
