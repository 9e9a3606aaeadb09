#!/usr/bin/env python3
"""Counts a stream of mentions again, from an NDJSON file and a rules file.

    recount.py --rules R --input F [--keep] [--members] > counters.ndjson
    recount.py --rules R --input F --tags > tags.ndjson
    recount.py --rules R --input F --routes

It shares nothing with the program that it checks: its own parser, matcher and ledger, written from
the description. The lines are those of `vigie counters --dump`, for one partition in the order of
the input, as `vigie replay` reads it. It does not detect languages: a mention without `lang` has
none here.
"""

import argparse
import collections
import datetime
import json
import sys

from messages import (AUTHOR_OPS, author_key, content_of, erased_name, is_valid, told_by,
                      version_of)
from rules import Rules, parse_time

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
AHEAD = 2 * MINUTE
LATE = 35 * DAY
UNMATCHED_KEPT = 7 * DAY
TOMBSTONE = 35 * DAY
UNKNOWN_KEPT = DAY
JOURNAL = 32
DIMENSIONS = ("all", "network", "brand", "competitor", "theme", "campaign", "queue", "kind",
              "author", "country", "city", "hashtag", "theme×network", "campaign×network",
              "theme×kind", "campaign×ambassador", "theme×hashtag", "theme×link", "theme×author")
MEMBER_DIMENSIONS = ("ambassador", "ambassador×author", "author×brand")
RANKED_DIMENSIONS = ("theme×hashtag", "theme×link", "theme×author")
RANKED_KEPT = 8 * DAY
BRAND_KEPT = 63 * DAY
LONG_DIMENSIONS = ("brand", "theme", "campaign", "network")
AUTHOR_DIMENSIONS = ("brand", "competitor", "theme", "campaign")
EXACT_AUTHORS = 256  # what has ever more of them in an hour is counted by a sketch from then on
SILENT = ("click", "conversion", "reaction")
COUNTS = ("likes", "replies", "shares", "views", "clicks")


class Record:
    """What is known of one message."""

    __slots__ = ("network", "kind", "author", "version", "content", "minute", "late", "late_unmatched",
                 "full", "verdict", "told", "is_new", "hidden", "author_hidden", "snapshot", "snapshot_at",
                 "journal", "booked", "wrote", "touched")

    def __init__(self, network):
        self.network = network
        self.author = None
        self.full = False
        self.verdict = None
        self.told = None   # place, hashtags, links and ambassador, as the last version has them
        self.is_new = None
        self.hidden = self.author_hidden = False
        self.snapshot = {}
        self.snapshot_at = None
        self.journal = []  # [minute, {measure: difference}], in the order of minutes
        self.booked = {}   # what the counters hold of it: (dimension, id, measure, hour) -> number
        self.wrote = []    # in which (dimension, id, hour) its author counts by it
        self.touched = 0


