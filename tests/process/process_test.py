#!/usr/bin/env python3
"""The server as a process: command line, configuration files, background, supervisors, signals, limits, crash report.

Binaries are in $TESSERA_BIN. Every server gets a free port and a folder of its own, and is stopped by its pid.
"""
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BIN = os.environ.get("TESSERA_BIN", os.path.join(os.path.dirname(__file__), "../../build/bin"))
SERVER = os.path.join(BIN, "tessera-server")
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data")
DEADLINE_S = 60
SANITIZED = "1" == os.environ.get("TESSERA_SANITIZED", "0")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, condition):
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError("not in time: " + what)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.file = self.socket.makefile("rb")

    def __call__(self, *words):
        out = b"*%d\r\n" % len(words)
        for word in words:
            word = word.encode()
            out += b"$%d\r\n%s\r\n" % (len(word), word)
        self.socket.sendall(out)
        return self.reply()

    def reply(self):
        line = self.file.readline().decode().rstrip("\r\n")
        if line[:1] == "$":
            return None if line == "$-1" else self.file.read(int(line[1:]) + 2)[:-2].decode()
        if line[:1] == "*":
            return [self.reply() for _ in range(int(line[1:]))]
        return line

    def close(self):
        self.file.close()
        self.socket.close()


class ProcessTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tessera-process-")
        self.dir = self.folder.name
        self.log = os.path.join(self.dir, "log")
        self.running = []

    def tearDown(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
        self.folder.cleanup()

    def run_once(self, *args, stdin=""):
        done = subprocess.run([SERVER, *args], input=stdin, capture_output=True, text=True, cwd=self.dir,
                              timeout=DEADLINE_S)
        return done.returncode, done.stdout, done.stderr

    def start(self, *args, port=None, ready=True, **more):
        port = port or free_port()
        process = subprocess.Popen([SERVER, *args, "--port", str(port), "--logfile", self.log], cwd=self.dir,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
        self.running.append(process)
        process.port = port
        if ready:
            def is_ready():
                self.assertIsNone(process.poll(), read(self.log))
                return "Ready to accept connections" in read(self.log)
            until("the server to be ready", is_ready)
        return process

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    # ---- command line

    def test_words_that_print(self):
        code, out, _ = self.run_once("--version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^Tessera server v=\d+\.\d+\.\d+ redis=7\.2\.4 ")
        code, _, err = self.run_once("--help")
        self.assertEqual(code, 1)
        self.assertTrue(err.startswith("Usage: "), err)
        code, _, err = self.run_once("x.conf", "--sentinel")
        self.assertEqual(code, 1)
        self.assertIn("Sentinel", err)
        code, out, _ = self.run_once("--test-memory", "1")
        self.assertEqual(code, 0, out)
        code, out, _ = self.run_once("--check-system")
        self.assertIn(code, (0, 1))
        self.assertRegex(out, r"(?m)^\[THP\]\.\.\.(OK|WARNING:)$")

    def test_default_config_is_the_one_in_the_tree(self):
        code, out, _ = self.run_once("--print-default-config")
        self.assertEqual(code, 0)
        self.assertEqual(out, read(os.path.join(DATA, "../../conf/tessera.conf")))

    # ---- configurations that cannot be used

    def refused(self, *args, stdin=""):
        code, out, err = self.run_once(*args, stdin=stdin)
        self.assertEqual(code, 1, out + err)
        return out + err

    def test_bad_lines_name_file_line_and_word(self):
        path = self.write("bad.conf", "port 0\n# comment\nhz abc\n")
        text = self.refused(path)
        self.assertRegex(text, r"\*\*\* FATAL CONFIG FILE ERROR \(Tessera [0-9.]+\) \*\*\*\n")
        self.assertIn(path, text)
        self.assertIn("at line 3\n>>> 'hz abc'\n", text)
        self.assertIn("'abc'", text)
        self.assertIn("argument couldn't be parsed into an integer", text)
        included = self.write("inner.conf", "\nport x\n")
        outer = self.write("outer.conf", "include " + included + "\n")
        text = self.refused(outer)
        self.assertIn(included, text)
        self.assertIn("at line 2\n", text)
        self.assertIn("Bad directive or wrong number of arguments", self.refused("--no-such-parameter", "1"))
        self.assertIn("argument must be between 0 and 65535 inclusive", self.refused("-", stdin="port 65536\n"))
        self.assertIn("No such command in rename-command", self.refused("--rename-command", "foo", "bar"))
        self.assertIn("Error in user declaration 'x'", self.refused("--user", "x", "+nosuchcommand"))
        self.assertIn("No such file or directory", self.refused("--dir", "/no/such/folder"))
        self.assertIn("Can't open the log file", self.refused("--logfile", "/no/such/folder/log"))

    def test_missing_file(self):
        text = self.refused("missing.conf")
        self.assertRegex(text, r"# Fatal error, can't open config file '/.*/missing\.conf': No such file or directory")

    # ---- start and stop

    def test_starts_with_the_texts_scripts_wait_for(self):
        server = self.start()
        log = read(self.log)
        expected = [r"\d+:C .* # oO0OoO0OoO0Oo Tessera is starting oO0OoO0OoO0Oo",
                    r"\d+:C .* # Tessera version=[0-9.]+, bits=64, .*pid=%d, just started" % server.pid,
                    r"\d+:C .* # Configuration loaded",
                    r"\d+:M .* \* Running mode=standalone, port=%d\." % server.port,
                    r"\d+:M .* # Server initialized",
                    r"\d+:M .* \* Ready to accept connections"]
        at = 0
        for pattern in expected:
            match = re.compile(pattern).search(log, at)
            self.assertIsNotNone(match, pattern + " is not behind what comes before it in\n" + log)
            at = match.end()
        client = Client(server.port)
        self.assertEqual(client("PING"), "+PONG")
        client.close()
        server.terminate()
        self.assertEqual(server.wait(DEADLINE_S), 0)
        self.assertIn("Received SIGTERM scheduling shutdown...", read(self.log))
        self.assertIn("Tessera is now ready to exit, bye bye...", read(self.log))

    def test_interrupt(self):
        server = self.start()
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(DEADLINE_S), 0)
        self.assertIn("Received SIGINT scheduling shutdown...", read(self.log))

    def test_used_port(self):
        first = self.start()
        second = self.start(port=first.port, ready=False)
        self.assertEqual(second.wait(DEADLINE_S), 1)
        self.assertIn(str(first.port), second.stdout.read().decode() + read(self.log))
        client = Client(first.port)
        self.assertEqual(client("PING"), "+PONG")
        client.close()

    def test_nowhere_to_listen(self):
        server = self.start("--bind", "", ready=False)
        self.assertEqual(server.wait(DEADLINE_S), 1)
        self.assertIn("Configured to not listen anywhere, exiting.", read(self.log))

    def test_debian_config_starts_a_node(self):
        pid_file = os.path.join(self.dir, "node.pid")
        port = free_port()
        process = subprocess.run(
            [SERVER, os.path.join(DATA, "redis-debian.conf"), "--port", str(port), "--dir", self.dir, "--logfile",
             self.log, "--pidfile", pid_file], capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(process.returncode, 0, process.stderr)
        until("the pid file", lambda: read(pid_file).strip())
        pid = int(read(pid_file))
        try:
            until("the server to be ready", lambda: "Ready to accept connections" in read(self.log))
            client = Client(port)
            self.assertEqual(client("PING"), "+PONG")
            client.close()
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                title = f.read().rstrip(b"\0").decode()
            self.assertEqual(title, SERVER + " 127.0.0.1:%d" % port)
            self.assertEqual(os.getsid(pid), pid)
        finally:
            os.kill(pid, signal.SIGTERM)
            until("the server to end", lambda: not os.path.exists("/proc/%d" % pid) or
                  " Z " in read("/proc/%d/stat" % pid))
        self.assertFalse(os.path.exists(pid_file))
        self.assertIn("Removing the pid file.", read(self.log))

    def test_stdin_and_order_of_sources(self):
        path = self.write("a.conf", "timeout 1\nhz 11\n")
        port = free_port()
        process = subprocess.Popen([SERVER, path, "--timeout", "3", "--port", str(port), "--logfile", self.log, "-"],
                                   cwd=self.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.running.append(process)
        process.stdin.write(b"timeout 2\nhz 12\n")
        process.stdin.close()
        until("the server to be ready", lambda: "Ready to accept connections" in read(self.log))
        client = Client(port)
        self.assertEqual(client("CONFIG", "GET", "timeout"), ["timeout", "3"])
        self.assertEqual(client("CONFIG", "GET", "hz"), ["hz", "12"])
        client.close()

    def test_unserved_parameters_are_told_once(self):
        self.start("--replica-priority", "7", "--timeout", "3")
        told = [line for line in read(self.log).splitlines() if "has no effect yet" in line]
        self.assertEqual(len(told), 1, told)
        self.assertIn("'replica-priority'", told[0])

    # ---- the system

    def test_systemd_is_told(self):
        path = os.path.join(self.dir, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(DEADLINE_S)
            for mode in "systemd", "auto":
                server = self.start("--supervised", mode, "--daemonize", "yes", env={**os.environ, "NOTIFY_SOCKET": path})
                self.assertEqual(s.recv(1000), b"STATUS=Tessera is loading...\n")
                self.assertEqual(s.recv(1000), b"STATUS=Ready to accept connections\nREADY=1\n")
                self.assertIsNone(server.poll(), "a supervised server stays in the foreground")
                server.terminate()
                self.assertEqual(s.recv(1000), b"STOPPING=1\n")
                self.assertEqual(server.wait(DEADLINE_S), 0)

    def test_few_open_files(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))
        server = self.start("--shards", "2", preexec_fn=limit)
        log = read(self.log)
        if os.geteuid() != 0:  # root may raise the limit
            self.assertIn("maxclients has been reduced to 480", log)
            client = Client(server.port)
            self.assertEqual(client("CONFIG", "GET", "maxclients"), ["maxclients", "480"])
            client.close()
        self.assertRegex(log, "maxclients has been reduced to 480|Increased maximum number of open files to 10032")

    @unittest.skipIf(SANITIZED, "the sanitizers report signals themselves")
    def test_crash_report(self):
        for number in (signal.SIGSEGV, signal.SIGABRT):
            if os.path.exists(self.log):
                os.remove(self.log)
            server = self.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
            server.send_signal(number)
            self.assertEqual(server.wait(DEADLINE_S), -number)
            log = read(self.log)
            for text in ("=== TESSERA BUG REPORT START: Cut & paste starting from here ===",
                         "crashed by signal: %d" % number, "------ STACK TRACE ------", "------ REGISTERS ------",
                         "------ THREAD ------", "last_command:", "------ PROCESS ------", "memory_pages",
                         "------ INFO OUTPUT ------", "\nredis_version:", "------ CLIENT LIST OUTPUT ------",
                         "=== TESSERA BUG REPORT END. Make sure to include from START to END. ==="):
                self.assertEqual(log.count(text), 1, text + " in\n" + log)
            self.assertGreater(len(re.findall(r"\[0x[0-9a-f]+\]", log)), 2, log)

    @unittest.skipIf(SANITIZED, "the sanitizers report signals themselves")
    def test_crash_report_can_be_turned_off(self):
        server = self.start("--crash-log-enabled", "no",
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
        server.send_signal(signal.SIGSEGV)
        self.assertEqual(server.wait(DEADLINE_S), -signal.SIGSEGV)
        self.assertNotIn("BUG REPORT", read(self.log))

    @unittest.skipIf(SANITIZED, "it leaves threads behind on purpose, which is a sanitizer's report")
    def test_insisting(self):
        server = self.start("--save", "", "--shards", "2", "--enable-debug-command", "yes")
        client = Client(server.port)
        client.socket.sendall(b"DEBUG SLEEP 60\r\n")

        def sleeps():  # what asks every shard has no answer
            asks = Client(server.port)
            asks.socket.settimeout(0.5)
            try:
                asks("DBSIZE")
                return False
            except TimeoutError:
                return True
            finally:
                asks.close()
        until("a shard to sleep", sleeps)
        server.send_signal(signal.SIGINT)
        until("the first one to be seen", lambda: "Received SIGINT scheduling shutdown" in read(self.log))
        end = time.monotonic() + DEADLINE_S
        while server.poll() is None and time.monotonic() < end:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(0.1)
            except subprocess.TimeoutExpired:
                pass
        self.assertEqual(server.poll(), 1)
        client.close()

    # ---- CONFIG by its effects on the process

    def test_config_rewrite(self):
        path = self.write("r.conf", "# mine\ntimeout 3\n")
        server = self.start(path)
        client = Client(server.port)
        self.assertEqual(client("CONFIG", "SET", "timeout", "9", "maxmemory", "100mb"), "+OK")
        self.assertEqual(client("CONFIG", "REWRITE"), "+OK")
        client.close()
        text = read(path)
        self.assertTrue(text.startswith("# mine\ntimeout 9\n"), text)
        self.assertIn("\nmaxmemory 100mb\n", text)
        self.assertIn("# Generated by CONFIG REWRITE\n", text)
        self.assertNotIn("shards", text)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
