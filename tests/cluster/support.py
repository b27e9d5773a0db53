"""Nodes that are made into clusters and taken apart again, and the two command lines beside each other."""
import os
import re
import socket
import subprocess
import threading

import pytest

from tests.support.server import ORACLE, Server, bin_dir, die_with_parent, eventually, server_under_test

REDIS_CLI = os.environ.get("TESSERA_ORACLE_CLI", "/usr/bin/redis-cli")
PLAIN = "dumb"  # TERM without colours


def node_binary():
    return server_under_test() if os.environ.get("TESSERA_CLUSTER_OF") == "tessera" else ORACLE


def tessera_cli():
    return os.path.join(bin_dir(), "tessera-cli")


class Result:
    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def __repr__(self):
        return "%s\ncode %s\n--- out\n%s\n--- err\n%s" % (" ".join(self.words), self.code, self.out, self.err)


def run(cli, *args, typed="", term=PLAIN, env=None, timeout=600):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("REDISCLI_")}
    environment["TERM"] = term
    environment.update(env or {})
    words = [cli] + [str(arg) for arg in args]
    done = subprocess.run(words, input=typed.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                          timeout=timeout, preexec_fn=die_with_parent)
    return Result(words, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def ours(*args, **options):
    return run(tessera_cli(), *args, **options)


def theirs(*args, **options):
    return run(REDIS_CLI, *args, **options)


def sorted_blocks(lines):
    """The lists of nodes in the order of their text, the first one (which was named) left where it is: it is the order
    of a hash table of the node that was asked, and differs as nodes come to know each other in another order."""
    result, blocks = [], []

    def put():
        if blocks:
            result.extend(line for block in [blocks[0]] + sorted(blocks[1:]) for line in block)
            blocks.clear()

    for line in lines:
        bare = re.sub("\x1b\\[[0-9;]*m", "", line)
        if re.match("[MS]: [0-9a-f]{40} ", bare):
            blocks.append([line])
        elif blocks and bare.startswith("   "):
            blocks[-1].append(line)
        else:
            put()
            result.append(line)
    put()
    return result


def same(text, replicas_by_chance=False):
    """What chance and time decide made equal."""
    text = re.sub("(?m)^Waiting for the nodes to agree\n\\.+\n", "", text)  # ours, where redis-cli does not wait
    text = re.sub("(?m)^\\.+$", "", text)  # seconds of waiting
    # redis-cli lists open slots in the order of a hash table.
    text = re.sub("(slots are open: )([0-9,]+)",
                  lambda m: m.group(1) + ",".join(sorted(m.group(2).split(","), key=int)), text)
    if replicas_by_chance:  # redis-cli's optimisation swaps at random, also where nothing can become better
        text = re.sub("(   replicates )[0-9a-f]{40}", "\\1(some master)", text)
    return "\n".join(sorted_blocks(text.split("\n")))


def equal(mine, other, **options):
    assert same(mine.out, **options) == same(other.out, **options), "%r\n\n%r" % (mine, other)
    assert sorted(mine.err.split("\n")) == sorted(other.err.split("\n")), "%r\n\n%r" % (mine, other)
    assert mine.code == other.code, "%r\n\n%r" % (mine, other)


def both(*args, replicas_by_chance=False, **options):
    """For what changes nothing: both on the same nodes. Returns ours."""
    mine, other = ours(*args, **options), theirs(*args, **options)
    equal(mine, other, replicas_by_chance=replicas_by_chance)
    return mine


class Node(Server):
    def __init__(self, *args, config=None, binary=None):
        super().__init__("--cluster-enabled", "yes", "--cluster-node-timeout", "3000", *args, binary=binary or node_binary(),
                         config=config)
        self.host = "127.0.0.1"

    def die(self):
        """kill -9; its folder stays until stop()."""
        self.process.kill()
        self.process.wait(30)

    @property
    def address(self):
        return "%s:%d" % (self.host, self.port)

    def on(self, host):
        return "%s:%d" % (host, self.port)

    def id(self):
        return self.call("CLUSTER", "MYID").decode()

    def cluster_info(self):
        lines = self.call("CLUSTER", "INFO").decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def nodes(self):
        return [line.split(" ") for line in self.call("CLUSTER", "NODES").decode().splitlines()]

    def knows(self):
        return int(self.cluster_info()["cluster_known_nodes"])

    def is_ok(self):
        return self.cluster_info()["cluster_state"] == "ok"


def take_apart(nodes, hard=False):
    """Every node alone again. Soft: with the id it had."""
    for node in nodes:
        node.call("READWRITE")
        node.call("FLUSHALL")
        node.call("FUNCTION", "FLUSH")

    def alone():
        for node in nodes:
            if node.knows() > 1 or node.cluster_info()["cluster_slots_assigned"] != "0":
                node.call("FLUSHALL")
                node.call("CLUSTER", "RESET", "SOFT")
        return all(node.knows() == 1 for node in nodes)

    eventually(alone, 20, "all nodes are alone")
    if hard:
        for node in nodes:
            node.call("CLUSTER", "RESET", "HARD")
    for node in nodes:
        node.call("FUNCTION", "FLUSH")


def knows(node, *words):
    reply = node.call(words[0], "HELP")
    lines = [line.decode() if isinstance(line, bytes) else line for line in reply] if isinstance(reply, list) else []
    return any(line.split(" ")[0] == words[1] for line in lines)


def needs(node, *words):
    """Skips the test where the server does not know the subcommand yet."""
    if not knows(node, *words):
        pytest.skip("the server does not know %s" % " ".join(words))


def make_cluster(nodes, replicas=0):
    """By redis-cli, settled: all say ok and the same."""
    if replicas:
        needs(nodes[0], "CLUSTER", "REPLICATE")
    made = theirs("--cluster", "create", *[node.address for node in nodes], "--cluster-replicas", replicas, "--cluster-yes")
    assert made.code == 0, made
    settle(nodes)


def settle(nodes):
    """All say ok and the same: who is there, what each is and owns, by which epoch; and no two primaries have the same one."""
    def agreed():
        views, epochs = set(), set()
        for node in nodes:
            info = node.cluster_info()
            if info["cluster_state"] != "ok" or int(info["cluster_known_nodes"]) != len(nodes):
                return False
            epochs.add(info["cluster_current_epoch"])
            lines = node.nodes()
            views.add(tuple(sorted((words[0], words[2].replace("myself,", ""), words[3], words[6], tuple(words[8:])) for words in lines)))
            taken = [words[6] for words in lines if "master" in words[2]]
            if len(set(taken)) != len(taken):
                return False
        return len(views) == 1 and len(epochs) == 1
    eventually(agreed, 40, "the nodes agree")


class Forwarder:
    """Listens on `host`:port and passes connections on to 127.0.0.1:to_port (the same one); or, deaf, accepts and says nothing.
    silent_at=(word, n): the first connection that says the word for the nth time is not passed on any more."""

    def __init__(self, host, port, deaf=False, to_port=None, silent_at=None):
        self.to_port, self.deaf = to_port or port, deaf
        self.silent_at, self.silenced = silent_at, 0
        self.sockets = []
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.port = self.listener.getsockname()[1]
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(client)
            if self.deaf:
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.to_port))
            except OSError:
                client.close()
                continue
            self.sockets.append(server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        seen = b""
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if self.silent_at and not self.silenced:
                    seen += data
                    if seen.count(self.silent_at[0]) >= self.silent_at[1]:
                        self.silenced = 1
                        return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self.sockets:
            each.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
