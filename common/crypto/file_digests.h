// SHA-256 of many files, on as many cores as the process may use.
#ifndef KALAVAI_COMMON_CRYPTO_FILE_DIGESTS_H_
#define KALAVAI_COMMON_CRYPTO_FILE_DIGESTS_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/crypto/sha256.h"

namespace kalavai {

// The cores this process may run on (its affinity), at most limits::kHashThreadsMax.
int HashThreads();

// Returns one digest a path, in their order. Each file is read once by one thread; the largest
// first, so that the threads end together. Memory: 1 MiB a thread. Returns when all threads are
// done. Errors: those of Sha256OfFile, of the first path (in the order given) that has one among
// those read before the work stopped.
absl::StatusOr<std::vector<Digest>> Sha256OfFiles(std::span<const std::string> paths,
                                                  int threads = HashThreads());

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_FILE_DIGESTS_H_
