// Needs LibTorch's custom gradients (5 s more to compile): see torch.h.
#define KALAVAI_TORCH_CUSTOM_GRADIENTS
#include "common/model/head_layout.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/check.h"
#include "common/model/row_kernels.h"

namespace kalavai {
namespace {

using at::Tensor;

constexpr int64_t kElementsPerTask = 16 * 1024;

struct Shape {
  int64_t batch = 0, tokens = 0, head = 0, half = 0;  // head = S, half = R
  HeadLayout layout;
};

// Where one head lies: in a row of `fused` (one row a token) and in its own tensor.
struct Place {
  int part = 0;       // 0 query, 1 key, 2 value
  int64_t fused = 0;  // its first element for token 0
  int64_t own = 0;    // likewise, in the tensor of its part; tokens follow each other
};

Place PlaceOf(const Shape& shape, int64_t batch, int64_t slot) {
  const HeadLayout& layout = shape.layout;
  const int part = slot < layout.heads ? 0 : slot < layout.heads + layout.kv_heads ? 1 : 2;
  const int64_t first = part == 0 ? 0 : layout.heads + (part - 1) * layout.kv_heads;
  const int64_t head = slot - first;
  const int64_t heads = part == 0 ? layout.heads : layout.kv_heads;
  const int64_t column = layout.interleaved ? 3 * head + part : slot;
  return {.part = part,
          .fused = (batch * shape.tokens * layout.slots() + column) * shape.head,
          .own = (batch * heads + head) * shape.tokens * shape.head};
}

// Calls visit(place) for every head of every sequence.
template <typename Visit>
void ForHeads(const Shape& shape, const Visit& visit) {
  const int64_t slots = shape.layout.slots();
  const int64_t grain = std::max<int64_t>(1, kElementsPerTask / (shape.tokens * shape.head));
  at::parallel_for(0, shape.batch * slots, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) visit(PlaceOf(shape, i / slots, i % slots));
  });
}

Shape ShapeOf(const Tensor& fused, const RotaryTable& rotation, const HeadLayout& layout) {
  const Shape shape = {.batch = fused.size(0),
                       .tokens = fused.size(1),
                       .head = fused.size(2) / layout.slots(),
                       .half = rotation.cos_TR.size(1),
                       .layout = layout};
  KALAVAI_CHECK(rotation.cos_TR.size(0) == shape.tokens && 2 * shape.half <= shape.head &&
                    rotation.cos_TR.scalar_type() == at::kFloat,
                "the rotation fits the heads");
  KALAVAI_CHECK(!layout.interleaved || layout.heads == layout.kv_heads,
                "interleaved heads have a key and a value each");
  return shape;
}

template <typename Scalar>
void Split(const Tensor& fused, const RotaryTable& rotation, const Shape& shape,
           const Heads& heads) {
  const auto* const from = static_cast<const Scalar*>(fused.const_data_ptr());
  const float* const cos = rotation.cos_TR.const_data_ptr<float>();
  const float* const sin = rotation.sin_TR.const_data_ptr<float>();
  const std::array<Scalar*, 3> to = {static_cast<Scalar*>(heads.query_BHTS.mutable_data_ptr()),
                                     static_cast<Scalar*>(heads.key_BGTS.mutable_data_ptr()),
                                     static_cast<Scalar*>(heads.value_BGTS.mutable_data_ptr())};
  const int64_t row = shape.layout.slots() * shape.head;
  ForHeads(shape, [&](const Place& place) {
    for (int64_t t = 0; t < shape.tokens; ++t) {
      const Scalar* const source = from + place.fused + t * row;
      Scalar* const target = to[static_cast<size_t>(place.part)] + place.own + t * shape.head;
      if (place.part == 2) {
        std::copy(source, source + shape.head, target);
      } else {
        RotateRow(source, cos + t * shape.half, sin + t * shape.half, 1.0F, shape.half, shape.head,
                  target);
      }
    }
  });
}

template <typename Scalar>
void Join(const Heads& gradients, const RotaryTable& rotation, const Shape& shape,
          const Tensor& fused) {
  auto* const to = static_cast<Scalar*>(fused.mutable_data_ptr());
  const float* const cos = rotation.cos_TR.const_data_ptr<float>();
  const float* const sin = rotation.sin_TR.const_data_ptr<float>();
  const std::array<const Scalar*, 3> from = {
      static_cast<const Scalar*>(gradients.query_BHTS.const_data_ptr()),
      static_cast<const Scalar*>(gradients.key_BGTS.const_data_ptr()),
      static_cast<const Scalar*>(gradients.value_BGTS.const_data_ptr())};
  const int64_t row = shape.layout.slots() * shape.head;
  ForHeads(shape, [&](const Place& place) {
    for (int64_t t = 0; t < shape.tokens; ++t) {
      const Scalar* const source =
          from[static_cast<size_t>(place.part)] + place.own + t * shape.head;
      Scalar* const target = to + place.fused + t * row;
      if (place.part == 2) {
        std::copy(source, source + shape.head, target);
      } else {
        RotateRow(source, cos + t * shape.half, sin + t * shape.half, -1.0F, shape.half, shape.head,
                  target);
      }
    }
  });
}

