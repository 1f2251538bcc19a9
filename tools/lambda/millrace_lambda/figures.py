"""Percentiles, and what Lambda charges."""

import dataclasses
import math

# Dollars per GB-second, us-east-1, https://aws.amazon.com/lambda/pricing/
PRICES = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
REQUESTS = 0.20  # dollars per million requests, whatever they take
MB_PER_VCPU = 1769  # Lambda's documentation: at 1,769 MB a function has one vCPU
MOST_WORKERS = 6


def percentile(values: list[float], percent: float) -> float:
    """Nearest rank: the smallest of the values that at least this share of them doesn't exceed."""
    if not values:
        raise ValueError("no values")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def trimmed_mean(values: list[float], share: float = 0.2) -> float:
    """Without the lowest and the highest share, as AWS Lambda Power Tuning averages."""
    if not values:
        raise ValueError("no values")
    dropped = int(len(values) * share)
    kept = sorted(values)[dropped:len(values) - dropped]
    return sum(kept) / len(kept)


def dollars_per_million(ms: float, memory_mb: int, architecture: str) -> float:
    """For the time, billed in whole milliseconds, of a million invocations; requests come on top."""
    return math.ceil(ms) / 1000 * memory_mb / 1024 * PRICES[architecture] * 1e6


def vcpus(memory_mb: int) -> float:
    return memory_mb / MB_PER_VCPU


def workers(memory_mb: int) -> int:
    return min(MOST_WORKERS, max(1, math.ceil(vcpus(memory_mb))))


@dataclasses.dataclass
class Choice:
    cheapest: int
    fastest: int
    balanced: int


def choose(points: dict[int, tuple[float, float]], weight: float = 0.5) -> Choice:
    """The memory sizes that AWS Lambda Power Tuning would choose, from (time, cost) by size.

    Balanced is the least of `weight * cost / greatest cost + (1 - weight) * time / longest time`.
    """
    longest = max(ms for ms, _ in points.values())
    dearest = max(cost for _, cost in points.values())
    return Choice(
        cheapest=min(points, key=lambda size: (points[size][1], points[size][0])),
        fastest=min(points, key=lambda size: points[size]),
        balanced=min(points, key=lambda size: weight * points[size][1] / dearest
                     + (1 - weight) * points[size][0] / longest))


def fit(points: dict[float, float]) -> tuple[float, float]:
    """a and b of time = a + b / vCPUs through (time by vCPUs), by least squares of the relative errors."""
    sums = [0.0] * 5
    for cpus, ms in points.items():
        u, v = 1 / ms, 1 / (cpus * ms)  # relative: u * a + v * b = 1
        for i, term in enumerate((u * u, u * v, v * v, u, v)):
            sums[i] += term
    uu, uv, vv, u1, v1 = sums
    determinant = uu * vv - uv * uv
    a = (u1 * vv - v1 * uv) / determinant
    b = (uu * v1 - uv * u1) / determinant
    return (a, b) if a >= 0 else (0.0, v1 / vv)
