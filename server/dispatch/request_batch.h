// Role: commands of one tick for one shard, from any of the sender's connections, and the same object's way
// home with the replies. Thread: built at home, run at the target, delivered at home; then reused, so that a
// steady load allocates nothing. Invariants: a group is a run of commands of one connection in its order; a
// command's reply is `reply_size` bytes of `replies`, in order. Arguments up to kCopyBytes are copied into
// one block, larger ones travel as counted buffers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/resp/out.h"
#include "server/dispatch/command.h"
#include "server/dispatch/envelope.h"

namespace tessera::dispatch {

class RequestBatch : public Envelope {
 public:
  static constexpr size_t kCopyBytes = 1024;

  struct Arg {
    uint32_t offset;  // in bytes_; or index into bigs_
    uint32_t size;
    bool big;
  };
  struct Command {
    const registry::CommandRow* row;
    uint32_t arg_first, arg_count;
    uint64_t key_hash;
    uint32_t key_hint;  // Key::hint, of use where it was made
    uint16_t key_slot;
    uint16_t key_arg;  // 0: no key
    bool wrote;        // it is a write and has run: its reply acknowledges that
    size_t reply_size;
  };
  struct Group {
    ClientRef client;
    uint32_t group_id;
    uint32_t command_first, command_count;
    uint32_t first_in_group = 0;  // index of command_first within the connection's group (after a hold)
    SessionBits bits;
    // In strict pipeline order: what comes after this group, for another shard. Posted when the group is
    // done.
    std::unique_ptr<RequestBatch> then;
    int then_target = -1;
  };

  RequestBatch(int home, int target) : home_(home), target_(target), replies_(pool_) {}

  void begin_group(ClientRef client, uint32_t group_id, const SessionBits& bits);
  // Adds to the last group.
  void add(const CommandView& command);
  bool last_group_is(ClientRef client, uint32_t group_id) const {
    return !groups_.empty() && groups_.back().group_id == group_id && groups_.back().client == client;
  }
  Group& last_group() { return groups_.back(); }
  const Group& first_group() const { return groups_.front(); }

  int home() const { return home_; }
  int target() const { return target_; }
  bool empty() const { return groups_.empty(); }
  // What the sender's credit is charged with.
  size_t charged_bytes() const { return bytes_.size() + big_bytes_ + commands_.size() * sizeof(Command); }

  std::vector<Group>& groups() { return groups_; }
  std::vector<Command>& commands() { return commands_; }
  const std::vector<Command>& commands() const { return commands_; }
  resp::OutChain& replies() { return replies_; }
  // Of a connection's run: the shard of each command.
  std::vector<uint16_t>& targets() { return targets_; }
  // Arguments of a command as views; `views` and `owners` are scratch of the caller, cleared here.
  CommandView view(const Command& command, std::vector<std::string_view>& views,
                   std::vector<SharedBytes>& owners) const;

  void reset(int home, int target);
  void arrive(Engine& engine) override;
  bool arrive_at_busy(Engine& engine) override;
  // Answers every command of the group so, and counts it as refused. REQUIRES: none of them has a reply.
  void refuse_group(Engine& engine, const Group& group, std::string_view busy_error);
  bool returning = false;
  bool target_of_chain = false;  // comes behind another shard's commands
  size_t charged = 0;            // of the sender's credit for the target; given back when it returns

 private:
  int home_;
  int target_;
  std::string bytes_;
  std::vector<SharedBytes> bigs_;
  size_t big_bytes_ = 0;
  std::vector<Arg> args_;
  std::vector<Command> commands_;
  std::vector<Group> groups_;
  std::vector<uint16_t> targets_;
  resp::ChunkPool pool_;
  resp::OutChain replies_;
};

}  // namespace tessera::dispatch
