#!/usr/bin/env python3
"""Asks a running Vigie whether mentions were queued, counted and served since a moment.

    quickstart_check.py URL SECONDS_SINCE_1970

Prints what it found, one fact a line; exit 0 only when all three happened.
"""
import datetime
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

# Straight to loopback, whatever proxy the environment names.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
QUEUES = ("social", "community")
PAGE = 200


def get(url, path, **params):
    question = "?" + urllib.parse.urlencode(params) if params else ""
    with OPENER.open(url + path + question, timeout=5) as answer:
        return answer.read().decode("utf-8")


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def sum_of(metrics, name):
    """The sum over all series of a metric."""
    total = 0.0
    for line in metrics.splitlines():
        if line.startswith((name + " ", name + "{")) and 'queue="none"' not in line:
            total += float(line.rsplit(" ", 1)[1])
    return int(total)


def new_item(url, queue, began):
    """An item that changed since then and whose newest message has its text, and how many items
    there are."""
    after = {}
    while True:
        page = json.loads(get(url, f"/api/v1/queues/{queue}/items", limit=PAGE, **after))
        for item in page["items"]:
            served = [m["mention"] for m in item["messages"] if m["mention"]]
            if time_of(item["updated_at"]) >= began and served:
                return page["total"], served[-1]
        if not page["next"]:
            return page["total"], None
        after = {"after": page["next"]}


def counted(url, began):
    """Mentions in the minutes since then."""
    answer = json.loads(get(url, "/api/v1/counters", dimension="all", measure="mentions",
                            window="60m", step="1m"))
    first = began.replace(second=0, microsecond=0)
    return sum(p["value"] for p in answer["points"] if time_of(p["start"]) >= first)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: quickstart_check.py URL SECONDS_SINCE_1970")
    url = sys.argv[1].rstrip("/")
    began = datetime.datetime.fromtimestamp(int(sys.argv[2]), datetime.timezone.utc)
    try:
        metrics = get(url, "/metrics")
        logged = sum_of(metrics, "vigie_ingest_mentions_total")
        routed = sum_of(metrics, "vigie_routed_total")
        count = counted(url, began)
        queues = {queue: new_item(url, queue, began) for queue in QUEUES}
    except (urllib.error.URLError, OSError, ValueError, KeyError) as error:
        print(f"{url}: {error!r}")
        return 1
    served = any(mention for _, mention in queues.values())
    print(f"logged   {logged} records")
    print(f"counted  {count} mentions")
    print(f"queued   {routed} mentions; open items: "
          + ", ".join(f"{queue} {total}" for queue, (total, _) in queues.items()))
    print("served   " + ("new items with their text" if served else "no new item yet"))
    return 0 if logged > 0 and count > 0 and routed > 0 and served else 1


if __name__ == "__main__":
    sys.exit(main())
