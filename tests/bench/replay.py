"""How fast `vigie replay` is, and how much memory it takes: the whole pipeline on one core.

  tests/bench/replay.py [--vigie build/release/vigie] [--acts 200000] [--runs 5] [--core 1]

Makes a stream of the invented brand (all ops, seeded), replays it with the example rules as often as
asked, and prints acts a second (median, least and most) and the peak of resident memory.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RULES = os.path.join(ROOT, "deploy", "rules.yaml")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def measured(command, core):
    """Seconds, processor seconds and peak bytes of one run, and what it printed."""
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        out.seek(0)
        printed = out.read()
    assert os.waitstatus_to_exitcode(status) == 0, f"{command} ended with {status}"
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, printed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vigie", default=os.path.join(ROOT, "build", "release", "vigie"))
    parser.add_argument("--acts", type=int, default=200000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as directory:
        source = os.path.join(directory, "in.ndjson")
        subprocess.run([options.vigie, "generate", "--seed", "3", "--rate", "20", "--duration", "96h",
                        "--count", str(options.acts), "--start", "2026-06-03T06:00:00Z",
                        "--out", source], check=True)
        size = os.path.getsize(source)
        command = [options.vigie, "replay", "--rules", RULES, "--input", source]
        rates, seconds, peaks = [], [], []
        for run in range(options.runs + 1):
            wall, cpu, peak, printed = measured(command, options.core)
            records = json.loads(printed)["records"]
            assert records == options.acts, f"{records} records of {options.acts}"
            if run == 0 and options.runs > 1:
                continue  # the first warms the disk cache
            rates.append(records / wall)
            seconds.append(cpu / records * 1e6)
            peaks.append(peak)
    print(f"machine    {processor()}, pinned to core {options.core}")
    print(f"input      {options.acts} acts, {size / options.acts:.0f} bytes each")
    print(f"rate       {statistics.median(rates):,.0f} acts/s (median of {len(rates)}; "
          f"{min(rates):,.0f} to {max(rates):,.0f})")
    print(f"processor  {statistics.median(seconds):.1f} s a million acts")
    print(f"memory     {max(peaks) / 2**20:.0f} MiB at most")


main()
