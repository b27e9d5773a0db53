"""What made other servers crash, hang, allocate without bound or write out of bounds: here each of it is answered.

Where redis-server 7.0 survives the same, the answers are its own; tests marked tessera_only are about newer commands or
about what it does not survive.
"""
import random

import pytest

from tests.support.resp import ReplyError, encode
from tests.support.seed import new_seed
from tests.support.server import redis_under_test

TOP = (1 << 63) - 1
OUT_OF_RANGE = ReplyError("ERR value is out of range")
NO_INTEGER = ReplyError("ERR value is not an integer or out of range")
TOO_LARGE = ReplyError("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
BIT_OFFSET = ReplyError("ERR bit offset is not an integer or out of range")
INVALID_ARGUMENTS = ReplyError("ERR Invalid arguments specified for command")


@pytest.fixture
def client(standalone):
    with standalone.connect() as connection:
        connection.call("FLUSHALL")
        yield connection
        assert connection.call("PING") == "PONG"


# ---- streams

def read_by_group(client, entries):
    client.call("XGROUP", "CREATE", "s", "g", 0, "MKSTREAM")
    client.pipeline([("XADD", "s", "%d-1" % i, "f", "v") for i in range(1, entries + 1)])
    client.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")


def test_xautoclaim_with_deleted_entries_and_huge_counts(client):
    read_by_group(client, 5)
    client.call("XDEL", "s", "2-1", "4-1")
    for count in (TOP, TOP // 16 + 1, 0, -1):
        assert client.call("XAUTOCLAIM", "s", "g", "d", 0, 0, "COUNT", count) == ReplyError("ERR COUNT must be > 0")
    if not redis_under_test():  # which asks for memory for all of them
        assert client.call("XAUTOCLAIM", "s", "g", "d", 0, "5-1", "COUNT", TOP // 16, "JUSTID") == [b"0-0", [b"5-1"], []]
    assert client.call("XAUTOCLAIM", "s", "g", "d", 0, 0, "COUNT", 2, "JUSTID") == [b"3-1", [b"1-1"], [b"2-1"]]
    assert client.call("XAUTOCLAIM", "s", "g", "d", 0, "3-1", "COUNT", 100000, "JUSTID") == [b"0-0", [b"3-1", b"5-1"], [b"4-1"]]
    assert client.call("XPENDING", "s", "g")[0] == 3


def test_xautoclaim_when_everything_is_deleted(client):
    read_by_group(client, 300)
    client.call("XTRIM", "s", "MAXLEN", 0)
    gone, start = [], b"0-0"
    for _ in range(4):
        start, claimed, deleted = client.call("XAUTOCLAIM", "s", "g", "d", 0, start)
        assert claimed == []
        gone += deleted
    assert start == b"0-0" and gone == [b"%d-1" % i for i in range(1, 301)]
    assert client.call("XPENDING", "s", "g")[0] == 0


@pytest.mark.tessera_only
def test_xackdel_with_100000_ids(client):
    count = 100000
    read_by_group(client, count)
    ids = ["%d-1" % i for i in range(1, count + 1)]
    assert client.call("XACKDEL", "s", "g", "IDS", count, *ids) == [1] * count
    assert client.call("XLEN", "s") == 0
    assert client.call("XACKDEL", "s", "g", "IDS", 3, *ids[:3]) == [-1] * 3
    for wrong in (4, 2, 0, -1, TOP, TOP + 1, "x", ""):
        assert isinstance(client.call("XACKDEL", "s", "g", "IDS", wrong, *ids[:3]), ReplyError)


# ---- strings and bits

def test_setrange_near_2_63(client):
    client.call("SET", "k", "v")
    for offset in (TOP, TOP - 1, TOP - 2, 1 << 62, 1 << 32, 536870911, 536870912):
        assert client.call("SETRANGE", "k", offset, "xx") == TOO_LARGE
    for offset in (-1, -TOP - 1):
        assert client.call("SETRANGE", "k", offset, "xx") == ReplyError("ERR offset is out of range")
    assert client.call("SETRANGE", "k", TOP + 1, "xx") == NO_INTEGER
    assert client.call("SETRANGE", "k", TOP, "") == 1
    assert client.call("GET", "k") == b"v"


def test_bits_near_2_63(client):
    for offset in (1 << 32, TOP, TOP // 8, -1, TOP + 1):
        assert client.call("SETBIT", "k", offset, 1) == BIT_OFFSET
    for offset in (1 << 32, TOP, -1, TOP + 1, "#%d" % TOP, "#%d" % (1 << 29), "#-1", "#", ""):
        assert client.call("BITFIELD", "k", "SET", "u8", offset, 1) == BIT_OFFSET
        assert client.call("BITFIELD", "k", "GET", "i64", offset) == BIT_OFFSET
    assert client.call("BITFIELD", "k", "INCRBY", "i64", 0, TOP, "INCRBY", "i64", 0, TOP, "OVERFLOW", "SAT", "INCRBY", "i64", 0, -TOP - 1) == [TOP, -2, -TOP - 1]
    if not redis_under_test():  # where a factor of eight wraps round to offset 0
        assert client.call("BITFIELD", "k", "SET", "u8", "#%d" % (1 << 61), 1) == BIT_OFFSET


def test_strings_past_proto_max_bulk_len(client):
    limit = 1 << 20
    client.call("CONFIG", "SET", "proto-max-bulk-len", limit)
    try:
        assert client.call("SETRANGE", "k", limit - 1, "x") == limit
        assert client.call("SETRANGE", "k", limit - 1, "xx") == TOO_LARGE
        assert client.call("SETRANGE", "k", limit, "x") == TOO_LARGE
        assert client.call("APPEND", "k", "x") == TOO_LARGE
        assert client.call("SETBIT", "b", limit * 8 - 1, 1) == 0
        assert client.call("SETBIT", "b", limit * 8, 1) == BIT_OFFSET
        assert client.call("BITFIELD", "b", "SET", "u8", limit * 8, 1) == BIT_OFFSET
        assert client.call("STRLEN", "b") == limit
    finally:
        client.call("CONFIG", "SET", "proto-max-bulk-len", 512 << 20)


# ---- numbers

def test_hincrbyfloat_to_nan(client):
    for start in ("inf", "-inf", "infinity", "1e4932"):
        client.call("HSET", "h", "f", start)
        assert client.call("HINCRBYFLOAT", "h", "f", "-1e4932" if start == "-inf" else "1e4932") == \
            ReplyError("ERR increment would produce NaN or Infinity")
        for by in ("inf", "-inf"):
            assert client.call("HINCRBYFLOAT", "h", "f", by) == ReplyError("ERR value is NaN or Infinity")
        assert client.call("HINCRBYFLOAT", "h", "f", "nan") == ReplyError("ERR value is not a valid float")
        assert client.call("HGET", "h", "f") == start.encode()
    client.call("HSET", "h", "f", "nan")
    assert client.call("HINCRBYFLOAT", "h", "f", 1) == ReplyError("ERR hash value is not a float")
    assert client.call("ZADD", "z", "inf", "m") == 1
    assert client.call("ZINCRBY", "z", "-inf", "m") == ReplyError("ERR resulting score is not a number (NaN)")


def draws(client, count):
    client.call("SADD", "s", "a", "b")
    client.call("HSET", "h", "f", "v")
    client.call("ZADD", "z", 1, "a")
    for command in (("SRANDMEMBER", "s"), ("HRANDFIELD", "h"), ("ZRANDMEMBER", "z")):
        yield client.call(*command, count)
        if command[0] != "SRANDMEMBER":
            yield client.call(*command, count, "WITHVALUES" if command[0] == "HRANDFIELD" else "WITHSCORES")


def test_random_members_near_minus_2_63(client):
    lowest = ReplyError("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")
    assert list(draws(client, -TOP - 1)) == [lowest] * 5
    assert list(draws(client, -TOP - 2)) == list(draws(client, TOP + 1)) == [NO_INTEGER] * 5
    for count in (-(TOP // 2) - 1, TOP // 2 + 1):
        assert client.call("HRANDFIELD", "h", count, "WITHVALUES") == client.call("ZRANDMEMBER", "z", count, "WITHSCORES") == OUT_OF_RANGE
    assert client.call("SRANDMEMBER", "s", TOP) in ([b"a", b"b"], [b"b", b"a"])
    assert client.call("HRANDFIELD", "h", TOP) == [b"f"]
    assert client.call("ZRANDMEMBER", "z", TOP) == [b"a"]
    assert client.call("SPOP", "s", -1) == ReplyError("ERR value is out of range, must be positive")
    assert sorted(client.call("SPOP", "s", TOP)) == [b"a", b"b"]


@pytest.mark.tessera_only
def test_replies_as_long_as_the_asker_wishes(client):
    """redis-server begins to build them."""
    for count in (-TOP, -TOP // 4, -(1 << 40)):
        assert list(draws(client, count)) == [OUT_OF_RANGE] * 5


def test_sort_limits_that_overflow(client):
    client.call("RPUSH", "l", 3, 1, 2)
    limits = {(TOP, TOP): [], (-TOP - 1, TOP): [b"1", b"2", b"3"], (1, TOP): [b"2", b"3"], (TOP, -1): [], (-1, -1): [b"1", b"2", b"3"],
              (0, -TOP - 1): [b"1", b"2", b"3"], (2, TOP - 1): [b"3"], (-5, 2): [b"1", b"2"], (TOP + 1, 1): NO_INTEGER}
    for limit, expected in limits.items():
        assert client.call("SORT", "l", "LIMIT", *limit) == expected
        if not isinstance(expected, ReplyError):
            assert client.call("SORT", "l", "LIMIT", *limit, "STORE", "d") == len(expected)
    client.call("ZADD", "z", 1, "a", 2, "b")
    assert client.call("ZRANGEBYSCORE", "z", "-inf", "+inf", "LIMIT", 1, TOP) == [b"b"]
    assert client.call("ZRANGEBYSCORE", "z", "-inf", "+inf", "LIMIT", TOP, TOP) == []
    assert client.call("LRANGE", "l", -TOP - 1, TOP) == [b"3", b"1", b"2"]
    assert client.call("LRANGE", "l", TOP, -TOP - 1) == []


# ---- patterns

def test_a_pattern_of_many_stars(client):
    """Matched step by step it would take longer than the universe has been there."""
    key = "a" * 300
    client.call("SET", key, 1)
    client.call("HSET", "h", key, 1)
    client.call("SADD", "s", key, "b")
    pattern = "a*" * 60 + "b"
    assert client.call("KEYS", pattern) == []
    assert client.call("KEYS", "a*" * 60) == [key.encode()]
    assert client.call("SCAN", 0, "MATCH", pattern, "COUNT", 1000)[1] == []
    assert client.call("HSCAN", "h", 0, "MATCH", pattern)[1] == []
    assert client.call("SSCAN", "s", 0, "MATCH", pattern)[1] == []
    assert client.call("KEYS", "[" * 1000 + "\\" * 3) == []
    assert client.call("CONFIG", "GET", pattern) in ([], {})


# ---- HyperLogLogs

CORRUPTED = ReplyError("INVALIDOBJ Corrupted HLL object detected")
NOT_ONE = ReplyError("WRONGTYPE Key is not a valid HyperLogLog string value.")
SPARSE = b"HYLL\x01\0\0\0" + b"\0" * 7 + b"\x80"


def test_corrupt_hyperloglogs(client):
    for bad in (b"", b"HYLL", b"HYLL\0" + b"\0" * 11, b"HYLL\x02" + b"\0" * 11, b"HYLL\0\0\0\0" + b"\0" * 7 + b"\x80" + b"\0" * 12287, b"x" * 12304):
        client.call("SET", "k", bad)
        assert client.call("PFCOUNT", "k") == client.call("PFADD", "k", "a") == client.call("PFMERGE", "d", "k") == NOT_ONE
    # Runs that are too short or too long for the registers.
    for runs in (b"\x7f\xfe", b"\xff" * 5, b"\0" * 10, b"\x7f\xff\x7f\xff", b"\x7f\xff\x00", b"\x7f\xff\x80", b""):
        client.call("SET", "k", SPARSE + runs)
        assert client.call("PFCOUNT", "k") == CORRUPTED, runs
        assert client.call("PFMERGE", "d", "k") == CORRUPTED, runs
        assert client.call("PFDEBUG", "TODENSE", "k") == CORRUPTED, runs


@pytest.mark.tessera_only
def test_hyperloglogs_with_bytes_turned_over(client):
    """Whatever is in there: an answer or an error, and nothing beyond the value."""
    seed = new_seed(31)
    print("seed", seed)
    rng = random.Random(seed)
    client.call("PFADD", "sparse", *range(100))
    client.call("PFADD", "dense", *range(20000))
    values = {"sparse": client.call("GET", "sparse"), "dense": client.call("GET", "dense")}
    for _ in range(300):
        value = bytearray(rng.choice(list(values.values())))
        for _ in range(rng.choice((1, 2, 20))):
            value[rng.randrange(len(value))] = rng.choice((0, 0x7f, 0x80, 0xff, rng.randrange(256)))
        if rng.random() < 0.2:
            value = value[:rng.randrange(len(value))]
        replies = client.pipeline([("SET", "k", bytes(value)), ("PFCOUNT", "k"), ("PFADD", "k", *range(20)), ("PFCOUNT", "k", "sparse"),
                                   ("PFMERGE", "d", "k", "dense"), ("PFDEBUG", "DECODE", "k"), ("PFDEBUG", "GETREG", "k"), ("PFCOUNT", "d")])
        assert replies[0] == "OK"
        client.call("DEL", "d")


# ---- places

def test_georadius_with_store_twice(client):
    client.call("GEOADD", "g", 1, 1, "a", 2, 2, "b")
    radius = ("GEORADIUS", "g", 1, 1, 1000, "km")
    assert client.call(*radius, "STORE", "d1", "STORE", "d2") == 2
    assert client.call("EXISTS", "d1", "d2", "d2") == 2  # the last one counts
    assert client.call(*radius, "STORE", "d3", "STOREDIST", "d4") == 2
    assert client.call("EXISTS", "d3") == 0
    assert client.call("ZSCORE", "d4", "a") == b"0.00027360443958637" or float(client.call("ZSCORE", "d4", "a")) < 1
    assert client.call(*radius, "STOREDIST", "d5", "STORE", "d6") == 2
    assert client.call("EXISTS", "d5") == 0
    assert client.call(*radius, "STORE") == ReplyError("ERR syntax error")
    assert client.call(*radius, "STORE", "g", "STORE", "g") == 2
    assert client.call("ZCARD", "g") == 2


# ---- keys of commands

def test_getkeys_with_wrong_counts(client):
    for count in (0, -1, 3, TOP, "x", "", -TOP - 1, TOP + 1, "99999999999999999999999"):
        for command in (("ZUNION", count, "a", "b"), ("LMPOP", count, "a", "LEFT"), ("SINTERCARD", count, "a", "b"), ("BZMPOP", 0, count, "a", "MIN"),
                        ("ZUNIONSTORE", "d", count, "a", "b")):
            if count == 3 and len(command) == 4 and command[0] == "LMPOP" or command[0] == "BZMPOP" and count == 3:
                continue
            for what in ("GETKEYS", "GETKEYSANDFLAGS"):
                assert client.call("COMMAND", what, *command) == INVALID_ARGUMENTS, command
    assert client.call("COMMAND", "GETKEYS", "ZUNIONSTORE", "d", "2", "a", "b") == [b"d", b"a", b"b"]
    assert client.call("COMMAND", "GETKEYS", "ZUNIONSTORE", "d", "02", "a", "b") == [b"a", b"b", b"d"]
    assert client.call("COMMAND", "GETKEYS", "XREAD", "STREAMS", "a", "b", "c", "0") != INVALID_ARGUMENTS
    assert client.call("COMMAND", "GETKEYS", "SORT", "k", "STORE") == [b"k"]


# ---- times

@pytest.mark.tessera_only
def test_times_of_fields_near_2_63(client):
    def one(command, at):
        client.call("HSET", "h", "f", "v", "g", "w")
        return client.call(command, "h", at, "FIELDS", 1, "f")

    def wrong(command):
        return ReplyError("ERR invalid expire time in '%s' command" % command.lower())

    for at in (TOP, TOP - 1, 1 << 62):
        assert one("HPEXPIREAT", at) == [1]
        assert client.call("HPEXPIRETIME", "h", "FIELDS", 1, "f") == [at]
        assert client.call("HEXPIRETIME", "h", "FIELDS", 1, "f") == [(at + 500) // 1000]
        assert client.call("HPTTL", "h", "FIELDS", 1, "f")[0] > 1 << 61
        assert client.call("RESTORE", "copy", 0, client.call("DUMP", "h"), "REPLACE") == "OK"
        assert client.call("HPEXPIRETIME", "copy", "FIELDS", 1, "f") == [at]
        assert client.call("HGET", "h", "f") == b"v"
        for command in ("HEXPIREAT", "HEXPIRE"):
            assert one(command, at) == wrong(command)
    for at in (TOP, TOP - 1):
        assert one("HPEXPIRE", at) == wrong("HPEXPIRE")
        assert client.call("HGETEX", "h", "PX", at, "FIELDS", 1, "f") == wrong("HGETEX")
    for command in ("HPEXPIREAT", "HEXPIREAT", "HPEXPIRE", "HEXPIRE"):
        for at in (-1, -TOP - 1):
            assert one(command, at) == wrong(command)
        assert one(command, TOP + 1) == NO_INTEGER
    assert client.call("HPERSIST", "h", "FIELDS", 1, "f") in ([1], [-1])
    assert client.call("HLEN", "h") == 2


def test_times_of_keys_near_2_63(client):
    def wrong(command):
        return ReplyError("ERR invalid expire time in '%s' command" % command.lower())

    client.call("SET", "k", "v")
    for at in (TOP, TOP - 1, 1 << 62):
        for command in ("EXPIRE", "EXPIREAT"):
            assert client.call(command, "k", at) == wrong(command)
        assert client.call("SET", "k", "v", "EX", at) == wrong("SET")
    for at in (TOP, TOP - 1):
        assert client.call("PEXPIRE", "k", at) == wrong("PEXPIRE")
        assert client.call("SET", "k", "v", "PX", at) == wrong("SET")
    assert client.call("PEXPIREAT", "k", TOP) == 1
    assert client.call("PEXPIRETIME", "k") == TOP
    assert client.call("GET", "k") == b"v"
    assert client.call("EXPIRE", "k", -TOP - 1) == wrong("EXPIRE")
    assert client.call("PEXPIREAT", "k", -TOP - 1) == 1  # long gone
    assert client.call("EXISTS", "k") == 0


def test_a_pipeline_of_traps(standalone, client):
    """All at once, on a connection that goes on."""
    client.send(b"".join(encode(*command) for command in (
        ("SETRANGE", "k", TOP, "x"), ("SORT", "none", "LIMIT", TOP, TOP), ("KEYS", "a*" * 40 + "b"), ("SRANDMEMBER", "none", -TOP), ("PING",))))
    assert [client.read() for _ in range(5)] == [TOO_LARGE, [], [], [], "PONG"]


def test_counts_of_streams_near_2_63_are_dumped_and_restored(client):
    """What commands set, DUMP tells and RESTORE takes."""
    assert client.call("XADD", "s", "5-1", "a", "1") == b"5-1"
    assert client.call("XGROUP", "CREATE", "s", "g", "0", "ENTRIESREAD", TOP - 1) == "OK"
    assert client.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">") is not None
    assert client.call("XADD", "s", "5-2", "a", "1") == b"5-2"
    assert client.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">") is not None
    assert client.call("XCLAIM", "s", "g", "c", 0, "5-1", "RETRYCOUNT", TOP, "JUSTID") == [b"5-1"]
    assert client.call("XGROUP", "SETID", "s", "g", "5-2", "ENTRIESREAD", TOP) == "OK"
    assert client.call("XSETID", "s", "5-2", "ENTRIESADDED", TOP, "MAXDELETEDID", "0-0") == "OK"

    def told(key):
        stream, group = client.call("XINFO", "STREAM", key), client.call("XINFO", "GROUPS", key)
        return stream, group, [entry[:2] + entry[3:] for entry in client.call("XPENDING", key, "g", "-", "+", 10)]
    assert client.call("RESTORE", "copy", 0, client.call("DUMP", "s"), "REPLACE") == "OK"
    before, after = told("s"), told("copy")
    assert after[1:] == before[1:] and before[2][0][-1] == TOP
    assert after[0][after[0].index(b"entries-added") + 1] == TOP
