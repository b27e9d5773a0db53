"""--cluster create: beside redis-cli on the same nodes, and what only tessera-cli does."""
import os
import re
import signal
import subprocess

import pytest

from tests.cluster.support import (Forwarder, both, equal, knows, make_cluster, needs, node_binary, ours, settle, take_apart,
                                   tessera_cli, theirs)
from tests.support.server import Server, eventually, server_under_test


def addresses(nodes):
    return [node.address for node in nodes]


def spread(nodes, *hosts):
    """Addresses on 127.0.0.<host>: another host each, as far as a command line can know."""
    return [node.on("127.0.0.%d" % host) for node, host in zip(nodes, hosts)]


def both_create(nodes, words, *options, **how):
    """Makes the cluster with each, on the same nodes with the same ids. Returns ours."""
    results = []
    for cli in (theirs, ours):
        take_apart(nodes)
        results.append(cli("--cluster", "create", *words, *options, **{k: v for k, v in how.items() if k != "replicas_by_chance"}))
    equal(results[1], results[0], replicas_by_chance=how.get("replicas_by_chance", False))
    return results[1]


def master_count(node):
    return sum("master" in words[2] for words in node.nodes())


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_six_nodes(fresh, term):
    needs(fresh[0], "CLUSTER", "REPLICATE")
    these = fresh[:6]
    mine = both_create(these, addresses(these), "--cluster-replicas", 1, "--cluster-yes", term=term, replicas_by_chance=True)
    assert mine.code == 0
    # When it says so, it is so: nobody has to wait.
    for node in these:
        assert node.is_ok() and node.knows() == 6 and master_count(node) == 3


@pytest.mark.parametrize("typed, made", [("yes\n", True), ("yes", True), ("no\n", False), ("", False), ("y\n", False), ("YES\n", False)])
def test_the_person_decides(fresh, typed, made):
    these = fresh[:3]
    mine = both_create(these, addresses(these), typed=typed)
    assert mine.code == 0 and ("All 16384 slots covered" in mine.out) == made
    assert all(node.knows() == (3 if made else 1) for node in these)


def test_yes_by_the_environment(fresh):
    these = fresh[:3]
    assert "slots covered" in both_create(these, addresses(these), env={"REDISCLI_CLUSTER_YES": "1"}).out


@pytest.mark.parametrize("count, replicas, hosts", [
    (4, 0, ()), (5, 0, ()), (7, 0, ()), (8, 0, (1, 1, 2, 2, 3, 3, 1, 2)),
    (6, 1, (1, 2, 3, 1, 2, 3)), (6, 1, (1, 1, 2, 2, 3, 3)), (6, 1, (1, 1, 1, 2, 2, 2)), (6, 1, (1, 1, 2, 3, 2, 3)),
    (9, 2, (1, 2, 3, 1, 2, 3, 1, 2, 3)), (7, 1, (1, 2, 3, 4, 5, 6, 7)), (8, 1, (1, 2, 3, 4, 1, 2, 3, 4)),
])
def test_allocation_that_needs_no_optimisation(fresh, count, replicas, hosts):
    if replicas:
        needs(fresh[0], "CLUSTER", "REPLICATE")
    these = fresh[:count]
    words = spread(these, *hosts) if hosts else addresses(these)
    mine, other = (cli("--cluster", "create", *words, "--cluster-replicas", replicas) for cli in (ours, theirs))
    equal(mine, other)
    assert "optimize" not in mine.out and mine.code == 0


@pytest.mark.parametrize("count, replicas, hosts, verdict", [
    (7, 1, (), "same host as their master"), (9, 2, (), "same host as their master"),
    (6, 1, (1, 1, 1, 1, 2, 2), "same host as their master"),
    (9, 2, (1, 1, 1, 2, 2, 2, 2, 2, 1), "of the same master are in the same host"),
    (9, 2, (1, 2, 3, 1, 2, 3, 4, 4, 4), "Perfect anti-affinity"),
    (9, 1, (1, 1, 1, 2, 2, 3, 3, 4, 4), "Perfect anti-affinity"),
])
def test_allocation_that_is_optimised(fresh, count, replicas, hosts, verdict):
    needs(fresh[0], "CLUSTER", "REPLICATE")
    these = fresh[:count]
    words = spread(these, *hosts) if hosts else addresses(these)
    mine, other = (cli("--cluster", "create", *words, "--cluster-replicas", replicas, term="xterm") for cli in (ours, theirs))
    equal(mine, other, replicas_by_chance=True)
    assert verdict in mine.out
    if "Perfect" in verdict:
        text = re.sub("\x1b\\[[0-9;]*m", "", mine.out)
        host_of = dict(re.findall(r"(?m)^[MS]: ([0-9a-f]{40}) (127\.0\.0\.\d+):", text))
        pairs = re.findall(r"S: ([0-9a-f]{40}) .*\n   replicates ([0-9a-f]{40})", text)
        assert len(pairs) == count - count // (replicas + 1)
        assert all(host_of[replica] != host_of[master] for replica, master in pairs)
    # Not by chance: the same line gives the same plan.
    assert ours("--cluster", "create", *words, "--cluster-replicas", replicas, term="xterm").out == mine.out


