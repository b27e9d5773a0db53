"""Names, numbers of words, addresses: what needs no cluster."""
import re

import pytest

from tests.cluster.support import both, ours, theirs

COMMANDS = ["create", "check", "info", "fix", "reshard", "rebalance", "add-node", "del-node", "call", "set-timeout", "import",
            "backup"]


@pytest.mark.parametrize("command", COMMANDS)
def test_too_few_words(command):
    both("--cluster", command)


@pytest.mark.parametrize("words", [
    ["nosuch"], ["nosuch", "a", "b"], ["CHECK", "127.0.0.1:1"], ["--cluster-yes"], ["-x"], ["create", "127.0.0.1:1"],
    ["check", "a:1", "b", "c"], ["check", "127.0.0.1"], ["check", "7800"], ["check", "a", "b"], ["check", "a:b"], ["check", "a:0"],
    ["info", "127.0.0.1"], ["info", "a:1", "b:2"], ["call", "a:1"], ["call", "a", "ping"], ["call", "127.0.0.1", "1", "ping"],
    ["add-node", "a:1"], ["add-node", "a:1", "b:2", "c:3"], ["add-node", "x", "a:1"], ["add-node", "a:1", "x"],
    ["del-node", "a:1"], ["del-node", "a:1", "b", "c"], ["del-node", "x", "id"],
    ["set-timeout", "a:1"], ["set-timeout", "x", "5000"], ["set-timeout", "a:1", "5000", "1"],
    ["set-timeout", "127.0.0.1:1", "99"], ["set-timeout", "127.0.0.1:1", "abc"], ["set-timeout", "127.0.0.1:1", "-5"],
    ["create", "x", "y", "z"], ["import", "a:1", "b:1"], ["backup", "a:1"],
], ids=" ".join)
def test_refusals(words):
    assert both("--cluster", *words).code == 1


@pytest.mark.parametrize("words", [
    ["check", "127.0.0.1:1"], ["check", "127.0.0.1", "1"], ["info", "127.0.0.1:1"], ["info", "127.0.0.1", "1x"], ["check", ":1"],
    ["check", "nosuchhost.invalid:1"], ["call", "127.0.0.1:1", "ping"], ["del-node", "127.0.0.1:1", "abc"],
    ["add-node", "127.0.0.1:2", "127.0.0.1:1"], ["set-timeout", "127.0.0.1:1", "5000"],
], ids=" ".join)
def test_nobody_listens(words):
    assert both("--cluster", *words).code == 1


def test_options_that_lack_their_value():
    for option in ("--cluster-replicas", "--cluster-master-id", "--cluster-from", "--cluster-weight", "--cluster-slots"):
        both("--cluster", "info", "127.0.0.1:1", option)
    both("--cluster-weight", "a=1", "--cluster-weight", "b=1")


def test_once_only():
    for words in (["--cluster"], ["--cluster", "info", "a:1", "--cluster", "check", "a:1"]):
        mine, other = ours(*words), theirs(*words)
        assert mine.code == other.code == 1 and mine.out == other.out == ""
        assert "Usage:" in mine.err and "Usage:" in other.err


def test_help():
    mine, other = ours("--cluster", "help"), theirs("--cluster", "help")
    assert mine.code == other.code
    extra = re.compile("(?m)^ +--(wait <seconds>|if-not-exists)\n")
    assert len(extra.findall(mine.out)) == 5
    assert extra.sub("", mine.out) == other.out
    assert both("--cluster", "create").out == ""


@pytest.mark.parametrize("words", [["fix", "127.0.0.1:1"], ["reshard", "127.0.0.1:1"], ["rebalance", "127.0.0.1:1"],
                                   ["import", "127.0.0.1:1"], ["backup", "127.0.0.1:1", "/tmp"]], ids=" ".join)
def test_what_is_not_there_says_so(words):
    mine = ours("--cluster", *words)
    assert mine.code == 1 and "not part of this version" in mine.err and words[0] in mine.err
