"""RESTORE of payloads of all types and forms with some bytes changed and a checksum that fits: refused, or a value that
commands can work on; never the end of the server, never memory beyond the payload's size class.

TESSERA_DAMAGED_PAYLOADS: how many (500; 10,000 with --long).
"""
import os
import random
import shutil
import struct

import pytest

from tests.persistence import old_forms
from tests.persistence.test_dump_restore import make
from tests.persistence.test_load_files import DATA, SERVERS, start
from tests.support.resp import ReplyError
from tests.support.seed import new_seed
from tests.support.server import Server

LONGEST = 4000
COMMANDS = {
    "string": "GET @|APPEND @ ?|GETRANGE @ # 20|SETRANGE @ # ?|INCR @|STRLEN @|SETBIT @ # 1|BITCOUNT @|PFADD @ ?|PFCOUNT @|"
              "GETDEL @|INCRBYFLOAT @ 1.5",
    "list": "LPUSH @ ?|RPUSH @ ? ?|LPOP @|RPOP @ #|LRANGE @ 0 -1|LINDEX @ #|LSET @ # ?|LINSERT @ BEFORE ? ?|LREM @ 0 ?|"
            "LTRIM @ # -2|LPOS @ ?|LMOVE @ @ LEFT RIGHT|LLEN @",
    "set": "SADD @ ? ?|SREM @ ?|SISMEMBER @ ?|SMEMBERS @|SPOP @|SPOP @ #|SRANDMEMBER @ #|SCARD @|SSCAN @ 0|SINTER @ @|"
           "SUNIONSTORE @ @ @",
    "zset": "ZADD @ # ?|ZINCRBY @ # ?|ZREM @ ?|ZRANGE @ 0 -1 WITHSCORES|ZRANK @ ?|ZPOPMIN @|ZPOPMAX @ #|ZCOUNT @ # 100|"
            "ZREMRANGEBYRANK @ # #|ZSCAN @ 0|ZRANGEBYLEX @ - +|ZUNIONSTORE @ 2 @ @|GEODIST @ ? ?",
    "hash": "HSET @ ? ?|HDEL @ ?|HGET @ ?|HGETALL @|HINCRBY @ # 3|HLEN @|HRANDFIELD @ # WITHVALUES|HSCAN @ 0|"
            "HPEXPIRE @ 100000 FIELDS 1 ?|HTTL @ FIELDS 1 ?|HPERSIST @ FIELDS 1 ?|HVALS @",
    "stream": "XADD @ * ? ?|XADD @ ~ ? ?|XDEL @ ~|XRANGE @ - +|XREVRANGE @ + - COUNT #|XLEN @|XTRIM @ MAXLEN #|"
              "XINFO STREAM @ FULL|XINFO GROUPS @|XGROUP CREATE @ new $|XREADGROUP GROUP g c COUNT 3 STREAMS @ >|"
              "XACK @ g ~|XPENDING @ g - + 10|XAUTOCLAIM @ g d 0 0|XCLAIM @ g d 0 ~ FORCE|XGROUP DESTROY @ g|XSETID @ ~",
}
ANY = "DUMP @|COPY @ {k}other REPLACE|RENAME @ @|EXPIRE @ 1000|PERSIST @|OBJECT ENCODING @|SORT @ ALPHA LIMIT 0 10|TYPE @|" \
      "MEMORY USAGE @ SAMPLES 0|DEBUG DIGEST-VALUE @"


def old_bases():
    """(type byte and value, version) of forms that no server of today writes."""
    for _, kind, body, _ in old_forms.objects():
        yield bytes([kind]) + body, 10
    for _, version, kind, body in old_forms.with_field_times(4102444800000):
        yield bytes([kind]) + body, version


def made_bases(connection, rng):
    for _ in range(60):
        for words in make(rng, "{k}made"):
            connection.call(*words)
        payload = connection.call("DUMP", "{k}made")
        connection.call("DEL", "{k}made")
        if payload and len(payload) < LONGEST:
            yield payload[:-10], 12


