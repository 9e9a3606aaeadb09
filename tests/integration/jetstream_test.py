"""Bluesky over a Jetstream that drops connections and a service that is killed: each post counts once."""
import argparse
import datetime
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import ROOT, SAMPLES, Service, scratch, wait_until

SERVER = os.path.join(ROOT, "tests", "integration", "jetstream_server.py")
POST = "app.bsky.feed.post"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def made_lines():
    """Four hundred posts of the last minutes; some are edited, some deleted, one account goes."""
    began = now() - datetime.timedelta(minutes=20)
    lines = []

    def event(kind, did, **members):
        at = began + datetime.timedelta(seconds=len(lines))
        lines.append({"did": did, "time_us": int(at.timestamp() * 1e6), "kind": kind, **members})
        return at

    def commit(operation, did, rkey, text=None):
        change = {"rev": f"3m{len(lines):011d}", "operation": operation, "collection": POST,
                  "rkey": rkey}
        if text:
            stamp = (began + datetime.timedelta(seconds=len(lines))).isoformat()
            change["record"] = {"$type": POST, "text": text, "langs": ["en"], "createdAt": stamp}
            change["cid"] = "bafytest"
        event("commit", did, commit=change)

    for n in range(400):
        did = f"did:plc:author{n % 20:02d}"
        commit("create", did, f"k{n}", f"acme number {n}")
        if n % 10 == 3:
            commit("update", did, f"k{n}", f"acme number {n}, better")
        if n % 10 == 7:
            commit("delete", f"did:plc:author{(n - 4) % 20:02d}", f"k{n - 4}")
        if n == 200:
            event("identity", did, identity={"did": did, "seq": n})
    gone = "did:plc:author05"
    event("account", gone, account={"active": False, "status": "deleted", "did": gone, "seq": 1})
    return lines


LAST = {"did": "did:plc:last", "kind": "commit",
        "commit": {"rev": "3mlast", "operation": "create", "collection": POST, "rkey": "last",
                   "cid": "bafytest", "record": {"$type": POST, "langs": ["en"],
                                                 "text": "my acme order is late again"}}}


def ended(lines):
    """The lines, and one more that shows in a queue when all of them have passed."""
    at = max(line["time_us"] for line in lines) + 1000
    last = json.loads(json.dumps(LAST))
    last["time_us"] = at
    stamp = datetime.datetime.fromtimestamp(at / 1e6, datetime.timezone.utc)
    last["commit"]["record"]["createdAt"] = stamp.isoformat()
    return lines + [last]


def shifted(path):
    """The captured lines, moved to the last minutes: what is months old is in no bucket."""
    with open(path, encoding="utf-8") as source:
        lines = [json.loads(line) for line in source]
    newest = max(line["time_us"] for line in lines)
    shift = int((now() - datetime.timedelta(minutes=5)).timestamp() * 1e6) - newest
    for line in lines:
        line["time_us"] += shift
        record = line.get("commit", {}).get("record")
        if record and "createdAt" in record:
            stamp = datetime.datetime.fromtimestamp(line["time_us"] / 1e6, datetime.timezone.utc)
            record["createdAt"] = stamp.isoformat()
    return lines


def expected_posts(lines):
    """How many posts stand in the end, told from the lines alone."""
    posts = {}
    for line in lines:
        commit = line.get("commit", {})
        key = (line["did"], commit.get("rkey"))
        if commit.get("collection") == POST and commit["operation"] == "create":
            posts[key] = True
        elif commit.get("collection") == POST and commit["operation"] == "delete":
            posts.pop(key, None)
        account = line.get("account")
        if account and not account["active"] and account.get("status") == "deleted":
            posts = {key: True for key in posts if key[0] != line["did"]}
    return len(posts)


def make_certificate(directory):
    """A certificate of our own for localhost, which the connector is told to trust."""
    key, cert = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return key, cert


def check(vigie, what, lines, wire, drops):
    with scratch() as directory:
        source = os.path.join(directory, "lines.ndjson")
        with open(source, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(line) + "\n" for line in lines)
        key, cert = make_certificate(directory)
        server = subprocess.Popen(
            ["/usr/bin/python3", SERVER, "--lines", source, "--wire", wire, "--cert", cert, "--key",
             key, "--drop-after", ",".join(map(str, drops)), "--drop-how", "close,abort,midframe",
             "--refuse-first", "1", "--pace", "400"], stdout=subprocess.PIPE, text=True)
        try:
            port = int(server.stdout.readline())
            service = Service(vigie, directory, [
                {"name": "sky", "kind": "bluesky", "wire": wire, "keep": "all",
                 "endpoint": [f"wss://localhost:{port}"], "allow_private": ["localhost"],
                 "ca_file": cert}])
            posts = expected_posts(lines)

            def total():
                return json.loads(service.get("/api/v1/counters?dimension=network&id=bluesky"
                                              "&measure=mentions&window=24h&step=1h"))["total"]
            service.start()
            wait_until("some posts", lambda: total() > posts // 8)
            service.kill()
            service.start()
            last = f"bluesky/at://{LAST['did']}/{POST}/last"
            wait_until("the last post", lambda: any(
                last in item[4] for item in service.items().values()), 90)
            wait_until("the worker", lambda: service.metric("vigie_worker_lag_records") == 0)
            wait_until(f"{posts} posts", lambda: total() == posts)
            service.stop()
            counted = sum(value for (dimension, series, measure, _), value in service.dump().items()
                          if (dimension, series, measure) == ("network", "bluesky", "mentions"))
            assert counted == posts, f"{what}: counted {counted}, expected {posts}"
        finally:
            server.terminate()
            server.wait()
        print(f"ok   {what}, {wire} over TLS, cut {len(drops)} times and killed once: "
              f"{posts} posts of {len(lines)} events count once", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    vigie = parser.parse_args().vigie
    check(vigie, "made stream", ended(made_lines()), "v1", [60, 100, 37])
    check(vigie, "made stream", ended(made_lines()), "v2", [60, 100, 37])
    captured = os.path.join(SAMPLES, "wire", "bluesky", "jetstream-v1-window.jsonl")
    if os.path.exists(captured):
        check(vigie, "captured stream", ended(shifted(captured)), "v1", [40, 50])
    else:
        print("skipped: captured stream: no samples")


main()
