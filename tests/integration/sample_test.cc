// Goal: a member shares a sample over the real wire: listed first, sent only when told to, recorded
// and listed in a signed receipt; refused where it must be; gone when the member withdraws.
// Method: a coordinator with TLS in this process, members who type their commands; raw streams for
// what no command would send.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/cli/program.h"
#include "common/corpus/document_list.h"
#include "common/crypto/dsse.h"
#include "common/rpc/channel.h"
#include "common/rpc/retry.h"
#include "common/rpc/status_conversion.h"
#include "contributor/coordinator_connection.h"
#include "contributor/egress_receipt.h"
#include "contributor/join/join_command.h"
#include "contributor/receipt.h"
#include "contributor/sample/share_sample_command.h"
#include "contributor/withdrawal/withdraw_command.h"
#include "contributor/workspace.h"
#include "tests/support/catch.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using contributor::Workspace;
using testing::WriteFile;
using Admin = v1::CooperativeAdmin::Stub;

constexpr char kParent[] = "cooperatives/nordic";

int Type(const std::vector<std::string>& words) {
  std::vector<const char*> argv = {"kalavai", "--format", "json"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return RunProgram({.name = "kalavai", .summary = "", .details = "", .groups = {}},
                    {contributor::MakeJoinCommand(), contributor::MakeShareSampleCommand(),
                     contributor::MakeWithdrawCommand()},
                    static_cast<int>(argv.size()), argv.data());
}

// Long enough for both parts, whichever it falls into.
std::string Text(const std::string& word) { return word + testing::TinyText(0, 20); }

std::string Lines(const std::vector<std::string>& words) {
  std::string lines;
  for (const std::string& word : words) {
    lines += nlohmann::json({{"text", Text(word)}}).dump() + "\n";
  }
  return lines;
}

struct Ground {
  testing::TempDir temp;
  testing::InProcessCoordinator coordinator;
  std::string sample = temp.File("sample.jsonl");

  Ground() {
    fs::create_directory(temp.File("base"));
    testing::WriteTinyBase(temp.File("base"), 1);
    coordinator.FoundCooperative("nordic", {"legal", "medical"});
    const auto admin = coordinator.Administrator();
    v1::ImportCheckpointRequest import;
    import.set_parent(kParent);
    import.set_source_directory(temp.File("base"));
    REQUIRE_OK(CallUnary(coordinator.address(), *admin, &Admin::ImportCheckpoint, import));
    std::string charter_text = "first\n\nsecond " + std::string(6000, 'x') + "\n";
    for (int k = 0; k < 24; ++k) charter_text += "\n" + Text(absl::StrCat("law ", k, " ")) + "\n";
    REQUIRE_OK(coordinator.AddProbeText("nordic", "legal", charter_text));
    v1::LaunchCooperativeRequest launch;
    launch.set_name(kParent);
    REQUIRE_OK(CallUnary(coordinator.address(), *admin, &Admin::LaunchCooperative, launch));
    std::string lines;
    for (const char* const word : {"one", "two", "three"}) {
      lines += nlohmann::json({{"text", Text(word)}, {"patient", "Ann"}}).dump() + "\n";
    }
    WriteFile(sample, lines);
  }

  Workspace Join(const std::string& id, const std::string& domain) {
    const Workspace workspace(temp.File(id));
    REQUIRE(Type({"join", coordinator.Invite("nordic", id, domain), "--workspace",
                  workspace.root()}) == 0);
    return workspace;
  }

  std::vector<v1::ProbeText> Texts() {
    v1::ListProbeTextsRequest request;
    request.set_parent(kParent);
    REQUIRE_OK_AND_ASSIGN(const v1::ListProbeTextsResponse texts,
                          CallUnary(coordinator.address(), *coordinator.Administrator(),
                                    &Admin::ListProbeTexts, request));
    return {texts.probe_texts().begin(), texts.probe_texts().end()};
  }

  bool HasBlob(const std::string& sha256) {
    for (const auto& entry : fs::recursive_directory_iterator(coordinator.data() + "/blobs")) {
      const std::string path = entry.path().string();
      std::string hex;
      for (const char c : path) {
        if (c != '/') hex += c;
      }
      if (entry.is_regular_file() && hex.find(sha256.substr(4)) != std::string::npos) return true;
    }
    return false;
  }
};

// The signed lists of one act in this workspace.
std::vector<nlohmann::json> Receipts(const Workspace& workspace, const std::string& act) {
  std::vector<nlohmann::json> found;
  if (!fs::exists(workspace.EgressDirectory())) return found;
  const SigningKey key = SigningKey::LoadFromFile(workspace.SigningKeyFile()).value();
  for (const auto& entry : fs::directory_iterator(workspace.EgressDirectory())) {
    if (entry.path().string().find(act) == std::string::npos) continue;
    REQUIRE_OK_AND_ASSIGN(const std::string payload,
                          VerifyEnvelope(testing::ReadFile(entry.path().string()), key.public_key(),
                                         contributor::kEgressType));
    found.push_back(nlohmann::json::parse(payload));
  }
  return found;
}

// A stream as no command would send it.
absl::Status Stream(const Ground& ground, Admin& stub,
                    const v1::AddProbeTextRequest::Header& header, const std::string& text) {
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(20));
  v1::ProbeText added;
  const auto writer = stub.ShareSample(&context, &added);
  v1::AddProbeTextRequest request;
  *request.mutable_header() = header;
  if (writer->Write(request)) {
    request.set_data(text);
    if (writer->Write(request)) writer->WritesDone();
  }
  return CallStatus(writer->Finish(), ground.coordinator.address());
}

