#!/usr/bin/env python3
"""Runs the real Prometheus against a running Vigie and asks every question of the dashboard and of
the alert rules.

    prometheus_test.py --vigie build/release/vigie      starts one itself, on the made-up stream
    prometheus_test.py --url http://127.0.0.1:8080      asks one that runs

Fails when promtool finds fault with deploy/prometheus or with /metrics, or when a panel gets an
error or no data. An alert rule may have no data (nothing is wrong), but each metric it names must
be there.
"""
import argparse
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "deploy/grafana/dashboards"
CONFIG = ROOT / "deploy/prometheus"
SKIPPED = 77  # what CTest takes for "skipped"
DEADLINE = 90.0
# What Grafana would put there; the scrape interval of this test is 1 s.
VARIABLES = {"$__rate_interval": "10s", "$__interval": "1s", "$__range": "1m"}

# Straight to loopback, whatever proxy the environment names.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    pass


def get(url, timeout=10):
    with OPENER.open(url, timeout=timeout) as answer:
        return answer.read().decode("utf-8")


def wait_for(what, condition, process=None, seconds=DEADLINE):
    """Asks until the condition holds; the last reason it did not is in the failure."""
    end = time.monotonic() + seconds
    why = "it never answered"
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise Failed(f"{what}: the process ended with {process.returncode}")
        try:
            answer = condition()
            if answer:
                return answer
        except (urllib.error.URLError, OSError, ValueError) as error:
            why = str(error)
        time.sleep(0.1)
    raise Failed(f"{what}: not within {seconds:.0f} s: {why}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_vigie(binary, folder):
    """A service of its own on the made-up stream; returns the process and its URL."""
    port = free_port()
    config = folder / "vigie.yaml"
    config.write_text(
        f"data_dir: {json.dumps(str(folder / 'data'))}\n"
        f"rules: {json.dumps(str(ROOT / 'deploy/rules.yaml'))}\n"
        f'api: {{listen: "127.0.0.1:{port}"}}\n'
        "connectors: [{name: demo, kind: generate, per_second: 100}]\n", encoding="utf-8")
    log = open(folder / "vigie.log", "wb")
    process = subprocess.Popen([binary, "run", "-c", str(config)], stdin=subprocess.DEVNULL,
                               stdout=log, stderr=log, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for("vigie is ready", lambda: get(url + "/readyz"), process)
    except Failed:
        stop(process)
        print((folder / "vigie.log").read_text(errors="replace")[-4000:], file=sys.stderr)
        raise
    return process, url


def start_prometheus(url, folder):
    """Prometheus with the deployed config, its target and its pace changed; returns its URL, too."""
    target = urllib.parse.urlsplit(url).netloc
    text = (CONFIG / "prometheus.yml").read_text(encoding="utf-8")
    text, changed = re.subn(r'targets: \[".*"\]', f'targets: ["{target}"]', text)
    if changed != 1:
        raise Failed("deploy/prometheus/prometheus.yml: expected one target")
    text, changed = re.subn(r"(scrape|evaluation)_interval: \d+s", r"\1_interval: 1s", text)
    if changed != 2:
        raise Failed("deploy/prometheus/prometheus.yml: expected a scrape and an evaluation pace")
    (folder / "prometheus.yml").write_text(text, encoding="utf-8")
    shutil.copy(CONFIG / "vigie.rules.yml", folder)
    port = free_port()
    log = open(folder / "prometheus.log", "wb")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder / 'prometheus.yml'}",
         f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for("prometheus is ready", lambda: get(base + "/-/ready"), process)
    except Failed:
        stop(process)
        print((folder / "prometheus.log").read_text(errors="replace")[-4000:], file=sys.stderr)
        raise
    return process, base


def stop(process):
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise Failed(f"{process.args[0]} did not end within 30 s") from None


def promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode != 0:
        raise Failed(f"promtool {' '.join(arguments)}:\n{done.stdout}{done.stderr}")


def query(base, expression):
    """The samples of an expression at this moment."""
    question = urllib.parse.urlencode({"query": expression})
    try:
        answer = json.loads(get(f"{base}/api/v1/query?{question}"))
    except urllib.error.HTTPError as error:
        raise Failed(json.loads(error.read())["error"]) from None
    result = answer["data"]["result"]
    return [result] if answer["data"]["resultType"] == "scalar" else result


def panels_of(dashboard):
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def dashboard_questions():
    """(where, expression) of every query of every panel."""
    files = sorted(DASHBOARDS.glob("*.json"))
    if not files:
        raise Failed(f"no dashboards in {DASHBOARDS}")
    for file in files:
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        for panel in panels_of(dashboard):
            where = f"{file.name}: {panel['title']}"
            if not panel.get("targets"):
                raise Failed(f"{where}: asks nothing")
            for target in panel["targets"]:
                expression = target["expr"]
                for name, value in VARIABLES.items():
                    expression = expression.replace(name, value)
                if "$" in expression:
                    raise Failed(f"{where}: unknown variable in {expression}")
                yield where, expression


def check_panels(base):
    """Asks every panel until each has an answer; what has none at the deadline is a fault."""
    questions = list(dashboard_questions())
    faults = {}
    end = time.monotonic() + DEADLINE
    open_questions = questions
    while open_questions and time.monotonic() < end:
        waiting = []
        for where, expression in open_questions:
            try:
                if query(base, expression):
                    faults.pop((where, expression), None)
                    continue
                faults[where, expression] = "no data"
            except Failed as error:
                faults[where, expression] = str(error)
            waiting.append((where, expression))
        open_questions = waiting
        if waiting:
            time.sleep(0.5)
    return len(questions), [f"{where}: {what}: {expression}"
                            for (where, expression), what in faults.items()]


def check_rules(base):
    """Every alert rule is healthy, is not firing on a sound service, and names metrics there are."""
    def evaluated():
        groups = json.loads(get(base + "/api/v1/rules"))["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None

    rules = wait_for("the alert rules are evaluated", evaluated)
    known = set(json.loads(get(base + "/api/v1/label/__name__/values"))["data"])
    faults = []
    for rule in rules:
        if rule["health"] != "ok":
            faults.append(f"rule {rule['name']}: {rule.get('lastError', rule['health'])}")
        if rule["state"] == "firing":
            faults.append(f"rule {rule['name']}: fires on a sound service")
        for metric in re.findall(r"\b(?:vigie_[a-z_]+|up)\b(?=\s*[{\[=><)]|\s*$)", rule["query"]):
            if metric not in known:
                faults.append(f"rule {rule['name']}: there is no metric {metric}")
    return len(rules), faults


def run(arguments, folder):
    vigie = None
    prometheus = None
    try:
        url = arguments.url
        if url is None:
            vigie, url = start_vigie(arguments.vigie, folder)
        promtool("check", "config", str(CONFIG / "prometheus.yml"))
        promtool("check", "rules", str(CONFIG / "vigie.rules.yml"))
        promtool("check", "metrics", text=get(url + "/metrics"))
        prometheus, base = start_prometheus(url, folder)
        wait_for("vigie is scraped",
                 lambda: [s for s in query(base, 'up{job="vigie"}') if s["value"][1] == "1"],
                 prometheus)
        panels, faults = check_panels(base)
        rules, more = check_rules(base)
        faults += more
        if faults:
            raise Failed("\n".join(faults))
        print(f"{panels} queries of panels have data, {rules} alert rules are sound")
    finally:
        try:
            stop(prometheus)
        finally:
            stop(vigie)
    if vigie is not None and vigie.returncode != 0:
        raise Failed(f"vigie ended with {vigie.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--url", help="of a running service")
    which.add_argument("--vigie", type=lambda path: str(pathlib.Path(path).resolve()),
                       help="the binary to start")
    arguments = parser.parse_args()
    for tool in ("prometheus", "promtool"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory(prefix="vigie-prometheus-") as folder:
        try:
            run(arguments, pathlib.Path(folder))
        except Failed as failure:
            sys.exit(f"failed: {failure}")


if __name__ == "__main__":
    main()
