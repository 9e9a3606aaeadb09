"""Two nodes with the same config over one broker: each source runs on one of them, and each alert is
raised once. The node that has the source is killed, and the other goes on where it stopped.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from broker import Broker
from service import RULES, Service, counters, equal, over_partitions, scratch, wait_until

PARTITIONS = 3
PER_SECOND = 1500


def placed(node):
    return node.metric("vigie_connector_placed") == 1


def events_of(alerts):
    return sorted((alert["id"], alert["state"], alert["started_at"], alert["resolved_at"] or "")
                  for alert in alerts)


def told_alerts(node):
    """What the node's feed of alerts has told so far, from its first event on."""
    request = urllib.request.Request(node.url + "/api/v1/alerts/stream", headers={
        "Last-Event-ID": ",".join(f"{partition}:0" for partition in range(PARTITIONS))})
    alerts = []
    with contextlib.suppress(TimeoutError), urllib.request.urlopen(request, timeout=2) as answer:
        for line in answer:
            if line.startswith(b"data: "):
                alerts.append(json.loads(line[6:]))
    return [alert for alert in alerts if "started_at" in alert]


def check_twins(vigie, directory, bootstrap):
    """Of two that only take in and have one name, as on one host by default, the older ends and says why."""
    source = {"name": "noise", "kind": "generate", "rate": "5/s"}
    twins = [Service(vigie, os.path.join(directory, name), [source], {
        "kind": "kafka", "kafka": {"bootstrap": bootstrap, "partitions": PARTITIONS, "topic_prefix": "twins.",
                                   "instance_id": "same"}}) for name in ("older", "younger")]
    older, younger = twins
    for twin in twins:
        twin.start(roles="ingest", wait=False)
        wait_until("the source to run", lambda node=twin: "connector=noise runs here" in node.tail(), 60)
    wait_until("the older to end", lambda: older.process.poll() is not None, 30)
    assert older.process.returncode == 3, (older.process.returncode, older.tail())
    assert "another process runs with the same instance id" in older.tail(), older.tail()
    # Longer than it takes to be thrown out in turn.
    time.sleep(3)
    assert younger.process.poll() is None, younger.tail()
    younger.stop()
    print("ok   of two with one name the older ends", flush=True)


def asked(node, path, body=None):
    """The status and the text of an answer, whatever it is."""
    request = urllib.request.Request(node.url + path, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def check_parted_roles(vigie, directory, bootstrap):
    """Three processes, a role each: every one tells of itself, and a mention walks through all of them."""
    nodes = {role: Service(vigie, os.path.join(directory, role), [], {
        "kind": "kafka", "kafka": {"bootstrap": bootstrap, "partitions": PARTITIONS, "topic_prefix": "parted.",
                                   "instance_id": role}}) for role in ("ingest", "worker", "view")}
    for role, node in nodes.items():
        node.start(roles=role)
    for role, node in nodes.items():
        wait_until(f"{role} to be ready", lambda node=node: asked(node, "/readyz")[0] == 200)
    mention = json.dumps({"network": "webhook", "id": "1", "kind": "dm", "text": "hello?", "lang": "en",
                          "author": {"id": "a", "handle": "fan"}, "created_at": "2026-06-01T10:00:00Z"}).encode()
    status, said = asked(nodes["ingest"], "/api/v1/mentions", mention)
    assert status in (200, 202), (status, said)
    for role in ("worker", "view"):
        status, said = asked(nodes[role], "/api/v1/mentions", mention)
        assert status == 503, (role, status, said)
    # Beside the ticks that tell of time.
    wait_until("the worker to count it",
               lambda: 'vigie_worker_mentions_total{op="create"} 1\n' in nodes["worker"].get("/metrics"))
    wait_until("its commit", lambda: nodes["worker"].metric("vigie_kafka_transaction_seconds_count") > 0)
    wait_until("the view to serve it", lambda: "webhook/1" in nodes["view"].get("/api/v1/queues/social/items"))
    for role in ("ingest", "worker"):
        status, said = asked(nodes[role], "/api/v1/queues/social/items")
        assert status == 404 and "without the role view" in said, (role, status, said)
    for node in nodes.values():
        node.stop()
    print("ok   three processes, a role each, tell of themselves", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    vigie = parser.parse_args().vigie
    with scratch() as directory, Broker() as broker:
        check_twins(vigie, directory, broker.bootstrap)
        check_parted_roles(vigie, os.path.join(directory, "parted"), broker.bootstrap)
        made = os.path.join(directory, "made.ndjson")
        subprocess.run([vigie, "generate", "--seed", "5", "--rate", "0.25", "--duration", "60h",
                        "--out", made], check=True)
        out = os.path.join(directory, "replay")
        subprocess.run([vigie, "replay", "--rules", RULES, "--input", made, "--out", out], check=True,
                       capture_output=True)
        with open(os.path.join(out, "counters.ndjson"), encoding="utf-8") as lines:
            expected = over_partitions(counters(lines))
        with open(os.path.join(out, "alerts.ndjson"), encoding="utf-8") as lines:
            alerts = events_of(json.loads(line)["value"] for line in lines)
        assert alerts, "the stream raises nothing"

        source = {"name": "file", "kind": "replay", "path": made, "time": "input",
                  "rate": f"{PER_SECOND}/s"}
        nodes = [Service(vigie, os.path.join(directory, name), [source], {
            "kind": "kafka", "kafka": {"bootstrap": broker.bootstrap, "partitions": PARTITIONS,
                                       "instance_id": name}}) for name in ("one", "two")]
        for node in nodes:
            node.start()
        # Which node it is may change while both join.
        owner = wait_until("half of the stream", lambda: next((
            node for node in nodes
            if placed(node) and node.metric("vigie_ingest_mentions_total") > 15_000), None), 120)
        other = nodes[1 - nodes.index(owner)]
        assert not placed(other), "the source runs on both nodes"
        print("ok   the source runs on one of two nodes", flush=True)
        owner.kill()
        wait_until("the other node to have the source", lambda: placed(other), 60)
        print("ok   and after its end on the other", flush=True)
        wait_until("the end of the stream",
                   lambda: 'vigie_connector_finished{connector="file"} 1' in other.get("/metrics"), 180)
        end = time.monotonic() + 90
        while ((over_partitions(other.dump()) != expected or len(told_alerts(other)) < len(alerts))
               and time.monotonic() < end):
            time.sleep(1)
        equal("counters", over_partitions(other.dump()), expected)
        told = events_of(told_alerts(other))
        assert told == alerts, f"told {told}, expected {alerts}"
        print(f"ok   {len(alerts)} changes of alerts, each told once", flush=True)
        other.stop()


main()
