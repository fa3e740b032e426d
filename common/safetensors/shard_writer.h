// Writes weights as huggingface_hub does: one model.safetensors, or shards and their index.
//
//   ASSIGN_OR_RETURN(const int64_t limit, ParseShardSize("5GB"));
//   ASSIGN_OR_RETURN(const std::vector<std::string> files, WriteWeights(dir, tensors, limit));
//
// The split is that of huggingface_hub's split_state_dict_into_shards_factory: tensors in the order
// given, a new shard when the next one would exceed the limit, a tensor above the limit in a shard
// of its own, at its place in the order of closed shards; no bin packing. One shard is
// model.safetensors without an index. The index is theirs byte for byte: two spaces of indent,
// `metadata` {"total_size": Σ tensor bytes} first, then `weight_map` by shard.
#ifndef KALAVAI_COMMON_SAFETENSORS_SHARD_WRITER_H_
#define KALAVAI_COMMON_SAFETENSORS_SHARD_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/safetensors/writer.h"

namespace kalavai {

inline constexpr int64_t kDefaultShardBytes = 5'000'000'000;  // huggingface_hub's "5GB"

// Returns the bytes of "5GB", "1.5GB", "200MB", "10KB", "1TB" (decimal units, as huggingface_hub
// reads them) or of a plain number. INVALID_ARGUMENT FIELD_INVALID otherwise, also below 1 byte.
absl::StatusOr<int64_t> ParseShardSize(absl::string_view text);

// Returns the indices of the tensors of each shard. `max_bytes` ≥ 1.
std::vector<std::vector<size_t>> SplitIntoShards(const std::vector<TensorView>& tensors,
                                                 int64_t max_bytes);

// Writes the files into `directory`, which must exist, each atomically, the index last; returns
// their names, sorted. Weights of the other form, and shards of another number, that lie there are
// removed first: a directory whose writing was interrupted is refused by CheckpointDirectory, not
// read as an old or mixed model. Errors: those of WriteSafetensors; SAFETENSORS_DUPLICATE_KEY when
// two tensors have one name.
absl::StatusOr<std::vector<std::string>> WriteWeights(const std::string& directory,
                                                      const std::vector<TensorView>& tensors,
                                                      int64_t max_bytes = kDefaultShardBytes);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_SAFETENSORS_SHARD_WRITER_H_
