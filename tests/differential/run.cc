// Role: see run.h.
#include "tests/differential/run.h"

#include <cstdio>
#include <set>

#include "tests/differential/minimize.h"

namespace tessera::differential {
namespace {

using support::printable;
using support::printable_command;

void print_mismatch(const RunOptions& options, uint64_t op_number, const Mismatch& mismatch) {
  std::printf("\nMISMATCH seed=%llu op=%llu shards=%d resp=%d: %s\n",
              static_cast<unsigned long long>(options.seed), static_cast<unsigned long long>(op_number),
              options.session.shards, options.session.resp, mismatch.what.c_str());
  if (!mismatch.args.empty()) std::printf("  request: %s\n", printable_command(mismatch.args).c_str());
  std::printf("  tested:  %s\n  oracle:  %s\n", printable(mismatch.ours).c_str(),
              printable(mismatch.theirs).c_str());
}

void print_stream(const std::vector<Batch>& stream) {
  std::printf("  shrunken stream (%zu batches):\n", stream.size());
  for (const Batch& batch : stream) {
    for (size_t i = 0; i < batch.ops.size(); ++i) {
      const Op& op = batch.ops[i];
      std::printf("    [%d%s] %s\n", batch.connection, i > 0 ? " pipelined" : "",
                  op.raw.empty() ? printable_command(op.args).c_str() : ("raw " + printable(op.raw)).c_str());
    }
  }
}

bool is_state(const Mismatch& mismatch) {
  return mismatch.command == "(state)";
}

// Whether the stream shows a mismatch of the same command (or of the state) from empty databases.
bool shows_again(Session& session, const std::vector<Batch>& stream, const Mismatch& wanted) {
  if (!session.reset().ok()) return false;
  for (const Batch& batch : stream) {
    const std::optional<Mismatch> mismatch = session.run(batch);
    if (mismatch) return mismatch->command == wanted.command;
  }
  if (!is_state(wanted)) return false;
  const std::optional<Mismatch> state = session.check_state();
  return state && state->what.substr(0, 12) == wanted.what.substr(0, 12);
}

void shrink_and_print(const RunOptions& options, const std::vector<Batch>& log, const Mismatch& mismatch) {
  SessionOptions fresh = options.session;
  fresh.effects = options.session.effects && mismatch.what.find("effects") != std::string::npos;
  auto session = Session::start(fresh);
  if (!session.ok()) {
    std::printf("  not shrunken: %s\n", session.error().message.c_str());
    return;
  }
  const std::vector<Batch> shrunken = minimize(log, [&](const std::vector<Batch>& stream) {
    if (!(*session)->tested().running()) {
      auto again = Session::start(fresh);
      if (!again.ok()) return false;
      *session = std::move(*again);
    }
    return shows_again(**session, stream, mismatch);
  });
  if (shrunken.size() > 200) {
    std::printf("  not shrunken: %zu batches needed, or not shown again from empty databases\n",
                shrunken.size());
  } else {
    print_stream(shrunken);
  }
}

// What is the same kind of mismatch: reported once with --keep-going.
std::string signature(const Mismatch& mismatch) {
  const auto kind = [](const std::string& raw) {
    return raw.empty() ? std::string("none") : raw[0] == '-' ? raw.substr(0, 24) : raw.substr(0, 1);
  };
  return mismatch.command + " " + mismatch.what.substr(0, 30) + kind(mismatch.ours) + kind(mismatch.theirs);
}

void print_summary(const RunOptions& options, Session& session, const RunResult& result) {
  std::printf("shards=%d resp=%d seed=%llu: %llu operations, %llu mismatches", options.session.shards,
              options.session.resp, static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(result.ops),
              static_cast<unsigned long long>(result.mismatches));
  std::printf("; %zu commands; keys seen per shard:", session.grammar().commands.size());
  for (uint64_t n : session.keys_per_shard()) std::printf(" %llu", static_cast<unsigned long long>(n));
  for (const auto& [id, count] : session.explained())
    std::printf("; %s %llu", id.c_str(), static_cast<unsigned long long>(count));
  if (session.effect_bytes() > 0)
    std::printf("; effects replayed: %llu bytes", static_cast<unsigned long long>(session.effect_bytes()));
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

RunResult run(const RunOptions& options) {
  RunResult result;
  auto started = Session::start(options.session);
  if (!started.ok()) {
    result.failure = started.error().message;
    return result;
  }
  std::unique_ptr<Session> session = std::move(*started);
  Generator generator(session->grammar(), {options.seed, options.session.connections, options.session.resp,
                                           options.only, options.groups});
  std::vector<Batch> log;  // since the databases were empty
  std::set<std::string> seen;
  uint64_t next_check = options.check_every;

  // Returns whether to go on.
  const auto handle = [&](const Mismatch& mismatch) {
    ++result.mismatches;
    if (!options.keep_going || seen.insert(signature(mismatch)).second) {
      print_mismatch(options, result.ops, mismatch);
      if (options.minimize) shrink_and_print(options, log, mismatch);
      std::fflush(stdout);
    }
    if (!session->tested().running()) {
      std::printf("  the tested server has ended; its last words:\n%s\n",
                  session->tested().log().substr(0, 4000).c_str());
      return false;
    }
    log.clear();
    return options.keep_going && session->reset().ok();
  };

  while (result.ops < options.ops) {
    Batch batch = generator.next_batch();
    if (batch.ops.empty()) continue;
    log.push_back(batch);
    result.ops += batch.ops.size();
    std::optional<Mismatch> mismatch = session->run(batch);
    if (!mismatch && (result.ops >= next_check || result.ops >= options.ops)) {
      next_check = result.ops + options.check_every;
      mismatch = session->check_state();
    }
    if (mismatch && !handle(*mismatch)) break;
  }
  if (result.mismatches == 0) {
    if (const std::optional<Mismatch> mismatch = session->check_statistics()) {
      ++result.mismatches;
      print_mismatch(options, result.ops, *mismatch);
    }
    for (uint64_t n : session->keys_per_shard()) {
      if (n == 0 && options.only.empty()) result.failure = "a shard never held a key";
    }
  }
  print_summary(options, *session, result);
  return result;
}

}  // namespace tessera::differential
