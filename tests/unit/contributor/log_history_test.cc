// Goal: a member follows an honest record and notices every other one; damage of its own files is
// told apart from both, and an answer that does not come accuses nobody.
// Method: a service in this process that serves any log it is given, with any key, and whatever
// proofs the test makes it tell; every pair of sizes up to 12.
#include "contributor/log_history.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"

#include "common/crypto/merkle_tree.h"
#include "common/crypto/tree_head.h"
#include "kalavai/v1/transparency.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

using testing::ReadFile;
using testing::WriteFile;
constexpr auto kLoss = absl::StatusCode::kDataLoss;

std::string LeafText(int64_t index, const std::string& history) {
  return nlohmann::json{{"action", "ADMIT_SUBMISSION"},
                        {"index", index},
                        {"subject", absl::StrCat("submissions/", index)},
                        {"fields", {{"root_digest", absl::StrCat(history, index)}}}}
      .dump();
}

// Serves the first `size` leaves of `history`, signed by `signer`.
class AnyLog final : public v1::TransparencyLogService::Service {
 public:
  explicit AnyLog(NoteSigner signer) : signer_(std::move(signer)) {}

  void Show(size_t size, const std::string& history = "a") {
    leaves_.clear();
    hashes_.clear();
    for (size_t i = 0; i < size; ++i) {
      leaves_.push_back(LeafText(static_cast<int64_t>(i), history));
      hashes_.push_back(LeafHash(leaves_.back()));
    }
  }
  void Sign(NoteSigner signer) { signer_ = std::move(signer); }
  std::string Note() const {
    return SignTreeHead({.size = hashes_.size(), .root = RootHash(hashes_)}, signer_).value();
  }
  const std::string& leaf(size_t index) const { return leaves_[index]; }
  std::vector<Digest> Inclusion(size_t index) const {
    return InclusionProof(hashes_, index).value();
  }

  // What the service tells otherwise than is so.
  std::function<void(v1::TreeHead&)> bend_head = [](v1::TreeHead&) {};
  std::function<void(v1::ConsistencyProof&)> bend_proof = [](v1::ConsistencyProof&) {};
  grpc::Status failure = grpc::Status::OK;

 private:
  grpc::Status GetTreeHead(grpc::ServerContext*, const v1::GetTreeHeadRequest*,
                           v1::TreeHead* response) override {
    response->set_note(Note());
    response->set_verifier_key(signer_.verifier().Text());
    bend_head(*response);
    return failure;
  }
  grpc::Status GetConsistencyProof(grpc::ServerContext*,
                                   const v1::GetConsistencyProofRequest* request,
                                   v1::ConsistencyProof* response) override {
    const auto proof =
        ConsistencyProof(std::span(hashes_).first(static_cast<size_t>(request->second_size())),
                         static_cast<uint64_t>(request->first_size()));
    for (const Digest& hash : *proof) response->add_hashes(std::string(hash.bytes()));
    bend_proof(*response);
    return grpc::Status::OK;
  }
  grpc::Status GetInclusionProof(grpc::ServerContext*, const v1::GetInclusionProofRequest* request,
                                 v1::InclusionProof* response) override {
    const auto index = static_cast<size_t>(request->leaf_index());
    if (index >= leaves_.size()) return {grpc::StatusCode::INVALID_ARGUMENT, "no such leaf"};
    response->mutable_entry()->set_leaf(leaves_[index]);
    for (const Digest& hash : Inclusion(index)) response->add_hashes(std::string(hash.bytes()));
    return grpc::Status::OK;
  }

  NoteSigner signer_;
  std::vector<std::string> leaves_;
  std::vector<Digest> hashes_;
};

struct Ground {
  Ground()
      : workspace(temp.File("member")),
        coordinator_key(SigningKey::Create().value().public_key()),
        log(NewSigner()) {
    REQUIRE_OK(workspace.Create());
    WriteFile(workspace.CoordinatorKeyFile(), coordinator_key.Pem());
    grpc::ServerBuilder builder;
    builder.RegisterService(&log);
    server = builder.BuildAndStart();
    channel = server->InProcessChannel(grpc::ChannelArguments());
  }
  ~Ground() { server->Shutdown(); }

  NoteSigner NewSigner() const {
    return NoteSigner::Create(absl::StrCat("kalavai/", coordinator_key.Hint())).value();
  }
  absl::StatusOr<TreeState> Check() { return CheckLogHistory(workspace, "log", channel); }
  std::string Kept() const { return ReadFile(workspace.TreeHeadFile()); }
  void Forget() { std::filesystem::remove_all(workspace.LogDirectory()); }

