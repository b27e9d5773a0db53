"""Starting: command line, files, ports, sockets. Stopping: SHUTDOWN, signals."""
import contextlib
import os
import re
import signal
import socket
import subprocess

import pytest

from tests.support.resp import Closed, Connection, ReplyError, encode
from tests.support.server import ORACLE, ROOT, Server, ServerDied, eventually, free_port, redis_under_test, server_under_test

DEBIAN_CONF = "/etc/redis/redis.conf"


def run(*args, stdin=None):
    return subprocess.run([server_under_test()] + [str(a) for a in args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=30, universal_newlines=True)


def test_version_and_help():
    version = run("--version")
    assert version.returncode == 0 and re.search(r"v=\d+\.\d+\.\d+", version.stdout), version.stdout
    assert run("-v").stdout == version.stdout
    usage = run("--help")
    assert "sage" in usage.stdout and "--port" in usage.stdout and usage.returncode in (0, 1)


def test_port_in_use_is_named(start):
    first = start()
    with pytest.raises(ServerDied) as death:
        start(port=first.port)
    text = str(death.value)
    assert "code 1" in text and str(first.port) in text and "in use" in text, text
    assert first.call("PING") == "PONG"


@pytest.mark.parametrize("path", [DEBIAN_CONF, os.path.join(ROOT, "tests", "data", "redis-debian.conf")])
def test_debian_conf_starts_a_node(start, path):
    with open(path) as file:
        text = file.read()
    # The file is unchanged; the command line only moves what belongs to the installed service.
    server = start("--daemonize", "no", "--logfile", "", "--pidfile", "", config=text)
    assert server.call("SET", "k", "v") == "OK"
    assert server.call("CONFIG", "GET", "tcp-backlog") == [b"tcp-backlog", b"511"]
    assert server.call("CONFIG", "GET", "client-output-buffer-limit")[1] == b"normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
    assert server.call("CONFIG", "GET", "save")[1] in (b"", b"3600 1 300 100 60 10000")


@pytest.mark.parametrize("shards", [1, 4])
def test_config_rewrites_at_once(start, shards):
    """Each finds the file as another left it, and what is there in the end is what was set last."""
    server = start(config="# mine\ntimeout 1\n", shards=shards)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(8)]
        for value in range(1000, 1020):
            for client in clients:
                client.send(encode("CONFIG", "SET", "timeout", value) + encode("CONFIG", "REWRITE"))
            assert [client.read() for client in clients for _ in range(2)] == ["OK"] * 16
            with open(server.config_path) as file:
                assert file.read().startswith("# mine\ntimeout %d\n" % value)
    assert os.listdir(server.dir).count("server.conf.tmp") == 0


def test_config_rewrite_stays_readable(start):
    """What CONFIG REWRITE writes starts this server again, and redis-server; comments and order stay."""
    config = "# first comment\nmaxmemory 100mb\n\n# about policies\nmaxmemory-policy noeviction\nhz 20\n"
    server = start(config=config)
    assert server.call("CONFIG", "SET", "maxmemory", "200mb", "maxmemory-samples", "7") == "OK"
    assert server.call("CONFIG", "SET", "notify-keyspace-events", "KEA", "requirepass", 'a "b" c') == "OK"
    with server.connect() as connection:
        assert connection.call("AUTH", 'a "b" c') == "OK"
        assert connection.call("CONFIG", "REWRITE") == "OK"
    with open(server.config_path) as file:
        written = file.read()
    lines = written.split("\n")
    assert lines.index("# first comment") < lines.index("# about policies")
    assert "maxmemory 200mb" in lines and "hz 20" in lines and "maxmemory-samples 7" in lines
    server.process.kill()
    server.wait_exit()
    for binary in (server_under_test(), ORACLE):
        # The port in the rewritten file is taken over by --port.
        again = start(binary=binary, config=written)
        with again.connect() as connection:
            assert connection.call("AUTH", 'a "b" c') == "OK"
            assert connection.call("CONFIG", "GET", "maxmemory") == [b"maxmemory", b"209715200"]
            assert connection.call("CONFIG", "GET", "maxmemory-samples") == [b"maxmemory-samples", b"7"]
            assert connection.call("CONFIG", "GET", "hz") == [b"hz", b"20"]


