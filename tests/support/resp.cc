// Role: see resp.h.
#include "tests/support/resp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tessera::support {
namespace {

bool is_aggregate(char type) {
  return type == '*' || type == '~' || type == '%' || type == '>' || type == '|';
}
bool is_blob(char type) {
  return type == '$' || type == '=' || type == '!';
}

}  // namespace

int Deadline::left_ms() const {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<int64_t>(0, left.count()));
}

std::string_view Value::body() const {
  std::string_view all = text;
  return type == '=' && all.size() >= 4 ? all.substr(4) : all;
}

ReplyScanner::Status ReplyScanner::scan(std::string_view buffer) {
  while (pending_ > 0) {
    const size_t line_end = buffer.find("\r\n", position_);
    if (line_end == std::string_view::npos) return Status::kNeedMore;
    const char type = buffer[position_];
    const std::string_view head = buffer.substr(position_ + 1, line_end - position_ - 1);
    size_t next = line_end + 2;
    int64_t nested = 0;
    if (is_blob(type) || is_aggregate(type)) {
      const int64_t n = std::strtoll(std::string(head).c_str(), nullptr, 10);
      if (head.empty() || n < -1) return Status::kMalformed;
      if (is_blob(type) && n >= 0) {
        next += static_cast<size_t>(n) + 2;
        if (next > buffer.size()) return Status::kNeedMore;
        if (buffer.substr(next - 2, 2) != "\r\n") return Status::kMalformed;
      } else if (is_aggregate(type) && n > 0) {
        nested = type == '%' || type == '|' ? 2 * n : n;
      }
      if (type == '|') ++nested;  // the reply the attribute belongs to
    } else if (std::strchr("+-:_,#(", type) == nullptr) {
      return Status::kMalformed;
    }
    position_ = next;
    pending_ += nested - 1;
  }
  return Status::kComplete;
}

namespace {

Value parse_one(std::string_view raw, size_t& position) {
  Value value;
  const size_t line_end = raw.find("\r\n", position);
  value.type = raw[position];
  const std::string head(raw.substr(position + 1, line_end - position - 1));
  position = line_end + 2;
  const int64_t n = std::strtoll(head.c_str(), nullptr, 10);
  if (is_blob(value.type)) {
    value.is_null = n < 0;
    if (n >= 0) {
      value.text = raw.substr(position, static_cast<size_t>(n));
      position += static_cast<size_t>(n) + 2;
    }
  } else if (is_aggregate(value.type)) {
    value.is_null = n < 0;
    const int64_t count = value.type == '%' || value.type == '|' ? 2 * n : n;
    for (int64_t i = 0; i < count; ++i) value.items.push_back(parse_one(raw, position));
    if (value.type == '|') return parse_one(raw, position);  // attributes are dropped
  } else {
    value.text = head;
    value.integer = value.type == ':' ? n : 0;
    value.is_null = value.type == '_';
  }
  return value;
}

}  // namespace

Value parse_value(std::string_view raw) {
  size_t position = 0;
  return parse_one(raw, position);
}

void append_command(std::string& out, const std::vector<std::string>& args) {
  out += '*' + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    out += '$' + std::to_string(arg.size()) + "\r\n";
    out += arg;
    out += "\r\n";
  }
}

std::string encode_command(const std::vector<std::string>& args) {
  std::string out;
  append_command(out, args);
  return out;
}

std::string printable(std::string_view bytes, size_t limit) {
  static const char* kHex = "0123456789abcdef";
  std::string out = "\"";
  for (size_t i = 0; i < bytes.size() && i < limit; ++i) {
    const unsigned char c = static_cast<unsigned char>(bytes[i]);
    if (c == '"' || c == '\\') {
      (out += '\\') += static_cast<char>(c);
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20 || c > 0x7e) {
      ((out += "\\x") += kHex[c >> 4]) += kHex[c & 15];
    } else {
      out += static_cast<char>(c);
    }
  }
  out += '"';
  if (bytes.size() > limit) out += "... (" + std::to_string(bytes.size()) + " bytes)";
  return out;
}

std::string printable_command(const std::vector<std::string>& args, size_t limit) {
  std::string out;
  for (const std::string& arg : args) {
    if (!out.empty()) out += ' ';
    out += printable(arg, limit);
  }
  return out;
}

Result<void> RespConnection::connect(int port) {
  close();
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return Error{"socket failed", errno};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const int code = errno;
    close();
    return Error{"cannot connect to port " + std::to_string(port) + ": " + std::strerror(code), code};
  }
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return {};
}

