"""A real broker for a test that talks to it through the product."""
import json
import os
import subprocess

from service import ROOT


class Broker:
    """The test broker, for as long as the block runs; with options of tests/kafka/broker.py."""

    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(ROOT, "tests", "kafka", "broker.py"), "run", *self.options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line, "the broker did not start"
        self.told = json.loads(line)
        self.bootstrap, self.pid = self.told["bootstrap"], self.told["pid"]
        return self

    def tell(self, command):
        """`kill`, `stop` or `start`; returns once that is done."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline(), f"the broker did not {command}"

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=60)
