"""kill -9 at random moments loses nothing and counts nothing twice."""
import argparse
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import Service, equal_to_ledger, scratch



def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    rounds = int(os.environ.get("VIGIE_ROUNDS", "20"))
    chance = random.Random(options.seed)
    print(f"seed {options.seed}, {rounds} rounds", flush=True)
    with scratch() as directory:
        ledger = os.path.join(directory, "ledger.ndjson")
        # The source ends by itself after this many acts: then all of them are logged, and the ledger holds
        # neither more nor less.
        acts = 1500 * (rounds + 2)
        service = Service(options.vigie, directory, [
            {"name": "brand", "kind": "generate", "seed": options.seed % 1000, "per_second": 3000,
             "rhythm": False, "count": acts, "ops": ["create", "duplicate"], "ledger": ledger}])
        for _ in range(rounds):
            service.start()
            time.sleep(chance.uniform(0.05, 0.6))
            service.kill()
        service.start()
        service.drained(acts, ledger)
        service.recount()
        service.stop()
        with open(ledger, encoding="utf-8") as lines:
            written = [json.loads(line)["n"] for line in lines]
        assert written == list(range(acts)), f"the ledger has {len(written)} acts of {acts}"
        print(f"ok   the ledger has every act once: {acts}")
        equal_to_ledger("counts after the kills", service.dump(), ledger)


main()
