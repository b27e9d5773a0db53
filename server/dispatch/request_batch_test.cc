// Role: commands survive the way to another shard: keys found again, empty arguments, large ones.
#include "server/dispatch/request_batch.h"

#include <gtest/gtest.h>

namespace tessera::dispatch {
namespace {

// The arguments of a command that was kept lie in one block, so an empty one has the address of the next.
TEST(RequestBatch, AnEmptyKeyIsNotTakenForItsNeighbour) {
  const registry::CommandRow row{};
  const std::string block = "delkey:1";
  const std::vector<std::string_view> views = {
      {block.data(), 3}, {block.data() + 3, 0}, {block.data() + 3, 5}};
  CommandView command;
  command.row = &row;
  command.args = registry::Args(views);
  command.key = {views[1], 17, 0};
  const OwnedCommand owned(command);
  RequestBatch batch(0, 1);
  batch.begin_group({}, 1, {});
  batch.add(owned.view());
  std::vector<std::string_view> out;
  std::vector<SharedBytes> owners;
  const CommandView arrived = batch.view(batch.commands()[0], out, owners);
  EXPECT_EQ(arrived.key.bytes, "");
  EXPECT_EQ(arrived.key.hash, 17u);
  ASSERT_EQ(arrived.args.size(), 3u);
  EXPECT_EQ(arrived.args[2], "key:1");
}

TEST(RequestBatch, LargeArgumentsTravelAsBuffers) {
  const registry::CommandRow row{};
  const SharedBytes large = SharedBytes::copy_of(std::string(5000, 'x'));
  const std::vector<std::string_view> views = {"set", "k", large.view()};
  const std::vector<SharedBytes> owners = {{}, {}, large};
  CommandView command;
  command.row = &row;
  command.args = registry::Args(views, owners);
  command.key = {views[1], 5, 9};
  RequestBatch batch(0, 1);
  batch.begin_group({}, 1, {});
  batch.add(command);
  std::vector<std::string_view> out;
  std::vector<SharedBytes> out_owners;
  const CommandView arrived = batch.view(batch.commands()[0], out, out_owners);
  EXPECT_EQ(arrived.args[2].data(), large.data());
  ASSERT_NE(arrived.args.owner(2), nullptr);
  EXPECT_EQ(arrived.key.bytes, "k");
  EXPECT_EQ(arrived.key.slot, 9);
}

}  // namespace
}  // namespace tessera::dispatch
