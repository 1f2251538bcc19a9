"""The checks, the table and the chart."""

import json
import statistics

from .measure import percentile

MOST_TIMES_SLOWER = 2  # p99 of /healthz against idle
MOST_GROWTH = 0.05     # of the memory
LEAST_OFFERED = 1.8    # of the capacity: else it wasn't the load that was meant


def ms(value):
    return f"{value:.3f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def offered(run):
    wrk = run["wrk"]
    return (wrk["ok"] + wrk["rejected"] + wrk["late"] + wrk["other"]) / wrk["seconds"]


def checks(capacity, pool, inline):
    """(what, how it is, whether it is right)"""
    for name, run in (("pool", pool), ("inline", inline)):
        wrk, totals = run["wrk"], run["totals"] or {}
        yield f"{name}: ends with status 0", str(run["status"]), run["status"] == 0 and bool(totals)
        if not totals:
            continue
        yield (f"{name}: accepted = answered + client gone",
               f"{totals['accepted']} = {totals['answered']} + {totals['gone']}",
               totals["accepted"] == totals["answered"] + totals["gone"])
        seen = {"200": wrk["ok"], "503": wrk["rejected"]}
        counted = totals["computing"]["by_status"]
        # What was on its way when wrk hung up, one per connection at most.
        cut = {status: counted.get(status, 0) - count for status, count in seen.items()}
        yield (f"{name}: answers that wrk has and the service counted",
               ", ".join(f"{status}: {seen[status]} and {counted.get(status, 0)}" for status in seen),
               all(0 <= count <= wrk["connections"] for count in cut.values()) and wrk["other"] == 0
               and sum(cut.values()) + totals["gone"] <= wrk["connections"])
        yield f"{name}: no socket errors, no wrong answers", str(wrk["socket_errors"] + run["wrong_probes"]), (
            wrk["socket_errors"] + run["wrong_probes"] == 0)
    times = offered(pool) / capacity
    yield f"offered, of the capacity, at least {LEAST_OFFERED}", f"{times:.2f}", times >= LEAST_OFFERED
    yield "503s counted", str(pool["wrk"]["rejected"]), pool["wrk"]["rejected"] > 0
    size = statistics.median(mib for _, mib in pool["memory"])
    yield (f"memory flat within {MOST_GROWTH:.0%}", f"{size:.1f} MiB {pool['growth_mib']:+.2f}",
           abs(pool["growth_mib"]) <= MOST_GROWTH * size)
    idle, loaded = percentile(pool["idle_ms"], 99), percentile(pool["loaded_ms"], 99)
    yield (f"p99 of /healthz at most {MOST_TIMES_SLOWER}x idle", f"{ms(loaded)} / {ms(idle)} ms = {loaded / idle:.2f}x",
           loaded <= MOST_TIMES_SLOWER * idle)


def table(capacity, pool, inline):
    rows = [("", "pool", "inline")]

    def row(what, value):
        rows.append((what, value(pool), value(inline)))

    for percent in (50, 99):
        row(f"/healthz p{percent} idle, ms", lambda run: ms(percentile(run["idle_ms"], percent)))
        row(f"/healthz p{percent} at twice the capacity, ms", lambda run: ms(percentile(run["loaded_ms"], percent)))
    row("/healthz p99 against idle", lambda run: f"{percentile(run['loaded_ms'], 99) / percentile(run['idle_ms'], 99):.2f}x")
    row("/healthz worst, ms", lambda run: ms(max(run["loaded_ms"])))
    row("offered per second", lambda run: f"{offered(run):.0f}")
    row("answered 200 per second", lambda run: f"{run['wrk']['ok'] / run['wrk']['seconds']:.0f}")
    row("answered 503 per second", lambda run: f"{run['wrk']['rejected'] / run['wrk']['seconds']:.0f}")
    row("memory, MiB", lambda run: f"{statistics.median(mib for _, mib in run['memory']):.1f} {run['growth_mib']:+.2f}")
    row("CPUs that others took, idle and loaded", lambda run: " and ".join(f"{cpus:.2f}" for cpus in run["others"]))
    lines = [f"capacity {capacity:.0f} per second, {pool['wrk']['connections']} connections", ""]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(3, "|---|---|---|")
    return "\n".join(lines)


def chart(path, pool, inline):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=(3, 2), layout="constrained")
    for name, run, colour in (("pool", pool, "#1a7f5a"), ("inline", inline, "#c4532d")):
        for field, when, style in (("idle_ms", "idle", ":"), ("loaded_ms", "at twice the capacity", "-")):
            ranked = sorted(run[field])
            share = [1 - i / len(ranked) for i in range(len(ranked))]
            left.plot(ranked, share, style, color=colour, label=f"{name}, {when}")
        right.plot(*zip(*run["memory"]), color=colour, label=name)
    left.axhline(0.01, color="gray", linewidth=0.7)
    left.text(left.get_xlim()[1], 0.0115, "p99 ", ha="right", color="gray", fontsize=8)
    left.set(xscale="log", yscale="log", xlabel="ms", ylabel="share that takes longer", title="GET /healthz")
    left.legend(fontsize=8)
    right.set(xlabel="seconds under load", ylabel="MiB", title="Memory", ylim=(0, None))
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=120)


def write(folder, capacity, pool, inline):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps({"capacity": capacity, "pool": pool, "inline": inline}))
    chart(folder / "service-load", pool, inline)
