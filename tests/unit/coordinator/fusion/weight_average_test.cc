// Goal: the average is the mean of the weights, and its name in a cache is no other model's.
// Method: the average of a model with itself is that model; two models by hand, tensor by tensor.
#include "coordinator/fusion/weight_average.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "common/safetensors/reader.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::coordinator {
namespace {

std::vector<float> Values(const std::string& directory) {
  const SafetensorsFile file =
      SafetensorsFile::Open(directory + "/model.safetensors", SafetensorsMode::kFormat).value();
  std::vector<float> values;
  std::set<std::string> names;
  for (const TensorInfo& tensor : file.header().tensors()) names.emplace(tensor.name);
  for (const std::string& name : names) {  // in one order, whatever the file's
    for (const TensorInfo& tensor : file.header().tensors()) {
      if (tensor.name != name) continue;
      REQUIRE(tensor.dtype == Dtype::kF32);
      const auto bytes = file.Bytes(tensor);
      const size_t before = values.size();
      values.resize(before + bytes.size() / sizeof(float));
      std::memcpy(values.data() + before, bytes.data(), bytes.size());
    }
  }
  return values;
}

TEST_CASE("Each weight is the mean of the models' weights", "[fusion]") {
  const testing::TempDir temp;
  testing::WriteTinyBase(temp.File("a"), 1);
  testing::WriteTinyBase(temp.File("b"), 2);
  REQUIRE_OK(WriteWeightAverage({temp.File("a"), temp.File("a")}, temp.File("same")));
  CHECK(Values(temp.File("same")) == Values(temp.File("a")));

  std::filesystem::create_directory(temp.File("mean"));
  testing::WriteFile(temp.File("mean") + "/left.over", "x");  // the directory is made anew
  REQUIRE_OK(WriteWeightAverage({temp.File("a"), temp.File("b")}, temp.File("mean")));
  CHECK_FALSE(std::filesystem::exists(temp.File("mean") + "/left.over"));
  const std::vector<float> a = Values(temp.File("a")), b = Values(temp.File("b")),
                           mean = Values(temp.File("mean"));
  REQUIRE(mean.size() == a.size());
  float worst = 0, apart = 0;
  for (size_t i = 0; i < mean.size(); ++i) {
    worst = std::max(worst, std::abs(mean[i] - (a[i] + b[i]) / 2));
    apart = std::max(apart, std::abs(a[i] - b[i]));
  }
  CHECK(worst < 1e-6F);
  CHECK(apart > 1e-3F);  // so that the mean differs from both
}

TEST_CASE("A model that is not there cannot be averaged", "[fusion]") {
  const testing::TempDir temp;
  testing::WriteTinyBase(temp.File("a"), 1);
  CHECK_FALSE(WriteWeightAverage({temp.File("a"), temp.File("b")}, temp.File("mean")).ok());
}

TEST_CASE("The average's key depends on every model and their order", "[fusion]") {
  const Digest a = Sha256Of("a"), b = Sha256Of("b");
  const std::vector<std::vector<Digest>> lists = {{}, {a}, {b}, {a, b}, {b, a}, {a, a}};
  std::set<std::string> keys;
  for (const std::vector<Digest>& list : lists) keys.insert(WeightAverageKey(list).Hex());
  CHECK(keys.size() == lists.size());
  CHECK(!keys.contains(a.Hex()));  // never the key of a model itself
}

}  // namespace
}  // namespace kalavai::coordinator
