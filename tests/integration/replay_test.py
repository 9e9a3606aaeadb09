"""The same input gives the same bytes, and its counts are those of an independent recount."""
import argparse
import datetime
import filecmp
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import Estimate, RULES, SAMPLES, counters, equal, recount, scratch

BROAD_RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "broad_rules.yaml")
FILES = ["tagged", "queue.social", "queue.community", "alerts", "deadletter", "counters", "members", "items"]
MEMBERS = {"ambassador", "ambassador×author", "author×brand"}


def replay(vigie, source, out, *options, rules=RULES):
    subprocess.run([vigie, "replay", "--rules", rules, "--input", source, "--out", out, *options],
                   check=True, capture_output=True)
    with open(os.path.join(out, "counters.ndjson"), encoding="utf-8") as lines:
        return counters(lines)


def check(vigie, what, source, directory, *options, rules=RULES):
    first = replay(vigie, source, os.path.join(directory, "a"), *options, rules=rules)
    replay(vigie, source, os.path.join(directory, "b"), *options, rules=rules)
    for name in FILES:
        pair = [os.path.join(directory, run, name + ".ndjson") for run in "ab"]
        assert filecmp.cmp(*pair, shallow=False), f"{what}: {name} differs between two runs"
    print(f"ok   {what}: the same bytes twice", flush=True)
    again = counters(recount("--input", source, "--members", *options, rules=rules))
    equal(what, first, {key: value for key, value in again.items() if key[0] not in MEMBERS})
    with open(os.path.join(directory, "a", "members.ndjson"), encoding="utf-8") as lines:
        members = counters(lines)
    again = {key: value for key, value in again.items() if key[0] in MEMBERS}
    # Rules that match nobody's mention of the brand, and no ambassador, count no members.
    if again or members:
        equal(f"{what}, members", members, again)
    return first


def tell_languages(source, out):
    """The recount detects none, so each mention says one."""
    with open(source, encoding="utf-8") as lines, open(out, "w", encoding="utf-8") as file:
        for line in lines:
            mention = json.loads(line)
            if mention.get("lang") in (None, "und"):
                mention["lang"] = "en"
            file.write(json.dumps(mention) + "\n")


def upset_mentions(source, out, seed):
    """Mentions in another order within ten minutes, one in ten twice, one in twenty deleted."""
    chance = random.Random(seed)
    late = datetime.timedelta(minutes=10)
    placed = []
    with open(source, encoding="utf-8") as lines:
        for line in lines:
            mention = json.loads(line)
            at = datetime.datetime.fromisoformat(
                (mention.get("seen_at") or mention["created_at"]).replace("Z", "+00:00"))
            first = at + chance.random() * late
            placed.append((first, line))
            if chance.random() < 0.1:
                placed.append((at + chance.random() * late, line))
            if chance.random() < 0.05:
                delete = {"network": mention["network"], "id": mention["id"], "op": "delete"}
                placed.append((first + chance.random() * late, json.dumps(delete) + "\n"))
    with open(out, "w", encoding="utf-8") as file:
        file.writelines(line for _, line in sorted(placed))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    vigie = parser.parse_args().vigie
    with scratch() as directory:
        made = os.path.join(directory, "made.ndjson")
        subprocess.run([vigie, "generate", "--seed", "11", "--rate", "2", "--duration", "6h",
                        "--start", "2026-06-03T06:00:00Z", "--out", made], check=True)
        check(vigie, "generated, all ops", made, directory)
        with open(os.path.join(directory, "a", "members.ndjson"), encoding="utf-8") as lines:
            counted = {json.loads(line)["dimension"] for line in lines}
        assert counted == MEMBERS, f"only {counted} were counted"
        check(vigie, "generated, nothing expires", made, directory, "--keep")

        # Late by minutes and sent twice: neighbours within 500 lines change places.
        seed = 5
        with open(made, encoding="utf-8") as lines:
            stream = list(lines)
        chance = random.Random(seed)
        placed = [(i + chance.random() * 500, line) for i, line in enumerate(stream)]
        placed += [(place + chance.random() * 2000, line) for place, line in placed
                   if chance.random() < 0.1]
        shuffled = os.path.join(directory, "shuffled.ndjson")
        with open(shuffled, "w", encoding="utf-8") as out:
            out.writelines(line for _, line in sorted(placed))
        check(vigie, f"shuffled and repeated (seed {seed})", shuffled, directory)

        busy = os.path.join(directory, "busy.ndjson")
        subprocess.run([vigie, "generate", "--seed", "12", "--rate", "6", "--duration", "30m",
                        "--start", "2026-06-03T06:00:00Z", "--out", busy], check=True)
        found = check(vigie, "generated, hours of many authors", busy, directory)
        estimates = [value for value in found.values() if isinstance(value, Estimate)]
        assert estimates, "no hour had more authors than can be listed"
        print(f"ok   {len(estimates)} numbers of authors are estimates, and near the exact ones")

        real = os.path.join(SAMPLES, "mentions.ndjson")
        if os.path.exists(real):
            check(vigie, "real mentions, nothing expires", real, directory, "--keep")
            told = os.path.join(directory, "told.ndjson")
            tell_languages(real, told)
            check(vigie, "real mentions, broad rules", told, directory, "--keep",
                  rules=BROAD_RULES)
            upset = os.path.join(directory, "upset.ndjson")
            upset_mentions(told, upset, seed)
            what = f"real mentions, shuffled, repeated and deleted (seed {seed})"
            check(vigie, what, upset, directory, "--keep", rules=BROAD_RULES)
            check(vigie, what + ", what expires", upset, directory, rules=BROAD_RULES)
        else:
            print("skipped: real mentions: no samples")


main()
