"""redis-py as Debian ships it: standalone and RedisCluster."""
import threading

import pytest
import redis
from redis.cluster import RedisCluster

KEYS = 100000
BATCH = 1000


@pytest.fixture
def plain(standalone):
    client = redis.Redis(port=standalone.port)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def clustered(cluster):
    client = RedisCluster(host="127.0.0.1", port=cluster.port)
    client.flushall()
    yield client
    client.close()


def round_trip(client):
    """KEYS keys written in pipelines, read back in pipelines, each value its own."""
    for base in range(0, KEYS, BATCH):
        pipe = client.pipeline(transaction=False) if not isinstance(client, RedisCluster) else client.pipeline()
        for i in range(base, base + BATCH):
            pipe.set("key:%d" % i, "value:%d" % i)
        assert all(pipe.execute())
    assert client.dbsize() == KEYS
    for base in range(0, KEYS, BATCH):
        pipe = client.pipeline(transaction=False) if not isinstance(client, RedisCluster) else client.pipeline()
        for i in range(base, base + BATCH):
            pipe.get("key:%d" % i)
        assert pipe.execute() == [b"value:%d" % i for i in range(base, base + BATCH)]


def test_values(plain):
    assert plain.ping()
    binary = bytes(range(256))
    assert plain.set("binary", binary) and plain.get("binary") == binary
    assert plain.set("ключ", "значение") and plain.get("ключ").decode() == "значение"
    assert plain.get("nosuch") is None
    assert plain.set("n", 1) and plain.incr("n", 41) == 42 and plain.decr("n") == 41
    assert plain.incrbyfloat("n", 0.5) == 41.5
    assert plain.set("once", 1, nx=True) and plain.set("once", 2, nx=True) is None
    assert plain.set("once", 3, get=True) == b"1"
    assert plain.setex("short", 1000, "x") and 0 < plain.ttl("short") <= 1000
    assert plain.append("a", "bc") == 2 and plain.getrange("a", 0, 0) == b"b" and plain.strlen("a") == 2
    assert plain.setbit("bits", 7, 1) == 0 and plain.bitcount("bits") == 1
    assert plain.bitfield("bits").set("u8", 0, 255).get("u4", 0).execute() == [1, 15]
    assert plain.delete("n", "once", "nosuch") == 2
    assert plain.type("a") == b"string" and plain.type("nosuch") == b"none"
    with pytest.raises(redis.ResponseError, match="not an integer"):
        plain.incr("a")


def test_server_commands(plain):
    assert plain.config_set("maxmemory-samples", 7) and plain.config_get("maxmemory-samples") == {"maxmemory-samples": "7"}
    assert plain.config_set("maxmemory-samples", 5)
    info = plain.info()
    assert info["redis_mode"] == "standalone" and info["role"] == "master"
    assert plain.client_setname("me") and plain.client_getname() == "me"
    assert plain.client_id() > 0 and any(row["name"] == "me" for row in plain.client_list())
    assert "get" in plain.command() and plain.command()["get"]["arity"] == 2
    assert len(plain.time()) == 2
    assert plain.command_count() > 50


def test_databases(standalone, plain):
    other = redis.Redis(port=standalone.port, db=5)
    plain.set("k", "zero")
    other.set("k", "five")
    assert plain.get("k") == b"zero" and other.get("k") == b"five"
    assert plain.copy("k", "copied", destination_db=5) and other.get("copied") == b"zero"
    other.flushdb()
    assert other.dbsize() == 0 and plain.dbsize() == 1
    other.close()


def test_mget_over_hash_tags(plain):
    plain.mset({"{user:%d}:%s" % (i, field): "%d%s" % (i, field) for i in range(50) for field in "abc"})
    for i in range(50):
        assert plain.mget(["{user:%d}:%s" % (i, field) for field in "abcx"]) == [b"%da" % i, b"%db" % i, b"%dc" % i, None]
    everything = plain.mget(["{user:%d}:a" % i for i in range(50)])  # over all shards
    assert everything == [b"%da" % i for i in range(50)]


def test_round_trip(plain):
    round_trip(plain)
    assert len(set(plain.scan_iter(count=1000))) == KEYS
    assert len(set(plain.scan_iter(match="key:999*", count=5000))) == 111


def test_decoded_and_pooled(standalone, plain):
    pool = redis.ConnectionPool(port=standalone.port, decode_responses=True, max_connections=8)
    clients = [redis.Redis(connection_pool=pool) for _ in range(8)]
    for i, client in enumerate(clients):
        client.set("k%d" % i, i)
    assert [client.get("k%d" % i) for i, client in enumerate(clients)] == [str(i) for i in range(8)]
    pool.disconnect()


def test_cluster_values(clustered):
    assert clustered.ping()
    assert clustered.set("a", 1) and clustered.get("a") == b"1" and clustered.incr("a") == 2
    clustered.mset_nonatomic({"x%d" % i: i for i in range(100)})
    assert clustered.mget_nonatomic(["x%d" % i for i in range(100)]) == [b"%d" % i for i in range(100)]
    assert clustered.delete("x1", "x2") == 2 and clustered.exists("x1", "x3", "x4") == 2
    assert clustered.cluster_keyslot("foo") == 12182
    assert clustered.cluster_info(target_nodes=RedisCluster.RANDOM)["cluster_state"] == "ok"


def test_cluster_mget_over_hash_tags(clustered):
    for i in range(50):
        assert clustered.mset({"{user:%d}:%s" % (i, field): "%d%s" % (i, field) for field in "abc"})
    for i in range(50):
        assert clustered.mget(["{user:%d}:%s" % (i, field) for field in "abcx"]) == [b"%da" % i, b"%db" % i, b"%dc" % i, None]
    with pytest.raises(redis.exceptions.RedisClusterException):
        clustered.mget("{user:1}:a", "{user:2}:a")


