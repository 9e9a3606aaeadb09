"""Disks that are full, and stores that are damaged: over Kafka they are made from the topics again."""
import contextlib
import glob
import json
import os
import resource
import subprocess
import time
import urllib.error

from service import wait_until
from world import PARTITIONS, find_again, log_size, metric, said_since

MIB = 1 << 20


def flip(path, chance):
    """One byte of the first half of a file, where the blocks are."""
    with open(path, "r+b") as file:
        at = chance.randrange(os.path.getsize(path) // 2)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << chance.randrange(8)]))


def rebuilt(world, node, name, at):
    """Waits until a damaged store was told, set aside, and made anew."""
    wait_until("the store to be made anew",
               lambda: metric(node, f'vigie_store_rebuilds_total{{store="{name}"}}') == 1, 60)
    said = said_since(node, at)
    assert "action=rebuild" in said and os.path.isdir(world.data(node, name + ".damaged")), said[-2000:]
    world.moves(node)


def damaged(world, name):
    world.first.kill()
    # What is still in the write-ahead log gets into files at a start.
    world.first.start()
    world.first.kill()
    files = glob.glob(world.data(world.first, name, "*.sst"))
    assert files, f"{name} has no files"
    flip(max(files, key=os.path.getsize), world.chance)
    at = log_size(world.first)
    world.first.start(wait=False)
    wait_until("the service to run", lambda: "state=running" in said_since(world.first, at)
               or world.first.process.poll() is not None)
    # Found by whoever reads the block first, at the latest by one who looks at all of them.
    world.first.command("doctor")
    rebuilt(world, world.first, name, at)


def damaged_block(world):
    damaged(world, "state")


def damaged_view(world):
    damaged(world, "view")


def cut_wal(world):
    """The end of what was written last is gone: that never was true, or the store is made anew."""
    world.first.kill()
    files = [f for f in glob.glob(world.data(world.first, "state", "*.log")) if os.path.getsize(f) > 0]
    if files:
        newest = max(files)
        os.truncate(newest, world.chance.randrange(os.path.getsize(newest)))
    world.first.start()
    world.moves(world.first)


def lost_current(world):
    world.first.kill()
    os.remove(world.data(world.first, "state", "CURRENT"))
    at = log_size(world.first)
    world.first.start()
    rebuilt(world, world.first, "state", at)


def refused_write(world):
    """For a moment no file may grow: the store refuses all further writes, and is opened anew."""
    at = log_size(world.first)

    def met():
        # Where it was started again meanwhile it found the files as they were, and ended.
        return world.first.process.poll() is not None or "state=running" in said_since(world.first, at)

    # On a busy machine a moment may pass in which nothing is written.
    end = time.monotonic() + 120
    while not met():
        assert time.monotonic() < end, "nothing was written: " + world.first.tail()
        grow_no_file(world.first.process.pid, world.chance.uniform(0.5, 1.5))
        again = time.monotonic() + 10
        while not met() and time.monotonic() < again:
            time.sleep(0.1)
    if world.first.process.poll() is not None:
        world.first.start()
    world.moves(world.first)


def grow_no_file(pid, seconds):
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        time.sleep(seconds)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def readiness(node):
    """"ready", or what is said against it."""
    try:
        node.get("/readyz")
        return "ready"
    except urllib.error.HTTPError as error:
        return json.dumps(json.loads(error.read())["checks"]["disk"])
    except OSError:
        if node.process.poll() is not None:
            return "ended, with the disk full"
        find_again(node)
        return "starting"


def fill(ballast, left):
    """Leaves so many bytes, or fewer: others write meanwhile."""
    disk = os.statvfs(os.path.dirname(ballast))
    with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as out:
        out.write(bytes(max(0, disk.f_bavail * disk.f_frsize - left)))


def full_disk(world):
    """A node without room takes nothing, says so, and goes on when there is some."""
    disk = os.path.join(world.directory, "disk")
    os.makedirs(disk, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", disk], check=False).returncode:
        print("     skipped: no small file system can be mounted here", flush=True)
        return
    # With room to stop in good time, or with so little that a write may fail first.
    room = world.chance.choice((100, 1))
    node = world.node(f"full{room}", directory=disk, disk={
        "stop_below": f"{room}MiB", "resume_above": f"{room + 50}MiB"})
    try:
        node.start()
        world.moves(node)
        dealt = metric(world.first, "vigie_kafka_partitions_dealt_total")
        ballast = os.path.join(disk, "ballast")
        fill(ballast, room * 8 * MIB // 10)
        wait_until("readiness to go red", lambda: "disk" in readiness(node))

        def other_has_all():
            # A store that drops a file would have room again, and the node would come back.
            fill(ballast, room * 8 * MIB // 10)
            return metric(world.first, "vigie_kafka_partitions_dealt_total") >= dealt + PARTITIONS

        # What it has no room for goes to the other.
        wait_until("the other to have all", other_has_all, 60)
        world.wait(0, 2)
        os.remove(ballast)
        if node.process.poll() is not None:
            node.start()  # as systemd does
        wait_until("readiness to go green", lambda: readiness(node) == "ready")
        world.moves(node)
        node.stop()
    finally:
        node.end()
        subprocess.run(["umount", disk], check=True)
    world.moves(world.first)
