#include "common/training/chunk_order.h"

#include <cstddef>
#include <numeric>
#include <utility>

#include "common/base/check.h"
#include "common/model/sampler.h"

namespace kalavai {

ChunkOrder::ChunkOrder(int64_t chunk_count, uint64_t seed)
    : seed_(seed), permutation_(static_cast<size_t>(chunk_count)) {
  KALAVAI_CHECK(chunk_count >= 1, "an order needs at least one chunk");
}

int64_t ChunkOrder::At(int64_t position) {
  const int64_t count = static_cast<int64_t>(permutation_.size());
  if (position / count != pass_) Shuffle(position / count);
  return permutation_[static_cast<size_t>(position % count)];
}

void ChunkOrder::Shuffle(int64_t pass) {
  pass_ = pass;
  std::iota(permutation_.begin(), permutation_.end(), 0);
  // One draw mixes the pass in, so that neighbouring seeds and passes share nothing.
  SplitMix64 mixer(seed_);
  SplitMix64 generator(mixer.Next() ^ static_cast<uint64_t>(pass));
  for (size_t last = permutation_.size() - 1; last > 0; --last) {
    // The bias of the remainder is below 2^-32 for any number of chunks that fits in memory.
    const size_t other = generator.Next() % (last + 1);
    std::swap(permutation_[last], permutation_[other]);
  }
}

}  // namespace kalavai
