"""Failures and their exit codes, signals, words for people, programs that are looked for.

Everything that goes wrong is a Failure: a text that says what, where and what to do, and the code the tool exits with.
A signal is raised as Ended in the main thread, so that what is being done is undone on the way out.
"""
import contextlib
import datetime
import errno
import os
import shutil
import signal
import sys
import time

PASSING_S = 30
OK, FAILED, USAGE, DAMAGED, SERVER, DISK, REFUSED = range(7)
EXIT_CODES = """exit codes:
  0  done
  1  failed for a reason of its own (it is said)
  2  wrong options, or something named that is not there
  3  damaged: a backup is not what was written, or does not load
  4  a server cannot be reached, or refuses what is asked of it
  5  a disk is full, or cannot be read or written
  6  refused: not confirmed, a server uses the folder, the target is not empty
  128+N  ended by signal N; nothing is left behind"""


class Failure(Exception):
    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Ended(Exception):
    """By a signal. No Failure: nobody who bears those is to go on."""

    def __init__(self, number):
        super().__init__("ended by %s; what was begun is undone" % signal.Signals(number).name)
        self.code = 128 + number


class Signals:
    """The first signal ends what is done; later ones do not disturb the clearing up, and none what is undisturbed()."""
    current = None

    def __init__(self):
        Signals.current = self
        self.ended, self.held, self.waits = False, 0, None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._come)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    def _come(self, number, _frame=None):
        if self.held:
            self.waits = number
        elif not self.ended:
            self.ended = True
            raise Ended(number)

    def release(self):
        self.held -= 1
        if not self.held and self.waits is not None:
            self._come(self.waits)


@contextlib.contextmanager
def undisturbed():
    """For what has to be done to its end: a signal that comes within is heard behind it."""
    signals = Signals.current
    if signals is None:
        yield
        return
    signals.held += 1
    try:
        yield
    finally:
        signals.release()


class Teller:
    """Progress for people on standard error; on a terminal a line that changes, else lines, seldom."""

    def __init__(self, program, quiet=False):
        self.program, self.quiet = program, quiet
        self.terminal = sys.stderr.isatty()
        self.open_line = False
        self.told_s = time.monotonic()

    def _end_line(self):
        if self.open_line:
            sys.stderr.write("\n")
            self.open_line = False

    def step(self, text):
        if not self.quiet:
            self._end_line()
            print(text, file=sys.stderr, flush=True)

    def passing(self, text):
        """How far it is: replaced by what comes next on a terminal, else told twice a minute."""
        if self.quiet:
            return
        if self.terminal:
            sys.stderr.write("\r\x1b[K" + text)
            sys.stderr.flush()
            self.open_line = True
        elif time.monotonic() - self.told_s > PASSING_S:
            self.told_s = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    def warn(self, text):
        self._end_line()
        print("%s: warning: %s" % (self.program, text), file=sys.stderr, flush=True)

    def fail(self, text):
        self._end_line()
        print("%s: %s" % (self.program, text), file=sys.stderr, flush=True)


def run(program, body):
    """The tool's whole life: body(signals) gives the exit code."""
    teller = Teller(program)
    try:
        return body(Signals())
    except (Failure, Ended) as failure:
        teller.fail(str(failure))
        return failure.code
    except OSError as error:
        failure = disk_failure(error, error.filename or "a file")
        teller.fail(str(failure))
        return failure.code


def disk_failure(error, what):
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure(DISK, "the disk is full: %s (%s). Free some space, or name another folder; nothing was left behind"
                       % (what, error.strerror))
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failure(DISK, "%s: %s. Run this as the user that the server runs as, or as root" % (what, error.strerror))
    return Failure(DISK, "%s: %s" % (what, error.strerror or error))


def find_program(name, given=None):
    """The path of a program: the one given, $TESSERA_BIN's, the tree's build, PATH's; None when there is none."""
    if given:
        path = shutil.which(given)
        if path is None:
            raise Failure(USAGE, "%s: no such program, or not executable" % given)
        return os.path.abspath(path)
    folders = [os.environ["TESSERA_BIN"]] if os.environ.get("TESSERA_BIN") else []
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    folders.append(os.path.join(os.environ.get("TESSERA_BUILD", os.path.join(root, "build")), "bin"))
    for folder in folders:
        path = os.path.join(os.path.abspath(folder), name)
        if os.access(path, os.X_OK):
            return path
    return shutil.which(name)


def need_program(name, given=None):
    path = find_program(name, given)
    if path is None:
        raise Failure(USAGE, "%s is neither in $TESSERA_BIN, build/bin nor PATH. Build it (cmake --build build --target %s) or "
                             "set TESSERA_BIN to the folder it is in" % (name, name))
    return path


def bytes_text(count):
    for unit, size in (("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return "%.1f %s" % (count / size, unit)
    return "%d B" % count


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def time_text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (moment.microsecond // 1000)


def stamp(moment):
    """For names of files."""
    return moment.strftime("%Y%m%dT%H%M%S") + "%03dZ" % (moment.microsecond // 1000)


def confirm(question, force):
    """Asks for a yes; the end of the input is a no."""
    if force:
        return
    print(question + " Type yes to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        print(file=sys.stderr)
        raise Failure(REFUSED, "not confirmed; nothing was changed. Without a question: --force")
