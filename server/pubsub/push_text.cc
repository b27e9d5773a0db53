#include "server/pubsub/push_text.h"

#include <charconv>

namespace tessera::pubsub {

void PushText::header(std::string& out, char kind, size_t n) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), n);
  out += kind;
  out.append(digits, end.ptr);
  out += "\r\n";
}

void PushText::write(std::string& out, int proto) const {
  size_t size = last_.size() + 32;
  for (size_t i = 0; i < count_; ++i) size += words_[i].size() + 32;
  out.reserve(owner_ != nullptr ? size - last_.size() : size);
  header(out, proto == 2 ? '*' : '>', count_ + 1);
  for (size_t i = 0; i < count_; ++i) {
    header(out, '$', words_[i].size());
    out += words_[i];
    out += "\r\n";
  }
  header(out, '$', last_.size());
  if (owner_ != nullptr) return;
  out += last_;
  out += "\r\n";
}

}  // namespace tessera::pubsub
