// The one file that needs LibTorch's custom gradients (5 s more to compile): see torch.h.
#define KALAVAI_TORCH_CUSTOM_GRADIENTS
#include "common/model/head_layout.h"

#include <algorithm>
#include <vector>

#include "common/base/check.h"

namespace kalavai {
namespace {

using at::Tensor;

struct Shape {
  int64_t batch = 0, tokens = 0, heads = 0, head = 0, half = 0;  // half = R
};

// to = from rotated by (cos, sin); direction −1 rotates back.
template <typename Scalar>
void RotateRow(const Scalar* from, Scalar* to, const float* cos, const float* sin, float direction,
               const Shape& shape) {
  for (int64_t i = 0; i < shape.half; ++i) {
    const float a = static_cast<float>(from[i]);
    const float b = static_cast<float>(from[i + shape.half]);
    const float s = direction * sin[i];
    to[i] = static_cast<Scalar>(a * cos[i] - b * s);
    to[i + shape.half] = static_cast<Scalar>(b * cos[i] + a * s);
  }
  std::copy(from + 2 * shape.half, from + shape.head, to + 2 * shape.half);
}

// Calls visit(row of `fused`, row of the heads, position) for every token of every head.
template <typename Visit>
void ForRows(const Shape& shape, const Visit& visit) {
  at::parallel_for(0, shape.batch * shape.heads, 1, [&](int64_t first, int64_t last) {
    for (int64_t bh = first; bh < last; ++bh) {
      const int64_t b = bh / shape.heads;
      const int64_t h = bh % shape.heads;
      for (int64_t t = 0; t < shape.tokens; ++t) {
        visit(((b * shape.tokens + t) * shape.heads + h) * 3 * shape.head,
              (bh * shape.tokens + t) * shape.head, t * shape.half);
      }
    }
  });
}

Shape ShapeOf(const Tensor& fused, const Tensor& cos_TR, int64_t heads) {
  const Shape shape = {.batch = fused.size(0),
                       .tokens = fused.size(1),
                       .heads = heads,
                       .head = fused.size(2) / (3 * heads),
                       .half = cos_TR.size(1)};
  KALAVAI_CHECK(cos_TR.size(0) == shape.tokens && 2 * shape.half <= shape.head &&
                    cos_TR.scalar_type() == at::kFloat,
                "the rotation fits the heads");
  return shape;
}

template <typename Scalar>
void Split(const Tensor& fused, const Tensor& cos_TR, const Tensor& sin_TR, const Shape& shape,
           const Heads& heads) {
  const Scalar* from = fused.const_data_ptr<Scalar>();
  const float* cos = cos_TR.const_data_ptr<float>();
  const float* sin = sin_TR.const_data_ptr<float>();
  Scalar* query = heads.query_BHTS.mutable_data_ptr<Scalar>();
  Scalar* key = heads.key_BHTS.mutable_data_ptr<Scalar>();
  Scalar* value = heads.value_BHTS.mutable_data_ptr<Scalar>();
  const int64_t size = shape.head;
  ForRows(shape, [&](int64_t row, int64_t place, int64_t angle) {
    RotateRow(from + row, query + place, cos + angle, sin + angle, 1.0F, shape);
    RotateRow(from + row + size, key + place, cos + angle, sin + angle, 1.0F, shape);
    std::copy(from + row + 2 * size, from + row + 3 * size, value + place);
  });
}

template <typename Scalar>
void Join(const Heads& gradients, const Tensor& cos_TR, const Tensor& sin_TR, const Shape& shape,
          const Tensor& fused) {
  Scalar* to = fused.mutable_data_ptr<Scalar>();
  const float* cos = cos_TR.const_data_ptr<float>();
  const float* sin = sin_TR.const_data_ptr<float>();
  const Scalar* query = gradients.query_BHTS.const_data_ptr<Scalar>();
  const Scalar* key = gradients.key_BHTS.const_data_ptr<Scalar>();
  const Scalar* value = gradients.value_BHTS.const_data_ptr<Scalar>();
  const int64_t size = shape.head;
  ForRows(shape, [&](int64_t row, int64_t place, int64_t angle) {
    RotateRow(query + place, to + row, cos + angle, sin + angle, -1.0F, shape);
    RotateRow(key + place, to + row + size, cos + angle, sin + angle, -1.0F, shape);
    std::copy(value + place, value + place + size, to + row + 2 * size);
  });
}

Heads SplitForward(const Tensor& fused, const Tensor& cos_TR, const Tensor& sin_TR,
                   int64_t head_count) {
  const Shape shape = ShapeOf(fused, cos_TR, head_count);
  const std::vector<int64_t> sizes = {shape.batch, shape.heads, shape.tokens, shape.head};
  const Heads heads = {at::empty(sizes, fused.options()), at::empty(sizes, fused.options()),
                       at::empty(sizes, fused.options())};
  const Tensor contiguous = fused.contiguous();
  if (fused.scalar_type() == at::kBFloat16) {
    Split<c10::BFloat16>(contiguous, cos_TR, sin_TR, shape, heads);
  } else {
    Split<float>(contiguous, cos_TR, sin_TR, shape, heads);
  }
  return heads;
}

class SplitHeadsFunction : public torch::autograd::Function<SplitHeadsFunction> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const Tensor& fused, const Tensor& cos_TR,
                                                const Tensor& sin_TR, int64_t head_count) {
    context->save_for_backward({cos_TR, sin_TR});
    context->saved_data["head_count"] = head_count;
    Heads heads = SplitForward(fused, cos_TR, sin_TR, head_count);
    return {heads.query_BHTS, heads.key_BHTS, heads.value_BHTS};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const int64_t head_count = context->saved_data["head_count"].toInt();
    const Heads gradients = {outputs[0].contiguous(), outputs[1].contiguous(),
                             outputs[2].contiguous()};
    const Tensor& query = gradients.query_BHTS;
    const Tensor fused =
        at::empty({query.size(0), query.size(2), 3 * head_count * query.size(3)}, query.options());
    const Shape shape = ShapeOf(fused, saved[0], head_count);
    if (fused.scalar_type() == at::kBFloat16) {
      Join<c10::BFloat16>(gradients, saved[0], saved[1], shape, fused);
    } else {
      Join<float>(gradients, saved[0], saved[1], shape, fused);
    }
    return {fused, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

Heads SplitHeads(const Tensor& fused, const Tensor& cos_TR, const Tensor& sin_TR,
                 int64_t head_count) {
  if (!fused.is_cpu()) return SplitHeadsAnywhere(fused, cos_TR, sin_TR, head_count);
  if (!(at::GradMode::is_enabled() && fused.requires_grad())) {
    return SplitForward(fused, cos_TR, sin_TR, head_count);
  }
  auto heads = SplitHeadsFunction::apply(fused, cos_TR, sin_TR, head_count);
  return {heads[0], heads[1], heads[2]};
}

Heads SplitHeadsAnywhere(const Tensor& fused, const Tensor& cos_TR, const Tensor& sin_TR,
                         int64_t head_count) {
  const Shape shape = ShapeOf(fused, cos_TR, head_count);
  const Tensor parts_BTHPS = fused.reshape({shape.batch, shape.tokens, shape.heads, 3, shape.head});
  const auto part = [&](int64_t which) {
    return parts_BTHPS.select(3, which).transpose(1, 2).contiguous();
  };
  const auto rotated = [&](const Tensor& x_BHTS) {
    const Tensor a = x_BHTS.narrow(3, 0, shape.half).to(at::kFloat);
    const Tensor b = x_BHTS.narrow(3, shape.half, shape.half).to(at::kFloat);
    const Tensor rest = x_BHTS.narrow(3, 2 * shape.half, shape.head - 2 * shape.half);
    return at::cat({(a * cos_TR - b * sin_TR).to(fused.scalar_type()),
                    (b * cos_TR + a * sin_TR).to(fused.scalar_type()), rest},
                   3);
  };
  return {rotated(part(0)), rotated(part(1)), part(2)};
}

}  // namespace kalavai