TEST_CASE("A sample is listed, sent when told to, recorded, and deleted with its member",
          "[integration]") {
  Ground ground;
  const Workspace clinic = ground.Join("clinic", "medical");
  const std::vector<std::string> at = {"--workspace", clinic.root()};
  REQUIRE(Type({"share-sample", ground.sample, at[0], at[1]}) == 2);  // not confirmed
  REQUIRE(ground.Texts().size() == 1);
  REQUIRE(Receipts(clinic, "share-sample").empty());

  REQUIRE(Type({"share-sample", ground.sample, "--yes", at[0], at[1]}) == 0);
  const std::vector<v1::ProbeText> texts = ground.Texts();
  REQUIRE(texts.size() == 2);
  const v1::ProbeText& added = texts[1];
  CHECK(added.domain() == "medical");
  CHECK(added.contributor() == absl::StrCat(kParent, "/contributors/clinic"));
  CHECK(added.router_documents() + added.evaluation_documents() == 3);
  const std::string sent = Lines({"one", "two", "three"});
  CHECK(added.sha256() == Sha256Of(sent).Hex());
  CHECK(ground.HasBlob(added.sha256()));
  const std::vector<nlohmann::json> receipts = Receipts(clinic, "share-sample");
  REQUIRE(receipts.size() == 1);
  CHECK(receipts[0]["bytes"] == sent.size());
  CHECK(receipts[0]["items"][0]["sha256"] == added.sha256());

  REQUIRE(Type({"share-sample", ground.sample, "--yes", at[0], at[1]}) == 1);  // it has some now
  CHECK(Receipts(clinic, "share-sample").size() == 1);  // and nothing was sent

  REQUIRE(Type({"withdraw", "--yes", at[0], at[1]}) == 0);
  CHECK(ground.Texts().size() == 1);
  CHECK_FALSE(ground.HasBlob(added.sha256()));
  REQUIRE_OK_AND_ASSIGN(const contributor::ReceiptKeys keys, contributor::LoadReceiptKeys(clinic));
  REQUIRE_OK_AND_ASSIGN(
      const contributor::Receipt receipt,
      contributor::VerifyReceipt(testing::ReadFile(clinic.WithdrawalReceiptFile()), keys));
  CHECK(receipt.payload["deleted"] == nlohmann::json::array({added.sha256()}));
}

