#include "server/dispatch/refusals.h"

#include <memory>

#include "server/acl/acl_store.h"
#include "server/control/control.h"

namespace tessera::dispatch {
namespace {

constexpr int kMostUnderWay = 256;

struct Refusal : control::Request {
  acl::LogEntry entry;
  void handle(control::Control& control) override {
    const std::unique_ptr<Refusal> mine(this);
    acl::AclStore& store = *control.services().acl;
    store.refusals_under_way().fetch_sub(1, std::memory_order_relaxed);
    store.log().add(std::move(entry));
  }
};

}  // namespace

void log_refusal(Engine& engine, Session& session, acl::Reason reason, std::string_view object,
                 std::string_view user_name) {
  control::Control& control = *engine.node().control;
  acl::AclStore* store = control.services().acl;  // set before threads start
  if (store == nullptr) return;
  if (store->refusals_under_way().fetch_add(1, std::memory_order_relaxed) >= kMostUnderWay) {
    store->refusals_under_way().fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  auto* refusal = new Refusal;
  refusal->entry.reason = reason;
  refusal->entry.context = session.has(kMulti) ? acl::Context::kMulti : acl::Context::kTopLevel;
  refusal->entry.object = object;
  refusal->entry.user_name = user_name;
  refusal->entry.client_info = engine.clients().describe(session);
  refusal->entry.when = engine.now();
  control.post(refusal);
}

}  // namespace tessera::dispatch
