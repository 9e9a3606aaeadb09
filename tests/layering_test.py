#!/usr/bin/env python3
"""Checks who includes whom, and that heavy third-party headers stay in .cc files.

    python3 tests/layering_test.py ROOT

The first part checks this test itself on small trees that break the rules; a broken check would
otherwise pass for ever.
"""
import pathlib
import re
import sys
import tempfile

# What each folder may include, beside itself. `run` sees all that it joins; `cli` sees everything.
# `api` names rules, alerts and what they stand on; mentions and appends reach it as functions.
MAY_INCLUDE = {
    "pipeline/core": set(),
    "pipeline/net": {"pipeline/core"},
    "rules": {"pipeline/core"},
    "state": {"pipeline/core"},
    "connectors": {"pipeline/core", "pipeline/net"},
    "pipeline/log": {"pipeline/core", "state"},
    "pipeline/route": {"pipeline/core", "rules"},
    "pipeline/alerts": {"pipeline/core", "pipeline/net", "pipeline/route", "rules", "state"},
    "pipeline/api": {"pipeline/core", "pipeline/net", "pipeline/alerts", "pipeline/route", "rules",
                     "state"},
}
MAY_INCLUDE["pipeline/run"] = set(MAY_INCLUDE)
MAY_INCLUDE["pipeline/cli"] = set(MAY_INCLUDE)

# Headers that cost seconds to compile: never in a header of ours. Boost.Asio's `awaitable` is the
# one third-party type a public header may name.
HEAVY = re.compile(
    r"^(boost/beast|rocksdb/|re2/|librdkafka/|simdjson|spdlog/|unicode/|prometheus/|openssl/|"
    r"yaml-cpp/|CLI/)")
# Folders whose code is not part of the program.
OUTSIDE = {"tests", "build", "deploy", ".git"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def layer_of(path):
    """The layer that a path from the root belongs to, or None."""
    parts = pathlib.PurePosixPath(path).parts
    if len(parts) > 2 and parts[0] == "pipeline" and "/".join(parts[:2]) in MAY_INCLUDE:
        return "/".join(parts[:2])
    if len(parts) > 1 and parts[0] in MAY_INCLUDE:
        return parts[0]
    return None


def check(root):
    """Every breach, as "file:line: what", and how many files were read."""
    breaches = []
    files = 0
    for source in sorted(root.rglob("*")):
        if source.suffix not in (".h", ".cc"):
            continue
        name = source.relative_to(root).as_posix()
        if name.split("/")[0] in OUTSIDE:
            continue
        files += 1
        layer = layer_of(name)
        if layer is None:
            breaches.append(f"{name}:1: stands in no folder of the layout")
            continue
        lines = source.read_text(encoding="utf-8").splitlines()
        if source.suffix == ".h" and "#pragma once" not in lines:
            breaches.append(f"{name}:1: a header begins with #pragma once")
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            ours, theirs = found.groups()
            if theirs is not None:
                if source.suffix == ".h" and HEAVY.match(theirs):
                    breaches.append(f"{name}:{number}: <{theirs}> belongs in a .cc file")
                continue
            target = layer_of(ours)
            if target is None or not (root / ours).is_file():
                breaches.append(f'{name}:{number}: "{ours}" is no header, written from the root')
            elif target != layer and target not in MAY_INCLUDE[layer]:
                breaches.append(f"{name}:{number}: {layer} may not include {target} ({ours})")
    return breaches, files


def check_the_check():
    good = {
        "pipeline/core/a.h": "#pragma once\n#include <string>\n",
        "rules/b.cc": '#include <re2/re2.h>\n#include "pipeline/core/a.h"\n',
        "pipeline/run/c.cc": '#include "rules/b.h"\n#include "state/d.h"\n',
        "rules/b.h": "#pragma once\n",
        "state/d.h": "#pragma once\n",
        "connectors/x/e.cc": '#include "pipeline/core/a.h"\n',
        "tests/t.cc": '#include "anything.h"\n',
    }
    bad = {
        "core sees rules": ("pipeline/core/z.cc", '#include "rules/b.h"\n'),
        "rules sees state": ("rules/z.cc", '#include "state/d.h"\n'),
        "state sees run": ("state/z.cc", '#  include "pipeline/run/c.h"\n'),
        "a connector sees rules": ("connectors/x/z.h", '#pragma once\n#include "rules/b.h"\n'),
        "a heavy header": ("state/z.h", "#pragma once\n#include <rocksdb/db.h>\n"),
        "an include from the same folder": ("rules/z.cc", '#include "b.h"\n'),
        "a header that is not there": ("rules/z.cc", '#include "rules/none.h"\n'),
        "a folder that is not there": ("utils/z.h", "#pragma once\n"),
        "no pragma once": ("rules/z.h", "\n"),
    }

    def breaches_of(tree):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in tree.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return check(root)[0]

    good_breaches = breaches_of(good)
    assert not good_breaches, good_breaches
    for what, (name, text) in bad.items():
        tree = dict(good)
        tree["pipeline/run/c.h"] = "#pragma once\n"
        tree[name] = text
        found = breaches_of(tree)
        assert len(found) == 1 and found[0].startswith(name), (what, found)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: layering_test.py ROOT")
    check_the_check()
    breaches, files = check(pathlib.Path(sys.argv[1]).resolve())
    if files == 0:
        sys.exit(f"no sources under {sys.argv[1]}")
    if breaches:
        sys.exit("\n".join(breaches))
    print(f"layering holds ({files} files)")


if __name__ == "__main__":
    main()
