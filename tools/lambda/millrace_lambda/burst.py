"""tools/lambda/burst"""

import html
import pathlib

from . import cli, function, text

DESCRIPTION = """\
Shows work stealing: a burst of password hashes, the first of which are costly, once shared out evenly
at the start (static) and once with workers that take items from each other (stealing). Draws which
worker ran which item when, here and as SVG."""

SCHEDULES = ("static", "stealing")


def add_arguments(parser) -> None:
    parser.add_argument("--items", type=cli.whole_number(1, 1000), metavar="N", help="default 48")
    parser.add_argument("--heavy", type=cli.whole_number(0, 1000), metavar="N", help="so many are costly, default 8")
    parser.add_argument("--cost", type=cli.whole_number(4, 14), metavar="N", help="bcrypt cost of an item, default 8")
    parser.add_argument("--heavy-cost", type=cli.whole_number(4, 14), metavar="N",
                        help="of a costly one, default 11; each step doubles the time")
    parser.add_argument("--workers", type=cli.whole_number(1, 6), metavar="N", help="default: the CPUs that may be used")
    parser.add_argument("--function-name", metavar="NAME",
                        help="a deployed bootstrap-burst instead, through the aws command")
    parser.add_argument("--output", type=pathlib.Path, metavar="SVG", default=cli.RESULTS / "burst.svg",
                        help="default build/lambda/burst.svg")


def by_worker(reply: dict) -> list[list[dict]]:
    workers = [[] for _ in range(reply["workers"])]
    for item in reply["items"]:
        workers[item["worker"]].append(item)
    return workers


def idle_share(reply: dict) -> float:
    """Of the time of all workers, from the first item's begin to the last one's end."""
    busy = sum(item["end_ms"] - item["start_ms"] for item in reply["items"])
    return max(0.0, 1 - busy / (reply["duration_ms"] * reply["workers"]))


def lane(items: list[dict], duration: float, heavy_cost: int, width: int) -> str:
    """One character per slice of time: █ a costly item, ▒ ▓ others in turn, a dot for nothing."""
    cells = []
    for column in range(width):
        moment = (column + 0.5) / width * duration
        running = next((i for i, item in enumerate(items) if item["start_ms"] <= moment < item["end_ms"]), None)
        if running is None:
            cells.append("·")
        else:
            cells.append("█" if items[running]["cost"] >= heavy_cost else "▒▓"[running % 2])
    return "".join(cells)


def draw_terminal(replies: dict[str, dict], heavy_cost: int) -> None:
    longest = max(reply["duration_ms"] for reply in replies.values())
    width = text.WIDTH - 32
    for schedule, reply in replies.items():
        text.heading(f"{schedule}: {reply['duration_ms']:.0f} ms, workers idle {idle_share(reply):.0%} of it")
        for number, items in enumerate(by_worker(reply)):
            heavy = sum(item["cost"] >= heavy_cost for item in items)
            print(f"  worker {number}  {lane(items, longest, heavy_cost, width)}  {len(items):3} items, {heavy} costly")


STYLE = """
  svg { --ink: #1f2328; --soft: #59636e; --paper: #ffffff; --lane: #eff2f5; --heavy: #c4532d; --light: #3b7ea1; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #e6edf3; --soft: #9198a1; --paper: #0d1117; --lane: #1c232b; --heavy: #e5774f; --light: #5aa9cf; }
  }
  text { font: 13px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); }
  .title { font-size: 18px; font-weight: 600; }
  .panel { font-weight: 600; }
  .soft { fill: var(--soft); }
"""


def tick_step(longest: float) -> float:
    """A round number of ms that gives four to ten ticks."""
    step = 1.0
    while longest / step > 10:
        step *= 2.5 if str(step).startswith("2") and step >= 2 else 2
    return step


