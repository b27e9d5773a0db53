"""RDB objects, payloads and files made by hand, in every form since Redis 2.6."""
import struct


def _table():
    table = []
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = (crc >> 1) ^ (0x95AC9329AC4BC9B5 if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _table()


def crc64(data, crc=0):
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xff] ^ (crc >> 8)
    return crc


def length(n):
    if n < 64:
        return bytes([n])
    if n < 16384:
        return bytes([0x40 | n >> 8, n & 0xff])
    if n < 1 << 32:
        return b"\x80" + struct.pack(">I", n)
    return b"\x81" + struct.pack(">Q", n)


def string(data):
    data = data if isinstance(data, bytes) else str(data).encode()
    return length(len(data)) + data


def integer(n):
    if -128 <= n < 128:
        return b"\xc0" + struct.pack("<b", n)
    if -32768 <= n < 32768:
        return b"\xc1" + struct.pack("<h", n)
    return b"\xc2" + struct.pack("<i", n)


def payload(kind, body, version=10):
    data = bytes([kind]) + body + struct.pack("<H", version)
    return data + struct.pack("<Q", crc64(data))


# ---- packed forms

def _ziplist_value(value):
    if isinstance(value, int):
        if 0 <= value <= 12:
            return bytes([0xf1 + value])
        for low, code, size in ((1 << 7, 0xfe, 1), (1 << 15, 0xc0, 2), (1 << 23, 0xf0, 3), (1 << 31, 0xd0, 4),
                                (1 << 63, 0xe0, 8)):
            if -low <= value < low:
                return bytes([code]) + value.to_bytes(size, "little", signed=True)
    if len(value) < 64:
        return bytes([len(value)]) + value
    if len(value) < 16384:
        return bytes([0x40 | len(value) >> 8, len(value) & 0xff]) + value
    return b"\x80" + struct.pack(">I", len(value)) + value


def ziplist(values):
    body, last, before = b"", 10, 0
    for value in values:
        last = 10 + len(body)
        entry = (bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)) + _ziplist_value(value)
        before = len(entry)
        body += entry
    return struct.pack("<IIH", 11 + len(body), last, min(len(values), 0xffff)) + body + b"\xff"


def zipmap(pairs):
    def size(n):
        return bytes([n]) if n < 254 else b"\xfe" + struct.pack("<I", n)
    body = b"".join(size(len(f)) + f + size(len(v)) + b"\x02" + v + b"??" for f, v in pairs)
    return bytes([min(len(pairs), 254)]) + body + b"\xff"


def intset(numbers):
    size = 2 if all(-1 << 15 <= n < 1 << 15 for n in numbers) else 4 if all(-1 << 31 <= n < 1 << 31 for n in numbers) else 8
    return struct.pack("<II", size, len(numbers)) + b"".join(
        n.to_bytes(size, "little", signed=True) for n in sorted(numbers))


