// Role: comparing what is stored, not what was replied: digests, sizes, types, expiries, encodings,
// statistics.
#include <strings.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "common/hash/crc16.h"
#include "tests/differential/rules.h"
#include "tests/differential/session.h"
#include "tests/differential/values.h"

namespace tessera::differential {

using support::printable;
using support::Value;

namespace {

constexpr int kTested = 0;
constexpr int kOracle = 1;
constexpr int kDatabases = 16;
const char* const kMarkKey = "tessera:differential:mark";

Mismatch state_mismatch(std::string what, std::string ours, std::string theirs) {
  return {"(state)", std::move(what), {}, std::move(ours), std::move(theirs)};
}

bool same_expiry(int64_t a, int64_t b) {
  if (a == b) return true;
  if (a < 0 || b < 0 || is_exact_time(a) || is_exact_time(b)) return false;
  return std::llabs(a - b) <= kTimeToleranceMs;
}

}  // namespace

std::optional<Mismatch> Session::check_state() {
  streams_.clear();
  for (int db = 0; db < kDatabases; ++db) {
    if (std::optional<Mismatch> mismatch = check_database(db)) return mismatch;
  }
  const Value ours = ask_in_db(kTested, 0, {"DEBUG", "DIGEST"});
  const Value theirs = ask_in_db(kOracle, 0, {"DEBUG", "DIGEST"});
  if (ours.text != theirs.text) return state_mismatch("DEBUG DIGEST differs", ours.text, theirs.text);
  if (std::optional<Mismatch> mismatch = check_streams(false)) return mismatch;
  if (std::optional<Mismatch> mismatch = check_effects()) return mismatch;
  return follower_ ? check_streams(true) : std::nullopt;
}

// What a digest does not include: ids, groups, what is pending. Against the oracle, or against the server
// that replays our effects (where consumers' times are its own).
std::optional<Mismatch> Session::check_streams(bool replayed) {
  if (common_.count("xinfo|stream") == 0) return std::nullopt;
  for (const auto& [db, key] : streams_) {
    const std::vector<std::string> question = {"XINFO", "STREAM", key, "FULL", "COUNT", "0"};
    const Value ours = ask_in_db(kTested, db, question);
    const Value theirs = replayed ? follower_->ask_in_db(db, question) : ask_in_db(kOracle, db, question);
    const std::string problem = compare_stream_info(ours, theirs, replayed);
    if (problem.empty()) continue;
    return state_mismatch((replayed ? "replayed effects: " : "") + std::string("XINFO STREAM of ") +
                              printable(key, 80) + ": " + problem,
                          "", "");
  }
  return std::nullopt;
}

std::optional<Mismatch> Session::check_database(int db) {
  const std::string where = "database " + std::to_string(db) + ": ";
  Value sizes[2], lists[2];
  for (int side : {kTested, kOracle}) {
    sizes[side] = ask_in_db(side, db, {"DBSIZE"});
    lists[side] = ask_in_db(side, db, {"KEYS", "*"});
  }
  const std::vector<std::string> keys = sorted_texts(lists[kOracle]);
  const std::string difference = compare_lists(sorted_texts(lists[kTested]), keys);
  if (!difference.empty()) return state_mismatch(where + "KEYS *: " + difference, "", "");
  if (sizes[kTested].integer != sizes[kOracle].integer) {
    return state_mismatch(where + "DBSIZE differs", std::to_string(sizes[kTested].integer),
                          std::to_string(sizes[kOracle].integer));
  }
  std::string questions;
  for (const std::string& key : keys) {
    support::append_command(questions, {"TYPE", key});
    support::append_command(questions, {"PEXPIRETIME", key});
    support::append_command(questions, {"OBJECT", "ENCODING", key});
    const int shard = (hash::key_slot(key) / 16) % options_.shards;
    ++keys_per_shard_[static_cast<size_t>(shard)];
  }
  for (int side : {kTested, kOracle}) {
    const Result<void> sent = control_.side[side].send(questions);
    if (!sent.ok()) return state_mismatch(where + sent.error().message, "", "");
  }
  std::optional<Mismatch> first;
  struct Unequal {
    std::string key;
    Value ours, theirs;
  };
  std::vector<Unequal> unequal_encodings;
  for (const std::string& key : keys) {
    for (const char* what : {"TYPE", "PEXPIRETIME", "OBJECT ENCODING"}) {
      const Result<std::string> ours = control_.side[kTested].read_reply();
      const Result<std::string> theirs = control_.side[kOracle].read_reply();
      if (!ours.ok() || !theirs.ok()) return state_mismatch(where + "the connection broke", "", "");
      if (*ours == "+stream\r\n") streams_.emplace_back(db, key);
      if (*ours == *theirs || first) continue;
      if (what[0] == 'P' &&
          same_expiry(support::parse_value(*ours).integer, support::parse_value(*theirs).integer))
        continue;
      if (what[0] == 'O') {
        unequal_encodings.push_back({key, support::parse_value(*ours), support::parse_value(*theirs)});
        continue;
      }
      first = state_mismatch(where + what + " of " + printable(key, 80) + " differs", *ours, *theirs);
    }
  }
  const Ask ask = [&](int side, const std::vector<std::string>& args) { return ask_in_db(side, db, args); };
  for (const Unequal& each : unequal_encodings) {
    if (first || encodings_agree(each.key, each.ours.text, each.theirs.text, ask)) continue;
    first = state_mismatch(where + "OBJECT ENCODING of " + printable(each.key, 80) + " differs",
                           each.ours.text, each.theirs.text);
  }
  return first;
}

std::optional<Mismatch> Session::check_effects() {
  if (!follower_) return std::nullopt;
  const std::string mark = std::to_string(++mark_);
  for (int side : {kTested, kOracle}) (void)ask_in_db(side, 0, {"SET", kMarkKey, mark});
  const Result<void> arrived = follower_->wait_for(kMarkKey, mark);
  if (!arrived.ok()) return state_mismatch("effects: " + arrived.error().message, "", "");
  const std::string ours = ask_in_db(kTested, 0, {"DEBUG", "DIGEST"}).text;
  const std::string replayed = follower_->digest();
  if (ours == replayed) return std::nullopt;
  return state_mismatch("replayed effects give another DEBUG DIGEST", ours, replayed);
}

namespace {

// cmdstat_get:calls=1,usec=2,usec_per_call=2.00,rejected_calls=0,failed_calls=0 without the times.
std::map<std::string, std::string> statistics(const Value& info) {
  std::map<std::string, std::string> rows;
  const std::string text(info.body());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find("\r\n", begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 2;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string kept;
    for (const char* field : {"calls=", "rejected_calls=", "failed_calls=", "count="}) {
      for (size_t at = line.find(field); at != std::string::npos; at = line.find(field, at + 1)) {
        if (line[at - 1] != ':' && line[at - 1] != ',') continue;
        kept += line.substr(at, line.find(',', at) - at) + " ";
      }
    }
    rows[line.substr(0, colon)] = kept;
  }
  return rows;
}

struct Calls {
  long calls = 0, rejected = 0, failed = 0;
};

// "calls=3 rejected_calls=1 failed_calls=0 "; none of them when there is no such row.
Calls read_calls(const std::map<std::string, std::string>& rows, const std::string& name) {
  Calls calls;
  const auto found = rows.find(name);
  if (found == rows.end()) return calls;
  std::sscanf(found->second.c_str(), "calls=%ld rejected_calls=%ld failed_calls=%ld", &calls.calls,
              &calls.rejected, &calls.failed);
  return calls;
}

}  // namespace

std::optional<Mismatch> Session::check_statistics() {
  std::map<std::string, std::string> rows[2];
  for (int side : {kTested, kOracle}) rows[side] = statistics(ask_in_db(side, 0, {"INFO", "commandstats"}));
  for (const auto& [name, row] : rows[kOracle]) {
    const std::string command = name.substr(std::string("cmdstat_").size());
    if (common_.count(command) == 0) continue;
    Calls calls[2];
    for (int side : {kTested, kOracle}) {
      calls[side] = read_calls(rows[side], name);
      calls[side].calls -= own_calls_[side][command];
    }
    const Calls &ours = calls[kTested], &theirs = calls[kOracle];
    // Where a row of the list explained an error, only the sum has to agree.
    const bool equal =
        unequal_failures_.count(command) != 0
            ? ours.calls + ours.rejected == theirs.calls + theirs.rejected
            : ours.calls == theirs.calls && ours.rejected == theirs.rejected && ours.failed == theirs.failed;
    if (!equal) {
      return state_mismatch("INFO commandstats: " + command + ", without the driver's own calls",
                            rows[kTested][name], rows[kOracle][name]);
    }
  }
  return std::nullopt;
}

}  // namespace tessera::differential
