"""check, info, call, set-timeout: both command lines on the same cluster."""
import os
import re
import signal

import pytest

from tests.cluster.support import both, equal, make_cluster, needs, node_binary, ours, settle, theirs
from tests.support.server import Server, eventually


def masters(nodes):
    return [node for node in nodes if node.call("ROLE")[0] == b"master"]


def test_healthy(six):
    for node in six:
        for words in (["check", node.address], ["info", node.address], ["check", "127.0.0.1", node.port],
                      ["check", node.address, "--cluster-search-multiple-owners"]):
            assert both("--cluster", *words).code == 0
    assert "[OK] All 16384 slots covered." in ours("--cluster", "check", six[0].address).out


def test_names_and_colours(six):
    both("--cluster", "check", "localhost:%d" % six[0].port)
    for term in ("xterm", "xterm-256color", "screen", ""):
        both("--cluster", "check", six[0].address, "--cluster-search-multiple-owners", term=term)
        both("--cluster", "info", six[0].address, term=term)
        both("--cluster", "call", six[0].address, "ping", term=term)


def test_keys_are_counted(six):
    six[0].call("SET", "{06S}a", "1")  # slot 0
    for i in range(200):
        for node in masters(six):
            node.call("SET", "key%d" % i, "x")
    settle(six)
    both("--cluster", "info", six[0].address)
    both("--cluster", "check", six[0].address)


CALLS = [["ping"], ["get", "foo"], ["config", "get", "cluster-node-timeout"], ["config", "get", "cluster*port"], ["nosuch"], ["set", "a"],
         ["eval", "return {1,{2,'a',{}},false,{err='x y'},{ok='fine'},'two\\nlines'}", "0"], ["cluster", "slots"], ["role"],
         ["cluster", "myid"], ["command", "info", "get"], ["function", "list"], ["echo", ""], ["debug", "protocol", "double"]]


@pytest.mark.parametrize("command", CALLS, ids=" ".join)
def test_call(six, command):
    normal = [["--cluster-only-masters"], ["--cluster-only-replicas"], []]
    if command == ["role"]:  # offsets move on
        command = ["echo", "role"]
    for options in normal:
        both("--cluster", "call", six[0].address, *command, *options)


def test_call_formats(six):
    command = ["--cluster", "call", six[0].address, "config", "get", "port"]
    for options in (["--no-raw"], ["--csv"], ["-3"], ["-2"], ["-d", ","], ["--raw"]):
        both(*options, *command)
    both(*command, "--cluster-only-masters", "--cluster-only-replicas")


def test_call_after_options(six):
    # Words behind an option are not the command's.
    both("--cluster", "call", six[0].address, "echo", "hi", "--cluster-only-masters", "there")


def test_set_timeout_without_configuration_file(six):
    both("--cluster", "set-timeout", six[0].address, "4000")
    for term in ("xterm",):
        both("--cluster", "set-timeout", six[0].address, "3000", term=term)


def test_set_timeout_is_written(nodes):
    these = nodes(3, config="save \"\"\n")
    make_cluster(these)
    for timeout in ("4000", "4500"):
        mine = both("--cluster", "set-timeout", these[1].address, timeout)
        assert "3 OK, 0 ERR" in mine.out
        for node in these:
            assert node.call("CONFIG", "GET", "cluster-node-timeout") == [b"cluster-node-timeout", timeout.encode()]
            with open(node.config_path) as file:
                assert "cluster-node-timeout " + timeout in file.read()


def test_not_a_cluster():
    with Server(binary=node_binary()) as plain:
        address = "127.0.0.1:%d" % plain.port
        for command in (["check", address], ["info", address], ["call", address, "ping"], ["del-node", address, "abc"],
                        ["set-timeout", address, "5000"]):
            for term in ("dumb", "xterm"):
                assert both("--cluster", *command, term=term).code == 1


