// Role: see session.h.
#include "tests/differential/session.h"

#include <strings.h>

#include <algorithm>

#include "tests/differential/differences.h"
#include "tests/differential/rules.h"

namespace tessera::differential {

using support::RespConnection;
using support::ServerProcess;
using support::Value;

namespace {

constexpr int kTested = 0;
constexpr int kOracle = 1;

bool is(const std::string& text, const char* word) {
  return strcasecmp(text.c_str(), word) == 0;
}

std::string name_of(const Op& op) {
  if (op.args.empty()) return "";
  const std::string name = lower(op.args[0]);
  static const std::set<std::string> kParents = {"client", "config", "object",  "memory", "command",
                                                 "acl",    "debug",  "cluster", "script", "function"};
  return op.args.size() > 1 && kParents.count(name) != 0 ? name + "|" + lower(op.args[1]) : name;
}

constexpr std::string_view kQueued = "+QUEUED\r\n";

bool same(const Value& a, const Value& b) {
  if (a.type != b.type || a.is_null != b.is_null || a.integer != b.integer || a.text != b.text) return false;
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same);
}

Mismatch make_mismatch(const Op& op, std::string what, std::string ours, std::string theirs) {
  return {name_of(op), std::move(what), op.raw.empty() ? op.args : std::vector<std::string>{op.raw},
          std::move(ours), std::move(theirs)};
}

}  // namespace

Result<std::unique_ptr<Session>> Session::start(const SessionOptions& options) {
  std::unique_ptr<Session> session(new Session);
  session->options_ = options;
  for (int side : {kTested, kOracle}) {
    const std::string& binary = side == kTested ? options.tested : options.oracle;
    support::ServerOptions server{binary, {"--enable-debug-command", "yes"}, 20000};
    if (!support::is_redis(binary)) {
      server.args.insert(server.args.end(), {"--shards", std::to_string(options.shards)});
    }
    const std::vector<std::string>& more = side == kTested ? options.tested_args : options.oracle_args;
    server.args.insert(server.args.end(), more.begin(), more.end());
    auto started = ServerProcess::start(server);
    if (!started.ok()) return started.error();
    session->servers_[side] = std::move(*started);
  }
  if (options.effects) {
    auto follower = EffectsFollower::start(options.tested, options.shards == 1 ? 3 : 2,
                                           session->servers_[kTested]->port(), options.tested_args);
    if (!follower.ok()) return follower.error();
    session->follower_ = std::move(*follower);
  }
  Link& control = session->control_;
  for (int side : {kTested, kOracle}) {
    const Result<void> connected = control.side[side].connect(session->servers_[side]->port());
    if (!connected.ok()) return connected.error();
  }
  Result<Grammar> grammar = load_grammar(control.side[kTested], control.side[kOracle]);
  if (!grammar.ok()) return grammar.error();
  session->grammar_ = std::move(*grammar);
  for (const CommandSpec& spec : session->grammar_.commands) session->common_.insert(spec.full_name());
  if (!options.long_work.empty()) {
    (void)control.side[kTested].ask({"DEBUG", "LONG-WORK", options.long_work});
  }
  for (int side : {kTested, kOracle}) {
    (void)control.side[side].ask({"CLIENT", "SETNAME", "differential-control"});
    (void)control.side[side].ask({"CONFIG", "RESETSTAT"});
  }
  session->keys_per_shard_.assign(static_cast<size_t>(options.shards), 0);
  for (int i = 0; i < options.connections; ++i) {
    session->links_.push_back(std::make_unique<Link>());
    const Result<void> opened = session->open(*session->links_.back());
    if (!opened.ok()) return opened.error();
  }
  return session;
}

Result<void> Session::open(Link& link) {
  for (int side : {kTested, kOracle}) {
    const Result<void> connected = link.side[side].connect(servers_[side]->port());
    if (!connected.ok()) return connected;
  }
  link.db = 0;
  link.proto = 2;
  link.reply_off = link.skip_next = false;
  link.queued.clear();
  link.in_multi = false;
  return {};
}

Result<void> Session::reset() {
  for (int side : {kTested, kOracle}) {
    (void)control_.side[side].ask({"FLUSHALL"});
    for (const char* parent : {"script", "function"}) {
      if (common_.count(std::string(parent) + "|flush") != 0)
        (void)control_.side[side].ask({parent, "FLUSH"});
    }
  }
  for (auto& link : links_) {
    const Result<void> opened = open(*link);
    if (!opened.ok()) return opened;
  }
  return {};
}

// Follows CLIENT REPLY, so that nobody waits for a reply that is not meant to come.
bool Session::expects_reply(Link& link, const Op& op) {
  const bool skipped = link.skip_next;
  link.skip_next = false;
  if (op.args.size() == 3 && is(op.args[0], "client") && is(op.args[1], "reply")) {
    if (is(op.args[2], "on")) {
      link.reply_off = false;
      return true;
    }
    if (is(op.args[2], "off")) {
      link.reply_off = true;
      return false;
    }
    if (is(op.args[2], "skip")) {
      link.skip_next = !link.reply_off;
      return false;
    }
  }
  return !link.reply_off && !skipped;
}

