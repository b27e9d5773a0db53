"""tessera-cli beside redis-cli 7.0.15, the same words to the same redis-server: output, errors and exit codes agree.

Where they differ on purpose, the test says so (see test_better_than_redis_cli).
"""
import json
import os
import pty
import re
import select
import signal
import shutil
import subprocess
import threading
import socket
import time

import pytest

from tests.support.server import ORACLE, Server, bin_dir, die_with_parent

TTY = {"FAKETTY": "1"}  # both print what they print on a terminal
NAMES = re.compile(rb"(/[a-z/]*/)?(redis|tessera)-cli")


def program(name):
    path = os.path.join(bin_dir(), name) if name == "tessera-cli" else shutil.which(name)
    assert path and os.access(path, os.X_OK), "no such program: %s (tools/deps, build)" % name
    return path


def run(name, words, stdin=b"", env=None):
    clean = {k: v for k, v in os.environ.items() if k not in ("REDISCLI_AUTH", "FAKETTY")}
    done = subprocess.run([program(name)] + words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, env=dict(clean, **(env or {})))
    return done.returncode, NAMES.sub(b"CLI", done.stdout), NAMES.sub(b"CLI", done.stderr)


@pytest.fixture(scope="module")
def oracle():
    with Server(binary=ORACLE) as server:
        yield server


@pytest.fixture(scope="module")
def locked():
    with Server("--requirepass", "pw", binary=ORACLE) as server:
        yield server


def fill(server):
    server.call("FLUSHALL")
    for i in range(25):
        server.call("SET", "k%d" % i, i)
    server.call("RPUSH", "list", "a", "b c", "\x00\xff\n")
    server.call("HSET", "hash", "a", "1", "b", "2")
    server.call("SADD", "set", "x")
    server.call("ZADD", "zset", "1", "a", "2.5", "b")
    server.call("XADD", "stream", "1-1", "f", "v")
    server.call("SET", "we\x01ird", "1")


def agree(server, words, stdin=b"", env=None, port=True):
    words = (["-p", str(server.port)] if port else []) + words
    fill(server)
    expected = run("redis-cli", words, stdin, env)
    fill(server)
    assert run("tessera-cli", words, stdin, env) == expected


COMMANDS = [
    "get k1", "get nokey", "foo", "foo bar", "lrange list 0 -1", "hgetall hash", "smembers set",
    "zrange zset 0 -1 withscores", "zscore zset b", "xrange stream - +", "incr k1", "set a", "keys we*", "command count",
    "command info get", "config get maxmemory", "object encoding list", "xinfo stream stream", "cluster info",
    "memory doctor", "latency doctor", "ping text", "acl whoami", "type list", "exists k1 k2 k1", "function list",
    "geopos nokey a", "xread count 1 streams stream 0", "monitor x", "subscribe", "multi", "exec", "hello 9", "client kill x",
    "acl getuser default", "debug object", "wait 0 0", "lrange nokey 0 -1", "hgetall nokey", "smembers nokey", "echo \xe9",
    "object help", "dbsize", "lcs k1 k2 idx", "bitfield k1 get u8 0", "shutdown nosuch",
]
FORMS = [[], ["-3"], ["--csv"], ["--json"], ["--quoted-json"], ["-2", "--json"], ["--raw"], ["--no-raw"], ["-e"],
         ["-d", "|", "-D", ";"], ["-3", "--no-raw"]]


@pytest.mark.parametrize("command", COMMANDS)
def test_replies(oracle, command):
    for form in FORMS:
        agree(oracle, form + command.split(" "))
    agree(oracle, command.split(" "), env=TTY)
    agree(oracle, ["-3"] + command.split(" "), env=TTY)


