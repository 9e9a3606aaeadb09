"""`rules backtest` says the same twice, and what an independent matcher says of both rule sets."""
import argparse
import collections
import datetime
import json
import os
import subprocess
import sys
import zoneinfo

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import ORACLE, RULES, SAMPLES, scratch

sys.path.insert(0, ORACLE)
from rules import Rules, parse_time

TWO_MINUTES = 120_000_000
# Rules about what people really wrote, none of them about the brand of the first set.
PEOPLE = """brand: {id: obama, query: 'obama OR @barackobama', timezone: America/New_York}
themes:
  - {id: health, query: 'health OR obamacare OR insurance'}
  - {id: jobs, query: 'job OR jobs'}
  - {id: thanks, query: '"thank you"'}
routes:
  - {id: ask, when: 'has:link theme:*', queue: social, priority: high}
  - {id: rest, when: 'is:brand', queue: community}
"""
PEOPLE_NOW = """brand: {id: obama, query: 'obama', timezone: America/New_York}
themes:
  - {id: health, query: '(health OR insurance) -job'}
  - {id: jobs, query: '(job OR jobs OR hiring) NEAR/6 (new OR good)'}
  - {id: pets, query: 'cat OR cats OR dog OR dogs'}
routes:
  - {id: ask, when: 'has:link', queue: social, priority: normal}
  - {id: pets, when: 'theme:pets', queue: none}
  - {id: rest, when: 'is:brand OR theme:*', queue: community}
"""


def event_of(mention):
    created = mention.get("created_at")
    seen = mention.get("seen_at")
    if created is None:
        return None
    created = parse_time(created)
    if seen is not None and created > parse_time(seen) + TWO_MINUTES:
        return parse_time(seen)
    return created


def tags_of(verdict):
    tags = {"theme:" + i for i in verdict.themes} | {"campaign:" + i for i in verdict.campaigns}
    tags |= {"competitor:" + i for i in verdict.competitors}
    return tags | {"brand"} if verdict.brand else tags


def hour_of(event, zone):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    local = (epoch + datetime.timedelta(microseconds=event)).astimezone(zone)
    return local.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")


class Expected:
    def __init__(self, new, old, source):
        sets = {"new": Rules(new), "old": Rules(old)}
        with open(new, encoding="utf-8") as file:
            zone = zoneinfo.ZoneInfo(yaml.safe_load(file)["brand"].get("timezone", "UTC"))
        self.matched = self.other = self.bad = 0
        self.tags = collections.defaultdict(collections.Counter)
        self.queues = collections.Counter()
        self.priorities = collections.Counter()
        self.routes = collections.Counter()
        self.moved = collections.Counter()
        self.hours = set()
        self.load = collections.defaultdict(collections.Counter)
        authors = set()
        with open(source, encoding="utf-8") as lines:
            for line in lines:
                mention = json.loads(line)
                if mention.get("op", "create") not in ("create", "update"):
                    self.other += 1
                    continue
                # The only fault there is in the inputs of this test.
                if not (mention.get("author") or {}).get("id"):
                    self.bad += 1
                    continue
                author = (mention["network"], mention["author"]["id"])
                is_new = author not in authors
                authors.add(author)
                event = event_of(mention)
                verdicts = {side: rules.judge(mention, event, lambda: is_new)
                            for side, rules in sets.items()}
                self.add(verdicts, hour_of(event, zone))

    def add(self, verdicts, hour):
        self.matched += 1
        new, old = tags_of(verdicts["new"]), tags_of(verdicts["old"])
        for what, tags in (("new", new), ("old", old), ("added", new - old), ("removed", old - new)):
            for tag in tags:
                self.tags[tag][what] += 1
        self.hours.add(hour)
        for side, verdict in verdicts.items():
            self.queues[side, verdict.queue] += 1
            self.load[side, verdict.queue][hour] += 1
            if verdict.queue != "none":
                self.priorities[side, verdict.priority] += 1
            if verdict.route is not None:
                self.routes[side, verdict.route] += 1
        if verdicts["old"].queue != verdicts["new"].queue:
            self.moved[verdicts["old"].queue, verdicts["new"].queue] += 1


def backtest(vigie, *arguments):
    run = subprocess.run([vigie, "rules", "backtest", *arguments], capture_output=True, check=False)
    bad = "line" in run.stderr.decode()
    assert run.returncode == (1 if bad else 0), (arguments, run.returncode, run.stderr.decode())
    return run.stdout.decode()


