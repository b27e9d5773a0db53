"""Parameters, each by what it changes. Which have no effect yet is listed by server/config/rows_test.cc."""
import contextlib
import os
import re
import signal
import tempfile

import pytest

from tests.support.resp import Closed, ReplyError
from tests.support.server import ORACLE, SANITIZED, ServerDied, eventually


def error_of(connection, *words):
    reply = connection.call(*words)
    return str(reply) if isinstance(reply, ReplyError) else ""


def logged(server, pattern):
    return eventually(lambda: re.search(pattern, server.log()), what=pattern + " in the log:\n" + server.log())


@pytest.mark.tessera_only
def test_names_are_kept_out_of_the_log(start):
    server = start("--loglevel", "verbose")

    def come_and_go(name):
        with server.connect() as client:
            assert client.call("CLIENT", "SETNAME", name) == "OK"

    come_and_go("hidden-name")
    logged(server, r"Client closed connection .* name=\*redacted\* .* user=\*redacted\* ")
    assert server.call("CONFIG", "SET", "hide-user-data-from-log", "no") == "OK"
    come_and_go("shown-name")
    logged(server, r"Client closed connection .* name=shown-name .* user=default ")
    assert "hidden-name" not in server.log()


@pytest.mark.parametrize("binary", [None, ORACLE])
@pytest.mark.parametrize("how", ["PANIC", "ASSERT", "OOM"])
@pytest.mark.parametrize("exits", ["yes", "no"])
@pytest.mark.skipif(SANITIZED, reason="crashes are reports there")
def test_end_of_a_panic(start, exits, how, binary):
    server = start("--enable-debug-command", "yes", "--use-exit-on-panic", exits, binary=binary)
    with server.connect() as client, pytest.raises((Closed, ConnectionError)):
        client.call("DEBUG", how)
    code = server.wait_exit()
    assert code == 1 if exits == "yes" else code in (-signal.SIGABRT, -signal.SIGSEGV), (code, server.log())
    if binary is None:
        log = server.log()
        places = [log.index(text) for text in ("BUG REPORT START", "STACK TRACE", "INFO OUTPUT", "\nused_memory:", "CLIENT LIST OUTPUT",
                                               " cmd=debug ", "BUG REPORT END")]
        assert places == sorted(places), log


# ---- scripts and sorting

@pytest.mark.parametrize("enabled", ["yes", "no"])
def test_deprecated_functions_of_lua(start, enabled):
    servers = [start("--lua-enable-deprecated-api", enabled), start("--lua-enable-deprecated-api", enabled, binary=ORACLE)]
    for name in "getfenv", "setfenv", "newproxy", "print", "loadfile":
        results = []
        for server in servers:
            with server.connect() as client:
                reply = client.call("EVAL", "return type(%s)" % name, 0)
                results.append("error" if isinstance(reply, ReplyError) else reply)
        assert results[0] == results[1], name
        assert (results[0] == b"function") == (enabled == "yes" and name not in ("print", "loadfile")), name


@pytest.mark.tessera_only
def test_what_deprecated_functions_change_is_bounded(start):
    """A script may spoil what later ones find; it does not reach anything else, nor end the server."""
    server = start("--lua-enable-deprecated-api", "yes", shards=1)
    with server.connect() as client:
        assert client.call("EVAL", "local f = function() return x end setfenv(f, {x = 5}) return f()", 0) == 5
        assert client.call("EVAL", "local p = newproxy(true) getmetatable(p).__gc = function() redis.call('set', 'a', 'b') end return 1", 0) == 1
        for _ in range(20):
            client.call("EVAL", "for i = 1, 1000 do local t = {i} end collectgarbage() return 1", 0)
        assert client.call("GET", "a") in (None, b"b")
        client.call("EVAL", "setfenv(0, {}) return 1", 0)
        client.call("EVAL", "return 1", 0)
        assert client.call("SET", "k", "v") == "OK" and client.call("GET", "k") == b"v"


# ---- files

def save_file(start, keys=50):
    with tempfile.TemporaryDirectory(prefix="tessera-rdb-") as folder:
        server = start("--dir", folder, "--enable-debug-command", "yes")
        with server.connect() as client:
            for i in range(keys):
                client.call("SET", "key:%d" % i, "value")
            assert client.call("SAVE") == "OK"
        with open(os.path.join(folder, "dump.rdb"), "rb") as file:
            return file.read()


@contextlib.contextmanager
def folder_with(rdb):
    with tempfile.TemporaryDirectory(prefix="tessera-rdb-") as folder:
        with open(os.path.join(folder, "dump.rdb"), "wb") as file:
            file.write(rdb)
        yield folder


@pytest.mark.tessera_only  # redis-server waits for a key to the end
def test_delay_of_loading(start):
    with folder_with(save_file(start)) as folder:
        server = start("--dir", folder, "--key-load-delay", "60000000", wait=False)
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(eventually(lambda: connected(server)))
            eventually(lambda: b"loading:1" in client.call("INFO", "persistence"))
            assert error_of(client, "GET", "key:1").startswith("LOADING")
            assert client.call("CONFIG", "SET", "key-load-delay", "0") == "OK"
            server.wait_ready()
            eventually(lambda: client.call("DBSIZE") == 50)


def connected(server):
    try:
        return server.connect()
    except OSError:
        return None


@pytest.mark.tessera_only
@pytest.mark.parametrize("shards", [1, 4])
def test_delay_of_saving(start, shards):
    server = start("--rdb-key-save-delay", "600000000", shards=shards)
    with server.connect() as client:
        client.call("SET", "k", "v")
        for ends_by in "the setting", "the end of the data":
            assert str(client.call("BGSAVE")) == "Background saving started"
            assert server.info("persistence")["rdb_bgsave_in_progress"] == "1"
            if ends_by == "the setting":
                assert client.call("CONFIG", "SET", "rdb-key-save-delay", "0") == "OK"
            else:
                assert client.call("FLUSHALL") == "OK"
            eventually(lambda: server.info("persistence")["rdb_bgsave_in_progress"] == "0")
            client.call("SET", "k", "v")
            assert client.call("CONFIG", "SET", "rdb-key-save-delay", "600000000") == "OK"
        assert str(client.call("BGSAVE")) == "Background saving started"
    server.process.terminate()
    assert server.wait_exit() == 0, server.log()


# ---- what cannot be had

def test_defragmentation_is_refused(start):
    texts = []
    for binary in None, ORACLE:
        server = start(binary=binary)
        with server.connect() as client:
            texts.append(error_of(client, "CONFIG", "SET", "activedefrag", "yes"))
            assert client.call("CONFIG", "SET", "activedefrag", "no") == "OK"
        with pytest.raises(ServerDied) as death:
            start("--activedefrag", "yes", binary=binary)
        assert "code 1" in str(death.value) and "Active defragmentation cannot be enabled" in str(death.value)
    assert texts[0] == texts[1] != ""


@pytest.mark.tessera_only
def test_a_port_for_tls_is_refused(start):
    with pytest.raises(ServerDied) as death:
        start("--tls-port", "7000")
    assert "code 1" in str(death.value) and "TLS is not supported" in str(death.value)
    server = start("--tls-port", "0")
    with server.connect() as client:
        assert "TLS is not supported" in error_of(client, "CONFIG", "SET", "tls-port", "7000")
