#include "server/feed/items.h"

namespace tessera::feed {

void Builder::add(Kind kind, std::string_view name, std::string_view text, const SharedBytes* owner,
                  Target to) {
  if (chunk_ == nullptr) chunk_ = new Chunk;
  if (chunk_->overflow) return;
  const bool is_large = text.size() >= kLargeBytes;
  chunk_->size_bytes += sizeof(ItemHead) + name.size() + text.size();
  if (chunk_->size_bytes > kMaxBytes && chunk_->bytes.size() + chunk_->large.size() > 0) {
    // Several items are too much. One alone may be as large as a client could send it.
    chunk_->overflow = true;
    chunk_->bytes.clear();
    chunk_->bytes.shrink_to_fit();
    chunk_->large.clear();
    chunk_->size_bytes = 0;
    return;
  }
  ItemHead head{};
  head.name_size = name.size();
  head.text_size = is_large ? chunk_->large.size() : text.size();
  head.to = to;
  head.kind = kind;
  head.is_large = is_large;
  chunk_->bytes.append(reinterpret_cast<const char*>(&head), sizeof(head));
  chunk_->bytes.append(name);
  if (is_large) {
    chunk_->large.push_back(owner != nullptr && *owner ? *owner : SharedBytes::copy_of(text));
  } else {
    chunk_->bytes.append(text);
  }
}

}  // namespace tessera::feed
