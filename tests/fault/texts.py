"""Texts that are the worst case of somebody's rules."""
import json
import os
import shutil
import time

import wire
from service import RULES, wait_until
from world import PARTITIONS, lines_of, log_size, metric, said_since

# RE2 takes time in proportion to the text, but also to the expression: each letter of such a text leaves hundreds
# of its states possible.
DEAR = ("/(.{0,30}a){30} qzhit/", "/([^z]{0,30}a){29} qzhit/")


def with_themes(path, queries):
    with open(RULES, encoding="utf-8") as file:
        text = file.read()
    themes = "".join(f"  - {{id: dear-{i}, query: '{query}'}}\n" for i, query in enumerate(queries))
    with open(path, "w", encoding="utf-8") as out:
        out.write(text.replace("\nthemes:\n", "\nthemes:\n" + themes, 1))


def bombs(stamp):
    """Each ends with the word without which no regex is tried; half of them match. The first takes longer than a
    member of the group may be silent."""
    texts = ["a" * 300_000 + "x qzhit"]
    texts += ["a" * 20_000 + " qzhit qzend", "a" * 20_000 + "x qzhit"] * 4
    return [{"network": "webhook", "id": f"bomb{i}", "kind": "mention", "text": text, "created_at": stamp,
             "seen_at": stamp, "author": {"id": f"bomber{i}"}} for i, text in enumerate(texts)]


def longest_pause(world, prefix, partition):
    """Waits until what a partition holds now is read: the longest time for which nothing of it was committed."""
    at = world.broker.bootstrap, prefix + "mentions", partition
    end, seen, longest = wire.end_of(*at), None, 0.0
    since = began = time.monotonic()
    while seen is None or seen < end:
        now = time.monotonic()
        assert now < began + 300, f"read to {seen} of {end}"
        read = wire.read_to(at[0], prefix + "worker", *at[1:])
        if read != seen:
            longest, since, seen = max(longest, now - since), now, read
        time.sleep(0.05)
    return longest


def regex_bomb(world):
    """Regexes and the texts that are worst for them: the partition goes on, and nobody is thrown out for it."""
    made = os.path.join(world.directory, "bombed.ndjson")
    rules = os.path.join(world.directory, "dear.yaml")
    same = os.path.join(world.directory, "cheap.yaml")
    world.generate(made, 12_000)
    with_themes(rules, DEAR)
    # For the second opinion: the same of these texts, by a word that only those have which match.
    with_themes(same, ["qzend"] * len(DEAR))
    prefix = f"bombs{world.chance.randrange(1 << 30)}."
    node = world.node("bombed", [world.source(made)], prefix=prefix, rules=rules)
    shutil.rmtree(world.data(node), ignore_errors=True)
    node.start()
    world.moves(node)
    doubted = metric(node, "vigie_kafka_transactions_doubted_total")
    dealt, at = metric(node, "vigie_kafka_partitions_dealt_total"), log_size(node)
    letters = bombs(lines_of(made)[100]["created_at"])
    # The one behind the bombs, in the same partition.
    letters.append({**letters[0], "id": "behind", "text": "acme"})
    began = time.monotonic()
    partition = world.chance.randrange(PARTITIONS)
    for letter in letters:
        wire.produce(world.broker.bootstrap, prefix + "mentions", partition,
                     f"webhook/{letter['id']}".encode(), json.dumps(letter).encode(), int(time.time() * 1000))
    longest = longest_pause(world, prefix, partition)
    print(f"     {len(letters)} texts in {time.monotonic() - began:.0f} s, the longest pause between commits "
          f"{longest:.1f} s", flush=True)
    assert metric(node, "vigie_kafka_partitions_dealt_total") == dealt, said_since(node, at)
    assert metric(node, "vigie_kafka_transactions_doubted_total") == doubted, said_since(node, at)
    # The source still reads its own.
    both = made + ".all"
    shutil.copy(made, both)
    with open(both, "a", encoding="utf-8") as out:
        out.writelines(json.dumps(letter) + "\n" for letter in letters)
    world.finish(node, both, same)
