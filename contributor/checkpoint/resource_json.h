// How the checkpoint commands print a list of signed files, and the checks they share.
#ifndef KALAVAI_CONTRIBUTOR_CHECKPOINT_RESOURCE_JSON_H_
#define KALAVAI_CONTRIBUTOR_CHECKPOINT_RESOURCE_JSON_H_

#include <span>
#include <string>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

#include "common/crypto/resource_list.h"

namespace kalavai::contributor {

// [{"name","sha256"}, …] in the order given.
nlohmann::json ToJson(std::span<const Resource> resources);

// OK for a directory; NOT_FOUND FILE_NOT_FOUND, INVALID_ARGUMENT NOT_A_DIRECTORY, IO_ERROR.
absl::Status RequireDirectory(const std::string& path);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_CHECKPOINT_RESOURCE_JSON_H_
