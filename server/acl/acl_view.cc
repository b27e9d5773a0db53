#include "server/acl/acl_view.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/hash/sha256.h"

namespace tessera::acl {
namespace {

// Looks at all bytes whatever they are, so that the time tells nothing.
bool same_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

constexpr const char* kWrongPass = "WRONGPASS invalid username-password pair or user is disabled.";

}  // namespace

AclView::AclView(std::vector<UserRef> users) : users_(std::move(users)) {
  default_user_ = find("default");
  TESSERA_CHECK(default_user_ != nullptr);
}

UserRef AclView::find(std::string_view name) const {
  const auto at =
      std::lower_bound(users_.begin(), users_.end(), name,
                       [](const UserRef& user, std::string_view wanted) { return user->name < wanted; });
  return at != users_.end() && (*at)->name == name ? *at : nullptr;
}

UserRef AclView::authenticate(std::string_view name, std::string_view password) const {
  const std::string hash = hash::sha256_hex(password);
  UserRef user = find(name);
  if (user == nullptr || !user->enabled) return nullptr;
  bool fits = user->no_password;
  for (const std::string& known : user->password_hashes) fits |= same_in_constant_time(known, hash);
  return fits ? user : nullptr;
}

UserRef authenticate(const AclView& view, std::string_view name, std::string_view password,
                     std::string& error) {
  UserRef user = view.authenticate(name, password);
  if (user == nullptr) error = kWrongPass;
  return user;
}

UserRef authenticate_default(const AclView& view, std::string_view password, std::string& error) {
  // Somebody who sends a password expects that one is needed.
  if (view.default_user()->no_password) {
    error =
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?";
    return nullptr;
  }
  return authenticate(view, "default", password, error);
}

}  // namespace tessera::acl
