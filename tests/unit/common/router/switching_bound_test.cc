// Goal: the bound of common/router/switching_gate.h (design §3.3), for every text, every sequence
// of experts and every alpha: nothing an expert says, or a learned prior believes, can break it.
// Method: random experts of several kinds, the best sequence with exactly K switches by dynamic
// programming, alpha from almost 0 to almost 1; and texts on which the bound is reached.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "common/base/seeded_random.h"
#include "common/router/filter_gradient.h"
#include "common/router/switching_gate.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kSwitchesMost = 2;
const double kAlphas[] = {1e-12, 1e-6, 0.001, 0.003, 0.05, 0.3, 0.5, 0.9, 0.999, 1 - 1e-9};
const char* const kKinds[] = {"one speaker after the other", "equals", "nobody knows anything",
                              "sure and often wrong", "excluding tokens"};

using Rows = std::vector<std::vector<float>>;     // [T][n] log p_i(y_t)
using Priors = std::vector<std::vector<double>>;  // [T][n]

float RandomLogProb(const std::string& kind, bool speaks, SeededRandom& random) {
  if (kind == "equals") return -2.5F;
  if (kind == "nobody knows anything") return static_cast<float>(-12 * random.Uniform());
  if (kind == "sure and often wrong") {
    return random.Uniform() < 0.5 ? static_cast<float>(-1e-6) : static_cast<float>(-80);
  }
  if (kind == "excluding tokens" && !speaks && random.Uniform() < 0.2) {
    return static_cast<float>(-kInfinity);
  }
  return static_cast<float>(-(speaks ? 1 : 4) * random.Uniform() * 2);
}

Rows RandomText(const std::string& kind, int experts, int rows, SeededRandom& random) {
  Rows text;
  int64_t speaker = 0;
  for (int t = 0; t < rows; ++t) {
    if (random.Uniform() < 0.05) speaker = random.Below(experts);
    text.emplace_back();
    for (int i = 0; i < experts; ++i) {
      text.back().push_back(RandomLogProb(kind, i == speaker, random));
    }
  }
  return text;
}

double GateLoss(const Rows& text, double alpha, const Priors& priors) {
  SwitchingGate gate(alpha, priors[0]);
  double loss = 0;
  for (size_t t = 0; t < text.size(); ++t) {
    REQUIRE_OK_AND_ASSIGN(const double mixed, gate.Observe(text[t]));
    loss -= mixed;
    if (t + 1 < text.size()) gate.Advance(priors[t + 1]);
  }
  return loss;
}

// Smallest loss of a sequence of experts with exactly K switches, K = 0 … 2.
std::vector<double> BestSequences(const Rows& text, size_t experts) {
  std::vector<std::vector<double>> best(kSwitchesMost + 1, std::vector<double>(experts, kInfinity));
  for (size_t t = 0; t < text.size(); ++t) {
    std::vector<std::vector<double>> next = best;
    for (size_t k = 0; k < best.size(); ++k) {
      for (size_t i = 0; i < experts; ++i) {
        double before = best[k][i];
        if (t == 0) before = k == 0 ? 0 : kInfinity;
        for (size_t j = 0; t > 0 && k > 0 && j < experts; ++j) {
          if (j != i) before = std::min(before, best[k - 1][j]);
        }
        next[k][i] = before - static_cast<double>(text[t][i]);
      }
    }
    best = next;
  }
  std::vector<double> result;
  for (const std::vector<double>& row : best) {
    result.push_back(*std::min_element(row.begin(), row.end()));
  }
  return result;
}

// What the filter may lose above a sequence with `switches`; `start` and `arrive` are the least the
// prior gives any expert: 1/n, or η/n with a learned one.
double Allowance(int rows, int switches, double alpha, double least) {
  return -std::log(least) - switches * (std::log(alpha) + std::log(least)) -
         (rows - 1 - switches) * std::log1p(-alpha);
}

Priors UniformPriors(int experts, int rows) {
  return Priors(static_cast<size_t>(rows),
                std::vector<double>(static_cast<size_t>(experts), 1.0 / experts));
}

// (1 − η) s + η/n with any s, often all on one expert, as a trained prior that is sure.
Priors LearnedPriors(int experts, int rows, double eta, SeededRandom& random) {
  Priors priors = UniformPriors(experts, rows);
  for (std::vector<double>& prior : priors) {
    std::vector<double> scores;
    double total = 0;
    const double sharpness = 200 * random.Uniform();
    for (int i = 0; i < experts; ++i) {
      scores.push_back(std::exp(sharpness * (random.Uniform() - 1)));
      total += scores.back();
    }
    for (size_t i = 0; i < prior.size(); ++i) {
      prior[i] = (1 - eta) * scores[i] / total + eta / experts;
    }
  }
  return priors;
}

