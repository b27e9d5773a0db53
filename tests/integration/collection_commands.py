"""Commands on collections for the load of test_everything_at_once: random, valid, each type under keys of its own.

`key(kind)` gives a key for a kind of value, `tag(rng)` a maker of keys that one command may name together.
"""

MEMBERS = 600  # listpacks and intsets outgrow their limits, and big values go to the garbage


def members(rng, most=8):
    return [rng.choice(("m%d", "%d")) % rng.randrange(MEMBERS) for _ in range(1 + rng.randrange(most))]


def pairs(rng, first, second):
    return [word for _ in range(1 + rng.randrange(6)) for word in (first(rng), second(rng))]


def member(rng):
    return "m%d" % rng.randrange(MEMBERS)


def value(rng):
    return rng.choice(("v", str(rng.randrange(1000)), "x" * 70, "y" * 1500))


def score(rng):
    return rng.choice((rng.randrange(100), rng.random(), "-inf", "+inf"))


def hash_command(key, rng):
    return rng.choice((
        ("HSET", key, *pairs(rng, member, value)), ("HSET", key, *pairs(rng, member, value)), ("HGET", key, member(rng)),
        ("HMGET", key, *members(rng)), ("HDEL", key, *members(rng)), ("HGETALL", key), ("HINCRBY", key, "n%d" % rng.randrange(9), 1),
        ("HSCAN", key, 0, "COUNT", 50), ("HRANDFIELD", key, -5, "WITHVALUES"), ("HLEN", key), ("HSTRLEN", key, member(rng)),
        ("HEXPIRE", key, 1000, "FIELDS", 1, member(rng)), ("HPEXPIRE", key, 1 + rng.randrange(20), "FIELDS", 1, member(rng)),
        ("HPERSIST", key, "FIELDS", 1, member(rng)), ("OBJECT", "ENCODING", key)))


def list_command(key, rng):
    return rng.choice((
        ("RPUSH", key, *members(rng)), ("LPUSH", key, *members(rng)), ("RPUSH", key, value(rng)), ("LPOP", key), ("RPOP", key, 3),
        ("LRANGE", key, -20, -1), ("LRANGE", key, 0, -1), ("LINSERT", key, "BEFORE", member(rng), value(rng)), ("LREM", key, 1, member(rng)),
        ("LTRIM", key, 0, 700), ("LPOS", key, member(rng)), ("LINDEX", key, 5), ("LLEN", key), ("SORT", key, "ALPHA", "LIMIT", 0, 5)))


def set_command(key, rng):
    return rng.choice((
        ("SADD", key, *members(rng)), ("SADD", key, *[rng.randrange(2000) for _ in range(5)]), ("SREM", key, *members(rng)),
        ("SISMEMBER", key, member(rng)), ("SMISMEMBER", key, *members(rng)), ("SMEMBERS", key), ("SPOP", key), ("SPOP", key, 4),
        ("SRANDMEMBER", key, -3), ("SSCAN", key, 0, "COUNT", 50), ("SCARD", key), ("MEMORY", "USAGE", key)))


def zset_command(key, rng):
    return rng.choice((
        ("ZADD", key, *pairs(rng, score, member)), ("ZADD", key, *pairs(rng, score, member)), ("ZADD", key, "GT", "CH", 5, member(rng)),
        ("ZREM", key, *members(rng)), ("ZRANGE", key, 0, 20, "WITHSCORES"), ("ZRANGE", key, "-inf", "(50", "BYSCORE", "LIMIT", 0, 10),
        ("ZRANK", key, member(rng)), ("ZSCORE", key, member(rng)), ("ZCOUNT", key, 1, 50), ("ZPOPMIN", key), ("ZPOPMAX", key, 3),
        ("ZREMRANGEBYRANK", key, 500, -1), ("ZSCAN", key, 0), ("ZRANDMEMBER", key, 3), ("ZMSCORE", key, *members(rng))))


def geo_command(key, rng):
    return rng.choice((
        ("GEOADD", key, rng.random() * 20, rng.random() * 20, member(rng)), ("GEODIST", key, member(rng), member(rng)),
        ("GEOPOS", key, member(rng)), ("GEOSEARCH", key, "FROMLONLAT", 10, 10, "BYRADIUS", 500, "km", "COUNT", 10, "WITHDIST")))


def hyperloglog_command(key, rng):
    return rng.choice((("PFADD", key, *members(rng)), ("PFCOUNT", key)))


