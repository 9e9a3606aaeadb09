"""A running vigie for a test: its own config, data and port; nothing of it stays."""
import atexit
import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RULES = os.path.join(ROOT, "deploy", "rules.yaml")
SAMPLES = os.environ.get("VIGIE_SAMPLES", os.path.join(ROOT, "..", "shared", "samples"))
ORACLE = os.path.join(ROOT, "tests", "oracle")


def wait_until(what, condition, seconds=60):
    """Polls a condition; fails, saying what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


class Service:
    def __init__(self, vigie, directory, connectors, log=None, makes_key=False, **more):
        self.vigie = vigie
        os.makedirs(directory, exist_ok=True)
        self.config = os.path.join(directory, "vigie.yaml")
        self.log = os.path.join(directory, "vigie.log")
        self.process = None
        self.url = None
        # A test that fails leaves no service behind.
        atexit.register(self.end)
        if not makes_key:
            # The oracle knows authors by the same keys.
            more["author_key_file"] = os.path.join(directory, "author.secret")
            with open(more["author_key_file"], "w", encoding="utf-8") as out:
                out.write("0" * 64)
        with open(self.config, "w", encoding="utf-8") as out:
            # JSON is YAML.
            json.dump({"data_dir": os.path.join(directory, "data"), "rules": RULES,
                       "log": log or {"kind": "embedded"}, "connectors": connectors,
                       "api": {"listen": "127.0.0.1:0"}, **more}, out)

    def start(self, crash_at=None, wait=True, roles=None, arguments=()):
        """Waits for the port, unless told not to: `crash_at` (POINT:COUNT) may come before it."""
        environment = {**os.environ, **({"VIGIE_CRASH_AT": crash_at} if crash_at else {})}
        begin = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.vigie, "run", "-c", self.config, *(["--roles", roles] if roles else []),
                 *arguments],
                # As Python has it, a file that gets too large is an error and not the end.
                stderr=log, stdout=log, stdin=subprocess.DEVNULL, env=environment, restore_signals=False)
        if not wait:
            return

        def port():
            if self.process.poll() is not None:
                raise AssertionError("vigie ended: " + self.tail())
            with open(self.log, encoding="utf-8", errors="replace") as log:
                log.seek(begin)
                return re.search(r"api=(http://127\.0\.0\.1:\d+)", log.read())
        self.url = wait_until("the port", port).group(1)

    def crashed(self):
        """Waits for the end of what was started to crash; it has to."""
        wait_until("the crash", lambda: self.process.poll() is not None, 30)
        assert self.process.returncode == -signal.SIGKILL, self.tail()

    def command(self, *words, crash_at=None):
        """Another command over the same config: its exit code and what it printed."""
        environment = {**os.environ, **({"VIGIE_CRASH_AT": crash_at} if crash_at else {})}
        done = subprocess.run([self.vigie, words[0], "-c", self.config, *words[1:]], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                              timeout=120)
        return done.returncode, done.stdout

    def recount(self):
        """The product's own recount finds nothing; the service may run."""
        code, said = self.command("doctor", "--recount")
        assert code == 0 and re.search(r"recount .* 0 differences", said), f"exit {code}: {said}"

    def drained(self, acts, ledger):
        """Waits until a source of so many acts has ended, and all of them are counted."""
        def all_handed_out():
            with open(ledger, "rb") as lines:
                return sum(1 for _ in lines) == acts
        wait_until("the end of the stream", all_handed_out, 180)
        # Only a source that has ended and is logged goes down; what it brought is in the log then.
        wait_until("the last batch in the log",
                   lambda: "vigie_connector_up{connector=\"brand\"} 0" in self.get("/metrics"))
        logged = time.time()
        wait_until("the worker", lambda: self.metric("vigie_worker_looked_timestamp_seconds") > logged and
                   self.metric("vigie_worker_lag_records") == 0)

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        assert code == 0, f"exit {code}: {self.tail()}"

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def post(self, body, content_type="application/json"):
        request = urllib.request.Request(self.url + "/api/v1/mentions", data=body, method="POST",
                                         headers={"Content-Type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def metric(self, name):
        """The sum of a metric over its labels."""
        total = 0.0
        for line in self.get("/metrics").splitlines():
            if re.match(re.escape(name) + r"[ {]", line):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def items(self):
        """Every item of both queues, answered ones too, as `vigie replay` writes them."""
        out = {}
        for queue in ("social", "community"):
            after = ""
            while after is not None:
                page = json.loads(self.get(f"/api/v1/queues/{queue}/items?state=all&limit=200"
                                           + (f"&after={after}" if after else "")))
                for item in page["items"]:
                    if len(item["messages"]) < item["message_count"]:
                        # A list shows the newest of a long conversation.
                        item = json.loads(self.get("/api/v1/items/" + urllib.parse.quote(item["id"], safe="")))
                    assert len(item["messages"]) == item["message_count"], item["id"]
                    out[item["id"]] = (item["queue"], item["state"], item["priority"],
                                       item["route"], tuple(m["key"] for m in item["messages"]))
                after = page.get("next")
        return out

    def dump(self):
        """Counters of the stopped service, by (dimension, id, measure, hour)."""
        out = subprocess.run([self.vigie, "counters", "-c", self.config, "--dump"], check=True,
                             capture_output=True).stdout
        return counters(out.decode().splitlines())


class Estimate:
    """A number of authors that is one by a sketch: 8 % are five times its standard error."""

    def __init__(self, value, or_listed=False):
        self.value = value
        self.or_listed = or_listed

    def __eq__(self, other):
        if isinstance(other, Estimate):
            return abs(self.value - other.value) <= 0.08 * self.value
        return (self.or_listed and isinstance(other, int)
                and abs(self.value - other) <= 0.08 * self.value)

    def __repr__(self):
        return f"about {self.value}"


def counters(lines, measures=None):
    out = {}
    for line in lines:
        row = json.loads(line)
        if measures is None or row["measure"] in measures:
            value = Estimate(row["value"]) if row.get("estimate") else row["value"]
            out[row["dimension"], row["id"], row["measure"], row["hour"]] = value
    return out


def recount(*arguments, rules=RULES):
    """The second opinion: tests/oracle, which shares no code with the product."""
    return subprocess.run(["/usr/bin/python3", os.path.join(ORACLE, "recount.py"), "--rules", rules,
                           *arguments], check=True, capture_output=True).stdout.decode().splitlines()


def in_partitions(counts):
    """What is counted in one partition, as it may be in several: authors that are too many to list in one may be
    few enough in each of several, where those whose messages were taken back are known to be gone."""
    return {key: Estimate(value.value, or_listed=True) if isinstance(value, Estimate) else value
            for key, value in counts.items()}


def over_partitions(counts):
    """The same by several workers. Two first messages of an author, in one commit interval of different workers,
    may both be new to them, and what is new may be routed elsewhere."""
    return {key: value for key, value in in_partitions(counts).items() if key[0] != "queue"}


def equal(what, found, expected):
    different = [key for key in found.keys() | expected.keys()
                 if found.get(key) != expected.get(key)]
    for key in sorted(different)[:10]:
        print(f"  {key}: found {found.get(key)}, expected {expected.get(key)}")
    assert not different, f"{what}: {len(different)} of {len(expected)} differ"
    assert expected, f"{what}: nothing was counted"
    print(f"ok   {what}: {len(expected)} values equal", flush=True)


BEGAN = time.time()
# No message is dated further ahead.
AHEAD = 600


def equal_to_ledger(what, found, ledger):
    """Against the recount of what a source wrote that it handed out. That says when a message was made, not
    when it was received: one that is dated ahead counts at its receipt, so around a full hour only the sums
    over hours are the same."""
    expected = counters(recount("--input", ledger, "--ledger"))
    if int(BEGAN // 3600) != int((time.time() + AHEAD) // 3600):
        found, expected = over_hours(found), over_hours(expected)
    equal(what, found, expected)


def over_hours(counts):
    sums = {}
    for (dimension, name, measure, _), value in counts.items():
        # An author of two hours is one.
        if measure != "authors":
            sums[dimension, name, measure] = sums.get((dimension, name, measure), 0) + value
    return sums


@contextlib.contextmanager
def scratch():
    """A directory for one test. One that fails shows what its services said last."""
    with tempfile.TemporaryDirectory(prefix="vigie-test-") as directory:
        try:
            yield directory
        except BaseException:
            logs = glob.glob(os.path.join(directory, "**", "vigie.log"), recursive=True)
            # The last three: some tests have a dozen.
            for log in sorted(logs, key=os.path.getmtime)[-3:]:
                with open(log, encoding="utf-8", errors="replace") as lines:
                    print(f"{os.path.relpath(log, directory)}:\n{lines.read()[-3000:]}", file=sys.stderr)
            raise
