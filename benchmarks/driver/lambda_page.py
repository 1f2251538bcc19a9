"""What tools/bench --only lambda says: tables, verdicts, docs/lambda-benchmark.md and its pictures."""

import os

from results import spread
from targets import Verdict

SHARP_DIFFERS = """\
"CPU" is that of all threads: sharp has more of them than it is told, for reading and writing. It
does other work than the handler: `blur` uses whole numbers and a narrower kernel; `convolve`
knows one of Sobel's two kernels and no square root, so that is about half of it; `grayscale` weighs
the colours otherwise. Its rows go through decoding, filter and encoding piece by piece, so
it has no stages, its PNG has filter "none" on each row where the handler takes "sub", and it is built
with zlib-ng where the handler has Debian's zlib. "Differs"
is how far its pixels are from the handler's definition, on average, of 255. Compression level 1 on
both sides."""


def kib(size):
    return f"{size / 1024:,.0f} KiB"


def ratio(above, below):
    return spread([a / b for a, b in zip(above, below)])


def cells(got, digits=1):
    return (f"{got.median:,.{digits}f} | {got.q1:,.{digits}f} - {got.q3:,.{digits}f} "
            f"| {got.min:,.{digits}f}")


# --- Tables --------------------------------------------------------------------------------------


def bcrypt_text(data):
    values = data["bcrypt"]
    ours = values["Millrace, 2 workers|ms"]
    yield "## bcrypt: 20 passwords at cost 10\n"
    yield "![times](benchmarks/lambda-bcrypt.svg)\n"
    yield ("| | median, ms | quartiles | best | x Millrace, 2 workers |\n|---|---|---|---|---|")
    for name in rivals_of(values):
        got = values[f"{name}|ms"]
        yield f"| {name} | {cells(spread(got))} | {ratio(got, ours).median:.2f} |"
    speedup = ratio(values["Millrace, 1 worker|ms"], ours)
    yield (f"\nTwo workers are {speedup.median:.2f} times as fast as one "
           f"[{speedup.q1:.2f} - {speedup.q3:.2f}]. While two workers hash, the event loop "
           f"answers a probe on a socket within {middle(values, 'loop|p50'):.3f} ms (half of the "
           f"probes), {middle(values, 'loop|p99'):.2f} ms (99 %), {middle(values, 'loop|max'):.2f} "
           f"ms (all); {middle(values, 'loop|within'):.1f} % within 5 ms. Medians of the "
           "rounds.\n")
    yield ("`@node-rs/bcrypt` is the Rust crate, its `hash` on libuv's threads, all 20 at once. Each "
           "reply is checked by a third implementation.\n")


def middle(values, key):
    return spread(values[key]).median


def rivals_of(values):
    return dict.fromkeys(key.split("|")[0] for key in values if not key.startswith("loop|"))


def image_text(data):
    image = data["image"]
    values = image["values"]
    yield "## Image filter: 3000 x 2000 pixels, RGB\n"
    yield "![times](benchmarks/lambda-image.svg)\n"
    yield (f"From a PNG file of {kib(image['input_bytes'])} to a PNG file, decoding and encoding "
           "included; milliseconds.\n")
    yield ("| filter | | median | quartiles | best | CPU | decode | filter | encode | output | differs |"
           "\n|---|---|---|---|---|---|---|---|---|---|---|")
    for name in filters_of(values):
        for rival in rivals_of(values):
            stages = [values.get(f"{rival}|{name}|{stage}") for stage in
                      ("decode", "filter", "encode")]
            stages = [f"{spread(got).median:.1f}" if got else "" for got in stages]
            far = image["far"].get(f"{rival}|{name}")
            far = "" if rival.startswith("Millrace") or far is None else f"{far:.2f}"
            yield (f"| {name} | {rival} | {cells(spread(values[f'{rival}|{name}|whole']))} "
                   f"| {middle(values, f'{rival}|{name}|cpu'):.0f} | {' | '.join(stages)} | {kib(image['bytes'][f'{rival}|{name}'])} | {far} |")
    yield "\n" + SHARP_DIFFERS + "\n"
    yield "### Encoding alone\n"
    yield ("The photograph, 17.2 MiB of pixels, by the handler's encoder and by libspng with the same "
           "level and row filter.\n")
    yield "| | median, ms | quartiles | best | output | x libspng |\n|---|---|---|---|---|---|"
    theirs = values["Millrace, 1 worker|encode|libspng"]
    rows = [("libspng, which has one thread", theirs, "libspng"),
            ("the handler's, 1 worker", values["Millrace, 1 worker|encode|ours"], "ours"),
            ("the handler's, 2 workers", values["Millrace, 2 workers|encode|ours"], "ours")]
    for name, got, encoder in rows:
        yield (f"| {name} | {cells(spread(got))} | {kib(image['bytes']['encode|' + encoder])} "
               f"| {ratio(got, theirs).median:.2f} |")
    yield ""


