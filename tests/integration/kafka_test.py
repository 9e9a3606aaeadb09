"""A stream through a real broker with six partitions counts and queues as `vigie replay` does."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from broker import Broker
from service import RULES, Service, counters, equal, in_partitions, over_partitions, scratch, wait_until

PARTITIONS = 6


def check_doctor(vigie, directory, bootstrap):
    """doctor looks with the eyes of the service that the config describes, and touches nothing."""
    service = Service(vigie, directory, [], {
        "kind": "kafka", "retention": "24h",
        "kafka": {"bootstrap": bootstrap, "topic_prefix": "doctor.", "partitions": 2}})

    def doctor():
        run = subprocess.run([vigie, "doctor", "-c", service.config], capture_output=True,
                             text=True, check=False)
        assert run.returncode == 0, run
        return run.stdout
    for _ in range(2):
        found = doctor()
        assert re.search(r"warn +log .*no topic .*doctor\.mentions", found), found
    service.start()
    service.stop()
    found = doctor()
    assert re.search(r"ok +log .*topics fit, 2 partitions", found), found
    print("ok   doctor makes no topic, and finds those of the service to fit", flush=True)


def check_topics(vigie, directory, bootstrap):
    """plan tells and changes nothing; apply makes it fit, and leaves the rest of a topic alone."""
    def node(**kafka):
        return Service(vigie, os.path.join(directory, "topics"), [], {
            "kind": "kafka", "kafka": {"bootstrap": bootstrap, "topic_prefix": "planned.",
                                       "partitions": 3}, **kafka})
    for _ in range(2):
        code, said = node().command("topics", "plan")
        assert code == 1 and "create planned.mentions: 3 partitions" in said, said
        assert "12 to create, 0 to change, 0 to be mended by hand" in said, said
    code, said = node().command("topics", "apply")
    assert code == 0 and "fits   planned.ledger: 3 partitions" in said, said
    code, said = node().command("topics", "plan")
    assert code == 0 and "0 to create, 0 to change" in said, said
    longer = node(retention="96h")
    code, said = longer.command("topics", "plan")
    assert code == 1 and "change planned.mentions: retention.ms from 259200000 to 345600000" in said, said
    code, said = longer.command("topics", "apply")
    assert code == 0, said
    code, said = longer.command("topics", "plan")
    assert code == 0, said
    longer.start()
    longer.stop()
    print("ok   topics are planned and applied", flush=True)


def check_counts(vigie, directory, broker, made, acts, expected, items, first=None):
    """The service counts and queues what it reads; with `first`, it runs with those roles until all is
    in the log."""
    name = os.path.basename(directory)
    service = Service(vigie, directory, [
        {"name": "file", "kind": "replay", "path": made, "time": "input"}],
        {"kind": "kafka", "kafka": {"bootstrap": broker.bootstrap, "partitions": PARTITIONS,
                                    "topic_prefix": name + "."}})
    service.start(roles=first)
    wait_until("the end of the input",
               lambda: service.metric("vigie_ingest_mentions_total") == acts, 120)
    if first:
        service.stop()
        service.start()
    wait_until("the worker",
               lambda: service.metric("vigie_worker_mentions_total") == acts, 120)
    # The view follows the workers' commits; it is done once it serves what they wrote.
    end = time.monotonic() + 60
    while service.items() != items and time.monotonic() < end:
        time.sleep(0.5)
    equal(f"queues of {acts} acts over {PARTITIONS} partitions, {name}", service.items(), items)

    end = time.monotonic() + 60
    while service.dump() != expected and time.monotonic() < end:
        time.sleep(0.5)
    service.stop()
    equal(f"counters, {name}", service.dump(), expected)


def check_workers(vigie, directory, broker, made, acts, expected):
    """Three workers share a process and a store; the process is killed in between."""
    service = Service(vigie, directory, [
        {"name": "file", "kind": "replay", "path": made, "time": "input", "rate": "4000/s"}],
        {"kind": "kafka", "kafka": {"bootstrap": broker.bootstrap, "partitions": PARTITIONS,
                                    "topic_prefix": "workers.", "workers": 3}})
    service.start()
    wait_until("a third of the input",
               lambda: service.metric("vigie_worker_mentions_total") > acts / 3, 120)
    service.kill()
    service.start()
    wait_until("the end of the input",
               lambda: 'vigie_connector_finished{connector="file"} 1' in service.get("/metrics"), 120)
    logged = time.time()
    wait_until("the workers", lambda: service.metric("vigie_worker_lag_records") == 0 and
               service.metric("vigie_worker_looked_timestamp_seconds") > logged, 60)
    end = time.monotonic() + 60
    while over_partitions(service.dump()) != over_partitions(expected) and time.monotonic() < end:
        time.sleep(0.5)
    equal("counters of three workers in one process", over_partitions(service.dump()), over_partitions(expected))
    service.recount()
    service.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    parser.add_argument("--rate", default="0.35")
    options = parser.parse_args()
    with scratch() as directory, Broker() as broker:
        check_doctor(options.vigie, directory, broker.bootstrap)
        check_topics(options.vigie, directory, broker.bootstrap)
        shutil.rmtree(os.path.join(directory, "data"))
        made = os.path.join(directory, "made.ndjson")
        subprocess.run([options.vigie, "generate", "--seed", "21", "--rate", options.rate,
                        "--duration", "48h", "--out", made], check=True)
        out = os.path.join(directory, "replay")
        subprocess.run([options.vigie, "replay", "--rules", RULES, "--input", made, "--out", out],
                       check=True, capture_output=True)
        with open(os.path.join(out, "counters.ndjson"), encoding="utf-8") as lines:
            expected = in_partitions(counters(lines))
        with open(os.path.join(out, "items.ndjson"), encoding="utf-8") as lines:
            items = {item["id"]: (item["queue"], item["state"], item["priority"], item["route"],
                                  tuple(item["messages"])) for item in map(json.loads, lines)}
        with open(made, "rb") as lines:
            acts = sum(1 for _ in lines)

        check_counts(options.vigie, os.path.join(directory, "live"), broker, made, acts, expected,
                     items)
        check_workers(options.vigie, os.path.join(directory, "workers"), broker, made, acts, expected)
        # Workers that come late find a backlog of two days.
        check_counts(options.vigie, os.path.join(directory, "backlog"), broker, made, acts, expected,
                     items, first="ingest,view")


main()
