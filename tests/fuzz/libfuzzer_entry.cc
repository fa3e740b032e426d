// libFuzzer's entry, compiled once a target: KALAVAI_FUZZ_TARGET names the function.
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

#include "tests/fuzz/fuzz_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kalavai::fuzz::KALAVAI_FUZZ_TARGET(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
