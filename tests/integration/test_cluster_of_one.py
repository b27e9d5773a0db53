"""cluster-enabled yes with one node: slots, redirections, what CLUSTER says."""
import re

import pytest

from tests.support.resp import ReplyError
from tests.support.server import ORACLE, Server, eventually

DOWN = ReplyError("CLUSTERDOWN Hash slot not served")
CROSS = ReplyError("CROSSSLOT Keys in request don't hash to the same slot")


@pytest.fixture(params=[1, 4], ids=["shards1", "shards4"])
def fresh(request):
    with Server("--cluster-enabled", "yes", shards=request.param) as server:
        yield server


@pytest.fixture(scope="module", params=[1, 4], ids=["shards1", "shards4"])
def node(request):
    with Server("--cluster-enabled", "yes", shards=request.param) as server:
        yield server.make_cluster_of_one()


def cluster_info(server):
    return dict(line.split(":") for line in server.call("CLUSTER", "INFO").decode().split("\r\n") if line)


def test_down_before_slots(fresh):
    assert fresh.call("SET", "foo", "bar") == DOWN
    assert fresh.call("GET", "foo") == DOWN
    assert fresh.call("PING") == "PONG" and fresh.call("DBSIZE") == 0
    info = cluster_info(fresh)
    assert info["cluster_state"] == "fail" and info["cluster_slots_assigned"] == "0" and info["cluster_known_nodes"] == "1"
    assert fresh.info("cluster")["cluster_enabled"] == "1" and fresh.info("server")["redis_mode"] == "cluster"


# foo is in the upper half of the slots, bar and hello are in the lower one.
@pytest.mark.parametrize("binary", [None, ORACLE], ids=["tessera", "oracle"])
@pytest.mark.parametrize("coverage", ["yes", "no"])
def test_first_the_owner_of_the_first_slot_then_cross_slot(binary, coverage):
    with Server("--cluster-enabled", "yes", "--cluster-require-full-coverage", coverage, shards=2, binary=binary) as server:
        several = [("MGET",), ("EXISTS",), ("DEL",), ("UNLINK",), ("TOUCH",), ("RENAME",), ("COPY",), ("LCS",), ("BITOP", "OR")]

        def answers(*keys):
            return {str(server.call(*words, *keys)) for words in several}
        assert answers("foo", "bar") == answers("bar", "foo") == {str(DOWN)}  # nobody owns anything
        assert server.call("CLUSTER", "ADDSLOTSRANGE", 8192, 16383) == "OK"
        if coverage == "no":
            eventually(lambda: server.call("EXISTS", "foo") == 0, what="half of the slots are served")
        else:
            eventually(lambda: server.call("EXISTS", "foo") == ReplyError("CLUSTERDOWN The cluster is down"), what="half of the slots are owned")
        assert answers("foo", "bar") == answers("foo", "hello") == {str(CROSS)}
        assert answers("bar", "foo") == {str(DOWN)}
        assert answers("{bar}1", "{bar}2") == {str(DOWN)}
        # Arity and syntax come first, keys that are not found later.
        assert server.call("MGET") != DOWN and server.call("RENAME", "bar") != DOWN
        assert server.call("MSET", "bar", "1", "foo") == DOWN


