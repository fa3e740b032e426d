#include "tests/tidy/layers.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace kalavai::tidy {
namespace {

const char* const kTorch = "ATen/";
const char* const kGrpc = "grpc";
const char* const kSqlite = "sqlite3";
const char* const kProto = "kalavai/v1/";

// In topological order.
const std::vector<Layer>& Layers() {
  static const std::vector<Layer> kLayers = [] {
    const std::vector<std::string> base = {"common/base/"};
    const std::vector<std::string> storage = {"common/base/", "common/crypto/", "common/storage/"};
    std::vector<std::string> files = storage;
    files.push_back("common/safetensors/");
    std::vector<std::string> text = files;
    text.insert(text.end(), {"common/tokenizer/", "common/corpus/"});
    std::vector<std::string> model = text;
    model.push_back("common/model/");
    std::vector<std::string> everything = {"common/"};
    const std::vector<std::string> no_wire = {kProto, kGrpc, kSqlite};
    std::vector<Layer> layers = {
        {"common/base", {}, {kProto, kGrpc, kSqlite, kTorch, "openssl/", "CLI/"}},
        // Of the wire only the table of reasons, which is data.
        {"common/cli", base, {kGrpc, kSqlite, kTorch}},
        {"common/crypto", storage, {kProto, kGrpc, kSqlite, kTorch}},
        {"common/storage", storage, {kProto, kGrpc, kTorch}},
        {"common/safetensors", storage, {kProto, kGrpc, kSqlite, kTorch}},
        {"common/tokenizer", files, {kProto, kGrpc, kSqlite, kTorch}},
        {"common/corpus", text, {kProto, kGrpc, kSqlite, kTorch}},
        {"common/rpc", storage, {kSqlite, kTorch}},
        {"common/forecast", base, {kProto, kGrpc, kSqlite, kTorch}},
        {"common/prediction",
         {"common/base/", "common/cli/", "common/storage/", "common/forecast/", "common/rpc/"},
         {kGrpc, kSqlite, kTorch}},
        {"common/router", base, {kProto, kGrpc, kSqlite, kTorch}},
        {"common/model", text, no_wire},
        {"common/training", model, no_wire},
        {"common/probe",
         {"common/base/", "common/crypto/", "common/storage/", "common/safetensors/",
          "common/tokenizer/", "common/corpus/", "common/model/", "common/router/"},
         no_wire},
        {"migrations", {"common/storage/"}, {}},
        {"contributor", {"common/", "contributor/"}, {kSqlite}},
    };
    const std::vector<std::string> phases = {"launch", "checkpoint", "submission", "prediction",
                                             "fusion", "serving",    "withdrawal"};
    std::vector<std::string> earlier = {"common/", "migrations/",
                                        "coordinator/transparency/*_log.h"};
    for (const std::string& phase : phases) {
      layers.push_back({absl::StrCat("coordinator/", phase), earlier, {}});
      earlier.push_back(absl::StrCat("coordinator/", phase, "/*_store.h"));
    }
    layers.push_back({"coordinator/transparency", {"common/"}, {}});
    layers.push_back({"coordinator/admin",
                      {"common/", "coordinator/admin/", "coordinator/data_directory.h"},
                      {kSqlite}});
    layers.push_back({"coordinator/server", {"common/", "coordinator/", "migrations/"}, {}});
    layers.push_back(
        {"coordinator", {"common/", "migrations/", "coordinator/transparency/*_log.h"}, {}});
    return layers;
  }();
  return kLayers;
}

bool Matches(const std::string& header, const std::string& allowed) {
  const size_t star = allowed.find('*');
  if (star == std::string::npos) return absl::StartsWith(header, allowed);
  return absl::StartsWith(header, allowed.substr(0, star)) &&
         absl::EndsWith(header, allowed.substr(star + 1));
}

bool Ours(const std::string& header) {
  for (const char* top : {"common/", "contributor/", "coordinator/", "migrations/", "tests/"}) {
    if (absl::StartsWith(header, top)) return true;
  }
  return false;
}

// coordinator/x.h, directly in the folder: the rooms every phase shares.
bool CoordinatorTopLevel(const std::string& header) {
  return absl::StartsWith(header, "coordinator/") &&
         std::count(header.begin(), header.end(), '/') == 1;
}

}  // namespace

const Layer* LayerOf(const std::string& path) {
  const Layer* best = nullptr;
  for (const Layer& layer : Layers()) {
    if (absl::StartsWith(path, layer.folder + "/") &&
        (best == nullptr || layer.folder.size() > best->folder.size())) {
      best = &layer;
    }
  }
  return best;
}

std::string RefuseInclude(const Layer& layer, const std::string& path, const std::string& header) {
  if (path == "coordinator/main.cc") return "";
  for (const std::string& library : layer.must_not) {
    if (absl::StartsWith(header, library)) {
      return absl::StrCat("'", header, "': ", layer.folder, " must not see ", library);
    }
  }
  if (!Ours(header) || absl::StartsWith(header, layer.folder + "/")) return "";
  if (absl::StartsWith(layer.folder, "coordinator/") && CoordinatorTopLevel(header)) return "";
  for (const std::string& allowed : layer.may) {
    if (Matches(header, allowed)) return "";
  }
  return absl::StrCat("'", header, "': ", layer.folder, " may include only ",
                      absl::StrJoin(layer.may, ", "));
}

bool TestedElsewhere(const std::string& path) {
  for (const char* suffix : {"_command.cc", "_service.cc", "_stream.cc", "main.cc"}) {
    if (absl::EndsWith(path, suffix)) return true;
  }
  static const std::set<std::string> kElsewhere = {
      "common/base/check.cc",                // aborts
      "common/base/clock.cc",                // the machine's clock
      "common/base/version.cc",              // two constants
      "common/tokenizer/unicode_ranges.cc",  // data, counted by unicode_classes_test.cc
      // Wiring and live connections: every integration test drives them over real TLS.
      "contributor/coordinator_connection.cc",
      "coordinator/admin/admin_connection.cc",
      "coordinator/admin/log_reader.cc",
      "coordinator/server/model_phases.cc",
      "coordinator/server/server.cc",
      "coordinator/unary_handler.cc",
      // The transfer from a running coordinator: tests/integration/submission_test.cc.
      "contributor/checkpoint/base_download.cc",
      // The same, and two models: tests/integration/rows_test.cc.
      "contributor/prediction/row_measurement.cc",
      // Needs what a coordinator wrote: tests/integration/data_verifier_test.cc.
      "coordinator/server/data_verifier.cc",
      // Streams of news: tests/integration/submission_test.cc.
      "coordinator/submission/submission_watch.cc",
      // Workers that run models, and their restarts: tests/integration/submission_test.cc and
      // fusion_test.cc.
      "coordinator/submission/admission_worker.cc",
      "coordinator/fusion/fusion_worker.cc",
      // A withdrawal with real workers and models: tests/integration/withdrawal_test.cc.
      "coordinator/fusion/fusion_starter.cc",
      "coordinator/fusion/member_traces.cc",
      "coordinator/fusion/model_publisher.cc",
      "coordinator/withdrawal/withdrawals.cc",
      "coordinator/serving/generation_engine.cc",
      "coordinator/serving/model_loader.cc",
  };
  return kElsewhere.contains(path);
}

}  // namespace kalavai::tidy
