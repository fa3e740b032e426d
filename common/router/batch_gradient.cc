#include "common/router/batch_gradient.h"

#include <algorithm>

#include "common/router/linear_algebra.h"

namespace kalavai {
namespace {

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
  const double* const bias = router.bias.data();
  for (size_t at = 0; at < logits.size(); at += experts) {
    double* const row = &logits[at];
    for (size_t i = 0; i < experts; ++i) row[i] += bias[i];
  }
}

}  // namespace

double BatchGradient::Compute(const RouterParameters& router, std::span<const TextSource> batch) {
  const size_t experts = static_cast<size_t>(router.experts);
  const size_t features = static_cast<size_t>(router.transform.features);
  const double tokens = static_cast<double>(batch.size() * texts_->rows());
  shares_.resize(batch.size());
  workers_->Run(batch.size(), [&](size_t k, size_t worker) {
    Scratch& own = scratch_[worker];
    if (!own.filter.has_value()) own.filter.emplace(router.experts, router.eta);
    texts_->Make(batch[k], own.text);
    ComputeLogits(router, own.text, own.logits);
    Share& share = shares_[k];
    share.loss = own.filter->Forward(own.text.likelihoods, own.logits, router.alpha);
    own.filter->Backward();
    share.alpha = own.filter->AlphaLogit() / tokens;
    share.gradient.resize(own.logits.size());
    std::transform(own.filter->Logits().begin(), own.filter->Logits().end(), share.gradient.begin(),
                   [tokens](double value) { return value / tokens; });
  });
  weight_.assign(experts * features, 0);
  bias_.assign(experts, 0);
  const size_t blocks = texts_->blocks();
  workers_->Run(blocks + 1, [&](size_t block, size_t worker) {
    if (block == blocks) return AddBias(experts);
    AddColumns(batch, experts, features, block, scratch_[worker].columns);
  });
  double loss = 0;
  alpha_ = 0;
  for (const Share& share : shares_) {
    loss += share.loss;
    alpha_ += share.alpha;
  }
  return loss / tokens;
}

// Makes its columns of the features again: cheaper than fetching what another loop has left.
void BatchGradient::AddColumns(std::span<const TextSource> batch, size_t experts, size_t features,
                               size_t block, std::vector<double>& columns) {
  const size_t count = texts_->ColumnsOf(block);
  for (size_t k = 0; k < batch.size(); ++k) {
    texts_->MakeBlock(batch[k], block, columns);
    AddOuterProducts({shares_[k].gradient.data(), texts_->rows(), experts, experts},
                     {columns.data(), texts_->rows(), count, count},
                     weight_.data() + block * kFeatureBlock, features);
  }
}

void BatchGradient::AddBias(size_t experts) {
  for (const Share& share : shares_) {
    double* const bias = bias_.data();
    for (size_t at = 0; at < share.gradient.size(); at += experts) {
      const double* const gradient = &share.gradient[at];
      for (size_t i = 0; i < experts; ++i) bias[i] += gradient[i];
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
