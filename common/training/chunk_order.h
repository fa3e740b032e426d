// The order in which training reads its chunks: a fresh shuffle for every pass over them, fixed by
// the seed alone, so that a resumed run reads what the uninterrupted one would have read.
//
//   ChunkOrder order(chunks, seed);
//   for (int64_t i = 0; i < batch; ++i) Read(order.At(step * batch + i));
//
// Generator: SplitMix64 (common/model/sampler.h) seeded with (seed, pass); Fisher–Yates from the
// end. Holds the permutation of one pass. Threads: one at a time.
#ifndef KALAVAI_COMMON_TRAINING_CHUNK_ORDER_H_
#define KALAVAI_COMMON_TRAINING_CHUNK_ORDER_H_

#include <cstdint>
#include <vector>

namespace kalavai {

class ChunkOrder {
 public:
  // chunk_count ≥ 1.
  ChunkOrder(int64_t chunk_count, uint64_t seed);

  // The chunk read at this position, 0, 1, …; pass = position / chunk_count.
  int64_t At(int64_t position);

 private:
  void Shuffle(int64_t pass);

  uint64_t seed_;
  int64_t pass_ = -1;
  std::vector<int64_t> permutation_;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TRAINING_CHUNK_ORDER_H_
