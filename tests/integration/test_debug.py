"""DEBUG's subcommands that look or change something, beside redis-server where it has them. Replies alone: test_server_commands.py."""
import re

import pytest

from tests.support.resp import ReplyError
from tests.support.server import ORACLE

DEBUG = ("--enable-debug-command", "yes")


def error_of(connection, *words):
    reply = connection.call(*words)
    return str(reply) if isinstance(reply, ReplyError) else ""


@pytest.mark.tessera_only
def test_structures_are_printed(start):
    server = start(*DEBUG, shards=2)
    with server.connect() as client:
        client.call("HSET", "h", "field", "a value", "n", 12345)
        client.call("RPUSH", "l", *range(20000))
        client.call("RPUSH", "l", "x" * 20000)
        assert client.call("DEBUG", "LISTPACK", "h") == "Listpack structure printed on stdout"
        assert client.call("DEBUG", "QUICKLIST", "l") == "Quicklist structure printed on stdout"
        assert client.call("DEBUG", "QUICKLIST", "l", 1) == "Quicklist structure printed on stdout"
    log = server.log()
    assert re.search(r'listpack of \d+ bytes, 4 elements\n  0: at 6, \d+ bytes, string of 5 "field"\n', log)
    assert "integer 12345" in log
    assert re.search(r"quicklist of 20001 elements in \d+ nodes, max listpack size -2, compress depth 0\n  node 0: listpack, ", log)
    assert re.search(r": plain, 1 elements, 20000 bytes\n", log) and '"' + "x" * 20000 + '"' in log


# ---- the allocator

def test_values_of_the_allocator(start):
    ours, theirs = start(*DEBUG), start(*DEBUG, binary=ORACLE)
    if not ours.info("memory")["mem_allocator"].startswith("jemalloc"):
        pytest.skip("another allocator")
    with ours.connect() as mine, theirs.connect() as other:
        for words in (["MALLCTL", "foo"], ["MALLCTL", "arenas.dirty_decay_ms"], ["MALLCTL", "arenas.dirty_decay_ms", 5000],
                      ["MALLCTL", "arenas.dirty_decay_ms"], ["MALLCTL", "epoch", "abc"], ["MALLCTL-STR", "foo"],
                      ["MALLCTL-STR", "version"], ["MALLCTL-STR", "version", "x"], ["MALLCTL-STR", "arena.0.dss", "primary"],
                      ["MALLCTL-STR", "arena.0.dss"], ["MALLCTL", "opt.narenas", 5]):
            replies = [client.call("DEBUG", *words) for client in (mine, other)]
            assert str(replies[0]) == str(replies[1]), words
        # redis-server ends here, or does not know the size.
        assert error_of(mine, "DEBUG", "MALLCTL-STR", "stats.allocated") == "ERR Invalid argument"
        assert mine.call("DEBUG", "MALLCTL", "arenas.narenas") > 0 and mine.call("DEBUG", "MALLCTL", "background_thread") in (0, 1)
        assert mine.call("DEBUG", "MALLCTL", "thread.allocated") > 0
