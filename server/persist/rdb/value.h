// Role: a value that was read and verified but is in no keyspace yet: so that a bad one changes nothing, and
// an old one is replaced in one step. Thread: the owner of the memory it was made in. Invariant: what is not
// put into a keyspace is freed with it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "common/base/bytes.h"
#include "server/store/container.h"
#include "server/store/keyspace.h"

namespace tessera::rdb {

class Value {
 public:
  Value() = default;
  ~Value() { clear(); }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;

  store::Type type() const { return type_; }
  store::Encoding encoding() const { return encoding_; }
  // Elements, as far as they were counted.
  size_t element_count() const { return elements_; }
  size_t bytes() const { return container_ != nullptr ? container_->allocated_bytes() : text_.size(); }

  void set_string(std::string_view text) {
    clear();
    type_ = store::Type::kString;
    elements_ = 1;
    text_ = text;
  }
  void set_packed(store::Type type, store::Encoding encoding, std::string bytes, size_t elements) {
    clear();
    type_ = type;
    encoding_ = encoding;
    owned_ = std::move(bytes);
    text_ = owned_;
    elements_ = elements;
  }
  void set_container(store::Type type, store::Encoding encoding, store::Container* container) {
    clear();
    type_ = type;
    encoding_ = encoding;
    container_ = container;
    elements_ = container->element_count();
  }
  // A place for what a string is unfolded into, so that the view lives as long as the value.
  std::string& scratch() { return owned_; }

  void clear() {
    if (container_ != nullptr) store::Container::destroy(std::exchange(container_, nullptr));
    text_ = {};
  }

  // Makes or overwrites. Once. The keyspace whose memory it was made in.
  store::Entry* put(store::Keyspace& keyspace, int db, const store::Key& key, int64_t expire_ms) {
    if (container_ != nullptr) {
      return keyspace.set_container(db, key, type_, encoding_, std::exchange(container_, nullptr), expire_ms);
    }
    if (type_ == store::Type::kString) return keyspace.set_string(db, key, text_, expire_ms);
    return keyspace.set_packed(db, key, type_, encoding_, text_, expire_ms);
  }

 private:
  store::Type type_ = store::Type::kString;
  store::Encoding encoding_ = store::Encoding::kRaw;
  std::string owned_;
  std::string_view text_;  // of a string or packed value
  store::Container* container_ = nullptr;
  size_t elements_ = 0;
};

}  // namespace tessera::rdb
