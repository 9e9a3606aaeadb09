"""Drains a prefilled topic with one system after the other: rate, processor, memory, bytes on disk."""
import glob
import json
import os
import re
import subprocess

from systems import CHANGELOG, DRAINED

# The first part warms caches and compilers up; what comes after it is measured.
WARM = 0.3
TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(pids):
    used = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        used += int(fields[11]) + int(fields[12])
    return used / TICK


def peak_bytes(pids):
    peak = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            peak += int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1)) * 1024
    return peak


def segment_bytes(world, topic):
    """Of a topic, as it lies compressed on the broker's disk."""
    pattern = os.path.join(world.directory, "vigie-kafka-*", "data", topic + "-[0-9]*", "*.log")
    return sum(os.path.getsize(file) for file in glob.glob(pattern))


class Watch:
    """What a group has committed of a topic, as it changes and each second."""

    def __init__(self, world, system, topic, **more):
        self.process = subprocess.Popen(
            world.words("watch", topic=topic, group=system.prefix + system.group, **more),
            stdout=subprocess.PIPE, text=True)

    def __iter__(self):
        for line in self.process.stdout:
            time, committed = line.split()
            yield float(time), int(committed)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def drain(world, name, number, mentions):
    """One run; what it measured, as a dictionary."""
    prefix = f"{name}-{number}."
    system = DRAINED[name](world, prefix)
    mentions *= system.times
    assert int(world.run("fill", prefix=prefix, file=world.path("mentions.ndjson"),
                         times=system.times)) == mentions
    watch = Watch(world, system, prefix + "mentions")
    try:
        system.start()
        pids = [process.pid for process in system.processes]
        samples = []
        for time, committed in watch:
            assert not system.ended(), f"{name} ended: {system.tail()}"
            if samples and committed == samples[-1][1]:
                continue
            samples.append((time, committed, processor_seconds(pids),
                            processor_seconds([world.broker.pid])))
        peak = peak_bytes(pids)
    finally:
        watch.end()
        system.stop()
    begin = next(sample for sample in samples if sample[1] >= WARM * mentions)
    end = samples[-1]
    assert end[1] == mentions, f"{name}: {end[1]} of {mentions}"
    share = end[1] - begin[1]
    assert share > 0.3 * mentions, f"{name}: too few commits to measure by: take more mentions"
    out = {"kind": "drain", "system": name, "mentions": mentions,
           "rate": share / (end[0] - begin[0]), "cpu": (end[2] - begin[2]) / share * 1e6,
           "broker_cpu": (end[3] - begin[3]) / share * 1e6, "peak": peak,
           "commits": sum(1 for sample in samples if sample[1] > begin[1]),
           "whole_cpu": end[2] / mentions * 1e6}
    if system.form:
        out["wrote"] = json.loads(world.run("tally", prefix=prefix, form=system.form,
                                            counters=",".join(prefix + topic
                                                              for topic in system.counters)))
    else:
        out["copied"] = json.loads(world.run("tally", prefix=prefix))["tagged"][0]
    if name == "worker":
        out["said"] = system.tail()
    if name == "vigie":
        out["input_bytes"] = segment_bytes(world, prefix + "mentions")
        out["changelog_bytes"] = {topic: segment_bytes(world, prefix + topic) for topic in
                                  (*CHANGELOG, "tagged", "conversations")}
    if name == "streams":
        out["input_bytes"] = segment_bytes(world, prefix + "mentions")
        out["changelog_bytes"] = {store: segment_bytes(world, f"{prefix}streams-{store}-changelog")
                                  for store in ("seen", "counts")}
    return out
