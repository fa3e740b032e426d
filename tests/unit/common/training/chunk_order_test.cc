// Goal: every pass reads every chunk once, in an order that the seed alone decides.
// Method: whole passes compared as sets; orders of other seeds and passes compared; access from the
// middle compared with access in sequence.
#include "common/training/chunk_order.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

std::vector<int64_t> Pass(ChunkOrder& order, int64_t count, int64_t pass) {
  std::vector<int64_t> chunks;
  for (int64_t i = 0; i < count; ++i) chunks.push_back(order.At(pass * count + i));
  return chunks;
}

TEST_CASE("A pass reads every chunk exactly once", "[training]") {
  for (const int64_t count : {1, 2, 7, 100}) {
    ChunkOrder order(count, 3);
    for (const int64_t pass : {0, 1, 5}) {
      std::vector<int64_t> chunks = Pass(order, count, pass);
      std::sort(chunks.begin(), chunks.end());
      std::vector<int64_t> all(static_cast<size_t>(count));
      std::iota(all.begin(), all.end(), 0);
      REQUIRE(chunks == all);
    }
  }
}

TEST_CASE("Passes and seeds differ, the same seed repeats", "[training]") {
  ChunkOrder order(50, 3);
  ChunkOrder same(50, 3);
  ChunkOrder other(50, 4);
  const std::vector<int64_t> first = Pass(order, 50, 0);
  REQUIRE(first != Pass(order, 50, 1));
  REQUIRE(first != Pass(other, 50, 0));
  REQUIRE(first == Pass(same, 50, 0));
}

TEST_CASE("A run that starts in the middle reads what the whole run would have read",
          "[training]") {
  ChunkOrder whole(9, 1);
  for (int64_t i = 0; i < 23; ++i) (void)whole.At(i);
  ChunkOrder resumed(9, 1);
  for (int64_t i = 23; i < 40; ++i) REQUIRE(resumed.At(i) == whole.At(i));
}

}  // namespace
}  // namespace kalavai
