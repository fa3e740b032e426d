// Goal: members measure their rows at home and the verdict rests on them; nobody reads the
// evaluation part, another's sample, or anything as a stranger or after leaving.
// Method: a coordinator with TLS in this process, members who type their commands on a tiny base; a
// measurement that is repeated, of which half was lost, and of a specialist that was trained anew.
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "common/cli/program.h"
#include "common/corpus/document_list.h"
#include "common/corpus/probe_documents.h"
#include "common/crypto/dsse.h"
#include "common/rpc/channel.h"
#include "common/rpc/retry.h"
#include "common/rpc/status_conversion.h"
#include "contributor/checkpoint/fetch_command.h"
#include "contributor/coordinator_connection.h"
#include "contributor/egress_receipt.h"
#include "contributor/join/join_command.h"
#include "contributor/prediction/predict_command.h"
#include "contributor/training/train_command.h"
#include "contributor/withdrawal/withdraw_command.h"
#include "contributor/workspace.h"
#include "kalavai/v1/prediction.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using contributor::Workspace;
using nlohmann::json;
using testing::WriteFile;
using Admin = v1::CooperativeAdmin::Stub;
using Prediction = v1::PredictionService::Stub;

constexpr char kParent[] = "cooperatives/nordic";

int Type(const std::vector<std::string>& words) {
  std::vector<const char*> argv = {"kalavai", "--format", "json"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return RunProgram({.name = "kalavai", .summary = "", .details = "", .groups = {}},
                    {contributor::MakeJoinCommand(), contributor::MakeFetchCommand(),
                     contributor::MakeTrainCommand(), contributor::MakePredictCommand(),
                     contributor::MakeWithdrawCommand()},
                    static_cast<int>(argv.size()), argv.data());
}

// `count` documents of a language, from the one numbered `first` on, as JSON lines.
std::string Lines(int language, size_t first, size_t count) {
  const std::vector<std::string> all = absl::StrSplit(
      testing::TinyText(language, static_cast<int>(first + count)), "\n\n", absl::SkipWhitespace());
  REQUIRE(all.size() >= first + count);
  std::string lines;
  for (size_t i = first; i < first + count; ++i) lines += json({{"text", all[i]}}).dump() + "\n";
  return lines;
}

struct Ground {
  testing::TempDir temp;
  testing::InProcessCoordinator coordinator;

  Ground() {
    fs::create_directory(temp.File("base"));
    testing::WriteTinyBase(temp.File("base"), 1);
    coordinator.FoundCooperative("nordic", {"law", "sea", "moon"});
    const auto admin = coordinator.Administrator();
    v1::ImportCheckpointRequest import;
    import.set_parent(kParent);
    import.set_source_directory(temp.File("base"));
    REQUIRE_OK(CallUnary(coordinator.address(), *admin, &Admin::ImportCheckpoint, import));
    REQUIRE_OK(coordinator.AddProbeText("nordic", "law", Lines(0, 0, 40), "jsonl"));
    REQUIRE_OK(coordinator.AddProbeText("nordic", "sea", Lines(1, 0, 40), "jsonl"));
    REQUIRE_OK(coordinator.AddProbeText("nordic", "everything", Lines(2, 0, 40), "jsonl", true));
    v1::LaunchCooperativeRequest launch;
    launch.set_name(kParent);
    REQUIRE_OK(CallUnary(coordinator.address(), *admin, &Admin::LaunchCooperative, launch));
  }

  Workspace Join(const std::string& id, const std::string& domain) {
    const Workspace workspace(temp.File(id));
    REQUIRE(Type({"join", coordinator.Invite("nordic", id, domain), "--workspace",
                  workspace.root()}) == 0);
    return workspace;
  }

  // A member with a specialist, trained on other documents than the probe text's and on `overlap`
  // of those.
  Workspace Member(const std::string& id, const std::string& domain, int language, size_t overlap) {
    const Workspace workspace = Join(id, domain);
    REQUIRE(Type({"fetch", "--workspace", workspace.root()}) == 0);
    Train(workspace, language, overlap, "4");
    return workspace;
  }

  void Train(const Workspace& workspace, int language, size_t overlap, const std::string& steps) {
    const std::string file = temp.File(absl::StrCat("text-", language, ".jsonl"));
    WriteFile(file, Lines(language, 0, overlap) + Lines(language, 40, 60));
    REQUIRE(Type({"train", "--data", file, "--steps", steps, "--batch", "4", "--threads", "1",
                  "--learning-rate", "2e-3", "--workspace", workspace.root()}) == 0);
  }

  v1::Prediction Predict() {
    v1::CreatePredictionRequest request;
    request.set_parent(kParent);
    const auto stub = v1::PredictionService::NewStub(coordinator.AdministratorChannel());
    REQUIRE_OK_AND_ASSIGN(
        const v1::Prediction prediction,
        CallUnary(coordinator.address(), *stub, &Prediction::CreatePrediction, request));
    return prediction;
  }

  absl::StatusOr<std::string> Read(Admin& stub, const std::string& domain,
                                   const std::string& parent = kParent) {
    v1::ReadProbeTextRequest request;
    request.set_parent(parent);
    request.set_domain(domain);
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(20));
    const auto reader = stub.ReadProbeText(&context, request);
    v1::ReadProbeTextResponse piece;
    std::string lines;
    while (reader->Read(&piece)) lines += piece.data();
    const absl::Status status = CallStatus(reader->Finish(), coordinator.address());
    if (!status.ok()) return status;
    return lines;
  }
};

