"""How fast the real service is, and how soon a mention stands in a queue.

  tests/bench/pipeline.py [--vigie build/release/vigie] [--acts 300000] [--rules 200] [--kafka]

Over its embedded log, or with --kafka over a broker of its own on the same machine.

Runs `vigie run` with the generator as its source (all ops, seeded) and the example rules, filled up
to the number asked for with queries of words that the stream uses. First as fast as it goes, on one
core and on two; then at half of that rate for a while, which is when receipt -> queue is measured.
What the generator itself takes is in these numbers.
"""
import argparse
import collections
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from broker import Broker
from service import RULES, Service


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}"


def fill_rules(vigie, path, wanted):
    """The example rules and more themes, of words that the stream says often enough to matter."""
    stream = subprocess.run([vigie, "generate", "--seed", "1", "--count", "20000", "--duration", "24h",
                             "--start", "2026-06-03T06:00:00Z"], check=True, capture_output=True).stdout
    counted = collections.Counter()
    for line in stream.decode().splitlines():
        counted.update(set(re.findall(r"[a-zA-Z]{3,12}", json.loads(line).get("text") or "")))
    words = sorted({word.lower() for word, times in counted.items() if 20 <= times <= 4000})
    with open(RULES, encoding="utf-8") as file:
        text = file.read()
    there = len(re.findall(r"^  - id:", text.split("\nroutes:")[0], re.M)) + 1
    chance = random.Random(7)
    more = []
    for number in range(max(0, wanted - there)):
        a, b, c, d = chance.sample(words, 4)
        more.append(f"  - {{id: more-{number}, query: '({a} AND {b}) OR \"{c} {d}\"'}}\n")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text.replace("\nthemes:\n", "\nthemes:\n" + "".join(more), 1))
    return there + len(more)


def source(acts, rate, ledger):
    return [{"name": "brand", "kind": "generate", "seed": 3, "per_second": rate, "rhythm": False,
             "count": acts, "ledger": ledger}]


def serve(vigie, directory, rules, acts, rate, cores, log):
    """Seconds until all is counted, processor seconds, peak bytes, p99 of receipt -> queue."""
    ledger = os.path.join(directory, "ledger.ndjson")
    service = Service(vigie, directory, source(acts, rate, ledger), log)
    with open(service.config, encoding="utf-8") as file:
        config = json.load(file)
    config["rules"] = rules
    with open(service.config, "w", encoding="utf-8") as out:
        json.dump(config, out)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # the service inherits it
    began = time.monotonic()
    service.start()
    os.sched_setaffinity(0, before)
    # Seldom, since telling metrics is work, too.
    warm = None
    while not done(service, acts):
        time.sleep(0.5)
        # What came while it was starting waited for that.
        if warm is None and done(service, acts * 0.4, behind=20000):
            warm = service.get("/metrics")
    took = time.monotonic() - began
    with open(f"/proc/{service.process.pid}/status", encoding="utf-8") as lines:
        peak = int(re.search(r"VmHWM:\s+(\d+)", lines.read()).group(1)) * 1024
    with open(f"/proc/{service.process.pid}/stat", encoding="utf-8") as stat:
        ticks = stat.read().rsplit(")", 1)[1].split()
    used = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
    now = service.get("/metrics")
    p50, p99 = (quantile(warm or "", now, "vigie_receipt_to_served_seconds", q) for q in (0.5, 0.99))
    service.stop()
    return took, used, peak, p50, p99


def done(service, acts, behind=0):
    metrics = service.get("/metrics")

    def total(name):
        return sum(map(float, re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)", metrics, re.M)))
    return total("vigie_ingest_mentions_total") >= acts and total("vigie_worker_lag_records") <= behind


def buckets_of(metrics, name):
    return [(float(bound), float(count)) for bound, count in
            re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\S+)', metrics, re.M)]


def quantile(before, after, name, share):
    """The upper bound of the bucket in which the quantile lies, of what came between both."""
    earlier = dict(buckets_of(before, name))
    buckets = [(bound, count - earlier.get(bound, 0)) for bound, count in buckets_of(after, name)]
    for bound, count in buckets:
        if buckets[-1][1] and count >= share * buckets[-1][1]:
            return bound
    return float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vigie", default=os.path.join(ROOT, "build", "release", "vigie"))
    parser.add_argument("--acts", type=int, default=300000)
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--kafka", action="store_true")
    options = parser.parse_args()
    every = sorted(os.sched_getaffinity(0))
    print(f"machine    {processor()}")
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="vigie-bench-"))
        broker = stack.enter_context(Broker()) if options.kafka else None

        def log(name):
            return broker and {"kind": "kafka", "batch": {"max_mentions": 10000},
                               "kafka": {"bootstrap": broker.bootstrap, "partitions": 6,
                                         "topic_prefix": f"{name}."}}
        rules = os.path.join(directory, "rules.yaml")
        print(f"rules      {fill_rules(options.vigie, rules, options.rules)}")
        for cores in (every[-1:], every[-2:]):
            name = f"{len(cores)} core{'s' if len(cores) > 1 else ' '}"
            place = os.path.join(directory, f"fast{len(cores)}")
            took, used, peak, _, _ = serve(options.vigie, place, rules, options.acts, 40_000, cores,
                                        log(f"fast{len(cores)}"))
            rate = options.acts / took
            print(f"{name}    {rate:,.0f} acts/s; {used / options.acts * 1e6:.1f} s of processor a million; "
                  f"{peak / 2**20:.0f} MiB", flush=True)
            place = os.path.join(directory, f"half{len(cores)}")
            took, _, half_peak, p50, p99 = serve(options.vigie, place, rules, int(rate * 12), rate / 2, cores,
                                             log(f"half{len(cores)}"))
            print(f"           at {rate / 2:,.0f} acts/s: receipt -> queue p50 <= {p50} s, p99 <= {p99} s; "
                  f"{half_peak / 2**20:.0f} MiB",
                  flush=True)


main()