def test_alone(fresh):
    node = fresh[0]
    assert both("--cluster", "check", node.address).code == 1
    both("--cluster", "info", node.address)
    both("--cluster", "call", node.address, "ping")


def test_missing_open_and_doubled_slots(fresh):
    a, b, c = fresh[:3]
    needs(a, "CLUSTER", "SETSLOT")
    make_cluster([a, b, c])
    assert a.call("CLUSTER", "SETSLOT", 5, "MIGRATING", b.id()) == "OK"
    assert b.call("CLUSTER", "SETSLOT", 5, "IMPORTING", a.id()) == "OK"
    assert b.call("CLUSTER", "SETSLOT", 7, "IMPORTING", a.id()) == "OK"
    assert a.call("CLUSTER", "SETSLOT", 9, "MIGRATING", c.id()) == "OK"
    assert a.call("CLUSTER", "SETSLOT", 16000, "IMPORTING", c.id()) == "OK"
    options = [[], ["--cluster-search-multiple-owners"]]
    for option in options:
        for node in (a, b, c):
            assert both("--cluster", "check", node.address, *option).code == 1
        both("--cluster", "check", a.address, *option, term="xterm")
    for node, slot in ((a, 5), (b, 5), (b, 7), (a, 9), (a, 16000)):
        assert node.call("CLUSTER", "SETSLOT", slot, "STABLE") == "OK"
    assert both("--cluster", "check", a.address).code == 0
    assert a.call("CLUSTER", "DELSLOTS", 0, 100, 101, 200) == "OK"
    for option in options:
        for node in (a, b, c):
            assert both("--cluster", "check", node.address, *option).code == 1
    both("--cluster", "check", a.address, *options[1], term="xterm")
    both("--cluster", "info", a.address)


def test_two_owners(fresh):
    a, b, c = fresh[:3]
    make_cluster([a, b, c])
    # c takes slots of a, which does not know for the moment: until the next ping.
    for slot in range(100):
        assert c.call("CLUSTER", "DELSLOTS", slot) == "OK"
        assert c.call("CLUSTER", "ADDSLOTS", slot) == "OK"
        words = ["--cluster", "check", c.address, "--cluster-search-multiple-owners"]
        mine, other = ours(*words, term="xterm"), theirs(*words, term="xterm")
        if "owners:" in mine.out and "owners:" in other.out:
            equal(mine, other)
            assert "Slot %d has 2 owners" % slot in mine.out and mine.code == 1
            return
    assert False, "never seen"


def test_dead_nodes(nodes):
    these = nodes(6)
    make_cluster(these, replicas=1)
    entry = masters(these)[0]
    replica = next(node for node in these if node not in masters(these) and
                   node.call("ROLE")[2] != entry.port)
    replica.die()
    for words in (["check", entry.address], ["info", entry.address], ["call", entry.address, "ping"]):
        both("--cluster", *words)
    address = re.escape(replica.address)
    eventually(lambda: re.search(address + "@.*fail", entry.call("CLUSTER", "NODES").decode()), 20, "the replica is failed")
    both("--cluster", "check", entry.address)
    both("--cluster", "set-timeout", entry.address, "3000")
    # A primary as well: its slots are not covered.
    alive = [node for node in these if node is not replica]
    gone = next(node for node in masters(alive) if node is not entry and node.port == replica_of(entry, replica))
    gone.die()
    mine = both("--cluster", "check", entry.address, term="xterm")
    assert mine.code == 1 and "Not all 16384 slots are covered" in mine.out


def replica_of(entry, replica):
    """The port of the primary of that node."""
    lines = entry.nodes()
    master_id = next(words[3] for words in lines if words[1].startswith(replica.address + "@"))
    return int(next(words[1] for words in lines if words[0] == master_id).split("@")[0].rsplit(":", 1)[1])


