// Goal: grouped attention is plain attention with the keys repeated, on every path.
// Method: plain operations in float32 with repeated keys; gradients of both; with and without
// cache.
#include "common/model/attention.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

at::Tensor Wave(at::IntArrayRef sizes, double step) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return (at::arange(0, count, at::kFloat) * step).sin().view(sizes);
}

Heads SomeHeads(int64_t heads, int64_t kv_heads, int64_t tokens, at::ScalarType type) {
  return {Wave({2, heads, tokens, 8}, 0.37).to(type), Wave({2, kv_heads, tokens, 8}, 0.53).to(type),
          Wave({2, kv_heads, tokens, 8}, 0.71).to(type)};
}

at::Tensor Plain(const Heads& heads) {
  const int64_t group = heads.query_BHTS.size(1) / heads.key_BGTS.size(1);
  const int64_t tokens = heads.query_BHTS.size(2);
  const at::Tensor key = heads.key_BGTS.repeat_interleave(group, 1);
  const at::Tensor value = heads.value_BGTS.repeat_interleave(group, 1);
  const at::Tensor scores = heads.query_BHTS.matmul(key.transpose(2, 3)) / std::sqrt(8.0);
  const at::Tensor later = at::ones({tokens, tokens}, at::kBool).triu(1);
  const double low = -std::numeric_limits<double>::infinity();
  return scores.masked_fill(later, low).softmax(-1).matmul(value);
}

void RequireGradients(Heads& heads) {
  for (at::Tensor* tensor : {&heads.query_BHTS, &heads.key_BGTS, &heads.value_BGTS}) {
    tensor->requires_grad_(true);
  }
}

TEST_CASE("Grouped heads attend as if their keys were repeated", "[model]") {
  struct Row {
    int64_t heads, kv_heads;
    at::ScalarType type;
    double tolerance;
  };
  for (const Row& row :
       {Row{4, 4, at::kFloat, 1e-5}, Row{9, 3, at::kFloat, 1e-5}, Row{6, 1, at::kFloat, 1e-5},
        Row{4, 4, at::kBFloat16, 0.03}, Row{9, 3, at::kBFloat16, 0.03}}) {
    INFO(row.heads << " query heads, " << row.kv_heads << " key heads, "
                   << c10::toString(row.type));
    Heads ours = SomeHeads(row.heads, row.kv_heads, 13, row.type);
    Heads plain = SomeHeads(row.heads, row.kv_heads, 13, row.type);
    plain = {plain.query_BHTS.to(at::kFloat), plain.key_BGTS.to(at::kFloat),
             plain.value_BGTS.to(at::kFloat)};
    CHECK(at::allclose(Attend(ours, nullptr, 0).to(at::kFloat), Plain(plain), 0.0, row.tolerance));
    RequireGradients(ours);
    RequireGradients(plain);
    const at::Tensor attended = Attend(ours, nullptr, 0);
    const at::Tensor expected = Plain(plain);
    CHECK(at::allclose(attended.to(at::kFloat), expected, 0.0, row.tolerance));
    const at::Tensor slope = Wave(attended.sizes(), 0.19);
    attended.backward(slope.to(row.type));
    expected.backward(slope);
    CHECK(at::allclose(ours.query_BHTS.grad().to(at::kFloat), plain.query_BHTS.grad(), 0.0,
                       row.tolerance));
    CHECK(at::allclose(ours.key_BGTS.grad().to(at::kFloat), plain.key_BGTS.grad(), 0.0,
                       2 * row.tolerance));
    CHECK(at::allclose(ours.value_BGTS.grad().to(at::kFloat), plain.value_BGTS.grad(), 0.0,
                       2 * row.tolerance));
  }
}

TEST_CASE("With a cache, pieces of a text attend as the whole", "[model]") {
  const c10::InferenceMode inference;
  const Heads all = SomeHeads(6, 2, 12, at::kFloat);
  const at::Tensor expected = Plain(all);
  ModelConfig config = ModelConfig::Defaults(Family::kLlama);
  config.layer_count = 1;
  config.hidden_size = 48;
  config.head_count = 6;
  config.kv_head_count = 2;
  REQUIRE_OK_AND_ASSIGN(KvCache cache, NewKvCache(config, WeightType::kFloat32, 2, 12));
  int64_t first = 0;
  for (const int64_t count : {5, 1, 4, 1, 1}) {
    const Heads part = {all.query_BHTS.narrow(2, first, count).contiguous(),
                        all.key_BGTS.narrow(2, first, count).contiguous(),
                        all.value_BGTS.narrow(2, first, count).contiguous()};
    const at::Tensor attended = Attend(part, &cache, 0);
    CHECK(at::allclose(attended, expected.narrow(2, first, count), 0.0, 1e-5));
    cache.length += count;
    first += count;
  }
}

}  // namespace
}  // namespace kalavai