def filters_of(values):
    return dict.fromkeys(key.split("|")[1] for key in values if key.endswith("|whole"))


def invocation_text(data):
    values = data["invocation"]
    yield "## The runtime: one invocation of a function that echoes\n"
    yield "![times](benchmarks/lambda-invocation.svg)\n"
    yield ("| event | | from event to response, us | quartiles | best | whole cycle, us | x Millrace |"
           "\n|---|---|---|---|---|---|---|")
    for payload in dict.fromkeys(key.split("|")[1] for key in values):
        for rival in rivals_of(values):
            got = values[f"{rival}|{payload}|invocation_us"]
            ours = values[f"Millrace|{payload}|invocation_us"]
            yield (f"| {payload} | {rival} | {cells(spread(got), 0)} "
                   f"| {middle(values, f'{rival}|{payload}|cycle_us'):,.0f} "
                   f"| {ratio(got, ours).median:.2f} |")
    yield """
From the first byte of the reply to `/next` to the last of the posted response, against a Runtime API
that answers at once; the cycle is from one event to the following. Medians of each round's
invocations. The event is an array of small records, or one string; both sides parse it, hand it to
the handler and print what that returns, and each response is compared with the event byte by byte.
Millrace's handler also goes to the pool and back. Node's loop is written after AWS's runtime for Node,
`node:http` with one kept connection, without its logging, tracing and deadlines; AWS's fetches its
events by a native client.
"""


def start_text(data):
    values, sizes = data["start"]["values"], data["start"]["sizes"]
    yield "## Start\n"
    yield "![times](benchmarks/lambda-start.svg)\n"
    yield ("| | first `GET /next`, ms | quartiles | best | CPU, ms | resident | of it private "
           "| binary | zip |\n|---|---|---|---|---|---|---|---|---|")
    for name in rivals_of(values):
        size = sizes.get(name)
        own = f"{kib(size['bytes'])} | {kib(size['zipped'])}" if size else "|"
        memory = [f"{middle(values, f'{name}|{what}') / 1024:.1f} MiB"
                  for what in ("resident", "private")]
        yield (f"| {title(name, sizes)} | {cells(spread(values[f'{name}|ms']), 2)} "
               f"| {middle(values, f'{name}|cpu_ms'):.2f} | {' | '.join(memory)} | {own} |")
    yield ("| Rust, as [published](decisions/0011-lambda-package.md), another machine | | | | | "
           "1.5 to 3.5 MB \"used\" | | 1.7 MB | 0.8 MB |")
    yield """
From exec to the first request in a local server, files in the page cache; AWS adds its own. Node is
the bare loop of the section above, without a package's own modules. Rust is a bcrypt handler whose
sizes and memory its authors publish. No figures of AWS's runtime for C++ are published but that glibc
in the zip costs about 5 ms of start, as its users report, which is why it isn't in ours.
"""
    if not all(size["is_package"] for size in sizes.values()):
        yield ("\"(build)\": not packaged, but this machine's release build on its shared libraries, "
               "so larger in memory and slower to start than what `tools/package-lambda` makes.\n")


def title(name, sizes):
    return name + (" (build)" if name in sizes and not sizes[name]["is_package"] else "")


SECTIONS = (bcrypt_text, image_text, invocation_text, start_text)


def text_of(data):
    return "\n".join(line for section in SECTIONS for line in section(data))


# --- Verdicts ------------------------------------------------------------------------------------


def verdicts(data):
    values = data["bcrypt"]
    have = ratio(values["Millrace, 1 worker|ms"], values["Millrace, 2 workers|ms"])
    yield Verdict("bcrypt, 2 workers, speed of 1 worker",
                  f"{have.median:.3g}x [{have.q1:.3g} - {have.q3:.3g}]", ">= 1.95x",
                  have.median >= 1.95)
    have = spread(values["loop|p99"])
    yield Verdict("bcrypt, the event loop's probe while 2 workers hash, p99",
                  f"{have.median:.3g} ms [{have.q1:.3g} - {have.q3:.3g}]", "<= 5 ms",
                  have.median <= 5)
    values = data["image"]["values"]
    have = ratio(values["Millrace, 2 workers|encode|ours"],
                 values["Millrace, 1 worker|encode|libspng"])
    yield Verdict("image filter, PNG encoding, 2 workers, of libspng's time",
                  f"{have.median:.3g}x [{have.q1:.3g} - {have.q3:.3g}]", "< 1x", have.median < 1)


# --- Page and pictures ---------------------------------------------------------------------------