@pytest.mark.parametrize("count, options", [(2, []), (2, ["--cluster-replicas", "1"]), (4, ["--cluster-replicas", "1"]),
                                            (5, ["--cluster-replicas", "1"]), (8, ["--cluster-replicas", "2"]),
                                            (3, ["--cluster-replicas", "7"])])
def test_too_few(fresh, count, options):
    for term in ("dumb", "xterm"):
        assert both("--cluster", "create", *addresses(fresh[:count]), *options, term=term).code == 1


def test_refused_nodes(fresh):
    good = addresses(fresh[:3])
    for words in (good[:2] + ["127.0.0.1:1"], ["127.0.0.1:1"] + good, good + ["nosuchhost.invalid:7"], good + ["word"]):
        assert both("--cluster", "create", *words).code == 1
    with Server(binary=node_binary()) as plain:
        assert both("--cluster", "create", *good, "127.0.0.1:%d" % plain.port, term="xterm").code == 1
    full = fresh[3]
    full.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    eventually(full.is_ok, 20, "it serves")
    full.call("SET", "a", "b")
    assert "contains some key" in both("--cluster", "create", *good, full.address).out
    full.call("FLUSHALL")
    assert fresh[4].call("CLUSTER", "MEET", "127.0.0.1", fresh[5].port) == "OK"
    eventually(lambda: fresh[4].knows() == 2, 20, "they met")
    assert "already knows other nodes" in both("--cluster", "create", fresh[4].address, *good).out
    for node in fresh[:3]:
        assert node.knows() == 1 and node.cluster_info()["cluster_slots_assigned"] == "0"


def test_passwords(nodes):
    these = nodes(3, "--requirepass", "the-secret", "--masterauth", "the-secret")
    words = ["--cluster", "create"] + addresses(these)
    for options, env in (([], {}), (["-a", "wrong"], {}), (["-a", "the-secret", "--user", "nobody"], {}), ([], {"REDISCLI_AUTH": "wrong"})):
        assert both(*words, *options, env=env).code == 1
    mine = ours(*words, "--cluster-yes", env={"REDISCLI_AUTH": "the-secret"})
    assert mine.code == 0 and "the-secret" not in mine.out + mine.err
    for options, env, typed in ((["-a", "the-secret"], {}, ""), ([], {"REDISCLI_AUTH": "the-secret"}, ""), (["--askpass"], {}, "the-secret\n")):
        checked = ours("--cluster", "check", these[1].address, *options, env=env, typed=typed)
        assert checked.code == 0, checked


