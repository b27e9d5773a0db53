#!/usr/bin/env python3
"""Whether run.py catches what it is there for: a report of a process whose output and exit code nobody looks at.

net_test.py PROBE SANITIZER (asan or tsan): PROBE is sanitize_probe of this build.
"""
import os
import subprocess
import sys
import unittest

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")
PROBE, SANITIZER = sys.argv[1:3]


def run(*command):
    done = subprocess.run([sys.executable, RUN, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    return done.returncode, done.stdout


class NetTest(unittest.TestCase):
    def caught(self, kind, text):
        # Two processes down, output thrown away, exit code ignored: as a daemon of a test would be.
        code, out = run("sh", "-c", "(%s %s >/dev/null 2>&1 & wait); true" % (PROBE, kind))
        self.assertEqual(code, 66, out)
        self.assertIn(text, out)
        self.assertIn("probe.cc:", out)

    def test_without_reports_the_exit_code_is_the_command_s(self):
        self.assertEqual(run(PROBE, "nothing"), (0, ""))
        self.assertEqual(run("sh", "-c", "exit 3"), (3, ""))

    def test_failed_check(self):
        self.caught("check", "ABRT")

    @unittest.skipUnless(SANITIZER == "tsan", "a build for races")
    def test_race(self):
        self.caught("race", "WARNING: ThreadSanitizer: data race")

    @unittest.skipUnless(SANITIZER == "asan", "a build for memory")
    def test_memory(self):
        self.caught("heap", "heap-buffer-overflow")
        self.caught("leak", "LeakSanitizer: detected memory leaks")
        self.caught("shift", "shift exponent 40 is too large")


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv[:1])