def draw_svg(replies: dict[str, dict], heavy_cost: int) -> str:
    longest = max(reply["duration_ms"] for reply in replies.values())
    left, width, height, gap = 90, 800, 30, 6
    parts = []
    y = 66
    for schedule, reply in replies.items():
        what = {"static": "Shared out evenly at the start", "stealing": "Work stealing"}[schedule]
        parts.append(f'<text class="panel" x="{left}" y="{y}">{what}: {reply["duration_ms"]:.0f} ms, '
                     f"workers idle {idle_share(reply):.0%}</text>")
        y += 12
        for number, items in enumerate(by_worker(reply)):
            parts.append(f'<text class="soft" x="{left - 12}" y="{y + height / 2 + 5}" text-anchor="end">worker {number}</text>')
            parts.append(f'<rect x="{left}" y="{y}" width="{width}" height="{height}" fill="var(--lane)"/>')
            for item in items:
                x = left + item["start_ms"] / longest * width
                w = max(0.6, (item["end_ms"] - item["start_ms"]) / longest * width - 0.8)
                heavy = item["cost"] >= heavy_cost
                label = html.escape(f"item {item['item']}, cost {item['cost']}: {item['start_ms']:.1f} to {item['end_ms']:.1f} ms")
                parts.append(f'<rect x="{x:.2f}" y="{y}" width="{w:.2f}" height="{height}" '
                             f'fill="var(--{"heavy" if heavy else "light"})"><title>{label}</title></rect>')
                if w > 22:
                    parts.append(f'<text x="{x + w / 2:.2f}" y="{y + height / 2 + 4.5}" text-anchor="middle" '
                                 f'style="fill: var(--paper); font-size: 11px">{item["item"]}</text>')
            y += height + gap
        y += 30
    y -= 24
    step = tick_step(longest)
    for i in range(int(longest / step) + 1):
        x = left + i * step / longest * width
        parts.append(f'<path d="M{x:.2f} {y} v5" stroke="var(--soft)"/>'
                     f'<text class="soft" x="{x:.2f}" y="{y + 20}" text-anchor="middle">{i * step:g}</text>')
    parts.append(f'<path d="M{left} {y} h{width}" stroke="var(--soft)"/>')
    parts.append(f'<text class="soft" x="{left + width / 2}" y="{y + 40}" text-anchor="middle">ms since the first item began</text>')
    legend = f"""<rect x="{left}" y="{y + 56}" width="14" height="14" fill="var(--heavy)"/>
<text x="{left + 20}" y="{y + 68}">costly item</text>
<rect x="{left + 120}" y="{y + 56}" width="14" height="14" fill="var(--light)"/>
<text x="{left + 140}" y="{y + 68}">other item; the numbers are those of the items</text>"""
    items = len(next(iter(replies.values()))["items"])
    title = f"A burst of {items} uneven items on {next(iter(replies.values()))['workers']} workers"
    total = y + 86
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 30} {total}" role="img" '
            f'aria-label="{title}">\n<style>{STYLE}</style>\n<rect width="100%" height="100%" fill="var(--paper)"/>\n'
            f'<text class="title" x="{left}" y="34">{title}</text>\n' + "\n".join(parts) + f"\n{legend}\n</svg>\n")


def main(arguments) -> int:
    small = arguments.quick
    cost = arguments.cost or (4 if small else 8)
    heavy_cost = arguments.heavy_cost or (7 if small else 11)
    items = arguments.items or (12 if small else 48)
    heavy = min(items, (2 if small else 8) if arguments.heavy is None else arguments.heavy)
    costs = [heavy_cost] * heavy + [cost] * (items - heavy)
    if arguments.function_name:
        service = function.Deployed(arguments.function_name)
    else:
        build = cli.build(arguments, function.targets("burst"))
        service = function.Local(build, "burst", {"WORKER_COUNT": str(arguments.workers)} if arguments.workers else None)
    replies = {}
    with service:
        service.invoke({"costs": [4] * 50, "schedule": "stealing"}).result()  # so that all threads are there
        for schedule in SCHEDULES:
            replies[schedule] = service.invoke({"costs": costs, "schedule": schedule}).result()
    text.heading(f"{items} items, the first {heavy} of cost {heavy_cost}, the others {cost};"
                 f" {replies['stealing']['workers']} workers")
    draw_terminal(replies, heavy_cost)
    ratio = replies["static"]["duration_ms"] / replies["stealing"]["duration_ms"]
    print(f"\n  {text.DIM}█ costly item  ▒▓ others, in turn  · nothing to do{text.PLAIN}")
    print(f"  with work stealing the burst takes {1 / ratio:.2f}x the time of an even share")
    cli.output_file(arguments.output).write_text(draw_svg(replies, heavy_cost), encoding="utf-8")
    print(f"  {cli.shown(arguments.output)}")
    return 0