  testing::TempDir temp;
  Workspace workspace;
  PublicKey coordinator_key;
  AnyLog log;
  std::unique_ptr<grpc::Server> server;
  std::shared_ptr<grpc::Channel> channel;
};

TEST_CASE("From every size to every later one an honest log is followed") {
  Ground ground;
  for (size_t first = 0; first <= 12; ++first) {
    for (size_t second = first; second <= 12; ++second) {
      INFO(first << " to " << second);
      ground.Forget();
      ground.log.Show(first);
      REQUIRE_OK_AND_ASSIGN(const TreeState before, ground.Check());
      CHECK(before.size == first);
      ground.log.Show(second);
      REQUIRE_OK_AND_ASSIGN(const TreeState after, ground.Check());
      CHECK(after.size == second);
      CHECK(ground.Kept() == ground.log.Note());
      REQUIRE_OK_AND_ASSIGN(const auto kept, ReadKeptHead(ground.workspace));
      REQUIRE(kept.has_value());
      CHECK(kept->state == after);
    }
  }
}

TEST_CASE("A log that shrank or has another history is found, and the evidence kept") {
  Ground ground;
  for (size_t first = 1; first <= 8; ++first) {
    ground.Forget();
    ground.log.Show(first);
    REQUIRE_OK(ground.Check());
    const std::string kept = ground.Kept();
    for (size_t second = 0; second <= 12; ++second) {
      INFO(first << " to " << second);
      ground.log.Show(second, "b");
      REQUIRE_STATUS(ground.Check(), kLoss, "LOG_INCONSISTENT");
      CHECK(ground.Kept() == kept);
    }
    ground.log.Show(first);
    REQUIRE_OK(ground.Check());  // the honest log is still followed
  }
}

TEST_CASE("A head or proof that is bent is found") {
  Ground ground;
  ground.log.Show(5);
  REQUIRE_OK(ground.Check());
  const std::string kept = ground.Kept();
  ground.log.Show(11);
  const std::vector<std::function<void(v1::ConsistencyProof&)>> proofs = {
      [](v1::ConsistencyProof& p) { p.clear_hashes(); },
      [](v1::ConsistencyProof& p) { p.add_hashes(std::string(32, 'x')); },
      [](v1::ConsistencyProof& p) { p.mutable_hashes()->RemoveLast(); },
      [](v1::ConsistencyProof& p) { p.mutable_hashes(0)->pop_back(); },
      [](v1::ConsistencyProof& p) { p.mutable_hashes(0)->push_back('x'); },
      [](v1::ConsistencyProof& p) { p.mutable_hashes(0)->front() ^= 1; },
      [](v1::ConsistencyProof& p) { p.mutable_hashes()->SwapElements(0, 1); }};
  for (size_t i = 0; i < proofs.size(); ++i) {
    INFO("proof " << i);
    ground.log.bend_proof = proofs[i];
    REQUIRE_STATUS(ground.Check(), kLoss, "LOG_INCONSISTENT");
  }
  ground.log.bend_proof = [](v1::ConsistencyProof&) {};
  const std::vector<std::function<void(v1::TreeHead&)>> heads = {
      [](v1::TreeHead& h) { h.clear_note(); },
      [](v1::TreeHead& h) { h.mutable_note()->pop_back(); },
      [](v1::TreeHead& h) { h.set_note(absl::StrCat("x", h.note())); },
      [](v1::TreeHead& h) { *h.mutable_note() = h.note().substr(0, h.note().find("\n\n") + 2); }};
  for (size_t i = 0; i < heads.size(); ++i) {
    INFO("head " << i);
    ground.log.bend_head = heads[i];
    REQUIRE_STATUS(ground.Check(), kLoss, "LOG_INCONSISTENT");
  }
  // Another key beside an honest head counts for nothing: only the pinned one is looked at.
  ground.log.bend_head = [](v1::TreeHead& h) { h.set_verifier_key("junk"); };
  CHECK(ground.Kept() == kept);
  REQUIRE_OK(ground.Check());
}

TEST_CASE("A namesake of the log's key is found") {
  Ground ground;
  ground.log.Show(3);
  REQUIRE_OK(ground.Check());
  ground.log.Sign(ground.NewSigner());
  REQUIRE_STATUS(ground.Check(), kLoss, "LOG_INCONSISTENT");
}

