"""kill -9 of a worker that has a large state and a backlog: how soon the next one commits."""
import contextlib
import os
import shutil
import time

from drain import Watch, segment_bytes
from systems import CHANGELOG, OneWorker


class Progress:
    """A watch that is read on the side."""

    def __init__(self, world, system, topic):
        self.watch = Watch(world, system, topic)
        self.pipe = self.watch.process.stdout.fileno()
        os.set_blocking(self.pipe, False)
        self.last = None
        self.rest = ""

    def look(self):
        """What came since: (time, committed), the oldest first."""
        out = []
        with contextlib.suppress(BlockingIOError):
            self.rest += os.read(self.pipe, 1 << 16).decode()
        lines = self.rest.split("\n")
        self.rest = lines.pop()
        for line in lines:
            at, committed = line.split()
            self.last = (float(at), int(committed))
            out.append(self.last)
        return out

    def wait_beyond(self, committed, seconds, system):
        """When more than that was committed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for at, there in self.look():
                if there > committed:
                    return at
            assert not system.ended(), system.tail()
            time.sleep(0.01)
        raise AssertionError(f"no commit within {seconds} s: {system.tail()}")


def kill(system):
    process = system.processes[0]
    process.kill()
    process.wait()
    system.processes = []
    # What was on its way to the broker when it died is not the next one's.
    time.sleep(0.5)


def recovery(world, rows, mentions, rounds):
    """Makes the state, then kills under load: with its disk, then with an empty one."""
    prefix = "big."
    system = OneWorker(world, prefix)
    system.config()
    state = os.path.join(system.place, "0", "data", "state")
    os.makedirs(os.path.dirname(state))
    world.run("fill", prefix=prefix, file=world.path("mentions.ndjson"))
    began = time.monotonic()
    world.run("state", prefix=prefix, data=state, rows=rows, instance="bench0")
    # Made in a minute instead of hours: what the kernel has not written yet would be waited for.
    os.sync()
    out = {"kind": "recovery", "rows": rows, "counters": 5 * rows, "made": time.monotonic() - began,
           "changelog_bytes": sum(segment_bytes(world, prefix + topic) for topic in CHANGELOG),
           "same": [], "empty": []}
    progress = Progress(world, system, prefix + "mentions")
    try:
        system.start()
        progress.wait_beyond(0, 120, system)
        for number in range(rounds + 1):
            time.sleep(1)
            progress.look()
            assert progress.last[1] < 0.9 * mentions, "no backlog is left: take more mentions"
            kill(system)
            progress.look()
            empty = number == rounds
            if empty:
                shutil.rmtree(state)
            began = time.monotonic()
            system.start()
            took = progress.wait_beyond(progress.last[1], 600, system) - began
            out["empty" if empty else "same"].append(took)
    finally:
        progress.watch.end()
        system.stop()
    return out
