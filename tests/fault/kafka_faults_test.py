"""Faults of machines and brokers, one after the other under load: nothing is lost or counted twice.

One stream runs through a real broker with six partitions while workers are killed, stopped, joined,
lose their disks and their broker. Then every counter equals a recount of what the source handed out,
and the workers' own state equals a recount of their ledgers.
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from broker import Broker
from service import Service, counters, equal, recount, scratch, wait_until

PARTITIONS = 6
PER_SECOND = 400


class World:
    """The first node, which has the source, and what may stand beside it."""

    def __init__(self, vigie, directory, broker, chance, acts):
        self.vigie, self.directory, self.broker, self.chance = vigie, directory, broker, chance
        # From a file, so that what is handed out again after a kill is the same to the last byte; of the last
        # hours, since nodes without a source tick with the clock.
        self.made = os.path.join(directory, "made.ndjson")
        subprocess.run([vigie, "generate", "--seed", str(chance.randrange(1000)), "--rate", "20",
                        "--duration", "240h", "--count", str(acts), "--start",
                        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - acts / 20 - 600)),
                        "--ops", "create,duplicate,update,delete", "--out", self.made], check=True)
        source = [{"name": "brand", "kind": "replay", "path": self.made, "time": "input",
                   "rate": f"{PER_SECOND}/s"}]
        self.first = self.node("first", source)

    def node(self, name, source=(), instance=None):
        return Service(self.vigie, os.path.join(self.directory, name), list(source), {
            "kind": "kafka", "kafka": {"bootstrap": self.broker.bootstrap, "partitions": PARTITIONS,
                                       "instance_id": instance or name}})

    def wait(self, least, most):
        time.sleep(self.chance.uniform(least, most))

    def working(self, node, partitions=1):
        """Waits until a node reads again and is about at the end."""
        wait_until("a node to work", lambda: len([
            line for line in node.get("/metrics").splitlines()
            if line.startswith("vigie_worker_lag_records{")]) >= partitions, 90)

    def moves(self, node):
        """Waits until the node has applied more than before."""
        before = node.metric("vigie_worker_mentions_total")
        wait_until("the next commit", lambda: node.metric("vigie_worker_mentions_total") > before, 90)


def kills(world):
    for _ in range(4):
        world.wait(0.2, 2)
        world.first.kill()
        world.first.start()
    world.moves(world.first)


def lost_disk(world):
    world.wait(0.5, 1.5)
    world.first.kill()
    shutil.rmtree(os.path.join(world.directory, "first", "data", "state"))
    world.first.start()
    world.moves(world.first)


def old_disk(world):
    """The state of some time ago comes back, as from a snapshot of the machine."""
    state = os.path.join(world.directory, "first", "data", "state")
    world.first.kill()
    shutil.copytree(state, state + ".old")
    world.first.start()
    world.moves(world.first)
    world.wait(1, 2)
    world.first.kill()
    shutil.rmtree(state)
    os.rename(state + ".old", state)
    world.first.start()
    world.moves(world.first)


def second_node(world):
    """A node joins, works, and is killed for good: its partitions come back with what it did."""
    second = world.node("second")
    second.start()
    world.moves(second)
    world.wait(1, 3)
    second.kill()
    world.moves(world.first)


def zombie(world):
    """A node is stopped for longer than its session and its transaction may last, and goes on."""
    second = world.node("third")
    second.start()
    world.moves(second)
    second.process.send_signal(signal.SIGSTOP)
    time.sleep(14)
    world.moves(world.first)
    second.process.send_signal(signal.SIGCONT)
    world.moves(world.first)
    second.stop()
    world.moves(world.first)


def broker_dies(world):
    world.broker.tell("kill")
    world.wait(1, 4)
    world.broker.tell("start")
    world.moves(world.first)


def same_name(world):
    """Of two with one name the older is thrown out, and says so."""
    twin = world.node("twin", instance="first")
    twin.start()
    wait_until("the older to see it", lambda: "another process runs with the same instance id"
               in world.first.tail() or "fenced" in world.first.tail().lower(), 90)
    twin.stop()
    world.first.kill()
    world.first.start()
    world.moves(world.first)


# With the seconds for which there has to be something to do.
FAULTS = {kills: 20, lost_disk: 15, old_disk: 20, second_node: 15, zombie: 45, broker_dies: 25,
          same_name: 15}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--only", help="names of faults, with commas")
    options = parser.parse_args()
    rounds = max(1, int(os.environ.get("VIGIE_ROUNDS", "20")) // 20)
    chance = random.Random(options.seed)
    faults = [f for f in FAULTS if not options.only or f.__name__ in options.only.split(",")] * rounds
    chance.shuffle(faults)
    print(f"seed {options.seed}: {' '.join(f.__name__ for f in faults)}", flush=True)
    with scratch() as directory, Broker() as broker:
        acts = PER_SECOND * (10 + sum(FAULTS[fault] for fault in faults))
        world = World(options.vigie, directory, broker, chance, acts)
        world.first.start()
        world.moves(world.first)
        for fault in faults:
            began = time.monotonic()
            fault(world)
            print(f"ok   {fault.__name__} ({time.monotonic() - began:.0f} s)", flush=True)
        finish(world)


def finish(world):
    """The source ends by itself: then all of it is logged."""
    wait_until("the end of the stream", lambda: 'vigie_connector_up{connector="brand"} 0' in
               world.first.get("/metrics"), 600)
    world.working(world.first, PARTITIONS)
    logged = time.time()
    wait_until("the worker", lambda: world.first.metric("vigie_worker_looked_timestamp_seconds") > logged
               and world.first.metric("vigie_worker_lag_records") == 0, 120)
    expected = counters(recount("--input", world.made))
    # A view folds several topics, each in its own time.
    end = time.monotonic() + 60
    while world.first.dump() != expected and time.monotonic() < end:
        time.sleep(1)
    world.first.recount()
    world.first.stop()
    equal("counters after all of it", world.first.dump(), expected)


main()