PAGE = """# The Lambda against its rivals

Written by `tools/bench --only lambda` on {date}, on {cpus} CPUs ({cpu}, {os}). Medians of {rounds}
alternating rounds, in which each has its turn once, with their quartiles and the best. Results are
checked by calculations that share no code with any side. CSV has [its own page](csv-benchmark.md).

"""


def write(data, docs):
    about = data["machine"]
    draw(data, os.path.join(docs, "benchmarks"))
    with open(os.path.join(docs, "lambda-benchmark.md"), "w", encoding="utf-8") as out:
        out.write(PAGE.format(date=data["date"], rounds=data["rounds"], cpu=about["cpu"],
                              cpus=about["usable"], os=about["os"]) + text_of(data))


STAGES = {"decode": "#1b6ca8", "filter": "#5fa3d3", "encode": "#aacdea"}


def draw(data, directory):
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import StrMethodFormatter

    from charts import CPP, OURS, save  # with its style

    def bars(axes, rows, heading, unit, digits=0):
        """rows: (name, spread, whether it is ours)"""
        for at, (_, got, is_ours) in enumerate(reversed(rows)):
            axes.barh(at, got.median, color=OURS if is_ours else CPP, height=0.68)
            finish(axes, at, got, digits)
        frame(axes, rows, heading, unit)

    def finish(axes, at, got, digits):
        axes.plot([got.q1, got.q3], [at, at], color="#20252b", linewidth=1.2, marker="|",
                  markersize=5)
        axes.annotate(f"{got.median:,.{digits}f}", (max(got.median, got.q3), at), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=8)

    def frame(axes, rows, heading, unit):
        axes.set_yticks(range(len(rows)), [name for name, *_ in reversed(rows)])
        axes.set_xlim(0, 1.18 * max(got.q3 for _, got, _ in rows))
        axes.set_title(heading)
        axes.set_xlabel(unit)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.12g}"))
        axes.tick_params(axis="y", length=0)

    values = data["bcrypt"]
    figure, axes = plt.subplots(figsize=(7.5, 2.3), layout="constrained")
    bars(axes, [(name, spread(values[f"{name}|ms"]), name.startswith("Millrace"))
                for name in rivals_of(values)], "20 passwords at cost 10", "ms (less is better)")
    save(figure, directory, "lambda-bcrypt")

    values = data["image"]["values"]
    filters = list(filters_of(values))
    figure, panels = plt.subplots(len(filters), 1, figsize=(7.5, 6), layout="constrained",
                                  sharex=True)
    for axes, name in zip(panels, filters):
        rows = [(rival, spread(values[f"{rival}|{name}|whole"]), rival.startswith("Millrace"))
                for rival in rivals_of(values)]
        for at, (rival, got, is_ours) in enumerate(reversed(rows)):
            axes.barh(at, got.median, color="#d5dae0" if is_ours else CPP, height=0.68)
            left = 0
            for stage, colour in STAGES.items() if is_ours else ():
                width = middle(values, f"{rival}|{name}|{stage}")
                axes.barh(at, width, left=left, color=colour, height=0.68)
                left += width
            finish(axes, at, got, 0)
        frame(axes, rows, name.replace("_", " "), "")
    most = max(spread(got).q3 for key, got in values.items() if key.endswith("|whole"))
    panels[-1].set_xlim(0, 1.12 * most)
    panels[-1].set_xlabel("ms, from file to file (less is better)")
    marks = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (*STAGES.values(), "#d5dae0")]
    figure.legend(marks, [*STAGES, "files"], ncols=4, loc="upper right", frameon=False,
                  fontsize=8)
    save(figure, directory, "lambda-image")

    values = data["invocation"]
    payloads = list(dict.fromkeys(key.split("|")[1] for key in values))
    figure, panels = plt.subplots(len(payloads), 1, figsize=(7.5, 1.35 * len(payloads)),
                                  layout="constrained")
    for axes, payload in zip(panels, payloads):
        bars(axes, [(name, spread(values[f"{name}|{payload}|invocation_us"]), name == "Millrace")
                    for name in rivals_of(values)], payload, "")
    panels[-1].set_xlabel("µs from event to response (less is better)")
    save(figure, directory, "lambda-invocation")

    values, sizes = data["start"]["values"], data["start"]["sizes"]
    figure, panels = plt.subplots(2, 1, figsize=(7.5, 4.6), layout="constrained")
    names = list(rivals_of(values))
    bars(panels[0], [(title(name, sizes), spread(values[f"{name}|ms"]), name in sizes)
                     for name in names], "from exec to the first GET /next",
         "ms (less is better)", 1)
    bars(panels[1], [(title(name, sizes),
                      spread([kilo / 1024 for kilo in values[f"{name}|resident"]]), name in sizes)
                     for name in names], "resident memory then", "MiB (less is better)", 1)
    save(figure, directory, "lambda-start")
