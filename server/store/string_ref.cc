// Role: reading a string value in any of its forms. Thread: the shard's.
#include "server/store/string_ref.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"
#include "common/text/integers.h"
#include "server/store/chunked_string.h"
#include "server/store/entry_layout.h"

namespace tessera::store {

StringRef::StringRef(const Entry& entry) {
  TESSERA_DCHECK(entry.type() == Type::kString);
  switch (EntryAccess::form(entry)) {
    case Form::kEmbedded: {
      const std::string_view bytes = EntryAccess::embedded(entry);
      data_ = bytes.data();
      size_ = bytes.size();
      return;
    }
    case Form::kInt:
      is_int_ = true;
      int_value_ = EntryAccess::integer(entry);
      data_ = digits_;
      size_ = static_cast<size_t>(text::write_int64(digits_, int_value_) - digits_);
      return;
    case Form::kBlock: {
      block_ = EntryAccess::pointer(entry);
      SharedBytes bytes = SharedBytes::adopt(const_cast<void*>(block_));
      data_ = bytes.data();
      size_ = bytes.size();
      bytes.leak();
      return;
    }
    case Form::kChunked:
      chunks_ = static_cast<const ChunkedString*>(EntryAccess::pointer(entry));
      size_ = chunks_->size();
      return;
    case Form::kContainer:
      break;  // no string
  }
}

std::string_view StringRef::view(std::string& scratch) const {
  if (contiguous()) return view();
  scratch.resize(size_);
  copy(0, size_, scratch.data());
  return scratch;
}

void StringRef::copy(size_t offset, size_t n, char* out) const {
  TESSERA_DCHECK(offset + n <= size_);
  if (contiguous()) {
    if (n > 0) std::memcpy(out, data_ + offset, n);
    return;
  }
  chunks_->for_each_window(offset, n, [&](const SharedBytes& buffer, size_t at, size_t part) {
    std::memcpy(out, buffer.data() + at, part);
    out += part;
    return true;
  });
}

unsigned char StringRef::byte(size_t offset) const {
  char c;
  copy(offset, 1, &c);
  return static_cast<unsigned char>(c);
}

void StringRef::for_each_piece(size_t offset, size_t n,
                               const std::function<bool(std::string_view)>& f) const {
  TESSERA_DCHECK(offset + n <= size_);
  if (contiguous()) {
    if (n > 0) f({data_ + offset, n});
    return;
  }
  chunks_->for_each_window(offset, n, [&](const SharedBytes& buffer, size_t at, size_t part) {
    return f({buffer.data() + at, part});
  });
}

bool StringRef::for_each_shared(size_t offset, size_t n,
                                const std::function<void(const SharedBytes&, size_t, size_t)>& f) const {
  TESSERA_DCHECK(offset + n <= size_);
  if (block_) {
    SharedBytes bytes = SharedBytes::adopt(const_cast<void*>(block_));
    if (n > 0) f(bytes, offset, n);
    bytes.leak();
    return true;
  }
  if (!chunks_) return false;
  chunks_->for_each_window(offset, n, [&](const SharedBytes& buffer, size_t at, size_t part) {
    f(buffer, at, part);
    return true;
  });
  return true;
}

}  // namespace tessera::store