def loaded_bases(origin):
    """What a server's file holds."""
    server, folder = start(os.path.join(DATA, origin + ".rdb"))
    try:
        with server, server.connect() as connection:
            for db in range(16):
                connection.call("SELECT", db)
                for key in connection.call("KEYS", "*"):
                    payload = connection.call("DUMP", key)
                    if len(payload) < LONGEST:
                        yield payload[:-10], 12
    finally:
        shutil.rmtree(folder)


def mutated(rng, body):
    body = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not body:
            break
        # Headers and counts lie in front.
        at = rng.randrange(len(body) if rng.random() < 0.5 else min(len(body), 24))
        kind = rng.randrange(8)
        if kind == 0:
            del body[at:]
        elif kind == 1:
            body[at:at] = bytes([rng.randrange(256)]) * rng.randint(1, 4)
        elif kind == 2:
            del body[at:at + rng.randint(1, 4)]
        elif kind == 3:
            body[at] = rng.choice((0, 0xff, 0x7f, 0x80))
        elif kind == 4:
            body[at] = rng.randrange(256)
        else:
            body[at] ^= 1 << rng.randrange(8)
    if body and rng.random() < 0.05:
        body[0] = rng.randrange(30)  # the same bytes as another type
    return bytes(body)


def sealed(body, version):
    data = body + struct.pack("<H", version)
    return data + struct.pack("<Q", old_forms.crc64(data))


def words_of(rng, line, key):
    values = {"@": lambda: key, "?": lambda: rng.choice(("a", "b", "f", "1", "word%d" % rng.randrange(9), "x" * 80)),
              "#": lambda: rng.randrange(12), "~": lambda: "%d-%d" % (rng.randrange(30), rng.randrange(4))}
    return [values[word]() if word in values else word for word in line.split(" ")]


def play(connection, rng, body, version):
    """Whether it was taken."""
    key, payload = "{k}key", sealed(body, version)
    if isinstance(connection.call("RESTORE", key, 0, payload, "REPLACE"), ReplyError):
        return False
    kind = connection.call("TYPE", key)
    usage = connection.call("MEMORY", "USAGE", key, "SAMPLES", 0) or 0
    # A pressed string may be some 90 times as long as its bytes; a member of a table costs more than it says.
    assert usage < 4096 + 256 * len(payload), (usage, len(payload))
    lines = COMMANDS[kind].split("|") if kind != "none" else []
    commands = [words_of(rng, rng.choice(lines if lines and rng.random() < 0.8 else ANY.split("|")), key) for _ in range(8)]
    connection.pipeline(commands)
    again = connection.call("DUMP", key)
    if again:
        assert connection.call("RESTORE", "{k}again", 0, again, "REPLACE") == "OK", "what was dumped cannot be restored"
    return True


def run(shards, rounds):
    seed = new_seed(30)
    print("seed", seed)
    rng = random.Random(seed)
    origins = list(old_bases())
    for origin in SERVERS:
        origins += loaded_bases(origin)
    with Server("--enable-debug-command", "yes", shards=shards) as server, server.connect() as connection:
        origins += made_bases(connection, rng)
        for body, version in origins:
            assert play(connection, rng, body, version), body[:100]
        before, taken = server.rss_bytes(), 0
        for i in range(rounds):
            body, version = rng.choice(origins)
            body = mutated(rng, body)
            version = rng.choice((10, 11, 12, 80)) if rng.random() < 0.1 else version
            try:
                taken += play(connection, rng, body, version)
            except Exception:
                print("round", i, "version", version, "body", body)
                raise
            if i % 100 == 0:
                connection.call("FLUSHALL")
        print(len(origins), "origins,", rounds, "payloads,", taken, "taken,", server.rss_bytes() - before, "bytes more")
        assert server.running() and rounds // 20 < taken < rounds
        # No claim of a count or a length was believed: all payloads are below some kilobytes.
        assert server.rss_bytes() - before < 48 << 20
        assert "CRASHED" not in server.log().upper()


def test_some_payloads():
    run(2, int(os.environ.get("TESSERA_DAMAGED_PAYLOADS", "500")))


@pytest.mark.long
@pytest.mark.parametrize("shards", [1, 4])
def test_many_payloads(shards):
    run(shards, int(os.environ.get("TESSERA_DAMAGED_PAYLOADS", "10000")))
