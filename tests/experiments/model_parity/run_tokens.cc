// What our decoder makes of token ids, for compare.py: mean loss of chunks, greedy continuations.
//
//   run_tokens MODEL_DIR QUESTION.json > ANSWER.json
//   QUESTION {"dtype":"float32","chunks":{NAME:[[id,…],…]},"prompts":[[id,…],…],"greedy":100}
//   ANSWER   {"loss":{NAME:nats},"greedy":[[id,…],…],"tokens_per_second":…}
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "common/base/json_reader.h"
#include "common/base/status_macros.h"
#include "common/model/determinism.h"
#include "common/model/forward.h"
#include "common/model/loss.h"
#include "common/model/weights.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;

absl::StatusOr<double> LossOf(const Transformer& model, const Json& chunks) {
  std::vector<int32_t> tokens;
  for (const Json& chunk : chunks) {
    for (const Json& id : chunk) tokens.push_back(id.get<int32_t>());
  }
  return MeanLoss(model,
                  {.tokens = tokens, .chunk_length = static_cast<int64_t>(chunks.at(0).size())});
}

absl::StatusOr<std::vector<int64_t>> Greedy(const Transformer& model,
                                            const std::vector<int64_t>& prompt, int64_t count) {
  const c10::InferenceMode inference;
  const int64_t length = static_cast<int64_t>(prompt.size());
  ASSIGN_OR_RETURN(KvCache cache, NewKvCache(model.config, model.weight_type(), 1, length + count));
  at::Tensor unread = at::tensor(prompt, at::kLong).view({1, length});
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const ForwardResult result,
                     Forward(model, unread, &cache, {.logits = LogitsWanted::kLast}));
    unread = result.logits_BTV.argmax(-1);
    ids.push_back(unread.item<int64_t>());
  }
  return ids;
}

absl::Status Run(const std::string& directory, const std::string& question_path) {
  std::ifstream file(question_path);
  std::stringstream text;
  text << file.rdbuf();
  ASSIGN_OR_RETURN(const Json question, ReadJson(text.str(), {.bytes_max = 1 << 28}));
  const WeightType type =
      question.at("dtype") == "bfloat16" ? WeightType::kBfloat16 : WeightType::kFloat32;
  ASSIGN_OR_RETURN(const Transformer model, LoadTransformer(directory, {.type = type}));
  Json answer = {{"loss", Json::object()}, {"greedy", Json::array()}};
  for (const auto& [name, chunks] : question.at("chunks").items()) {
    ASSIGN_OR_RETURN(answer["loss"][name], LossOf(model, chunks));
  }
  const auto start = std::chrono::steady_clock::now();
  int64_t generated = 0;
  for (const Json& prompt : question.at("prompts")) {
    ASSIGN_OR_RETURN(
        const std::vector<int64_t> ids,
        Greedy(model, prompt.get<std::vector<int64_t>>(), question.at("greedy").get<int64_t>()));
    answer["greedy"].push_back(ids);
    generated += static_cast<int64_t>(ids.size());
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  answer["tokens_per_second"] = static_cast<double>(generated) / seconds.count();
  std::cout << answer.dump() << "\n";
  return absl::OkStatus();
}

}  // namespace
}  // namespace kalavai

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: run_tokens MODEL_DIR QUESTION.json\n";
    return 2;
  }
  const absl::Status threads = kalavai::SetThreads(0);
  const absl::Status status = threads.ok() ? kalavai::Run(argv[1], argv[2]) : threads;
  if (status.ok()) return 0;
  std::cerr << status << "\n";
  return 1;
}
