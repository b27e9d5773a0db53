"""A data folder and the lives of the servers that use it: each is killed at a step of its work with files, or at any
moment, while clients write and files are saved and rewritten; the next one must start and hold what it may hold."""
import os
import random
import shutil
import signal
import tempfile
import threading
import time

from tests.persistence.forgetful_disk import ForgetfulDisk
from tests.persistence.sequences import Sequence, check_one_moment
from tests.support.resp import Closed, ReplyError
from tests.support.server import Server, eventually

BALLAST = 600  # keys that never change: what a save takes time for
MOST_LOST_S = 2.0  # with everysec


def ballast(i):
    return b"%d " % i * 60


class Setup:
    """What the lives of one folder have in common. `policy` nothing: snapshots alone."""

    def __init__(self, shards, policy, preamble="yes"):
        self.shards, self.policy, self.preamble = shards, policy, preamble

    def __str__(self):
        return "shards %d, %s" % (self.shards, "snapshots" if self.policy is None else "appendfsync %s, preamble %s" % (
            self.policy, self.preamble))

    def args(self):
        if self.policy is None:
            return ["--appendonly", "no"]
        return ["--appendonly", "yes", "--appendfsync", self.policy, "--aof-use-rdb-preamble", self.preamble,
                "--auto-aof-rewrite-percentage", "0"]


