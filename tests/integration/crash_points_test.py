"""A crash at each named point loses nothing and counts nothing twice; nor does one of a backup or a restore."""
import argparse
import glob
import os
import random
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import Service, equal, equal_to_ledger, scratch

# How often a point may be passed before the crash: some come with every write, some seldom.
POINTS = {"store.write.before": 300, "store.write.after": 300, "store.flush.begin": 12,
          "store.flush.end": 12, "store.compaction.begin": 3, "store.compaction.end": 3}
PER_SECOND = 2500


def crash_the_service(service, rounds, chance, to):
    for _ in range(rounds):
        for point, most in POINTS.items():
            at = f"{point}:{chance.randint(1, most)}"
            service.start(crash_at=at, wait=False)
            service.crashed()
            service.recount()
            print(f"ok   {at}", flush=True)
        # A checkpoint is made when a backup asks for it.
        service.start()
        service.recount()
        service.kill()
        service.start(crash_at="store.checkpoint:1")
        code, said = service.command("backup", "--to", to)
        assert code == 3, f"exit {code}: {said}"
        service.crashed()
        service.recount()
        print("ok   store.checkpoint:1", flush=True)


def whole_backups(to):
    return sorted(glob.glob(os.path.join(to, "backup-*", "manifest.json")))


def crash_backups(service, to):
    for point in ("store.checkpoint", "backup.files", "backup.manifest", "backup.named"):
        before = len(whole_backups(to))
        code, said = service.command("backup", "--to", to, crash_at=f"{point}:1")
        assert code == -9, f"exit {code}: {said}"
        assert len(whole_backups(to)) == before + (point == "backup.named"), point
        service.recount()
        code, said = service.command("backup", "--to", to, "--keep", "3")
        assert code == 0, f"exit {code}: {said}"
        assert len(whole_backups(to)) <= 3
        assert not glob.glob(os.path.join(to, ".partial-*"))
        print(f"ok   {point}", flush=True)


def crash_restores(service, old, to):
    now = service.dump()
    assert old != now
    for point in ("restore.copied", "restore.ready", "restore.exchanged"):
        code, said = service.command("restore", "--from", to, "--force", crash_at=f"{point}:1")
        assert code == -9, f"exit {code}: {said}"
        equal(f"counts after a crash at {point}", service.dump(),
              old if point == "restore.exchanged" else now)
        service.recount()
    code, said = service.command("restore", "--from", to)
    assert code == 1 and "--force" in said, f"exit {code}: {said}"
    code, said = service.command("restore", "--from", to, "--force")
    assert code == 0, f"exit {code}: {said}"
    equal("counts of the backup", service.dump(), old)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    rounds = max(1, int(os.environ.get("VIGIE_ROUNDS", "20")) // 20)
    chance = random.Random(options.seed)
    print(f"seed {options.seed}, {rounds} rounds", flush=True)
    with scratch() as directory:
        ledger = os.path.join(directory, "ledger.ndjson")
        to = os.path.join(directory, "backups")
        acts = PER_SECOND * 24 * rounds
        service = Service(options.vigie, directory, [
            {"name": "brand", "kind": "generate", "seed": options.seed % 1000, "per_second": PER_SECOND,
             "rhythm": False, "count": acts, "ops": ["create", "duplicate"], "ledger": ledger}],
            store={"write_buffers": "4MiB", "block_cache": "8MiB"})
        crash_the_service(service, rounds, chance, to)
        service.start()
        time.sleep(0.5)
        code, said = service.command("backup", "--to", os.path.join(directory, "early"))
        assert code == 0, f"exit {code}: {said}"
        service.drained(acts, ledger)
        service.recount()
        service.stop()
        counted = service.dump()
        equal_to_ledger("counts after the crashes", counted, ledger)
        crash_backups(service, to)
        equal("counts after the backups", service.dump(), counted)

        early = Service(options.vigie, os.path.join(directory, "elsewhere"), [])
        os.makedirs(os.path.join(directory, "elsewhere", "data"))
        code, said = early.command("restore", "--from", os.path.join(directory, "early"))
        assert code == 0, f"exit {code}: {said}"
        early.recount()
        crash_restores(service, early.dump(), os.path.join(directory, "early"))
        # The restored store is one to go on with: the source resumes where the backup has it.
        os.remove(ledger)
        shutil.rmtree(to)
        service.start()
        service.recount()
        service.stop()
        print("ok   the service runs over what was restored")


main()
