// Role: what io's tests share: the two twins behind one face, handlers that remember. Thread: the test's.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/io/env.h"

namespace tessera::io {

// One twin: an environment, an address to listen on, a folder for files.
struct Twin {
  virtual ~Twin() = default;
  virtual Env& env() = 0;
  virtual std::string ip() const = 0;
  virtual std::string dir() const = 0;
};

struct TwinKind {
  const char* name;
  std::unique_ptr<Twin> (*make)();
};

std::unique_ptr<Twin> make_uv_twin();
std::unique_ptr<Twin> make_sim_twin();

// Polls until `done`, at most 60 s of the loop's clock. False when time ran out.
inline bool poll_until(Loop& loop, const std::function<bool()>& done) {
  const MonoTime deadline = loop.clock().mono() + seconds(60);
  while (!done()) {
    if (loop.clock().mono() > deadline) return false;
    loop.poll(millis(5));
  }
  return true;
}

// Remembers what happened to a stream.
struct Recorder : StreamHandler {
  std::string received;
  int end_count = 0;
  Error end;
  int drained_count = 0;
  int connected_count = 0;
  Result<void> connected;
  std::function<void(Stream&)> after_data;

  void on_data(Stream& stream, std::string_view bytes) override {
    received.append(bytes);
    if (after_data) after_data(stream);
  }
  void on_end(Stream&, const Error& error) override {
    ++end_count;
    end = error;
  }
  void on_drained(Stream&) override { ++drained_count; }
  void on_connected(Stream&, Result<void> result) override {
    ++connected_count;
    connected = result;
  }
};

// Keeps what it accepts.
struct Acceptor : ListenHandler {
  std::vector<std::unique_ptr<Stream>> streams;
  std::function<void(Stream&)> on_new;
  void on_accept(Listener&, std::unique_ptr<Stream> stream) override {
    streams.push_back(std::move(stream));
    if (on_new) on_new(*streams.back());
  }
};

inline size_t write_text(Stream& stream, std::string_view text) {
  const Slice slice{text.data(), text.size()};
  return stream.try_write({&slice, 1});
}

// A connected pair over one listener.
struct Pair {
  Acceptor acceptor;
  std::unique_ptr<Listener> listener;
  Recorder near_events;
  Recorder far_events;
  std::unique_ptr<Stream> near;
  std::unique_ptr<Stream> far;

  // False when they did not find each other.
  bool make(Loop& loop, const std::string& ip) {
    ListenOptions options;
    options.host = ip;
    auto listening = loop.listen(options, &acceptor);
    if (!listening) return false;
    listener = std::move(*listening);
    Address to;
    to.ip = ip;
    to.port = listener->port();
    auto connecting = loop.connect(to, "", &near_events);
    if (!connecting) return false;
    near = std::move(*connecting);
    if (!poll_until(loop, [&] { return near_events.connected_count == 1 && acceptor.streams.size() == 1; }))
      return false;
    far = std::move(acceptor.streams[0]);
    acceptor.streams.clear();
    far->set_handler(&far_events);
    near->read_start();
    far->read_start();
    return near_events.connected.ok();
  }
};

}  // namespace tessera::io
