"""The end of a transaction that arrives late, on another connection (KAFKA-17754).

A request EndTxn is kept back and its connection cut, so that the client asks again and goes on; it arrives
when the next transaction has written its first record. The broker takes it for the end of that one, since a
producer whose client does not speak the second version of transactions keeps its epoch. Then the client dies,
and half of its second transaction is there for good. With the guard of our workers nothing of it is.
"""
import argparse
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
from broker import Broker
from proxy import END_TXN, PRODUCE, Proxy
from service import Service, scratch

RELEASES = ("4.4", "3.9")
# INVALID_PRODUCER_EPOCH, PRODUCER_FENCED
FENCED = (47, 90)


def play(program, how, proxy, prefix):
    """Until the client dies in its second transaction. What the broker answered to the late end, and what is
    committed then."""
    late = proxy.hold(END_TXN)
    client = subprocess.Popen([program, how, proxy.address, prefix], stdout=subprocess.PIPE, text=True)
    late.wait()
    late.cut()
    said = client.stdout.readline()
    assert said.startswith("first committed"), said
    print(f"     {how}: {said.strip()}", flush=True)
    # The broker has the first record of the second transaction, and the client does not know it yet.
    first_record = proxy.hold(PRODUCE, request=False)
    first_record.wait()
    error, = struct.unpack_from(">h", late.deliver(), 8)
    client.kill()
    client.wait()
    first_record.release()
    found = subprocess.run([program, "read", proxy.target, prefix], check=True, capture_output=True, text=True)
    return error, sorted(line for line in found.stdout.splitlines() if line.startswith(("first", "second")))


def check(vigie, program, directory, release):
    with Proxy() as proxy, Broker("--release", release, "--proxy", str(proxy.port)) as broker:
        proxy.target = broker.told["proxied"]
        for how in ("naive", "guarded"):
            node = Service(vigie, os.path.join(directory, release, how), [], {"kind": "kafka", "kafka": {
                "bootstrap": broker.bootstrap, "partitions": 2, "topic_prefix": how + "."}})
            code, said = node.command("topics", "apply")
            assert code == 0, said
            error, found = play(program, how, proxy, how + ".")
            whole = ["first 0", "first 1"]
            if how == "guarded":
                assert error in FENCED, f"the late end was answered with {error}"
                assert found == whole, found
                print(f"ok   Kafka {release}, guarded: the late end is refused ({error}), nothing of the second "
                      "transaction is there", flush=True)
                continue
            # Shows that the fault is played right, and that brokers alone do not prevent it.
            assert error == 0, f"the late end was answered with {error}"
            assert len(found) == 3 and found[:2] == whole and found[2].startswith("second"), found
            print(f"ok   Kafka {release}, naive: the late end is taken, and half of a transaction that was never "
                  f"ended is committed: {found}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    parser.add_argument("--program", required=True)
    options = parser.parse_args()
    with scratch() as directory:
        for release in RELEASES:
            check(options.vigie, options.program, directory, release)


main()
