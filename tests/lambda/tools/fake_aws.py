#!/usr/bin/env python3
"""Stands in for the aws command: answers from its own bcrypt-like function, whose state is a file.

The folder in FAKE_AWS_STATE holds what was asked (calls.jsonl) and the memory size (memory).
"""

import base64
import json
import os
import pathlib
import sys

STATE = pathlib.Path(os.environ["FAKE_AWS_STATE"])
WORKERS = 4


def reply_to(event) -> tuple[dict, bool]:
    """The payload, and whether it is an error."""
    def invalid(message: str) -> tuple[dict, bool]:
        return {"errorType": "Function.InvalidEvent", "errorMessage": message, "stackTrace": []}, True
    if not isinstance(event, dict):
        return invalid("the event must be a JSON object")
    if "costs" in event:
        items = [{"item": i, "cost": cost, "worker": i % WORKERS, "start_ms": i // WORKERS * 10.0,
                  "end_ms": i // WORKERS * 10.0 + 9} for i, cost in enumerate(event["costs"])]
        return {"items": items, "schedule": event["schedule"], "workers": WORKERS, "threads_used": WORKERS,
                "duration_ms": items[-1]["end_ms"]}, False
    for field in event:
        if field not in ("count", "mode"):
            return invalid(f'unknown field "{field}"')
    for field in ("count", "mode"):
        if field not in event:
            return invalid(f'"{field}" is missing')
    count, mode = event["count"], event["mode"]
    if not isinstance(count, int) or not 1 <= count <= 1000:
        return invalid(f"not {json.dumps(count)}")
    if mode not in ("parallel", "sequential", "auto"):
        return invalid(f'not "{mode}"')
    if os.environ.get("FAKE_AWS_BROKEN"):
        count += 1
    mode = mode if mode != "auto" else "parallel" if count > 1 else "sequential"
    used = min(count, WORKERS) if mode == "parallel" else 1
    ms = 40 * count // used
    return {"processed": count, "duration_ms": ms, "mode": mode, "workers": WORKERS, "detected_cpus": WORKERS,
            "avg_ms_per_item": round(ms / count, 2), "memory_used_kb": 3508, "threads_used": used}, False


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def main() -> None:
    with open(STATE / "calls.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(sys.argv[1:]) + "\n")
    command = tuple(sys.argv[1:3])
    if "--function-name" in sys.argv and option("--function-name") == "missing":
        sys.exit("\nAn error occurred (ResourceNotFoundException): Function not found: missing")
    if command == ("lambda", "invoke"):
        event = json.loads(pathlib.Path(option("--payload").removeprefix("fileb://")).read_text(encoding="utf-8"))
        reply, failed = reply_to(event)
        pathlib.Path(sys.argv[-3]).write_text(json.dumps(reply), encoding="utf-8")  # before --output json
        memory = int((STATE / "memory").read_text(encoding="utf-8"))
        ms = reply.get("duration_ms", 1) * 1769 / memory + 1
        log = (f"START RequestId: r-1\nREPORT RequestId: r-1\tDuration: {ms:.2f} ms\tBilled Duration: {int(ms) + 1} ms\t"
               f"Memory Size: {memory} MB\tMax Memory Used: 21 MB\tInit Duration: 20.00 ms\n")
        answer = {"StatusCode": 200, "LogResult": base64.b64encode(log.encode()).decode()}
        print(json.dumps(answer | ({"FunctionError": "Unhandled"} if failed else {})))
    elif command == ("lambda", "get-function-configuration"):
        memory = int((STATE / "memory").read_text(encoding="utf-8"))
        print(json.dumps({"MemorySize": memory, "LastUpdateStatus": "Successful", "Architectures": ["arm64"]}))
    elif command == ("lambda", "update-function-configuration"):
        (STATE / "memory").write_text(option("--memory-size"), encoding="utf-8")
        print("{}")
    elif command == ("logs", "filter-log-events"):
        line = {"message": "invocation", "requestId": "r-9", "durationMs": 12.5, "status": "success"}
        print(json.dumps({"events": [{"message": json.dumps(line) + "\n"}]}))
    elif command == ("cloudwatch", "get-metric-statistics"):
        print(json.dumps({"Datapoints": [{"Timestamp": "2026-01-01T00:00:00Z", option("--statistics"): 7.0}]}))
    else:
        sys.exit(f"fake aws: what is {command}?")


main()
