#!/usr/bin/env python3
"""Compares two NDJSON files key by key; prints the first differences and totals.

    compare.py EXPECTED FOUND [--key dimension,id,measure,hour] [--ignore spans] [--show 20]

Exit 1 when a key is missing on one side or any other field differs.
"""

import argparse
import json
import sys


def read(path, keys, ignored):
    rows = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            row = json.loads(line)
            # The place among equal keys: a message may have several lines.
            key = tuple(str(row.pop(name, None)) for name in keys)
            place = 0
            while (key, place) in rows:
                place += 1
            for name in ignored:
                row.pop(name, None)
            rows[key, place] = row
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("expected")
    parser.add_argument("found")
    parser.add_argument("--key", default="dimension,id,measure,hour")
    parser.add_argument("--ignore", default="")
    parser.add_argument("--show", type=int, default=20)
    options = parser.parse_args()
    keys = options.key.split(",")
    ignored = [name for name in options.ignore.split(",") if name]
    expected = read(options.expected, keys, ignored)
    found = read(options.found, keys, ignored)

    differences = []
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            differences.append(key)
    for key in differences[:options.show]:
        print("/".join(key[0]), "expected", json.dumps(expected.get(key), ensure_ascii=False),
              "found", json.dumps(found.get(key), ensure_ascii=False))
    missing = sum(1 for key in differences if key not in found)
    surplus = sum(1 for key in differences if key not in expected)
    print(f"{len(expected)} expected, {len(found)} found, {len(differences)} differ: "
          f"{missing} missing, {surplus} too many, "
          f"{len(differences) - missing - surplus} with other values")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
