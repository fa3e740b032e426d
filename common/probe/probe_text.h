// The probe text of a cooperative: what every model is measured on (design §3.1).
//
// Per domain, the documents are split by their hash into a router part (fits the gate) and an
// evaluation part (reports figures), in halves; each part is ordered by hash, encoded, packed into
// chunks of T tokens, and at most chunks_per_part of them, spread over its documents, are taken
// (common/corpus/chunk_selection.h). The choice depends on the documents'
// content only: the order of files and lines does not matter, and a document is never in both
// parts.
//
//   ASSIGN_OR_RETURN(const ProbeText probe, BuildProbeText(*tokenizer, texts, {.chunk_tokens =
//   T})); … RunProbePass(dir, probe, …), MeanLosses(probe, cache, ProbePart::kEvaluation) …
//
// No LibTorch. Values own their data. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_PROBE_PROBE_TEXT_H_
#define KALAVAI_COMMON_PROBE_PROBE_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kalavai {

class Tokenizer;

enum class ProbePart : int8_t { kRouter = 0, kEvaluation = 1 };
absl::string_view NameOf(ProbePart part);  // "router", "evaluation"

// The documents of one domain as they were registered (read with common/corpus).
struct ProbeDocuments {
  std::string domain = {};
  bool public_class = false;  // text of the base's own ground; belongs to no member
  std::vector<std::string> documents = {};
};

struct ProbeDomain {
  std::string name = {};
  bool public_class = false;
  int64_t router_documents = 0;  // documents of the part, whether or not they were reached
  int64_t evaluation_documents = 0;
};

// All chunks of all domains, ordered by domain, then router before evaluation.
struct ProbeText {
  int64_t chunk_tokens = 0;  // T
  std::vector<ProbeDomain> domains = {};
  std::vector<int32_t> tokens = {};        // chunks × T
  std::vector<int32_t> chunk_domain = {};  // [chunks] index into domains
  std::vector<ProbePart> chunk_part = {};  // [chunks]
  std::vector<int64_t> chunk_bytes = {};   // [chunks] UTF-8 bytes the chunk's tokens stand for
  std::string digest = {};                 // hex SHA-256: docs/formats/probe_cache.md

  int64_t chunk_count() const { return static_cast<int64_t>(chunk_domain.size()); }
  std::span<const int32_t> Chunk(int64_t chunk) const {
    return std::span<const int32_t>(tokens).subspan(static_cast<size_t>(chunk * chunk_tokens),
                                                    static_cast<size_t>(chunk_tokens));
  }
  // The chunks of one domain and part, ascending.
  std::vector<int64_t> ChunksOf(int32_t domain, ProbePart part) const;
  // UTF-8 bytes / tokens over a domain's evaluation chunks: nats/token ÷ this = nats/byte.
  double BytesPerToken(int32_t domain) const;
};

// 64 chunks a part are enough (reference measurements: 64 → 128 chunks moves the equal-weight loss
// by 0.5–1 %); fewer than 4 cannot hold out a third.
inline constexpr int64_t kProbeChunksPerPart = 64;
inline constexpr int64_t kProbeChunksMin = 4;

struct ProbeTextOptions {
  int64_t chunk_tokens = 256;
  int64_t chunks_per_part = kProbeChunksPerPart;
};

// Errors: INVALID_ARGUMENT: TEXT_EMPTY (a domain without a document), TOO_LITTLE_TEXT (a part of a
// domain gives fewer than kProbeChunksMin chunks; metadata `domain`, `part`, `found`, `needed`),
// FIELD_INVALID (no domain, two of one name, chunk_tokens < 2, chunks_per_part < kProbeChunksMin),
// and those of Tokenizer::Encode.
absl::StatusOr<ProbeText> BuildProbeText(const Tokenizer& tokenizer,
                                         std::span<const ProbeDocuments> texts,
                                         const ProbeTextOptions& options);

// The same of `domains` texts that are asked for one after another, so that the documents of one
// domain at a time are in memory. Errors also: those of `read`.
absl::StatusOr<ProbeText> BuildProbeText(
    const Tokenizer& tokenizer, size_t domains,
    const std::function<absl::StatusOr<ProbeDocuments>(size_t domain)>& read,
    const ProbeTextOptions& options);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PROBE_PROBE_TEXT_H_