def test_config_rewrite_of_what_only_we_know(start):
    """Debian's own file, with parameters redis-server does not have: it starts on what is written, and so do we."""
    with open(os.path.join(os.path.dirname(os.path.dirname(__file__)), "data", "redis-debian.conf")) as file:
        debian = file.read()
    here = ("--daemonize", "no", "--logfile", "", "--pidfile", "", "--supervised", "no")
    server = start("--shards", "2", *here, config=debian, shards=None)
    assert server.call("CONFIG", "SET", "log-format", "logfmt", "pipeline-order", "relaxed", "timeout", "77") == "OK"
    assert server.call("CONFIG", "REWRITE") == "OK"
    with open(server.config_path) as file:
        written = file.read()
    old = [line for line in debian.split("\n") if line.startswith("#")]
    assert [line for line in written.split("\n") if line in old and line.startswith("#")] == old
    assert server.call("CONFIG", "SET", "timeout", "78") == "OK" and server.call("CONFIG", "REWRITE") == "OK"
    with open(server.config_path) as file:
        assert file.read() == written.replace("\ntimeout 77\n", "\ntimeout 78\n")
    server.process.kill()
    server.wait_exit()
    by_hand = written + "shards 3\n"
    for binary, config, shards in ((ORACLE, written, None), (server_under_test(), written, b"2"), (server_under_test(), by_hand, b"3")):
        again = start(*here, binary=binary, config=config, shards=None)
        assert again.call("CONFIG", "GET", "timeout") == [b"timeout", b"77"]
        if shards is None:
            assert again.info("server")["redis_version"].startswith("7.0.")
            continue
        assert again.call("CONFIG", "GET", "shards") == [b"shards", shards]
        assert again.call("CONFIG", "GET", "log-format") == [b"log-format", b"logfmt"]
        assert again.call("CONFIG", "GET", "pipeline-order") == [b"pipeline-order", b"relaxed"]


def test_config_rewrite_without_a_file(start):
    reply = start().call("CONFIG", "REWRITE")
    assert isinstance(reply, ReplyError) and "without a config file" in str(reply)


@pytest.mark.parametrize("line,word", [
    ("maxmemory abc", "maxmemory"), ("port 70000", "port"), ("nosuchparameter 1", "nosuchparameter"),
    ('logfile "unbalanced', '"unbalanced'), ("hz", "hz"), ("appendonly maybe", "maybe"), ("databases 0", "0"), ("port 7430 7431", "7431"),
    ("client-output-buffer-limit normal 1", "client-output-buffer-limit"), ("user x on foo", "foo"), ("include", "include"),
    ("user a on >\"x y", '>"x'), ("rename-command nosuch x", "nosuch")])
def test_bad_config_names_file_line_and_word(tmp_path, line, word):
    path = tmp_path / "bad.conf"
    path.write_text("# fine\ntimeout 0\n%s\ntcp-backlog 511\n" % line)
    done = run(path)
    assert done.returncode == 1, done.stdout
    assert re.search(r"line 3\b", done.stdout) and word in done.stdout, done.stdout
    if "tessera" in server_under_test():
        assert str(path) in done.stdout, done.stdout
        assert "at the word '%s': " % word in done.stdout or word not in line.split()[1:], done.stdout


def test_missing_config_file():
    done = run("/nonexistent/server.conf")
    assert done.returncode == 1 and "/nonexistent/server.conf" in done.stdout, done.stdout


def test_bad_command_line():
    done = run("--maxmemory", "abc")
    assert done.returncode == 1 and "maxmemory" in done.stdout, done.stdout
    done = run("--nosuchparameter", "1")
    assert done.returncode == 1 and "nosuchparameter" in done.stdout, done.stdout


