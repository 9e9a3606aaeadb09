"""Input that cannot be read ends in the dead letters with its reason, and the stream goes on."""
import argparse
import base64
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import RULES, Service, scratch, wait_until


def good(n):
    return json.dumps({"network": "x", "id": str(n), "kind": "post", "author": {"id": "a"},
                       "text": f"acme {n}", "lang": "en",
                       "created_at": "2026-06-03T06:00:00Z"}).encode()


def changed(**fields):
    return json.dumps({**json.loads(good(999)), **fields}).encode()


# What is wrong, and a word that its reason must hold.
BAD = [
    (b"{\"network\": \"x\",", "JSON"),
    (b"nonsense", "JSON"),
    (good(999).replace(b"acme", b"\xff\xfe"), "UTF-8"),
    (b"{\"text\":\"" + b"x" * (10 << 20) + b"\"}", "bytes"),
    (changed(text=5), "text"),
    (changed(created_at="yesterday"), "created_at"),
    (changed(engagement={"likes": -1}), "likes"),
    (changed(network="X!"), "network"),
    (changed(kind="rumour"), "kind"),
    (changed(id=""), "id"),
    (good(999).replace(b"acme", b"\\ud800"), "JSON"),
    (b"[" * 5000 + b"]" * 5000, "JSON"),
    (b"[1,2]", "object"),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    vigie = parser.parse_args().vigie
    with scratch() as directory:
        source = os.path.join(directory, "in.ndjson")
        with open(source, "wb") as out:
            out.write(good(0) + b"\n\n")
            for n, (line, _) in enumerate(BAD):
                out.write(line + b"\n" + good(n + 1) + b"\n")

        subprocess.run([vigie, "replay", "--rules", RULES, "--input", source, "--out",
                        os.path.join(directory, "out")], check=True, capture_output=True)
        with open(os.path.join(directory, "out", "deadletter.ndjson"), encoding="utf-8") as lines:
            letters = [json.loads(line)["value"] for line in lines]
        assert len(letters) == len(BAD), [letter["reason"] for letter in letters]
        for n, ((line, word), letter) in enumerate(zip(BAD, letters)):
            assert word in letter["reason"], f"{letter['reason']!r} does not tell of {word}"
            assert letter["position"] == f"line {3 + 2 * n}", letter["position"]
            assert base64.b64decode(letter["head_base64"]) == line[:65536], letter["position"]
        print(f"ok   {len(BAD)} dead letters, each with its line, its reason and its bytes")

        service = Service(vigie, directory, [
            {"name": "file", "kind": "replay", "path": source, "follow": True}])
        service.start()
        wait_until("the good lines", lambda: service.metric("vigie_ingest_mentions_total") == len(BAD) + 1)
        assert service.metric("vigie_ingest_deadletters_total") == len(BAD)
        with open(source, "ab") as out:
            out.write(b"broken\n" + good(500) + b"\n")
        wait_until("a later line", lambda: service.metric("vigie_ingest_mentions_total") == len(BAD) + 2)
        print("ok   the stream goes on behind each of them, also when the file grows")

        for line, _ in BAD:
            if len(line) > 8 << 20:
                continue  # refused while it is sent: the sender sees 413 or a closed connection
            status, answer = service.post(line)
            assert 400 <= status < 500, (status, answer)
        status, answer = service.post(b"[" + good(600) + b"," + changed(text=5) + b"]")
        assert status == 200 and answer["logged"] == 1 and answer["dead_lettered"] == 1, answer
        assert json.loads(service.get("/readyz"))["status"] == "ready"
        print("ok   the API refuses them with a client error, takes what is good, and stays ready")
        service.stop()


main()
