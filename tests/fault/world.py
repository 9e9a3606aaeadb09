"""What the faults happen to: one stream through a real broker with several partitions, the node that has the
source, and the nodes that a fault puts beside it.
"""
import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from service import RULES, Service, counters, equal, over_partitions, recount, wait_until

PARTITIONS = 6
PER_SECOND = 400


class World:
    """Its first node reaches the broker through the proxy, all others directly."""

    def __init__(self, vigie, directory, broker, proxy, chance, acts):
        self.vigie, self.directory, self.broker, self.proxy = vigie, directory, broker, proxy
        self.chance = chance
        # From a file, so that what is handed out again after a kill is the same to the last byte; of the last
        # hours, since nodes without a source tick with the clock.
        self.made = os.path.join(directory, "made.ndjson")
        self.generate(self.made, acts)
        self.first = self.node("first", [self.source(self.made)], bootstrap=proxy.address)

    def generate(self, path, acts, ago=600):
        """Ends so many seconds ago."""
        subprocess.run([self.vigie, "generate", "--seed", str(self.chance.randrange(1000)), "--rate", "20",
                        "--duration", "240h", "--count", str(acts), "--start",
                        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - acts / 20 - ago)),
                        "--ops", "create,duplicate,update,delete", "--out", path], check=True)

    @staticmethod
    def source(path, per_second=PER_SECOND, name="brand"):
        return {"name": name, "kind": "replay", "path": path, "time": "input", "rate": f"{per_second}/s"}

    def node(self, name, source=(), instance=None, bootstrap=None, prefix="vigie.", partitions=PARTITIONS,
             properties=None, directory=None, **more):
        # Small buffers, so that the store has files on disk.
        more.setdefault("store", {"write_buffers": "4MiB", "block_cache": "8MiB"})
        return Service(self.vigie, directory or os.path.join(self.directory, name), list(source), {
            "kind": "kafka", "kafka": {"bootstrap": bootstrap or self.broker.bootstrap, "partitions": partitions,
                                       "topic_prefix": prefix, "instance_id": instance or name,
                                       "properties": properties or {}}}, **more)

    def data(self, node, *words):
        return os.path.join(os.path.dirname(node.config), "data", *words)

    def wait(self, least, most):
        time.sleep(self.chance.uniform(least, most))

    def working(self, node, partitions=1):
        """Waits until a node reads again and is about at the end."""
        wait_until("a node to work", lambda: len([
            line for line in metrics(node).splitlines()
            if line.startswith("vigie_worker_lag_records{")]) >= partitions, 90)

    def moves(self, node):
        """Waits until the node has applied more than before."""
        before = metric(node, "vigie_worker_mentions_total")
        wait_until("the next commit", lambda: metric(node, "vigie_worker_mentions_total") != before
                   and metric(node, "vigie_worker_mentions_total") > 0 or self.is_over(node), 120)

    def is_over(self, node):
        """Fails once the stream has ended: what still comes would be played on nothing."""
        assert not self.ended(node), "the stream ended before its faults: this machine is too slow for so many"
        return False

    def ended(self, node, name="brand"):
        """Whether the source of a node has handed out all it has."""
        return f'vigie_connector_finished{{connector="{name}"}} 1' in metrics(node)

    def drained(self, node, name="brand"):
        """Waits until a source has ended, and all that is logged is counted."""
        wait_until("the end of the stream", lambda: self.ended(node, name), 900)
        self.working(node, PARTITIONS)
        logged = time.time()
        wait_until("the worker", lambda: metric(node, "vigie_worker_looked_timestamp_seconds") > logged
                   and metric(node, "vigie_worker_lag_records") == 0, 180)

    def finish(self, node=None, made=None, rules=RULES):
        """The source ends by itself: then all of it is logged, and everything is compared."""
        node, made = node or self.first, made or self.made
        self.drained(node)
        # Several workers worked, one after the other and side by side.
        expected = over_partitions(counters(recount("--input", made, rules=rules)))
        # A view folds several topics, each in its own time.
        end = time.monotonic() + 60
        while over_partitions(node.dump()) != expected and time.monotonic() < end:
            time.sleep(1)
        node.recount()
        node.stop()
        equal("counters after all of it", over_partitions(node.dump()), expected)


def find_again(node):
    """A node that started again within its process has another port."""
    with open(node.log, encoding="utf-8", errors="replace") as log:
        ports = re.findall(r"api=(http://127\.0\.0\.1:\d+)", log.read())
    node.url = ports[-1]


def metrics(node):
    try:
        return node.get("/metrics")
    except OSError:
        assert node.process.poll() is None, node.tail()
        find_again(node)
        return ""


def metric(node, name):
    """The sum of a metric over its labels; 0 while the node does not answer."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in metrics(node).splitlines()
               if re.match(re.escape(name) + r"[ {]", line))


def said_since(node, at):
    with open(node.log, encoding="utf-8", errors="replace") as log:
        log.seek(at)
        return log.read()


def log_size(node):
    return os.path.getsize(node.log)


def lines_of(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
