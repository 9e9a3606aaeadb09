"""A broker that wants TLS and a password: the service works over it, and what is refused is told plainly and
without the password, by `vigie run` and by `vigie doctor`.

Debian 12's librdkafka cannot do SCRAM with Kafka 4.0 and later; that is told, too.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from broker import Broker
from service import Service, counters, equal, recount, scratch, wait_until

PASSWORD = "correct horse battery"
WRONG = "wrong horse battery"


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def authority(directory, name):
    """A certificate that signs others."""
    key, certificate = (os.path.join(directory, f"{name}.{kind}") for kind in ("key", "pem"))
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", key, "-out", certificate)
    return key, certificate


def server(directory, key, certificate):
    """Key and certificate of a broker at 127.0.0.1, and at no other name, in one file."""
    own, request, signed, names, both = (os.path.join(directory, "broker." + kind)
                                         for kind in ("key", "csr", "crt", "names", "pem"))
    with open(names, "w", encoding="utf-8") as out:
        out.write("subjectAltName=IP:127.0.0.1\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker", "-keyout", own, "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", certificate, "-CAkey", key, "-CAcreateserial", "-days",
            "2", "-extfile", names, "-out", signed)
    with open(both, "w", encoding="utf-8") as out:
        for part in (own, signed):
            with open(part, encoding="utf-8") as lines:
                out.write(lines.read())
    return both


class World:
    def __init__(self, vigie, directory, broker, ca):
        self.vigie, self.directory, self.broker, self.ca = vigie, directory, broker, ca
        os.makedirs(directory)
        self.password = self.file("right.txt", PASSWORD)

    def file(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text + "\n")
        return path

    def node(self, name, source=(), bootstrap=None, **properties):
        more = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "vigie",
                "ssl.ca.location": self.ca, "sasl.password_file": self.password}
        more.update({key.replace("__", "."): value for key, value in properties.items()})
        return Service(self.vigie, os.path.join(self.directory, name), list(source), {
            "kind": "kafka", "kafka": {"bootstrap": bootstrap or self.broker.told["secure"], "partitions": 2,
                                       "properties": {k: v for k, v in more.items() if v is not None}}})


def works(world, mechanism):
    made = os.path.join(world.directory, "made.ndjson")
    subprocess.run([world.vigie, "generate", "--seed", "21", "--rate", "0.2", "--duration", "1h", "--out",
                    made], check=True)
    with open(made, "rb") as lines:
        acts = sum(1 for _ in lines)
    expected = counters(recount("--input", made))
    service = world.node("good", [{"name": "file", "kind": "replay", "path": made, "time": "input"}],
                         sasl__mechanism=mechanism)
    service.start()
    wait_until("the worker", lambda: service.metric("vigie_worker_mentions_total") == acts, 120)
    code, said = service.command("doctor")
    assert re.search(r"ok +log .*topics fit", said), said
    end = time.monotonic() + 60
    while service.dump() != expected and time.monotonic() < end:
        time.sleep(0.2)
    service.stop()
    equal(f"counters over TLS with {mechanism}", service.dump(), expected)


def refused(what, node, words):
    """Both commands end with 3, say what is wrong, and do not tell the password."""
    code, said = node.command("run")
    assert code == 3, f"{what}: exit {code}: {said}"
    told = said
    for word in words:
        # The last line is what a person sees; the others may say more.
        assert word in said.strip().splitlines()[-1], f"{what}: no \"{word}\" in: {said}"
    code, said = node.command("doctor")
    assert code == 3, f"{what}: exit {code}: {said}"
    lines = [line for line in said.splitlines() if re.match(r"FAIL +log ", line)]
    assert len(lines) == 1 and all(word in lines[0] for word in words), f"{what}: doctor: {said}"
    for secret in (PASSWORD, WRONG):
        assert secret not in told + said, f"{what}: the password is told"
    print(f"ok   {what}: {told.strip().splitlines()[-1]}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vigie", required=True)
    options = parser.parse_args()
    with scratch() as directory:
        key, ca = authority(directory, "right")
        _, other = authority(directory, "other")
        secure = os.path.join(directory, "secure.json")
        with open(secure, "w", encoding="utf-8") as out:
            json.dump({"keystore": server(directory, key, ca), "users": {"vigie": PASSWORD}}, out)
        with Broker("--release", "3.9", "--secure", secure) as broker:
            world = World(options.vigie, os.path.join(directory, "old"), broker, ca)
            works(world, "SCRAM-SHA-512")
            refused("a wrong password",
                    world.node("password", sasl__password_file=world.file("wrong.txt", WRONG)),
                    ["invalid credentials", "SCRAM-SHA-512"])
            refused("an authority that is not known", world.node("ca", ssl__ca__location=other),
                    ["certificate of 127.0.0.1:", "issuer certificate"])
            refused("a name that the certificate does not have",
                    world.node("name", bootstrap=broker.told["secure"].replace("127.0.0.1", "localhost")),
                    ["certificate of localhost:", "mismatch"])
            refused("no encryption", world.node("plain", security__protocol="PLAINTEXT"),
                    [broker.told["secure"], "security.protocol"])
        with Broker("--release", "4.4", "--secure", secure) as broker:
            world = World(options.vigie, os.path.join(directory, "new"), broker, ca)
            works(world, "PLAIN")
            refused("SCRAM by librdkafka 2.0.2", world.node("scram"), ["Kafka 4.0", "PLAIN over TLS"])


main()
