#include "server/registry/command_docs.h"

#include <gtest/gtest.h>

namespace tessera::registry {
namespace {

// What was understood, fully bracketed: {name type token@spec flags arguments}.
std::string shown(const std::vector<ArgumentDoc>& arguments) {
  std::string text;
  for (const ArgumentDoc& argument : arguments) {
    text += '{' + argument.name + ' ' + argument.type;
    if (argument.has_token) text += " <" + argument.token + '>';
    if (argument.key_spec >= 0) text += " @" + std::to_string(argument.key_spec);
    if (argument.optional) text += " optional";
    if (argument.multiple) text += " multiple";
    if (argument.multiple_token) text += " multiple_token";
    if (!argument.arguments.empty()) text += ' ' + shown(argument.arguments);
    text += '}';
  }
  return text;
}

std::string parsed(std::string_view notation) {
  const auto arguments = parse_arguments(notation);
  return arguments.ok() ? shown(*arguments) : "error";
}

TEST(CommandDocs, Arguments) {
  EXPECT_EQ(parsed(""), "");
  EXPECT_EQ(parsed("key:key@0"), "{key key @0}");
  EXPECT_EQ(parsed("key:key@0 seconds:integer value:string cond:oneof(nx=NX xx=XX)?"),
            "{key key @0}{seconds integer}{value string}{cond oneof optional {nx pure-token <NX>}{xx "
            "pure-token <XX>}}");
  EXPECT_EQ(parsed("key:key@0* member:string=MEMBER?+ x:string?*"),
            "{key key @0 multiple}{member string <MEMBER> optional multiple multiple_token}{x string "
            "optional multiple}");
  EXPECT_EQ(parsed("limit:block(offset:integer count:integer)=LIMIT?"),
            "{limit block <LIMIT> optional {offset integer}{count integer}}");
  EXPECT_EQ(parsed("a:oneof(b:block(c=C d:string)? e=E)@2"),
            "{a oneof @2 {b block optional {c pure-token <C>}{d string}}{e pure-token <E>}}");
  EXPECT_EQ(parsed("id:oneof(auto-id='*' none='' id:string) op:oneof(equal== approximately=~ last=$)?"),
            "{id oneof {auto-id pure-token <*>}{none pure-token <>}{id string}}"
            "{op oneof optional {equal pure-token <=>}{approximately pure-token <~>}{last pure-token <$>}}");
}

TEST(CommandDocs, WhatIsNotNotation) {
  for (const char* bad :
       {"key", ":key", "key:", "a=A  b=B", " a=A", "a=A ", "a:oneof(b=B", "a:oneof()", "a:block",
        "a=", "a='x", "a:key@", "a:key@x", "a=A)", "a=A?x", "a:string(b=B)", "a*"}) {
    EXPECT_EQ(parsed(bad), "error") << bad;
  }
  EXPECT_EQ(parse_arguments("key:key@0 oops").error().message, "arguments: cannot read \"\" at 14");
}

}  // namespace
}  // namespace tessera::registry
