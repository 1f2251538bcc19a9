"""The page of power-tuning: one file that holds all, light and dark."""

import html
import pathlib
import re

from . import figures

# chart.py's colours, and the page's names for them.
COLOURS = {"#1f2328": "--ink", "#59636e": "--soft", "#d8dee4": "--line", "#2f6f9f": "--time", "#c4532d": "--arm",
           "#8a5fb0": "--x86", "#8c959f": "--faint"}

PUBLISHED_NOTE = {"bcrypt": "", "csv-etl": ", with S3 and DynamoDB where this machine has files and SQLite"}

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --soft: #59636e; --line: #d8dee4; --paper: #ffffff; --card: #f6f8fa;
  --time: #2f6f9f; --arm: #c4532d; --x86: #8a5fb0; --faint: #8c959f; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #30363d; --paper: #0d1117;
  --card: #161b22; --time: #64aee0; --arm: #ee8a63; --x86: #b892db; --faint: #767e87; --good: #56d364; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 70rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 3rem 0 1rem; }
p.warning { border-left: .25rem solid var(--arm); background: var(--card); padding: .6rem 1rem; margin: 1.25rem 0 0; }
p.lead { color: var(--soft); max-width: 50rem; margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; margin: 0 0 1.25rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.card b { display: block; font-size: 1.4rem; }
.card span { color: var(--soft); font-size: .9rem; }
figure { margin: 0 0 1.25rem; overflow-x: auto; }
figure svg { width: 100%; min-width: 42rem; height: auto; display: block; }
figcaption, .note { color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .86rem; }
th, td { padding: .4rem .4rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
th:nth-child(2), td:nth-child(2) { text-align: left; white-space: normal; }
tr.estimated td { color: var(--soft); font-style: italic; }
td .tag { color: var(--good); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .4rem 1.5rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .5rem; } }
"""


def inline(path: pathlib.Path, prefix: str, label: str) -> str:
    """An SVG as part of the page: its colours from the theme, its ids apart from those of others."""
    svg = path.read_text(encoding="utf-8")
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, name in COLOURS.items():
        svg = svg.replace(colour, f"var({name})")
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt" ', "", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}"', 1)


def number(value, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def card(title: str, row: dict, architecture: str) -> str:
    return (f'<div class="card">{title}<b>{row["memory_mb"]:,} MB</b><span>{row["ms"]:,.0f} ms, '
            f'${row[f"dollars_{architecture}"]:,.2f} per million</span></div>')


def table(workload: dict) -> str:
    titles = ["memory, MB", "", "vCPUs", "workers", "time, ms", "least", "most", "first,<br>init ms", "peak<br>memory, MB",
              "$ per million,<br>arm64", "$ per million,<br>x86_64"]
    lines = []
    for row in workload["rows"]:
        tags = ", ".join(name for name, size in workload["choice"].items() if size == row["memory_mb"])
        note = "estimated" if row["estimated"] else f'<span class="tag">{tags}</span>'
        cells = [number(row["memory_mb"], 0), note, number(row["vcpus"], 2), str(row["workers"]), number(row["ms"], 1),
                 number(row["least_ms"], 1), number(row["most_ms"], 1), number(row["init_ms"], 1),
                 number(row["peak_memory_mb"], 0), number(row["dollars_arm64"], 2), number(row["dollars_x86_64"], 2)]
        kind = ' class="estimated"' if row["estimated"] else ""
        lines.append(f"<tr{kind}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{title}</th>" for title in titles)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n' + "\n".join(lines) + "\n</tbody></table></div>"


def section(name: str, workload: dict, folder: pathlib.Path, architecture: str) -> str:
    rows = {row["memory_mb"]: row for row in workload["rows"]}
    cards = "".join(card(kind.capitalize(), rows[size], architecture) for kind, size in workload["choice"].items())
    caption = "The lines through the points go from the fastest to the slowest invocation."
    if any(row["estimated"] for row in workload["rows"]):
        caption += " Hollow points are estimated: these sizes have more CPUs than the machine."
    if workload["published"]:
        caption += f" Dotted: published for a version in Rust on AWS, arm64{PUBLISHED_NOTE[name]}."
    return (f'<h2>{html.escape(workload["title"])}</h2>\n<div class="cards">{cards}</div>\n'
            f'<figure>{inline(folder / f"{name}.svg", name, workload["title"] + ": time and cost by memory size")}'
            f"<figcaption>{caption}</figcaption></figure>\n{table(workload)}")


def make(result: dict, folder: pathlib.Path) -> str:
    machine = result["machine"]
    architecture = machine["architecture"]
    sections = "\n".join(section(name, workload, folder, architecture) for name, workload in result["workloads"].items())
    prices = ", ".join(f"{name} ${price:.10f}" for name, price in figures.PRICES.items())
    facts = {
        "CPU share": f"{figures.MB_PER_VCPU:,} MB of memory are one vCPU, as Lambda's documentation says. {result['how']}",
        "Time": f"{result['runs']} warm invocations per size, the average without the highest and lowest fifth; measured around "
                "the function, as Lambda bills it.",
        "Cost": f"Whole milliseconds x memory x the published price of a GB-second ({prices}). "
                f"Requests are ${result['requests_dollars']:.2f} per million on top, whatever the size.",
        "Balanced": "The least sum of time and cost, each as a share of the greatest measured, as AWS Lambda Power Tuning chooses.",
        "Estimated": "time = a + b / vCPUs through the measured sizes, least squares of the relative errors; never chosen.",
        "Machine": f"AWS Lambda, {architecture}. {result['time']}." if result["deployed"] else
                   f"{machine['cpu']}, {machine['cpus']} CPUs may be used, {machine['memory_gib']} GiB, {machine['system']}, "
                   f"Linux {machine['kernel']}, {architecture}. {result['time']}; load average before: {machine['load']:.1f}.",
    }
    if not any(row["estimated"] for workload in result["workloads"].values() for row in workload["rows"]):
        del facts["Estimated"]
    terms = "\n".join(f"<dt>{term}</dt><dd>{html.escape(fact)}</dd>" for term, fact in facts.items())
    where = "on AWS" if result["deployed"] else "on this machine with the CPU share that Lambda gives to each size"
    warning = f'<p class="warning">{html.escape(result["warning"])}</p>' if result["warning"] else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Which memory size? Time and cost of Millrace's Lambda functions</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Which memory size?</h1>
<p class="lead">Time and cost of Millrace's Lambda functions by memory size, measured {where}. Costs on the
cards are those of {architecture}, the architecture that was measured.</p>
{warning}
{sections}
<h2>How this was measured</h2>
<dl>
{terms}
</dl>
</body>
</html>
"""
