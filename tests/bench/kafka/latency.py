"""From the broker's acknowledgement of a mention to its place in a queue, at half of what is possible."""
import re
import subprocess
import threading
import time
import urllib.request

from systems import Service, Streams

WARM_SECONDS = 8


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


class Stream(threading.Thread):
    """When the API's live stream told of each new item; one that a message opens has the message's name."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.answer = urllib.request.urlopen(url + "/api/v1/queues/social/stream", timeout=60)
        self.first = {}

    def run(self):
        try:
            for line in self.answer:
                at = time.monotonic()
                if line.startswith(b"data: ") and b'"messages":1,' in line:
                    self.first.setdefault(re.search(r'"item":"([^"]+)"', line.decode()).group(1), at)
        except (OSError, ValueError, AttributeError):
            pass  # closed at the end


def times_of(text):
    out = {}
    for line in text.splitlines():
        at, key = line.split(" ", 1)
        out.setdefault(key, float(at))
    return out


def latency(world, kind, rate, seconds):
    """One run at `rate`; percentiles of what was not warm-up."""
    name = "service" if kind is Service else "streams"
    prefix = f"paced-{name}-{rate}."
    world.run("fill", prefix=prefix)
    system = kind(world, prefix)
    follow = subprocess.Popen(world.words("follow", topic=prefix + "queue.social"),
                              stdout=subprocess.PIPE, text=True)
    try:
        assert follow.stdout.readline() == "ready\n"
        system.start()
        stream = Stream(address(system)) if kind is Service else None
        if stream:
            stream.start()
        time.sleep(6)  # the group is dealt, the state is there
        acks = times_of(world.run("pace", topic=prefix + "mentions", rate=rate,
                                  seconds=seconds + WARM_SECONDS,
                                  file=world.path("mentions.ndjson")))
        time.sleep(3)
        assert not system.ended(), f"{name} ended: {system.tail()}"
        follow.terminate()
        topic = times_of(follow.communicate()[0])
    finally:
        follow.kill()
        follow.wait()
        system.stop()
    begin = min(acks.values()) + WARM_SECONDS
    out = {"kind": "latency", "system": name, "rate": rate}
    for place, came in (("topic", topic), *((("sse", stream.first),) if stream else ())):
        took = [at - acks[key] for key, at in came.items() if key in acks and acks[key] >= begin]
        assert len(took) > 100, f"{name}: {len(took)} came to {place}"
        out[place] = {"count": len(took), "p50": percentile(took, 0.5), "p99": percentile(took, 0.99),
                      "max": max(took)}
    return out


def address(service):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert not service.ended(), service.tail()
        found = re.search(r"api=(http://127\.0\.0\.1:\d+)", service.tail())
        if found:
            return found.group(1)
        time.sleep(0.05)
    raise AssertionError("the service does not start: " + service.tail())
