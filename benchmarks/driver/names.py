"""How rivals are called where people read."""

LABELS = {
    "millrace": "Millrace",
    "millrace-deferred": "Millrace, `deferred`",
    "millrace-install": "Millrace, `install`",
    "baseline": "Millrace, earlier version",
    "baseline-install": "Millrace, earlier version, `install`",
    "millrace-no_metrics": "Millrace, `NoMetrics`",
    "millrace-trace": "Millrace, `TraceMetrics`",
    "thread_pool-co_spawn": "`asio::thread_pool`, `co_spawn`",
    "thread_pool-post": "`asio::thread_pool`, `post`",
    "thread_pool-post-deferred": "`asio::thread_pool`, `post`, `deferred`",
    "naive": "naive: `enqueue` + `post`",
    "naive-deferred": "naive, `deferred`",
    "onetbb": "oneTBB alone",
    "tokio_rayon": "Tokio + Rayon, oneshot",
    "tokio_rayon-two_hops": "Tokio + Rayon, two hops",
    "tokio-spawn_blocking": "Tokio, `spawn_blocking`",
    "idle_loop": "Asio, no jobs",
    "inline_on_loop": "Asio, jobs on the loop itself",
    "tokio-idle_loop": "Tokio, no jobs",
    "tokio-inline_on_loop": "Tokio, jobs on the loop itself",
    "always_inline": "always on the loop, `compute_small`",
    "always_offload": "always on the pool, `execute`",
    "adaptive": "`execute_adaptive`",
    "no_job": "the loop and its timer alone",
}

RUST = ["tokio_rayon", "tokio_rayon-two_hops", "tokio-spawn_blocking"]
HEADLINE = ["millrace", "thread_pool-co_spawn", "thread_pool-post", "naive", *RUST]
# Where an earlier version is measured too.
COMPARED = ["millrace", "baseline", *HEADLINE[1:]]
LOAD = [rival for rival in COMPARED if rival != "tokio_rayon-two_hops"]
CALLBACKS = ["millrace-deferred", "thread_pool-post-deferred", "naive-deferred"]


def label(rival):
    return LABELS.get(rival, rival)


def plain(rival):
    return label(rival).replace("`", "")


def number(value):
    """Three digits that count, no exponents: 0.0123, 1.23, 12.3, 123, 1230, 12300."""
    if value == 0:
        return "0"
    digits = 0
    size = abs(value)
    while size < 100 and digits < 6:
        size *= 10
        digits += 1
    if size >= 1000:
        step = 10 ** (len(str(int(abs(value)))) - 3)
        return f"{round(value / step) * step:,}"
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
