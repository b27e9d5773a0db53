"""Servers that are killed at every step of what they do to their files, and at any moment, under writes; on a disk
that keeps what the process had written, and on one that forgets all it was not told to sync.

They always start again; with `always` nothing that was answered is lost, with `everysec` at most two seconds; and what
is there is what was there at one moment (sequences.py). TESSERA_CRASH_LIVES: how many lives the long test takes.
"""
import collections
import os
import random
import shutil

import pytest

from tests.persistence.crash_lives import Lives, Setup
from tests.support.seed import new_seed

SNAPSHOTS = [Setup(shards, None) for shards in (1, 4)]
LOGS = [Setup(shards, policy, preamble) for shards in (1, 4) for policy in ("always", "everysec", "no")
        for preamble in ("yes", "no")]

SAVE_STEPS = ["open temp-#.rdb", "write temp-#.rdb", "sync temp-#.rdb", "rename temp-#.rdb dump.rdb", "syncdir data",
              "remove temp-#.rdb"]
LOG_STEPS = ["lock appendonly.aof.lock", "open appendonly.aof.#.incr.aof", "write appendonly.aof.#.incr.aof",
             "sync appendonly.aof.#.incr.aof", "open appendonly.aof.manifest.tmp", "write appendonly.aof.manifest.tmp",
             "sync appendonly.aof.manifest.tmp", "rename appendonly.aof.manifest.tmp appendonly.aof.manifest",
             "open temp-rewriteaof-bg-#-#.aof.part", "write temp-rewriteaof-bg-#-#.aof.part",
             "sync temp-rewriteaof-bg-#-#.aof.part", "rename temp-rewriteaof-bg-#-#.aof.part temp-rewriteaof-bg-#-#.aof",
             "rename temp-rewriteaof-bg-#-#.aof appendonly.aof.#.base.EXT", "syncdir appendonlydir",
             "remove temp-rewriteaof-bg-#-#.aof", "remove appendonly.aof.#.incr.aof", "remove appendonly.aof.#.base.EXT"]
# Of the first start in an empty folder.
FIRST_STEPS = ["mkdir appendonlydir", "open appendonly.aof.#.base.EXT.tmp", "write appendonly.aof.#.base.EXT.tmp",
               "sync appendonly.aof.#.base.EXT.tmp", "rename appendonly.aof.#.base.EXT.tmp appendonly.aof.#.base.EXT"]
# Of a start with a file that ends within a command; with an old single file.
TORN_STEPS = ["truncate appendonly.aof.#.incr.aof"]
OLD_STEPS = ["rename appendonly.aof appendonly.aof"]
# What comes about now and then, and changes nothing that counts: the cut of a rewrite fails, a base is opened to be
# loaded, what an old single file became is removed.
OTHER_STEPS = ["remove temp-rewriteaof-bg-#-#.aof.part", "open appendonly.aof.#.base.EXT", "open appendonly.aof",
               "remove appendonly.aof"]


def of_setup(setup, names):
    return [name.replace("EXT", "aof" if setup.preamble == "no" else "rdb") for name in names]


def moments(names):
    for name in names:
        for moment in ("before", "half", "after") if name.startswith("write") else ("before", "after"):
            yield moment, name


