#include "server/commands/string/set_options.h"

#include "server/commands/support/arguments.h"

namespace tessera::commands {

bool take_existence(std::string_view arg, Existence& existence) {
  Existence wanted = Existence::kAny;
  if (token_is(arg, "NX")) wanted = Existence::kMustNotExist;
  if (token_is(arg, "XX")) wanted = Existence::kMustExist;
  if (wanted == Existence::kAny) return false;
  if (existence != Existence::kAny && existence != wanted) return false;
  existence = wanted;
  return true;
}

namespace {

// IFEQ and its kin exclude each other, themselves, NX and XX.
bool take_comparison(const registry::Args& args, size_t& i, SetOptions& options) {
  const ComparisonKind kind = comparison_kind(args[i]);
  if (kind == ComparisonKind::kNone || options.comparison.kind != ComparisonKind::kNone) return false;
  if (options.existence != Existence::kAny || i + 1 >= args.size()) return false;
  options.comparison = {kind, ++i};
  return true;
}

}  // namespace

bool read_set_options(const registry::Args& args, size_t first, resp::Writer& reply, SetOptions& out) {
  for (size_t i = first; i < args.size(); ++i) {
    if (out.comparison.kind == ComparisonKind::kNone && take_existence(args[i], out.existence)) continue;
    if (token_is(args[i], "GET")) {
      out.get = true;
      continue;
    }
    if (take_comparison(args, i, out)) continue;
    if (take_expiry_option(args, i, ExpiryExtra::kKeepTtl, out.expiry)) continue;
    syntax_error(reply);
    return false;
  }
  return true;
}

}  // namespace tessera::commands
