// The direction of dependency, as data: which folder may include what. The reasons stand in
// common/README.md.
#ifndef KALAVAI_TESTS_TIDY_LAYERS_H_
#define KALAVAI_TESTS_TIDY_LAYERS_H_

#include <string>
#include <vector>

namespace kalavai::tidy {

struct Layer {
  std::string folder;                 // "common/crypto"
  std::vector<std::string> may;       // path prefixes of ours it may include, beside itself
  std::vector<std::string> must_not;  // library headers it must not include
};

// The layer with the longest matching folder, or nullptr.
const Layer* LayerOf(const std::string& path);

// Why `path` may not include `header`, or "".
std::string RefuseInclude(const Layer& layer, const std::string& path, const std::string& header);

// Sources whose test is not the file of the same name: commands, adapters and wiring, which the
// integration and end-to-end tests drive through the real programs.
bool TestedElsewhere(const std::string& path);

}  // namespace kalavai::tidy

#endif  // KALAVAI_TESTS_TIDY_LAYERS_H_
