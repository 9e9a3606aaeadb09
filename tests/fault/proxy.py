"""A proxy between a client of Kafka and its broker, which does to them what a bad network does.

It passes bytes on as they come, frame by frame, and reads of them no more than which request it is. The
broker has to tell its clients to find it here (broker.py --proxy), else they go to it directly.
"""
import asyncio
import collections
import struct
import threading

PRODUCE, FETCH, FIND_COORDINATOR, HEARTBEAT = 0, 1, 10, 12
INIT_PRODUCER_ID, ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT = 22, 24, 25, 26, 28

# On the way in one direction of a connection at a time.
FRAMES = 1000

SIZE = struct.Struct(">i")
REQUEST = struct.Struct(">hhi")  # api, version, correlation


class Held:
    """One frame that is kept back, from the moment in which it is caught."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.caught = threading.Event()
        self.frame = None
        self.connection = None
        self.go_on = asyncio.Event()

    def wait(self, seconds=60):
        assert self.caught.wait(seconds), f"waited {seconds} s in vain for a frame to hold"

    def release(self):
        """Goes where it was to go, and what waits behind it."""
        self.proxy.call(self.go_on.set)

    def cut(self):
        """Its connection ends, and both sides see it. The frame is still here to be delivered."""
        self.proxy.call(self.connection.close)

    def deliver(self):
        """Comes to the broker on a connection of its own; returns the answer, from the correlation on."""
        return self.proxy.run(self.proxy.ask(self.frame))


class Connection:
    def __init__(self, client, broker):
        self.writers = [client, broker]
        self.asked = {}  # api, by correlation
        self.is_dead = False

    def close(self):
        self.is_dead = True
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Listens on a port of its own until the block ends. `target` is "host:port" of the broker; it may be
    set after the port is known."""

    def __init__(self, target=None):
        self.target = target
        self.delay = 0.0
        self.seen = collections.Counter()  # requests, by api
        self.connections = set()
        self.holds = []  # (is_request, api, Held)
        self.refuses = False
        self.unheard = set()  # a connection ends at a request of these kinds
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        self.open = asyncio.Event()
        self.open.set()
        self.server = self.run(asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self.call(self.server.close)
        self.cut()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def call(self, function):
        """Runs it among the connections, and returns when it has."""
        async def once():
            return function()
        return self.run(once())

    def cut(self):
        """All connections end at once; new ones are taken."""
        self.call(lambda: [connection.close() for connection in list(self.connections)])

    def isolate(self):
        """As if nothing listened here."""
        self.refuses = True
        self.cut()

    def stall(self):
        """Nothing passes in either direction and nobody is told, as behind a cable that is out."""
        self.call(self.open.clear)

    def heal(self, forget=False):
        """Passes again. What was on the way arrives now, or never: then those connections were half open."""
        if forget:
            self.cut()
        self.refuses = False
        self.call(self.open.set)

    def hold(self, api, request=True):
        """The next request of this kind, or else the next answer to one, is kept back."""
        async def make():
            held = Held(self)
            self.holds.append((request, api, held))
            return held
        return self.run(make())

    async def ask(self, frame):
        reader, writer = await asyncio.open_connection(*self.target.split(":"))
        writer.write(frame)
        answer = await read_frame(reader)
        writer.close()
        return answer[SIZE.size:]

    async def serve(self, reader, writer):
        if self.refuses:
            writer.transport.abort()
            return
        await self.open.wait()
        try:
            to_broker = await asyncio.open_connection(*self.target.split(":"))
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(writer, to_broker[1])
        self.connections.add(connection)
        ways = []
        for reading, writing, is_request in ((reader, to_broker[1], True), (to_broker[0], writer, False)):
            frames = asyncio.Queue(FRAMES)
            ways += [asyncio.ensure_future(self.take_in(reading, frames)),
                     asyncio.ensure_future(self.pass_on(connection, frames, writing, is_request))]
        # One side that is done ends the other.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        connection.close()
        for way in ways:
            way.cancel()
        self.connections.discard(connection)

    async def take_in(self, reader, frames):
        """What comes is on its way from now on, whatever is on the way before it."""
        try:
            while True:
                await frames.put((self.loop.time(), await read_frame(reader)))
        except (asyncio.IncompleteReadError, OSError):
            await frames.put((self.loop.time(), None))
            # The other end hears of it after what was said before.
            await asyncio.sleep(self.delay + 1)

    async def pass_on(self, connection, frames, writer, is_request):
        while True:
            came, frame = await frames.get()
            if frame is None:
                return
            held = self.take_hold(is_request, self.look_at(connection, frame, is_request))
            if held:
                held.frame, held.connection = frame, connection
                held.caught.set()
                await held.go_on.wait()
            await asyncio.sleep(max(0, came + self.delay - self.loop.time()))
            await self.open.wait()
            if is_request and REQUEST.unpack_from(frame, SIZE.size)[0] in self.unheard:
                connection.close()
            if connection.is_dead:
                return
            try:
                writer.write(frame)
                await writer.drain()
            except OSError:
                return

    def look_at(self, connection, frame, is_request):
        if not is_request:
            correlation, = SIZE.unpack_from(frame, SIZE.size)
            return connection.asked.pop(correlation, None)
        api, _, correlation = REQUEST.unpack_from(frame, SIZE.size)
        connection.asked[correlation] = api
        self.seen[api] += 1
        return api

    def take_hold(self, is_request, api):
        for hold in self.holds:
            if hold[:2] == (is_request, api):
                self.holds.remove(hold)
                return hold[2]
        return None


async def read_frame(reader):
    size = await reader.readexactly(SIZE.size)
    return size + await reader.readexactly(SIZE.unpack(size)[0])
