"""The way to the broker, and the broker itself."""
import os
import subprocess
import time

from proxy import ADD_OFFSETS, ADD_PARTITIONS, END_TXN, INIT_PRODUCER_ID, TXN_OFFSET_COMMIT
from world import metric

# INVALID_PRODUCER_EPOCH, PRODUCER_FENCED
FENCED = (47, 90)


def broker_dies(world):
    world.broker.tell("kill")
    world.wait(1, 4)
    world.broker.tell("start")
    world.moves(world.first)


def broker_restarts(world):
    world.broker.tell("stop")
    world.wait(0, 3)
    world.broker.tell("start")
    world.moves(world.first)


def isolated(world):
    """Nobody answers for the broker, then it is back, transactions and all."""
    world.proxy.isolate()
    world.wait(1, 6)
    world.proxy.heal()
    world.moves(world.first)


def coordinator_gone(world):
    """Nobody answers for the coordinator of transactions, while all else goes on."""
    world.proxy.unheard = {INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT}
    world.wait(2, 8)
    world.proxy.unheard = set()
    world.moves(world.first)


def cut(world):
    """All connections end, again and again, wherever their requests are."""
    for _ in range(8):
        world.wait(0.1, 1)
        world.proxy.cut()
    world.moves(world.first)


def late_end(world):
    """The end of a transaction is cut off, asked for again, and arrives within the next transaction."""
    for _ in range(3):
        world.wait(0.2, 1)
        late = world.proxy.hold(END_TXN)
        late.wait()
        doubted = metric(world.first, "vigie_kafka_transactions_doubted_total")
        owners = world.proxy.seen[INIT_PRODUCER_ID]
        # The answer of the coordinator says that the next transaction is open.
        begun = world.proxy.hold(ADD_PARTITIONS, request=False)
        late.cut()
        begun.wait()
        world.wait(0, 0.3)
        error = int.from_bytes(late.deliver()[8:10], "big")
        begun.release()
        assert world.proxy.seen[INIT_PRODUCER_ID] > owners, "the producer of a doubtful commit went on"
        assert error in FENCED, f"the late end was answered with {error}"
        assert metric(world.first, "vigie_kafka_transactions_doubted_total") > doubted
        world.moves(world.first)


def partition(world):
    """Nothing passes, and nobody is told; then it does, with what was on the way."""
    world.proxy.stall()
    time.sleep(world.chance.choice((5, 30)))
    world.proxy.heal()
    world.moves(world.first)


def half_open(world):
    """What was on the way is gone, and the other side with it."""
    world.proxy.stall()
    time.sleep(world.chance.choice((5, 30)))
    world.proxy.heal(forget=True)
    world.moves(world.first)


def slow(world):
    """A fifth of a second for each request and each answer."""
    world.proxy.delay = 0.2
    world.wait(8, 15)
    world.moves(world.first)
    world.proxy.delay = 0.0
    world.moves(world.first)


def retransmitted():
    """TCP segments of this network that had to be sent again."""
    with open("/proc/self/net/snmp", encoding="ascii") as counters:
        names, values = (line.split() for line in counters if line.startswith("Tcp:"))
    return int(values[names.index("RetransSegs")])


NFT = "/usr/sbin/nft"
LOSS = """
table inet loss {
  chain input {
    type filter hook input priority 0;
    numgen random mod 100 < 2 drop
  }
}
"""


def lossy(world):
    """Two packets of a hundred get lost, between everybody, and what comes through the proxy is late; the test has a
    network of its own."""
    if not os.environ.get("VIGIE_OWN_NETWORK"):
        return "skipped: no network of our own to lose packets in"
    if not os.path.exists(NFT):
        return f"skipped: {NFT} is not installed"
    before = retransmitted()
    loses = subprocess.run([NFT, "-f", "-"], input=LOSS, text=True, check=False, capture_output=True)
    if loses.returncode:
        return f"skipped: this kernel loses no packets on demand: {loses.stderr.strip()}"
    world.proxy.delay = 0.1
    try:
        world.wait(10, 20)
    finally:
        world.proxy.delay = 0.0
        subprocess.run([NFT, "delete", "table", "inet", "loss"], check=True)
    lost = retransmitted() - before
    assert lost > 50, f"{lost} segments were sent again"
    print(f"     {lost} segments were sent again", flush=True)
    world.moves(world.first)
