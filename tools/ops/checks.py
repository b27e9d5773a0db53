"""What tools/health looks at: each check gives a state and a line; the worst state is the server's.

States are those of monitoring plugins (0 well, 1 warning, 2 critical, 3 unknown). A check is a function of what the server says
and of the limits, so that it can be tested without a server.
"""
WELL, WARNING, CRITICAL, UNKNOWN = range(4)
STATE_NAMES = ["OK", "WARNING", "CRITICAL", "UNKNOWN"]
SLOT_COUNT = 16384
# From bad to worse: what cannot be told does not hide what is known to be wrong.
ORDER = {WELL: 0, UNKNOWN: 1, WARNING: 2, CRITICAL: 3}


class Check:
    def __init__(self, name, state, text, value=None, unit="", warning=None, critical=None):
        self.name, self.state, self.text = name, state, text
        self.value, self.unit, self.warning, self.critical = value, unit, warning, critical

    def as_json(self):
        found = {"name": self.name, "state": STATE_NAMES[self.state], "text": self.text}
        if self.value is not None:
            found["value"] = self.value
        return found

    def perf(self):
        """name=value[unit];warning;critical, as graphs of monitoring read it."""
        if self.value is None:
            return None
        ends = ["" if limit is None else "%g" % limit for limit in (self.warning, self.critical)]
        return ("%s=%g%s;%s;%s" % (self.name, self.value, self.unit, *ends)).rstrip(";")


def worst(checks):
    return max((check.state for check in checks), key=ORDER.get, default=UNKNOWN)


def limited(name, value, unit, limits, text):
    """By limits (warning, critical); None is no limit."""
    warning, critical = limits
    state = WELL
    if warning is not None and value >= warning:
        state = WARNING
    if critical is not None and value >= critical:
        state = CRITICAL
    return Check(name, state, text, value, unit, warning, critical)


def ping(elapsed_ms, limits):
    return limited("ping", round(elapsed_ms, 2), "ms", limits, "answers PING within %.1f ms" % elapsed_ms)


def loading(info):
    if info.get("loading") == "0":
        return Check("loading", WELL, "its data is loaded")
    return Check("loading", WARNING, "is loading its data: %s %%, about %s s to go"
                 % (info.get("loading_loaded_perc", "?"), info.get("loading_eta_seconds", "?")))


def snapshots(info, now_s, limits):
    found = []
    status = info.get("rdb_last_bgsave_status")
    if status is None:
        return [Check("rdb", UNKNOWN, "does not say rdb_last_bgsave_status")]
    if status == "ok":
        found.append(Check("rdb", WELL, "the last snapshot was saved"))
    else:
        found.append(Check("rdb", CRITICAL, "the last snapshot could not be saved (rdb_last_bgsave_status:%s): its log says why; "
                                            "writes may be refused (stop-writes-on-bgsave-error)" % status))
    if limits != (None, None):
        age_s = max(now_s - int(info.get("rdb_last_save_time", 0)), 0)
        found.append(limited("rdb_age", age_s, "s", limits, "the last snapshot is %d s old" % age_s))
    return found


def append_only(info):
    if info.get("aof_enabled") != "1":
        return []
    found = []
    status = info.get("aof_last_write_status")
    if status == "ok":
        found.append(Check("aof", WELL, "the append only file is written"))
    else:
        found.append(Check("aof", CRITICAL, "the append only file cannot be written (aof_last_write_status:%s): the disk may be full "
                                            "or broken; writes are refused" % status))
    if info.get("aof_last_bgrewrite_status", "ok") != "ok":
        found.append(Check("aof_rewrite", WARNING, "the last rewrite of the append only file failed (aof_last_bgrewrite_status:%s): "
                                                   "the file grows; its log says why" % info["aof_last_bgrewrite_status"]))
    return found


def percent(part, whole):
    return round(100.0 * part / whole, 2)


def memory(info, limits):
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not most:
        return Check("memory", WELL, "%d bytes of memory are used, maxmemory is not set" % used)
    used_percent = percent(used, most)
    return limited("memory", used_percent, "%", limits, "%d of %d bytes of maxmemory are used (%g %%)" % (used, most, used_percent))


def clients(info, limits):
    here, most = int(info.get("connected_clients", 0)), int(info.get("maxclients", 0))
    if not most:
        return Check("clients", UNKNOWN, "does not say maxclients")
    here_percent = percent(here, most)
    return limited("clients", here_percent, "%", limits, "%d of %d clients are connected" % (here, most))


def replica(info):
    if info.get("role") != "slave":
        return []
    primary = "%s:%s" % (info.get("master_host"), info.get("master_port"))
    if info.get("master_link_status") == "up":
        return [Check("replication", WELL, "follows its primary %s" % primary)]
    return [Check("replication", CRITICAL, "has lost its primary %s for %s s"
                  % (primary, info.get("master_link_down_since_seconds", "?")))]


def cluster(info):
    state = info.get("cluster_state")
    found = [Check("cluster", WELL if state == "ok" else CRITICAL, "cluster_state is %s" % state)]
    assigned, suspect, failed = (int(info.get("cluster_slots_" + word, 0)) for word in ("assigned", "pfail", "fail"))
    if assigned < SLOT_COUNT:
        found.append(Check("slots", CRITICAL, "%d of %d slots have no owner" % (SLOT_COUNT - assigned, SLOT_COUNT), assigned))
    elif failed:
        found.append(Check("slots", CRITICAL, "the owner of %d slots is down" % failed, assigned))
    elif suspect:
        found.append(Check("slots", WARNING, "the owner of %d slots may be down" % suspect, assigned))
    else:
        found.append(Check("slots", WELL, "all slots have an owner that answers", assigned))
    return found
