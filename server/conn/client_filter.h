// Role: which connections CLIENT LIST and CLIENT KILL mean. Thread: read anew on every thread, from the
// arguments. Order of checks and texts: redis-server 7.0.15 for its options, Valkey 9.1 for the others.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/dispatch/conn_ctx.h"

namespace tessera::conn {

// The letters of CLIENT LIST's flags field.
std::string flag_letters(const dispatch::Session& session);

// A set of demands; a client has to meet all that are given.
struct ClientDemands {
  std::vector<int64_t> ids;
  std::optional<std::string> type;  // "normal", "master", "replica", "pubsub"
  std::optional<std::string_view> user, address, local_address, name, flags, lib_name, lib_version, ip;
  std::optional<bool> redirect_capable;
  std::optional<int64_t> db;
};

class ClientFilter {
 public:
  enum class For { kList, kKill };
  // Reads options from argument `first` on. False: `error` is the reply.
  bool read(const registry::Args& args, size_t first, For what, const acl::AclView& users,
            std::string& error);
  bool matches(const dispatch::Session& session, MonoTime now) const;

  const std::vector<int64_t>& ids() const { return wanted_.ids; }
  bool skip_me() const { return skip_me_; }

 private:
  bool read_one(const registry::Args& args, size_t& i, For what, const acl::AclView& users,
                std::string& error);
  bool read_ids(const registry::Args& args, size_t& i, For what, ClientDemands& demands, std::string& error);
  bool read_value(std::string_view option, std::string_view value, bool negated, const acl::AclView& users,
                  std::string& error);

  ClientDemands wanted_, unwanted_;
  std::optional<int64_t> max_age_s_, idle_s_;
  bool skip_me_ = false;
};

}  // namespace tessera::conn
