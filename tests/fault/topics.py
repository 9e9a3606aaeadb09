"""What stands in the topics: what is no mention, what comes twice, what compaction and retention took."""
import json
import os
import shutil
import time

import wire
from service import wait_until
from world import PARTITIONS, log_size, metric, said_since

MENTION = {"network": "webhook", "id": "p1", "kind": "mention", "text": "acme", "author": {"id": "a"}}
CREATED = "2026-01-01T00:00:00Z"


def poisons():
    whole = json.dumps({**MENTION, "created_at": CREATED})
    return {
        "not JSON": b"acme is late again",
        "nothing": b"",
        "a cut": whole[:-9].encode(),
        "bad UTF-8": whole.replace("acme", "ac\u00e9me").encode("latin-1").replace(b"\\u00e9", b"\xe9\xff"),
        "half a surrogate": whole.replace("acme", "\\ud800 acme").encode(),
        "too deep": b"[" * 200_000 + b"]" * 200_000,
        "the largest that a topic takes": b"[" + b'"' + b"x" * 900_000,
        "a mention that is too large": whole.replace("acme", "acme " * 120_000).encode(),
        "another type": json.dumps({**MENTION, "created_at": 7}).encode(),
        "another time": json.dumps({**MENTION, "created_at": "yesterday"}).encode(),
        "no author": json.dumps({"network": "webhook", "id": "p1", "kind": "mention", "text": "acme",
                                 "created_at": CREATED}).encode(),
        "a format to come": json.dumps({"v": 2, **MENTION, "created_at": CREATED}, separators=(",", ":")).encode(),
        "no value": None,
        "zeros": bytes(4096),
    }


def poison(world):
    """What is no mention goes to the dead letters, and its partition goes on."""
    before = metric(world.first, "vigie_worker_deadletters_total")
    letters = poisons()
    for i, value in enumerate(letters.values()):
        wire.produce(world.broker.bootstrap, "vigie.mentions", i % PARTITIONS, b"webhook/p1", value,
                     int(time.time() * 1000))
    wait_until("the dead letters", lambda: metric(world.first, "vigie_worker_deadletters_total")
               == before + len(letters), 60)
    world.moves(world.first)


def duplicates(world):
    """The source hands out again what it handed out before, as from an old cursor; it is counted once."""
    wait_until("mentions", lambda: metric(world.first, "vigie_ingest_mentions_total") > 500)
    handed_out = metric(world.first, "vigie_ingest_mentions_total")
    head = os.path.join(world.directory, "head.ndjson")
    count = 0
    with open(world.made, encoding="utf-8") as lines, open(head, "w", encoding="utf-8") as out:
        for line in lines:
            if count >= min(handed_out, 4000):
                break
            out.write(line)
            count += 1
    # Of another name: it has no cursor.
    name = f"again{world.chance.randrange(1 << 30)}"
    again = world.node("again", [world.source(head, 4000, name)])
    shutil.rmtree(world.data(again), ignore_errors=True)
    again.start()
    wait_until("the end of what comes again",
               lambda: f'vigie_connector_finished{{connector="{name}"}} 1' in again.get("/metrics"), 90)
    again.stop()
    world.moves(world.first)


def compacted(world):
    """A disk is lost, and of the changelog there is only what compaction left."""
    for topic in ("ledger", "counters", "authors"):
        wire.configure(world.broker.bootstrap, "vigie." + topic,
                       {"segment.ms": "1000", "min.cleanable.dirty.ratio": "0.001", "min.compaction.lag.ms": "0"})
    stored = world.broker.told["data"]
    before = bytes_of(stored)
    world.wait(4, 8)
    world.first.kill()
    shutil.rmtree(world.data(world.first, "state"))
    print(f"     changelog {before >> 10} KiB, then {bytes_of(stored) >> 10} KiB", flush=True)
    world.first.start()
    world.moves(world.first)


def bytes_of(stored):
    total = 0
    for topic in ("ledger", "counters"):
        for partition in range(PARTITIONS):
            directory = os.path.join(stored, f"vigie.{topic}-{partition}")
            total += sum(os.path.getsize(os.path.join(directory, name)) for name in os.listdir(directory)
                         if name.endswith(".log"))
    return total


def passed_by_retention(world):
    """Mentions were deleted before they were read: the worker refuses, explains, and goes on when told to."""
    made = os.path.join(world.directory, "gap.ndjson")
    world.generate(made, 20_000)
    prefix = f"gap{world.chance.randrange(1 << 30)}."
    mentions = prefix + "mentions"
    node = world.node("gap", [world.source(made, 1000)], prefix=prefix, partitions=2)
    shutil.rmtree(world.data(node), ignore_errors=True)
    node.start()
    world.moves(node)
    node.stop()
    read = {p: wire.end_of(world.broker.bootstrap, mentions, p) for p in range(2)}
    node.start(roles="ingest,view")
    wait_until("unread mentions", lambda: all(
        wire.end_of(world.broker.bootstrap, mentions, p) > read[p] + 50 for p in read))
    node.stop()
    wire.delete_before(world.broker.bootstrap, mentions, 0,
                       wire.end_of(world.broker.bootstrap, mentions, 0) - 10)
    at = log_size(node)
    node.start(wait=False)
    node.process.wait(timeout=60)
    said = said_since(node, at)
    assert node.process.returncode == 3 and "--accept-gap" in said and mentions + "/0" in said, said
    node.start(arguments=["--accept-gap"])
    world.moves(node)
    assert "lost_from=" in said_since(node, at), node.tail()
    node.recount()
    node.stop()
