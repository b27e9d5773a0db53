// Role: what the tests of links share: nodes that remember what their links said, raw strangers. Thread:
// tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/io/env.h"
#include "server/cluster/link/links.h"

namespace tessera::cluster::link {

inline std::shared_ptr<const bus::Message> make_message(bus::MessageType type, size_t payload_bytes = 0) {
  auto message = std::make_shared<bus::Message>();
  message->type = type;
  message->header.sender = std::string(40, 'a');
  if (type == bus::MessageType::kPublish) {
    message->body = bus::Publish{"channel", std::string(payload_bytes, 'x')};
  } else {
    message->body = bus::Gossip{};
  }
  return message;
}

// A node's links, and all they said.
struct Peer : LinkHandler {
  Peer(io::Env& env, const std::string& ip, const LinkOptions& options = {})
      : loop(env.make_loop()), links(std::make_unique<Links>(*loop, options, *this, nullptr)), ip(ip) {}

  void on_inbound(LinkId link, const std::string& remote) override {
    events.push_back("inbound " + remote);
    inbound.push_back(link);
  }
  void on_connected(LinkId link, const std::string& remote) override {
    events.push_back("connected " + std::to_string(link) + " " + remote);
  }
  void on_message(LinkId link, const std::string&, const std::string& local,
                  std::shared_ptr<const bus::Message> message) override {
    EXPECT_EQ(local, ip);
    if (keep_messages) messages.push_back(message);
    ++message_count[link];
    ++message_total;
    if (react) react(link, *message);
  }
  void on_passed_over(LinkId link, bus::MessageType type) override {
    events.push_back("passed over " + std::to_string(link) + " " + std::string(bus::message_type_name(type)));
  }
  void on_closed(LinkId link, CloseReason reason) override {
    events.push_back("closed");
    closed[link] = reason;
    if (closing) closing(link);
  }
  void turn() {
    loop->poll(millis(1));
    links->work();
  }

  std::unique_ptr<io::Loop> loop;
  std::vector<std::string> events;
  std::vector<LinkId> inbound;
  std::map<LinkId, CloseReason> closed;
  std::map<LinkId, size_t> message_count;
  size_t message_total = 0;
  bool keep_messages = true;
  std::vector<std::shared_ptr<const bus::Message>> messages;
  std::function<void(LinkId, const bus::Message&)> react;
  std::function<void(LinkId)> closing;
  std::unique_ptr<Links> links;
  std::string ip;
};

// Somebody with a socket: sends what it likes, reads or does not.
struct Stranger : io::StreamHandler {
  Stranger(io::Loop& loop, const std::string& ip, int port) {
    auto made = loop.connect(io::Address{ip, port, false}, "", this);
    EXPECT_TRUE(made.ok());
    if (made) stream = std::move(*made);
  }
  void on_data(io::Stream&, std::string_view bytes) override { received.append(bytes); }
  void on_end(io::Stream&, const Error&) override { gone = true; }
  void on_drained(io::Stream&) override {}
  void on_connected(io::Stream& self, Result<void> result) override {
    connected = result.ok();
    gone = !result.ok();
    if (connected && reads) self.read_start();
  }
  // How much was taken.
  size_t write(std::string_view bytes) {
    if (!connected || gone) return 0;
    const io::Slice slice{bytes.data(), bytes.size()};
    return stream->try_write({&slice, 1});
  }

  std::unique_ptr<io::Stream> stream;
  std::string received;
  bool connected = false, gone = false, reads = true;
};

inline bool run_until(const std::vector<Peer*>& peers, const std::function<bool()>& done,
                      Micros at_most = seconds(60)) {
  const MonoTime deadline = peers[0]->loop->clock().mono() + at_most;
  while (!done()) {
    if (peers[0]->loop->clock().mono() > deadline) return false;
    for (Peer* peer : peers) peer->turn();
  }
  return true;
}
inline void run_for(const std::vector<Peer*>& peers, Micros time) {
  (void)run_until(
      peers, [] { return false; }, time);
}

}  // namespace tessera::cluster::link