@pytest.mark.parametrize("words", [
    ["eval", "return {1,{2,{3,'x'}},false,redis.status_reply('S'),redis.error_reply('E')}", "0"],
    ["eval", "redis.setresp(3); return {double=3.5}", "0"], ["eval", "return {big_number='12'}", "2"],
    ["--quoted-input", "set", '"a\\x00b"', "v"], ["--quoted-input", "set", '"a', "v"], ["-r", "3", "ping"],
    ["-r", "2", "-i", "0.05", "incr", "k1"], ["-r", "0", "ping"], ["-n", "99", "ping"], ["-n", "3", "dbsize"],
    ["--scan"], ["--scan", "--pattern", "k1*"], ["--scan", "--quoted-pattern", '"we\\x01*"'], ["--scan", "--pattern", "we*"],
    ["--hotkeys"], ["--pipe"], ["-a", "x", "ping"], ["--no-auth-warning", "-a", "x", "ping"], ["--user", "u", "-a", "x", "ping"],
    ["-X", "tag", "set", "a", "b"], ["-e", "foo"], ["--show-pushes", "x", "ping"], ["--show-pushes", "no", "-3", "ping"],
])
def test_options(oracle, words):
    agree(oracle, words)
    if "--scan" not in words or "k1*" not in words:
        agree(oracle, words, env=TTY)


@pytest.mark.parametrize("words", [["--nosuch"], ["-p"], ["-r"], ["-D"], ["-u"], ["--pattern"], ["-2", "-3", "ping"],
                                   ["-u", "http://x", "ping"], ["-u", "redis://u%zz@h", "ping"], ["--ldb", "ping"],
                                   ["-p", "1", "ping"], ["-p", "1"], ["-s", "/nosuch", "ping"],
                                   ["-h", "nosuch.invalid", "ping"], ["--eval", "/nosuch"]])
def test_refusals(oracle, words):
    agree(oracle, words, stdin=b"get a\n", port=words[0] == "--eval")


def test_standard_input(oracle):
    agree(oracle, ["-x", "set", "k1"], b"val\n")
    agree(oracle, ["-X", "tag", "set", "k1", "tag"], b"val\n")
    agree(oracle, ["--pipe"], b"set a 1\r\nget a\r\nfoo\r\n")
    agree(oracle, ["--pipe"], b"*1\r\n$4\r\nPING\r\n" * 20000)
    agree(oracle, ["--pipe"], b"set a 1")


@pytest.mark.parametrize("lines", [
    b"get k1\n\nfoo bar\n3 incr k3\n\"a\nget k1", b"get k1\r\nget k2\r\n", b"multi\nselect 2\nget a\ndiscard\nget k1\n",
    b"multi\nget k1\nexec\nget k1\n", b"multi\nfoo\nexec\nget k1\n", b"-1 get x\n0 get x\n99999999999999999999 ping\n2 ping\n2\n",
    b":set x\n:foo\n:set hints\nexit 1\nget k1", b"  get   k1  \nget 'k1'\nget \"k\\x31\"\n", b"restart\n", b"quit\nget k1\n",
    b"subscribe\nget k1\n", b"script debug yes\nscript debug no\nping\n", b"clear\n", b"'get' k1\n\xff\n", b"select 3\nselect 99\n",
    b"reset\nget k1\n", b"connect 127.0.0.1 1\nget k1\n",
    b"shutdown nosuch\nping\n",
])
def test_lines_of_a_pipe(oracle, lines):
    agree(oracle, [], lines)
    agree(oracle, [], lines, TTY)
    agree(oracle, ["-3"], lines, TTY)


def test_passwords(locked):
    for words in (["ping"], ["-a", "pw", "ping"], ["-a", "bad", "ping"], ["--user", "default", "--pass", "pw", "ping"],
                  ["-3", "ping"], ["--json", "ping"], ["--scan"], ["--bigkeys"], ["-n", "2", "ping"]):
        words = ["-p", str(locked.port)] + words
        assert run("tessera-cli", words) == run("redis-cli", words)
    words = ["-p", str(locked.port), "ping"]
    env = {"REDISCLI_AUTH": "pw"}
    assert run("tessera-cli", words, env=env) == run("redis-cli", words, env=env) == (0, b"PONG\n", b"")
    words = ["-u", "redis://default:pw@127.0.0.1:%d/3" % locked.port, "ping"]
    assert run("tessera-cli", words) == run("redis-cli", words)


