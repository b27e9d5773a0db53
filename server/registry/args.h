// Role: the arguments of one command, as handlers see them. Thread: any; views live as long as the command
// runs.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "common/base/bytes.h"

namespace tessera::registry {

class Args {
 public:
  Args() = default;
  // `owners` is empty or as long as `views`; an owner that is set holds exactly the bytes of its view.
  explicit Args(std::span<const std::string_view> views, std::span<const SharedBytes> owners = {})
      : views_(views), owners_(owners) {}

  size_t size() const { return views_.size(); }
  std::string_view operator[](size_t i) const { return views_[i]; }
  std::span<const std::string_view> views() const { return views_; }
  // The counted buffer argument i lives in, or nullptr: a large value is kept without copying it.
  const SharedBytes* owner(size_t i) const { return owners_.empty() || !owners_[i] ? nullptr : &owners_[i]; }

 private:
  std::span<const std::string_view> views_;
  std::span<const SharedBytes> owners_;
};

}  // namespace tessera::registry
