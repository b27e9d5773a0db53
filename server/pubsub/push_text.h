// Role: one push, written for RESP2 and RESP3 at most once each, however many clients get it. Thread: one.
#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/resp/out.h"

namespace tessera::pubsub {

class PushText {
 public:
  // All words but the last one; `owner`: of the last one, when it is large. Views live as long as this does.
  PushText(std::initializer_list<std::string_view> words, std::string_view last, const SharedBytes* owner)
      : last_(last), owner_(owner) {
    for (std::string_view word : words) words_[count_++] = word;
  }
  void append_to(resp::OutChain& out, int proto) {
    std::string& text = texts_[proto == 2 ? 0 : 1];
    if (text.empty()) write(text, proto);
    out.append(text);
    if (owner_ == nullptr) return;
    out.append_shared(*owner_, 0, owner_->size());
    out.append("\r\n");
  }

 private:
  static void header(std::string& out, char kind, size_t n);
  void write(std::string& out, int proto) const;

  std::array<std::string_view, 3> words_;
  size_t count_ = 0;
  std::string_view last_;
  const SharedBytes* owner_;
  std::string texts_[2];
};

}  // namespace tessera::pubsub
