#include "server/acl/acl_log.h"

#include <algorithm>

namespace tessera::acl {
namespace {

const char* name_of(Reason reason) {
  switch (reason) {
    case Reason::kAuth:
      return "auth";
    case Reason::kCommand:
      return "command";
    case Reason::kKey:
      return "key";
    case Reason::kChannel:
      return "channel";
  }
  return "unknown";
}

const char* name_of(Context context) {
  switch (context) {
    case Context::kTopLevel:
      return "toplevel";
    case Context::kMulti:
      return "multi";
    case Context::kLua:
      return "lua";
    case Context::kModule:
      return "module";
  }
  return "unknown";
}

bool same_refusal(const LogEntry& a, const LogEntry& b) {
  return a.reason == b.reason && a.context == b.context && a.object == b.object &&
         a.user_name == b.user_name && b.when.ms - a.when.ms <= AclLog::kGroupMs;
}

}  // namespace

void AclLog::set_limit(size_t limit) {
  limit_ = limit;
  while (entries_.size() > limit_) entries_.pop_back();
}

void AclLog::add(LogEntry entry) {
  // Only the newest are looked at, so that a flood of different refusals stays cheap.
  constexpr int kLookedAt = 10;
  int looked_at = 0;
  for (auto at = entries_.begin(); at != entries_.end() && looked_at < kLookedAt; ++at, ++looked_at) {
    if (!same_refusal(*at, entry)) continue;
    entry.count = at->count + 1;
    *at = std::move(entry);
    entries_.splice(entries_.begin(), entries_, at);
    return;
  }
  entries_.push_front(std::move(entry));
  if (entries_.size() > limit_) entries_.pop_back();
}

void AclLog::write(int64_t max, WallMs now, resp::Writer& out) const {
  const auto shown = std::min<int64_t>(std::max<int64_t>(max, 0), static_cast<int64_t>(entries_.size()));
  out.array(shown);
  auto entry = entries_.begin();
  for (int64_t i = 0; i < shown; ++i, ++entry) {
    out.map(7);
    out.bulk("count");
    out.integer(entry->count);
    out.bulk("reason");
    out.bulk(name_of(entry->reason));
    out.bulk("context");
    out.bulk(name_of(entry->context));
    out.bulk("object");
    out.bulk(entry->object);
    out.bulk("username");
    out.bulk(entry->user_name);
    out.bulk("age-seconds");
    out.real(static_cast<double>(now.ms - entry->when.ms) / 1000);
    out.bulk("client-info");
    out.bulk(entry->client_info);
  }
}

}  // namespace tessera::acl