def stream_command(key, rng):
    return rng.choice((
        ("XADD", key, "*", *pairs(rng, member, value)), ("XADD", key, "MAXLEN", "~", 300, "*", "f", value(rng)), ("XLEN", key),
        ("XRANGE", key, "-", "+", "COUNT", 10), ("XREVRANGE", key, "+", "-", "COUNT", 10), ("XTRIM", key, "MAXLEN", 200),
        ("XGROUP", "CREATE", key, "g%d" % rng.randrange(4), 0, "MKSTREAM"), ("XREADGROUP", "GROUP", "g%d" % rng.randrange(4),
        "c%d" % rng.randrange(5), "COUNT", 5, "STREAMS", key, ">"), ("XPENDING", key, "g1"), ("XINFO", "STREAM", key, "FULL"),
        ("XAUTOCLAIM", key, "g1", "c1", 0, 0, "COUNT", 5), ("XREAD", "COUNT", 5, "STREAMS", key, 0)))


KINDS = {"h": hash_command, "l": list_command, "s": set_command, "z": zset_command, "g": geo_command, "p": hyperloglog_command,
         "x": stream_command}


def one(node, rng):
    kind = rng.choice(sorted(KINDS))
    return KINDS[kind](node.key(rng, few=True) + ":" + kind, rng)


def several(node, rng):
    """What names keys of several shards: they are gathered, and what they overwrite is freed elsewhere."""
    a, b, c = node.keys(rng, 3, few=True)
    s, t, u = a + ":s", b + ":s", c + ":s"
    y, z, w = a + ":z", b + ":z", c + ":z"
    return rng.choice((
        ("SUNIONSTORE", s, t, u), ("SINTERSTORE", s, t, u), ("SDIFF", s, t, u), ("SINTERCARD", 2, s, t), ("SMOVE", s, t, member(rng)),
        ("ZUNIONSTORE", y, 2, z, w), ("ZINTER", 2, z, w), ("ZDIFFSTORE", y, 2, z, w), ("ZRANGESTORE", y, z, 0, 30),
        ("ZUNIONSTORE", y, 2, s, z), ("LMOVE", a + ":l", b + ":l", "LEFT", "RIGHT"), ("RPOPLPUSH", a + ":l", b + ":l"),
        ("LMPOP", 2, a + ":l", b + ":l", "LEFT", "COUNT", 2), ("ZMPOP", 2, y, z, "MIN"), ("PFMERGE", a + ":p", b + ":p", c + ":p"),
        ("PFCOUNT", a + ":p", b + ":p"), ("GEOSEARCHSTORE", a + ":g", b + ":g", "FROMLONLAT", 5, 5, "BYBOX", 900, 900, "km"),
        ("SORT", s, "ALPHA", "STORE", b + ":l"), ("RENAME", a + ":h", b + ":h"), ("COPY", a + ":z", b + ":z", "REPLACE"),
        ("COPY", a + ":x", b + ":x", "REPLACE"), ("DEL", s, y, a + ":h", b + ":l"), ("UNLINK", t, z, a + ":x"),
        ("EXPIRE", a + ":h", 1), ("XREAD", "COUNT", 3, "STREAMS", a + ":x", b + ":x", 0, 0)))


def waiting(node, rng):
    """Waits for some milliseconds at most, while others push."""
    a, b = node.keys(rng, 2, few=True)
    wait = "0.00%d" % (1 + rng.randrange(3))
    return rng.choice((
        ("BLPOP", a + ":l", b + ":l", wait), ("BRPOP", a + ":l", wait), ("BLMOVE", a + ":l", b + ":l", "LEFT", "RIGHT", wait),
        ("BLMPOP", wait, 2, a + ":l", b + ":l", "RIGHT", "COUNT", 2), ("BZPOPMIN", a + ":z", b + ":z", wait),
        ("BZPOPMAX", b + ":z", wait), ("BZMPOP", wait, 2, a + ":z", b + ":z", "MAX"),
        ("XREAD", "BLOCK", 2, "STREAMS", a + ":x", b + ":x", "$", "$")))


def large(rng, key):
    """Makes one large value of a kind, changes it here and there, and gets rid of it."""
    numbers = range(3000)
    fill = rng.choice((
        ("HSET", key, *[word for i in numbers for word in (i, "v%d" % i)]), ("SADD", key, *["m%d" % i for i in numbers]),
        ("ZADD", key, *[word for i in numbers for word in (i % 77, i)]), ("RPUSH", key, *["e%d" % i for i in numbers])))
    read = {"HSET": ("HGETALL", key), "SADD": ("SMEMBERS", key), "ZADD": ("ZRANGE", key, 0, -1), "RPUSH": ("LRANGE", key, 0, -1)}
    away = rng.choice((("DEL", key), ("UNLINK", key), ("SET", key, 1), ("PEXPIRE", key, 1)))
    return [("DEL", key), fill, read[fill[0]], ("COPY", key, key + ":copy", "REPLACE"), ("OBJECT", "ENCODING", key), away,
            ("UNLINK", key + ":copy")]
