#!/usr/bin/python3
"""No node is suspected while every core is busy, a shard sleeps, and the bus loses a fifth of its packets.

Three nodes in a network namespace of their own, whose firewall drops packets of the bus' ports at random. Load on all client
ports; DEBUG SLEEP 20 on one shard after the other. TESSERA_SOAK_SECONDS says for how long (default 600). Needs root, `ip` and
`iptables`; exit code 77 where they are missing. Exit code 0: nobody was suspected, and all of that took place: the load ran to the end and
kept the cores busy, shards slept, the share of packets that was to be lost was lost, the nodes could be looked at, and a node that is
stopped at the end is suspected by the same signs.
"""
import os
import random
import shutil
import signal
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


def suspicions(logs, since):
    """What the logs say from these places on; moves them. Nothing else is read twice."""
    found = []
    for path in logs:
        with open(path, "rb") as file:
            file.seek(since.get(path, 0))
            text = file.read()
            since[path] = file.tell()
        found += [line for line in text.decode("utf-8", "replace").splitlines()
                  if "failing" in line or "not reachable" in line or "state changed: fail" in line]
    return found


def suspected_in(lines):
    return [line for line in lines if len(line.split(" ")) > 7 and "fail" in line.split(" ")[2]]


def commands_of(port):
    """How many it ran; 0 when the connection came to the shard that sleeps."""
    try:
        text = inside(os.path.join(bin_dir(), "tessera-cli"), "-p", port, "INFO", "stats", timeout=30).stdout
    except subprocess.TimeoutExpired:
        return 0
    return next((int(line.split(":")[1]) for line in text.splitlines() if line.startswith("total_commands_processed:")), 0)


def cpu_seconds():
    with open("/proc/stat") as file:
        words = [int(word) for word in file.readline().split()[1:]]
    return sum(words), words[3] + words[4]


def sleeper(stop, slept):
    """One shard of one node does nothing for 20 s at a time: DEBUG SLEEP runs where its connection lives."""
    while not stop.is_set():
        process = start_inside(os.path.join(bin_dir(), "tessera-cli"), "-p", random.choice(PORTS), "DEBUG", "SLEEP", "20")
        while process.poll() is None and not stop.wait(0.5):
            pass
        if process.poll() == 0:
            slept.append(1)
        process.kill()
        process.wait(30)


def packets_of_the_bus():
    """Dropped, and all that came to the rules that drop: what the first rule let pass is seen by no other one of the same packet."""
    lost = seen = 0
    for line in inside("iptables", "-L", "INPUT", "-v", "-n", "-x").stdout.splitlines():
        words = line.split()
        if len(words) > 2 and words[0].isdigit():
            if words[2] == "DROP":
                lost += int(words[0])
            else:
                seen += int(words[0])
    return lost, seen


def is_noticed(process, logs, since):
    """The same signs, when there is something to be seen: a node that is stopped."""
    suspicions(logs, since)
    process.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: suspicions(logs[:2], since), 90, "the stopped node is suspected", interval=1)
        return True
    except AssertionError:
        print("this proves nothing: a node that was stopped was not suspected")
        return False
    finally:
        process.send_signal(signal.SIGCONT)


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
                counted = inside("iptables", "-A", "INPUT", "-p", "tcp", side, port + 10000)  # no target: counts
                assert counted.returncode == 0, counted.stdout
                rule = inside("iptables", "-A", "INPUT", "-p", "tcp", side, port + 10000, "-m", "statistic", "--mode", "random",
                              "--probability", LOSS, "-j", "DROP")
                assert rule.returncode == 0, rule.stdout
        print("loss %.2f, %d s" % (LOSS, SECONDS), flush=True)
        loads = []
        for _ in range(2 * (os.cpu_count() or 2)):
            loads.append(start_inside(os.path.join(bin_dir(), "tessera-benchmark"), "-p", random.choice(PORTS), "--cluster", "-t", "set,get",
                                          "-r", 100000, "-P", 16, "-l"))
        processes += loads
        # What a sleeping shard leaves of the cores is used up, too.
        processes += [start_inside(sys.executable, "-c", "while True: pass") for _ in range(os.cpu_count() or 2)]
        slept, since, before = [], {}, sum(commands_of(port) for port in PORTS)
        suspicions(logs, since)  # of the time before
        thread = threading.Thread(target=sleeper, args=(stop, slept))
        thread.start()
        begin, (all_cpu, idle_cpu) = time.monotonic(), cpu_seconds()
        looks, views, suspected = 0, 0, []
        while time.monotonic() < begin + SECONDS and not suspected:
            stop.wait(1)
            looks += 1
            suspected += suspicions(logs, since)
            lines = nodes_of(random.choice(PORTS))
            views += len(lines) == len(PORTS)
            suspected += suspected_in(lines)
        stop.set()
        thread.join()
        busy = 1 - (cpu_seconds()[1] - idle_cpu) / max(1, cpu_seconds()[0] - all_cpu)
        lost, seen = packets_of_the_bus()
        ended = sum(load.poll() is not None for load in loads)
        for load in loads:
            load.terminate()
            load.wait(30)
        commands = sum(commands_of(port) for port in PORTS) - before
        print("looked %d times, saw %d views; %d of %d packets of the bus were dropped; %d sleeps; %d commands; cores %d %% busy" %
              (looks, views, lost, seen, len(slept), commands, 100 * busy))
        for line in suspected[:20]:
            print("suspected:", line)
        if suspected:
            return 1
        wrong = [text for is_wrong, text in (
            (not 0.8 * LOSS < lost / max(1, seen) < 1.2 * LOSS + 0.01, "the packets that were lost are not the share that was to be"),
            (lost < SECONDS, "too little was lost"), (views < looks // 10, "the nodes could not be looked at"),
            (len(slept) < SECONDS // 60, "the shards did not sleep"), (ended > 0, "%d loads ended" % ended),
            (commands < 1000 * SECONDS, "there was no load"), (busy < 0.9, "the cores were not busy")) if is_wrong]
        for text in wrong:
            print("this proves nothing:", text)
        return 1 if wrong or not is_noticed(processes[2], logs, since) else 0
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
