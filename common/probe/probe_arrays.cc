#include "common/probe/probe_arrays.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

absl::Status CheckCaches(const ProbeText& probe, std::span<const ProbeCache* const> caches) {
  if (caches.empty() || caches[0]->feature_width == 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, "PROBE_CACHE_INVALID",
                     {.what = "probe caches: the first must be the base's, with features",
                      .why = "the gate's features are the base's hidden states",
                      .fix = "remove the base's cache; the fusion makes it again"});
  }
  for (size_t expert = 0; expert < caches.size(); ++expert) {
    RETURN_IF_ERROR(
        Annotate(CheckProbeCache(probe, *caches[expert]), absl::StrCat("expert ", expert)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ProbeArrays> ProbeArrays::Assemble(const ProbeText& probe,
                                                  std::span<const ProbeCache* const> caches,
                                                  ProbePart part) {
  RETURN_IF_ERROR(CheckCaches(probe, caches));
  const size_t rows = static_cast<size_t>(probe.chunk_tokens - 1);
  const size_t width = static_cast<size_t>(caches[0]->feature_width);

  ProbeArrays arrays;
  // Both parts are as large as the caches: grown by doubling they would be three times that.
  const auto chunks =
      static_cast<size_t>(std::count(probe.chunk_part.begin(), probe.chunk_part.end(), part));
  arrays.log_prob_.reserve(chunks * rows * caches.size());
  arrays.hidden_.reserve(chunks * rows * width);
  for (size_t chunk = 0; chunk < probe.chunk_part.size(); ++chunk) {
    if (probe.chunk_part[chunk] != part) continue;
    arrays.chunk_.push_back(static_cast<int32_t>(chunk));
    arrays.domain_.push_back(probe.chunk_domain[chunk]);
    for (size_t t = 0; t < rows; ++t) {
      for (const ProbeCache* cache : caches) {
        arrays.log_prob_.push_back(cache->log_probs[chunk * rows + t]);
      }
    }
    const auto first =
        caches[0]->features.begin() + static_cast<std::ptrdiff_t>((chunk * (rows + 1) + 1) * width);
    arrays.hidden_.insert(arrays.hidden_.end(), first,
                          first + static_cast<std::ptrdiff_t>(rows * width));
  }
  arrays.data_.experts = static_cast<int>(caches.size());
  arrays.data_.width = static_cast<int>(width);
  arrays.data_.rows = static_cast<int>(rows);
  for (const ProbeDomain& domain : probe.domains) arrays.data_.domains.push_back(domain.name);
  arrays.data_.log_prob = arrays.log_prob_;
  arrays.data_.hidden = arrays.hidden_;
  arrays.data_.domain = arrays.domain_;
  arrays.data_.chunk = arrays.chunk_;
  RETURN_IF_ERROR(ValidateProbeData(arrays.data_));
  return arrays;
}

}  // namespace kalavai