class Recount:
    """Reads mentions in order by `add`; `counters` holds what comes of them."""

    def __init__(self, rules, keep=False, dimensions=DIMENSIONS):
        self.rules = rules
        self.keep = keep
        self.dimensions = set(dimensions)
        self.counters = collections.Counter()
        self.authors = collections.defaultdict(collections.Counter)  # of an hour: messages by author
        self.sketched = set()
        self.routes = collections.Counter()
        self.ops = collections.Counter()
        self.records = {}
        self.tombstones = {}      # key -> until
        self.pending_hides = {}   # key -> until
        self.hidden_authors = set()
        self.known_authors = set()
        self.erased_authors = {}  # author -> what was received before is erased
        self.by_author = collections.defaultdict(set)
        self.stream_time = None
        self.last_verdict = None
        self.dead_letters = 0

    # One mention, as read from JSON.
    def add(self, mention):
        self.last_verdict = None
        op = mention.get("op") or "create"
        if not is_valid(mention, op):
            self.dead_letters += 1
            return
        seen_at = mention.get("seen_at")
        if seen_at is not None:
            seen = parse_time(seen_at)
        else:
            created = mention.get("created_at")
            seen = max(self.stream_time or 0, parse_time(created) if created else 0)
        self.stream_time = max(self.stream_time or seen, seen)
        if op == "tick":
            return
        self.ops[op] += 1
        if op in AUTHOR_OPS:
            self.author_wide(op, (mention["network"], mention["author"]["id"]), seen)
            return
        key = (mention["network"], mention["id"])
        until = self.tombstones.get(key)
        if until is not None and self.lasts(until):
            return
        record = self.records.get(key)
        if record and self.forgotten(record):
            # What expires is not taken back: its buckets go by themselves.
            self.forget(key, record)
            record = None
        if op == "delete":
            self.delete(key, record)
        elif op in ("hide", "unhide"):
            self.hide(op == "hide", key, record)
        elif op == "engagement":
            if record and self.engage(record, mention, seen):
                self.book(record)
        else:
            self.message(op, key, record, mention, seen)

    # To the end of the minute.
    def lasts(self, until):
        return self.keep or self.stream_time // MINUTE <= until // MINUTE

    # An unmatched one goes by its event minute: nothing is booked of it later.
    def forgotten(self, record):
        until = record.touched + LATE if record.full else record.minute * MINUTE + UNMATCHED_KEPT
        return not self.lasts(until)

    def forget(self, key, record):
        del self.records[key]
        self.by_author[record.author].discard(key)

    def delete(self, key, record):
        if record:
            self.unbook(record)
            self.forget(key, record)
        self.pending_hides.pop(key, None)
        self.tombstones[key] = self.stream_time + (TOMBSTONE if record else UNKNOWN_KEPT)

    def hide(self, hidden, key, record):
        if record:
            if record.hidden != hidden:
                record.hidden = hidden
                record.full = True  # an unmatched one is remembered whole from now on, but for its author
                self.book(record)
        elif hidden:
            self.pending_hides[key] = self.stream_time + UNKNOWN_KEPT
        else:
            self.pending_hides.pop(key, None)

    def author_wide(self, op, author, seen):
        if op == "erase_author":
            for key in self.by_author.pop(author, ()):
                record = self.records.get(key)
                if record and record.full and not self.forgotten(record):
                    self.unbook(self.records.pop(key))
                    self.tombstones[key] = self.stream_time + TOMBSTONE
            self.known_authors.discard(author)
            self.erased_authors[author] = max(self.erased_authors.get(author, 0), seen)
            return
        hidden = op == "hide_author"
        (self.hidden_authors.add if hidden else self.hidden_authors.discard)(author)
        for key in self.by_author.get(author, ()):
            record = self.records.get(key)
            if (record and record.full and not self.forgotten(record)
                    and record.author_hidden != hidden):
                record.author_hidden = hidden
                self.book(record)

    def message(self, op, key, record, mention, seen):
        content = content_of(mention)
        version = version_of(mention)
        changed = True
        if record:
            same = content == record.content
            if version > record.version or (version == record.version and not same
                                            and op == "update"):
                self.judge(record, key, mention, seen)
                record.version, record.content = version, content
            else:
                changed = False
        elif seen < self.erased_authors.get((mention["network"], mention["author"]["id"]), 0):
            # Received before its author was erased, and told later.
            self.tombstones[key] = self.stream_time + TOMBSTONE
            return
        else:
            record = self.records[key] = Record(mention["network"])
            record.version, record.content = version, content
            until = self.pending_hides.pop(key, None)
            record.hidden = until is not None and self.lasts(until)
            self.place(record, mention, seen)
            self.judge(record, key, mention, seen)
            if record.hidden and not record.full:
                # One that was hidden before it came is remembered whole.
                self.fill(record, key)
            if not record.full and record.kind in SILENT:
                # It counts nothing, so nothing of it is remembered.
                del self.records[key]
            self.routes[record.verdict.route or "-", record.verdict.queue] += 1
        if self.engage(record, mention, seen) or changed:
            self.book(record)

    # The event minute and the lateness of a message are those of its first record.
    def place(self, record, mention, seen):
        event = parse_time(mention["created_at"])
        if event > seen + AHEAD:
            event = seen
        record.minute = event // MINUTE
        record.late = seen - event > LATE
        # Nor does one count whose row would not stay to tell it from a repetition.
        record.late_unmatched = (seen - event > UNMATCHED_KEPT
                                 or not self.lasts(event // MINUTE * MINUTE + UNMATCHED_KEPT))

    def judge(self, record, key, mention, seen):
        event = parse_time(mention["created_at"])
        if event > seen + AHEAD:
            event = seen
        author = (mention["network"], mention["author"]["id"])
        new = record.is_new if record.is_new is not None else author not in self.known_authors
        record.verdict = self.last_verdict = self.rules.judge(mention, event, lambda: new)
        record.author = author
        record.kind = mention["kind"]
        record.told = told_by(mention, record.verdict)
        if record.verdict.kept:
            if record.is_new is None:
                record.is_new = new
            self.fill(record, key)
            self.known_authors.add(author)
        elif record.full:
            self.fill(record, key)

    def fill(self, record, key):
        record.full = True
        if key not in self.by_author[record.author]:
            record.author_hidden = record.author in self.hidden_authors
            self.by_author[record.author].add(key)

    # Moves each count that is told by its difference to the last snapshot. False when nothing is new.
    def engage(self, record, mention, seen):
        counts = {name: value for name, value in (mention.get("engagement") or {}).items()
                  if name in COUNTS and value is not None}
        if not record.full or not counts:
            return False
        if record.snapshot_at is not None and seen < record.snapshot_at:
            return False
        record.snapshot_at = seen
        moved = {}
        for name, value in counts.items():
            difference = value - record.snapshot.get(name, 0)
            record.snapshot[name] = value
            if difference:
                moved[name] = difference
        if moved:
            self.journalize(record, seen // MINUTE, moved)
        return True

    def journalize(self, record, minute, moved):
        for entry in record.journal:
            if entry[0] == minute:
                add(entry[1], moved)
                return
        if not self.keep:
            oldest = (self.stream_time - LATE) // MINUTE
            record.journal = [e for e in record.journal if e[0] >= oldest]
        if len(record.journal) == JOURNAL:
            merge_oldest(record.journal)
        record.journal.append([minute, dict(moved)])
        record.journal.sort(key=lambda entry: entry[0])

    # Makes the counters hold of this message what its record says, no more and no less.
    def book(self, record):
        record.touched = self.stream_time
        self.unbook(record)
        if record.hidden or record.author_hidden:
            return
        booked = collections.Counter()
        for series in self.series(record):
            for measure, minute, number in self.measures(record):
                booked[series[0], series[1], measure, minute // 60] += number
        for dimension, name, measure in self.of_members(record):
            if dimension in self.dimensions:
                booked[dimension, name, measure, record.minute // 60] += 1
        record.booked = {k: v for k, v in booked.items() if v}
        self.counters.update({k: v for k, v in record.booked.items() if not self.frozen(k[3])})
        for dimension, name, measure, hour in record.booked:
            if measure == "mentions" and dimension in AUTHOR_DIMENSIONS:
                writers = self.authors[dimension, name, hour]
                writers[record.author] += 1
                record.wrote.append((dimension, name, hour, record.author))
                if len(writers) > EXACT_AUTHORS:
                    self.sketched.add((dimension, name, hour))

    # What is older than that changes no more, though some of it is told for longer.
    def frozen(self, hour):
        return not self.keep and self.stream_time - hour * HOUR >= LATE

    def unbook(self, record):
        self.counters.subtract({k: v for k, v in record.booked.items() if not self.frozen(k[3])})
        record.booked = {}
        for dimension, name, hour, author in record.wrote:
            writers = self.authors[dimension, name, hour]
            writers[author] -= 1
            if not writers[author]:
                del writers[author]
        record.wrote = []

    def series(self, record):
        verdict = record.verdict
        found = [("all", "all"), ("network", record.network)]
        if verdict.kept:
            if verdict.brand:
                found.append(("brand", self.rules.brand_id))
            found += [("competitor", i) for i in verdict.competitors]
            found += [("theme", i) for i in verdict.themes]
            found += [("campaign", i) for i in verdict.campaigns]
            found += [("queue", verdict.queue), ("kind", record.kind)]
            found += self.more_series(record)
        return [s for s in found if s[0] in self.dimensions]

    @staticmethod
    def more_series(record):
        verdict, told = record.verdict, record.told
        author = author_key(record.author)
        yield "author", author
        if told["country"]:
            yield "country", told["country"]
        if told["city"]:
            yield "city", told["country"] + "/" + told["city"]
        for tag in told["hashtags"]:
            yield "hashtag", tag
        for theme in verdict.themes:
            yield "theme×network", f"{theme}×{record.network}"
            yield "theme×kind", f"{theme}×{record.kind}"
            yield "theme×author", f"{theme}×{author}"
            for tag in told["hashtags"]:
                yield "theme×hashtag", f"{theme}×{tag}"
            for link in told["links"]:
                yield "theme×link", f"{theme}×{link}"
        ambassador = told["ambassador"] or (author if verdict.by_ambassador else "")
        for campaign in verdict.campaigns:
            yield "campaign×network", f"{campaign}×{record.network}"
            if ambassador:
                yield "campaign×ambassador", f"{campaign}×{ambassador}"

    # One message each, and no engagement.
    def of_members(self, record):
        verdict, told = record.verdict, record.told
        if not verdict.kept or record.late or record.kind in SILENT:
            return
        if verdict.brand and not verdict.own:
            yield "author×brand", f"{erased_name(record.author)}×{self.rules.brand_id}", "mentions"
        for ambassador in told["ambassadors"]:
            wrote = ambassador == told["wrote"]
            yield "ambassador", ambassador, "own" if wrote else "mentions"
            if wrote and told["answered"]:
                author = erased_name((record.network, told["answered"]))
                yield "ambassador×author", f"{ambassador}×{author}", "own"

    @staticmethod
    def measures(record):
        verdict = record.verdict
        spoken = record.kind not in SILENT
        if not verdict.kept:
            # One that a rule once wanted is kept as long as any.
            late = record.late if record.full else record.late_unmatched
            return [("mentions", record.minute, 1)] if spoken and not late else []
        if record.late:
            return []
        found = []
        if spoken:
            found.append(("own" if verdict.own else "mentions", record.minute, 1))
            if verdict.question and not verdict.own:
                found.append(("questions", record.minute, 1))
        if record.kind == "click":
            found.append(("clicks", record.minute, 1))
        if record.kind == "conversion":
            found.append(("conversions", record.minute, 1))
        for minute, moved in record.journal:
            found += [(name, minute, number) for name, number in moved.items()]
        return found

    # The lines of the dump, sorted.
    def lines(self):
        numbers = dict(self.counters)
        for (dimension, name, hour), writers in self.authors.items():
            numbers[dimension, name, "authors", hour] = len(writers)
        for (dimension, name, measure, hour), value in sorted(numbers.items()):
            if not value:
                continue
            kept = LATE
            if dimension in LONG_DIMENSIONS and measure != "authors":
                kept = 16 * 7 * DAY
            if dimension in RANKED_DIMENSIONS:
                kept = RANKED_KEPT
            if dimension == "author×brand":
                kept = BRAND_KEPT
            if not self.keep and self.stream_time - hour * HOUR >= kept:
                continue
            line = {"dimension": dimension, "id": name, "measure": measure,
                    "hour": format_hour(hour), "value": value}
            if measure == "authors" and (dimension, name, hour) in self.sketched:
                line["estimate"] = True
            yield line


def add(total, more):
    for name, number in more.items():
        total[name] = total.get(name, 0) + number


def merge_oldest(journal):
    """The oldest two entries of one hour, else day, else ISO week, become one at the later."""
    def week(minute):
        return (minute // 1440 + 3) // 7  # day 0 was a Thursday

    for period in (lambda m: m // 60, lambda m: m // 1440, week, lambda m: 0):
        for i in range(len(journal) - 1):
            if period(journal[i][0]) == period(journal[i + 1][0]):
                add(journal[i + 1][1], journal[i][1])
                del journal[i]
                return


def format_hour(hour):
    start = datetime.datetime(1970, 1, 1) + datetime.timedelta(hours=hour)
    return start.strftime("%Y-%m-%dT%H:%M:%SZ")


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", required=True)
    parser.add_argument("--input", required=True, help="NDJSON; - is the standard input")
    parser.add_argument("--questions", help="interrogatives; default: those of the repository")
    parser.add_argument("--keep", action="store_true", help="nothing expires")
    parser.add_argument("--members", action="store_true", help="also what is counted of members")
    parser.add_argument("--ledger", action="store_true", help="the input is a generator's ledger")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--tags", action="store_true", help="print the tags of each message instead")
    what.add_argument("--routes", action="store_true", help="print first routings instead")
    options = parser.parse_args()

    recount = Recount(Rules(options.rules, options.questions), options.keep,
                      DIMENSIONS + MEMBER_DIMENSIONS if options.members else DIMENSIONS)
    file = sys.stdin if options.input == "-" else open(options.input, encoding="utf-8")
    for line in file:
        if not line.strip():
            continue
        mention = json.loads(line)
        if options.ledger:
            mention = mention["mention"]
        if options.tags and (mention.get("op") or "create") in ("create", "update"):
            print_tags(recount, mention)
            continue
        recount.add(mention)
    if options.routes:
        for (route, queue), count in sorted(recount.routes.items()):
            print(dump({"route": None if route == "-" else route, "queue": queue, "count": count}))
    elif not options.tags:
        for line in recount.lines():
            print(dump(line))


# Each line by itself, as `vigie rules match` reads it: no ledger, but authors are new once.
def print_tags(recount, mention):
    event = parse_time(mention["created_at"])
    if mention.get("seen_at"):
        seen = parse_time(mention["seen_at"])
        event = event if event <= seen + AHEAD else seen
    author = (mention["network"], mention["author"]["id"])
    new = author not in recount.known_authors
    verdict = recount.rules.judge(mention, event, lambda: new)
    if verdict.kept:
        recount.known_authors.add(author)
    print(dump(verdict.tags(mention)))


if __name__ == "__main__":
    main()