def test_slots_are_added_and_taken(fresh):
    assert fresh.call("CLUSTER", "ADDSLOTS", 0, 1, 2) == "OK"
    assert fresh.call("CLUSTER", "ADDSLOTS", 2, 3) == ReplyError("ERR Slot 2 is already busy")
    assert fresh.call("CLUSTER", "ADDSLOTS", 5, 5) == ReplyError("ERR Slot 5 specified multiple times")
    assert fresh.call("CLUSTER", "ADDSLOTS", 16384) == ReplyError("ERR Invalid or out of range slot")
    assert fresh.call("CLUSTER", "ADDSLOTSRANGE", 10, 20, 30, 40) == "OK"
    assert fresh.call("CLUSTER", "ADDSLOTSRANGE", 60, 50) == ReplyError("ERR start slot number 60 is greater than end slot number 50")
    for name in ("addslotsrange", "delslotsrange"):
        assert fresh.call("CLUSTER", name, 0, 16383, 3) == ReplyError("ERR wrong number of arguments for 'cluster|%s' command" % name)
    assert fresh.call("CLUSTER", "ADDSLOTSRANGE", 1) == ReplyError(
        "ERR wrong number of arguments for 'cluster|addslotsrange' command")
    assert cluster_info(fresh)["cluster_slots_assigned"] == str(3 + 11 + 11)
    assert fresh.call("CLUSTER", "DELSLOTS", 0, 1) == "OK"
    assert fresh.call("CLUSTER", "DELSLOTS", 0) == ReplyError("ERR Slot 0 is already unassigned")
    assert fresh.call("CLUSTER", "DELSLOTSRANGE", 10, 20) == "OK"
    nodes = fresh.call("CLUSTER", "NODES").decode()
    assert nodes.rstrip("\n").endswith("connected 2 30-40"), nodes
    assert fresh.call("CLUSTER", "FLUSHSLOTS") == "OK"
    assert cluster_info(fresh)["cluster_slots_assigned"] == "0"


def test_serves_when_all_slots_are_there(fresh):
    fresh.call("CLUSTER", "ADDSLOTSRANGE", 0, 16382)
    assert fresh.call("SET", "foo", "bar") in (DOWN, ReplyError("CLUSTERDOWN The cluster is down"))
    fresh.call("CLUSTER", "ADDSLOTS", 16383)
    eventually(lambda: cluster_info(fresh)["cluster_state"] == "ok", 30, "cluster_state:ok")
    assert fresh.call("SET", "foo", "bar") == "OK"
    assert fresh.call("CLUSTER", "DELSLOTS", 12182) == "OK"
    eventually(lambda: cluster_info(fresh)["cluster_state"] == "fail", 30, "cluster_state:fail")
    assert isinstance(fresh.call("GET", "foo"), ReplyError)


def test_flushslots_wants_an_empty_node(fresh):
    fresh.make_cluster_of_one()
    fresh.call("SET", "foo", "bar")
    assert fresh.call("CLUSTER", "FLUSHSLOTS") == ReplyError("ERR DB must be empty to perform CLUSTER FLUSHSLOTS.")


def test_keyslot(node):
    for key, slot in (("foo", 12182), ("", 0), ("{foo}bar", 12182), ("foo{}{bar}", 8363), ("foo{{bar}}zap", 4015), ("foo{bar}{zap}", 5061),
                      ("123456789", 12739)):
        assert node.call("CLUSTER", "KEYSLOT", key) == slot, key


def test_crossslot(node):
    with node.connect() as connection:
        assert connection.call("MSET", "{a}1", 1, "{a}2", 2) == "OK"
        assert connection.call("MGET", "{a}1", "{a}2", "{a}3") == [b"1", b"2", None]
        assert connection.call("MGET", "{a}1", "{b}1") == CROSS
        assert connection.call("MSET", "{a}1", 1, "{b}1", 2) == CROSS
        assert connection.call("DEL", "{a}1", "x") == CROSS and connection.call("EXISTS", "{a}1", "{a}2") == 2
        assert connection.call("RENAME", "{a}1", "{b}1") == CROSS and connection.call("RENAME", "{a}1", "{a}9") == "OK"
        assert connection.call("BITOP", "AND", "{a}x", "{b}y") == CROSS
        assert connection.call("SELECT", 0) == "OK"
        assert connection.call("SELECT", 1) == ReplyError("ERR SELECT is not allowed in cluster mode")
        assert connection.call("GET") == ReplyError("ERR wrong number of arguments for 'get' command")
        assert connection.call("SWAPDB", 0, 1) == ReplyError("ERR SWAPDB is not allowed in cluster mode")
        assert connection.call("MOVE", "{a}9", 1) == ReplyError("ERR MOVE is not allowed in cluster mode")


