// Role: what commands on lists share, those that wait included: looking a list up, taking elements from a
// side, moving them to another list. Each does all that the change needs: reply, event, effect, the removal
// of an empty key. Thread: the shard's.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/resp/writer.h"
#include "server/shard/ctx.h"
#include "server/store/types/list.h"

namespace tessera::commands {

using store::ListSide;

// LEFT or RIGHT, in any case; else the syntax error.
bool read_side(std::string_view arg, resp::Writer& reply, ListSide& side);

// numkeys key... LEFT|RIGHT [COUNT count], from argument `at` on.
struct ListMultiPop {
  size_t first_key_at = 0;
  size_t key_count = 0;
  ListSide side = ListSide::kHead;
  uint64_t count = 1;
};
bool read_multi_pop(const registry::Args& args, size_t at, resp::Writer& reply, ListMultiPop& pop);

// LEFT|RIGHT LEFT|RIGHT at `sides_at`, [COUNT|EXACTLY n OBO|BULK] from `options_at` on.
struct MoveSeveral {
  ListSide from = ListSide::kHead;
  ListSide to = ListSide::kHead;
  uint64_t count = 1;
  bool exactly = false;
  bool one_by_one = true;
  // How many of a list of `size` elements move; 0: there are too few.
  uint64_t movable(uint64_t size) const { return size >= count ? count : exactly ? 0 : size; }
};
bool read_move_several(const registry::Args& args, size_t sides_at, size_t options_at, resp::Writer& reply,
                       MoveSeveral& options);

store::ListLimits list_limits(const shard::Ctx& ctx);
// An editor of what the key holds now (nullptr or a list).
store::ListEditor edit_list(shard::Ctx& ctx, const store::Key& key, const store::Entry* entry);

// An element as a bulk string; a large one is not copied.
void reply_item(const store::ListItem& item, resp::Writer& reply);

// Pops the first element of a side and replies with it. Effect: LPOP or RPOP.
void pop_one(shard::Ctx& ctx, const store::Key& key, const store::Entry& list, ListSide side,
             resp::Writer& reply);
// Pops up to `count` > 0 elements and replies with an array of them. Effect: LPOP or RPOP with their number.
void pop_several(shard::Ctx& ctx, const store::Key& key, const store::Entry& list, ListSide side,
                 uint64_t count, resp::Writer& reply);
// Pops one element of `source` and pushes it to the list at `target`, perhaps the same; replies with it.
// REQUIRES: what `target` holds is a list or nothing. Effect: LMOVE.
void move_one(shard::Ctx& ctx, const store::Key& source, const store::Entry& list, const store::Key& target,
              ListSide from, ListSide to, resp::Writer& reply);
// Several, `count` <= the number of elements: one by one (so that their order turns when both sides are the
// same) or as a block that keeps its order. Replies with an array in the order of the target. Effect: LMOVE
// for each.
void move_several(shard::Ctx& ctx, const store::Key& source, const store::Entry& list,
                  const store::Key& target, ListSide from, ListSide to, uint64_t count, bool one_by_one,
                  resp::Writer& reply);

}  // namespace tessera::commands
