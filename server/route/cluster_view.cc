#include "server/route/cluster_view.h"

#include <utility>

#include "common/base/check.h"
#include "common/text/integers.h"

namespace tessera::route {

int ClusterView::find_node(std::string_view id) const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].id == id) return static_cast<int>(i);
  }
  return kNobody;
}

void ClusterView::add_to_ranges(int slot, int owner) {
  std::vector<Range>& ranges = ranges_[static_cast<size_t>(owner)];
  if (!ranges.empty() && ranges.back().last == slot - 1) {
    ranges.back().last = slot;
  } else {
    ranges.push_back({slot, slot});
  }
  ++slot_counts_[static_cast<size_t>(owner)];
}

const std::string& ClusterView::ip_of(int index, ClientSide client) const {
  const NodeInfo& info = node(index);
  const std::string& announced = client.ipv6 ? info.client_ipv6 : info.client_ipv4;
  return announced.empty() ? info.ip : announced;
}

int ClusterView::port_of(int index, ClientSide client) const {
  const NodeInfo& info = node(index);
  const int plain = info.client_port != 0 ? info.client_port : info.port;
  const int tls = info.client_tls_port != 0 ? info.client_tls_port : info.tls_port;
  return client.tls && tls != 0 ? tls : plain != 0 ? plain : tls;
}

std::string ClusterView::address_of(int index, ClientSide client) const {
  const NodeInfo& info = node(index);
  std::string address;
  switch (options_.endpoint_type) {
    case EndpointType::kIp:
      address = ip_of(index, client);
      break;
    case EndpointType::kHostname:
      address = info.hostname.empty() ? "?" : info.hostname;
      break;
    case EndpointType::kUnknown:
      break;  // the client goes on with the host it knows
  }
  return address + ":" + text::to_text(port_of(index, client));
}

ClusterViewBuilder::ClusterViewBuilder() {
  view_.enabled_ = true;
  view_.owner_.fill(kNobody);
}

int ClusterViewBuilder::add_node(NodeInfo node) {
  view_.nodes_.push_back(std::move(node));
  return static_cast<int>(view_.nodes_.size()) - 1;
}

ClusterView ClusterViewBuilder::build() && {
  const int node_count = static_cast<int>(view_.nodes_.size());
  TESSERA_CHECK(view_.me_ >= 0 && view_.me_ < node_count);
  view_.assigned_count_ = 0;
  view_.ranges_.assign(static_cast<size_t>(node_count), {});
  view_.slot_counts_.assign(static_cast<size_t>(node_count), 0);
  const bool primary = !view_.self().is_replica;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    const int owner = view_.owner(slot);
    TESSERA_CHECK(owner >= kNobody && owner < node_count);
    view_.assigned_count_ += owner != kNobody;
    if (owner != kNobody) view_.add_to_ranges(slot, owner);
    const bool plain = view_.ok_ && primary && owner == view_.me_;
    view_.quick_[static_cast<size_t>(slot)] = plain ? ClusterView::kServed : ClusterView::kAsk;
  }
  for (const auto& [slot, to] : view_.migrating_) {
    TESSERA_CHECK(view_.is_mine(slot) && to >= 0 && to < node_count);
    view_.quick_[static_cast<size_t>(slot)] = ClusterView::kAsk;
  }
  for (const auto& [slot, from] : view_.importing_) {
    TESSERA_CHECK(!view_.is_mine(slot) && from >= 0 && from < node_count);
  }
  return std::move(view_);
}

}  // namespace tessera::route
