"""Each release of the broker that Vigie works with, and each codec: what is counted equals the recount, and
what lies on the broker's disk is compressed.

librdkafka sends batches as they are to a broker whose versions of the protocol it does not know; it says so
in one line and goes on.
"""
import argparse
import collections
import glob
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from broker import Broker
from service import Service, counters, equal, recount, scratch, wait_until

RELEASES = ("4.4", "3.9")
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
PARTITIONS = 2
# Some batches of a few short records only get longer, and then go out as they are.
WORTH_IT = 1000
# Base offset, length, leader epoch, magic, checksum, attributes.
HEADER = struct.Struct(">qiibIh")
CONTROL = 0x20
TRANSACTIONAL = 0x10


def batches(data, topic):
    """The attributes and the length of every batch of records in a topic's segments."""
    for name in glob.glob(os.path.join(data, f"{topic}-*", "*.log")):
        with open(name, "rb") as segment:
            stored = segment.read()
        at = 0
        while at + HEADER.size <= len(stored):
            _, length, _, magic, _, attributes = HEADER.unpack_from(stored, at)
            if length <= 0:  # allotted and not written yet
                break
            assert magic == 2, f"{name}: magic {magic} at {at}"
            if not attributes & CONTROL:
                yield attributes, length
            at += 12 + length


def check_disk(data, prefix, codec):
    """Both producers: that of the mentions, and the transactional one of the changelog."""
    for topic, transactional in (("mentions", 0), ("ledger", TRANSACTIONAL)):
        found = collections.Counter()
        for attributes, length in batches(data, prefix + topic):
            assert attributes & TRANSACTIONAL == transactional, (topic, attributes)
            if length > WORTH_IT or attributes & 7:
                found[attributes & 7] += 1
        assert found.keys() == {CODECS[codec]}, f"{topic} with {codec}: batches by codec {dict(found)}"


def check(vigie, directory, broker, codec, made, acts, expected):
    service = Service(vigie, os.path.join(directory, codec), [
        {"name": "file", "kind": "replay", "path": made, "time": "input"}],
        {"kind": "kafka", "kafka": {
            "bootstrap": broker.bootstrap, "partitions": PARTITIONS, "topic_prefix": codec + ".",
            # Without the property it is lz4.
            "properties": {} if codec == "lz4" else {"compression.type": codec}}})
    service.start()
    wait_until("the worker", lambda: service.metric("vigie_worker_mentions_total") == acts, 120)
    end = time.monotonic() + 60
    while service.dump() != expected and time.monotonic() < end:
        time.sleep(0.2)
    service.stop()
    equal(f"counters with {codec}", service.dump(), expected)
    with open(service.log, encoding="utf-8") as log:
        said = log.read()
    assert "not compressing batch" not in said, said
    check_disk(broker.told["data"], codec + ".", codec)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    options = parser.parse_args()
    with scratch() as directory:
        made = os.path.join(directory, "made.ndjson")
        subprocess.run([options.vigie, "generate", "--seed", "21", "--rate", "0.2", "--duration", "1h",
                        "--out", made], check=True)
        with open(made, "rb") as lines:
            acts = sum(1 for _ in lines)
        expected = counters(recount("--input", made))
        for release in RELEASES:
            began = time.monotonic()
            with Broker("--release", release) as broker:
                for codec in CODECS:
                    check(options.vigie, os.path.join(directory, release), broker, codec, made, acts, expected)
            print(f"ok   Kafka {release} in {time.monotonic() - began:.0f} s", flush=True)


main()
