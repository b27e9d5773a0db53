#!/usr/bin/env python3
"""run.py COMMAND...: runs a test of a sanitizer build and fails if anything it started was reported by a sanitizer.

A server that a test starts may write its report anywhere: into a log that is thrown away, to /dev/null behind
--daemonize, or nowhere since the thread sanitizer only says so in an exit code that nobody looks at. So every process
below COMMAND gets log_path into one folder; a file in it afterwards is a failure, whatever COMMAND said.
Exit code: COMMAND's, or 66 when it passed but there are reports.
"""
import os
import subprocess
import sys
import tempfile

MAX_LINES = 80  # of each report: what matters is at its top
MAX_REPORTS = 12
OPTIONS = {
    # handle_abort: a failed check is a report too, with its stack.
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1:"
                    "handle_abort=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    # Going on after a report shows all of them in one run.
    "TSAN_OPTIONS": "handle_abort=1:halt_on_error=0:second_deadlock_stack=1:history_size=4",
}


def environment(folder):
    env = dict(os.environ, TESSERA_SANITIZED="1")
    for name, options in OPTIONS.items():
        words = [options, env.get(name, ""), "log_path=" + os.path.join(folder, "report")]
        env[name] = ":".join(word for word in words if word)
    return env


def show(folder):
    """Prints the reports; returns how many there are."""
    names = sorted(os.listdir(folder))
    for name in names[:MAX_REPORTS]:
        with open(os.path.join(folder, name), errors="replace") as file:
            lines = file.read().split("\n")
        print("== sanitizer report %s" % name)
        print("\n".join(lines[:MAX_LINES]))
        if len(lines) > MAX_LINES:
            print("... %d more lines" % (len(lines) - MAX_LINES))
    if names:
        print("== %d process(es) were reported by a sanitizer" % len(names))
    return len(names)


def main(command):
    if not command:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="tessera-sanitize-") as folder:
        code = subprocess.run(command, env=environment(folder)).returncode
        reports = show(folder)
    return code or (66 if reports else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
