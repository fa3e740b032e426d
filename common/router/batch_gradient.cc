#include "common/router/batch_gradient.h"

#include <algorithm>

#include "common/router/linear_algebra.h"

namespace kalavai {
namespace {

constexpr size_t kColumns = 16;  // of the weights that one thread sums: a row of them is two lines

size_t RowsOf(const RouterText& text) { return text.likelihoods.rows(); }

// Logits [T][n] of a text.
void ComputeLogits(const RouterParameters& router, const RouterText& text,
                   std::vector<double>& logits) {
  const size_t experts = static_cast<size_t>(router.experts);
  const size_t features = static_cast<size_t>(router.transform.features);
  logits.resize(RowsOf(text) * experts);
  if (router.rung == RouterRung::kUniform) {
    std::fill(logits.begin(), logits.end(), 0.0);
    return;
  }
  MultiplyRows({router.weight.data(), experts, features, features},
               {text.features.data(), RowsOf(text), features, features}, logits.data());
  for (size_t at = 0; at < logits.size(); at += experts) {
    for (size_t i = 0; i < experts; ++i) logits[at + i] += router.bias[i];
  }
}

}  // namespace

double BatchGradient::Compute(const RouterParameters& router, std::span<const TextSource> batch) {
  const size_t experts = static_cast<size_t>(router.experts);
  const size_t features = static_cast<size_t>(router.transform.features);
  while (shares_.size() < batch.size()) shares_.emplace_back(router);
  shares_.erase(shares_.begin() + static_cast<std::ptrdiff_t>(batch.size()), shares_.end());
  workers_->Run(batch.size(), [&](size_t k, size_t) {
    Share& share = shares_[k];
    texts_->Make(batch[k], share.text);
    ComputeLogits(router, share.text, share.logits);
    share.loss = share.filter.Forward(share.text.likelihoods, share.logits, router.alpha);
    share.filter.Backward();
    const double tokens = static_cast<double>(batch.size() * RowsOf(share.text));
    share.gradient.resize(share.logits.size());
    for (size_t at = 0; at < share.gradient.size(); ++at) {
      share.gradient[at] = share.filter.Logits()[at] / tokens;
    }
  });
  weight_.assign(experts * features, 0);
  bias_.assign(experts, 0);
  const size_t blocks = (features + kColumns - 1) / kColumns;
  workers_->Run(blocks + 1, [&](size_t block, size_t) {
    if (block == blocks) return AddBias(experts);
    AddColumns(experts, features, block * kColumns);
  });
  const double tokens = static_cast<double>(batch.size() * RowsOf(shares_[0].text));
  double loss = 0;
  alpha_ = 0;
  for (const Share& share : shares_) {
    loss += share.loss;
    alpha_ += share.filter.AlphaLogit() / tokens;
  }
  return loss / tokens;
}

void BatchGradient::AddColumns(size_t experts, size_t features, size_t first) {
  const size_t count = std::min(kColumns, features - first);
  for (const Share& share : shares_) {
    AddOuterProducts({share.gradient.data(), RowsOf(share.text), experts, experts},
                     {share.text.features.data() + first, RowsOf(share.text), count, features},
                     weight_.data() + first, features);
  }
}

void BatchGradient::AddBias(size_t experts) {
  for (const Share& share : shares_) {
    for (size_t at = 0; at < share.gradient.size(); at += experts) {
      for (size_t i = 0; i < experts; ++i) bias_[i] += share.gradient[at + i];
    }
  }
}

std::vector<std::vector<double>> JudgeTexts(const RouterTexts& texts,
                                            std::span<const RouterParameters> routers,
                                            std::span<const TextSource> sources,
                                            ForkJoin& workers) {
  struct Scratch {
    std::vector<FilterGradient> filters = {};  // one a router
    RouterText text = {};
    std::vector<double> logits = {};
  };
  std::vector<FilterGradient> filters;
  for (const RouterParameters& router : routers) filters.emplace_back(router.experts, router.eta);
  std::vector<Scratch> scratch(workers.threads(), {.filters = filters});
  std::vector<std::vector<double>> losses(routers.size(), std::vector<double>(sources.size()));
  workers.Run(sources.size(), [&](size_t k, size_t worker) {
    Scratch& own = scratch[worker];
    texts.Make(sources[k], own.text);
    for (size_t r = 0; r < routers.size(); ++r) {
      ComputeLogits(routers[r], own.text, own.logits);
      losses[r][k] = own.filters[r].Forward(own.text.likelihoods, own.logits, routers[r].alpha) /
                     static_cast<double>(RowsOf(own.text));
    }
  });
  return losses;
}

}  // namespace kalavai