def test_eval_files(oracle, tmp_path):
    script = tmp_path / "script.lua"
    script.write_text("return {KEYS[1],ARGV[1],#KEYS,#ARGV}")
    for rest in (["k", ",", "v"], ["k", "v"], [",", "v", "w"], ["k", ",", ",", "v"], []):
        agree(oracle, ["--eval", str(script)] + rest)
    script.write_text("return {")
    agree(oracle, ["--eval", str(script)])


def test_every_type_from_a_server_that_has_them():
    """Replies that no command gives are served by hand."""
    replies = [b"%2\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n:7\r\n%1\r\n+k\r\n#t\r\n", b"%1\r\n%1\r\n+a\r\n:1\r\n~1\r\n,2.5\r\n",
               b"~2\r\n:1\r\n*0\r\n", b",inf\r\n", b"#f\r\n", b"=8\r\ntxt:a\"\nb\r\n", b"*1\r\n=7\r\nmkd:a\nb\r\n", b"%0\r\n",
               b"~0\r\n", b"_\r\n", b"*-1\r\n", b"$-1\r\n", b"*2\r\n-ERR a\r\n_\r\n", b"$6\r\n\xc3\xa9\x00\x01\x1f\x7f\r\n",
               b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n+OK\r\n", b">0\r\n+OK\r\n", b"x\r\n", b":1a\r\n",
               b"*11\r\n" + b":1\r\n" * 10 + b"*2\r\n:1\r\n~1\r\n,2\r\n"]
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as lines:
                while lines.readline():  # *n, then "$len", word, ...; the second word says which reply
                    lines.readline(), lines.readline(), lines.readline()
                    peer.sendall(replies[int(lines.readline())])

    threading.Thread(target=serve, daemon=True).start()
    with listener:
        port = str(listener.getsockname()[1])
        for number in range(len(replies)):
            for form in ([], ["--raw"], ["--csv"], ["-2", "--json"], ["-2", "--quoted-json"], ["--show-pushes", "no"]):
                words = ["-p", port] + form + ["x", str(number)]
                assert run("tessera-cli", words, env=TTY) == run("redis-cli", words, env=TTY), replies[number]
        listener.shutdown(socket.SHUT_RDWR)


def test_key_reports(oracle):
    """The order of types in the summary is chance in redis-cli, so the lines are compared sorted."""
    for words in (["--bigkeys"], ["--memkeys"], ["--memkeys-samples", "2"]):
        fill(oracle)
        words = ["-p", str(oracle.port)] + words
        ours, theirs = run("tessera-cli", words), run("redis-cli", words)
        assert sorted(ours[1].splitlines()) == sorted(theirs[1].splitlines())
        assert ours[0] == theirs[0] and ours[2] == theirs[2]


def test_streams(oracle):
    """MONITOR and subscriptions, until they are stopped."""
    for words, env in ((["subscribe", "a", "b"], TTY), (["subscribe", "a"], None), (["-3", "psubscribe", "a*"], TTY),
                       (["--csv", "subscribe", "a"], None), (["monitor"], None)):
        out = {}
        for name in ("redis-cli", "tessera-cli"):
            with subprocess.Popen([program(name), "-p", str(oracle.port)] + words, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, env=dict(os.environ, **(env or {}))) as process:
                text = b""
                end = time.monotonic() + 20
                while b"last" not in text and time.monotonic() < end:
                    oracle.call("PUBLISH", "a", "last")
                    if select.select([process.stdout], [], [], 0.05)[0]:
                        text += os.read(process.stdout.fileno(), 65536)
                process.terminate()
            text = text[:text.index(b"last")]
            out[name] = re.sub(rb"\d+\.\d+ \[0 127.0.0.1:\d+\]", b"TIME", text)
        assert out["redis-cli"] == out["tessera-cli"]
        assert len(out["redis-cli"]) > 2


