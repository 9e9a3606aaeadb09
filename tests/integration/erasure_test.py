#!/usr/bin/env python3
"""An author is erased from a running service: nothing of them is left in any answer or file."""
import argparse
import json
import os
import sys
import urllib.request

from service import Service, scratch, wait_until

AUTHOR = "did:plc:sentinel9quxzlk"
TRACES = (AUTHOR, "handle9quxzlk", "words9quxzlk")
PAGES = ("/api/v1/queues/social/items?state=all", "/api/v1/queues/community/items?state=all",
         "/api/v1/alerts", "/api/v1/rules", "/metrics",
         "/api/v1/counters?dimension=all&id=all&window=24h")


def mention(number, author, handle, text):
    return {"network": "webhook", "id": f"{number}-{author}", "kind": "post",
            "created_at": "2026-06-01T10:00:00Z", "author": {"id": author, "handle": handle},
            "text": text}


def files_with(directory, trace):
    found = []
    for folder, _, names in os.walk(directory):
        for name in names:
            if not os.path.isfile(os.path.join(folder, name)):
                continue
            try:
                with open(os.path.join(folder, name), "rb") as file:
                    if trace.encode() in file.read():
                        found.append(name)
            except FileNotFoundError:
                pass  # compacted meanwhile
    return found


def call(service, method, path):
    request = urllib.request.Request(service.url + path, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, json.loads(answer.read())


def erases(vigie):
    with scratch() as directory:
        service = Service(vigie, directory, [])
        data = os.path.join(directory, "data")
        service.start()
        body = [mention(i, AUTHOR, "handle9quxzlk", f"acme order is late words9quxzlk {i}")
                for i in range(20)]
        body += [mention(i, "other", "somebody", f"acme order is late, keepme {i}")
                 for i in range(20)]
        status, _ = service.post(json.dumps(body).encode())
        assert status == 200, status
        wait_until("the queues", lambda: len(service.items()) == 40)
        assert any("words9quxzlk" in service.get(page) for page in PAGES)
        for trace in TRACES:
            assert files_with(data, trace), f"{trace} is not even in the log"

        status, answer = call(service, "DELETE", f"/api/v1/authors/webhook/{AUTHOR}")
        assert status == 202 and answer["state"] == "pending", answer
        path = answer["status"]
        wait_until("the erasure", lambda: service.metric("vigie_erasure_lag_seconds") == 0)
        _, state = call(service, "GET", path)
        assert state["state"] == "done" and state["messages"] == 20, state
        assert service.metric("vigie_erasures_total") == 1
        for trace in TRACES:
            for page in PAGES:
                assert trace not in service.get(page), f"{trace} in {page}"
            assert not files_with(data, trace), f"{trace} in {files_with(data, trace)}"
        assert len(service.items()) == 20
        print("ok   nothing is left in answers and files, and others stay", flush=True)

        service.kill()
        service.start()
        assert call(service, "GET", path)[1]["state"] == "done"
        service.post(json.dumps(body[:1]).encode())
        service.post(json.dumps(mention(99, "other", "somebody", "acme order is late, keepme")).encode())
        wait_until("what came after", lambda: len(service.items()) == 21)
        for trace in TRACES:
            wait_until(f"{trace} to go again", lambda: not files_with(data, trace))
        print("ok   after a kill it stays erased, also when it comes again", flush=True)
        service.stop()


def stays_erased_after_a_restore(vigie):
    with scratch() as directory:
        service = Service(vigie, directory, [])
        data = os.path.join(directory, "data")
        to = os.path.join(directory, "backups")
        service.start()
        service.post(json.dumps([mention(i, author, "handle9quxzlk" if author == AUTHOR else "somebody",
                                         f"acme order is late {'words9quxzlk' if author == AUTHOR else ''} {i}")
                                 for i in range(10) for author in (AUTHOR, "other")]).encode())
        wait_until("the queues", lambda: len(service.items()) == 20)
        code, said = service.command("backup", "--to", to)
        assert code == 0, said
        old = os.path.join(to, os.listdir(to)[0])
        path = call(service, "DELETE", f"/api/v1/authors/webhook/{AUTHOR}")[1]["status"]
        nobody = call(service, "DELETE", "/api/v1/authors/webhook/never-wrote")[1]["status"]
        wait_until("the erasures", lambda: service.metric("vigie_erasure_lag_seconds") == 0)
        code, said = service.command("backup", "--to", to)
        assert code == 0, said
        service.stop()
        with open(os.path.join(to, "erasures.ndjson"), "rb") as book:
            assert AUTHOR.encode() not in book.read()

        for where in ("the same place", "another machine"):
            if where == "another machine":
                service = Service(vigie, os.path.join(directory, "other"), [])
                data = os.path.join(directory, "other", "data")
            code, said = service.command("restore", "--from", old, "--force")
            assert code == 0, said
            service.start()
            wait_until("the erasure", lambda: call(service, "GET", path)[1]["state"] == "done")
            wait_until("that of nobody", lambda: call(service, "GET", nobody)[1]["state"] == "done")
            assert call(service, "GET", path)[1]["messages"] == 10
            assert len(service.items()) == 10, len(service.items())
            wait_until("no lag", lambda: service.metric("vigie_erasure_lag_seconds") == 0)
            for trace in TRACES:
                for page in PAGES:
                    assert trace not in service.get(page), f"{trace} in {page}"
                left = [name for name in files_with(os.path.join(data, "state"), trace)]
                assert not left, f"{trace} in {left}"
            service.recount()
            service.stop()
            print(f"ok   a backup from before the erasure, restored in {where}: erased again", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    vigie = parser.parse_args().vigie
    erases(vigie)
    stays_erased_after_a_restore(vigie)


if __name__ == "__main__":
    sys.exit(main())
