"""How each system is started on a topic, and what its parts are called."""
import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
PARTITIONS = 6
# What a worker's state changes are, in topics; `tagged` is an output that it also reads back.
CHANGELOG = ("ledger", "counters", "counters.long", "authors")


class World:
    """What all runs share."""

    def __init__(self, build, directory, broker, batch, threads, heap):
        self.vigie = os.path.join(build, "vigie")
        self.tool = os.path.join(build, "tests", "bench_kafka")
        self.bare = os.path.join(build, "tests", "bench_kafka_bare")
        self.streams = os.path.join(ROOT, "build", "streams")
        self.directory, self.broker = directory, broker
        self.batch, self.threads, self.heap = batch, threads, heap

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def run(self, command, **words):
        """A command of bench_kafka; returns what it printed."""
        return subprocess.run(self.words(command, **words), check=True, stdout=subprocess.PIPE,
                              text=True).stdout

    def words(self, command, **words):
        out = [self.tool, command, "--bootstrap", self.broker.bootstrap]
        for name, value in words.items():
            out += ["--" + name, str(value)]
        return out


def prepare_streams():
    """Compiles the application, with what it needs from Maven Central."""
    subprocess.run(
        ["mvn", "-B", "-q", "-f", os.path.join(HERE, "streams", "pom.xml"), "compile",
         "dependency:copy-dependencies", "-DincludeScope=runtime",
         "-DoutputDirectory=" + os.path.join(ROOT, "build", "streams", "jars")],
        check=True, stdin=subprocess.DEVNULL)


class System:
    """One system on the topics of one prefix. `group` is who commits what it has read."""

    group = "worker"
    form = "vigie"  # whose changelog it writes; none: no state
    counters = ("counters", "counters.long")
    times = 1  # how often it gets the mentions, so that its run lasts long enough to be measured

    def __init__(self, world, prefix):
        self.world, self.prefix = world, prefix
        self.place = world.path(prefix + "run")
        os.makedirs(self.place, exist_ok=True)
        self.processes = []

    def spawn(self, command):
        with open(os.path.join(self.place, "log"), "ab") as log:
            self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                                   stderr=log))

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []

    def ended(self):
        """Whether one of its processes is gone; then the end of what it said."""
        if all(process.poll() is None for process in self.processes):
            return None
        return self.tail()

    def tail(self):
        with open(os.path.join(self.place, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]


class Vigie(System):
    """`workers` of them in each of the processes; none said: as many as Streams has threads."""
    roles = "worker"
    processes_wanted = 1
    workers = None

    def config(self, number=0):
        place = os.path.join(self.place, str(number))
        os.makedirs(place, exist_ok=True)
        key = os.path.join(place, "key")
        with open(key, "w", encoding="utf-8") as out:
            out.write("0" * 64)
        config = os.path.join(place, "vigie.yaml")
        with open(config, "w", encoding="utf-8") as out:
            # JSON is YAML.
            json.dump({"data_dir": os.path.join(place, "data"), "author_key_file": key,
                       "rules": self.world.path("rules.yaml"), "connectors": [],
                       "api": {"listen": "127.0.0.1:0"},
                       "log": {"kind": "kafka", "batch": {"max_mentions": self.world.batch},
                               "kafka": {"bootstrap": self.world.broker.bootstrap,
                                         "partitions": PARTITIONS, "topic_prefix": self.prefix,
                                         "workers": self.workers or self.world.threads,
                                         "instance_id": f"bench{number}"}}}, out)
        return config

    def start(self):
        for number in range(self.processes_wanted):
            self.spawn([self.world.vigie, "run", "-c", self.config(number), "--roles", self.roles])


class OneWorker(Vigie):
    workers = 1


class TwoProcesses(Vigie):
    processes_wanted = 2
    workers = 1


class Service(Vigie):
    """All roles in one process, with the API."""
    roles = "ingest,worker,view"


class Worker(System):
    """The product's worker without the rest of the service, with or without transactions."""
    transactions = "on"

    def start(self):
        self.spawn(self.world.words("worker", prefix=self.prefix, rules=self.world.path("rules.yaml"),
                                    data=os.path.join(self.place, "data"), batch=self.world.batch,
                                    transactions=self.transactions))


class AtLeastOnce(Worker):
    transactions = "off"


class Bare(System):
    form = None
    times = 3
    bounded = True  # commits no more at once than Vigie does

    def start(self):
        batch = ("--batch", str(self.world.batch)) if self.bounded else ()
        self.spawn([self.world.bare, self.world.broker.bootstrap, self.prefix + self.group,
                    self.prefix + "mentions", self.prefix + "tagged", "--interval", "200", *batch])


class BareUnbounded(Bare):
    times = 10
    bounded = False


class Streams(System):
    group = "streams"
    form = "streams"
    counters = ("streams-counts-changelog",)
    guarantee = "exactly_once_v2"
    counts = "all"

    def start(self):
        jars = os.path.join(self.world.streams, "jars", "*")
        self.spawn(["java", *self.world.heap.split(), "-Xshare:auto",
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp",
                    os.path.join(self.world.streams, "classes") + ":" + jars, "vigie.bench.Bench",
                    self.world.broker.bootstrap, self.prefix, self.world.path("rules.json"),
                    os.path.join(self.place, "state"), str(self.world.threads), self.guarantee,
                    self.counts])


class StreamsAtLeastOnce(Streams):
    guarantee = "at_least_once"


class StreamsThemes(Streams):
    """Counts themes alone."""
    form = "streams-themes"
    counts = "themes"


DRAINED = {"vigie": Vigie, "vigie-1": OneWorker, "vigie-2x1": TwoProcesses, "streams": Streams,
           "streams-themes": StreamsThemes,
           "streams-alo": StreamsAtLeastOnce, "bare": Bare, "bare-200ms": BareUnbounded,
           "worker": Worker, "worker-alo": AtLeastOnce, "service": Service}
