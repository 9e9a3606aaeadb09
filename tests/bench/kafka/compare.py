#!/usr/bin/python3
"""Vigie over Kafka beside its rivals, in one run: the same broker, mentions, rules and machine.

  tests/bench/kafka/compare.py [--quick] [--rounds 3] [--mentions 500000] [--only PART,...]
                               [--systems NAME,...] [--results FILE] [--dir DIRECTORY]
  tests/bench/kafka/compare.py --table FILE

Parts: drain (rate, processor, memory, bytes on disk), latency, recovery. With --results each
measurement is also a line of JSON at the end of FILE, and the table is made of all that is there, so
that a long run may be cut into several. Ends with 1 when something could not be measured, or two
systems that should have decided the same did not; a slow machine is no failure. README.md tells more.
"""
import argparse
import collections
import contextlib
import json
import os
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "integration")]
from broker import Broker
from corpus import make_corpus
from drain import drain
from latency import latency
from recovery import recovery
from systems import DRAINED, PARTITIONS, ROOT, Service, Streams, World, prepare_streams

MEASURED = ("vigie", "streams", "bare", "worker", "worker-alo", "vigie-1", "vigie-2x1")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    with open("/proc/loadavg", encoding="utf-8") as load:
        return f"{len(names)} x {names[0]}, load {load.read().split()[0]}"


class Results:
    def __init__(self, file):
        self.file, self.all = file, []
        if file and os.path.exists(file):
            with open(file, encoding="utf-8") as lines:
                self.all = [json.loads(line) for line in lines]

    def add(self, result):
        self.all.append(result)
        if self.file:
            with open(self.file, "a", encoding="utf-8") as out:
                out.write(json.dumps(result) + "\n")

    def of(self, kind, system=None):
        return [one for one in self.all
                if one["kind"] == kind and (system is None or one["system"] == system)]

    def values(self, system, name):
        return [one[name] for one in self.of("drain", system)]


def spread(values, form="{:,.0f}"):
    if len(values) == 1:
        return form.format(values[0])
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{form.format(middle)} ({form.format(low)} to {form.format(high)})"


def print_drains(results):
    print("\nsystem          mentions/s                    processor s/million     broker's   MiB    commits")
    for name in DRAINED:
        if not results.of("drain", name):
            continue
        print(f"{name:14}  {spread(results.values(name, 'rate')):28}  "
              f"{spread(results.values(name, 'cpu'), '{:.1f}'):22}  "
              f"{statistics.median(results.values(name, 'broker_cpu')):8.1f}  "
              f"{max(results.values(name, 'peak')) / 2**20:6.0f}  "
              f"{statistics.median(results.values(name, 'commits')):7.0f}")


class Table:
    """What was wanted, what it is, and whether that will do."""

    def __init__(self):
        print(f"\n{'what':52}{'measured':>12}{'must':>9}{'aim':>9}")

    def row(self, what, value, must, aim, least=False, unit=""):
        good, better = (value >= must, value >= aim) if least else (value <= must, value <= aim)
        verdict = "aim reached" if better else "met" if good else "MISSED"
        sign = ">=" if least else "<="
        print(f"{what:52}{value:>10.2f}{unit:2}{sign + f'{must:g}':>9}{sign + f'{aim:g}':>9}  {verdict}")


def ratio(results, one, other, name, of=statistics.median):
    a, b = results.values(one, name), results.values(other, name)
    return of(a) / of(b) if a and b else None


def print_table(results):
    table = Table()
    for what, one, other, name, must, aim, least in (
            ("rate: Vigie / Kafka Streams", "vigie", "streams", "rate", 2, 4, True),
            ("processor: Vigie / Kafka Streams", "vigie", "streams", "cpu", 0.5, 0.25, False),
            ("peak memory: Vigie / Kafka Streams", "vigie", "streams", "peak", 0.25, 0.15, False),
            ("rate: Vigie / bare transactional loop", "vigie", "bare", "rate", 0.5, 0.7, True),
            ("rate: worker with / without transactions", "worker", "worker-alo", "rate", 0.8, 0.9, True),
            ("processor: two processes / one", "vigie-2x1", "vigie-1", "cpu", 1.2, 1.1, False)):
        value = ratio(results, one, other, name, max if name == "peak" else statistics.median)
        if value is not None:
            table.row(what, value, must, aim, least)
    sizes = [(sum(size for topic, size in one["changelog_bytes"].items()
                  if topic not in ("tagged", "conversations")) / one["input_bytes"],
              one["changelog_bytes"]["tagged"] / one["input_bytes"])
             for one in results.of("drain", "vigie")]
    if sizes:
        table.row("changelog bytes / input bytes", statistics.median(s[0] for s in sizes), 0.45, 0.30)
        print(f"{'  the texts that a worker keeps (tagged) / input':52}"
              f"{statistics.median(s[1] for s in sizes):>10.2f}")
    for one in results.of("recovery"):
        size = f"{one['counters'] / 1e6:g} M counters, {one['rows'] / 1e6:g} M rows"
        table.row(f"kill -9 to commit, {size}", statistics.median(one["same"]), 5, 2, unit=" s")
        table.row("  the same with an empty disk", statistics.median(one["empty"]), 90, 45, unit=" s")
    for one in results.of("latency"):
        if "sse" in one:
            table.row(f"ack to SSE, p99 at {one['rate']}/s", one["sse"]["p99"], 1, 0.6, unit=" s")
    for one in results.of("latency"):
        for place in ("sse", "topic"):
            if place in one:
                told = one[place]
                print(f"  {one['system']} at {one['rate']}/s, ack to {place}: p50 {told['p50'] * 1e3:.0f} ms, "
                      f"p99 {told['p99'] * 1e3:.0f} ms, most {told['max'] * 1e3:.0f} ms")


