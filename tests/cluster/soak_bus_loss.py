#!/usr/bin/python3
"""No node is suspected while every core is busy, a shard sleeps, and the bus loses a fifth of its packets.

Three nodes in a network namespace of their own, whose firewall drops packets of the bus' ports at random. Load on all client
ports; DEBUG SLEEP 20 on one shard after the other. TESSERA_SOAK_SECONDS says for how long (default 600). Needs root, `ip` and
`iptables`; exit code 77 where they are missing. Exit code 0: nobody was suspected.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.support.server import bin_dir, die_with_parent, eventually  # noqa: E402

SECONDS = int(os.environ.get("TESSERA_SOAK_SECONDS", "600"))
LOSS = float(os.environ.get("TESSERA_SOAK_LOSS", "0.2"))
NAMESPACE = "tessera-soak-%d" % os.getpid()
PORTS = [7001, 7002, 7003]
SHARDS = 2


def inside(*words, timeout=120):
    return subprocess.run(["ip", "netns", "exec", NAMESPACE] + [str(word) for word in words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, timeout=timeout)


def start_inside(*words, out=subprocess.DEVNULL):
    return subprocess.Popen(["ip", "netns", "exec", NAMESPACE] + [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=out,
                            stderr=subprocess.STDOUT, preexec_fn=die_with_parent)


def cli(port, *words):
    return inside(os.path.join(bin_dir(), "tessera-cli"), "-p", port, *words).stdout


def nodes_of(port):
    """Nothing when the connection came to the shard that sleeps: the logs tell then."""
    try:
        return inside(os.path.join(bin_dir(), "tessera-cli"), "-p", port, "CLUSTER", "NODES", timeout=2).stdout.splitlines()
    except subprocess.TimeoutExpired:
        return []


def sleeper(stop):
    """One shard of one node does nothing for 20 s at a time: DEBUG SLEEP runs where its connection lives."""
    while not stop.is_set():
        process = start_inside(os.path.join(bin_dir(), "tessera-cli"), "-p", random.choice(PORTS), "DEBUG", "SLEEP", "20")
        while process.poll() is None and not stop.wait(0.5):
            pass
        process.kill()
        process.wait(30)


def main():
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("iptables"):
        print("needs root, ip and iptables")
        return 77
    folder = tempfile.mkdtemp(prefix="tessera-soak-")
    processes, stop, logs = [], threading.Event(), []
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        inside("ip", "link", "set", "lo", "up")
        for port in PORTS:
            home = os.path.join(folder, str(port))
            os.mkdir(home)
            logs.append(os.path.join(home, "log"))
            processes.append(start_inside(os.path.join(bin_dir(), "tessera-server"), "--port", port, "--dir", home, "--cluster-enabled", "yes",
                                          "--shards", SHARDS, "--save", "", "--enable-debug-command", "yes", out=open(logs[-1], "wb")))
        eventually(lambda: all("PONG" in cli(port, "PING") for port in PORTS), 30, "the nodes answer")
        made = inside(os.path.join(bin_dir(), "tessera-cli"), "--cluster", "create", *["127.0.0.1:%d" % port for port in PORTS], "--cluster-yes")
        assert made.returncode == 0, made.stdout
        # A packet has a bus port on one side: to it, or back from it; one rule sees it, once.
        for port in PORTS:
            for side in ("--dport", "--sport"):
                rule = inside("iptables", "-A", "INPUT", "-p", "tcp", side, port + 10000, "-m", "statistic", "--mode", "random",
                              "--probability", LOSS, "-j", "DROP")
                assert rule.returncode == 0, rule.stdout
        print("loss %.2f, %d s" % (LOSS, SECONDS), flush=True)
        for _ in range(2 * (os.cpu_count() or 2)):
            processes.append(start_inside(os.path.join(bin_dir(), "tessera-benchmark"), "-p", random.choice(PORTS), "--cluster", "-t", "set,get",
                                          "-r", 100000, "-P", 16, "-l"))
        thread = threading.Thread(target=sleeper, args=(stop,))
        thread.start()
        end, looks, suspected = time.monotonic() + SECONDS, 0, []
        while time.monotonic() < end and not suspected:
            stop.wait(1)
            looks += 1
            for path in logs:
                with open(path, "rb") as file:
                    suspected += [line for line in file.read().decode("utf-8", "replace").splitlines()
                                  if "failing" in line or "not reachable" in line or "state changed: fail" in line]
            for line in nodes_of(random.choice(PORTS)):
                if len(line.split(" ")) > 7 and "fail" in line.split(" ")[2]:
                    suspected.append(line)
        stop.set()
        thread.join()
        dropped = inside("iptables", "-L", "INPUT", "-v", "-n", "-x").stdout
        packets = sum(int(line.split()[0]) for line in dropped.splitlines() if "DROP" in line and line.split()[0].isdigit())
        print("looked %d times, %d packets were dropped" % (looks, packets))
        if packets == 0:
            print("nothing was lost: this proves nothing")
            return 1
        for line in suspected[:20]:
            print("suspected:", line)
        return 1 if suspected else 0
    finally:
        stop.set()
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
