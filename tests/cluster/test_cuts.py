"""Snapshots beside changes of the cluster: slots that leave while a cut is saved are in its file."""
import os
import shutil

import pytest

from tests.cluster.test_transactions import names_of, take, two  # noqa: F401  (a fixture)
from tests.support.resp import ReplyError
from tests.support.server import ORACLE, Server, eventually, is_redis, server_under_test

pytestmark = pytest.mark.skipif(is_redis(server_under_test()), reason="is about how ours saves")
VALUE = b"v" * 65536
COUNT = 700  # values: more than waits for the file, so that the walk is in their middle


def numbers(client, section="everything"):
    lines = client.call("INFO", section).decode().split("\r\n")
    return dict(line.split(":", 1) for line in lines if ":" in line)


def test_slots_that_leave_during_a_cut(two, tmp_path):  # noqa: F811
    node, other = two
    with node.connect(timeout=60) as client:
        wanted = {key: ("string", VALUE) for key in names_of(node, COUNT)}
        for key in wanted:
            assert client.call("SET", key, VALUE) == "OK"
        # The walk goes by slots: the last ones are still to come. They have values of all sizes.
        last = sorted(wanted, key=lambda key: client.call("CLUSTER", "KEYSLOT", key))[-3:]
        fields = [b"field:%d" % i for i in range(20000)]
        for key in last:
            tag = "{%s}" % key
            assert client.call("SADD", "set" + tag, *fields) == len(fields)  # large: saved in pieces
            assert client.call("HSET", "hash" + tag, "f", key) == 1
            assert client.call("RPUSH", "list" + tag, *fields[:2000]) == 2000
            wanted.update({"set" + tag: ("set", set(fields)), "hash" + tag: ("hash", [b"f", key.encode()]),
                           "list" + tag: ("list", fields[:2000])})
        size = client.call("DBSIZE")
        client.call("CONFIG", "SET", "rdb-key-save-delay", "20000")
        assert "Background saving" in client.call("BGSAVE")
        # One of them changes first.
        assert client.call("SREM", "set{%s}" % last[0], *fields[:100]) == 100
        for key in last:
            take(node, other, client.call("CLUSTER", "KEYSLOT", key), key)
            assert isinstance(client.call("GET", key), ReplyError)
        assert client.call("DBSIZE") == size - 4 * len(last)
        assert numbers(client)["rdb_bgsave_in_progress"] == "1"
        assert int(numbers(client)["tessera_cut_detached_bytes"]) > 0  # what has left and is not saved yet
        client.call("CONFIG", "SET", "rdb-key-save-delay", "0")
        eventually(lambda: numbers(client)["rdb_bgsave_in_progress"] == "0", 60, "the save is over")
        assert numbers(client)["rdb_last_bgsave_status"] == "ok"
        assert numbers(client)["tessera_cut_detached_bytes"] == "0"
    shutil.copy(os.path.join(node.folder, "dump.rdb"), tmp_path / "dump.rdb")
    for binary in (ORACLE, server_under_test()):
        with Server("--dir", str(tmp_path), binary=binary) as reader, reader.connect() as client:
            assert client.call("DBSIZE") == size == len(wanted)
            look = {"string": ("GET",), "set": ("SMEMBERS",), "hash": ("HGETALL",), "list": ("LRANGE", 0, -1)}
            for key, (kind, value) in wanted.items():
                words = look[kind]
                found = client.call(words[0], key, *words[1:])
                assert (set(found) if kind == "set" else found) == value, key