def test_failed_but_reachable(nodes):
    these = nodes(3)
    make_cluster(these)
    asleep = these[2]
    os.kill(asleep.pid, signal.SIGSTOP)
    try:
        eventually(lambda: "master,fail" in these[0].call("CLUSTER", "NODES").decode().replace("fail?", ""), 30, "it is failed")
    finally:
        os.kill(asleep.pid, signal.SIGCONT)
    # A primary with slots stays failed for twice the node timeout.
    assert both("--cluster", "check", these[0].address).code == 1


def test_stopped_nodes(nodes):
    """They take connections and do not answer: every look at the cluster ends, and says which (redis-cli waits for ever)."""
    these = nodes(4)
    make_cluster(these)
    for node in these[2:]:
        os.kill(node.pid, signal.SIGSTOP)
    try:
        for options in ([], ["--wait", 1]):
            for command in ("check", "info"):
                mine = ours("--cluster", command, these[0].address, *options, timeout=25)
                assert all("[ERR] Unable to load info for node %s" % node.address in mine.out for node in these[2:]), mine
                assert (mine.code == 1 and "Not all 16384 slots" in mine.out) or command == "info", mine
            assert ours("--cluster", "check", these[3].address, *options, timeout=25).code == 1
    finally:
        for node in these[2:]:
            os.kill(node.pid, signal.SIGCONT)


def test_replicas_without_primaries(nodes):
    these = nodes(6)
    make_cluster(these, replicas=1)
    replicas = [node for node in these if node not in masters(these)]
    for node in masters(these):
        node.die()
    for term in ("dumb", "xterm"):
        both("--cluster", "check", replicas[0].address, term=term)
        both("--cluster", "info", replicas[0].address, term=term)


def test_nodes_that_are_gone_from_their_address(nodes):
    these = nodes(4)
    make_cluster(these)
    these[3].call("CLUSTER", "RESET", "HARD")
    eventually(lambda: "noaddr" in these[0].call("CLUSTER", "NODES").decode(), 20, "no address")
    both("--cluster", "check", these[0].address)
    these[0].call("CLUSTER", "MEET", "127.0.0.1", 1)
    both("--cluster", "info", these[0].address)


def test_passwords(nodes):
    these = nodes(3)
    make_cluster(these)
    odd = these[1]
    assert odd.call("CONFIG", "SET", "requirepass", "secret") == "OK"
    for term in ("dumb", "xterm"):
        both("--cluster", "check", these[0].address, term=term)
        both("--cluster", "check", odd.address, term=term)
        both("--cluster", "info", odd.address, "-a", "wrong", "--no-auth-warning", term=term)
        both("--cluster", "info", odd.address, "-a", "secret", "--no-auth-warning", term=term)
        both("--cluster", "info", odd.address, "-a", "secret", "--user", "nobody", "--no-auth-warning", term=term)
    for node in (these[0], these[2]):
        assert node.call("CONFIG", "SET", "requirepass", "secret") == "OK"
    for options, env in ((["-a", "secret"], {}), (["--pass", "secret", "--no-auth-warning"], {}), ([], {"REDISCLI_AUTH": "secret"}),
                         (["--user", "default", "-a", "secret"], {}), ([], {"REDISCLI_AUTH": "wrong"}),
                         (["-a", "secret", "--no-auth-warning"], {"REDISCLI_AUTH": "wrong"}), ([], {})):
        for words in (["check", odd.address], ["call", odd.address, "ping"]):
            mine = both("--cluster", *words, *options, env=env)
            assert "secret" not in mine.out + mine.err


def test_a_call_that_ends_the_nodes(nodes):
    these = nodes(3)
    make_cluster(these)
    mine = ours("--cluster", "call", these[0].address, "shutdown", "nosave")
    assert mine.code == 0
    assert mine.out == ">>> Calling shutdown nosave\n" + "".join(
        "%s: Failed!\n" % words for words in re.findall("(?m)^(.*): Failed!$", mine.out))
    assert mine.out.count("Failed!") == 3
