#!/usr/bin/env python3
"""Runs the handlers that only compute, bcrypt and statistics, as their callers see them.

usage: compute_end_to_end.py --build DIR [--workers N] [--summary]

Exit status: 0 if the replies are right, 1 if not.
"""

import argparse
import json
import os
import random
import sys
import tempfile

from local_api import ROOT, Failed, LocalApi, check, main

CHECK_STATISTICS = os.path.join(ROOT, "tests/lambda/statistics/check_statistics.py")


def show(options, event, reply):
    if options.summary:
        for what, value in (("event", event), ("reply", reply)):
            text = json.dumps(value)
            print(f"  {what}: {text if len(text) < 300 else text[:300] + ' ...'}")


def run(options, _stack):
    env = {"WORKER_COUNT": str(options.workers)}
    with LocalApi(options.build, "bcrypt/bootstrap-bcrypt", env) as api:
        for mode in ("sequential", "parallel"):
            event = {"count": 20, "mode": mode}
            reply, seconds = api.invoke(event)
            threads = 1 if mode == "sequential" else options.workers
            if reply["processed"] != 20 or not 1 <= reply["threads_used"] <= threads:
                raise Failed(f"the reply is wrong: {reply}")
            print(f"bcrypt {mode}: 20 of 20 hashed by {reply['threads_used']} threads, {seconds:.2f} s")
            show(options, event, reply)
        api.check_stayed()
    dice = random.Random(3)
    with LocalApi(options.build, "statistics/bootstrap-statistics", env) as api:
        for algorithm in ("standard", "advanced"):
            data = [
                {"values": [dice.gauss(5, 8) for _ in range(100)], "metadata": f"point {i}"}
                for i in range(200)
            ]
            event = {"data": data, "algorithm": algorithm}
            reply, seconds = api.invoke(event)
            with tempfile.TemporaryDirectory(prefix="millrace-statistics-") as folder:
                files = [os.path.join(folder, name) for name in ("event.json", "reply.json")]
                for name, value in zip(files, (event, reply)):
                    with open(name, "w", encoding="utf-8") as file:
                        json.dump(value, file)
                equal = check(sys.executable, "-B", CHECK_STATISTICS, *files)
            print(f"statistics {algorithm}: {equal}, {seconds:.2f} s")
            show(options, event, reply)
        api.check_stayed()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sys.exit(main(run, parser))
