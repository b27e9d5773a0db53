#include "server/registry/command_info.h"

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>

#include "common/text/strings.h"
#include "server/registry/flag_names.h"

namespace tessera::registry {
namespace {

void write_names(uint32_t bits, std::span<const BitName> names, std::string_view prefix, resp::Writer& out) {
  int64_t count = 0;
  for (const BitName& name : names) count += (bits & name.bit) != 0;
  out.set(count);
  for (const BitName& name : names) {
    if (bits & name.bit) out.simple(std::string(prefix) + name.name);
  }
}

void write_number(std::string_view name, int64_t value, resp::Writer& out) {
  out.bulk(name);
  out.integer(value);
}

void write_type(std::string_view type, resp::Writer& out) {
  out.map(2);
  out.bulk("type");
  out.bulk(type);
  out.bulk("spec");
}

void write_begin(const KeySpec& spec, resp::Writer& out) {
  switch (spec.begin) {
    case KeySpec::Begin::kIndex:
      write_type("index", out);
      out.map(1);
      write_number("index", spec.index, out);
      break;
    case KeySpec::Begin::kKeyword:
      write_type("keyword", out);
      out.map(2);
      out.bulk("keyword");
      out.bulk(spec.keyword);
      write_number("startfrom", spec.index, out);
      break;
    case KeySpec::Begin::kUnknown:
    case KeySpec::Begin::kNone:
      write_type("unknown", out);
      out.map(0);
  }
}

void write_find(const KeySpec& spec, resp::Writer& out) {
  switch (spec.find) {
    case KeySpec::Find::kRange:
      write_type("range", out);
      out.map(3);
      write_number("lastkey", spec.a, out);
      write_number("keystep", spec.b, out);
      write_number("limit", spec.c, out);
      break;
    case KeySpec::Find::kKeynum:
      write_type("keynum", out);
      out.map(3);
      write_number("keynumidx", spec.a, out);
      write_number("firstkey", spec.b, out);
      write_number("keystep", spec.c, out);
      break;
    case KeySpec::Find::kUnknown:
      write_type("unknown", out);
      out.map(0);
  }
}

void write_key_spec(const KeySpec& spec, resp::Writer& out) {
  out.map(spec.notes ? 4 : 3);
  if (spec.notes) {
    out.bulk("notes");
    out.bulk(spec.notes);
  }
  out.bulk("flags");
  write_key_flags(spec.flags, out);
  out.bulk("begin_search");
  write_begin(spec, out);
  out.bulk("find_keys");
  write_find(spec, out);
}

void write_tips(std::string_view tips, resp::Writer& out) {
  if (tips.empty()) return out.set(0);
  const auto parts = text::split(tips, ' ');
  out.set(static_cast<int64_t>(parts.size()));
  for (const std::string_view tip : parts) out.bulk(tip);
}

bool is_plain_range(const KeySpec& spec) {
  return spec.begin == KeySpec::Begin::kIndex && spec.find == KeySpec::Find::kRange;
}

}  // namespace

LegacyRange legacy_range(const CommandRow& row) {
  const int count = row.keys.count();
  const auto absolute_last = [](const KeySpec& spec) { return spec.a >= 0 ? spec.index + spec.a : spec.a; };
  if (count == 1 && is_plain_range(row.keys.spec[0])) {
    const KeySpec& spec = row.keys.spec[0];
    return {spec.index, absolute_last(spec), spec.b};
  }
  // Several ranges merge as long as each one follows on the last; "from the end" is further than any index.
  LegacyRange range;
  for (int i = 0; i < count; ++i) {
    const KeySpec& spec = row.keys.spec[i];
    if (!is_plain_range(spec) || spec.b != 1) continue;
    if (range.first != 0 && range.last + 1 != spec.index) continue;
    if (range.first == 0) range = {spec.index, 0, 1};
    const int last = absolute_last(spec);
    range.last = static_cast<int>(std::max(static_cast<unsigned>(range.last), static_cast<unsigned>(last)));
  }
  return range;
}

void write_key_flags(uint16_t flags, resp::Writer& out) {
  write_names(flags, key_flag_names(), "", out);
}

void write_command_info(const CommandRow& row, resp::Writer& out) {
  out.array(10);
  out.bulk(row.full_name);
  out.integer(row.arity);
  write_names(row.flags, command_flag_names(), "", out);
  const LegacyRange range = legacy_range(row);
  out.integer(range.first);
  out.integer(range.last);
  out.integer(range.step);
  write_names(row.categories, acl_category_names(), "@", out);
  write_tips(row.tips, out);
  const int specs = row.keys.count();
  out.set(specs);
  for (int i = 0; i < specs; ++i) write_key_spec(row.keys.spec[i], out);
  if (row.subcommands.empty()) return out.set(0);
  out.array(static_cast<int64_t>(row.subcommands.size()));
  for (const CommandRow& subcommand : row.subcommands) write_command_info(subcommand, out);
}

}  // namespace tessera::registry
