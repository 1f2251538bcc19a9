"""The pictures of docs/benchmarks.md."""

import os

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  (the back end must be chosen first)
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: E402

from names import COMPARED, HEADLINE, LOAD, RUST, number, plain  # noqa: E402
from rounds import LOAD_KINDS, LOADS  # noqa: E402

OURS, EARLIER, CPP, RUST_COLOUR = "#1b6ca8", "#8fbcdc", "#9aa5b1", "#d98e4a"

plt.rcParams.update({
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "axes.grid.axis": "x", "grid.color": "#e3e6ea", "axes.axisbelow": True, "svg.hashsalt": "bench",
    "figure.facecolor": "white", "axes.titlesize": 10, "axes.titlelocation": "left",
})


def colour(rival):
    if rival.startswith("millrace"):
        return OURS
    if rival.startswith("baseline"):
        return EARLIER
    return RUST_COLOUR if rival in RUST or rival.startswith("tokio") else CPP


def bars(axes, results, problem, workers, in_flight, metric, rivals, title, unit, far=None):
    """One bar per rival: the median, a line from quartile to quartile, the number at its end."""
    found = [(rival, results.spread(problem, rival, workers, in_flight, metric, far))
             for rival in rivals]
    found = [(rival, got) for rival, got in found if got is not None]
    for at, (rival, got) in enumerate(reversed(found)):
        axes.barh(at, got.median, color=colour(rival), height=0.68)
        axes.plot([got.q1, got.q3], [at, at], color="#20252b", linewidth=1.2, marker="|",
                  markersize=5)
        axes.annotate(number(got.median), (max(got.median, got.q3), at), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(range(len(found)), [plain(rival) for rival, _ in reversed(found)])
    axes.set_title(title)
    axes.set_xlabel(unit)
    if found:
        axes.set_xlim(0, 1.18 * max(got.q3 for _, got in found))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.tick_params(axis="y", length=0)


def points(axes, results, problem, workers, in_flight, rivals, title, unit):
    """p50 and p99 of each rival on a logarithmic axis."""
    found = [(rival, results.spread(problem, rival, workers, in_flight, f"{unit[0]}p50"),
              results.spread(problem, rival, workers, in_flight, f"{unit[0]}p99"))
             for rival in rivals]
    found = [one for one in found if one[1] is not None]
    for at, (rival, middle, tail) in enumerate(reversed(found)):
        axes.plot([middle.median, tail.median], [at, at], color=colour(rival), linewidth=2)
        axes.plot(middle.median, at, "o", color=colour(rival), markersize=7)
        axes.plot(tail.median, at, "D", color=colour(rival), markersize=6, markerfacecolor="white")
        axes.annotate(number(middle.median), (middle.median, at), xytext=(-7, 0), ha="right",
                      textcoords="offset points", va="center", fontsize=7.5)
        axes.annotate(number(tail.median), (tail.median, at), xytext=(7, 0), ha="left",
                      textcoords="offset points", va="center", fontsize=7.5)
    axes.set_xscale("log")
    least = min((one[1].median for one in found), default=1)
    most = max((one[2].median for one in found), default=10)
    room = max(1.9, (most / least) ** 0.12)  # for the numbers on both sides
    axes.set_xlim(least / room, most * room)
    axes.set_yticks(range(len(found)), [plain(rival) for rival, *_ in reversed(found)])
    axes.set_ylim(-0.6, len(found) - 0.3)
    axes.set_title(title)
    axes.set_xlabel(unit[1])
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most < 100 * least else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="y", length=0)


def legend_of_points(figure):
    marks = [plt.Line2D([], [], marker="o", linestyle="", color="#555"),
             plt.Line2D([], [], marker="D", linestyle="", color="#555", markerfacecolor="white")]
    figure.legend(marks, ["half of the samples below (p50)", "99 % below (p99)"], ncols=2,
                  loc="lower right", frameon=False, fontsize=8)


def save(figure, directory, name):
    figure.savefig(os.path.join(directory, f"{name}.svg"), metadata={"Date": None})
    plt.close(figure)


def throughput(results, directory):
    figure, panels = plt.subplots(3, 1, figsize=(7.5, 8.4), layout="constrained")
    for axes, n in zip(panels, (1, 64, 1024)):
        jobs = "1 job" if n == 1 else f"{n:,} jobs"
        far, count = results.usual_mode("throughput", 1, n)
        bars(axes, results, "throughput", 1, n, "time per job", HEADLINE,
             f"{jobs} in flight, one worker; cores {'far apart' if far else 'near each other'}, "
             f"{count} rounds", "ns per job (less is better)", far)
    save(figure, directory, "throughput")


