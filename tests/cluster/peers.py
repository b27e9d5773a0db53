"""Newer peers: Redis 8 and Valkey 8 of Debian trixie, unpacked into a folder and started with that folder's own libraries.

TESSERA_PEERS names the folder, else ~/.cache/tessera-peers; it is made by debootstrap when it is not there (root, network).
"""
import os
import shutil
import subprocess

MIRROR = os.environ.get("TESSERA_DEBIAN_MIRROR", "http://deb.debian.org/debian")


def folder():
    return os.environ.get("TESSERA_PEERS", os.path.expanduser("~/.cache/tessera-peers"))


def make():
    """The folder, or a text that says why there is none."""
    root = os.path.join(folder(), "trixie")
    if not os.path.exists(os.path.join(root, "usr", "bin", "valkey-server")):
        if os.geteuid() != 0 or not shutil.which("debootstrap"):
            return None, "needs root and debootstrap, or TESSERA_PEERS"
        os.makedirs(folder(), exist_ok=True)
        done = subprocess.run(["debootstrap", "--variant=minbase", "--include=redis-server,valkey-server", "trixie", root, MIRROR],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1500)
        if done.returncode != 0:
            return None, "debootstrap failed: " + done.stdout.decode("utf-8", "replace")[-300:]
    return root, ""


def wrapper(root, program, scratch):
    """A program of that folder as one that runs here; its name tells the tests that it is not ours."""
    path = os.path.join(scratch, "redis-peer-" + program)
    library = os.path.join(root, "usr", "lib", "x86_64-linux-gnu")
    with open(path, "w") as file:
        file.write('#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' %
                   (os.path.join(library, "ld-linux-x86-64.so.2"), library, os.path.join(root, "usr", "bin", program)))
    os.chmod(path, 0o755)
    return path