TEST_CASE("The loss is within the bound of every sequence of experts", "[router]") {
  SeededRandom random(11);
  for (const char* const kind : kKinds) {
    for (const int experts : {2, 5, 21}) {
      for (const int rows : {1, 2, 3, 60}) {
        CAPTURE(kind, experts, rows);
        const Rows text = RandomText(kind, experts, rows, random);
        const std::vector<double> best = BestSequences(text, static_cast<size_t>(experts));
        for (const double alpha : kAlphas) {
          const double loss = GateLoss(text, alpha, UniformPriors(experts, rows));
          for (int switches = 0; switches <= std::min(kSwitchesMost, rows - 1); ++switches) {
            CAPTURE(alpha, switches);
            REQUIRE(loss <= best[static_cast<size_t>(switches)] +
                                Allowance(rows, switches, alpha, 1.0 / experts) + 1e-9);
          }
        }
      }
    }
  }
}

TEST_CASE("With a learned prior the bound has eta in it", "[router]") {
  SeededRandom random(12);
  for (const char* const kind : kKinds) {
    for (const double eta : {1e-3, 0.05, 1.0}) {
      const int experts = 4;
      const int rows = 50;
      const Rows text = RandomText(kind, experts, rows, random);
      const std::vector<double> best = BestSequences(text, static_cast<size_t>(experts));
      const Priors priors = LearnedPriors(experts, rows, eta, random);
      for (const double alpha : kAlphas) {
        const double loss = GateLoss(text, alpha, priors);
        for (int switches = 0; switches <= kSwitchesMost; ++switches) {
          CAPTURE(kind, eta, alpha, switches);
          REQUIRE(loss <= best[static_cast<size_t>(switches)] +
                              Allowance(rows, switches, alpha, eta / experts) + 1e-9);
        }
      }
    }
  }
}

TEST_CASE("What is trained is bound in the same way as what is served", "[router]") {
  SeededRandom random(13);
  const int experts = 3;
  const int rows = 40;
  const double eta = 0.05;
  for (int repeat = 0; repeat < 20; ++repeat) {
    const Rows text = RandomText(kKinds[0], experts, rows, random);
    const std::vector<double> best = BestSequences(text, static_cast<size_t>(experts));
    std::vector<float> log_prob;
    std::vector<double> logits;
    for (const std::vector<float>& row : text) {
      log_prob.insert(log_prob.end(), row.begin(), row.end());
      for (int i = 0; i < experts; ++i) logits.push_back(30 * random.Normal());
    }
    for (const double alpha : {1e-6, 0.003, 0.5, 0.999}) {
      const double loss = FilterGradient(experts, eta).Forward(log_prob, logits, alpha);
      for (int switches = 0; switches <= kSwitchesMost; ++switches) {
        CAPTURE(alpha, switches);
        REQUIRE(loss <= best[static_cast<size_t>(switches)] +
                            Allowance(rows, switches, alpha, eta / experts) + 1e-9);
      }
    }
  }
}

TEST_CASE("Without switching the loss is within ln n of the best expert", "[router]") {
  SeededRandom random(14);
  for (const char* const kind : kKinds) {
    for (const int experts : {2, 9}) {
      const Rows text = RandomText(kind, experts, 80, random);
      const double best = BestSequences(text, static_cast<size_t>(experts))[0];
      CAPTURE(kind, experts);
      REQUIRE(GateLoss(text, 0, UniformPriors(experts, 80)) <= best + std::log(experts) + 1e-9);
    }
  }
}

TEST_CASE("There are texts on which the bound is reached", "[router]") {
  // Only one expert allows each token: the filter pays for start, staying and switching in full,
  // but for the α/n with which a redraw lands where it was.
  const int experts = 4;
  const int rows = 50;
  for (const double alpha : {1e-6, 0.003, 0.05}) {
    for (int switches = 0; switches <= kSwitchesMost; ++switches) {
      Rows text(rows, std::vector<float>(experts, static_cast<float>(-kInfinity)));
      for (int t = 0; t < rows; ++t) {
        const int speaker = t * (switches + 1) / rows;
        text[static_cast<size_t>(t)][static_cast<size_t>(speaker)] = 0;
      }
      const double allowance = Allowance(rows, switches, alpha, 1.0 / experts);
      const double loss = GateLoss(text, alpha, UniformPriors(experts, rows));
      CAPTURE(alpha, switches);
      CHECK(loss <= allowance + 1e-9);
      const double staying = std::log1p(-alpha) - std::log1p(-alpha + alpha / experts);
      REQUIRE_NEAR(loss, allowance + (rows - 1 - switches) * staying, 1e-9);
    }
  }
}

}  // namespace
}  // namespace kalavai