void RespConnection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  buffer_.clear();
  begin_ = 0;
}

Result<void> RespConnection::send(std::string_view bytes, int timeout_ms) {
  if (fd_ < 0) return Error{"not connected", ENOTCONN};
  const Deadline deadline(timeout_ms);
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return Error{std::string("send: ") + std::strerror(errno), errno};
    if (deadline.passed()) return Error{"the peer did not take our bytes in time", ETIMEDOUT};
    pollfd waiting{fd_, POLLIN | POLLOUT, 0};
    ::poll(&waiting, 1, std::min(deadline.left_ms(), 1000));
    if ((waiting.revents & POLLIN) != 0 && fill(0) == Fill::kEnd)
      return Error{"closed by the peer", ECONNRESET};
  }
  return {};
}

RespConnection::Fill RespConnection::fill(int timeout_ms) {
  pollfd waiting{fd_, POLLIN, 0};
  const int ready = ::poll(&waiting, 1, timeout_ms);
  if (ready == 0 || (ready < 0 && errno == EINTR)) return Fill::kTimeout;
  if (ready < 0) return Fill::kError;
  if (begin_ > 0 && begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  }
  const size_t old = buffer_.size();
  constexpr size_t kRoom = 64 * 1024;
  buffer_.resize(old + kRoom);
  const ssize_t n = ::recv(fd_, buffer_.data() + old, kRoom, 0);
  buffer_.resize(old + static_cast<size_t>(std::max<ssize_t>(n, 0)));
  if (n > 0) return Fill::kData;
  return n == 0 || errno == ECONNRESET ? Fill::kEnd : Fill::kError;
}

Result<std::string> RespConnection::read_reply(int timeout_ms) {
  if (fd_ < 0) return Error{"not connected", ENOTCONN};
  const Deadline deadline(timeout_ms);
  if (begin_ == buffer_.size() || begin_ > 65536) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  ReplyScanner scanner;
  for (;;) {
    const std::string_view have = std::string_view(buffer_).substr(begin_);
    const ReplyScanner::Status status = scanner.scan(have);
    if (status == ReplyScanner::Status::kMalformed) return Error{"not RESP: " + printable(have), EPROTO};
    if (status == ReplyScanner::Status::kComplete) {
      std::string reply(have.substr(0, scanner.length()));
      begin_ += scanner.length();
      return reply;
    }
    switch (fill(deadline.left_ms())) {
      case Fill::kData:
        break;
      case Fill::kEnd:
        return Error{
            "closed by the peer; unread bytes: " + printable(std::string_view(buffer_).substr(begin_)),
            ECONNRESET};
      case Fill::kError:
        return Error{std::string("recv: ") + std::strerror(errno), errno};
      case Fill::kTimeout:
        if (deadline.passed()) {
          return Error{
              "no reply in time; bytes so far: " + printable(std::string_view(buffer_).substr(begin_)),
              ETIMEDOUT};
        }
    }
  }
}

Result<std::string> RespConnection::read_to_end(int timeout_ms) {
  const Deadline deadline(timeout_ms);
  for (;;) {
    const Fill got = fill(deadline.left_ms());
    if (got == Fill::kEnd) {
      std::string rest = buffer_.substr(begin_);
      close();
      return rest;
    }
    if (got == Fill::kError || (got == Fill::kTimeout && deadline.passed())) {
      return Error{
          "not closed by the peer; bytes so far: " + printable(std::string_view(buffer_).substr(begin_)),
          ETIMEDOUT};
    }
  }
}

Result<std::string> RespConnection::read_some(int timeout_ms) {
  if (fd_ < 0) return Error{"not connected", ENOTCONN};
  if (begin_ == buffer_.size()) {
    const Fill got = fill(timeout_ms);
    if (got == Fill::kEnd || got == Fill::kError) return Error{"closed by the peer", ECONNRESET};
  }
  std::string bytes = buffer_.substr(begin_);
  buffer_.clear();
  begin_ = 0;
  return bytes;
}

Result<std::string> RespConnection::call(const std::vector<std::string>& args, int timeout_ms) {
  const Result<void> sent = send(encode_command(args), timeout_ms);
  if (!sent.ok()) return sent.error();
  return read_reply(timeout_ms);
}

Value RespConnection::ask(const std::vector<std::string>& args, int timeout_ms) {
  const Result<std::string> raw = call(args, timeout_ms);
  if (raw.ok()) return parse_value(*raw);
  Value failed;
  failed.type = '-';
  failed.text = "IOERR " + raw.error().message;
  return failed;
}

}  // namespace tessera::support
