// Role: the stream of commands. Thread: one owner.
// Invariant: the stream depends on seed, options and grammar alone, never on replies or time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/differential/grammar.h"
#include "tests/differential/values.h"

namespace tessera::differential {

struct Op {
  std::vector<std::string> args;
  std::string
      raw;  // not empty: these bytes are sent instead (inline or broken protocol); args are then for reports
  bool closes = false;  // the server closes the connection after its reply
  bool alone =
      false;  // never in a pipeline: its rule asks further questions, or states may differ afterwards
  bool newer = false;  // uses something the oracle does not know; a row of differences.h must explain it
};

// A command for a script to call.
struct InnerOp {
  std::vector<std::string> args;
  int first_key = 0;  // position, 0: none
};

// Commands of one connection that are sent in one write; the replies are read together.
struct Batch {
  int connection = 0;
  std::vector<Op> ops;
};

struct GeneratorOptions {
  uint64_t seed = 1;
  int connections = 3;
  int resp = 2;
  std::vector<std::string> only;    // full names or parents; empty: everything
  std::vector<std::string> groups;  // of COMMAND DOCS; empty: all
};

class Generator {
 public:
  Generator(const Grammar& grammar, const GeneratorOptions& options);

  Batch next_batch();

  // For special.cc.
  Values& values() { return values_; }
  const Grammar& grammar() const { return grammar_; }
  Op from_grammar(const CommandSpec& spec);
  // One whose reply is the same on both servers to the byte; whatever commands the run was asked for.
  InnerOp inner_op();
  // The latest scripts that were sent, so that they are met again by their SHA.
  std::vector<std::string>& scripts() { return scripts_; }

 private:
  using Make = Op (*)(Generator&, const CommandSpec&);
  struct Choice {
    const CommandSpec* spec;
    Make make;  // nullptr: from the grammar
    uint32_t weight;
    bool mutate;
  };
  friend struct SpecialTable;

  Op next_op();
  Op ordinary_op();  // one that leaves the connection as it is
  Op odd_op();       // unknown commands, empty ones, raw bytes
  Batch reply_off_batch();
  // transactions.cc: what a connection sends depends on whether it has begun a transaction.
  Op op_for(int connection);
  Op transaction_op(int connection);
  Op queued_op();
  void emit(const Arg& arg, std::vector<std::string>& out, bool& newer, int depth);
  void emit_leaf(const Arg& arg, std::vector<std::string>& out);
  std::string a_key();  // that suits the command
  void option_soup(const CommandSpec& spec, std::vector<std::string>& out, bool& newer);
  void mutate(std::vector<std::string>& args);

  const Grammar& grammar_;
  GeneratorOptions options_;
  Values values_;
  Choice make_choice(const CommandSpec& spec) const;
  Op make(const Choice& choice);

  std::vector<Choice> choices_;
  std::vector<Choice> inner_choices_;  // for scripts
  std::vector<std::string> scripts_;
  std::string group_;                    // of the command that is made
  std::vector<std::string> key_groups_;  // types whose commands are sent
  uint64_t total_weight_ = 0;
  bool sends_transactions_ = false;
  std::vector<int> in_multi_;         // by connection: commands sent since MULTI; -1: none
  std::vector<std::string> watched_;  // lately, so that somebody changes them
};

// Commands made by hand, where the grammar alone would be dull or would harm the run. special.cc.
struct Special {
  const char* full_name;
  Op (*make)(Generator&, const CommandSpec&);
  uint32_t weight;  // 0: use the default
  bool mutate;      // arguments may be dropped, doubled and garbled
};
const std::vector<Special>& special_commands();
const std::vector<Special>& hash_special_commands();  // special_hash.cc

// Whether the command may stand between MULTI and EXEC: its reply is compared inside EXEC's, where nothing
// can be asked about the moment. transactions.cc.
bool fits_transaction(const Op& op);

// Whether a script may call it and show the reply: it is no matter of time, of chance or of an order.
// special_script.cc.
bool suits_scripts(const CommandSpec& spec);

// Commands that are not sent, with the reason. special.cc.
const char* not_sent_reason(const std::string& full_name);

}  // namespace tessera::differential
