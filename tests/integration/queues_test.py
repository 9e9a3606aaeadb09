"""People work on items over HTTP: one wins, the others are told; kill -9 forgets nothing that was answered."""
import argparse
import concurrent.futures
import datetime
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import Service, scratch, wait_until

PEOPLE = ["ana", "bob", "eve", "joe"]
ITEMS = 40


def mention(number):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    return {"network": "x", "id": str(number), "kind": "mention", "author": {"id": f"a{number}", "handle": f"fan{number}"},
            "text": f"@acme my order {number} is late", "lang": "en", "created_at": now}


def act(service, item, action, key=None, **body):
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    url = f"{service.url}/api/v1/items/{urllib.parse.quote(item, safe='')}/{action}"
    request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def claim_at_once(service, pool, item):
    """One of four wins; each of the others is told who."""
    answers = list(pool.map(lambda who: (who, *act(service, item, "claim", **{"as": who})), PEOPLE))
    won = [who for who, status, _ in answers if status == 200]
    assert len(won) == 1, f"{item}: {[(who, status) for who, status, _ in answers]}"
    for who, status, body in answers:
        assert body["claimed_by"] == won[0] and body["claimed_until"], (who, body)
        assert status == 200 or status == 409, (who, status)
    return won[0]


def show(service, item):
    return json.loads(service.get("/api/v1/items/" + urllib.parse.quote(item, safe="")))


def command(vigie, *arguments):
    return subprocess.run([vigie, "queue", *arguments], check=True, capture_output=True, timeout=60).stdout.decode()


def first_event(service, queue, change):
    """The first event of a stream whose change is this one, from its beginning."""
    url = f"{service.url}/api/v1/queues/{queue}/stream?after=0:0"
    with urllib.request.urlopen(url, timeout=20) as stream:
        for line in stream:
            if line.startswith(b"data: {"):
                event = json.loads(line[6:])
                if event.get("change") == change:
                    return event
    raise AssertionError(f"no event {change}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    options = parser.parse_args()
    with scratch() as directory, concurrent.futures.ThreadPoolExecutor(len(PEOPLE)) as pool:
        service = Service(options.vigie, directory, [])
        service.start()
        service.post("\n".join(json.dumps(mention(n)) for n in range(ITEMS)).encode(), "application/x-ndjson")
        wait_until("the items", lambda: len(service.items()) == ITEMS)

        holders = {f"x/{n}": claim_at_once(service, pool, f"x/{n}") for n in range(ITEMS)}
        print(f"ok   {ITEMS} claims at once: one wins, three are told who; won by {sorted(set(holders.values()))}")
        event = first_event(service, "social", "claim")
        assert event["by"] == holders[event["item"]], event
        assert "text" not in json.dumps(event), event

        status, body = act(service, "x/1", "handoff", key="h1", note="for the community", **{"as": holders["x/1"]})
        assert status == 200 and body["queue"] == "community" and body["claimed_by"] is None, body
        status, body = act(service, "x/2", "resolve", **{"as": holders["x/2"]})
        assert status == 200 and body["state"] == "resolved", body
        before = {item: show(service, item) for item in holders}
        service.kill()
        service.start()
        for item, known in before.items():
            again = show(service, item)
            assert again == known, f"{item} after kill -9: {again} was {known}"
        status, body = act(service, "x/1", "handoff", key="h1", note="for the community", **{"as": holders["x/1"]})
        assert status == 200 and len(body["notes"]) == 1, body
        print("ok   kill -9: every item as it was answered, and a repeated handoff does nothing")

        clock = before["x/3"]["clocks"][0]
        assert clock["kind"] == "first_response" and clock["due_at"] and not clock["breached"], clock
        listed = command(options.vigie, "-c", service.config, "--queue", "community")
        assert listed.startswith("community: 1 of 1\n") and "x/1" in listed and "my order 1 is late" in listed, listed
        lines = command(options.vigie, "list", "-c", service.config, "--json", "--all").splitlines()
        assert {json.loads(line)["id"] for line in lines} == set(holders), lines
        shown = json.loads(command(options.vigie, "show", "x/1", "-c", service.config, "--json"))
        assert shown["notes"][0]["text"] == "for the community", shown
        assert "for the community" in command(options.vigie, "show", "x/1", "-c", service.config)
        print("ok   vigie queue lists and shows what the service says, while it runs")
        service.stop()


main()