TEST_CASE("A coordinator that does not answer is no liar, and nothing is written") {
  Ground ground;
  ground.log.Show(3);
  REQUIRE_OK(ground.Check());
  const std::string kept = ground.Kept();
  ground.log.Show(4);
  ground.log.failure = {grpc::StatusCode::PERMISSION_DENIED, "no"};
  const absl::Status status = ground.Check().status();
  CHECK(status.code() == absl::StatusCode::kPermissionDenied);
  CHECK(ground.Kept() == kept);
}

TEST_CASE("Damage of the kept key or head is an error of its own, and stays as it is") {
  Ground ground;
  ground.log.Show(3);
  REQUIRE_OK(ground.Check());
  const std::string head = ground.Kept();
  const std::string key = ReadFile(ground.workspace.LogKeyFile());
  const std::string other =
      SignTreeHead({.size = 9, .root = Sha256Of("x")}, ground.NewSigner()).value();
  for (const std::string& path : {ground.workspace.TreeHeadFile(), ground.workspace.LogKeyFile()}) {
    for (const std::string& bytes : {std::string(), std::string("damaged"), head.substr(1),
                                     key.substr(1), std::string(1 << 20, 'x'), other}) {
      WriteFile(path, bytes);
      const absl::Status status = ground.Check().status();
      REQUIRE_STATUS(status, kLoss, "KEPT_HEAD_DAMAGED");
      CHECK(std::string(status.message()).find(path) == 0);
      CHECK(ReadFile(path) == bytes);
    }
    std::filesystem::remove(path);
    REQUIRE_STATUS(ground.Check(), kLoss, "KEPT_HEAD_DAMAGED");
    CHECK_FALSE(std::filesystem::exists(path));
    WriteFile(ground.workspace.TreeHeadFile(), head);
    WriteFile(ground.workspace.LogKeyFile(), key);
    REQUIRE_OK(ground.Check());
  }
  ground.Forget();
  REQUIRE_OK_AND_ASSIGN(const auto nothing, ReadKeptHead(ground.workspace));
  CHECK_FALSE(nothing.has_value());
}

TEST_CASE("A receipt holds with its evidence, or what the log says, and not otherwise") {
  Ground ground;
  ground.log.Show(6);
  REQUIRE_OK(ground.Check());
  nlohmann::json receipt = {{"schema", "kalavai.receipt/1"},
                            {"submission", "submissions/4"},
                            {"root_digest", "a4"},
                            {"state", "ADMITTED"},
                            {"log_index", 4}};
  const auto check = [&](const nlohmann::json& value) {
    return CheckReceiptRecorded(ground.workspace, "log", ground.channel, value);
  };
  REQUIRE_OK(check(receipt));  // without evidence: asked for
  receipt["schema"] = "kalavai.receipt/2";
  receipt["leaf"] = ground.log.leaf(4);
  receipt["tree_head"] = ground.log.Note();
  receipt["inclusion_proof"] = nlohmann::json::array();
  for (const Digest& hash : ground.log.Inclusion(4))
    receipt["inclusion_proof"].push_back(hash.Hex());
  REQUIRE_OK(check(receipt));
  ground.log.Show(11);
  REQUIRE_OK(check(receipt));
  const std::vector<std::function<void(nlohmann::json&)>> changes = {
      [](nlohmann::json& r) { r["submission"] = "submissions/5"; },
      [](nlohmann::json& r) { r["root_digest"] = "b4"; },
      [](nlohmann::json& r) { r["state"] = "REJECTED"; },
      [](nlohmann::json& r) { r["log_index"] = 3; },
      [](nlohmann::json& r) { r["log_index"] = -1; },
      [](nlohmann::json& r) { r["leaf"] = "{}"; },
      [](nlohmann::json& r) { r.erase("leaf"); },
      [](nlohmann::json& r) { r["schema"] = "kalavai.receipt/99"; },
      [](nlohmann::json& r) { r["inclusion_proof"].erase(0); },
      [](nlohmann::json& r) { r["inclusion_proof"].push_back(Digest().Hex()); },
      [](nlohmann::json& r) { r["inclusion_proof"][0] = 1; },
      [](nlohmann::json& r) { r["tree_head"] = "junk"; }};
  for (size_t i = 0; i < changes.size(); ++i) {
    INFO("change " << i);
    nlohmann::json other = receipt;
    changes[i](other);
    REQUIRE_STATUS(check(other), kLoss, "LOG_INCONSISTENT");
  }
}

}  // namespace
}  // namespace kalavai::contributor
