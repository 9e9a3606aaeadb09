"""The few requests of Kafka's protocol that the faults need, to a cluster of one broker."""
import itertools
import socket
import struct

PRODUCE, FETCH, LIST_OFFSETS, OFFSET_FETCH, DELETE_RECORDS, ALTER_CONFIGS = 0, 1, 2, 9, 21, 44
CORRELATION = itertools.count(1)


def text(value):
    encoded = value.encode()
    return struct.pack(">h", len(encoded)) + encoded


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def table():
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82f63b78 if byte & 1 else 0)
        yield byte


TABLE = list(table())


def varint(number):
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(value):
    return varint(-1) if value is None else varint(len(value)) + value


def batch(key, value, stamp):
    """One record as a batch of its own."""
    record = b"\0" + varint(0) + varint(0) + field(key) + field(value) + varint(0)
    counted = struct.pack(">hiqqqhii", 0, 0, stamp, stamp, -1, -1, -1, 1) + varint(len(record)) + record
    body = struct.pack(">iBI", -1, 2, crc32c(counted)) + counted
    return struct.pack(">qi", 0, len(body)) + body


def records_of(path):
    """Offset, key and value of what lies in a segment that is not compressed, but for the marks of transactions."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at + 61 <= len(data):
        base, length = struct.unpack_from(">qi", data, at)
        attributes, = struct.unpack_from(">h", data, at + 21)
        count, = struct.unpack_from(">i", data, at + 57)
        if at + 12 + length > len(data):
            return  # is being written
        assert attributes & 7 == 0, f"{path} is compressed"
        place = at + 61
        for _ in range(count if attributes & 0x20 == 0 else 0):
            size, place = number_at(data, place)
            end = place + size
            _, place = number_at(data, place + 1)
            delta, place = number_at(data, place)
            key, place = field_at(data, place)
            value, _ = field_at(data, place)
            yield base + delta, key, value
            place = end
        at += 12 + length


def number_at(data, at):
    number = shift = 0
    while True:
        number |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return (number >> 1) ^ -(number & 1), at


def field_at(data, at):
    length, at = number_at(data, at)
    return (None, at) if length < 0 else (data[at:at + length], at + length)


def ask(bootstrap, api, version, body):
    """The answer, without its head."""
    head = struct.pack(">hhi", api, version, next(CORRELATION)) + text("faults")
    host, port = bootstrap.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as peer:
        peer.sendall(struct.pack(">i", len(head + body)) + head + body)
        answer = b""
        while len(answer) < 4 or len(answer) < 4 + struct.unpack_from(">i", answer)[0]:
            part = peer.recv(1 << 20)
            assert part, f"no answer to request {api}"
            answer += part
    return answer[8:]


def produce(bootstrap, topic, partition, key, value, stamp):
    records = batch(key, value, stamp)
    answer = ask(bootstrap, PRODUCE, 3, struct.pack(">hhii", -1, -1, 10000, 1) + text(topic)
                 + struct.pack(">iii", 1, partition, len(records)) + records)
    error, = struct.unpack_from(">h", answer, 4 + len(text(topic)) + 8)
    assert error == 0, f"produce to {topic}: error {error}"


def end_of(bootstrap, topic, partition):
    answer = ask(bootstrap, LIST_OFFSETS, 1, struct.pack(">ii", -1, 1) + text(topic)
                 + struct.pack(">iiq", 1, partition, -1))
    error, _, offset = struct.unpack_from(">hqq", answer, 4 + len(text(topic)) + 8)
    assert error == 0, f"end of {topic}: error {error}"
    return offset


def read_to(bootstrap, group, topic, partition):
    answer = ask(bootstrap, OFFSET_FETCH, 1, text(group) + struct.pack(">i", 1) + text(topic)
                 + struct.pack(">ii", 1, partition))
    offset, = struct.unpack_from(">q", answer, 4 + len(text(topic)) + 8)
    return offset


def delete_before(bootstrap, topic, partition, offset):
    """As retention does."""
    answer = ask(bootstrap, DELETE_RECORDS, 1, struct.pack(">i", 1) + text(topic)
                 + struct.pack(">iiqi", 1, partition, offset, 10000))
    error, = struct.unpack_from(">h", answer, 8 + len(text(topic)) + 4 + 4 + 8)
    assert error == 0, f"delete records of {topic}: error {error}"


def configure(bootstrap, topic, values):
    """Changes these properties of a topic and leaves the others."""
    body = struct.pack(">ib", 1, 2) + text(topic) + struct.pack(">i", len(values))
    for name, value in values.items():
        body += text(name) + b"\0" + text(value)
    answer = ask(bootstrap, ALTER_CONFIGS, 0, body + b"\0")
    error, = struct.unpack_from(">h", answer, 8)
    assert error == 0, f"configure {topic}: {answer[10:]}"