TEST_CASE("What may not be shared stays at home or is refused", "[integration]") {
  Ground ground;
  const Workspace clinic = ground.Join("clinic", "medical");
  const Workspace firm = ground.Join("firm", "legal");
  const auto share = [&](const Workspace& workspace, const std::string& file) {
    return Type({"share-sample", file, "--yes", "--workspace", workspace.root()});
  };
  CHECK(share(firm, ground.sample) == 1);  // the charter has text of legal
  CHECK(share(clinic, ground.temp.File("none.jsonl")) != 0);
  fs::create_directories(clinic.TrainingDirectory());
  WriteFile(clinic.TrainingDocumentsFile(), FormatDocumentList({MakeDocument(Text("two"))}));
  CHECK(share(clinic, ground.sample) == 1);  // it was trained on
  CHECK(Receipts(clinic, "share-sample").empty());
  CHECK(Receipts(firm, "share-sample").empty());
  CHECK(ground.Texts().size() == 1);

  REQUIRE_OK_AND_ASSIGN(const contributor::CoordinatorConnection member,
                        contributor::Connect(clinic));
  const auto stub = v1::CooperativeAdmin::NewStub(member.channel);
  const std::string text = Lines({"one", "two"});
  v1::AddProbeTextRequest::Header good;
  good.set_parent(kParent);
  good.set_format("jsonl");
  good.set_size_bytes(static_cast<int64_t>(text.size()));
  good.set_sha256(Sha256Of(text).Hex());
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  for (const int64_t size : {INT64_MIN, int64_t{-1}, int64_t{0}}) {
    v1::AddProbeTextRequest::Header bad = good;
    bad.set_size_bytes(size);
    REQUIRE_STATUS(Stream(ground, *stub, bad, text), kInvalid, "FIELD_INVALID");
  }
  v1::AddProbeTextRequest::Header bad = good;
  bad.set_size_bytes(INT64_MAX);
  REQUIRE_STATUS(Stream(ground, *stub, bad, text), kInvalid, "PROBE_TEXT_TOO_LARGE");
  bad = good;
  bad.set_domain("legal");
  REQUIRE_STATUS(Stream(ground, *stub, bad, text), kInvalid, "FIELD_INVALID");
  bad = good;
  bad.set_sha256(Sha256Of("other").Hex());
  REQUIRE_STATUS(Stream(ground, *stub, bad, text), absl::StatusCode::kDataLoss, "DIGEST_MISMATCH");
  bad = good;
  bad.set_size_bytes(good.size_bytes() - 1);
  REQUIRE_STATUS(Stream(ground, *stub, bad, text), kInvalid, "SIZE_MISMATCH");
  bad = good;
  bad.set_parent("cooperatives/alpine");
  REQUIRE_STATUS(Stream(ground, *stub, bad, text), absl::StatusCode::kPermissionDenied,
                 "PERMISSION_DENIED");
  bad = good;
  bad.set_format("txt");
  REQUIRE_STATUS(Stream(ground, *stub, bad, text), kInvalid, "FIELD_INVALID");
  const std::string tiny = "{\"text\":\"one\"}\n{\"text\":\"two\"}\n";
  bad = good;
  bad.set_size_bytes(static_cast<int64_t>(tiny.size()));
  bad.set_sha256(Sha256Of(tiny).Hex());
  REQUIRE_STATUS(Stream(ground, *stub, bad, tiny), kInvalid, "TOO_LITTLE_TEXT");
  // The launcher has a method of its own, before the launch.
  REQUIRE_STATUS(Stream(ground, *ground.coordinator.Administrator(), good, text),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  CHECK(ground.Texts().size() == 1);
  REQUIRE_OK(Stream(ground, *stub, good, text));
  CHECK(ground.Texts().size() == 2);
}

}  // namespace
}  // namespace kalavai
