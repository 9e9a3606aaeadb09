"""Commands say what is wrong, where, and with which exit code; none leaves half of a thing behind."""
import argparse
import json
import os
import resource
import select
import signal
import stat
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import RULES, Service, scratch, wait_until

GOOD, INPUT, USAGE, ENVIRONMENT, INTERRUPTED = 0, 1, 2, 3, 130
MENTION = json.dumps({"network": "x", "id": "1", "kind": "post", "author": {"id": "a"},
                      "text": "acme is late", "lang": "en",
                      "created_at": "2026-06-03T06:00:00Z"}) + "\n"
ASKED = "brand: {id: acme, query: acme, must_match: [nothing]}\n"


class Cli:
    def __init__(self, vigie, directory):
        self.vigie = os.path.abspath(vigie)
        self.directory = directory

    def path(self, name, text=None):
        path = os.path.join(self.directory, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
        return path

    def expect(self, code, words, *arguments, **options):
        """Runs a command; it must exit with `code` and say each of `words`."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        run = subprocess.run([self.vigie, *arguments], stderr=subprocess.PIPE, check=False,
                             timeout=60, cwd=self.directory, **options)
        said = run.stderr.decode()
        what = f"vigie {' '.join(arguments)}"
        assert run.returncode == code, f"{what}: exit {run.returncode}, expected {code}: {said}"
        for word in words:
            assert word in said, f"{what}: {word!r} is not in {said!r}"
        return (run.stdout or b"").decode(), said


def output_that_cannot_be_written(cli, mentions, config):
    commands = [["rules", "match", "--rules", RULES], ["rules", "check", "--rules", RULES],
                ["rules", "test", "--rules", RULES],
                ["rules", "top", "--rules", RULES, "--input", mentions],
                ["rules", "backtest", "--rules", RULES, "--input", mentions],
                ["replay", "--rules", RULES, "--input", mentions],
                ["counters", "-c", config, "--dump"], ["generate", "--count", "5"],
                ["connectors", "list"], ["doctor", "-c", config], ["--help"]]
    for command in commands:
        with open("/dev/full", "wb") as full, open(mentions, "rb") as source:
            cli.expect(ENVIRONMENT, ["output"], *command, stdin=source, stdout=full)
    for option in ("--out", "--ledger"):
        cli.expect(ENVIRONMENT, ["output"], "generate", "--count", "5", option, "/dev/full")
    print(f"ok   {len(commands)} commands fail when their output cannot be written")


def errors_that_cannot_be_written(cli):
    """There is no place left to say what is wrong, so the exit code has to."""
    commands = [(USAGE, ["bogus"]), (USAGE, ["rules"]), (INPUT, ["run", "-c", "nofile"]),
                (INPUT, ["rules", "check", cli.path("broken.yaml", "brand: {}\n")]),
                (INPUT, ["rules", "test", cli.path("asked.yaml", ASKED)]),
                (INPUT, ["replay", "--rules", RULES, "--input", "nofile"]),
                (INPUT, ["rules", "top", "--rules", RULES, "--input",
                         cli.path("bad.ndjson", "not a mention\n")])]
    for code, command in commands:
        with open("/dev/full", "wb") as full:
            run = subprocess.run([cli.vigie, *command], stdin=subprocess.DEVNULL, check=False,
                                 stdout=subprocess.DEVNULL, stderr=full, timeout=60,
                                 cwd=cli.directory)
        assert run.returncode == code, (command, run.returncode, code)
    print(f"ok   {len(commands)} commands end with their own code when nothing can be said")


def endless_input_into_a_full_disk(cli):
    source = subprocess.Popen(["yes", MENTION.strip()], stdout=subprocess.PIPE)
    with open("/dev/full", "wb") as full:
        cli.expect(ENVIRONMENT, ["cannot write the standard output"], "rules", "match", "--rules",
                   RULES, stdin=source.stdout, stdout=full)
    source.stdout.close()
    source.wait()
    print("ok   rules match does not read on when its output cannot be written")


def each_line_is_answered_at_once(cli):
    run = subprocess.Popen([cli.vigie, "rules", "match", "--rules", RULES], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for number in range(1, 4):
        run.stdin.write(MENTION.replace('"id": "1"', f'"id": "{number}"').encode())
        run.stdin.flush()
        # The input stays open: an answer that waits for more of it never comes.
        assert select.select([run.stdout], [], [], 60)[0], f"line {number} is not answered"
        assert json.loads(run.stdout.readline())["id"] == str(number)
    long_line = b'{"text": "' + b"a" * (9 << 20) + b'"}\n'
    out, said = run.communicate(long_line + MENTION.encode(), timeout=60)
    refused, answered = map(json.loads, out.splitlines())
    assert refused["line"] == 4 and "at most 524288 bytes" in refused["error"], refused
    assert answered["id"] == "1" and said == b"", (answered, said)
    assert run.returncode == INPUT, run.returncode
    print("ok   rules match answers each line at once, and a line that is too long costs itself alone")


def input_that_cannot_be_read(cli):
    directory = os.open(cli.directory, os.O_RDONLY)
    out, _ = cli.expect(ENVIRONMENT, ["cannot read the standard input", "Is a directory"], "rules",
                        "match", "--rules", RULES, stdin=directory)
    os.close(directory)
    assert out == "", out
    cli.expect(INPUT, ["is a directory"], "rules", "check", "--rules", cli.directory)
    cli.expect(INPUT, ["nofile", "No such file"], "replay", "--rules", RULES, "--input", "nofile")
    out = cli.path("kept")
    os.mkdir(out)
    kept = cli.path("kept/tagged.ndjson", "what was there\n")
    cli.expect(INPUT, ["nofile"], "replay", "--rules", RULES, "--input", "nofile", "--out", out)
    with open(kept, encoding="utf-8") as lines:
        assert lines.read() == "what was there\n"
    print("ok   input that cannot be read is told of, and nothing is overwritten for it")


def places_that_cannot_be_written(cli, mentions):
    for out in ("/dev/null/out", "/proc/self"):
        cli.expect(ENVIRONMENT, [out], "replay", "--rules", RULES, "--input", mentions, "--out",
                   out)
    for option in ("--out", "--ledger"):
        cli.expect(ENVIRONMENT, ["cannot write /dev/null/file", "Not a directory"], "generate",
                   "--count", "5", option, "/dev/null/file")
    print("ok   a place that cannot be written is the environment's fault, with the reason")


def wrong_command_lines(cli, config):
    for roles in ("", "ingest", "worker,view", "nosuch"):
        cli.expect(USAGE, ["--roles"], "run", "-c", config, "--roles", roles)
    cli.expect(USAGE, ['unknown command "nosuch"', "replay"], "nosuch")
    cli.expect(USAGE, ['unknown command "replya"', 'did you mean "replay"?'], "replya", "--out",
               "x")
    cli.expect(USAGE, ['unknown command "rules nosuch"', "check, test, match"], "rules", "nosuch")
    cli.expect(USAGE, ["subcommand"], "rules")
    for option in ("--seed", "--count"):
        for number in ("-1", "1.5", "99999999999999999999"):
            cli.expect(USAGE, [option, f'found "{number}"'], "generate", option, number)
    cli.expect(USAGE, ["--n", 'found "-1"'], "rules", "top", "--rules", RULES, "--input", "-", "--n",
               "-1")
    for command in ("top", "backtest"):
        cli.expect(USAGE, ["--input", "required"], "rules", command, "--rules", RULES)
    for rate in ("0", "-1", "nan"):
        cli.expect(USAGE, ["--rate"], "generate", "--count", "5", "--rate", rate)
    print("ok   wrong command lines are named")


def failed_cases(cli):
    rules = cli.path("cases.yaml", """brand:
  id: acme
  query: acme
  must_match:
    - "acme"
    - "nothing"
  must_not_match: ["fine", "acme two",
                   {text: "acme three", lang: en}]
""")
    out, said = cli.expect(INPUT, [], "rules", "test", "--rules", rules)
    assert out == "2 passed, 3 failed\n", out
    messages = [line for line in said.splitlines() if not line.startswith("    ")]
    assert messages == [f"{rules}:6:7: brand: expected a match: nothing",
                        f"{rules}:7:28: brand: expected no match: acme two",
                        f"{rules}:8:20: brand: expected no match: acme three"], said
    assert "        acme: not there\n" in said and 'yes  acme' in said, said
    print("ok   cases that fail name file, line and column")


def case_files(cli):
    rules = cli.path("authors.yaml", """brand: {id: acme, query: acme}
themes: [{id: late, query: 'late -lang:de'}]
routes: [{id: late, when: 'theme:late', queue: social}]
""")
    good = cli.path("good.rules", """mention "Late" -> theme:late 0-4
mention lang=de "late" -> none
mention new=false "acme late" -> brand theme:late route:late
""")
    cli.expect(GOOD, [], "rules", "test", "--rules", rules, good)
    out, _ = cli.expect(GOOD, [], "rules", "test", rules, good, good)
    assert out == "6 passed, 0 failed\n", out

    bad = cli.path("bad.rules", """mention lang=de "late" -> theme:late
mention lan=de "late" -> none
mention "late" -> latee
""")
    out, said = cli.expect(INPUT, [f'{bad}:2:9: error: unknown field "lan"; did you mean "lang"?',
                                   f'{bad}:3:19: error: unknown rule "latee"',
                                   f"{bad}:1:9: expected theme:late, found none: late",
                                   "lang:de must not be there: its language is de"],
                           "rules", "test", "--rules", rules, bad)
    assert out == "0 passed, 1 failed\n", out
    cli.expect(INPUT, ["nofile"], "rules", "test", "--rules", rules, good, "nofile")
    print("ok   files of cases are run, and what is wrong with them is named")


def doubtful_rules(cli):
    rules = cli.path("doubtful.yaml", """brand: {id: acme, query: acme}
themes:
  - {id: never, query: 'a lang:fr lang:de'}
  - {id: one, query: 'a OR b'}
  - {id: two, query: 'B OR A'}
campaigns: [{id: past, query: c, until: 2020-01-01T00:00:00Z}]
routes:
  - {id: any, when: 'theme:*', queue: social}
  - {id: one, when: 'theme:one', queue: social}
""")
    warnings = ["3:25: warning: this can never match: lang:fr and lang:de never hold together",
                "5:23: warning: theme:one and theme:two ask the same",
                "6:31: warning: campaign:past is over since 2020-01-01T00:00:00Z",
                "9:22: warning: this route is never taken: route:any above it holds whenever it "
                "does"]
    out, said = cli.expect(GOOD, [], "rules", "check", "--rules", rules)
    assert out.startswith(f"{rules}: good: 5 rules"), out
    assert said.splitlines() == [f"{rules}:{line}" for line in warnings], said
    cli.expect(INPUT, [line.replace("warning", "error") for line in warnings], "rules", "check",
               "--strict", "--rules", rules)
    print("ok   rules that never match are warned of, and refused when strict")


def explanations(cli):
    rules = cli.path("explain.yaml", """brand: {id: acme, query: acme}
themes: [{id: late, query: '(late OR slow) NEAR/1 order'}]
routes: [{id: new, when: 'theme:late author:new', queue: community}]
""")
    def mention(text):
        return cli.path("mention.json", json.dumps(dict(json.loads(MENTION), text=text), indent=1))
    def explain(code, words, text, *arguments):
        with open(mention(text), "rb") as stdin:
            return cli.expect(code, words, "rules", "explain", "--rules", rules, *arguments,
                              stdin=stdin)
    out, _ = explain(GOOD, [], "order so very slow", "--rule", "theme:late")
    assert out == f"""theme:late: does not match
  {rules}:2:28
  no   NEAR/1                               too far apart: "slow" and "order" have 2 words between \
them, at most 1 are allowed
  yes    OR
  no       late
  yes      slow                             "slow" [14,18)
  yes    order                              "order" [0,5)
  stopped by:
    (late OR slow) NEAR/1 order: too far apart: "slow" and "order" have 2 words between them, \
at most 1 are allowed

queue: none
  it is not relevant: neither the brand query nor a theme nor a campaign matched, and it is not to \
the brand, no DM and no answer to an ambassador
  route:new: does not hold: theme:late: it has no themes
""", out
    out, _ = explain(GOOD, [], "late order", "--json")
    answer = json.loads(out)
    assert [rule["rule"] for rule in answer["rules"]] == ["theme:late"], answer
    assert answer["rules"][0]["clause"]["found"][0] == {
        "begin": 0, "end": 4, "text": "late", "words": ["late"]}, answer
    assert answer["decision"]["route"] == "new", answer
    out, _ = explain(GOOD, [], "late order", "--json", "--known-author")
    assert json.loads(out)["decision"]["route"] is None, out
    explain(INPUT, ['no rule "lat"; did you mean "late"?'], "x", "--rule", "lat")
    cli.expect(INPUT, ["standard input: "], "rules", "explain", "--rules", rules)
    print("ok   explain says what stopped a rule and who gets the mention")


def explanations_of_a_service(cli):
    directory = cli.path("explaining")
    os.mkdir(directory)
    rules = cli.path("in_force.yaml", "brand: {id: acme, query: acme}\n")
    service = Service(cli.vigie, directory, [])
    with open(service.config, encoding="utf-8") as config:
        text = json.load(config)
    with open(service.config, "w", encoding="utf-8") as config:
        json.dump(dict(text, rules=rules), config)
    service.start()

    def explain():
        body = json.dumps({"mention": json.loads(MENTION), "rule": "brand"}).encode()
        request = urllib.request.Request(service.url + "/api/v1/rules/explain", data=body,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    before = explain()
    assert before["rules"][0]["matched"] and before["decision"]["queue"] == "community", before
    cli.path("in_force.yaml", "brand: {id: acme, query: acme -late}\n")
    service.process.send_signal(signal.SIGHUP)
    after = wait_until("the new rules", lambda: next(
        (answer for answer in [explain()]
         if answer["rules_version"] != before["rules_version"]), None))
    assert after["rules"][0]["query"] == "acme -late", after
    assert after["rules"][0]["stopped_by"] == ['late must not be there: "late" [8,12)'], after
    assert after["decision"]["queue"] == "none", after
    service.stop()
    print("ok   a service explains by the rules in force")


COSTLY = """brand: {id: acme, query: acme}
themes:
  - {id: vain, query: 'late -acme'}
  - id: rich
    query: 'followers>=100000000'
routes:
  - {id: rest, when: 'is:brand', queue: community}
"""


def dear_rules(cli):
    """Rules that are asked in vain are told of by top and by check, with their place."""
    rules = cli.path("costly.yaml", COSTLY)
    many = cli.path("many.ndjson", MENTION * 200)
    out, _ = cli.expect(GOOD, [], "rules", "top", "--rules", rules, "--input", many, "--json")
    top = json.loads(out)
    told = {rule["rule"]: rule for rule in top["top"]}
    counts = {name: [rule["candidates"], rule["evaluations"], rule["matches"]]
              for name, rule in told.items()}
    assert top["mentions"] == 200, top
    assert counts == {"brand": [200, 200, 200], "theme:vain": [200, 200, 0],
                      "theme:rich": [200, 200, 0], "route:rest": [200, 200, 200]}, counts
    assert sorted(top["beyond_budget"]) == ["theme:rich", "theme:vain"], top
    assert top["needs_no_word"] == ["theme:rich"], top
    out, _ = cli.expect(GOOD, [], "rules", "top", rules, "--input", many, "--n", "0")
    for words in ("theme:rich  no required word", "theme:vain  BEYOND BUDGET: a candidate for 100.0 %"):
        assert words in out, out

    sample = ["rules", "check", "--rules", rules, "--sample", many]
    _, said = cli.expect(GOOD, [], *sample)
    assert [line.split(": a candidate")[0] for line in said.splitlines()] == [
        f"{rules}:3:23: warning: theme:vain", f"{rules}:5:12: warning: theme:rich"], said
    for words in ("add a rarer one", "it needs no word", "limit 5 %"):
        assert words in said, said
    both = cli.path("both.yaml", COSTLY.replace("routes:", "  - {id: dead, query: a -a}\nroutes:"))
    cli.expect(INPUT, ["theme:vain", "this can never match"], "rules", "check", both, "--sample",
               many, "--strict")
    few = cli.path("few.ndjson", MENTION * 99)
    cli.expect(GOOD, ["holds 99 mentions", "100 are needed"], "rules", "check", rules, "--sample",
               few)
    empty = cli.path("empty.ndjson", "")
    out, _ = cli.expect(GOOD, [], "rules", "top", rules, "--input", empty, "--json")
    assert json.loads(out)["top"] == [], out
    print("ok   rules that are asked in vain are told of")


def backtests(cli):
    rules = cli.path("costly.yaml", COSTLY)
    bad = cli.path("bad.ndjson", MENTION + "{\n" + "nothing\n" * 12 + MENTION.replace('"1"', '"2"'))
    for command in ("top", "backtest"):
        _, said = cli.expect(INPUT, [f"{bad}: line 2: ", f"{bad}: line 11: ",
                                     "3 more lines are no mentions"],
                             "rules", command, rules, "--input", bad)
        assert "line 12" not in said, said
        cli.expect(INPUT, ["nofile", "No such file"], "rules", command, rules, "--input", "nofile")
        cli.expect(INPUT, ["nofile", "No such file"], "rules", command, "nofile", "--input", bad)
        cli.expect(INPUT, ["nofile"], "rules", "backtest", rules, "--against", "nofile", "--input",
                   bad)
    out, _ = cli.expect(INPUT, [], "rules", "backtest", RULES, "--against", rules, "--input", bad,
                        "--json")
    report = json.loads(out)
    assert report["matched"] == 2 and report["bad_lines"]["lines"] == 13, report
    assert [line.split(":")[0] for line in report["bad_lines"]["first"]] == [
        f"line {n}" for n in range(2, 12)], report
    dm = cli.path("dm.ndjson", MENTION.replace('"post"', '"dm"'))
    with open(dm, "rb") as source:
        out, said = cli.expect(GOOD, [], "rules", "backtest", rules, "--input", "-", stdin=source)
    assert "brand: 1\n  + x/1 [direct message] acme is late\n" in out, out
    assert said == "", said
    print("ok   a backtest tells bad lines and marks direct messages")


def interrupted_replay(cli):
    place = cli.path("temporary")
    os.mkdir(place)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        run = subprocess.Popen([cli.vigie, "replay", "--rules", RULES, "--input", "-"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, "TMPDIR": place})
        run.stdin.write(MENTION.encode())
        run.stdin.flush()
        wait_until("the state directory",
                   lambda: any(os.listdir(os.path.join(place, name)) for name in os.listdir(place)))
        run.send_signal(number)
        said = run.communicate(timeout=30)[1].decode()
        assert run.returncode == INTERRUPTED, (number, run.returncode, said)
        assert "interrupted" in said, said
        assert not os.listdir(place), os.listdir(place)
    print("ok   an interrupted replay leaves no state behind")


def ignored_signal(cli, mentions):
    """What a shell makes its background jobs ignore, and nohup its child, is ignored."""
    run = subprocess.Popen([cli.vigie, "replay", "--rules", RULES, "--input", "-"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env={**os.environ, "TMPDIR": cli.path("temporary")},
                           preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_until("the state directory", lambda: os.listdir(cli.path("temporary")))
    run.send_signal(signal.SIGHUP)
    with open(mentions, "rb") as source:
        out, said = run.communicate(source.read(), timeout=30)
    assert run.returncode == GOOD, (run.returncode, said)
    assert json.loads(out)["records"] == 1, out
    print("ok   a signal that is ignored ends no replay")


def author_key(cli, mentions):
    """A write that fails midway leaves no key, so the next start makes a whole one. Returns the
    config of a service that has counted."""
    service = Service(cli.vigie, cli.directory, [
        {"name": "file", "kind": "replay", "path": mentions, "time": "input"}], makes_key=True)
    data = cli.path("data")

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
    cli.expect(ENVIRONMENT, ["cannot write", "author.key", "File too large"], "run", "-c",
               service.config, preexec_fn=small_files)
    assert os.listdir(data) == [], os.listdir(data)

    service.start()
    wait_until("the worker", lambda: service.metric("vigie_worker_mentions_total") == 1)
    service.stop()
    status = os.stat(os.path.join(data, "author.key"))
    assert status.st_size == 32 and stat.S_IMODE(status.st_mode) == 0o600, status
    assert not [name for name in os.listdir(data) if name.startswith("author.key.")]
    print("ok   an author key is whole or not there")
    return service.config


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    vigie = parser.parse_args().vigie
    # A test that itself runs in the background is told to ignore it, and its children would be.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with scratch() as directory:
        cli = Cli(vigie, directory)
        mentions = cli.path("in.ndjson", MENTION)
        config = author_key(cli, mentions)
        output_that_cannot_be_written(cli, mentions, config)
        errors_that_cannot_be_written(cli)
        endless_input_into_a_full_disk(cli)
        each_line_is_answered_at_once(cli)
        input_that_cannot_be_read(cli)
        places_that_cannot_be_written(cli, mentions)
        wrong_command_lines(cli, config)
        failed_cases(cli)
        case_files(cli)
        doubtful_rules(cli)
        explanations(cli)
        explanations_of_a_service(cli)
        dear_rules(cli)
        backtests(cli)
        interrupted_replay(cli)
        ignored_signal(cli, mentions)


main()
