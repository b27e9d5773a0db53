// Role: all users at one moment. Thread: made by the control thread (AclStore), then immutable, published,
// read by all. Invariant: the default user is always there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/acl/user.h"

namespace tessera::acl {

class AclView {
 public:
  // REQUIRES: sorted by name, one of them is "default".
  explicit AclView(std::vector<UserRef> users);

  const UserRef& default_user() const { return default_user_; }
  // New connections need not authenticate.
  bool default_user_is_open() const { return default_user_->enabled && default_user_->no_password; }
  // What a new connection starts as.
  void welcome(UserRef& user, bool& authenticated) const {
    user = default_user_;
    authenticated = default_user_is_open();
  }
  // nullptr: no such user.
  UserRef find(std::string_view name) const;
  const std::vector<UserRef>& users() const { return users_; }  // by name

  // The user when it is on and this is one of its passwords, else nullptr. Takes the same time whether the
  // user exists or not, and whatever its passwords are: about 1 us for a short password.
  UserRef authenticate(std::string_view name, std::string_view password) const;

 private:
  std::vector<UserRef> users_;
  UserRef default_user_;
};

// AUTH: the user, or nullptr and the error to reply. The second is AUTH with a password alone.
UserRef authenticate(const AclView& view, std::string_view name, std::string_view password,
                     std::string& error);
UserRef authenticate_default(const AclView& view, std::string_view password, std::string& error);

}  // namespace tessera::acl
