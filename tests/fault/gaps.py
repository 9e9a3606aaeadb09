"""A changelog that no longer holds what an old store would have to read of it."""
import glob
import json
import os
import re
import shutil

import wire
from world import PARTITIONS, lines_of, log_size, said_since

CHANGELOG = ("ledger", "counters", "counters.long", "tagged")


def deleted_log_start(world):
    """A node counts, and is away while another takes all of that back and counts something else. Then the changelog
    begins behind what the first has folded; what is left holds all that still counts."""
    tag = f"{world.chance.randrange(1 << 30)}"
    prefix = f"gaps{tag}."
    early, back, late, made = (os.path.join(world.directory, f"{name}{tag}.ndjson")
                               for name in ("early", "back", "late", "made"))
    # In hours of their own, so that none of their counters is written again; and by so few authors that they are
    # counted exactly, since an estimate stays when all is taken back.
    world.generate(early, 500, 5 * 3600)
    world.generate(late, 6000)
    write_lines(back, deletions(lines_of(early)))
    write_lines(late, [{**line, "id": "late-" + line["id"]} for line in lines_of(late)])
    write_lines(made, lines_of(early) + lines_of(back) + lines_of(late))

    def node(name, path, source, rate=1000):
        return world.node(name + source, [world.source(path, rate, source)], instance=name + tag, prefix=prefix,
                          properties={"compression.type": "none"},
                          directory=os.path.join(world.directory, name + tag))

    away = node("away", early, "early")
    away.start()
    world.drained(away, "early")
    away.stop()
    stays = node("stays", back, "back")
    stays.start()
    world.drained(stays, "back")
    stays.stop()
    ends = {(topic, p): wire.end_of(world.broker.bootstrap, prefix + topic, p)
            for topic in CHANGELOG for p in range(PARTITIONS)}
    print(f"     {tombstones(world, prefix, ends)} tombstones in the changelog", flush=True)
    assert tombstones(world, prefix, ends) > 500
    stays = node("stays", late, "brand")
    stays.start()
    world.drained(stays)
    for (topic, partition), end in ends.items():
        wire.delete_before(world.broker.bootstrap, prefix + topic, partition, end)
    stays.stop()
    away = node("away", late, "brand")
    at = log_size(away)
    away.start()
    world.finish(away, made)
    said = said_since(away, at)
    assert len(set(re.findall(r"partition=(\d+) state is folded anew", said))) == PARTITIONS, said
    # The view's.
    assert f"topic={prefix}tagged group=view is folded anew" in said, said


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def deletions(lines):
    last = max(line["created_at"] for line in lines if "created_at" in line)
    ids = dict.fromkeys((line["network"], line["id"]) for line in lines)
    return [{"op": "delete", "network": network, "id": name, "seen_at": last} for network, name in ids]


def tombstones(world, prefix, ends):
    """How many there are before these ends."""
    paths = [(path, end) for (topic, partition), end in ends.items() for path in
             glob.glob(os.path.join(world.broker.told["data"], f"{prefix}{topic}-{partition}", "*.log"))]
    return sum(value is None and offset < end for path, end in paths for offset, _, value in wire.records_of(path))