def test_config_from_stdin_and_overrides():
    port = free_port()
    process = subprocess.Popen([server_under_test(), "-", "--hz", "50", "--save", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    try:
        process.stdin.write(b"port %d\nmaxmemory-samples 9\nhz 20\n" % port)
        process.stdin.close()

        def answers():
            from tests.support.resp import Connection
            try:
                with Connection(port) as connection:
                    return connection.call("CONFIG", "GET", "hz")[1] + connection.call("CONFIG", "GET", "maxmemory-samples")[1]
            except OSError:
                return None
        assert eventually(answers) == b"509"
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


def test_include(start, tmp_path):
    (tmp_path / "a.conf").write_text("maxmemory-samples 8\n")
    server = start(config="maxmemory-samples 6\ninclude %s/a.conf\n" % tmp_path)
    assert server.call("CONFIG", "GET", "maxmemory-samples")[1] == b"8"


def test_pidfile_and_daemonize(tmp_path):
    port, pidfile, log = free_port(), tmp_path / "pid", tmp_path / "log"
    done = run("--port", port, "--dir", tmp_path, "--daemonize", "yes", "--pidfile", pidfile, "--logfile", log, "--save", "")
    assert done.returncode == 0, done.stdout
    pid = int(eventually(lambda: pidfile.exists() and pidfile.read_text().strip(), what="a pid file"))
    try:
        eventually(lambda: "eady to accept connections" in log.read_text(), what="the log says ready")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"SHUTDOWN NOSAVE\r\n")
            assert connection.recv(100) == b""
        eventually(lambda: not os.path.exists("/proc/%d" % pid), what="the daemon ended")
        assert not pidfile.exists()
    finally:
        if os.path.exists("/proc/%d" % pid):
            os.kill(pid, signal.SIGKILL)


def test_unix_socket(start, tmp_path):
    from tests.support.resp import Connection
    path = str(tmp_path / "sock")
    server = start("--unixsocket", path, "--unixsocketperm", "700")
    assert os.stat(path).st_mode & 0o777 == 0o700
    with Connection(path=path) as connection:
        assert connection.call("SET", "k", "v") == "OK"
        assert ("addr=%s:0" % path).encode() in connection.call("CLIENT", "INFO")
    assert server.call("GET", "k") == b"v"


def test_only_a_unix_socket(tmp_path):
    from tests.support.resp import Connection
    path = str(tmp_path / "sock")
    process = subprocess.Popen([server_under_test(), "--port", "0", "--unixsocket", path, "--dir", str(tmp_path), "--save", ""],
                               stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        def ping():  # its file is there before anybody listens
            try:
                with Connection(path=path) as connection:
                    return connection.call("PING")
            except OSError:
                return None
        assert eventually(ping, what="the socket") == "PONG"
    finally:
        process.kill()
        process.wait(30)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_ipv6(start):
    server = start("--bind", "127.0.0.1", "-::1")
    with server.connect(host="::1") as connection:
        assert connection.call("PING") == "PONG"
        assert b"addr=[::1]:" in connection.call("CLIENT", "INFO")


def test_bind_list(start):
    server = start("--bind", "127.0.0.1", "127.0.0.2")
    for host in ("127.0.0.1", "127.0.0.2"):
        with server.connect(host=host) as connection:
            assert connection.call("PING") == "PONG"
    with pytest.raises(OSError):
        server.connect(host="127.0.0.3")


def test_bind_to_a_foreign_address_fails():
    with pytest.raises(ServerDied) as death:
        Server("--bind", "192.0.2.1")
    assert "192.0.2.1" in str(death.value)
    # With a leading dash it is skipped.
    with Server("--bind", "127.0.0.1", "-192.0.2.1") as server:
        assert server.call("PING") == "PONG"


@pytest.mark.parametrize("words", [["SHUTDOWN"], ["SHUTDOWN", "NOSAVE"], ["shutdown", "NOW", "FORCE"], ["SHUTDOWN", "nosave", "now"]])
def test_shutdown(start, words):
    server = start()
    with server.connect() as connection, pytest.raises(Closed):
        connection.call(*words)
    assert server.wait_exit() == 0


@pytest.mark.parametrize("words", [["SHUTDOWN", "JUNK"], ["SHUTDOWN", "SAVE", "NOSAVE"], ["SHUTDOWN", "ABORT", "NOW"]])
def test_shutdown_refused(start, words):
    server = start()
    assert server.call(*words) == ReplyError("ERR syntax error")
    assert server.call("SHUTDOWN", "ABORT") == ReplyError("ERR No shutdown in progress.")
    assert server.call("PING") == "PONG"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(start, number):
    server = start()
    os.kill(server.pid, number)
    assert server.wait_exit() == 0
    assert "scheduling shutdown" in server.log() and "bye bye" in server.log()


def test_a_terminal_that_hangs_up_is_nothing(start):
    server = start()
    os.kill(server.pid, signal.SIGHUP)
    assert server.call("SET", "k", "v") == "OK" and server.call("GET", "k") == b"v"
    assert "signal" not in server.log().lower()


def timers_of_connections(port):
    """Of each connection to this port, as the server's kernel has it: 2 is keepalive (proc(5), /proc/net/tcp)."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return [int(row[5].split(":")[0]) for row in rows if row[1].endswith(":%04X" % port) and row[3] == "01"]


def test_tcp_keepalive(start):
    server = start("--tcp-keepalive", 0)
    with server.connect() as first:
        assert first.call("PING") == "PONG"
        assert timers_of_connections(server.port) == [0]
        assert first.call("CONFIG", "SET", "tcp-keepalive", 60) == "OK"
        with server.connect() as second:
            assert second.call("PING") == "PONG"
            # Connections that were there before keep what they had, as in redis-server.
            eventually(lambda: sorted(timers_of_connections(server.port)) == [0, 2], what="the new connection has a timer")


def test_oom_score(start):
    def score():
        with open("/proc/%d/oom_score_adj" % server.pid) as file:
            return int(file.read())
    server = start("--oom-score-adj", "absolute", "--oom-score-adj-values", "110 200 800")
    assert score() == 110
    assert server.call("CONFIG", "SET", "oom-score-adj-values", "120 200 800") == "OK"
    assert score() == 120
    assert server.call("CONFIG", "SET", "oom-score-adj", "relative") == "OK"
    with open("/proc/self/oom_score_adj") as file:
        assert score() == 120 + int(file.read())
    with open("/proc/%d/oom_score_adj" % server.pid) as file:
        before = int(file.read())
    assert isinstance(server.call("CONFIG", "SET", "oom-score-adj-values", "5000 1 1"), ReplyError)
    assert score() == before


def test_upstart_waits_for_its_job(start):
    server = start("--supervised", "upstart", env=dict(os.environ, UPSTART_JOB="tessera"), wait=False)
    try:
        def state():
            with open("/proc/%d/stat" % server.pid) as file:
                return file.read().rsplit(")", 1)[1].split()[0]
        eventually(lambda: state() == "T", what="it stops to say that it is there")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    server.wait_ready()
    assert server.call("PING") == "PONG"
    assert "supervised by upstart, will stop to signal readiness." in server.log()
    assert server.info("server")["process_supervised"] == "upstart"
    alone = start("--supervised", "upstart", env={k: v for k, v in os.environ.items() if k != "UPSTART_JOB"})
    assert "upstart supervision requested, but UPSTART_JOB not found!" in alone.log()


def first_client(port, process):
    """The first connection that the server takes, however early: who is taken is served."""
    def connected():
        assert process.poll() is None
        try:
            return Connection(port)
        except OSError:
            return None
    connection = eventually(connected, interval=0.0001)
    assert connection.call("PING") == "PONG"
    return connection


def test_shutdown_by_the_first_client(tmp_path):
    """Nobody is served before the server is complete: whoever ends it at once ends all of it."""
    for _ in range(40):
        port = free_port()
        log, pidfile = tmp_path / "log", tmp_path / "pid"
        process = subprocess.Popen([server_under_test(), "--port", str(port), "--save", "", "--dir", str(tmp_path), "--pidfile", str(pidfile),
                                    "--logfile", str(log)], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            with first_client(port, process) as connection:
                assert connection.call("PING") == "PONG"
                assert pidfile.exists() and "Server initialized" in log.read_text()
                with pytest.raises(Closed):
                    connection.call("SHUTDOWN")
            assert process.wait(20) == 0
            assert not pidfile.exists() and log.read_text().rstrip().endswith("bye bye...")
            log.unlink()
        finally:
            process.kill()
            process.wait(30)


def test_signal_during_the_start(tmp_path):
    """From the first listener on, SIGTERM ends the server in order."""
    for _ in range(20):
        port = free_port()
        log, path = tmp_path / "log", tmp_path / "sock"
        process = subprocess.Popen([server_under_test(), "--port", str(port), "--save", "", "--dir", str(tmp_path), "--unixsocket", str(path),
                                    "--logfile", str(log)], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        try:
            first_client(port, process).close()
            process.terminate()
            assert process.wait(20) == 0
            assert not path.exists() and log.read_text().rstrip().endswith("bye bye...")
            log.unlink()
        finally:
            process.kill()
            process.wait(30)


def test_info_names_the_program(start):
    path = start().info("server")["executable"]
    assert os.path.isabs(path) and os.path.exists(path)
    shown = subprocess.Popen(["./" + os.path.basename(server_under_test()), "--port", str(free_port()), "--save", ""],
                             cwd=os.path.dirname(os.path.abspath(server_under_test())), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        with first_client(int(shown.args[2]), shown) as connection:
            assert b"executable:/" in connection.call("INFO", "server")
    finally:
        shown.kill()
        shown.wait(30)
        shown.stdout.close()


def test_a_failed_start_says_why_once(start, tmp_path):
    taken = start().port
    text = run("--port", taken).stdout
    assert "*:%d: bind: Address already in use" % taken in text, text
    assert text.count("Address already in use") == 1 or redis_under_test(), text
    log = tmp_path / "log"
    text = run("--port", taken, "--logfile", log).stdout
    if not redis_under_test():
        assert "Address already in use" in text  # who started it sees it, wherever the log goes
    assert "Address already in use" in log.read_text()


def test_log_lines(start):
    server = start()
    log = server.log()
    assert re.search(r"^\d+:M \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d{3} \* Ready to accept connections", log, re.M), log
    assert "Server initialized" in log


def test_systemd_notify(start, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        receiver.settimeout(30)
        server = start("--supervised", "systemd", env=dict(os.environ, NOTIFY_SOCKET=path))
        received = b""
        while b"READY=1" not in received:
            received += receiver.recv(1000)
        assert b"STOPPING=1" not in received
        with server.connect() as connection, pytest.raises(Closed):
            connection.call("SHUTDOWN")
        assert receiver.recv(1000) == b"STOPPING=1\n"
        assert server.wait_exit() == 0
