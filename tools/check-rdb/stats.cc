// Role: see stats.h.
#include "tools/check-rdb/stats.h"

#include <algorithm>
#include <cinttypes>

#include "common/text/quoting.h"

namespace tessera::check_rdb {

namespace {

// A text in double quotes as JSON wants it; bytes beyond ASCII as \u00HH.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      char code[8];
      std::snprintf(code, sizeof(code), "\\u%04x", byte);
      out += code;
    }
  }
  return out + "\"";
}

}  // namespace

void Stats::Sum::add(const Item& item) {
  ++keys;
  bytes += item.file_bytes;
  elements += item.elements;
  most_elements = std::max(most_elements, item.elements);
}

void Stats::add_value(const Item& item) {
  const std::string type(store::type_name(item.type));
  databases_[item.db].add(item);
  types_[type].add(item);
  forms_[std::string(item.form)].add(item);
  if (largest_.size() == kLargest && largest_.back().bytes >= item.file_bytes) return;
  largest_.push_back({item.file_bytes, item.elements, item.db, type, std::string(item.key)});
  std::stable_sort(largest_.begin(), largest_.end(),
                   [](const Large& a, const Large& b) { return a.bytes > b.bytes; });
  if (largest_.size() > kLargest) largest_.pop_back();
}

void Stats::write_counts(std::FILE* out) const {
  std::fprintf(out, "[info] %" PRIu64 " keys read\n", keys_);
  std::fprintf(out, "[info] %" PRIu64 " expires\n", expires_);
  std::fprintf(out, "[info] %" PRIu64 " already expired\n", expired_);
}

void Stats::write_text(std::FILE* out) const {
  std::fprintf(out, "[stats] version %d of %s, %" PRIu64 " libraries of functions\n", version_,
               is_valkey_ ? "Valkey" : "Redis", functions_);
  const auto line = [&](const char* what, const std::string& name, const Sum& sum) {
    std::fprintf(out,
                 "[stats] %s %s: keys=%" PRIu64 " bytes=%" PRIu64 " elements=%" PRIu64
                 " avg_elements=%.2f max_elements=%" PRIu64 "\n",
                 what, name.c_str(), sum.keys, sum.bytes, sum.elements,
                 static_cast<double>(sum.elements) / static_cast<double>(sum.keys), sum.most_elements);
  };
  for (const auto& [db, sum] : databases_) line("db", std::to_string(db), sum);
  for (const auto& [type, sum] : types_) line("type", type, sum);
  for (const auto& [form, sum] : forms_) line("encoding", form, sum);
  for (const Large& large : largest_) {
    std::fprintf(out, "[stats] large key %s: db=%d type=%s bytes=%" PRIu64 " elements=%" PRIu64 "\n",
                 text::repr(large.key).c_str(), large.db, large.type.c_str(), large.bytes, large.elements);
  }
}

void Stats::write_json(std::FILE* out) const {
  std::fprintf(out,
               "{\"version\":%d,\"family\":\"%s\",\"keys\":%" PRIu64 ",\"expires\":%" PRIu64
               ",\"already_expired\":%" PRIu64 ",\"functions\":%" PRIu64,
               version_, is_valkey_ ? "valkey" : "redis", keys_, expires_, expired_, functions_);
  bool first = true;
  const auto one = [&](const std::string& name, const Sum& sum) {
    std::fprintf(out,
                 "%s%s:{\"keys\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"elements\":%" PRIu64
                 ",\"max_elements\":%" PRIu64 "}",
                 first ? "" : ",", json_text(name).c_str(), sum.keys, sum.bytes, sum.elements,
                 sum.most_elements);
    first = false;
  };
  std::fputs(",\"databases\":{", out);
  for (const auto& [db, sum] : databases_) one(std::to_string(db), sum);
  first = true;
  std::fputs("},\"types\":{", out);
  for (const auto& [type, sum] : types_) one(type, sum);
  first = true;
  std::fputs("},\"encodings\":{", out);
  for (const auto& [form, sum] : forms_) one(form, sum);
  first = true;
  std::fputs("},\"largest\":[", out);
  for (const Large& large : largest_) {
    std::fprintf(out,
                 "%s{\"key\":%s,\"db\":%d,\"type\":\"%s\",\"bytes\":%" PRIu64 ",\"elements\":%" PRIu64 "}",
                 first ? "" : ",", json_text(large.key).c_str(), large.db, large.type.c_str(), large.bytes,
                 large.elements);
    first = false;
  }
  std::fputs("]}\n", out);
}

}  // namespace tessera::check_rdb