def test_the_argument_list_has_no_secret(nodes):
    these = nodes(3, "--requirepass", "the-secret", "--masterauth", "the-secret")
    asking = subprocess.Popen([tessera_cli(), "--no-auth-warning", "-a", "the-secret", "--cluster", "create"] + addresses(these),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        text = b""
        while b"type 'yes'" not in text:
            text += os.read(asking.stdout.fileno(), 65536) or pytest.fail("no question: %r" % text)
        with open("/proc/%d/cmdline" % asking.pid, "rb") as file:
            words = file.read()
        assert b"create" in words and b"the-secret" not in words
        asking.communicate(b"yes\n", timeout=60)
        assert asking.returncode == 0
    finally:
        asking.kill()
        asking.wait()


# From here on: what redis-cli does not do.

def test_all_unreachable_nodes_are_named(fresh):
    mine = ours("--cluster", "create", fresh[0].address, "127.0.0.1:1", fresh[1].address, "127.0.0.1:2", fresh[2].address)
    assert mine.code == 1 and mine.out == ""
    assert mine.err == ("Could not connect to Redis at 127.0.0.1:1: Connection refused\n"
                        "Could not connect to Redis at 127.0.0.1:2: Connection refused\n")


def test_names(fresh):
    these = fresh[:3]
    words = ["localhost:%d" % node.port for node in these]
    mine = ours("--cluster", "create", *words, "--cluster-yes")
    assert mine.code == 0 and ">>> Performing Cluster Check (using node %s)" % words[0] in mine.out
    settle(these)
    for node in these:
        assert all(line[1].startswith("127.0.0.1:") for line in node.nodes())


def test_the_same_node_twice(fresh):
    node = fresh[0]
    for name in (node.address, "localhost:%d" % node.port):
        mine = ours("--cluster", "create", node.address, fresh[1].address, fresh[2].address, name, "--cluster-yes")
        assert mine.code == 1 and "[ERR] Node %s is the same node as %s." % (name, node.address) in mine.out
    assert node.knows() == 1


def test_slots_of_its_own(fresh):
    assert fresh[2].call("CLUSTER", "ADDSLOTS", 1, 2, 3, 9) == "OK"
    mine = ours("--cluster", "create", *addresses(fresh[:3]), "--cluster-yes")
    assert mine.code == 1 and "is not empty: it owns slots [1-3],[9]" in mine.out
    assert fresh[0].cluster_info()["cluster_slots_assigned"] == "0"


def test_a_bus_port_that_is_closed(nodes):
    these = nodes(3, "--bind", "127.0.0.1")
    far = "127.0.0.9"
    with Forwarder(far, these[1].port):
        mine = ours("--cluster", "create", these[0].address, these[1].on(far), these[2].address, "--cluster-yes")
    assert mine.code == 1
    assert mine.out == "[ERR] Node %s: its cluster bus port %d cannot be reached: Connection refused\n" % (
        these[1].on(far), these[1].port + 10000)
    assert all(node.knows() == 1 and node.cluster_info()["cluster_slots_assigned"] == "0" for node in these)


def test_a_bus_that_is_deaf(nodes):
    these = nodes(3, "--bind", "127.0.0.1")
    far = "127.0.0.9"
    with Forwarder(far, these[0].port), Forwarder(far, these[0].port + 10000, deaf=True):
        mine = ours("--cluster", "create", these[0].on(far), these[1].address, these[2].address, "--cluster-yes", "--wait", 2)
    assert mine.code == 1
    assert "\n..\n[ERR] The nodes have not agreed within 2 seconds:\n" in mine.out
    for node in these[1:]:
        assert "    %s does not know %s\n" % (these[0].on(far), node.address) in mine.out
        assert "    %s does not know %s\n" % (node.address, these[0].on(far)) in mine.out
    assert mine.out.count("does not know") == 4  # the two that can met each other


def test_nodes_that_are_stopped(nodes):
    """Connections are taken, nothing is answered."""
    these = nodes(5)
    for node in these[1:3]:
        os.kill(node.pid, signal.SIGSTOP)
    try:
        mine = ours("--cluster", "create", *addresses(these), "--cluster-yes", "--wait", 2, timeout=15)
    finally:
        for node in these[1:3]:
            os.kill(node.pid, signal.SIGCONT)
    assert mine.code == 1
    assert mine.out == "".join("[ERR] Node %s does not answer: Connection timed out\n" % node.address for node in these[1:3]), mine
    assert all(node.knows() == 1 and node.cluster_info()["cluster_slots_assigned"] == "0" for node in these)


def test_a_connection_that_hangs_while_they_join(nodes):
    """It is made anew; what the others say is asked meanwhile."""
    these = nodes(3, "--bind", "127.0.0.1")
    far = "127.0.0.9"
    with Forwarder(far, these[1].port, silent_at=(b"NODES", 2)) as forwarder, Forwarder(far, these[1].port + 10000):
        words = [these[0].address, these[1].on(far), these[2].address]
        mine = ours("--cluster", "create", *words, "--cluster-yes", "--wait", 40)
        assert mine.code == 0 and forwarder.silenced == 1, mine
        settle(these)  # shaking hands at another address may take a node timeout to be given up


def test_a_wait_that_is_too_short_can_be_repeated(fresh):
    needs(fresh[0], "CLUSTER", "REPLICATE")
    these = fresh[:6]
    words = ["--cluster", "create", *addresses(these), "--cluster-replicas", 1, "--cluster-yes", "--if-not-exists"]
    first = ours(*words, "--wait", 0)
    assert first.code == 1 and "have not agreed within 0 seconds" in first.out
    again = ours(*words)
    assert again.code == 0 and ">>> Going on with a creation that was cut short" in again.out
    settle(these)
    last = ours(*words)
    assert last.code == 0 and last.out.startswith("[OK] The cluster exists already: all 6 nodes belong to it.\n")
    assert "slots covered" in last.out


def test_if_not_exists_on_new_nodes_is_plain_creation(fresh):
    these = fresh[:3]
    mine = ours("--cluster", "create", *addresses(these), "--cluster-yes", "--if-not-exists")
    take_apart(these)
    other = theirs("--cluster", "create", *addresses(these), "--cluster-yes")
    equal(mine, other)


def test_if_not_exists_on_a_cluster_of_others_making(fresh):
    these = fresh[:6]
    make_cluster(these, replicas=1)
    mine = ours("--cluster", "create", *addresses(these[::-1]), "--if-not-exists")
    assert mine.code == 0 and "[OK] The cluster exists already" in mine.out
    before = [sorted(line[0] for line in node.nodes()) for node in these]
    # With a node that is no member: nothing is changed, and the way is said.
    more = ours("--cluster", "create", *addresses(fresh[:7]), "--if-not-exists", "--cluster-yes")
    assert more.code == 1 and "add-node" in more.out
    assert before == [sorted(line[0] for line in node.nodes()) for node in these] and fresh[6].knows() == 1
    # With data.
    for node in these:
        for i in range(50):
            node.call("SET", "key%d" % i, "x")
    assert ours("--cluster", "create", *addresses(these), "--if-not-exists").code == 0
    # Without it nothing is touched either.
    both("--cluster", "create", *addresses(these), "--cluster-replicas", 1)


STEPS = ["slots of one", "slots of all", "some slots", "two met", "all met", "one replica"]


@pytest.mark.parametrize("step", STEPS)
def test_if_not_exists_goes_on(fresh, step):
    needs(fresh[0], "CLUSTER", "REPLICATE")
    these = fresh[:6]
    if step in ("slots of one", "slots of all", "all met", "one replica"):
        these[0].call("CLUSTER", "ADDSLOTSRANGE", 0, 5460)
    if step == "some slots":
        these[1].call("CLUSTER", "ADDSLOTS", 5461, 7000)
    if step in ("slots of all", "all met", "one replica"):
        these[1].call("CLUSTER", "ADDSLOTSRANGE", 5461, 10922)
        these[2].call("CLUSTER", "ADDSLOTSRANGE", 10923, 16383)
    if step == "two met":
        these[4].call("CLUSTER", "MEET", "127.0.0.1", these[5].port)
        eventually(lambda: these[4].knows() == 2 and these[5].knows() == 2, 20, "they met")
    if step in ("all met", "one replica"):
        for number, node in enumerate(these):
            node.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in these[1:]:
            node.call("CLUSTER", "MEET", "127.0.0.1", these[0].port)
        settle(these)
    if step == "one replica":
        assert these[5].call("CLUSTER", "REPLICATE", these[0].id()) == "OK"
    mine = ours("--cluster", "create", *addresses(these), "--cluster-replicas", 1, "--cluster-yes", "--if-not-exists")
    assert mine.code == 0 and "Going on" in mine.out, mine
    settle(these)
    assert all(node.is_ok() and master_count(node) == 3 for node in these)
    if step == "one replica":
        assert [line[3] for line in these[0].nodes() if line[0] == these[5].id()] == [these[0].id()]


def test_if_not_exists_and_strangers(fresh):
    make_cluster(fresh[:3])
    others = fresh[3:6]
    for words, text in (
            (addresses(fresh[:2] + others), "which was not named"),
            (addresses(others + fresh[:1]), "which was not named"),
            (addresses([fresh[1], fresh[0], fresh[2]] + others), "but would own"),
    ):
        mine = ours("--cluster", "create", *words, "--if-not-exists", "--cluster-yes")
        assert mine.code == 1 and "[ERR] Node " in mine.out and text in mine.out, mine
        assert "Performing hash slots" not in mine.out
    assert all(node.knows() == 1 for node in others)


def test_replicas_that_cannot_be_made(nodes):
    """The server does not know CLUSTER REPLICATE: said before anything is changed, with every node that it concerns."""
    these = nodes(6, binary=server_under_test())
    if knows(these[0], "CLUSTER", "REPLICATE"):
        pytest.skip("our server knows CLUSTER REPLICATE")
    words = ["--cluster", "create", *addresses(these), "--cluster-replicas", 1]
    for options in ([], ["--cluster-yes"], ["--cluster-yes", "--if-not-exists"]):
        mine = ours(*words, *options)
        assert mine.code == 1 and "Nothing was changed." in mine.out and "Can I set" not in mine.out, mine
        assert re.findall("Node (\\S+) cannot become a replica", mine.out) == addresses(these[3:]), mine
        assert all(node.knows() == 1 and node.cluster_info()["cluster_slots_assigned"] == "0" for node in these)
    made = ours("--cluster", "create", *addresses(these[:3]), "--cluster-yes")
    assert made.code == 0, made
    added = ours("--cluster", "add-node", these[3].address, these[0].address, "--cluster-slave")
    assert added.code == 1 and "cannot become a replica" in added.out, added
    assert these[3].knows() == 1


def test_who_may_be_a_replica_is_not_always_said(nodes):
    """Without CLUSTER HELP it is tried, as ever."""
    these = nodes(6)
    needs(these[0], "CLUSTER", "REPLICATE")
    for node in these:
        assert node.call("ACL", "SETUSER", "default", "-cluster|help") == "OK"
    mine = ours("--cluster", "create", *addresses(these), "--cluster-replicas", 1, "--cluster-yes")
    assert mine.code == 0 and master_count(these[0]) == 3, mine
