// A probe pass as a directory: all that any process needs to make it, on this machine or another.
// A fusion writes one for every model whose arrays it lacks; docs/formats/probe_pass.md.
//
//   WORK/passes/<model>-<probe>/pass.json        what to compute, and the digest of every file
//   WORK/passes/<model>-<probe>/model/           config.json, weights, tokenizer
//   WORK/passes/<model>-<probe>/text/            the registered probe texts, tokenizer.json
//   WORK/caches/threads-N-<arithmetic>/<model>-<probe>.probe.safetensors    what comes of it
//
// Files are hard links to blobs. The directory stands for leave to make the pass: it goes when the
// fusion is over and when the member leaves, and whoever is at the pass then gives up.
//
//   RETURN_IF_ERROR(WritePassOrder(blobs, order, work));
//   ASSIGN_OR_RETURN(const PassOrder order, ReadPassOrder(work, name));
//   ASSIGN_OR_RETURN(const ProbeText probe, LoadPassText(work, order));    // digests checked
//
// No LibTorch. Pure functions of files; any thread.
#ifndef KALAVAI_COORDINATOR_FUSION_PASS_ORDER_H_
#define KALAVAI_COORDINATOR_FUSION_PASS_ORDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/sha256.h"
#include "common/probe/probe_cache.h"
#include "common/probe/probe_machine.h"
#include "common/probe/probe_text.h"
#include "common/storage/blob_store.h"
#include "coordinator/model_directory.h"

namespace kalavai::coordinator {

struct PassText {
  std::string domain = {};
  bool public_class = false;
  std::string format = {};  // "jsonl" or "txt"
  Digest digest = {};

  friend bool operator==(const PassText&, const PassText&) = default;
};

struct PassOrder {
  ProbeCacheKey key = {};  // its arithmetic_digest is that of `machine`
  bool features = false;   // of the base
  int64_t chunk_tokens = 0;
  ProbeMachine machine = {};
  std::vector<BlobFile> model = {};  // files of model/
  std::vector<PassText> texts = {};  // text/0.jsonl, text/1.txt, …
  Digest tokenizer = {};             // text/tokenizer.json: the base's
};

// "0123456789abcdef-fedcba9876543210": the name of its directory, and of its cache file.
std::string PassName(const ProbeCacheKey& key);
std::string PassDirectory(absl::string_view work, absl::string_view name);
std::string PassModelDirectory(absl::string_view work, absl::string_view name);
// Of this pass's arrays; CacheDirectory is the folder of it: "threads-4-0123456789abcdef",
// "cuda-threads-4-…": the first digits of the machine's ArithmeticDigest.
std::string CacheDirectory(absl::string_view work, const ProbeMachine& machine);
std::string PassCachePath(absl::string_view work, const PassOrder& order);

// Removes the folders of WORK/caches that this program would not name so on either device: arrays
// of an earlier program, library or processor, which nothing reads any more. Errors: those of
// removing files.
absl::Status RemoveForeignCaches(const std::string& work);

// pass.json, byte for byte the same for the same order.
std::string FormatPassOrder(const PassOrder& order);
// INVALID_ARGUMENT PROBE_PASS_INVALID (metadata `field` where there is one).
absl::StatusOr<PassOrder> ParsePassOrder(absl::string_view json);

// Links the files and writes pass.json last; leaves a directory alone that is the same already, as
// some process may be at it. Errors: those of MaterialiseCheckpoint and of writing files.
absl::Status WritePassOrder(const BlobStore& blobs, const PassOrder& order,
                            const std::string& work);

// NOT_FOUND PROBE_PASS_NOT_FOUND when there is none of this name, or the name is no name of a pass;
// PROBE_PASS_INVALID when it is another's.
absl::StatusOr<PassOrder> ReadPassOrder(const std::string& work, absl::string_view name);

// OK while the directory stands; PROBE_PASS_NOT_FOUND.
absl::Status CheckPassStands(const std::string& work, absl::string_view name);

// Hashes every file of model/ and text/ and cuts the probe text. PROBE_PASS_INVALID (metadata
// `file`) when one is missing or has another digest, or when the text has.
absl::StatusOr<ProbeText> LoadPassText(const std::string& work, const PassOrder& order);

// Names of all passes that are ordered, sorted; none when there is no such folder.
absl::StatusOr<std::vector<std::string>> ListPassNames(const std::string& work);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_PASS_ORDER_H_