def test_cluster_redirections():
    nodes = [Server("--cluster-enabled", "yes", binary=ORACLE) for _ in range(2)]
    try:
        nodes[0].call("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        nodes[1].call("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        nodes[0].call("CLUSTER", "MEET", "127.0.0.1", nodes[1].port)
        end = time.monotonic() + 40
        while time.monotonic() < end and not all(b"cluster_state:ok" in n.call("CLUSTER", "INFO") for n in nodes):
            time.sleep(0.05)
        lines = b"set a 1\nget a\nset b 2\nget b\nmget {a}1 {a}2\nget a\n"
        for words, stdin in ((["-c", "set", "a", "1"], b""), (["get", "a"], b""), (["-c"], lines), ([], lines),
                             (["-c", "-r", "2", "get", "a"], b"")):
            words = ["-p", str(nodes[0].port)] + words
            for env in (None, TTY):
                ours = run("tessera-cli", words, stdin, env)
                assert ours == run("redis-cli", words, stdin, env)
        assert b"-> Redirected to slot [15495] located at 127.0.0.1:%d" % nodes[1].port in run(
            "tessera-cli", ["-c", "-p", str(nodes[0].port)], lines)[1]
        # ASK: slot 15495 on its way to node 0.
        ids = [n.call("CLUSTER", "MYID").decode() for n in nodes]
        nodes[0].call("CLUSTER", "SETSLOT", 15495, "IMPORTING", ids[1])
        nodes[1].call("CLUSTER", "SETSLOT", 15495, "MIGRATING", ids[0])
        words = ["-c", "-p", str(nodes[1].port), "get", "{a}elsewhere"]
        assert run("tessera-cli", words) == run("redis-cli", words) == (0, b"\n", b"")
    finally:
        for node in nodes:
            node.stop()


def test_snapshots(oracle, tmp_path):
    oracle.call("CONFIG", "SET", "repl-diskless-sync-delay", "0")
    fill(oracle)
    target = tmp_path / "dump.rdb"
    code, out, err = run("tessera-cli", ["-p", str(oracle.port), "--rdb", str(target)])
    assert code == 0 and out == b"", err
    content = target.read_bytes()
    assert content.startswith(b"REDIS0010") and b"k24" in content
    assert shutil.which("redis-check-rdb"), "redis-check-rdb is missing: run tools/deps"
    assert subprocess.run(["redis-check-rdb", str(target)], stdout=subprocess.DEVNULL).returncode == 0
    code, out, err = run("tessera-cli", ["-p", str(oracle.port), "--functions-rdb", "-"])
    assert code == 0 and out.startswith(b"REDIS0010") and b"k24" not in out


def test_better_than_redis_cli(oracle):
    """Where redis-cli 7.0.15 is known to be wrong: after a reconnect it stays in database 0 and shows another."""
    oracle.call("FLUSHALL")
    lines = b"select 3\nset a 1\nclient kill type normal skipme no\nget a\nget a\n"
    code, out, err = run("tessera-cli", ["-p", str(oracle.port)], lines)
    assert (code, out) == (0, b"OK\nOK\n1\n1\n")
    # Which of the two is a race between the server's close and the next command.
    assert err in (b"Error: Server closed the connection\n", b"Error: Connection reset by peer\n")
    code, out, _ = run("tessera-cli", ["-p", str(oracle.port), "--tls", "ping"])
    assert code == 1 and out == b""


class Terminal:
    """tessera-cli on a terminal of its own."""

    def __init__(self, server, home):
        self.master, slave = pty.openpty()
        env = dict(os.environ, HOME=str(home), TERM="xterm")
        for name in ("TESSERACLI_HISTFILE", "REDISCLI_HISTFILE", "REDISCLI_AUTH"):
            env.pop(name, None)
        self.process = subprocess.Popen([program("tessera-cli"), "-p", str(server.port)], stdin=slave, stdout=slave,
                                        stderr=slave, env=env, start_new_session=True)
        os.close(slave)
        self.text = ""
        self.expect("%d> " % server.port)

    def expect(self, wanted, timeout=20):
        end = time.monotonic() + timeout
        while wanted not in self.text:
            assert time.monotonic() < end, "not seen: %r in %r" % (wanted, self.text)
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode("utf-8", "replace")
                except OSError:
                    assert wanted in self.text, "ended without %r: %r" % (wanted, self.text)
        self.text = self.text[self.text.index(wanted) + len(wanted):]

    def type(self, keys):
        os.write(self.master, keys.encode())

    def close(self):
        self.process.kill()
        self.process.wait(20)
        os.close(self.master)


@pytest.mark.parametrize("command", ["subscribe news", "monitor"])
def test_interrupt_ends_a_stream_and_not_the_program(oracle, tmp_path, command):
    """Ctrl-C, as a terminal sends it: back to the prompt, with a connection that takes commands."""
    fill(oracle)
    terminal = Terminal(oracle, tmp_path)
    try:
        terminal.type(command + "\r")
        terminal.expect("(integer) 1" if command.startswith("subscribe") else "OK")
        os.kill(terminal.process.pid, signal.SIGINT)
        terminal.expect("%d> " % oracle.port)
        terminal.type("get k7\r")
        terminal.expect('"7"')
    finally:
        terminal.close()


def test_interactive(oracle, tmp_path):
    fill(oracle)
    terminal = Terminal(oracle, tmp_path)
    try:
        terminal.type("get k7\r")
        terminal.expect('"7"')
        terminal.expect("> ")
        terminal.type("config ge\t")  # completed, and a hint at the right says what follows
        terminal.expect("parameter [parameter ...]")
        terminal.type("maxmemory\r")
        terminal.expect('2) "0"')
        terminal.expect("> ")
        terminal.type("auth secret\r")
        terminal.expect("(error)")
        terminal.expect("> ")
        terminal.type("set k7 8\r")
        terminal.expect("OK")
        terminal.expect("> ")
        terminal.type("help getdel\r")
        terminal.expect("GETDEL")
        terminal.expect("summary:")
        terminal.expect("> ")
        terminal.type("multi\r")
        terminal.expect("(TX)> ")
        terminal.type("discard\r")
        terminal.expect("> ")
        terminal.type("\x1b[A\x1b[A\x1b[A\x1b[A\r")  # four lines up in the history: set k7 8
        terminal.expect("OK")
        terminal.expect("> ")
        terminal.type("quit\r")
        assert terminal.process.wait(20) == 0
    finally:
        terminal.close()
    history = (tmp_path / ".tesseracli_history").read_text()
    assert "k7" in history and "secret" not in history
    assert (tmp_path / ".tesseracli_history").stat().st_mode & 0o077 == 0


def test_json_is_json(oracle):
    fill(oracle)
    _, out, _ = run("tessera-cli", ["-p", str(oracle.port), "--json", "hgetall", "hash"])
    assert json.loads(out) == {"a": "1", "b": "2"}


def first_lines(name, words, count):
    """The first lines of a mode that runs until it is stopped; numbers, and how wide they are, are made equal."""
    process = subprocess.Popen([program(name)] + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               preexec_fn=die_with_parent, env=dict(os.environ, FAKETTY="1"))
    end = Timer(30, process)
    try:
        lines = [process.stdout.readline() for _ in range(count)]
    finally:
        end.stop()
    return [re.sub(rb" +", b" ", re.sub(rb"[0-9.]+[KMG]?", b"N", line)).strip() for line in lines]


class Timer:
    """Kills a process that has not been stopped in time, so that who reads from it goes on."""

    def __init__(self, seconds, process):
        self.process = process
        self.timer = threading.Timer(seconds, process.kill)
        self.timer.start()

    def stop(self):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_stat_is_a_line_each_interval(oracle):
    words = ["-p", str(oracle.port), "--stat", "-i", "0.05"]
    ours, theirs = (first_lines(name, words, 24) for name in ("tessera-cli", "redis-cli"))
    assert ours == theirs
    assert ours[1].startswith(b"keys mem clients blocked requests") and ours[2].startswith(b"N N N N N (+N) N")
    assert ours.count(ours[0]) == 2, "the head comes again"


def test_latency_is_one_line_where_nobody_looks(oracle):
    for more in ([], ["--raw"]):
        results = [run(name, ["-p", str(oracle.port), "--latency"] + more) for name in ("tessera-cli", "redis-cli")]
        for code, out, error in results:
            assert (code, error) == (0, b"")
            low, high, average, samples = map(float, out.split())
            assert low <= average <= high and samples > 1
    for name in ("tessera-cli", "redis-cli"):
        code, out, error = run(name, ["-p", str(oracle.port), "--latency", "--csv"])
        assert (code, error) == (0, b"") and re.fullmatch(rb"\d+,\d+,\d+\.\d+,\d+\n", out)


def test_latency_history_begins_anew_each_interval(oracle):
    """Ours prints a line for an interval where nobody looks too; redis-cli one for each sample then."""
    process = subprocess.Popen([program("tessera-cli"), "-p", str(oracle.port), "--latency-history", "-i", "0.2", "--raw"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    end = Timer(30, process)
    try:
        counts = [int(process.stdout.readline().split()[3]) for _ in range(4)]
    finally:
        end.stop()
    assert all(0 < count < 100 for count in counts) and len(counts) == 4


def test_latency_distribution(oracle):
    def lines(name):
        words = ["-p", str(oracle.port), "--latency-dist", "-i", "0.2"]
        process = subprocess.Popen([program(name)] + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   preexec_fn=die_with_parent, env=dict(os.environ, FAKETTY="1"))
        end = Timer(30, process)
        try:
            return [process.stdout.readline() for _ in range(16)]
        finally:
            end.stop()
    ours, theirs = lines("tessera-cli"), lines("redis-cli")
    is_spectrum = [re.match(rb"\x1b\[38;5;0m", line) is not None for line in theirs]
    assert is_spectrum == [re.match(rb"\x1b\[38;5;0m", line) is not None for line in ours] and any(is_spectrum)
    for mine, other, spectrum in zip(ours, theirs, is_spectrum):
        # How dark a letter is depends on what was measured.
        shown = [re.sub(rb"\x1b\[48;5;\d+m", b"", line) if spectrum else line for line in (mine, other)]
        assert shown[0] == shown[1]


def test_cache_test(oracle):
    """--lru-test: the requests are counted, and each key that was missed is there afterwards."""
    oracle.call("FLUSHALL")
    process = subprocess.Popen([program("tessera-cli"), "-p", str(oracle.port), "--lru-test", "1000", "-i", "0.2"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    end = Timer(30, process)
    try:
        lines = [process.stdout.readline().decode() for _ in range(4)]
    finally:
        end.stop()
    pattern = r"(\d+) Gets/sec \| Hits: (\d+) \((\d+\.\d\d)%\) \| Misses: (\d+) \((\d+\.\d\d)%\)\n"
    rows = [re.fullmatch(pattern, line).groups() for line in lines]
    for _, hits, hit_share, misses, miss_share in rows:
        assert (int(hits) + int(misses)) % 250 == 0 and abs(float(hit_share) + float(miss_share) - 100) < 0.02
    assert float(rows[-1][2]) > 99, "nothing is evicted: all keys are there after a while"
    assert 0 < oracle.call("DBSIZE") <= 1000
    assert all(oracle.call("GET", key) == b"val:" + key for key in oracle.call("KEYS", "lru:*"))


def test_intrinsic_latency():
    for name in ("tessera-cli", "redis-cli"):
        code, out, error = run(name, ["--intrinsic-latency", "1"])
        assert (code, error) == (0, b"")
        lines = out.decode().splitlines()
        assert re.fullmatch(r"Max latency so far: \d+ microseconds\.", lines[0])
        assert re.fullmatch(r"\d+ total runs \(avg latency: [\d.]+ microseconds / [\d.]+ nanoseconds per run\)\.", lines[-2])
        assert re.fullmatch(r"Worst run took \d+x longer than the average latency\.", lines[-1])