std::optional<Mismatch> Session::run(const Batch& batch) {
  Link& link = *links_[static_cast<size_t>(batch.connection)];
  const auto lost = [&](const std::string& what) {
    (void)open(link);
    return make_mismatch(batch.ops[0], what, "", "");
  };
  if (link.proto != options_.resp && !link.reply_off && !link.in_multi) {
    for (RespConnection& side : link.side) {
      if (side.ask({"HELLO", std::to_string(options_.resp)}).is_error()) return lost("HELLO failed");
    }
    link.proto = options_.resp;
  }
  if (!batch.ops[0].args.empty() &&
      (is(batch.ops[0].args[0], "sort") || is(batch.ops[0].args[0], "sort_ro"))) {
    // redis-server's SORT fails when a number of an earlier command was out of range: errno is as that left
    // it. Reading a number that is not clears it. Both are asked, so that their statistics stay equal.
    for (int side : {kOracle, kTested}) {
      (void)ask_in_db(side, link.db, {"GEOSEARCH", "errno", "FROMLONLAT", "0", "0", "BYRADIUS", "1", "m"});
    }
  }
  std::string bytes;
  for (const Op& op : batch.ops) {
    if (op.raw.empty()) {
      support::append_command(bytes, op.args);
    } else {
      bytes += op.raw;
    }
  }
  for (int side : {kOracle, kTested}) {
    const Result<void> sent = link.side[side].send(bytes);
    if (!sent.ok())
      return lost(std::string(side == kTested ? "tested: " : "oracle: ") + sent.error().message);
  }
  // All replies first, then the judgement: a rule asks the servers and changes them, while a command that waits
  // may still stand before the rest of the pipeline on one of them.
  std::vector<std::pair<const Op*, Replies>> read;
  std::optional<Mismatch> mismatch;
  bool closed = false;
  for (const Op& op : batch.ops) {
    if (op.closes) {
      mismatch = read_closing(link, op);
      closed = true;
      break;
    }
    if (!expects_reply(link, op)) continue;
    Replies replies;
    mismatch = read_both(link, op, replies);
    if (mismatch) break;
    read.emplace_back(&op, std::move(replies));
  }
  for (const auto& [op, replies] : read) {
    std::optional<Mismatch> earlier = compare(link, *op, replies.side[kTested], replies.side[kOracle]);
    if (earlier) {
      mismatch = std::move(earlier);
      break;
    }
    if (op->newer) forget_newer(link, *op);
  }
  if (closed || mismatch) {
    const Result<void> opened = open(link);
    if (!opened.ok() && !mismatch) return lost(opened.error().message);
    if (mismatch) return mismatch;
  }
  if (follower_) {
    const Result<void> pumped = follower_->pump();
    if (!pumped.ok()) return lost(pumped.error().message);
  }
  return std::nullopt;
}

std::optional<Mismatch> Session::read_both(Link& link, const Op& op, Replies& replies) {
  Result<std::string> theirs = link.side[kOracle].read_reply();
  Result<std::string> ours = link.side[kTested].read_reply();
  if (!ours.ok() || !theirs.ok()) {
    return make_mismatch(op,
                         std::string("connection: ") +
                             (ours.ok() ? "oracle: " + theirs.error().message : ours.error().message),
                         ours.ok() ? *ours : "", theirs.ok() ? *theirs : "");
  }
  replies.side[kOracle] = std::move(*theirs);
  replies.side[kTested] = std::move(*ours);
  return std::nullopt;
}

std::optional<Mismatch> Session::read_closing(Link& link, const Op& op) {
  const Result<std::string> theirs = link.side[kOracle].read_to_end();
  const Result<std::string> ours = link.side[kTested].read_to_end();
  if (!theirs.ok()) return make_mismatch(op, "oracle: " + theirs.error().message, "", "");
  if (!ours.ok()) return make_mismatch(op, ours.error().message, "", *theirs);
  if (*ours == *theirs) return std::nullopt;
  return make_mismatch(op, "bytes before the close differ", *ours, *theirs);
}

