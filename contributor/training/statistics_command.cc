#include "contributor/training/statistics_command.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/console.h"
#include "common/cli/device_option.h"
#include "common/cli/number_checks.h"
#include "common/corpus/chunk_selection.h"
#include "common/corpus/documents.h"
#include "common/crypto/sha256.h"
#include "common/model/determinism.h"
#include "common/probe/gate_statistics.h"
#include "common/probe/statistics_noise.h"
#include "common/tokenizer/tokenizer.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {
namespace {

constexpr int64_t kChunksDefault = 2000;

struct Flags {
  std::string workspace;
  std::vector<std::string> files;
  int64_t chunks_max = kChunksDefault;
  int64_t threads = 0;
  std::string device = "cpu";
  bool remove = false;
  std::optional<double> noise_epsilon = {};
  std::optional<double> noise_delta = {};
};

absl::Status Remove(const Workspace& workspace, Console& console) {
  std::error_code error;
  const bool removed = std::filesystem::remove(workspace.GateStatisticsFile(), error);
  if (error) return ErrnoError(error.value(), "remove", workspace.GateStatisticsFile());
  console.Result({{"removed", removed}},
                 removed ? "removed: the next submission has none" : "there were none");
  return absl::OkStatus();
}

absl::StatusOr<TokenChunks> ReadChunks(const Flags& flags, const std::string& base,
                                       int64_t chunk_tokens) {
  ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(absl::StrCat(base, "/tokenizer.json")));
  ASSIGN_OR_RETURN(std::vector<Document> documents, ReadDocuments(flags.files));
  ASSIGN_OR_RETURN(TokenChunks chunks, FirstChunks(*tokenizer, Deduplicate(std::move(documents)),
                                                   chunk_tokens, flags.chunks_max));
  if (chunks.count() >= kGateStatisticsChunksMin) return chunks;
  return MakeError(
      absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT",
      {.what = absl::StrFormat("text: %d chunks of %d tokens found; must be at least %d",
                               chunks.count(), chunk_tokens, kGateStatisticsChunksMin),
       .why = "sums over less text say too much about each piece of it",
       .fix = "give more of your text; it stays here",
       .metadata = {{"found", absl::StrCat(chunks.count())},
                    {"needed", absl::StrCat(kGateStatisticsChunksMin)}}});
}

absl::Status Measure(const Flags& flags, Console& console) {
  const Workspace workspace(flags.workspace);
  ASSIGN_OR_RETURN(const Membership member, workspace.LoadMembership());
  if (flags.remove) return Remove(workspace, console);
  if (flags.files.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "USAGE",
                     {.what = "--data: none; must name your text", .fix = "--data notes.jsonl"});
  }
  RETURN_IF_ERROR(SetThreads(flags.threads));
  GateStatisticsOptions options{.label = member.domain, .chunk_tokens = member.chunk_tokens};
  if (flags.noise_epsilon.has_value()) {
    options.noise = NoiseWish{.epsilon = *flags.noise_epsilon};
    if (flags.noise_delta.has_value()) options.noise->delta = *flags.noise_delta;
  }
  ASSIGN_OR_RETURN(options.device, OpenDevice(flags.device));
  ASSIGN_OR_RETURN(const std::string base, workspace.VerifiedBase());
  ASSIGN_OR_RETURN(const TokenChunks chunks, ReadChunks(flags, base, member.chunk_tokens));
  std::optional<Progress> progress;
  options.progress = [&](int64_t done, int64_t total) -> absl::Status {
    if (!progress.has_value()) progress.emplace(console, "Reading", total, "chunks");
    progress->Update(done);
    if (Interrupted()) return InterruptedError("run the same command again; it starts anew");
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const ClassStatistics statistics,
                   MeasureGateStatistics(base, chunks.tokens, options));
  progress.reset();
  RETURN_IF_ERROR(WriteGateStatistics(workspace.GateStatisticsFile(), statistics));
  ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(workspace.GateStatisticsFile()));
  nlohmann::json result = {{"file", workspace.GateStatisticsFile()},
                           {"sha256", digest.Hex()},
                           {"domain", member.domain},
                           {"chunks", statistics.chunks},
                           {"summaries", statistics.count},
                           {"width", statistics.width},
                           {"noise", nullptr}};
  std::string noise = "exact: no noise";
  if (statistics.noise.has_value()) {
    const StatisticsNoise& n = *statistics.noise;
    result["noise"] = {
        {"epsilon", n.epsilon}, {"delta", n.delta}, {"clip", n.clip}, {"sigma", n.sigma}};
    noise =
        absl::StrFormat("with noise: (%g, %g)-differentially private for each chunk of %d tokens",
                        n.epsilon, n.delta, member.chunk_tokens);
  }
  console.Result(
      result,
      absl::StrFormat("%s: sums over %d chunks of your %s text, no text; %s\n"
                      "next: kalavai submit, which takes them along; --remove undoes it",
                      workspace.GateStatisticsFile(), statistics.chunks, member.domain, noise));
  return absl::OkStatus();
}

}  // namespace

Command MakeStatisticsCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "statistics",
          .summary = "sums of your text for the gate, where your domain has no probe text",
          .details =
              "  kalavai statistics --data notes.jsonl\n  kalavai statistics --remove\n\n"
              "Where a domain has no public text, the coordinator cannot learn when its specialist "
              "should speak.\nThese sums of the base's states (n, Σy, Σyyᵀ over at least 1000 "
              "chunks) teach it; text never\nleaves. They go with the next submission, are "
              "listed by 'submit --dry-run' and in the egress receipt.\n\n"
              "--noise-epsilon adds Gaussian noise: whether one chunk of text was among them or "
              "another in its\nplace then cannot be told better than (epsilon, delta) allow. A "
              "document of k chunks has k times\nepsilon, every further file of the same text "
              "costs epsilon again, and the specialist that you\nsubmit is not covered. The "
              "smaller epsilon, the less the gate learns of when to choose you.\n",
          .configure =
              [flags](CLI::App& app) {
                AddWorkspaceOption(app, &flags->workspace);
                auto* const data =
                    app.add_option("--data", flags->files, "your text: .txt or .jsonl; repeatable")
                        ->type_name("FILE");
                auto* const removal =
                    app.add_flag("--remove", flags->remove, "send none after all")->excludes(data);
                app.add_option("--chunks", flags->chunks_max, "at most so many, chosen by hash")
                    ->check(WholeBetween(kGateStatisticsChunksMin, int64_t{1} << 20))
                    ->capture_default_str();
                app.add_option("--threads", flags->threads, "0: one a core")
                    ->check(WholeBetween(0, limits::kFusionThreadsMax))
                    ->capture_default_str();
                AddDeviceOption(app, &flags->device);
                auto* const epsilon =
                    app.add_option("--noise-epsilon", flags->noise_epsilon,
                                   "add noise: the most a chunk may show, 0.01 to 100; none "
                                   "without it")
                        ->check(NumberBetween(kNoiseEpsilonMin, kNoiseEpsilonMax))
                        ->excludes(removal);
                app.add_option("--noise-delta", flags->noise_delta,
                               "chance that it shows more, 1e-15 to 1e-4 (1e-6)")
                    ->check(NumberBetween(kNoiseDeltaMin, kNoiseDeltaMax))
                    ->needs(epsilon);
              },
          .run = [flags](Console& console) { return Measure(*flags, console); }};
}

}  // namespace kalavai::contributor
