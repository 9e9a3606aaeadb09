"""Nodes that die, pause, come, go, and lose their disks."""
import os
import shutil
import signal
import time

from service import wait_until

# In the order of a commit; what restores comes first, since only a start does it.
POINTS = ("kafka.restore.begin", "kafka.restore.write", "kafka.restore.end", "kafka.polled", "kafka.produced",
          "kafka.offsets.before", "kafka.offsets.after", "kafka.end.before", "kafka.end.after",
          "store.write.before", "store.write.after")


def kills(world):
    for _ in range(4):
        world.wait(0.2, 2)
        world.first.kill()
        world.first.start()
    world.moves(world.first)


def kill_points(world):
    """A crash at each named point of a commit and of a restore."""
    world.first.kill()
    for point in POINTS:
        at = f"{point}:{1 if 'restore' in point else world.chance.randint(1, 5)}"
        world.first.start(crash_at=at, wait=False)
        world.first.crashed()
    world.first.start()
    began = time.monotonic()
    world.moves(world.first)
    print(f"     the next commit {time.monotonic() - began:.1f} s after the last start", flush=True)


def lost_disk(world):
    world.wait(0.5, 1.5)
    world.first.kill()
    shutil.rmtree(world.data(world.first, "state"))
    world.first.start()
    world.moves(world.first)


def old_disk(world):
    """The state of some time ago comes back, as from a snapshot of the machine."""
    state = world.data(world.first, "state")
    world.first.kill()
    shutil.copytree(state, state + ".old")
    world.first.start()
    world.moves(world.first)
    world.wait(1, 2)
    world.first.kill()
    shutil.rmtree(state)
    os.rename(state + ".old", state)
    world.first.start()
    world.moves(world.first)


def second_node(world):
    """A node joins, works, and is killed for good: its partitions come back with what it did."""
    second = world.node("second")
    second.start()
    world.moves(second)
    world.wait(1, 3)
    second.kill()
    world.moves(world.first)


def rebalance_in_restore(world):
    """Partitions are dealt anew while nodes with empty disks read the state of theirs."""
    joining = []
    for i in range(3):
        node = world.node(f"joining{i}")
        shutil.rmtree(world.data(node), ignore_errors=True)
        # The first two die over it.
        point = ("kafka.restore.begin:1", "kafka.restore.write:1", None)[i]
        node.start(crash_at=point, wait=False)
        joining.append(node)
        world.wait(0.3, 2)
    for node in joining[:2]:
        node.crashed()
    world.moves(world.first)
    joining[2].end()
    world.moves(world.first)


def zombie(world):
    """A node is stopped for longer than its session and its transaction may last, and goes on."""
    second = world.node("third")
    second.start()
    world.moves(second)
    second.process.send_signal(signal.SIGSTOP)
    time.sleep(14)
    world.moves(world.first)
    second.process.send_signal(signal.SIGCONT)
    world.moves(world.first)
    second.stop()
    world.moves(world.first)


def same_name(world):
    """Of two with one name the older is thrown out, and says so."""
    twin = world.node("twin", instance="first")
    twin.start()
    wait_until("the older to see it", lambda: "another process runs with the same instance id"
               in world.first.tail() or "fenced" in world.first.tail().lower(), 90)
    twin.stop()
    world.first.kill()
    world.first.start()
    world.moves(world.first)
