"""The tools as processes, and what the tests compare."""
import json
import os
import random
import signal
import subprocess
import sys

from tests.support.server import ROOT, Server, bin_dir, die_with_parent, eventually

TOOLS = os.path.join(ROOT, "tools")
if TOOLS not in sys.path:
    sys.path.insert(0, TOOLS)

OK, FAILED, USAGE, DAMAGED, SERVER, DISK, REFUSED = range(7)


def words_of(name, *args):
    return [sys.executable, os.path.join(TOOLS, name)] + [str(arg) for arg in args]


def environment(env=None):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("REDISCLI_")}
    kept["TESSERA_BIN"] = os.path.abspath(bin_dir())
    kept.update(env or {})
    return kept


class Done:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return "code %d\n--- out\n%s\n--- err\n%s" % (self.code, self.out, self.err)


def tool(name, *args, expect=OK, typed="", env=None):
    done = subprocess.run(words_of(name, *args), input=typed.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180,
                          env=environment(env), preexec_fn=die_with_parent)
    done = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert done.code == expect, done
    assert "Traceback" not in done.err, done
    return done


def begin(name, *args):
    return subprocess.Popen(words_of(name, *args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=environment(), preexec_fn=die_with_parent)


def taken(done):
    """The folder of the backup that was taken."""
    return done.out.splitlines()[0]


def metadata(path):
    with open(os.path.join(path, "metadata.json")) as file:
        return json.load(file)


def write_metadata(path, value):
    with open(os.path.join(path, "metadata.json"), "w") as file:
        json.dump(value, file)


def hidden(folder):
    """What is left of a tool that did not clear up."""
    return [name for name in os.listdir(folder) if name.startswith(".")]


def tree(folder):
    """Every file below it with its content."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                found[os.path.relpath(os.path.join(path, name), folder)] = file.read()
    return found


def start_on(folder, *args, binary=None, shards=2, wait=True):
    return Server("--dir", folder, "--enable-debug-command", "yes", *args, binary=binary, shards=None if binary else shards, wait=wait)


def end(server):
    server.process.send_signal(signal.SIGTERM)
    assert server.wait_exit() == 0, server.log()


LIBRARY = "#!lua name=%s\nredis.register_function('%s_f', function(keys, args) return args[1] end)\n"


def fill(connection, seed, databases=(0, 9), keys=60):
    """All types, packed and not, some with a time, and a library of functions."""
    rng = random.Random(seed)
    for db in databases:
        if len(databases) > 1:
            connection.call("SELECT", db)
        commands = []
        for i in range(keys):
            commands.append(("SET", "string:%d" % i, rng.choice(["%d" % rng.randrange(-2**40, 2**40), rng.randbytes(rng.randrange(3000))])))
            if i % 4 == 0:
                commands.append(("PEXPIREAT", "string:%d" % i, 4102444800000 + i))
            for kind in range(5):
                key, count = "%s:%d" % (("list", "set", "hash", "zset", "stream")[kind], i), rng.choice([1, 5, 300])
                names = ["element %d %d" % (i, j) for j in range(count)]
                if kind == 0:
                    commands.append(("RPUSH", key, *names))
                elif kind == 1:
                    commands.append(("SADD", key, *names))
                elif kind == 2:
                    commands.append(("HSET", key, *[word for name in names for word in (name, name[::-1])]))
                elif kind == 3:
                    commands.append(("ZADD", key, *[word for j, name in enumerate(names) for word in (j / 7, name)]))
                else:
                    commands += [("XADD", key, "%d-%d" % (j + 1, i), "field", name) for j, name in enumerate(names[:20])]
                    commands.append(("XGROUP", "CREATE", key, "group", "0"))
        replies = connection.pipeline(commands)
        assert not [reply for reply in replies if isinstance(reply, Exception)], replies
    if len(databases) > 1:
        connection.call("SELECT", 0)


def add_library(connection, name="lib"):
    assert connection.call("FUNCTION", "LOAD", LIBRARY % (name, name)) == name.encode()


def libraries(connection):
    return sorted(bytes(library[1]) for library in connection.call("FUNCTION", "LIST"))


def key_values(*servers):
    """{key: (digest of its value, its time)} over the nodes of a cluster; no key is at two of them."""
    found = {}
    for server in servers:
        with server.connect() as connection:
            cursor = b"0"
            while True:
                cursor, keys = connection.call("SCAN", cursor, "COUNT", 1000)
                rows = connection.pipeline([words for key in keys for words in (("DEBUG", "DIGEST-VALUE", key), ("PEXPIRETIME", key))])
                for key, digest, when in zip(keys, rows[::2], rows[1::2]):
                    assert key not in found, key
                    found[key] = (digest[0], when)
                if cursor == b"0":
                    break
    return found


def cluster_of(servers):
    """The nodes share all slots evenly and know each other."""
    share = -(-16384 // len(servers))
    for index, server in enumerate(servers):
        assert server.call("CLUSTER", "ADDSLOTSRANGE", index * share, min((index + 1) * share, 16384) - 1) == "OK"
        assert server.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1) == "OK"
    for server in servers[1:]:
        assert server.call("CLUSTER", "MEET", "127.0.0.1", servers[0].port) == "OK"

    def agreed():
        for server in servers:
            info = server.call("CLUSTER", "INFO")
            if b"cluster_state:ok" not in info or b"cluster_known_nodes:%d\r" % len(servers) not in info:
                return False
        return True
    eventually(agreed, 30, "the nodes agree")
    return servers


def cluster_node(*args, binary=None, folder=None):
    words = ["--cluster-enabled", "yes", "--cluster-node-timeout", "10000", "--cluster-announce-ip", "127.0.0.1",
             "--enable-debug-command", "yes", *args]
    if folder:
        words = ["--dir", folder] + words
    return Server(*words, binary=binary, shards=None if binary else 1)