int PredictRows(const Workspace& workspace) {
  return Type({"predict", "--rows", "--row-chunks", "12", "--threads", "1", "--workspace",
               workspace.root()});
}

json RowFile(const Workspace& workspace) {
  return json::parse(testing::ReadFile(workspace.MeasuredRowFile()));
}

// Names of what the newest receipt of `predict` lists.
std::string LastReceipt(const Workspace& workspace) {
  std::string last;
  for (const auto& entry : fs::directory_iterator(workspace.EgressDirectory())) {
    last = std::max(last, entry.path().string());
  }
  const SigningKey key = SigningKey::LoadFromFile(workspace.SigningKeyFile()).value();
  REQUIRE_OK_AND_ASSIGN(
      const std::string payload,
      VerifyEnvelope(testing::ReadFile(last), key.public_key(), contributor::kEgressType));
  return json::parse(payload)["items"][0]["path"].get<std::string>();
}

TEST_CASE("Members read the router part and nothing else", "[integration]") {
  Ground ground;
  const Workspace ann = ground.Join("ann", "law");
  const Workspace cy = ground.Join("cy", "moon");
  REQUIRE_OK_AND_ASSIGN(const contributor::CoordinatorConnection member, contributor::Connect(ann));
  const auto stub = v1::CooperativeAdmin::NewStub(member.channel);
  for (const auto& [domain, language] : {std::pair("law", 0), {"sea", 1}, {"everything", 2}}) {
    REQUIRE_OK_AND_ASSIGN(const std::string lines, ground.Read(*stub, domain));
    REQUIRE_OK_AND_ASSIGN(const DocumentSplit split,
                          SplitProbeText(Lines(language, 0, 40), domain, "jsonl"));
    REQUIRE_OK_AND_ASSIGN(const std::vector<Document> read, ParseDocuments(lines, "a.jsonl"));
    std::set<std::string> digests;
    for (const Document& document : read) digests.insert(document.digest.Hex());
    CHECK(digests.size() == split.first.size());
    for (const Document& document : split.second) {
      CHECK_FALSE(digests.contains(document.digest.Hex()));
    }
  }
  REQUIRE_STATUS(ground.Read(*stub, "moon"), absl::StatusCode::kNotFound, "PROBE_TEXT_NOT_FOUND");
  REQUIRE_STATUS(ground.Read(*stub, "law", "cooperatives/alpine"),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  REQUIRE_STATUS(ground.Read(*stub, "law", ""), absl::StatusCode::kInvalidArgument,
                 "NAME_INVALID");
  REQUIRE_STATUS(ground.Read(*ground.coordinator.Administrator(), "law"),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");

  // A sample of cy's own domain: cy gave it to the launcher, not to ann.
  REQUIRE_OK_AND_ASSIGN(const contributor::CoordinatorConnection sharer, contributor::Connect(cy));
  const auto sharing = v1::CooperativeAdmin::NewStub(sharer.channel);
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(20));
  v1::ProbeText added;
  const std::string sample = Lines(2, 50, 40);
  v1::AddProbeTextRequest request;
  request.mutable_header()->set_parent(kParent);
  request.mutable_header()->set_format("jsonl");
  request.mutable_header()->set_size_bytes(static_cast<int64_t>(sample.size()));
  request.mutable_header()->set_sha256(Sha256Of(sample).Hex());
  const auto writer = sharing->ShareSample(&context, &added);
  REQUIRE(writer->Write(request));
  request.set_data(sample);
  REQUIRE(writer->Write(request));
  writer->WritesDone();
  REQUIRE_OK(CallStatus(writer->Finish(), ground.coordinator.address()));
  REQUIRE_STATUS(ground.Read(*stub, "moon"), absl::StatusCode::kFailedPrecondition,
                 "PROBE_TEXT_PRIVATE");

  REQUIRE(Type({"withdraw", "--yes", "--workspace", ann.root()}) == 0);
  REQUIRE_STATUS(ground.Read(*stub, "law"), absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED");
}

TEST_CASE("Rows are measured at home, go on after a loss, and carry the verdict", "[integration]") {
  Ground ground;
  const Workspace ann = ground.Member("ann", "law", 0, 0);
  const Workspace bo = ground.Member("bo", "sea", 1, 40);  // it learned all of the probe text
  REQUIRE(PredictRows(ann) == 1);                          // measured and reported; bo is missing
  CHECK(LastReceipt(ann) == "measurement with losses on law, sea");
  const json measured = RowFile(ann);
  REQUIRE(measured["domains"].size() == 2);  // no public class
  CHECK(measured["domains"]["law"]["own"].size() == 12);
  CHECK(measured["domains"]["law"]["left_out"] == 0);

  REQUIRE(Type({"predict", "--workspace", bo.root()}) == 0);
  const v1::Prediction partial = ground.Predict();
  CHECK(partial.basis() == "coverage");
  CHECK(partial.rows_note() == "rows not yet measured: bo on law, sea");
  REQUIRE(PredictRows(bo) == 0);
  const json learned = RowFile(bo);
  CHECK(learned["domains"].size() == 1);  // what is left of its own domain's text is too little
  CHECK(LastReceipt(bo) == "measurement with losses on law");
  const v1::Prediction complete = ground.Predict();
  INFO(complete.reason());
  CHECK(complete.rows_note().empty());
  CHECK(complete.basis() == "rows");
  CHECK(complete.rows().low() <= complete.rows().value());
  // One base, one text: both measured the same.
  CHECK(learned["domains"]["law"]["base"] == measured["domains"]["law"]["base"]);

  // What an interruption lost is measured again, to the same figures; the rest is not touched.
  json half = measured;
  half["domains"]["sea"]["own"] = json::array();
  half["domains"]["law"]["base"][0] = 7.0;  // kept as it is: nothing reads the text for it again
  WriteFile(ann.MeasuredRowFile(), half.dump());
  REQUIRE(PredictRows(ann) == 0);
  const json again = RowFile(ann);
  CHECK(again["domains"]["sea"] == measured["domains"]["sea"]);
  CHECK(again["domains"]["law"] == half["domains"]["law"]);
  // A damaged file is measured anew by --rows, and refused by a command that only sends it.
  WriteFile(ann.MeasuredRowFile(), "{");
  CHECK(Type({"predict", "--workspace", ann.root()}) == 1);
  REQUIRE(PredictRows(ann) == 0);
  CHECK(RowFile(ann) == measured);
  // Without --rows the kept row goes along.
  REQUIRE(Type({"predict", "--workspace", ann.root()}) == 0);
  CHECK(LastReceipt(ann) == "measurement with losses on law, sea");

  // A new specialist: its row is not the old one's; the base needs no second measurement.
  ground.Train(ann, 0, 3, "6");
  REQUIRE(Type({"predict", "--workspace", ann.root()}) == 0);
  CHECK(LastReceipt(ann) == "measurement");
  CHECK(ground.Predict().rows_note() == "rows not yet measured: ann on law, sea");
  REQUIRE(PredictRows(ann) == 0);
  const json trained = RowFile(ann);
  CHECK(trained["domains"]["sea"]["base"] == measured["domains"]["sea"]["base"]);
  CHECK(trained["domains"]["sea"]["own"] != measured["domains"]["sea"]["own"]);
  CHECK(ground.Predict().basis() == "rows");
}

TEST_CASE("What cannot be measured is refused before any work", "[integration]") {
  Ground ground;
  const Workspace ann = ground.Join("ann", "law");
  CHECK(PredictRows(ann) == 1);  // NOT_TRAINED
  REQUIRE(Type({"fetch", "--workspace", ann.root()}) == 0);
  ground.Train(ann, 0, 0, "4");
  const auto predict = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"predict", "--rows", "--workspace", ann.root()});
    return Type(more);
  };
  CHECK(predict({"--offline", "losses.json"}) == 2);
  CHECK(predict({"--without", "bo"}) == 2);
  for (const char* const chunks : {"3", "257", "-1", "x"}) {
    CHECK(predict({"--row-chunks", chunks}) == 2);
  }
  // A pilot that improved on nothing.
  REQUIRE_OK(ann.SaveTrainingReport({.base_loss = 5,
                                     .own_loss = 4,
                                     .held_out_tokens = 100,
                                     .steps = 2,
                                     .pilot = true,
                                     .measured_loss = 5}));
  CHECK(predict({}) == 1);
  CHECK_FALSE(fs::exists(ann.MeasuredRowFile()));
}

}  // namespace
}  // namespace kalavai