def test_cluster_round_trip(clustered):
    round_trip(clustered)
    assert len(set(clustered.scan_iter(count=1000))) == KEYS


def test_pubsub(plain):
    """Messages, patterns, notifications, a handler's thread: redis-py's own way of listening."""
    listener = plain.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("a", "b")
    listener.psubscribe("a*")
    next_message = lambda: next(m for m in iter(lambda: listener.get_message(timeout=30), 0) if m)  # noqa: E731
    assert listener.get_message(timeout=30) is None and listener.get_message(timeout=30) is None
    assert listener.get_message(timeout=30) is None  # the three confirmations
    assert plain.publish("a", "1") == 2 and plain.publish("b", b"\x00\xff") == 1 and plain.publish("c", "x") == 0
    got = [next_message() for _ in range(3)]
    assert [(m["type"], m["channel"], m["data"]) for m in got] == [
        ("message", b"a", b"1"), ("pmessage", b"a", b"1"), ("message", b"b", b"\x00\xff")]
    assert plain.pubsub_channels() in ([b"a", b"b"], [b"b", b"a"]) and plain.pubsub_numsub("a", "c") == [(b"a", 1), (b"c", 0)]
    assert plain.pubsub_numpat() == 1
    listener.close()
    plain.config_set("notify-keyspace-events", "KEA")
    events = plain.pubsub()
    seen = []
    events.psubscribe(**{"__keyevent@0__:*": lambda m: seen.append((m["channel"], m["data"]))})
    assert events.get_message(timeout=30)["type"] == "psubscribe"
    plain.set("k", "v")
    plain.rpush("l", 1, 2)
    plain.delete("k", "l")
    while len(seen) < 4:
        events.get_message(timeout=30)
    assert seen == [(b"__keyevent@0__:set", b"k"), (b"__keyevent@0__:rpush", b"l"), (b"__keyevent@0__:del", b"k"),
                    (b"__keyevent@0__:del", b"l")] or sorted(seen[2:]) == [(b"__keyevent@0__:del", b"k"), (b"__keyevent@0__:del", b"l")]
    events.close()
    plain.config_set("notify-keyspace-events", "")


def test_monitor(plain):
    with plain.monitor() as monitor:
        plain.set("k", "v w")
        command = monitor.next_command()
        assert command["command"] == "SET k v w" and command["db"] == 0 and command["client_type"] == "tcp"


def test_pipelines_are_transactions(plain):
    with plain.pipeline() as pipe:
        pipe.set("a", 1).incr("a").lpush("l", "x", "y").lrange("l", 0, -1).hset("h", mapping={"f": "v"}).hgetall("h")
        assert pipe.execute() == [True, 2, 2, [b"y", b"x"], 1, {b"f": b"v"}]
        pipe.set("a", "text").lpush("a", 1).get("a")
        replies = pipe.execute(raise_on_error=False)
        assert replies[0] is True and isinstance(replies[1], redis.ResponseError) and replies[2] == b"text"
        pipe.set("many", 1)
        for i in range(1000):
            pipe.set("t:%d" % i, i)
        assert all(pipe.execute())
    with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
        with plain.pipeline() as pipe:
            pipe.execute_command("GET")
            pipe.execute()


def test_watch(standalone, plain):
    other = redis.Redis(port=standalone.port)
    plain.mset({"stock:a": 10, "stock:b": 0})
    with plain.pipeline() as pipe:
        pipe.watch("stock:a", "stock:b")
        have = int(pipe.get("stock:a"))
        other.decr("stock:a")
        pipe.multi()
        pipe.set("stock:a", have - 5).set("stock:b", 5)
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert plain.mget("stock:a", "stock:b") == [b"9", b"0"]

    def move(pipe):
        have, there = int(pipe.get("stock:a")), int(pipe.get("stock:b"))
        pipe.multi()
        pipe.set("stock:a", have - 1)
        pipe.set("stock:b", there + 1)

    def work():
        client = redis.Redis(port=standalone.port)
        for _ in range(10):
            client.transaction(move, "stock:a", "stock:b")
        client.close()

    plain.mset({"stock:a": 100, "stock:b": 0})
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert plain.mget("stock:a", "stock:b") == [b"20", b"80"]
    other.close()


def test_lock(standalone, plain):
    """redis-py's Lock: SET NX PX, and scripts that release, extend and take anew only what is one's own."""
    inside = []

    def work():
        client = redis.Redis(port=standalone.port)
        for _ in range(10):
            with client.lock("lock:counter", timeout=60, sleep=0.002, blocking_timeout=60):
                inside.append(1)
                assert len(inside) == 1
                client.set("counter", int(client.get("counter") or 0) + 1)
                inside.pop()
        client.close()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert plain.get("counter") == b"100" and plain.exists("lock:counter") == 0
    lock, other = plain.lock("lock:l", timeout=60), plain.lock("lock:l", timeout=60)
    assert lock.acquire(blocking=False) and not other.acquire(blocking=False) and lock.owned() and not other.owned()
    assert lock.extend(600) and plain.pttl("lock:l") > 600000 and lock.reacquire() and plain.pttl("lock:l") <= 60000
    with pytest.raises(redis.exceptions.LockError, match="Cannot release an unlocked lock"):
        other.release()
    plain.set("lock:l", "another's")
    for attempt in (lock.reacquire, lambda: lock.extend(1), lock.release):
        with pytest.raises(redis.exceptions.LockNotOwnedError):
            attempt()
    assert plain.get("lock:l") == b"another's"
