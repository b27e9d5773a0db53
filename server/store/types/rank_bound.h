// Role: a border in the order of a sorted set: by score, by member (where all scores are equal), or by both.
// Thread: any (pure).
#pragma once

#include <string_view>

namespace tessera::store {

struct RankBound {
  enum class By { kScore, kMember, kElement };
  By by = By::kScore;
  double score = 0;
  std::string_view member;
  bool behind_equal = false;  // the border lies behind what is equal to it, else in front

  static RankBound of_score(double score, bool behind_equal) { return {By::kScore, score, {}, behind_equal}; }
  static RankBound of_member(std::string_view member, bool behind_equal) {
    return {By::kMember, 0, member, behind_equal};
  }
  static RankBound of_element(double score, std::string_view member) {
    return {By::kElement, score, member, false};
  }

  // Whether an element is in front of the border.
  bool is_behind(double s, std::string_view m) const {
    if (by == By::kScore) return s < score || (behind_equal && s == score);
    if (by == By::kElement && s != score) return s < score;
    const int order = m.compare(member);
    return order < 0 || (behind_equal && order == 0);
  }
};

}  // namespace tessera::store
