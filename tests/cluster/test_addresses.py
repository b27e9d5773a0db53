"""What clients are told of addresses: announced ones, and those for clients alone, by the family of their connection."""
import os
import socket

import pytest

from tests.cluster.test_bus import OURS, members  # noqa: F401 (a fixture)
from tests.support.resp import Connection
from tests.support.server import eventually, is_redis

pytestmark = pytest.mark.skipif(is_redis(OURS), reason="parameters of newer servers")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def test_client_addresses(members):  # noqa: F811
    first, = members(OURS)
    second, = members(OURS, shards=1)
    for node, v4, port in ((first, "10.1.1.1", 5001), (second, "10.1.1.2", 5002)):
        assert node.call("CONFIG", "SET", "cluster-announce-client-ipv4", v4, "cluster-announce-client-ipv6", "fd00::%s" % v4[-1],
                         "cluster-announce-client-port", port) == "OK"
    assert first.call("CLUSTER", "ADDSLOTSRANGE", 0, 8191) == "OK"
    assert second.call("CLUSTER", "ADDSLOTSRANGE", 8192, 16383) == "OK"
    assert second.call("CLUSTER", "SET-CONFIG-EPOCH", 2) == "OK"
    assert first.call("CLUSTER", "MEET", "127.0.0.1", second.port) == "OK"
    eventually(lambda: first.is_ok() and second.is_ok(), 30, "the cluster is up")
    wanted = [[0, 8191, b"10.1.1.1", 5001], [8192, 16383, b"10.1.1.2", 5002]]

    def slots(connection):
        return [[row[0], row[1], bytes(row[2][0]), row[2][1]] for row in connection.call("CLUSTER", "SLOTS")]
    for node in (first, second):
        with node.connect() as connection:
            eventually(lambda: slots(connection) == wanted, 30, "client addresses are known")
    assert str(first.call("GET", "foo")) == "MOVED 12182 10.1.1.2:5002"
    assert str(second.call("GET", "bar")) == "MOVED 5061 10.1.1.1:5001"
    # Nodes go on speaking to each other's real ports.
    assert {words[1].split(",")[0].split("@")[1] for words in first.nodes()} == {str(first.port + 10000), str(second.port + 10000)}
    if has_ipv6():
        with Connection(first.port, host="::1") as connection:
            assert [row[2] for row in slots(connection)] == [b"fd00::1", b"fd00::2"]
            assert str(connection.call("GET", "foo")) == "MOVED 12182 fd00::2:5002"


def test_a_tls_port_for_clients(members):  # noqa: F811
    """Of what stands in front of the node: its peers are told, and it is in the file where that has Valkey's fields."""
    node, = members(OURS)
    name, path = node.id(), os.path.join(node.folder, "nodes.conf")
    node.end()
    with open(path) as file:
        text = file.read()
    assert "@%d" % (node.port + 10000) in text
    with open(path, "w") as file:
        file.write(text.replace("@%d" % (node.port + 10000), "@%d,,availability-zone=a,tls-port=0" % (node.port + 10000)))
    again = node.again()
    members.track(again)
    assert again.id() == name
    for port in 7443, 0:
        assert again.call("CONFIG", "SET", "cluster-announce-client-tls-port", port) == "OK"
        assert again.call("CLUSTER", "SAVECONFIG") == "OK"
        with open(path) as file:
            assert (",client-tls-port=7443" in file.read()) == (port != 0)
