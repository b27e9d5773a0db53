// Role: the modes of the command line besides running commands. Each is a function that connects, does its
// work and returns the exit code of the process. Thread: one. A new mode is one file, one line here and one
// in main.cc.
#pragma once

#include <string>
#include <vector>

#include "common/io/env.h"
#include "tools/cli/options.h"
#include "tools/cli/session.h"

namespace tessera::cli {

int run_scan(Session& session, const Options& options);
int run_pipe(Session& session, const Options& options);
int run_stat(Session& session, const Options& options);
int run_latency(Session& session, const Options& options);
int run_latency_dist(Session& session, const Options& options);
int run_intrinsic_latency(const Options& options);
int run_big_keys(Session& session, const Options& options);  // --bigkeys and --memkeys
int run_hot_keys(Session& session, const Options& options);
int run_lru_test(Session& session, const Options& options);
int run_replica(Session& session, const Options& options);
int run_rdb(Session& session, const Options& options);  // --rdb and --functions-rdb
int run_cluster(Session& session, const Options& options);

// Sends SYNC on this connection, skips the snapshot and prints the commands that follow, until the connection
// ends. False: the server refused, told.
bool follow_as_replica(Session& session);

// Connects or exits the process with 1.
void connect_or_exit(Session& session);
// Sleeps for -i.
void pause(const Options& options);
// Walks the keyspace: calls `page` with the keys of each SCAN reply; `options` say pattern, type and count.
// Exits the process with 1 on an error reply.
template <typename Page>
void scan_keys(Session& session, const Options& options, Page page);

}  // namespace tessera::cli

#include "tools/cli/modes/scan_keys.h"
