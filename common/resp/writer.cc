// Role: the replies that are rare or long; the frequent ones are inline in the header.
#include "common/resp/writer.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string>

#include "common/base/check.h"
#include "common/text/floats.h"

namespace tessera::resp {
namespace {

bool is_line_break(char c) {
  return c == '\r' || c == '\n';
}

}  // namespace

void Writer::line(char kind, std::string_view text) {
  out_->append({&kind, 1});
  out_->append(text);
  out_->append("\r\n");
}

void Writer::simple(std::string_view text) {
  line('+', text);
}

void Writer::error(std::string_view text) {
  // Redis drops line breaks at the ends and blanks those inside: whatever a client sent may be quoted in a
  // text.
  while (!text.empty() && is_line_break(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_line_break(text.back())) text.remove_suffix(1);
  if (std::none_of(text.begin(), text.end(), is_line_break)) {
    line('-', text);
  } else {
    std::string clean(text);
    std::replace_if(clean.begin(), clean.end(), is_line_break, ' ');
    line('-', clean);
  }
  ++error_count_;
  // A line break becomes a blank, and ends a code as well.
  std::string_view code = text.substr(0, text.find_first_of(" \r\n"));
  if (code.size() == text.size() || code.size() >= sizeof(last_error_code_)) code = "ERR";
  last_error_code_size_ = static_cast<uint8_t>(code.size());
  std::memcpy(last_error_code_, code.data(), code.size());
}

void Writer::errorf(const char* format, ...) {
  char small[512];
  va_list args;
  va_start(args, format);
  va_list again;
  va_copy(again, args);
  const int n = std::vsnprintf(small, sizeof(small), format, args);
  va_end(args);
  if (n >= 0 && static_cast<size_t>(n) < sizeof(small)) {
    error({small, static_cast<size_t>(n)});
  } else if (n >= 0) {
    std::string large(static_cast<size_t>(n) + 1, '\0');
    std::vsnprintf(large.data(), large.size(), format, again);
    large.pop_back();
    error(large);
  }
  va_end(again);
}

void Writer::bulk_large(std::string_view bytes) {
  header('$', static_cast<int64_t>(bytes.size()));
  out_->append(bytes);
  out_->append("\r\n");
}

void Writer::bulk_int(int64_t n) {
  char digits[text::kInt64Chars];
  const char* end = text::write_int64(digits, n);
  bulk({digits, static_cast<size_t>(end - digits)});
}

void Writer::bulk_shared(const SharedBytes& bytes, size_t offset, size_t n) {
  header('$', static_cast<int64_t>(n));
  out_->append_shared(bytes, offset, n);
  out_->append("\r\n");
}

void Writer::attribute(int64_t pairs) {
  TESSERA_DCHECK(proto_ >= 3);
  header('|', pairs);
}

void Writer::real(double value) {
  char digits[text::kDoubleChars];
  const char* end = text::write_double(digits, value);
  const std::string_view text(digits, static_cast<size_t>(end - digits));
  proto_ == 2 ? bulk(text) : line(',', text);
}

void Writer::human_real(long double value) {
  bulk(text::human_long_double(value));
}

void Writer::human_double(long double value) {
  const std::string text = text::human_long_double(value);
  proto_ == 2 ? bulk(text) : line(',', text);
}

void Writer::boolean(bool value) {
  if (proto_ == 2) {
    out_->append(value ? ":1\r\n" : ":0\r\n");
  } else {
    out_->append(value ? "#t\r\n" : "#f\r\n");
  }
}

void Writer::big_number(std::string_view digits) {
  proto_ == 2 ? bulk(digits) : line('(', digits);
}

void Writer::verbatim(std::string_view format3, std::string_view text) {
  if (proto_ == 2) {
    bulk(text);
    return;
  }
  TESSERA_DCHECK(format3.size() == 3);
  header('=', static_cast<int64_t>(text.size()) + 4);
  out_->append(format3);
  line(':', text);
}

void Writer::finish(Chunk* place, char kind, int64_t n) {
  char header[kHeaderBytes];
  const char* end = put_header(header, kind, n);
  out_->fill(place, {header, static_cast<size_t>(end - header)});
}

void Writer::finish_array(Chunk* place, int64_t n) {
  finish(place, '*', n);
}

void Writer::finish_map(Chunk* place, int64_t pairs) {
  proto_ == 2 ? finish(place, '*', pairs * 2) : finish(place, '%', pairs);
}

void Writer::finish_set(Chunk* place, int64_t n) {
  finish(place, proto_ == 2 ? '*' : '~', n);
}

}  // namespace tessera::resp