class Lives:
    def __init__(self, setup, seed, forgets):
        self.setup, self.forgets = setup, forgets
        self.rng = random.Random("%s %s" % (seed, setup))
        self.top = tempfile.mkdtemp(prefix="tessera-crash-")
        self.path = os.path.join(self.top, "data")
        os.mkdir(self.path)
        self.disk = ForgetfulDisk(self.path)
        self.sequences = [Sequence("a", True, seed), Sequence("b", False, seed), Sequence("c", False, seed)]
        self.life = 0
        self.kept = [0] * len(self.sequences)  # operations of the last life that wrote which must be there
        self.floor = self.kept  # of this life, while what is answered need not be kept
        self.is_on = False  # what the policy promises holds
        self.is_checked = False  # this life has seen what there was, and writes
        self.has_ballast = False
        self.steps = {}  # name: how often, in all lives
        self.story = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print("\n".join(["setup: %s" % self.setup] + self.story[-12:]))
            if os.environ.get("TESSERA_KEEP") == "1":
                print("kept:", self.top)
                return
        shutil.rmtree(self.top, ignore_errors=True)

    # ---- one life

    def live(self, kill="", seconds=1.0, ending="kill", work=None):
        """Starts, checks what is there, writes. `kill`: see watched_files.h. `ending`, when that did not end it: kill,
        or term. Returns where it was killed, (moment, step), or nothing."""
        self.life += 1
        self.is_checked = False
        self.story.append("life %d: kill %r, else %s after %.1f s" % (self.life, kill, ending, seconds))
        server = Server("--dir", self.path, *self.setup.args(), shards=self.setup.shards, wait=False,
                        env=self.disk.env(kill))
        with server:
            started, died_at = self._wait_ready(server), None
            if started:
                try:
                    self._check(server)
                    died_at = self._load(server, seconds, ending, work)
                except (OSError, Closed):
                    pass  # killed as soon as it was ready
            code = server.process.wait(60)
            steps, killed = self.disk.end_life()
            log = server.log()
        for step in steps:
            self.steps[step] = self.steps.get(step, 0) + 1
        if killed is not None:
            died_at = int(killed[0]) / 1e6
            self.story.append("  killed %s: %s" % (killed[1], killed[2]))
        in_order = killed is None and ending == "term"
        assert code == (0 if in_order else -signal.SIGKILL), "it ended with %s:\n%s" % (code, log)
        assert started or killed is not None, "no start:\n" + log
        if self.is_checked:
            for each in self.sequences:
                assert each.failure is None, each.failure
            self.kept = self._must_be_there(died_at, in_order)
        if self.forgets:
            self.story.append("  the disk forgets: %s" % self.disk.forget(self.rng))
        return (killed[1], killed[2]) if killed is not None else None

    def _wait_ready(self, server):
        def settled():
            return "eady to accept connections" in server.log() or not server.running()
        eventually(settled, 60, "the server starts:\n" + server.log())
        return server.running() or "eady to accept" in server.log()

    def _load(self, server, seconds, ending, work):
        """Clients write, files are saved, until the server dies or for `seconds`. `work`: instead of the saving, and
        to its end. When it died."""
        over = threading.Event()
        self.failure = None
        threads = [threading.Thread(target=each.run, args=(server, over)) for each in self.sequences]
        if work is None:
            threads.append(threading.Thread(target=self._work, args=(server, over)))
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        try:
            if work is not None:
                work(server, end)
            while server.running() and time.monotonic() < end:
                over.wait(0.01)
            died_at = time.monotonic()
            if server.running():
                server.process.send_signal(signal.SIGKILL if ending == "kill" else signal.SIGTERM)
            server.process.wait(60)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert self.failure is None, self.failure
        return died_at

    # ---- what must be there

    def _must_be_there(self, died_at, in_order):
        """How many operations of each client."""
        if self.setup.policy is None or not self.is_on:
            return self.floor
        return self._durable_by_policy(died_at, in_order)

    def _durable_by_policy(self, now, all_of_them=False):
        if all_of_them or self.setup.policy == "always":
            return self._answered()
        if self.setup.policy == "everysec":
            return [sum(1 for at in each.answered_at if at < now - MOST_LOST_S) for each in self.sequences]
        return [0] * len(self.sequences)

    def _answered(self):
        return [len(each.answered_at) for each in self.sequences]

    def _check(self, server):
        """Before this life writes: everything is as it was at one moment of the last life that wrote."""
        with server.connect() as connection:
            found = [each.read_back(connection) for each in self.sequences]
            others = self._read_ballast(connection) + connection.call("EXISTS", "control")
            keys = connection.call("DBSIZE")
        moments = [each.moments(state) for each, state in zip(self.sequences, found)]
        self.story.append("  there were %s of %s, %s had to be" % (
            [last for _, last in moments], [len(each.operations) for each in self.sequences], self.kept))
        for each, (_, last), least in zip(self.sequences, moments, self.kept):
            assert last >= least, "%s: %d operations must be there, %d are\n%s" % (each.prefix, least, last, server.log())
        check_one_moment(self.sequences, moments)
        assert keys == others + sum(len(state) for state in found), "keys that nobody wrote"
        for each, state in zip(self.sequences, found):
            each.begin_life(self.life, state)
        self.floor, self.is_on, self.is_checked = [0] * len(self.sequences), self.setup.policy is not None, True

    def _read_ballast(self, connection):
        if not self.has_ballast:
            return 0
        assert connection.call("MGET", *["ballast:%d" % i for i in range(BALLAST)]) == [ballast(i) for i in range(BALLAST)]
        words = connection.call("HGETALL", "ballast:hash")
        assert dict(zip(words[::2], words[1::2])) == {b"f%d" % i: ballast(i) for i in range(BALLAST)}
        assert connection.call("LLEN", "ballast:large") == 40000
        assert connection.call("LRANGE", "ballast:large", 39990, -1) == [b"element %d" % i for i in range(39990, 40000)]
        return BALLAST + 2

    # ---- what the server is asked to do

    def _work(self, server, over):
        jobs = [self.background_save, self.save, self.given_up_save]
        if self.setup.policy is not None:
            jobs += [self.rewrite, self.rewrite, self.rewrite, self.off_and_on]
        try:
            with server.connect() as connection:
                while not over.is_set():
                    self.rng.choice(jobs)(server, connection)
        except (OSError, Closed):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def _wait_while(self, server, connection, field):
        def over():
            if not server.running():
                raise Closed()
            return b"%s:0\r\n" % field.encode() in connection.call("INFO", "persistence")
        eventually(over, 60, field)

    def save(self, server, connection):
        answered = self._answered()
        reply = connection.call("SAVE")
        if reply == "OK":
            self._saved(answered)
        else:
            assert isinstance(reply, ReplyError) and "progress" in str(reply), reply

    def background_save(self, server, connection):
        answered = self._answered()
        reply = connection.call("BGSAVE")
        if isinstance(reply, ReplyError):
            assert "progress" in str(reply) or "Another child process is active (AOF?)" in str(reply), reply
            return
        self._wait_while(server, connection, "rdb_bgsave_in_progress")
        if b"rdb_last_bgsave_status:ok" in connection.call("INFO", "persistence"):
            self._saved(answered)

    def given_up_save(self, server, connection):
        connection.pipeline([("BGSAVE",), ("BGSAVE", "CANCEL")])
        self._wait_while(server, connection, "rdb_bgsave_in_progress")

    def _saved(self, answered):
        if self.setup.policy is None:
            self.floor = answered

    def rewrite(self, server, connection):
        connection.call("BGREWRITEAOF")
        self._wait_while(server, connection, "aof_rewrite_in_progress")

    def off_and_on(self, server, connection):
        if self.is_on:
            self.floor, self.is_on = self._durable_by_policy(time.monotonic()), False
        if self.rng.random() < 0.4:
            connection.call("BGREWRITEAOF")  # which nobody wants any more when it is there
        assert connection.call("CONFIG", "SET", "appendonly", "no") == "OK"
        if self.rng.random() < 0.4:
            self.rewrite(server, connection)  # a base alone, newer than all increments
        assert connection.call("CONFIG", "SET", "appendonly", "yes") == "OK"
        # From the first answer on the policy holds; what was answered before is durable with the second one.
        for _ in range(2):
            if connection.call("WAITAOF", 1, 0, 20000) != [1, 0]:
                return
            connection.call("SET", "control", 1)
        self.is_on = connection.call("WAITAOF", 1, 0, 20000) == [1, 0]

    # ---- beginnings

    def prepare(self):
        """A life in order that leaves something behind."""
        self.live(seconds=0.3, ending="term", work=self._write_ballast)

    def _write_ballast(self, server, end):
        with server.connect() as connection:
            connection.pipeline([("SET", "ballast:%d" % i, ballast(i)) for i in range(BALLAST)])
            connection.call("HSET", "ballast:hash", *[w for i in range(BALLAST) for w in ("f%d" % i, ballast(i))])
            connection.call("RPUSH", "ballast:large", *["element %d" % i for i in range(40000)])
            self.has_ballast = True
            if self.setup.policy is None:
                self.save(server, connection)
            while time.monotonic() < end:
                time.sleep(0.01)