class Series:
    def __init__(self, seed, forgets):
        self.seed, self.forgets = seed, forgets
        self.rng = random.Random(seed)
        self.lives = 0
        self.hits = collections.Counter()
        self.seen = set()

    def chain(self, setup):
        self.seed += 1
        return Lives(setup, self.seed, self.forgets)

    def live(self, lives, *args, **options):
        hit = lives.live(*args, **options)
        self.lives += 1
        self.seen |= set(lives.steps)
        if hit is not None:
            self.hits[hit] += 1
        return hit

    def at_step(self, lives, moment, name):
        for n in (self.rng.choice([1, 1, 2, 4]), 1, 1, 1):
            hit = self.live(lives, "%s %d %s" % (moment, n, name), seconds=5 if n == 1 else 1)
            if hit == (moment, name):
                return
        raise AssertionError("never came to %r" % name)

    def at_first_step(self, setup, moment, name):
        with self.chain(setup) as lives:
            assert self.live(lives, "%s 1 %s" % (moment, name)) == (moment, name)
            self.live(lives, seconds=0.1)
            self.live(lives, seconds=0.05)

    def at_torn_step(self, setup, moment, name):
        with self.chain(setup) as lives:
            self.live(lives, seconds=0.2, ending="term", work=lambda *_: None)
            with open(os.path.join(lives.path, "appendonlydir", "appendonly.aof.1.incr.aof"), "ab") as file:
                file.write(b"*3\r\n$3\r\nSET\r\n$5\r\nab")
            lives.disk.forgive()
            assert self.live(lives, "%s 1 %s" % (moment, name)) == (moment, name)
            self.live(lives, seconds=0.1)
            self.live(lives, seconds=0.05)

    def at_old_step(self, setup, moment, name):
        with self.chain(setup) as lives:
            self.live(lives, seconds=0.2, ending="term", work=lambda *_: None)
            folder = os.path.join(lives.path, "appendonlydir")
            shutil.copy(os.path.join(folder, "appendonly.aof.1.incr.aof"), os.path.join(lives.path, "appendonly.aof"))
            shutil.rmtree(folder)
            lives.disk.forgive()
            assert self.live(lives, "%s 1 %s" % (moment, name)) == (moment, name)
            self.live(lives, seconds=0.1)
            self.live(lives, seconds=0.05)

    def at_any_moment(self, lives):
        rng = self.rng
        kind = rng.randrange(5)
        if kind == 0:
            self.live(lives, "%s %d any" % (rng.choice(["before", "half", "after"]), rng.randint(1, 300)), seconds=1)
        elif kind == 1:
            self.live(lives, "%s %d any" % (rng.choice(["before", "half", "after"]), rng.randint(1, 300)),
                      seconds=rng.uniform(0, 0.3), ending="term")
        elif kind == 2 and lives.setup.policy == "everysec" and rng.random() < 0.4:
            self.live(lives, seconds=rng.uniform(2.5, 4.5), work=lambda *_: None)  # nothing but the clock syncs
        else:
            self.live(lives, seconds=rng.uniform(0, 0.8))

    def special(self, setup):
        """Steps that want folders of their own."""
        yield from ((self.at_first_step, moment, name) for moment, name in moments(of_setup(setup, FIRST_STEPS)))
        yield from ((self.at_torn_step, moment, name) for moment, name in moments(TORN_STEPS))
        if setup.preamble == "no":  # the file has all there is
            yield from ((self.at_old_step, moment, name) for moment, name in moments(OLD_STEPS))

    def run(self, setup, planned, special, at_any_moment):
        """The steps `planned` and so many moments, in any order, in one folder; and `special` ones."""
        for run, moment, name in special:
            run(setup, moment, name)
        if not planned and not at_any_moment:
            return
        with self.chain(setup) as lives:
            lives.prepare()
            todo = list(planned) + [None] * at_any_moment
            self.rng.shuffle(todo)
            for step in todo:
                if step is None:
                    self.at_any_moment(lives)
                else:
                    self.at_step(lives, *step)
            self.live(lives, seconds=0.05)


@pytest.mark.parametrize("forgets", [False, True], ids=["kill", "forgetful"])
def test_some_crashes(forgets):
    """A few dozen lives of every kind."""
    seed = new_seed(30)
    print("seed", seed)
    series = Series(seed, forgets)
    rng = random.Random(seed)
    for setup in [rng.choice(SNAPSHOTS)] + rng.sample(LOGS, 3):
        steps = SAVE_STEPS if setup.policy is None else LOG_STEPS
        planned = rng.sample(list(moments(of_setup(setup, steps))), 3)
        special = [] if setup.policy is None else rng.sample(list(series.special(setup)), 1)
        series.run(setup, planned, special, 2)
    print(series.lives, "lives", sorted(series.hits.items()))


@pytest.mark.long
@pytest.mark.parametrize("forgets", [False, True], ids=["kill", "forgetful"])
def test_crashes_at_every_step(forgets):
    wanted = int(os.environ.get("TESSERA_CRASH_LIVES", "500"))
    seed = new_seed(30)
    print("seed", seed)
    series = Series(seed, forgets)
    planned, special = collections.defaultdict(list), collections.defaultdict(list)
    for setup in SNAPSHOTS:
        planned[setup] += moments(SAVE_STEPS)
    # Each step with and without preamble, and every other circumstance in turn.
    for preamble in ("yes", "no"):
        setups = [setup for setup in LOGS if setup.preamble == preamble]
        series.rng.shuffle(setups)
        for i, step in enumerate(moments(of_setup(setups[0], LOG_STEPS + SAVE_STEPS))):
            planned[setups[i % len(setups)]].append(step)
        for i, step in enumerate(series.special(setups[0])):
            special[setups[i % len(setups)]].append(step)
    all_setups = SNAPSHOTS + LOGS
    for i, setup in enumerate(all_setups):
        left = max(0, wanted - series.lives) // (len(all_setups) - i)
        series.run(setup, planned[setup], special[setup],
                   max(2, left - len(planned[setup]) - 3 * len(special[setup]) - 2))
        print("%s: %d lives by now" % (setup, series.lives), flush=True)
    # A planned life that comes to its step late, or one that is cut short, makes the count a little other than planned.
    while series.lives < wanted:
        series.run(series.rng.choice(all_setups), [], [], wanted - series.lives)
    for (moment, name), count in sorted(series.hits.items()):
        print("%4d %s %s" % (count, moment, name))
    known = {name for setup in LOGS for name in of_setup(
        setup, SAVE_STEPS + LOG_STEPS + FIRST_STEPS + TORN_STEPS + OLD_STEPS + OTHER_STEPS)}
    assert series.seen <= known, "steps that no life is killed at: %s" % (series.seen - known)
    for setup in LOGS:
        for step in moments(of_setup(setup, SAVE_STEPS + LOG_STEPS + FIRST_STEPS + TORN_STEPS + OLD_STEPS)):
            assert series.hits[step] > 0, step
    assert series.lives >= wanted
