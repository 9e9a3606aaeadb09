"""Faults of machines, networks, disks and brokers, one after the other under load: nothing is lost or counted
twice.

One stream runs through a real broker with six partitions while workers are killed, stopped, joined, lose their
disks, their broker and the way to it, and while the topics hold what they should not. Then every counter equals
a recount of what the source handed out, and the workers' own state equals a recount of their ledgers.

A run of tests/run.sh plays the short ones; with VIGIE_FAULT_ROUNDS all are played, so many times: each round with a
broker and a stream of its own, in an order that its seed gives. In a network of its own the test can lose packets:
`unshare --net` gives it one where it is allowed.
"""
import argparse
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "integration")]
import disks
import gaps
import network
import nodes
import serving
import texts
import topics
from broker import Broker
from proxy import Proxy
from service import scratch
from world import PER_SECOND, World

# With the seconds for which there has to be something to do.
SHORT = {nodes.kill_points: 45, nodes.zombie: 35, nodes.same_name: 10, network.broker_restarts: 18,
         network.coordinator_gone: 20, network.late_end: 24, disks.damaged_block: 12, topics.poison: 4,
         topics.duplicates: 8, topics.passed_by_retention: 16}
LONG = {nodes.kills: 12, network.isolated: 12, nodes.lost_disk: 10, nodes.old_disk: 12, nodes.second_node: 15, nodes.rebalance_in_restore: 40,
        network.broker_dies: 20, network.cut: 15, network.partition: 50, network.half_open: 50, network.slow: 40,
        network.lossy: 30, disks.damaged_view: 8, disks.cut_wal: 8, disks.lost_current: 8, disks.full_disk: 25, disks.refused_write: 10,
        topics.compacted: 20, gaps.deleted_log_start: 30, texts.regex_bomb: 40,
        serving.stream_goes_on: 15, serving.rules_change: 20, serving.many_rules_change: 20}


def in_own_network():
    """Begins anew there, if that is allowed and was not done yet."""
    if os.environ.get("VIGIE_OWN_NETWORK") or subprocess.run(
            ["unshare", "--net", "true"], check=False, capture_output=True).returncode:
        return
    # Maven finds nothing from there.
    subprocess.run(["/usr/bin/python3", os.path.join(os.path.dirname(HERE), "kafka", "broker.py"), "prepare"],
                   check=True)
    os.environ["VIGIE_OWN_NETWORK"] = "1"
    os.execvp("unshare", ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
                          sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--only", help="names of faults, with commas")
    options = parser.parse_args()
    in_own_network()
    rounds = int(os.environ.get("VIGIE_FAULT_ROUNDS", "0"))
    every = {**SHORT, **LONG}
    faults = list(every if rounds else SHORT)
    if options.only:
        faults = [f for f in every if f.__name__ in options.only.split(",")]
    for number in range(max(1, rounds)):
        play(options.vigie, options.seed + number, {fault: every[fault] for fault in faults})


def play(vigie, seed, seconds):
    """One round of these faults, each with the seconds for which there has to be something to do."""
    chance = random.Random(seed)
    faults = list(seconds)
    chance.shuffle(faults)
    print(f"seed {seed}: {' '.join(f.__name__ for f in faults)}", flush=True)
    with scratch() as directory, Proxy() as proxy, Broker("--proxy", str(proxy.port)) as broker:
        proxy.target = broker.told["proxied"]
        world = World(vigie, directory, broker, proxy, chance, PER_SECOND * (10 + sum(seconds.values())))
        world.first.start()
        world.moves(world.first)
        for fault in faults:
            began = time.monotonic()
            why_not = fault(world)
            print(f"skip {fault.__name__}: {why_not}" if why_not
                  else f"ok   {fault.__name__} ({time.monotonic() - began:.0f} s)", flush=True)
        world.finish()


main()
