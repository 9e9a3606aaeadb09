"""Any interleaving of what can happen to a few messages ends in the counts of an independent recount.

Each seed makes one short stream: few ids and authors, every op, versions that come twice, late or again
with other content, and a clock that stands still, runs back, and leaps over hours, weeks and the end of
what is kept. 150 streams, the same each time; with VIGIE_STREAMS so many others. A difference names its seed, and
--seed runs that one.
"""
import argparse
import datetime
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import ORACLE, counters, equal, scratch

sys.path.insert(0, ORACLE)
import recount as oracle
from rules import Rules

RULES = """
brand:
  id: acme
  query: 'acme'
  accounts: ["x:@acme", "bluesky:did:acme"]
  ambassadors: ["x:@ana"]
  timezone: Europe/Paris
competitors: [{id: globex, query: globex}]
themes:
  - {id: late, query: 'late OR #late'}
  - {id: asks, query: 'is:question OR help'}
campaigns:
  - {id: spring, query: '#spring', from: 2026-03-20T00:00:00Z, until: 2026-06-20T00:00:00Z}
routes:
  - {id: first, when: 'theme:late AND to:brand', queue: social, priority: high, sla: 1h}
  - {id: newcomers, when: 'author:new AND NOT to:brand', queue: community}
  - {id: brand, when: 'to:brand OR is:brand', queue: social}
  - {id: rest, when: 'theme:* OR campaign:*', queue: community}
"""
WORDS = ["acme", "globex", "late", "#late", "help", "#spring", "@acme", "where is it?", "nothing",
         "https://acme.example/a", "#Ünï", "#late #late"]
OPS = (["create"] * 8 + ["update"] * 6 + ["delete"] * 2 + ["hide"] * 2 + ["unhide"] * 2
       + ["engagement"] * 6 + ["hide_author", "unhide_author", "erase_author", "tick"])
KINDS = ["post", "reply", "comment", "mention", "share", "dm"]
SILENT = ["reaction", "click", "conversion"]
STEPS = [0, 0, 0, 1, 1, 7, 59, 60, 61, -1, -30, -90, 3599, 3600, 7200, -3600, 86400, 3 * 86400,
         8 * 86400, -2 * 86400, 24 * 86400, 36 * 86400]
WEIGHTS = [20, 20, 20, 20, 20, 10, 10, 10, 10, 6, 6, 4, 4, 4, 3, 2, 2, 1, 1, 1, 0.4, 0.3]


def text_of(moment):
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Stream:
    def __init__(self, seed):
        self.chance = random.Random(seed)
        # Around a change to summer time, and not.
        self.now = self.chance.choice([1774742400, 1780000000, 1792886400]) + self.chance.randrange(7200)
        self.newest = 0
        self.messages = {}

    # A message stays its author's, and one that is no mention stays so: a network makes them so.
    def author(self, message=None):
        name = ["ann", "bob", "acme", "ana"][self.chance.randrange(4) if message is None else int(message) % 4]
        return {"id": {"acme": "did:acme"}.get(name, name), "handle": name,
                "followers": self.chance.randrange(100)}

    def engagement(self):
        return {name: self.chance.choice([None, 0, 1, 2, 5, 9])
                for name in self.chance.sample(["likes", "replies", "shares", "views", "clicks"],
                                               self.chance.randrange(1, 5))}

    def content(self, message):
        chance = self.chance
        out = {"kind": chance.choice(SILENT if message == "8" else KINDS), "author": self.author(message),
               "lang": "en", "text": " ".join(chance.choices(WORDS, k=chance.randrange(1, 4))),
               "created_at": text_of(self.now - chance.choice(
                   [0, 0, 1, 60, 3600, -60, -119, -121, -7200, 86400, 6 * 86400, 8 * 86400, 34 * 86400,
                    36 * 86400]))}
        if chance.random() < 0.3:
            out["place"] = chance.choice([{"country": "FR", "city": "Lyon"}, {"country": "FR"}, {}])
        if chance.random() < 0.2:
            out["in_reply_to"] = chance.choice("12345678")
            out["in_reply_to_author"] = {"id": chance.choice(["ann", "bob", "did:acme"]), "handle": "h"}
        if chance.random() < 0.2:
            out["campaign"] = "spring"
            out["ambassador"] = chance.choice(["ana", "bea"])
        return out

    def act(self):
        chance = self.chance
        self.now += chance.choices(STEPS, WEIGHTS)[0]
        op = chance.choice(OPS)
        key = (chance.choice(["x", "bluesky"]), chance.choice("12345678"))
        act = {"network": key[0], "op": op, "seen_at": text_of(self.now)}
        if op == "tick":
            return {"network": "x", "op": op, "seen_at": act["seen_at"]}
        self.newest = max(self.newest, self.now)
        if op == "erase_author":
            # Somebody asks for it now.
            act["seen_at"] = text_of(self.newest)
        if op.endswith("_author"):
            act["author"] = self.author()
            return act
        act["id"] = key[1]
        if op in ("create", "update"):
            known = self.messages.get(key)
            if known is None or chance.random() < 0.6:
                known = self.content(key[1])
                known["version"] = chance.choice([0, 1, 1, 2, 3, 7])
                self.messages[key] = known
            act.update(known)
            if chance.random() < 0.3:
                act.pop("version")
        if op == "engagement" or chance.random() < 0.2:
            act["engagement"] = self.engagement()
        return act

    def acts(self):
        return [self.act() for _ in range(self.chance.randrange(50, 400))]


def run(vigie, seed, rules, directory):
    acts = Stream(seed).acts()
    made = os.path.join(directory, "made.ndjson")
    with open(made, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(act) + "\n" for act in acts)
    done = subprocess.run([vigie, "replay", "--rules", os.path.join(directory, "rules.yaml"), "--input", made,
                           "--out", os.path.join(directory, "out")], capture_output=True, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stderr.decode()}"
    with open(os.path.join(directory, "out", "counters.ndjson"), encoding="utf-8") as lines:
        found = counters(lines)
    again = oracle.Recount(rules)
    for act in acts:
        again.add(act)
    expected = {(row["dimension"], row["id"], row["measure"], row["hour"]): row["value"]
                for row in again.lines()}
    if found != expected:
        equal(f"seed {seed}", found, expected)
    return len(acts), len(expected)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    count = int(os.environ.get("VIGIE_STREAMS", "0"))
    first = random.SystemRandom().randrange(1 << 31) if count else 0
    count = count or 150
    if options.seed is not None:
        first, count = options.seed, 1
    with scratch() as directory:
        with open(os.path.join(directory, "rules.yaml"), "w", encoding="utf-8") as out:
            out.write(RULES)
        rules = Rules(os.path.join(directory, "rules.yaml"), None)
        acts = values = 0
        for seed in range(first, first + count):
            more = run(options.vigie, seed, rules, directory)
            acts, values = acts + more[0], values + more[1]
    assert count == 1 or values > count, "the streams count nothing"
    print(f"ok   {count} streams from seed {first}: {acts} acts, {values} values equal")


main()
