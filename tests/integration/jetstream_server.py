#!/usr/bin/env python3
"""A Jetstream on loopback that plays lines from a file, for tests.

It prints its port as the first line of standard output, then one JSON line for every connection:
{"path", "query", "status", "from"}. It runs until it is terminated.

LINES holds one event a line in the form of the v1 wire (captured or made). With --wire v2 each is
sent in the v2 envelope, its number being the line's (from 1, plus --first-seq). A line that is
already a v2 envelope, or no JSON at all, is sent as it is. Without a cursor everything is played;
cursors are inclusive. The lines below --floor are treated as no longer kept.
"""
import argparse
import asyncio
import datetime
import http
import json
import logging
import ssl
import struct
import sys
import urllib.parse

import websockets

V1_PATH = "/subscribe"
V2_PATH = "/xrpc/network.bsky.jetstream.subscribeEvents"
NSID = "network.bsky.jetstream.subscribeEvents"


class Event:
    def __init__(self, line, seq):
        self.raw = line
        self.seq = seq
        self.time_us = None
        self.kind = None
        self.collection = None
        self.did = None
        self.body = None
        try:
            body = json.loads(line)
        except ValueError:
            return
        if not isinstance(body, dict) or "time_us" not in body:
            return
        self.body = body
        self.time_us = body["time_us"]
        self.kind = body.get("kind")
        self.did = body.get("did")
        self.collection = body.get("commit", {}).get("collection")

    def frame(self, wire):
        if wire == "v1" or self.body is None:
            return self.raw
        when = datetime.datetime.fromtimestamp(self.time_us // 1000000, datetime.timezone.utc)
        stamp = "%s.%06dZ" % (when.strftime("%Y-%m-%dT%H:%M:%S"), self.time_us % 1000000)
        payload = {"$type": f"{NSID}#{self.kind}", "seq": self.seq, "did": self.did, "time": stamp,
                   "witnessedAt": stamp}
        if self.kind == "commit":
            payload.update(self.body["commit"])
        else:
            payload[self.kind] = self.body[self.kind]
        return json.dumps({"$type": "message", "payload": payload}, ensure_ascii=False)


class Refused(Exception):
    def __init__(self, status, body, headers=()):
        super().__init__(status)
        self.status, self.body, self.headers = status, body, list(headers)


class Server:
    def __init__(self, args):
        self.args = args
        with open(args.lines, encoding="utf-8") as file:
            lines = [line for line in file.read().split("\n") if line]
        self.events = [Event(line, args.first_seq + i) for i, line in enumerate(lines, 1)]
        self.refusals = args.refuse_first
        self.cuts = list(args.drop_after)
        self.cut_ways = list(args.drop_how)
        self.connections = 0
        # What process_request decided for the connection whose handler runs next.
        self.plans = {}

    # Where to begin, and a notice to send first.
    def plan(self, query):
        cursor = query.get("cursor", [""])[0]
        kept = self.events[self.args.floor:]
        if not cursor:
            return kept, None
        cursor = int(cursor)
        oldest = next((e for e in kept if e.time_us is not None), None)
        if cursor >= 10**15:
            newest = max((e.time_us for e in self.events if e.time_us), default=0)
            if cursor > newest:
                return [], None
            clamped = self.args.floor > 0 and oldest is not None and cursor < oldest.time_us
            first = next((i for i, e in enumerate(kept) if (e.time_us or 0) >= cursor), len(kept))
            return kept[first:], "OutdatedCursor" if clamped else None
        if kept and cursor < kept[0].seq:
            if self.args.wire == "v2":
                raise Refused(400, json.dumps({
                    "error": "CursorTooOld",
                    "message": f"cursor {cursor} is below the floor {kept[0].seq}"}))
            return kept, None
        if self.events and cursor > self.events[-1].seq + 1:
            return kept[len(kept):], "FutureCursor"
        return [e for e in kept if e.seq >= cursor], None

    def wanted(self, event, query):
        v1 = self.args.wire == "v1"
        collections = query.get("wantedCollections" if v1 else "collections", [])
        dids = query.get("wantedDids" if v1 else "dids", [])
        kinds = [] if v1 else query.get("kinds", [])
        if event.body is None:
            return True
        if dids and event.did not in dids:
            return False
        if kinds and event.kind not in kinds:
            return False
        if event.kind != "commit" or not collections:
            return True
        return any(event.collection == c or (c.endswith(".*") and
                   event.collection.startswith(c[:-1])) for c in collections)

    def tell(self, path, query, status, events):
        first = events[0].seq if events else None
        print(json.dumps({"path": path, "query": query, "status": status, "from": first}),
              flush=True)

    async def process_request(self, target, headers):
        parts = urllib.parse.urlsplit(target)
        query = urllib.parse.parse_qs(parts.query)
        try:
            if self.args.stall_handshake:
                await asyncio.sleep(3600)
            if self.refusals > 0:
                self.refusals -= 1
                raise Refused(503, "not ready", [("Retry-After", "7")])
            if parts.path != (V1_PATH if self.args.wire == "v1" else V2_PATH):
                raise Refused(404, "no such path")
            foreign = {"wantedCollections", "wantedDids"} & set(query)
            if self.args.wire == "v2" and foreign:
                raise Refused(400, json.dumps({"error": "InvalidRequest", "message": str(foreign)}))
            events, notice = self.plan(query)
        except Refused as refused:
            self.tell(parts.path, query, refused.status, [])
            return http.HTTPStatus(refused.status), refused.headers, refused.body.encode()
        events = [e for e in events if self.wanted(e, query)]
        self.tell(parts.path, query, 101, events)
        self.plans[target] = (events, notice)
        return None

    # Ends the connection as a network or a dying server does.
    async def cut(self, socket, way, frame):
        if way == "close":
            await socket.close(1001, "going away")
            return
        if way == "midframe":
            payload = frame.encode()
            size = len(payload)
            head = struct.pack("!BB", 0x81, size) if size < 126 else (
                struct.pack("!BBH", 0x81, 126, size) if size < 65536 else
                struct.pack("!BBQ", 0x81, 127, size))
            socket.transport.write(head + payload[:size // 2])
        # What was written leaves before the abort.
        while socket.transport.get_write_buffer_size() > 0:
            await asyncio.sleep(0)
        socket.transport.abort()

    async def serve(self, socket):
        events, notice = self.plans.pop(socket.path)
        self.connections += 1
        cut_after = self.cuts.pop(0) if self.cuts else None
        way = self.cut_ways[(self.connections - 1) % len(self.cut_ways)]
        if self.args.mute:
            socket.transport.pause_reading()
        if notice and self.args.wire == "v2":
            await socket.send(json.dumps({"$type": "message", "payload": {
                "$type": f"{NSID}#info", "name": notice, "message": "see name"}}))
        for sent, event in enumerate(events):
            frame = event.frame(self.args.wire)
            if cut_after is not None and sent >= cut_after:
                await self.cut(socket, way, frame)
                return
            await socket.send(frame)
            if self.args.pace:
                await asyncio.sleep(1 / self.args.pace)
        if cut_after is not None:
            await self.cut(socket, way, "{}")
            return
        if self.args.end_error:
            await socket.send(json.dumps({"$type": "error", "error": self.args.end_error}))
        await socket.wait_closed()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", required=True, metavar="FILE", help="events, one a line")
    parser.add_argument("--wire", choices=["v1", "v2"], default="v1")
    parser.add_argument("--cert", metavar="PEM", help="with --key: speak TLS")
    parser.add_argument("--key", metavar="PEM")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: the kernel chooses")
    parser.add_argument("--first-seq", type=int, default=0, metavar="N",
                        help="added to each line's number")
    parser.add_argument("--floor", type=int, default=0, metavar="N", help="lines no longer kept")
    parser.add_argument("--drop-after", type=lambda text: [int(n) for n in text.split(",")],
                        default=[], metavar="N[,N...]",
                        help="cut the first connection after N frames, the second after the next "
                             "N, and so on; later ones are left alone")
    parser.add_argument("--drop-how", type=lambda text: text.split(","), default=["abort"],
                        metavar="WAY[,WAY...]", help="close, abort or midframe, in turn")
    parser.add_argument("--refuse-first", type=int, default=0, metavar="N",
                        help="answer the first N requests with 503 and Retry-After: 7")
    parser.add_argument("--pace", type=float, default=0, metavar="N", help="frames a second")
    parser.add_argument("--end-error", default="", metavar="NAME",
                        help="v2: end with an error frame of that name")
    parser.add_argument("--ping", type=float, default=30, metavar="S", help="0: none")
    parser.add_argument("--mute", action="store_true", help="never read, so never answer a ping")
    parser.add_argument("--stall-handshake", action="store_true", help="never answer the upgrade")
    return parser.parse_args()


async def main():
    args = arguments()
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # cut connections are the point
    server = Server(args)
    tls = None
    if args.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(args.cert, args.key)
    listener = await websockets.serve(
        server.serve, args.host, args.port, ssl=tls, compression=None, max_size=2**20,
        process_request=server.process_request, subprotocols=["xrpc.v1.json"],
        ping_interval=args.ping or None, ping_timeout=None, close_timeout=1)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
