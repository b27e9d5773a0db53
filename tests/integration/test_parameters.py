"""Parameters, each by what it changes. Which have no effect yet is listed by server/config/rows_test.cc."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from tests.support.resp import Closed, ReplyError
from tests.support.server import ORACLE, SANITIZED, ServerDied, eventually

IPPROTO_MPTCP = 262
SOL_MPTCP, MPTCP_INFO = 284, 1


def error_of(connection, *words):
    reply = connection.call(*words)
    return str(reply) if isinstance(reply, ReplyError) else ""


def logged(server, pattern):
    return eventually(lambda: re.search(pattern, server.log()), what=pattern + " in the log:\n" + server.log())


# ---- the log

@pytest.mark.tessera_only
def test_forms_of_log_lines(start):
    server = start("--log-format", "logfmt", "--log-timestamp-format", "iso8601", "--enable-debug-command", "yes")
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
    logged(server, r'(?m)^pid=%d role=primary timestamp="%s" level=notice message="Ready to accept connections"$' % (server.pid, time))
    with server.connect() as client:
        assert client.call("DEBUG", "LOG", 'with "quotes"') == "OK"
        logged(server, r"""(?m)^pid=.* level=warning message="DEBUG LOG: with 'quotes'"$""")
        assert client.call("CONFIG", "SET", "log-timestamp-format", "milliseconds") == "OK"
        assert client.call("DEBUG", "LOG", "second") == "OK"
        logged(server, r'(?m)^pid=\d+ role=primary timestamp="\d{13}" level=warning message="DEBUG LOG: second"$')
        assert client.call("CONFIG", "SET", "log-format", "legacy", "log-timestamp-format", "legacy") == "OK"
        assert client.call("DEBUG", "LOG", "third") == "OK"
        logged(server, r"(?m)^\d+:M \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} # DEBUG LOG: third$")


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


# ---- the network

def is_multipath(connection):
    """Whether it has not fallen back to TCP."""
    try:
        return connection.getsockopt(SOL_MPTCP, MPTCP_INFO, 96)[8] & 1 == 0
    except OSError:
        return False


@pytest.mark.tessera_only
def test_multipath_tcp(start):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
    except OSError:
        pytest.skip("the kernel has no Multipath TCP")
    server, plain = start("--mptcp", "yes", shards=2), start()
    for node, multipath in (server, True), (plain, False):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP) as client:
            client.connect(("127.0.0.1", node.port))
            client.sendall(b"PING\r\n")
            assert client.recv(100) == b"+PONG\r\n"
            assert is_multipath(client) == multipath
    assert server.call("PING") == "PONG"  # who comes with TCP is served as well


@pytest.mark.tessera_only
def test_mark_of_sockets(start):
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, 36, 7)  # SO_MARK
        except PermissionError:
            pytest.skip("needs CAP_NET_ADMIN")
    server = start("--socket-mark-id", "4660", shards=2)
    assert server.call("PING") == "PONG"
    listing = subprocess.run(["ss", "-Htlnpe", "sport", "=", ":%d" % server.port], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert listing.count("fwmark:0x1234") >= 2, listing


@pytest.mark.tessera_only
def test_connections_of_a_turn(start):
    server = start("--max-new-connections-per-cycle", "1", shards=2)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(200)]
        assert server.call("CONFIG", "SET", "max-new-connections-per-cycle", "1000") == "OK"
        clients += [stack.enter_context(server.connect()) for _ in range(200)]
        assert all(client.call("PING") == "PONG" for client in clients)


# ---- threads

def allowed_cpus(server):
    """By the name of the thread; numbers at its end are left out."""
    found = {}
    for task in os.listdir("/proc/%d/task" % server.pid):
        with open("/proc/%d/task/%s/status" % (server.pid, task)) as file:
            text = file.read()
        name = re.search(r"(?m)^Name:\s*(\S+)", text).group(1).rstrip("0123456789").rstrip("-")
        found.setdefault(name, set()).add(re.search(r"(?m)^Cpus_allowed_list:\s*(\S+)", text).group(1))
    return found


@pytest.mark.tessera_only
def test_threads_on_processors(start):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("one processor")
    first, second = str(cpus[0]), str(cpus[1])
    server = start("--server_cpulist", first, "--bio_cpulist", second, shards=2)
    found = eventually(lambda: {"shard", "control", "pool", "journal", "snapshot"} <= set(allowed_cpus(server)) and allowed_cpus(server))
    for name in "shard", "control", "tessera-server":
        assert found[name] == {first}, found
    for name in "pool", "journal", "snapshot":
        assert found[name] == {second}, found
    bad = start("--server_cpulist", "1-x")
    assert "server_cpulist: '1-x' is no list of processors" in bad.log()


@pytest.mark.tessera_only
@pytest.mark.skipif(SANITIZED, reason="sanitizers' builds run the handler on stacks of their own")
def test_watchdog(start):
    server = start("--enable-debug-command", "yes", shards=2)
    with server.connect() as client:
        assert client.call("CONFIG", "SET", "watchdog-period", "1") == "OK"
        assert client.call("CONFIG", "GET", "watchdog-period") == [b"watchdog-period", b"200"]
        assert client.call("DEBUG", "SLEEP", "2") == "OK"
    log = logged(server, r"(?s)--- WATCHDOG TIMER EXPIRED ---.*\n--------\n").group(0)
    assert "thread:shard-" in log and "Backtrace:" in log
    assert server.call("PING") == "PONG"


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


@pytest.fixture(scope="module")
def locale_folder():
    """A folder with one locale in which letters come before case."""
    if not shutil.which("localedef") or not os.path.exists("/usr/share/i18n/locales/en_US"):
        pytest.skip("no locale can be made here")
    folder = tempfile.mkdtemp(prefix="tessera-locale-")
    subprocess.run(["localedef", "-i", "en_US", "-f", "UTF-8", os.path.join(folder, "en_US.UTF-8")], check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


WORDS = ["b", "A", "a", "B", "ab", "Ab", "_a"]


def sorted_by(server):
    with server.connect() as client:
        client.call("DEL", "l")
        client.call("RPUSH", "l", *WORDS)
        return client.call("SORT", "l", "ALPHA")


@pytest.mark.tessera_only
def test_locale_of_sort(start, locale_folder):
    env = {name: value for name, value in os.environ.items() if name not in ("LANG", "LC_ALL", "LC_COLLATE")}
    env["LOCPATH"] = locale_folder
    if SANITIZED:  # setlocale itself forgets what it made of that variable
        env["ASAN_OPTIONS"] = ":".join(filter(None, [env.get("ASAN_OPTIONS"), "detect_leaks=0"]))
    bytewise = sorted(word.encode() for word in WORDS)
    server = start(env=env)
    assert sorted_by(server) == bytewise
    with server.connect() as client:
        assert error_of(client, "CONFIG", "SET", "locale-collate", "xx_YY.nope") == \
            "ERR CONFIG SET failed (possibly related to argument 'locale-collate') - Invalid locale name"
        assert client.call("CONFIG", "SET", "locale-collate", "en_US.UTF-8") == "OK"
        by_locale = sorted_by(server)
        assert by_locale != bytewise and sorted(by_locale) == bytewise
        assert client.call("CONFIG", "SET", "locale-collate", "C") == "OK"
        assert sorted_by(server) == bytewise
    # No name: the environment's, as redis-server 7.0 does.
    env["LC_COLLATE"] = "en_US.UTF-8"
    assert sorted_by(start(env=env)) == sorted_by(start(env=env, binary=ORACLE)) == by_locale
    with pytest.raises(ServerDied):
        start("--locale-collate", "xx_YY.nope")


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
@pytest.mark.parametrize("source", ["snapshot", "log"])
def test_delay_of_loading(start, source):
    with folder_with(save_file(start)) as folder:
        args = "--dir", folder, "--appendonly", "yes" if source == "log" else "no", "--aof-use-rdb-preamble", "no"
        if source == "log":
            os.unlink(os.path.join(folder, "dump.rdb"))
            first = start(*args)
            with first.connect() as client:
                assert [client.call("SET", "key:%d" % i, "value") for i in range(50)] == ["OK"] * 50
                assert client.call("WAITAOF", 1, 0, 0)[0] == 1
            first.process.terminate()
            assert first.wait_exit() == 0
        server = start(*args, "--key-load-delay", "60000000", wait=False)
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


@pytest.mark.tessera_only
@pytest.mark.parametrize("magic", [b"REDIS0987", b"VALKEY987"])
def test_versions_of_files(start, magic):
    rdb = save_file(start)
    newer = magic + rdb[9:]
    with folder_with(newer) as folder:
        with pytest.raises(ServerDied) as death:
            start("--dir", folder, "--rdbchecksum", "no")
        assert "RDB version 987" in str(death.value)
        server = start("--dir", folder, "--rdbchecksum", "no", "--rdb-version-check", "relaxed")
        assert server.call("DBSIZE") == 50


@pytest.mark.tessera_only
def test_versions_of_payloads(start):
    server = start("--enable-debug-command", "yes")
    with server.connect() as client:
        client.call("SET", "a", "value")
        payload = client.call("DUMP", "a")
        newer = payload[:-10] + b"\x63\x00" + payload[-8:]
        assert client.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1") == "OK"
        wrong = "ERR DUMP payload version or checksum are wrong"
        assert error_of(client, "RESTORE", "b", 0, newer) == wrong
        assert client.call("CONFIG", "SET", "rdb-version-check", "relaxed") == "OK"
        assert client.call("RESTORE", "b", 0, newer) == "OK" and client.call("GET", "b") == b"value"
        # What is not known stays refused.
        unknown = b"\x63" + newer[1:]
        assert error_of(client, "RESTORE", "c", 0, unknown) == "ERR Bad data format"
        assert client.call("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "0") == "OK"
        assert error_of(client, "RESTORE", "c", 0, newer) == wrong


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