def test_keys_in_slots(node):
    with node.connect() as connection:
        connection.call("FLUSHALL")
        for i in range(50):
            connection.call("SET", "{foo}%d" % i, i)
        assert connection.call("CLUSTER", "COUNTKEYSINSLOT", 12182) == 50
        assert connection.call("CLUSTER", "COUNTKEYSINSLOT", 0) == 0
        keys = connection.call("CLUSTER", "GETKEYSINSLOT", 12182, 10)
        assert len(set(keys)) == 10 and all(key.startswith(b"{foo}") for key in keys)
        assert len(connection.call("CLUSTER", "GETKEYSINSLOT", 12182, 1000)) == 50
        assert connection.call("CLUSTER", "COUNTKEYSINSLOT", -1) == ReplyError("ERR Invalid slot")
        assert connection.call("CLUSTER", "GETKEYSINSLOT", 0, -1) == ReplyError("ERR Invalid slot or number of keys")


def test_nodes_slots_shards(node):
    ident = node.call("CLUSTER", "MYID").decode()
    assert re.fullmatch("[0-9a-f]{40}", ident)
    nodes = node.call("CLUSTER", "NODES").decode()
    assert re.fullmatch(r"%s [^ ]*:%d@%d(,[^ ]*)? myself,master - 0 \d+ \d+ connected 0-16383\n" % (ident, node.port, node.port + 10000),
                        nodes), nodes
    slots = node.call("CLUSTER", "SLOTS")
    assert len(slots) == 1 and slots[0][:2] == [0, 16383]
    assert slots[0][2][1:3] == [node.port, ident.encode()] and len(slots[0][2]) == 4
    shards = node.call("CLUSTER", "SHARDS")
    assert len(shards) == 1 and shards[0][0] == b"slots" and shards[0][1] == [0, 16383] and shards[0][2] == b"nodes"
    fields = dict(zip(shards[0][3][0][::2], shards[0][3][0][1::2]))
    assert fields[b"id"] == ident.encode() and fields[b"port"] == node.port and fields[b"role"] == b"master"
    assert fields[b"health"] == b"online" and b"replication-offset" in fields and b"endpoint" in fields and b"ip" in fields
    with node.connect() as connection:
        connection.call("HELLO", 3)
        assert isinstance(connection.call("CLUSTER", "SHARDS")[0], dict)


def test_info_fields(node):
    info = cluster_info(node)
    names = ("cluster_state cluster_slots_assigned cluster_slots_ok cluster_slots_pfail cluster_slots_fail cluster_known_nodes "
             "cluster_size cluster_current_epoch cluster_my_epoch cluster_stats_messages_sent cluster_stats_messages_received "
             "total_cluster_links_buffer_limit_exceeded").split()
    assert [name for name in names if name not in info] == []
    assert info["cluster_state"] == "ok" and info["cluster_slots_ok"] == "16384" and info["cluster_size"] == "1"


def test_readonly_and_asking(node):
    with node.connect() as connection:
        assert connection.call("READONLY") == "OK" and connection.call("READWRITE") == "OK" and connection.call("ASKING") == "OK"
        assert connection.call("PING") == "PONG"


def test_pipelines_over_slots_keep_their_order(node):
    with node.connect() as connection:
        connection.call("FLUSHALL")
        commands = []
        for i in range(5000):
            commands.append(("INCRBY", "k%d" % (i % 37), i))
            commands.append(("GET", "k%d" % (i % 41)))
        replies = connection.pipeline(commands)
        values, expected = {}, []
        for command in commands:
            if command[0] == "INCRBY":
                values[command[1]] = values.get(command[1], 0) + command[2]
                expected.append(values[command[1]])
            else:
                value = values.get(command[1])
                expected.append(None if value is None else b"%d" % value)
        assert replies == expected


def test_without_cluster_mode(start):
    server = start()
    assert server.call("CLUSTER", "INFO") == ReplyError("ERR This instance has cluster support disabled")
    assert server.call("READONLY") == ReplyError("ERR This instance has cluster support disabled")
    assert server.call("CLUSTER", "KEYSLOT", "foo") == ReplyError("ERR This instance has cluster support disabled")


