// Role: the parameters of commands, users and statistics: one row each. Bounds and defaults are those of
// redis-server 7.0.15, of Valkey 9.1 where only that has the parameter. Thread: constants.
#include "server/config/params.h"
#include "server/config/specials.h"
#include "server/registry/parameter_row.h"

namespace tessera::config {

namespace {

using namespace registry;

constexpr EnumName kAclPubsubDefaultNames[] = {{"allchannels", 0}, {"resetchannels", 1}};

constexpr ParameterRow kRows[] = {
    integer("busy-reply-threshold", "5000", 0, kMaxLong)
        .alias("lua-time-limit")
        .about("Milliseconds after which a script or function lets others be told BUSY."),
    yes_no("lua-enable-deprecated-api", false)
        .flags(kHidden | kImmutable)
        .about("Scripts have getfenv, setfenv and newproxy, by which they can change what others find."),
    string("aclfile", "").flags(kImmutable).about("File that holds the users, instead of `user` lines here."),
    integer("acllog-max-len", "128", 0, kMaxLong).about("Entries of ACL LOG."),
    choice("acl-pubsub-default", "resetchannels", kAclPubsubDefaultNames)
        .about("Channels a new user may use."),
    special("notify-keyspace-events", "", &kNotifyEventsHooks)
        .about("Letters of the events published: K E g $ l s h z x e t d n m A; \"\" for none."),
    integer("latency-monitor-threshold", "0", 0, kMaxLong)
        .about("Milliseconds from which LATENCY records an event; 0 for none."),
    yes_no("latency-tracking", true).about("Keep a histogram of latencies for each command."),
    special("latency-tracking-info-percentiles", "50 99 99.9", &kPercentilesHooks)
        .flags(kMulti)
        .about("Percentiles of it in INFO latencystats."),
    integer("slowlog-log-slower-than", "10000", -1, kMaxLong)
        .alias("commandlog-execution-slower-than")
        .about("Microseconds from which a command is in the slow log; 0 is every command, -1 none."),
    integer("slowlog-max-len", "128", 0, kMaxLong)
        .alias("commandlog-slow-execution-max-len")
        .about("Entries of the slow log."),
    integer("commandlog-request-larger-than", "1048576", -1, kMaxLong)
        .flags(kValkeyOnly)
        .about("Bytes from which a request is in the log of large requests; -1 for none."),
    integer("commandlog-large-request-max-len", "128", 0, kMaxLong)
        .flags(kValkeyOnly)
        .about("Entries of the log of large requests."),
    integer("commandlog-reply-larger-than", "1048576", -1, kMaxLong)
        .flags(kValkeyOnly)
        .about("Bytes from which a reply is in the log of large replies; -1 for none."),
    integer("commandlog-large-reply-max-len", "128", 0, kMaxLong)
        .flags(kValkeyOnly)
        .about("Entries of the log of large replies."),
};

}  // namespace

std::span<const ParameterRow> commands_parameters() {
  return kRows;
}

}  // namespace tessera::config
