// Role: a client whose operations are numbered: what it sent, what was answered, and whether what a node
// holds later is what it held after some of them. Thread: the simulator's.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/io/env.h"
#include "common/resp/client.h"

namespace tessera::sim {

// Values of more than one piece (store/cut.h), which are saved piece by piece while they change.
enum class Big : int { kHash, kSet, kZset, kList, kStream, kGroup };
constexpr int kBigKinds = 6;

class Writer {
 public:
  // `only`: of the values of several pieces, one kind.
  Writer(int number, uint64_t seed, std::optional<Big> only = std::nullopt);

  // ---- a life
  bool connect(io::Env& env, const std::string& ip, int life);
  void disconnect() { client_.reset(); }
  void send_some(MonoTime now);
  // Takes the answers that are there; false: the connection is gone.
  bool take_answers(io::Env& env);

  // ---- the next start
  // Reads what is there. Empty: it is what some of the operations, in order, have made, with all that were
  // answered in front of the last of them and none that was refused.
  std::string read_back(resp::Client& client);
  // What was acknowledged and is not there: when the first and the last of it were (0: nothing).
  struct Lost {
    int count = 0;
    MonoTime first, last;
  };
  Lost lost() const;
  // Of what is there: when the last was sent.
  MonoTime last_found_sent() const;
  // Answered before `sent`, and not there.
  int missing_before(MonoTime sent) const;
  // What is there is how it is from now on.
  void settle();

  int acknowledged() const;
  int operations() const { return static_cast<int>(operations_.size()); }

 private:
  enum class Answer { kUnknown, kDone, kRefused };
  struct Operation {
    int64_t id;
    std::vector<std::vector<std::string>> commands;  // without MULTI and EXEC
    MonoTime sent, answered;
    Answer answer = Answer::kUnknown;
    bool found = false;
  };
  struct State {
    std::map<std::string, std::string> strings;
    std::map<std::string, std::vector<std::string>> lists;
    // Hashes, and as such: members of sets, scores, entries of streams, and "<stream>/g": what is pending.
    std::map<std::string, std::map<std::string, std::string>> hashes;
    std::map<std::string, uint64_t> delivered;  // of a stream's group: the last one
  };

  std::string key(const char* kind, uint64_t i) const;
  std::vector<std::vector<std::string>> draw(int64_t id);
  Big any_big();
  void build(Big kind, std::vector<std::vector<std::string>>& commands);
  void change(Big kind, const std::string& word, std::vector<std::vector<std::string>>& commands);
  static void apply_to_stream(const std::vector<std::string>& words, State& state);
  static void apply(const std::vector<std::string>& words, State& state);
  std::string read_state(resp::Client& client, State& state) const;

  const int number_;
  const std::optional<Big> only_;
  Random random_;
  int life_ = 0;
  int64_t last_id_ = 0;
  std::vector<Operation> operations_;  // since the last start, behind what was there then
  State before_;                       // at the last start
  std::vector<std::string> log_before_;
  size_t unanswered_ = 0;  // the first of operations_ that waits
  int replies_left_ = 0;   // of it
  std::unique_ptr<resp::Client> client_;
};

}  // namespace tessera::sim
