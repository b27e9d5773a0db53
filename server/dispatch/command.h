// Role: one command on its way: row, arguments, where its first key lives. Thread: one owner at a time.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/dispatch/session.h"
#include "server/registry/command_row.h"
#include "server/store/key.h"

namespace tessera::dispatch {

// Views into somebody else's bytes: lives as long as they do.
struct CommandView {
  const registry::CommandRow* row = nullptr;
  registry::Args args;
  store::Key key;  // the first key; bytes.data() == nullptr when it has none
};

// A command that owns its bytes: queued, gathered, fanned out, sent to the control thread.
class OwnedCommand {
 public:
  OwnedCommand() = default;
  explicit OwnedCommand(const CommandView& view) : row(view.row) {
    size_t total = 0;
    owners_.reserve(view.args.size());
    bool any_owner = false;
    for (size_t i = 0; i < view.args.size(); ++i) {
      const SharedBytes* owner = view.args.owner(i);
      owners_.push_back(owner ? *owner : SharedBytes());
      any_owner |= owner != nullptr;
      if (!owner) total += view.args[i].size();
    }
    bytes_ = std::make_unique<char[]>(total + 1);
    char* at = bytes_.get();
    for (size_t i = 0; i < view.args.size(); ++i) {
      if (owners_[i]) {
        views_.push_back(owners_[i].view());
        continue;
      }
      const std::string_view arg = view.args[i];
      if (!arg.empty()) std::memcpy(at, arg.data(), arg.size());
      views_.emplace_back(at, arg.size());
      at += arg.size();
    }
    size_bytes_ = total;
    if (!any_owner) owners_.clear();
    key = view.key;
    for (size_t i = 0; i < view.args.size(); ++i) {
      if (key.bytes.data() != nullptr && key.bytes.data() == view.args[i].data() &&
          key.bytes.size() == view.args[i].size())
        key.bytes = views_[i];
    }
  }
  OwnedCommand(OwnedCommand&&) = default;
  OwnedCommand& operator=(OwnedCommand&&) = default;

  CommandView view() const { return {row, args(), key}; }
  registry::Args args() const { return registry::Args(views_, owners_); }
  size_t size_bytes() const { return size_bytes_; }

  const registry::CommandRow* row = nullptr;
  store::Key key;

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_bytes_ = 0;
  std::vector<std::string_view> views_;
  std::vector<SharedBytes> owners_;
};

}  // namespace tessera::dispatch
