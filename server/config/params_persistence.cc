// Role: the parameters of snapshots and the append only file: one row each. Bounds and defaults are those of
// redis-server 7.0.15, of Valkey 9.1 where only that has the parameter. Thread: constants.
#include "server/config/params.h"
#include "server/config/specials.h"
#include "server/registry/parameter_row.h"

namespace tessera::config {

namespace {

using namespace registry;

constexpr EnumName kSanitizeDumpPayloadNames[] = {{"no", 0}, {"yes", 1}, {"clients", 2}};
constexpr EnumName kAppendfsyncNames[] = {{"everysec", 0}, {"always", 1}, {"no", 2}};
constexpr EnumName kRdbVersionChecks[] = {{"strict", 0}, {"relaxed", 1}};

constexpr ParameterRow kRows[] = {
    special("save", "3600 1 300 100 60 10000", &kSaveHooks)
        .flags(kMulti)
        .about("Snapshot after this many seconds if at least so many changes were made; several pairs; \"\" "
               "for none."),
    string("dbfilename", "dump.rdb")
        .hooks(&kDbFilenameHooks)
        .flags(kProtectedParam)
        .about("Name of the snapshot file, in dir."),
    yes_no("rdbcompression", true).about("Compress strings in snapshots."),
    yes_no("rdbchecksum", true).flags(kImmutable).about("End snapshots with a checksum, and verify it."),
    yes_no("rdb-del-sync-files", false)
        .flags(kNoEffectYet)
        .about("Remove snapshot files that were made for replication only."),
    yes_no("rdb-save-incremental-fsync", true).about("Sync snapshot files while they are written."),
    choice("rdb-version-check", "strict", kRdbVersionChecks)
        .flags(kValkeyOnly)
        .about("Refuse snapshots, and values of RESTORE, of versions that are not known (\"strict\"), or try "
               "(\"relaxed\")."),
    integer("rdb-key-save-delay", "0", -kMaxInt - 1, kMaxInt)
        .flags(kHidden)
        .about("Microseconds to wait for each key of a snapshot; for tests."),
    memory("cut-kept-limit", "67108864", 1, kMaxLong)
        .flags(kTesseraOnly | kHidden)
        .about("Bytes that a snapshot may keep in memory beyond the data of its moment, or 5% of that; for "
               "tests."),
    integer("key-load-delay", "0", -kMaxInt - 1, kMaxInt)
        .flags(kHidden)
        .about("Microseconds to wait for each key of a snapshot, or command of a log, that is loaded; for "
               "tests."),
    integer("loading-process-events-interval-bytes", "2097152", 1024, kMaxInt)
        .flags(kCompatOnly | kHidden)
        .about("Bytes loaded between two looks at clients; here other threads serve them meanwhile."),
    choice("sanitize-dump-payload", "no", kSanitizeDumpPayloadNames)
        .flags(kCompatOnly)
        .about("Check values of RESTORE and replication in depth; here they always are."),
    yes_no("stop-writes-on-bgsave-error", true).about("Refuse writes after a snapshot failed."),
    yes_no("appendonly", false).about("Log every change to the append only file."),
    string("appendfilename", "appendonly.aof")
        .hooks(&kAppendFilenameHooks)
        .flags(kImmutable)
        .about("Name of the append only files, in appenddirname."),
    string("appenddirname", "appendonlydir")
        .hooks(&kAppendDirnameHooks)
        .flags(kImmutable)
        .about("Directory of the append only files, in dir."),
    choice("appendfsync", "everysec", kAppendfsyncNames)
        .about("When the append only file is synced: always, everysec, no."),
    yes_no("no-appendfsync-on-rewrite", false).about("Do not sync while a rewrite or snapshot runs."),
    integer("auto-aof-rewrite-percentage", "100", 0, kMaxInt)
        .about("Rewrite when the file has grown by this percentage; 0 for never."),
    memory("auto-aof-rewrite-min-size", "67108864", 0, kMaxLong)
        .about("Do not rewrite files smaller than this."),
    yes_no("aof-load-truncated", true).about("Load a file whose end is missing."),
    yes_no("aof-use-rdb-preamble", true).about("Base files are in snapshot format."),
    yes_no("aof-timestamp-enabled", false).about("Write times into the append only file."),
    yes_no("aof-rewrite-incremental-fsync", true).about("Sync base files while they are written."),
    yes_no("aof-disable-auto-gc", false).about("Keep append only files that are no longer needed."),
};

}  // namespace

std::span<const ParameterRow> persistence_parameters() {
  return kRows;
}

}  // namespace tessera::config
