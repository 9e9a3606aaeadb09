"""Operating a running service: recounts, backups, and a disk that gets full."""
import argparse
import json
import os
import subprocess
import sys
import urllib.error

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import Service, equal_to_ledger, scratch, wait_until

ACTS = 30000
MIB = 1 << 20


def source(ledger, per_second):
    return [{"name": "brand", "kind": "generate", "seed": 7, "per_second": per_second, "rhythm": False,
             "count": ACTS, "ops": ["create", "duplicate", "update", "delete"], "ledger": ledger}]


def recounts_and_backups(vigie, directory):
    ledger = os.path.join(directory, "ledger.ndjson")
    service = Service(vigie, directory, source(ledger, 3000))
    service.start()
    wait_until("the first mentions", lambda: service.metric("vigie_ingest_mentions_total") > 1000)
    for _ in range(4):
        service.recount()
    assert service.metric("vigie_recounts_total") == 4
    assert service.metric("vigie_recount_differences_total") == 0
    assert service.metric("vigie_recount_timestamp_seconds") > 0
    print("ok   recounts while mentions are applied")
    to = os.path.join(directory, "backups")
    code, said = service.command("backup", "--to", to)
    assert code == 0 and "ledger records" in said, f"exit {code}: {said}"
    assert not os.path.exists(os.path.join(directory, "data", "checkpoint"))
    for inside in ("data", os.path.join("data", "state"), os.path.join("data", "new")):
        code, said = service.command("backup", "--to", os.path.join(directory, inside))
        assert code == 2 and "lies in the data directory" in said, f"exit {code}: {said}"
    code, said = service.command("restore", "--from", to, "--force")
    assert code == 3 and "stop it first" in said, f"exit {code}: {said}"
    service.drained(ACTS, ledger)
    service.stop()
    assert not os.path.exists(os.path.join(directory, "data", "control.sock"))

    windows(service)

    other = Service(vigie, os.path.join(directory, "other"), [])
    code, said = other.command("restore", "--from", to)
    assert code == 0, f"exit {code}: {said}"
    other.recount()
    restored = sum(value for key, value in other.dump().items() if key[:3] == ("all", "all", "mentions"))
    now = sum(value for key, value in service.dump().items() if key[:3] == ("all", "all", "mentions"))
    assert 0 < restored < now, (restored, now)
    print(f"ok   a backup of a running service has {restored} of {now} mentions")


def windows(service):
    """A window is the sum of its hours, and ends where the counts do unless it is told."""
    hours = {key: value for key, value in service.dump().items()
             if key[:3] == ("theme", "delivery", "mentions")}
    last = max(key[3] for key in hours)
    code, said = service.command("counters", "--dimension", "theme", "--id", "delivery",
                                 "--window", "35d", "--step", "1d")
    assert code == 0, said
    answer = json.loads(said)
    assert answer["total"] == sum(hours.values()) > 0, (answer["total"], sum(hours.values()))
    assert answer["bucket_seconds"] == 3600 and len(answer["points"]) == 35, answer
    assert answer["as_of"] >= last, (answer["as_of"], last)
    code, said = service.command("counters", "--dimension", "theme", "--id", "delivery",
                                 "--window", "1h", "--end", last.replace(":00:00Z", ":59:00Z"))
    assert json.loads(said)["total"] == hours["theme", "delivery", "mentions", last], said
    for wrong, words in ((["--window", "36y"], "--window: expected 1m to 35d"),
                         (["--measure", "loves"], "--measure: unknown"),
                         (["--step", "7m", "--window", "30d"], "--step: buckets of 3600 s"),
                         (["--dump", "--window", "1h"], "--dump")):
        code, said = service.command("counters", *wrong)
        assert code != 0 and words in said, (wrong, code, said)
    print(f"ok   a window of the theme holds its {len(hours)} hours")


def full_disk(vigie, directory):
    disk = os.path.join(directory, "disk")
    os.mkdir(disk)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", disk], check=False).returncode:
        print("skip a full disk: no small file system can be mounted here")
        return
    try:
        ledger = os.path.join(directory, "ledger2.ndjson")
        service = Service(vigie, disk, source(ledger, 3000), store={"write_buffers": "8MiB"},
                          disk={"stop_below": "100MiB", "resume_above": "150MiB"})
        service.start()
        wait_until("the first mentions", lambda: service.metric("vigie_ingest_mentions_total") > 1000)
        assert service.metric("vigie_intake_stopped") == 0
        ballast = os.path.join(disk, "ballast")
        free = service.metric("vigie_disk_free_bytes")
        assert free > 200 * MIB, free
        with open(ballast, "wb") as out:
            out.write(bytes(int(free) - 80 * MIB))

        def not_ready():
            try:
                service.get("/readyz")
            except urllib.error.HTTPError as error:
                return json.loads(error.read())
            return None
        said = wait_until("readiness to go red", not_ready)
        assert "nothing is taken in below 100 MiB" in said["checks"]["disk"], said
        mention = {"network": "webhook", "id": "1", "kind": "mention", "text": "acme",
                   "created_at": "2026-11-20T12:00:00Z", "author": {"id": "a"}}
        status, said = service.post(json.dumps(mention).encode())
        assert status == 429 and "disk" in said["detail"], (status, said)
        wait_until("the connector to be sent back", lambda: service.metric("vigie_ingest_refused_total") > 1)
        assert service.metric("vigie_intake_stopped") == 1
        logged = service.metric("vigie_ingest_mentions_total")
        service.recount()
        assert service.metric("vigie_ingest_mentions_total") == logged
        print("ok   a disk that is nearly full stops intake")

        os.remove(ballast)
        wait_until("readiness to go green", lambda: not_ready() is None)
        service.drained(ACTS, ledger)
        assert service.metric("vigie_intake_stopped") == 0
        service.recount()
        service.stop()
        equal_to_ledger("counts after the disk was full", service.dump(), ledger)
    finally:
        service.end()
        subprocess.run(["umount", disk], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    options = parser.parse_args()
    with scratch() as directory:
        recounts_and_backups(options.vigie, directory)
        full_disk(options.vigie, directory)


main()