def listpack(values):
    body = b""
    for value in values:
        if isinstance(value, int):
            if 0 <= value < 128:
                item = bytes([value])
            elif -4096 <= value < 4096:
                item = bytes([0xc0 | (value >> 8 & 0x1f), value & 0xff])
            else:
                for bits, code in ((16, 0xf1), (24, 0xf2), (32, 0xf3), (64, 0xf4)):
                    if -1 << bits - 1 <= value < 1 << bits - 1:
                        item = bytes([code]) + value.to_bytes(bits // 8, "little", signed=True)
                        break
        elif len(value) < 64:
            item = bytes([0x80 | len(value)]) + value
        elif len(value) < 4096:
            item = bytes([0xe0 | len(value) >> 8, len(value) & 0xff]) + value
        else:
            item = b"\xf0" + struct.pack("<I", len(value)) + value
        body += item + _back(len(item))
    return struct.pack("<IH", 7 + len(body), min(len(values), 0xffff)) + body + b"\xff"


def _back(n):
    """A length backwards: groups of seven bits, the highest first; all but the first byte are marked."""
    groups = [n & 0x7f]
    while n >> 7:
        n >>= 7
        groups.append(n & 0x7f)
    groups.reverse()
    return bytes([groups[0]] + [g | 0x80 for g in groups[1:]])


def old_double(value):
    if value in (float("inf"), float("-inf")):
        return b"\xfe" if value > 0 else b"\xff"
    text = ("%.17g" % value).encode()
    return bytes([len(text)]) + text


def stream_id(ms, seq):
    return struct.pack(">QQ", ms, seq)


def first_stream():
    """Type 15: two entries, a group with what is pending of one consumer."""
    node = listpack([2, 0, 1, b"f", 0,  # count, deleted, fields of the master
                     2, 0, 0, b"one", 4,  # same fields: flags, ms, seq, value, elements
                     2, 5, 1, b"two", 4])
    entries = length(1) + string(stream_id(100, 1)) + string(node)
    facts = length(2) + length(105) + length(2)
    pending = length(1) + stream_id(100, 1) + struct.pack("<q", 1700000000000) + length(3)
    consumer = string(b"alice") + struct.pack("<q", 1700000000001) + length(1) + stream_id(100, 1)
    group = string(b"g") + length(100) + length(1) + pending + length(1) + consumer
    return entries + facts + length(1) + group


def objects():
    """(name, type, body, the commands that make the same value)"""
    pairs = [(b"f%d" % i, b"value %d" % i) for i in range(20)]
    flat = [x for pair in pairs for x in pair]
    numbers = [0, 12, 13, -1, 127, -128, 32767, -32768, 40000, 8388607, -8388608, 2147483647, 1 << 40, -(1 << 62)]
    mixed = numbers + [b"", b"x" * 63, b"y" * 64, b"z" * 300, b"w" * 20000, b"end"]
    scored = [(b"a", -1.5), (b"b", 0.0), (b"c", 3.0), (b"d", 1e300), (b"e", float("inf"))]
    yield "string", 0, string(b"hello"), [["SET", "k", "hello"]]
    yield "integers", 0, integer(-70000), [["SET", "k", "-70000"]]
    yield "list", 1, length(len(mixed)) + b"".join(string(x) for x in mixed), [["RPUSH", "k"] + mixed]
    yield "ziplist", 10, string(ziplist(mixed)), [["RPUSH", "k"] + mixed]
    yield "quicklist", 14, length(2) + string(ziplist(mixed)) + string(ziplist(flat)), [["RPUSH", "k"] + mixed + flat]
    yield "quicklist2", 18, (length(3) + length(2) + string(listpack(mixed)) + length(1) + string(b"p" * 9000) +
                             length(2) + string(listpack(flat))), [["RPUSH", "k"] + mixed + [b"p" * 9000] + flat]
    yield "set", 2, length(20) + b"".join(string(f) for f, _ in pairs), [["SADD", "k"] + [f for f, _ in pairs]]
    yield "set of numbers", 2, length(len(numbers)) + b"".join(string(n) for n in numbers), [["SADD", "k"] + numbers]
    yield "intset 2", 11, string(intset([3, 1, -7])), [["SADD", "k", 3, 1, -7]]
    yield "intset 4", 11, string(intset([3, 70000])), [["SADD", "k", 3, 70000]]
    yield "intset 8", 11, string(intset(numbers)), [["SADD", "k"] + numbers]
    yield "big intset", 11, string(intset(list(range(600)))), [["SADD", "k"] + list(range(600))]
    zadd = [x for member, score in scored for x in (repr(score), member)]
    yield "zset", 3, length(5) + b"".join(string(m) + old_double(s) for m, s in reversed(scored)), [["ZADD", "k"] + zadd]
    yield "zset2", 5, length(5) + b"".join(string(m) + struct.pack("<d", s) for m, s in reversed(scored)), [
        ["ZADD", "k"] + zadd]
    flat_scored = [b"a", b"-1.5", b"b", 0, b"c", 3, b"d", b"1e+300", b"e", b"inf"]
    yield "zset ziplist", 12, string(ziplist(flat_scored)), [["ZADD", "k"] + zadd]
    yield "zset listpack", 17, string(listpack(flat_scored)), [["ZADD", "k"] + zadd]
    many = [(b"m%04d" % i, float(i)) for i in range(300)]
    yield "zset table", 5, length(300) + b"".join(string(m) + struct.pack("<d", s) for m, s in reversed(many)), [
        ["ZADD", "k"] + [x for m, s in many for x in (int(s), m)]]
    yield "hash", 4, length(20) + b"".join(string(x) for x in flat), [["HSET", "k"] + flat]
    yield "zipmap", 9, string(zipmap(pairs + [(b"long", b"L" * 300)])), [["HSET", "k"] + flat + [b"long", b"L" * 300]]
    yield "hash ziplist", 13, string(ziplist(flat)), [["HSET", "k"] + flat]
    yield "hash listpack", 16, string(listpack(flat)), [["HSET", "k"] + flat]
    yield "stream", 15, first_stream(), [
        ["XADD", "k", "100-1", "f", "one"], ["XADD", "k", "105-2", "f", "two"], ["XGROUP", "CREATE", "k", "g", "0"],
        ["XREADGROUP", "GROUP", "g", "alice", "COUNT", "1", "STREAMS", "k", ">"]]


def with_field_times(soonest_ms):
    """Hashes with times of Redis 7.4 and Valkey 9: (name, version, type, body); field b expires at soonest_ms + 5."""
    first, second, third = (string(x) for x in (b"a", b"b", b"c"))
    stamp = struct.pack("<q", soonest_ms)
    times = [soonest_ms, soonest_ms + 5, 0]
    fields = [first + string(b"1"), second + string(b"2"), third + string(b"3")]
    yield "absolute", 12, 22, length(3) + b"".join(length(t) + f for t, f in zip(times, fields))
    yield "differences", 12, 24, stamp + length(3) + b"".join(
        length(t - soonest_ms + 1 if t else 0) + f for t, f in zip(times, fields))
    flat = listpack([b"a", 1, times[0], b"b", 2, times[1], b"c", 3, 0])
    yield "listpack, absolute", 12, 23, string(flat)
    yield "listpack", 12, 25, stamp + string(flat)
    yield "Valkey", 80, 22, length(3) + b"".join(f + struct.pack("<q", t or -1) for t, f in zip(times, fields))


def file(version, parts, magic=b"REDIS%04d", checksum=True):
    data = magic % version + b"".join(parts) + b"\xff"
    if version < 5:
        return data
    return data + struct.pack("<Q", crc64(data) if checksum else 0)