Heads SplitForward(const Tensor& fused, const RotaryTable& rotation, const HeadLayout& layout) {
  const Shape shape = ShapeOf(fused, rotation, layout);
  const std::vector<int64_t> sizes = {shape.batch, layout.heads, shape.tokens, shape.head};
  const std::vector<int64_t> kv_sizes = {shape.batch, layout.kv_heads, shape.tokens, shape.head};
  const Heads heads = {at::empty(sizes, fused.options()), at::empty(kv_sizes, fused.options()),
                       at::empty(kv_sizes, fused.options())};
  const Tensor contiguous = fused.contiguous();
  if (fused.scalar_type() == at::kBFloat16) {
    Split<Bfloat16Bits>(contiguous, rotation, shape, heads);
  } else {
    Split<float>(contiguous, rotation, shape, heads);
  }
  return heads;
}

class SplitHeadsFunction : public torch::autograd::Function<SplitHeadsFunction> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const Tensor& fused, const Tensor& cos_TR,
                                                const Tensor& sin_TR, int64_t heads,
                                                int64_t kv_heads, bool interleaved) {
    context->save_for_backward({cos_TR, sin_TR});
    context->saved_data["heads"] = heads;
    context->saved_data["kv_heads"] = kv_heads;
    context->saved_data["interleaved"] = interleaved;
    Heads result = SplitForward(fused, {cos_TR, sin_TR}, {heads, kv_heads, interleaved});
    return {result.query_BHTS, result.key_BGTS, result.value_BGTS};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const RotaryTable rotation = {saved[0], saved[1]};
    const HeadLayout layout = {.heads = context->saved_data["heads"].toInt(),
                               .kv_heads = context->saved_data["kv_heads"].toInt(),
                               .interleaved = context->saved_data["interleaved"].toBool()};
    const Tensor fused =
        JoinHeads({outputs[0].contiguous(), outputs[1].contiguous(), outputs[2].contiguous()},
                  rotation, layout);
    return {fused, Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

HeadLayout HeadLayoutOf(const ModelConfig& config) {
  return {.heads = config.head_count,
          .kv_heads = config.kv_heads(),
          .interleaved = config.interleaved_heads()};
}

Heads SplitHeads(const Tensor& fused, const RotaryTable& rotation, const HeadLayout& layout) {
  if (!fused.is_cpu()) return SplitHeadsAnywhere(fused, rotation, layout);
  if (!(at::GradMode::is_enabled() && fused.requires_grad())) {
    return SplitForward(fused, rotation, layout);
  }
  auto heads = SplitHeadsFunction::apply(fused, rotation.cos_TR, rotation.sin_TR, layout.heads,
                                         layout.kv_heads, layout.interleaved);
  return {heads[0], heads[1], heads[2]};
}

Tensor JoinHeads(const Heads& gradients, const RotaryTable& rotation, const HeadLayout& layout) {
  const Tensor& query = gradients.query_BHTS;
  const Tensor fused =
      at::empty({query.size(0), query.size(2), layout.slots() * query.size(3)}, query.options());
  const Shape shape = ShapeOf(fused, rotation, layout);
  if (fused.scalar_type() == at::kBFloat16) {
    Join<Bfloat16Bits>(gradients, rotation, shape, fused);
  } else {
    Join<float>(gradients, rotation, shape, fused);
  }
  return fused;
}

Heads SplitHeadsAnywhere(const Tensor& fused, const RotaryTable& rotation,
                         const HeadLayout& layout) {
  const Shape shape = ShapeOf(fused, rotation, layout);
  const Tensor slots_BTPS = fused.reshape({shape.batch, shape.tokens, layout.slots(), shape.head});
  const auto part = [&](int64_t which) {
    const int64_t first = which == 0 ? 0 : layout.heads + (which - 1) * layout.kv_heads;
    const int64_t count = which == 0 ? layout.heads : layout.kv_heads;
    const Tensor own_BTHS = layout.interleaved
                                ? slots_BTPS.unflatten(2, {layout.heads, 3}).select(3, which)
                                : slots_BTPS.narrow(2, first, count);
    return own_BTHS.transpose(1, 2).contiguous();
  };
  const auto rotated = [&](const Tensor& x_BHTS) {
    const Tensor a = x_BHTS.narrow(3, 0, shape.half).to(at::kFloat);
    const Tensor b = x_BHTS.narrow(3, shape.half, shape.half).to(at::kFloat);
    const Tensor rest = x_BHTS.narrow(3, 2 * shape.half, shape.head - 2 * shape.half);
    return at::cat({(a * rotation.cos_TR - b * rotation.sin_TR).to(fused.scalar_type()),
                    (b * rotation.cos_TR + a * rotation.sin_TR).to(fused.scalar_type()), rest},
                   3);
  };
  return {rotated(part(0)), rotated(part(1)), part(2)};
}

}  // namespace kalavai
