// Role: encoding of commands into a batch. See request_batch.h.
#include "server/dispatch/request_batch.h"

namespace tessera::dispatch {

void RequestBatch::begin_group(ClientRef client, uint32_t group_id, const SessionBits& bits) {
  Group group;
  group.client = client;
  group.group_id = group_id;
  group.command_first = static_cast<uint32_t>(commands_.size());
  group.command_count = 0;
  group.bits = bits;
  groups_.push_back(std::move(group));
}

void RequestBatch::add(const CommandView& command) {
  Command out{};
  out.row = command.row;
  out.arg_first = static_cast<uint32_t>(args_.size());
  out.arg_count = static_cast<uint32_t>(command.args.size());
  out.key_hash = command.key.hash;
  out.key_slot = command.key.slot;
  out.key_hint = command.key.hint;
  for (size_t i = 0; i < command.args.size(); ++i) {
    const std::string_view arg = command.args[i];
    if (command.key.bytes.data() != nullptr && arg.data() == command.key.bytes.data() &&
        arg.size() == command.key.bytes.size() &&
        i < 0xffff) {  // an empty argument shares its address with the next
      out.key_arg = static_cast<uint16_t>(i);
    }
    if (arg.size() > kCopyBytes) {
      const SharedBytes* owner = command.args.owner(i);
      args_.push_back({static_cast<uint32_t>(bigs_.size()), 0, true});
      bigs_.push_back(owner ? *owner : SharedBytes::copy_of(arg));
      big_bytes_ += arg.size();
    } else {
      args_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(arg.size()), false});
      bytes_.append(arg);
    }
  }
  commands_.push_back(out);
  ++groups_.back().command_count;
}

CommandView RequestBatch::view(const Command& command, std::vector<std::string_view>& views,
                               std::vector<SharedBytes>& owners) const {
  views.clear();
  owners.clear();
  bool any_big = false;
  for (uint32_t i = 0; i < command.arg_count; ++i) {
    const Arg& arg = args_[command.arg_first + i];
    if (arg.big) {
      any_big = true;
      views.push_back(bigs_[arg.offset].view());
    } else {
      views.emplace_back(bytes_.data() + arg.offset, arg.size);
    }
  }
  if (any_big) {
    owners.resize(command.arg_count);
    for (uint32_t i = 0; i < command.arg_count; ++i) {
      const Arg& arg = args_[command.arg_first + i];
      if (arg.big) owners[i] = bigs_[arg.offset];
    }
  }
  CommandView out;
  out.row = command.row;
  out.args = registry::Args(views, owners);
  if (command.key_arg != 0)
    out.key = {views[command.key_arg], command.key_hash, command.key_slot, command.key_hint};
  return out;
}

void RequestBatch::reset(int home, int target) {
  home_ = home;
  target_ = target;
  returning = false;
  target_of_chain = false;
  charged = 0;
  bytes_.clear();
  if (bytes_.capacity() > 256 * 1024) bytes_.shrink_to_fit();
  bigs_.clear();
  big_bytes_ = 0;
  args_.clear();
  commands_.clear();
  groups_.clear();
  targets_.clear();
  replies_.clear();
}

}  // namespace tessera::dispatch
