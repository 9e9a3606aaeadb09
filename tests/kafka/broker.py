#!/usr/bin/python3
"""A real Kafka broker for tests: one KRaft node on loopback, thrown away afterwards.

  broker.py prepare [--release R]   fetch the broker's jars with mvn (needed once; `run` does it too)
  broker.py run [--release R] [--dir D] [--heap SIZE] [--set NAME=VALUE] [--proxy PORT] [--secure FILE]
                                    run a broker in a temporary directory (below D)

`run` prints {"bootstrap": "127.0.0.1:PORT", "pid": N, "data": DIR, ...} when the broker answers, and
the same line again after each restart. A release is a line of pom.xml: `4.4`, or `3.9`; by default
$VIGIE_KAFKA_RELEASE, else the first. --set changes a property of the broker. With --proxy the broker
has a second listener, "proxied" in the line, which tells its clients to find it at that port. With
--secure it has a third, "secure", for TLS with SCRAM-SHA-512 or PLAIN: FILE is JSON, {"keystore": PEM file of
key and certificate, "users": {NAME: PASSWORD}}. It reads commands from its standard input, one a line: `kill` (kill -9),
`stop` (an orderly stop), `start` (same ports, same data); each is answered by one line. It stops the
broker and removes its files at the end of its standard input and on SIGTERM or SIGINT. When it dies
otherwise, the kernel kills the broker.

Jars are kept in $VIGIE_KAFKA_JARS, by default build/kafka in the repository, a folder a release. The heap is 512 MB; a
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
# The profiles of pom.xml; the first is what it resolves without one.
RELEASES = ("4.4", "3.9")
START_SECONDS = 60
PR_SET_PDEATHSIG = 1

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={advertised}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SECURE:SASL_SSL
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


SECURE_PROPERTIES = """\
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.secure.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required{plain_users};
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={keystore}
"""


def jars_directory(release):
    chosen = os.environ.get("VIGIE_KAFKA_JARS")
    home = pathlib.Path(chosen) if chosen else HERE.parents[1] / "build" / "kafka"
    return home / release


def prepare(release):
    """Fetches the jars that pom.xml names, unless the ones at hand came from the same pom.xml."""
    home = jars_directory(release)
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
        if release != RELEASES[0]:
            command += ["-P", release]
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
    def __init__(self, jars, directory, options, secure=None):
        self.jars = jars
        self.heap = options.heap
        self.directory = directory
        self.changes = options.set
        self.secure = secure
        self.port = free_port()
        # By listener: where it listens, and the port that its clients are told.
        self.listeners = {"PLAINTEXT": (self.port, self.port)}
        if options.proxy:
            self.listeners["PROXIED"] = (self.other_port(), options.proxy)
        if secure:
            port = self.other_port()
            self.listeners["SECURE"] = (port, port)
        self.process = None
        self.properties = directory / "server.properties"

    def other_port(self):
        taken = {port for ports in self.listeners.values() for port in ports}
        while True:
            port = free_port()
            if port not in taken:
                return port

    def java(self, *arguments, heap="512m"):
        quick = [] if self.heap else ["-XX:TieredStopAtLevel=1"]
        options = ["-Xmx" + heap, "-Xms" + heap, "-XX:+UseSerialGC", *quick, "-Xshare:auto",
                   "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                   "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        return ["java", *options, "-cp", f"{self.jars}/*", *arguments]

    def format(self):
        text = SERVER_PROPERTIES.format(
            listeners=",".join(f"{name}://127.0.0.1:{port}" for name, (port, _) in self.listeners.items()),
            advertised=",".join(f"{name}://127.0.0.1:{told}" for name, (_, told) in self.listeners.items()),
            controller=self.other_port(), dir=self.directory)
        if self.secure:
            users = "".join(f' user_{name}="{password}"' for name, password in self.secure["users"].items())
            text += SECURE_PROPERTIES.format(keystore=self.secure["keystore"], plain_users=users)
        # Of two lines with one name the last counts.
        self.properties.write_text(text + "".join(change + "\n" for change in self.changes))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self.java("kafka.tools.StorageTool", "format", "-t", "V" + cluster[1:], "-c",
                            str(self.properties), heap="128m")
        for name, password in (self.secure["users"] if self.secure else {}).items():
            command += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
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
        line = {"bootstrap": f"127.0.0.1:{self.port}", "pid": self.process.pid,
                "data": str(self.directory / "data"), "log": str(self.directory / "broker.log")}
        line.update({name.lower(): f"127.0.0.1:{port}" for name, (port, _) in self.listeners.items()
                     if name != "PLAINTEXT"})
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


def run(options):
    jars = prepare(options.release)
    signal.signal(signal.SIGTERM, stop_on_signal)
    signal.signal(signal.SIGINT, stop_on_signal)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="vigie-kafka-", dir=options.dir))
    secure = json.loads(pathlib.Path(options.secure).read_text()) if options.secure else None
    broker = Broker(jars, directory, options, secure)
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
    preparer = commands.add_parser("prepare")
    runner = commands.add_parser("run")
    for command in (preparer, runner):
        command.add_argument("--release", choices=RELEASES,
                             default=os.environ.get("VIGIE_KAFKA_RELEASE", RELEASES[0]))
    runner.add_argument("--dir", default=None)
    runner.add_argument("--heap", metavar="SIZE")
    runner.add_argument("--set", action="append", default=[])
    runner.add_argument("--proxy", type=int)
    runner.add_argument("--secure")
    arguments = parser.parse_args()
    if arguments.command == "prepare":
        prepare(arguments.release)
    else:
        run(arguments)


if __name__ == "__main__":
    main()
