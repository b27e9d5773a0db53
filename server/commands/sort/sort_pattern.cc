#include "server/commands/sort/sort_pattern.h"

#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"
#include "server/store/string_ref.h"
#include "server/store/types/hash.h"

namespace tessera::commands {

using shard::Ctx;
using store::Entry;

SortPattern::SortPattern(std::string_view pattern) {
  const std::string_view searched = c_text(pattern);
  if (searched == "#") {
    kind_ = Kind::kElement;
    return;
  }
  const size_t star = searched.find('*');
  if (star == std::string_view::npos) return;
  kind_ = Kind::kString;
  prefix_ = pattern.substr(0, star);
  suffix_ = pattern.substr(star + 1);
  const size_t arrow = searched.find("->", star + 1);
  if (arrow == std::string_view::npos || arrow + 2 == searched.size()) return;
  kind_ = Kind::kField;
  suffix_ = pattern.substr(star + 1, arrow - star - 1);
  field_ = pattern.substr(arrow + 2);
}

// The string, or the hash with the field; nullptr: nothing of this kind.
const Entry* SortPattern::look_up(Ctx& ctx, std::string_view element) {
  if (kind_ == Kind::kNothing) return nullptr;
  key_.assign(prefix_).append(element).append(suffix_);
  const Entry* entry = ctx.read(ctx.key(key_));
  if (entry == nullptr) return nullptr;
  const store::Type wanted = kind_ == Kind::kField ? store::Type::kHash : store::Type::kString;
  return entry->type() == wanted ? entry : nullptr;
}

bool SortPattern::text(Ctx& ctx, std::string_view element, std::string& out) {
  if (kind_ == Kind::kElement) {
    out.assign(element);
    return true;
  }
  const Entry* entry = look_up(ctx, element);
  if (entry == nullptr) return false;
  if (kind_ == Kind::kField) {
    store::HashValue value;
    if (!store::HashReader(*entry, ctx.now().ms).get(field_, value)) return false;
    out.assign(value.text);
    return true;
  }
  std::string scratch;
  out.assign(store::StringRef(*entry).view(scratch));
  return true;
}

void SortPattern::reply(Ctx& ctx, std::string_view element, resp::Writer& reply) {
  if (kind_ == Kind::kElement) {
    reply.bulk(element);
    return;
  }
  const Entry* entry = look_up(ctx, element);
  if (entry == nullptr) {
    reply.null();
    return;
  }
  if (kind_ == Kind::kField) {
    store::HashValue value;
    if (store::HashReader(*entry, ctx.now().ms).get(field_, value)) {
      reply.bulk(value.text);
    } else {
      reply.null();
    }
    return;
  }
  reply_string(*entry, reply);
}

}  // namespace tessera::commands
