#!/usr/bin/python3
"""A real Kafka broker for tests: one KRaft node on loopback, thrown away afterwards.

  broker.py prepare          fetch the broker's jars with mvn (needed once; `run` does it too)
  broker.py run [--dir D] [--heap SIZE]    run a broker in a temporary directory (below D)

`run` prints {"bootstrap": "127.0.0.1:PORT", "pid": N} when the broker answers, and the same line
again after each restart. It reads commands from its standard input, one a line: `kill` (kill -9),
`stop` (an orderly stop), `start` (same port, same data); each is answered by one line. It stops the
broker and removes its files at the end of its standard input and on SIGTERM or SIGINT. When it dies
otherwise, the kernel kills the broker.

Jars are kept in $VIGIE_KAFKA_JARS, by default build/kafka in the repository. The heap is 512 MB; a
broker that is given another one is there to be measured, and its code is compiled as far as it goes.
"""

import argparse
import base64
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
POM = HERE / "pom.xml"
START_SECONDS = 60
PR_SET_PDEATHSIG = 1

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={dir}/data
num.network.threads=2
num.io.threads=2
num.partitions=1
num.recovery.threads.per.data.dir=1
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=300
broker.session.timeout.ms=3000
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.backoff.ms=1000
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=1000
"""


def jars_directory():
    chosen = os.environ.get("VIGIE_KAFKA_JARS")
    return pathlib.Path(chosen) if chosen else HERE.parents[1] / "build" / "kafka"


def prepare():
    """Fetches the jars that pom.xml names, unless the ones at hand came from the same pom.xml."""
    home = jars_directory()
    home.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
    jars = home / "jars"
    stamp = home / "pom.sha256"
    with open(home / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted and any(jars.glob("kafka_*.jar")):
            return jars
        stamp.unlink(missing_ok=True)
        shutil.rmtree(jars, ignore_errors=True)
        command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:copy-dependencies",
                   "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        for attempt in range(3):
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
            if done.returncode == 0:
                break
            if attempt == 2:
                sys.exit("broker.py: mvn could not fetch the broker's jars")
        stamp.write_text(wanted)
    return jars


def free_port():
    """A free port below the range from which the kernel takes ports of outgoing connections, so that
    it is still free when a killed broker starts again."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with contextlib.closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def answers(port):
    """Whether the broker knows itself: Metadata v4 without topics names at least one broker."""
    body = struct.pack(">hhih5si?", 3, 4, 1, 5, b"probe", 0, False)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            peer.sendall(struct.pack(">i", len(body)) + body)
            reply = b""
            while len(reply) < 16:
                part = peer.recv(4096)
                if not part:
                    return False
                reply += part
            return struct.unpack_from(">i", reply, 12)[0] > 0
    except OSError:
        return False


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Broker:
    def __init__(self, jars, directory, heap=None):
        self.jars = jars
        self.heap = heap
        self.directory = directory
        self.port = free_port()
        self.process = None
        self.properties = directory / "server.properties"

    def java(self, *arguments, heap="512m"):
        quick = [] if self.heap else ["-XX:TieredStopAtLevel=1"]
        options = ["-Xmx" + heap, "-Xms" + heap, "-XX:+UseSerialGC", *quick, "-Xshare:auto",
                   "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                   "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        return ["java", *options, "-cp", f"{self.jars}/*", *arguments]

    def format(self):
        controller = free_port()
        while controller == self.port:
            controller = free_port()
        self.properties.write_text(SERVER_PROPERTIES.format(
            port=self.port, controller=controller, dir=self.directory))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self.java("kafka.tools.StorageTool", "format", "-t", "V" + cluster[1:], "-c",
                            str(self.properties), heap="128m")
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            sys.exit("broker.py: formatting failed\n" + done.stdout + done.stderr)

    def start(self):
        log = open(self.directory / "broker.log", "ab")
        with contextlib.closing(log):
            self.process = subprocess.Popen(
                self.java("kafka.Kafka", str(self.properties), heap=self.heap or "512m"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                preexec_fn=die_with_parent)
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (self.directory / "broker.log").read_text(errors="replace")
                self.kill()
                sys.exit("broker.py: the broker does not start\n" + text[-4000:])
            time.sleep(0.05)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None

    def tell(self):
        line = {"bootstrap": f"127.0.0.1:{self.port}", "pid": self.process.pid}
        print(json.dumps(line), flush=True)


def stop_on_signal(_number, _frame):
    raise SystemExit(0)


def serve(broker):
    broker.format()
    broker.start()
    broker.tell()
    for line in sys.stdin:
        command = line.strip()
        if command == "start":
            broker.start()
            broker.tell()
        elif command in ("kill", "stop"):
            getattr(broker, command)()
            print("{}", flush=True)


def run(parent, heap):
    jars = prepare()
    signal.signal(signal.SIGTERM, stop_on_signal)
    signal.signal(signal.SIGINT, stop_on_signal)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="vigie-kafka-", dir=parent))
    broker = Broker(jars, directory, heap)
    try:
        serve(broker)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # What the broker wrote is thrown away, so nothing is gained by an orderly stop.
        broker.kill()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare")
    runner = commands.add_parser("run")
    runner.add_argument("--dir", default=None)
    runner.add_argument("--heap", default=None, metavar="SIZE")
    arguments = parser.parse_args()
    if arguments.command == "prepare":
        prepare()
    else:
        run(arguments.dir, arguments.heap)


if __name__ == "__main__":
    main()
