// Role: what "the same answer" means for replies that cannot agree byte by byte: unordered, random, timed, or
// about the process itself. A rule checks that our reply is valid against the oracle's; no command is
// skipped. Thread: one owner. A reply without a rule must be equal byte by byte, and so must every error
// reply.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/resp.h"

namespace tessera::differential {

// Asks one side (0 tested, 1 oracle) something else in the database of the command's connection.
using Ask = std::function<support::Value(int side, const std::vector<std::string>& args)>;

struct RuleInput {
  const std::vector<std::string>& args;
  const support::Value& ours;
  const support::Value& theirs;
  const Ask& ask;
  // Names of the commands both servers have, as COMMAND spells them.
  const std::function<bool(const std::string& full_name)>& common_command;
};

// Empty: valid. Else what is wrong, for the report.
using Check = std::string (*)(const RuleInput&);

struct Rule {
  const char* name;  // "keys" or "client|list"
  Check check;
  bool always;             // also when the bytes are equal (iterations that must be followed)
  bool of_errors = false;  // also of two errors
};

const Rule* find_rule(const std::vector<std::string>& args);

constexpr int64_t kTimeToleranceMs = 5000;

// Shared by the rules' files.
std::string lower(std::string text);
std::vector<std::string> sorted_texts(const support::Value& list);
std::string compare_lists(const std::vector<std::string>& ours, const std::vector<std::string>& theirs);

std::string check_keys(const RuleInput&);
std::string check_scan(const RuleInput&);
std::string check_randomkey(const RuleInput&);
std::string check_ttl_seconds(const RuleInput&);
std::string check_ttl_ms(const RuleInput&);
std::string check_expiretime(const RuleInput&);
std::string check_pexpiretime(const RuleInput&);
std::string check_time(const RuleInput&);

// encodings.cc
// The oracle's answer; the tested server is asked as well, so that a key's idle time stays the same.
support::Value ask_both(const Ask& ask, const std::vector<std::string>& args);
bool encodings_agree(const std::string& key, const std::string& ours, const std::string& theirs,
                     const Ask& ask);
std::string check_encoding(const RuleInput&);

// rules_set.cc
std::string check_dump(const RuleInput&);  // rules_dump.cc
// rules_script.cc
std::string check_function_list(const RuleInput&);
std::string check_name_is_taken(const RuleInput&);
std::string check_function_dump(const RuleInput&);
std::string check_unordered(const RuleInput&);
std::string check_spop(const RuleInput&);
std::string check_srandmember(const RuleInput&);
std::string check_sscan(const RuleInput&);
// rules_zset.cc
std::string check_zscan(const RuleInput&);
std::string check_zrandmember(const RuleInput&);
std::string check_places(const RuleInput&);

// rules_sort.cc
std::string check_sort(const RuleInput&);

// rules_hash.cc
std::string check_hgetall(const RuleInput&);
std::string check_hscan(const RuleInput&);
std::string check_hrandfield(const RuleInput&);
// rules_stream.cc
std::string check_stream_info(const RuleInput&);
std::string check_stream_pending(const RuleInput&);
// Two replies of XINFO; `ignore_seen`: whatever consumers' times say.
std::string compare_stream_info(const support::Value& ours, const support::Value& theirs, bool ignore_seen);

// rules_admin.cc
std::string check_info(const RuleInput&);
std::string check_client_list(const RuleInput&);
std::string check_positive_integer(const RuleInput&);
std::string check_idletime(const RuleInput&);
std::string check_lastsave(const RuleInput&);
std::string check_config_get(const RuleInput&);
std::string check_command_list(const RuleInput&);
std::string check_command_rows(const RuleInput&);
std::string check_command_docs(const RuleInput&);
std::string check_hello(const RuleInput&);
std::string check_help(const RuleInput&);
std::string check_text(const RuleInput&);
std::string check_memory_usage(const RuleInput&);
std::string check_memory_stats(const RuleInput&);
std::string check_debug(const RuleInput&);

}  // namespace tessera::differential