std::optional<Mismatch> Session::compare(Link& link, const Op& op, const std::string& ours_raw,
                                         const std::string& theirs_raw) {
  const bool equal = ours_raw == theirs_raw;
  if (equal && ours_raw == kQueued) {
    link.queued.push_back(op);
    return std::nullopt;
  }
  const std::string first = op.args.empty() ? "" : lower(op.args[0]);
  if (first == "multi" && ours_raw[0] == '+') link.in_multi = true;
  if (first == "exec" || (first == "discard" && ours_raw[0] == '+') || first == "reset")
    link.in_multi = false;
  if (first == "exec") return compare_exec(link, op, ours_raw, theirs_raw);
  if (!link.in_multi) link.queued.clear();
  const Value ours = support::parse_value(ours_raw);
  const std::string problem = compare_values(link, op, ours, support::parse_value(theirs_raw), equal);
  if (problem.empty()) return std::nullopt;
  return make_mismatch(op, problem, ours_raw, theirs_raw);
}

std::string Session::compare_values(Link& link, const Op& op, const Value& ours, const Value& theirs,
                                    bool equal) {
  const Rule* rule = op.raw.empty() ? find_rule(op.args) : nullptr;
  note_effects_on_link(link, op, ours);
  if (equal && (rule == nullptr || !rule->always || ours.is_error())) return "";
  std::string problem = "replies differ";
  if (rule != nullptr && (rule->of_errors || (!ours.is_error() && !theirs.is_error()))) {
    const Ask ask = [&](int side, const std::vector<std::string>& args) {
      return ask_in_db(side, link.db, args);
    };
    const std::function<bool(const std::string&)> common = [&](const std::string& name) {
      return common_.count(name) != 0;
    };
    problem = rule->check({op.args, ours, theirs, ask, common});
    if (problem.empty()) return "";
  }
  if (const Difference* row = explain({op.args, ours, theirs, problem})) {
    ++explained_[row->id];
    if (ours.is_error() || theirs.is_error()) unequal_failures_.insert({name_of(op), lower(op.args[0])});
    return "";
  }
  return problem;
}

// Each reply in EXEC's by the rule of its command.
std::optional<Mismatch> Session::compare_exec(Link& link, const Op& op, const std::string& ours_raw,
                                              const std::string& theirs_raw) {
  std::vector<Op> queued;
  queued.swap(link.queued);
  const Value ours = support::parse_value(ours_raw), theirs = support::parse_value(theirs_raw);
  const bool ran = ours.is_array() && theirs.is_array();
  if (!ran) {
    if (ours_raw == theirs_raw) return std::nullopt;
    return make_mismatch(op, "replies differ", ours_raw, theirs_raw);
  }
  if (ours.items.size() != theirs.items.size() || ours.items.size() != queued.size())
    return make_mismatch(op, "the numbers of replies differ", ours_raw, theirs_raw);
  for (size_t i = 0; i < queued.size(); ++i) {
    const bool equal = same(ours.items[i], theirs.items[i]);
    const std::string problem = compare_values(link, queued[i], ours.items[i], theirs.items[i], equal);
    if (problem.empty()) continue;
    return make_mismatch(queued[i], "in a transaction, command " + std::to_string(i + 1) + ": " + problem,
                         ours_raw, theirs_raw);
  }
  return std::nullopt;
}

void Session::note_effects_on_link(Link& link, const Op& op, const Value& ours) {
  if (op.args.empty() || ours.is_error()) return;
  if (is(op.args[0], "select") && op.args.size() == 2) link.db = std::atoi(op.args[1].c_str());
  if (is(op.args[0], "hello") && op.args.size() > 1) link.proto = std::atoi(op.args[1].c_str());
  if (is(op.args[0], "reset")) {
    link.db = 0;
    link.proto = 2;
  }
}

// What only one server understood may have changed only one: its keys go from both. They are set first, so that
// on both sides who watches one sees a change: DEL of a key that was made on one side only would be none on the
// other.
void Session::forget_newer(Link& link, const Op& op) {
  std::vector<std::string> set = {"MSET"}, del = {"DEL"};
  for (size_t i = 1; i < op.args.size(); ++i) {
    set.insert(set.end(), {op.args[i], ""});
    del.push_back(op.args[i]);
  }
  if (del.size() == 1) return;
  for (int side : {kTested, kOracle}) {
    (void)ask_in_db(side, link.db, set);
    (void)ask_in_db(side, link.db, del);
  }
}

// As INFO commandstats calls it: of a command with subcommands these are what is counted.
std::string Session::counted_name(const std::vector<std::string>& args) const {
  const std::string name = lower(args[0]);
  if (args.size() < 2) return name;
  const std::string full = name + "|" + lower(args[1]);
  return common_.count(full) != 0 ? full : name;
}

Value Session::ask_in_db(int side, int db, const std::vector<std::string>& args) {
  if (control_db_[side] != db) {
    (void)control_.side[side].ask({"SELECT", std::to_string(db)});
    control_db_[side] = db;
    ++own_calls_[side]["select"];
  }
  ++own_calls_[side][counted_name(args)];
  return control_.side[side].ask(args);
}

uint64_t Session::explained_count(const std::string& id) const {
  const auto found = explained_.find(id);
  return found == explained_.end() ? 0 : found->second;
}

}  // namespace tessera::differential
