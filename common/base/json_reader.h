// Strict, bounded JSON reading for foreign bytes (RFC 8259, and I-JSON, RFC 7493, where the two
// differ): one text, one value, whoever reads it.
//
// Refused, at any depth: what is not UTF-8, a byte-order mark, lone surrogates (escaped ones too),
// duplicate keys (compared after unescaping), comments, trailing commas and bytes, NaN and
// infinities, numbers that overflow a double, integers that fit neither int64 nor uint64 (other
// readers round them), more than the allowed bytes or depth.
// -0 is read as the number -0.0: it is not an integer.
//
//   ASSIGN_OR_RETURN(const nlohmann::json json, ReadJson(text));
//   RETURN_IF_ERROR(CheckJsonKeys(json, {"contributor", "tokens"}));   // an object, nothing else
//   ASSIGN_OR_RETURN(const int64_t tokens, JsonInt(json, "tokens"));
//
// Pure functions; memory is bounded by a multiple of the text.
#ifndef KALAVAI_COMMON_BASE_JSON_READER_H_
#define KALAVAI_COMMON_BASE_JSON_READER_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

#include "common/base/limits.h"

namespace kalavai {

struct JsonLimits {
  int64_t bytes_max = limits::kJsonBytesMax;
  int64_t depth_max = limits::kJsonDepthMax;
};

// Reads one JSON value. Errors: INVALID_ARGUMENT, reason JSON_INVALID; the metadata have the
// `offset` of the first byte of what is wrong and its `path` ("$.layers[3].name"; of a syntax
// error, the array or object that is open there). Numbers keep their kind: integers stay integers.
// Object keys come out sorted.
absl::StatusOr<nlohmann::json> ReadJson(absl::string_view text, const JsonLimits& limits = {});

// Typed access that reports the field's name instead of throwing. Each returns INVALID_ARGUMENT,
// reason JSON_INVALID, when `object` is no object, or the field is absent, of another type or out
// of range.
absl::StatusOr<std::string> JsonString(const nlohmann::json& object, const char* field);
absl::StatusOr<int64_t> JsonInt(const nlohmann::json& object, const char* field);
absl::StatusOr<double> JsonNumber(const nlohmann::json& object, const char* field);  // finite
absl::StatusOr<bool> JsonBool(const nlohmann::json& object, const char* field);

// OK when `object` is an object that has no other keys than `allowed`; the same error.
absl::Status CheckJsonKeys(const nlohmann::json& object,
                           std::initializer_list<absl::string_view> allowed);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_BASE_JSON_READER_H_