@pytest.mark.tessera_only
def test_texts_beside_redis_server():
    from tests.support.server import ORACLE, Server, eventually
    commands = [("SORT", "a", "BY", "b_*"), ("SORT", "a", "GET", "b_*"), ("SORT_RO", "a", "BY", "x*"), ("COPY", "a", "{a}2", "DB", 1),
                ("COPY", "a", "{a}2", "DB", 0), ("COPY", "a", "{a}2", "DB", 99), ("COPY", "a", "{a}2", "DB", "x"),
                ("COPY", "a", "{a}2", "DB", 1, "NOSUCH"), ("MOVE", "a", 1), ("SELECT", 1), ("SWAPDB", 0, 1)]
    replies = []
    for binary in (None, ORACLE):
        with Server("--cluster-enabled", "yes", "--maxclients", "2", binary=binary) as server, server.connect() as client:
            client.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            eventually(lambda: b"cluster_state:ok" in client.call("CLUSTER", "INFO"))
            got = [str(client.call(*words)) for words in commands]
            with server.connect() as second:
                assert second.call("PING") == "PONG"
                with server.connect() as third:
                    got.append(str(third.read()))
            replies.append(got)
    assert replies[0] == replies[1]
    assert "cluster connections" in replies[0][-1]


@pytest.mark.tessera_only
@pytest.mark.parametrize("owner", ["nobody", "another"])
def test_slots_of_the_data_that_is_loaded(owner, tmp_path):
    """Beside redis-server: keys without an owner make us the owner, keys of another's slots make the slot one that comes here."""
    import shutil
    from tests.support.server import ORACLE, Server, eventually
    with Server("--dir", str(tmp_path), binary=ORACLE) as maker:
        maker.call("MSET", "a", 1, "b", 2, "{b}c", 3)
        assert maker.call("SAVE") == "OK"
    me, other = "a" * 40, "b" * 40
    conf = ("%s 127.0.0.1:6379@16379 myself,master - 0 0 1 connected\n%s 127.0.0.1:1@10001 master - 0 0 2 connected %s\n"
            "vars currentEpoch 2 lastVoteEpoch 0\n" % (me, other, "0-16383" if owner == "another" else "0-100"))
    seen = []
    for name, binary in (("ours", None), ("theirs", ORACLE)):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(tmp_path / "dump.rdb", folder / "dump.rdb")
        (folder / "nodes.conf").write_text(conf)
        with Server("--dir", str(folder), "--cluster-enabled", "yes", binary=binary, shards=3 if binary is None else None) as server:
            words = eventually(lambda: [line.split()[8:] for line in server.call("CLUSTER", "NODES").decode().splitlines()
                                        if "myself" in line and len(line.split()) > 8])[0]
            assert server.call("DBSIZE") == 3
            told = [line.split("I have keys", 1)[1] for line in server.log().splitlines() if "I have keys" in line]
            eventually(lambda: all(word in (folder / "nodes.conf").read_text() for word in words), what="it is saved")
            seen.append((words, told))
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == 2 and all(("-<-" in word) == (owner == "another") for word in seen[0][0])


@pytest.mark.tessera_only
def test_scripts_while_the_cluster_is_down():
    from tests.support.server import ORACLE, Server, eventually
    write, read = "return redis.call('set', KEYS[1], 1)", "return redis.call('get', KEYS[1])"
    # What may write is refused before it starts; the old form is not known to.
    scripts = (write, read, "#!lua\n" + read, "#!lua flags=no-writes\n" + read)
    replies = []
    for binary in (None, ORACLE):
        with Server("--cluster-enabled", "yes", binary=binary) as server, server.connect() as client:
            client.call("CLUSTER", "ADDSLOTSRANGE", 0, 16000)
            shas = [client.call("SCRIPT", "LOAD", text).decode() for text in scripts]

            def all_of_them():
                return [str(client.call("EVAL", text, 1, "b")) for text in scripts] + [
                    str(client.call("EVALSHA", sha, 1, "b")) for sha in shas]
            got = all_of_them()
            client.call("CONFIG", "SET", "cluster-allow-reads-when-down", "yes")
            eventually(lambda: client.call("GET", "b") is None)
            got += all_of_them()
            client.call("CONFIG", "SET", "cluster-require-full-coverage", "no")
            eventually(lambda: client.call("SET", "b", 0) == "OK")
            got += all_of_them()
            replies.append(got)
    assert replies[0] == replies[1]
    assert "write command while the cluster is down and readonly" in replies[0][8]
    assert replies[0][10] == "CLUSTERDOWN The cluster is down and only accepts read commands" and replies[0][11] == "None"
