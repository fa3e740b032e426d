// Strict, bounded JSON reading for foreign bytes: UTF-8 only, no duplicate keys at any level
// (compared after unescaping), bounded depth and size, nothing after the value.
#ifndef KALAVAI_COMMON_BASE_JSON_READER_H_
#define KALAVAI_COMMON_BASE_JSON_READER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "common/base/limits.h"

namespace kalavai {

struct JsonLimits {
  int64_t bytes_max = limits::kJsonBytesMax;
  int64_t depth_max = limits::kJsonDepthMax;
};

// Reads one JSON value. Errors: INVALID_ARGUMENT, reason JSON_INVALID, with the byte offset in the
// metadata. Numbers keep their kind: integers stay integers. Object keys come out sorted.
absl::StatusOr<nlohmann::json> ReadJson(absl::string_view text, const JsonLimits& limits = {});

// Typed access that reports the field's name instead of throwing. Each returns INVALID_ARGUMENT,
// reason JSON_INVALID, when the field is absent, of another type, or out of range.
absl::StatusOr<std::string> JsonString(const nlohmann::json& object, const char* field);
absl::StatusOr<int64_t> JsonInt(const nlohmann::json& object, const char* field);
absl::StatusOr<double> JsonNumber(const nlohmann::json& object, const char* field);  // finite
absl::StatusOr<bool> JsonBool(const nlohmann::json& object, const char* field);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_JSON_READER_H_
