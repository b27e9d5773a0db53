// Role: the options that belong to --cluster, as data. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tessera::cli::cluster {

struct Settings {
  int replicas = 0;
  std::string master_id;
  bool as_replica = false;  // --cluster-slave
  bool yes = false;
  bool search_multiple_owners = false;
  bool only_masters = false;
  bool only_replicas = false;
  bool if_not_exists = false;
  std::optional<int64_t> wait_s;  // --wait; unset: the command's own default

  // Read, for the commands that move slots and data.
  std::string from, to, from_user;
  std::optional<std::string> from_password;
  bool from_ask_password = false;
  std::vector<std::string> weights;
  int slots = 0;
  int timeout_ms = 60000;
  int pipeline = 10;
  float threshold = 2.0F;
  bool simulate = false;
  bool replace = false;
  bool copy = false;
  bool use_empty_masters = false;
  bool fix_with_unreachable_masters = false;
};

}  // namespace tessera::cli::cluster
