"""What is served while nodes die and rules change."""
import collections
import glob
import json
import os
import re
import shutil
import threading
import time
import urllib.request

from service import RULES, wait_until

EDITIONS = ("first-edition", "second-edition")


class Follower:
    """A client of a queue's stream, from an event on, until it is told to stop or the node dies."""

    def __init__(self, node, after):
        self.events = []  # (id, data)
        self.was_reset = False
        self.answer = urllib.request.urlopen(
            urllib.request.Request(node.url + "/api/v1/queues/social/stream", headers={"Last-Event-ID": after}),
            timeout=20)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        kind = event_id = None
        try:
            for line in self.answer:
                line = line.decode()
                if line.startswith("event: "):
                    kind = line[7:].strip()
                elif line.startswith("id: "):
                    event_id = line[4:].strip()
                elif line.startswith("data: "):
                    self.was_reset = self.was_reset or kind == "reset"
                    self.events.append((event_id, line[6:].strip()))
        except (OSError, ValueError):
            return  # the node died, perhaps within a line

    def last(self, otherwise):
        return self.events[-1][0] if self.events else otherwise

    def close(self):
        self.answer.close()


def by_item(events):
    """Of each item what happened to it, in order."""
    out = collections.defaultdict(list)
    for _, data in events:
        out[json.loads(data)["item"]].append(data)
    return out


def stream_goes_on(world):
    """A client goes from a node that died to another with the id of the last event: none is lost or twice."""
    other = world.node("viewer")
    other.start(roles="ingest,view")
    probe = Follower(world.first, "")
    wait_until("an event", lambda: probe.events)
    begin = probe.events[0][0]
    whole = Follower(world.first, begin)
    probe.close()
    got = []
    for node in (other, world.first) * 2:
        follower = Follower(node, got[-1][0] if got else begin)
        wanted = world.chance.randint(3, 30)
        wait_until("more events", lambda: len(follower.events) >= wanted)
        if node is other:
            other.kill()
            follower.thread.join(20)
            other.start(roles="ingest,view")
        else:
            follower.close()
        assert not follower.was_reset, "the stream began anew"
        got += follower.events
    # The one that was never cut has all of it, and perhaps more.
    wait_until("the same event", lambda: len(whole.events) >= len(got))
    whole.close()
    assert not whole.was_reset
    expected, found = by_item(whole.events), by_item(got)
    for item, changes in found.items():
        assert expected[item][:len(changes)] == changes, (item, changes, expected[item])
    last = got[-1][0]
    reached = [event for event, _ in whole.events]
    if last in reached:
        assert reached.index(last) + 1 == len(got), (reached.index(last) + 1, len(got))
    other.stop()
    print(f"     {len(got)} events over two nodes and two kills", flush=True)


def rules_change(world):
    """Rules change under load: what a mention was tagged with is what its version of the rules says."""
    change_rules(world, [edition_of(edition) for edition in EDITIONS], 8)


def many_rules_change(world):
    """The same of sets of 100,000 themes that have no word in common."""
    more = [[f"  - {{id: {letter}{i}, query: q{letter}{i:06}}}\n" for i in range(100_000)] for letter in "xz"]
    change_rules(world, [edition_of(*both) for both in zip(EDITIONS, map("".join, more))], 4)


def edition_of(edition, more=""):
    """The rules, and a theme that says which edition of them they are."""
    with open(RULES, encoding="utf-8") as file:
        text = file.read()
    query = re.search(r"^brand:.*?query: ('[^']*')", text, re.S | re.M).group(1)
    return text.replace("\nthemes:\n", f"\nthemes:\n  - {{id: {edition}, query: {query}}}\n{more}", 1)


def change_rules(world, texts, turns):
    made = os.path.join(world.directory, "tagged.ndjson")
    world.generate(made, 20_000)
    rules = os.path.join(world.directory, "changing.yaml")

    def write(text):
        with open(rules + ".new", "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(rules + ".new", rules)

    prefix = f"rules{world.chance.randrange(1 << 30)}."
    write(texts[0])
    node = world.node("rules", [world.source(made, 800)], prefix=prefix, partitions=2, rules=rules,
                      properties={"compression.type": "none"})
    shutil.rmtree(world.data(node), ignore_errors=True)
    node.start()
    world.moves(node)
    versions = {}
    took = []
    for turn in range(turns):
        edition = EDITIONS[turn % 2]
        began = time.monotonic()
        write(texts[turn % 2])
        wait_until("the rules", lambda: versions.get(edition) in (None, version(node))
                   and version(node) not in [v for e, v in versions.items() if e != edition])
        versions[edition] = version(node)
        took.append(time.monotonic() - began)
        world.wait(0.3, 1.2)
    node.recount()
    node.stop()
    check_tags(world.broker.told["data"], prefix, {v: e for e, v in versions.items()})
    print(f"     rules of {len(texts[0]) >> 10} KiB changed within {max(took):.1f} s", flush=True)


def version(node):
    return re.search(r'^vigie_rules_info\{version="([0-9a-f]+)"\} 1$', node.get("/metrics"), re.M).group(1)


def check_tags(stored, prefix, editions):
    """The topic is not compressed, so its files are read as they are."""
    found = collections.Counter()
    pattern = re.compile(rb'"themes":(\[[^\]]*\]),"campaigns":\[[^\]]*\],"competitors":\[[^\]]*\],'
                         rb'"brand":(true|false),[^{}]*"rules":"([0-9a-f]+)"')
    for name in glob.glob(os.path.join(stored, prefix + "tagged-*", "*.log")):
        with open(name, "rb") as file:
            for themes, brand, rules in pattern.findall(file.read()):
                tagged = set(json.loads(themes)) & set(EDITIONS)
                wanted = {editions[rules.decode()]} if brand == b"true" else set()
                assert tagged == wanted, (themes, brand, rules, editions)
                found[rules] += 1
    assert len(found) == len(EDITIONS) and min(found.values()) > 10, found
    print(f"     {sum(found.values())} tagged mentions, by version {list(found.values())}", flush=True)
