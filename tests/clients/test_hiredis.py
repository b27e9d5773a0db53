"""hiredis, Debian's: a small C program built here."""
import os
import shutil
import subprocess

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "no C compiler: run tools/deps"
    out = str(tmp_path_factory.mktemp("hiredis") / "hiredis_client")
    built = subprocess.run([compiler, "-std=c11", "-Wall", "-Werror", "-O1", "-o", out, os.path.join(HERE, "hiredis_client.c"), "-lhiredis"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert built.returncode == 0, "libhiredis-dev is missing (run tools/deps)?\n" + built.stdout
    return out


def run(program, port):
    done = subprocess.run([program, str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, universal_newlines=True)
    assert done.returncode == 0 and "DONE" in done.stdout, done.stdout


def test_standalone(program, standalone):
    run(program, standalone.port)


def test_cluster_of_one(program, cluster):
    """hiredis itself does not follow redirections; a node that owns all slots has none."""
    run(program, cluster.port)