def equal(what, found, expected):
    assert found == expected, f"{what}: found {found}, expected {expected}"


def compare(what, found, expected):
    equal("matched", (found["matched"], found["other_ops"]), (expected.matched, expected.other))
    equal("bad lines", found["bad_lines"]["lines"], expected.bad)
    told = {tag["rule"]: tag for tag in found["tags"]}
    for rule in told.keys() | expected.tags.keys():
        tag = told.get(rule, {})
        sides = {side: tag.get(side, {}).get("mentions", 0) for side in ("added", "removed")}
        equal(f"{what} {rule}", {"new": tag.get("new", 0), "old": tag.get("old", 0), **sides},
              {name: expected.tags[rule][name] for name in ("new", "old", "added", "removed")})
    for side, load in found["queues"].items():
        for queue in ("social", "community", "none"):
            equal(f"{what} {side} {queue}", load[queue]["mentions"], expected.queues[side, queue])
            hours = expected.load[side, queue]
            most = max(hours.values(), default=0)
            if most == 0:
                equal(f"{what} {side} {queue} busiest", load[queue]["busiest"], None)
                continue
            busiest = load[queue]["busiest"]
            equal(f"{what} {side} {queue} busiest", busiest["mentions"], most)
            equal(f"{what} {side} {queue} in {busiest['hour']}", hours[busiest["hour"]], most)
            mean = expected.queues[side, queue] / len(expected.hours)
            assert abs(load[queue]["mean_per_hour"] - mean) <= 0.0005, (load[queue], mean)
        for priority, number in load["priorities"].items():
            equal(f"{what} {side} {priority}", number, expected.priorities[side, priority])
    equal(f"{what} hours", found["hours"], len(expected.hours))
    for route in found["routes"]:
        for side in ("new", "old"):
            equal(f"{what} {route['route']} {side}", route[side],
                  expected.routes[side, route["route"]])
    equal(f"{what} moved", {(m["from"], m["to"]): m["mentions"] for m in found["moved"]},
          dict(expected.moved))
    equal(f"{what} left out", found["left_out"], {"hours": 0, "authors": 0, "examples": 0})
    changed = sum(bool(tag["added"]["mentions"] or tag["removed"]["mentions"])
                  for tag in found["tags"])
    assert changed >= 3, f"{what}: {changed} rules changed: the comparison says nothing"
    print(f"ok   {what}: {found['matched']} mentions, {changed} rules changed: as the naive matcher "
          "says")


def check(vigie, what, new, old, source):
    arguments = ["--rules", new, "--against", old, "--input", source]
    for form in ([], ["--json"]):
        out = backtest(vigie, *arguments, *form)
        assert out == backtest(vigie, *arguments, *form), f"{what}: two runs differ"
    compare(what, json.loads(out), Expected(new, old, source))


def changed_rules(path):
    """The rules that are delivered, with a theme less, one more and one that says something else."""
    with open(RULES, encoding="utf-8") as file:
        tree = yaml.safe_load(file)
    tree["themes"] = [theme for theme in tree["themes"] if theme["id"] != "quality"]
    for theme in tree["themes"]:
        if theme["id"] == "delivery":
            theme["query"] = "parcel OR parcels OR colis OR paquete"
    tree["themes"].append({"id": "summer", "query": "#SummerBuild OR summer"})
    tree["routes"] = [route for route in tree["routes"] if "quality" not in route["when"]]
    tree["routes"].insert(0, {"id": "summer", "when": "theme:summer", "queue": "social",
                              "priority": "low"})
    for section in ("themes", "routes"):
        for rule in tree[section]:
            rule.pop("must_match", None)
            rule.pop("must_not_match", None)
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(tree, file, allow_unicode=True)
    return path


def written(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    vigie = parser.parse_args().vigie
    with scratch() as directory:
        made = os.path.join(directory, "made.ndjson")
        subprocess.run([vigie, "generate", "--seed", "11", "--rate", "1", "--duration", "3h",
                        "--start", "2026-06-03T06:00:00Z", "--out", made], check=True)
        check(vigie, "generated", changed_rules(os.path.join(directory, "new.yaml")), RULES, made)

        real = os.path.join(SAMPLES, "mentions.ndjson")
        if not os.path.exists(real):
            print("skipped: real mentions: no samples")
            return
        check(vigie, "real mentions", written(os.path.join(directory, "now.yaml"), PEOPLE_NOW),
              written(os.path.join(directory, "then.yaml"), PEOPLE), real)


main()