def check_work(results):
    """Every system wrote the same decisions and counts; returns what differs."""
    wrong = []
    told = collections.defaultdict(list)
    for one in results.all:
        if one["kind"] == "drain" and "wrote" in one:
            told[one["corpus"]].append((one["system"], one["wrote"]))
        if one.get("copied", one.get("mentions")) != one.get("mentions"):
            wrong.append(f"{one['system']} copied {one['copied']} of {one['mentions']}")
    for runs in told.values():
        first = {}
        for name, wrote in runs:
            for topic, sums in wrote.items():
                other, same = first.setdefault(topic, (name, sums))
                if sums != same:
                    wrong.append(f"{topic}: {name} wrote {sums}, {other} {same}")
    if told and not wrong:
        print("\nall wrote the same: " + "; ".join(
            f"{topic} {sums[0]}" for topic, (_, sums) in first.items()))
    return wrong


def measure(options, results):
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="vigie-bench-", dir=options.dir))
        broker = stack.enter_context(Broker("--dir", directory, "--heap", "1g"))
        world = World(options.build, directory, broker, options.batch, options.threads, options.heap)
        made = make_corpus(world.vigie, directory, options.mentions, options.rules)
        corpus = f"{os.getpid()}-{os.path.basename(directory)}"
        print(f"{made} mentions of {os.path.getsize(world.path('mentions.ndjson')) // made} bytes, "
              f"{options.rules} rules, {PARTITIONS} partitions", flush=True)
        if "drain" in options.parts:
            # A broker that has just begun compiles itself; whoever came first would pay for it.
            for name in [] if options.quick else options.systems:
                drain(world, name, "first", made)
            for number in range(options.rounds):
                for name in options.systems:
                    results.add({**drain(world, name, number, made), "corpus": corpus})
                    one = results.all[-1]
                    print(f"  {name}: {one['rate']:,.0f}/s, {one['cpu']:.1f} s, {one['peak'] / 2**20:.0f} MiB",
                          flush=True)
        if "latency" in options.parts:
            for kind, name in ((Service, "service"), (Streams, "streams")):
                rate = results.values(name, "rate") or [drain(world, name, "half", made)["rate"]]
                results.add(latency(world, kind, int(statistics.median(rate) / 2), options.seconds))
        if "recovery" in options.parts:
            results.add(recovery(world, options.rows, made, options.kills))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--dir", help="where the broker and all state lie")
    parser.add_argument("--quick", action="store_true", help="small, in less than five minutes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mentions", type=int, default=500_000)
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--batch", type=int, default=5000, help="the most mentions a worker commits at once")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the large state; five counters each")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=20, help="of measured latency")
    parser.add_argument("--threads", type=int, default=2, help="workers of Vigie, stream threads of Streams")
    parser.add_argument("--heap", default="-Xms1g -Xmx1g -XX:+UseParallelGC", help="its Java options")
    parser.add_argument("--only", default="drain,latency,recovery")
    parser.add_argument("--systems", default=",".join(MEASURED))
    parser.add_argument("--results")
    parser.add_argument("--table", metavar="FILE", help="measure nothing, print what is there")
    options = parser.parse_args()
    options.parts = options.only.split(",")
    options.systems = options.systems.split(",")
    if options.quick:
        options.rounds, options.mentions, options.seconds = 1, 80_000, 8
        options.rows, options.kills = 100_000, 1
    print(f"machine    {processor()}")
    results = Results(options.table or options.results)
    if not options.table:
        prepare_streams()
        measure(options, results)
    print_drains(results)
    print_table(results)
    wrong = check_work(results)
    for what in wrong:
        print("WRONG  " + what)
    sys.exit(1 if wrong else 0)


main()