def latency(results, directory):
    figure, panels = plt.subplots(2, 1, figsize=(7.5, 6.2), layout="constrained")
    for axes, workers in zip(panels, (1, 2)):
        points(axes, results, "latency", workers, 1, HEADLINE,
               f"One empty job at a time, {workers} worker{'s' if workers > 1 else ''}",
               ("", "µs there and back, logarithmic (less is better)"))
    figure.get_layout_engine().set(rect=(0, 0.04, 1, 0.96))
    legend_of_points(figure)
    save(figure, directory, "latency")


def isolated(results, directory):
    figure, panels = plt.subplots(3, 2, figsize=(10.5, 8.4), layout="constrained")
    for (start, cpu), workers in zip(panels, (1, 2, 3)):
        workers_are = f"{workers} worker{'s' if workers > 1 else ''}"
        bars(start, results, "isolated", workers, 1, "start p50", COMPARED,
             f"From submission to the job's start, {workers_are}", "µs, median (less is better)")
        bars(cpu, results, "isolated", workers, 1, "CPU per job",
             [*COMPARED, "no_job"] if workers == 1 else COMPARED,
             f"CPU time of the process for each, {workers_are}", "µs per job (less is better)")
    save(figure, directory, "isolated")


MARKS = {"millrace": "o", "baseline": "o", "thread_pool-co_spawn": "^", "thread_pool-post": "v",
         "naive": "s", "tokio_rayon": "D", "tokio-spawn_blocking": "P"}


def load(results, directory):
    """A row for each length of job; p50, p99 and CPU over the load."""
    figure, panels = plt.subplots(len(LOAD_KINDS), 3, figsize=(10.5, 9.6), layout="constrained")
    lines = {}
    for row, (kind, *_) in zip(panels, LOAD_KINDS):
        for axes, metric in zip(row, ("p50", "p99", "CPU beyond the job's")):
            for rival in LOAD:
                found = [(percent, results.spread(f"load_{kind}_at_{percent}", rival, 1, 0, metric))
                         for percent in LOADS]
                found = [(percent, got.median) for percent, got in found if got is not None]
                if found:
                    lines[rival], = axes.plot(*zip(*found), color=colour(rival), linewidth=1.4,
                                              marker=MARKS[rival], markersize=4.5,
                                              zorder=3 if rival == "millrace" else 2)
            axes.set_yscale("log")
            least, most = axes.get_ylim()
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most < 100 * least else (1,)))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.set_xticks(LOADS, [f"{percent} %" for percent in LOADS])
            axes.grid(axis="y", color="#e3e6ea")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
            what = "CPU beyond the job's" if metric.startswith("CPU") else f"to the handler, {metric}"
            axes.set_title(f"Jobs of {kind[:-2]} µs: {what}, µs")
    for axes in panels[-1]:
        axes.set_xlabel("of one worker's capacity")
    figure.get_layout_engine().set(rect=(0, 0.06, 1, 0.94))
    figure.legend(lines.values(), [plain(rival) for rival in lines], ncols=4, loc="lower center",
                  frameon=False, fontsize=8)
    save(figure, directory, "load")


def crowded(results, directory):
    figure, panels = plt.subplots(3, 1, figsize=(7.5, 8.8), layout="constrained")
    for axes, (problem, workers, what) in zip(panels, (
            ("foreign", 1, "a foreign parallel loop"), ("foreign", 2, "a foreign parallel loop"),
            ("beside_a_region", 2, "a region of the same pool"))):
        points(axes, results, problem, workers, 1, COMPARED,
               f"Start of a job beside {what}, {workers} worker{'s' if workers > 1 else ''}",
               ("start ", "µs, logarithmic (less is better)"))
    figure.get_layout_engine().set(rect=(0, 0.035, 1, 0.965))
    legend_of_points(figure)
    save(figure, directory, "crowded")


def timer(results, directory):
    figure, panels = plt.subplots(2, 1, figsize=(7.5, 7.6), layout="constrained")
    cpp = ["idle_loop", "millrace", "thread_pool-co_spawn", "thread_pool-post", "naive",
           "inline_on_loop"]
    rust = ["tokio-idle_loop", *RUST, "tokio-inline_on_loop"]
    for axes, workers in zip(panels, (1, 2)):
        points(axes, results, "timer", workers, 0, cpp + rust,
               f"Lateness of a 1 ms timer, {workers} worker{'s' if workers > 1 else ''} busy "
               "with jobs of 1 ms", ("late ", "µs late, logarithmic (less is better)"))
    figure.get_layout_engine().set(rect=(0, 0.035, 1, 0.965))
    legend_of_points(figure)
    save(figure, directory, "timer")


def draw(results, directory):
    os.makedirs(directory, exist_ok=True)
    for chart in (throughput, latency, isolated, load, crowded, timer):
        chart(results, directory)
