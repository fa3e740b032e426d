// Goal: a member notices every rewriting of the coordinator's record, loudly, and keeps its
// evidence. Method: a real coordinator with TLS in this process and the real commands; between two
// of them the database is put back, exchanged or rewritten behind the server's back.
#include "contributor/log_history.h"

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "grpcpp/client_context.h"

#include "common/cli/program.h"
#include "common/crypto/note_key.h"
#include "common/crypto/tree_head.h"
#include "common/rpc/retry.h"
#include "common/storage/sqlite.h"
#include "contributor/coordinator_connection.h"
#include "contributor/join/join_command.h"
#include "contributor/status/status_command.h"
#include "contributor/withdrawal/withdraw_command.h"
#include "contributor/workspace.h"
#include "coordinator/admin/log_command.h"
#include "kalavai/v1/transparency.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using testing::InProcessCoordinator;
using testing::ReadFile;
using testing::WriteFile;
using Log = v1::TransparencyLogService::Stub;

int Type(const std::vector<std::string>& words) {
  std::vector<const char*> argv = {"kalavai", "--format", "json"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return RunProgram({.name = "kalavai", .summary = "", .details = "", .groups = {}},
                    {contributor::MakeJoinCommand(), contributor::MakeStatusCommand(),
                     contributor::MakeWithdrawCommand()},
                    static_cast<int>(argv.size()), argv.data());
}

// What the administrator types, with the certificate of the data directory.
int TypeLog(const InProcessCoordinator& server, std::vector<std::string> words) {
  for (const std::string& word : {std::string("--data"), server.data(), std::string("--server"),
                                  server.address(), std::string("--format"), std::string("json")}) {
    words.push_back(word);
  }
  std::vector<const char*> argv = {"kalavai-coordinator", "log"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return RunProgram({.name = "kalavai-coordinator", .summary = "", .details = "", .groups = {}},
                    {coordinator::MakeLogCommand(), coordinator::MakeLogVerifyCommand(),
                     coordinator::MakeLogProveCommand()},
                    static_cast<int>(argv.size()), argv.data());
}

struct Ground {
  Ground() : workspace(temp.File("st-mary")) {
    fs::create_directory(temp.File("base"));
    testing::WriteTinyBase(temp.File("base"), 1);
    coordinator.LaunchCooperative("nordic", {"legal", "medical"}, temp.File("base"));
    REQUIRE(Type({"join", coordinator.Invite("nordic", "st-mary", "medical"), "--workspace",
                  workspace.root()}) == 0);
  }

  int Status() { return Type({"status", "--workspace", workspace.root()}); }
  std::string Kept() { return ReadFile(workspace.TreeHeadFile()); }
  TreeState KeptState() {
    const std::string key = ReadFile(workspace.LogKeyFile());
    return VerifyTreeHead(Kept(), NoteVerifier::FromText(key.substr(0, key.size() - 1)).value())
        .value();
  }
  // Any act: one more leaf.
  void Act(const std::string& who) { coordinator.Invite("nordic", who, "legal"); }

  std::string DatabasePath() const { return coordinator.data() + "/coordinator.db"; }
  void Copy(const std::string& from, const std::string& to) {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      fs::remove(to + suffix);
      if (fs::exists(from + suffix)) fs::copy_file(from + suffix, to + suffix);
    }
  }
  // The server again, where the workspace finds it.
  void Serve() {
    coordinator.Restart();
    auto member = workspace.LoadMembership().value();
    member.coordinator = coordinator.address();
    REQUIRE_OK(workspace.SaveMembership(member));
  }

  testing::TempDir temp;
  InProcessCoordinator coordinator;
  contributor::Workspace workspace;
};

TEST_CASE("The kept tree head follows an honest log through restarts", "[integration]") {
  Ground ground;
  CHECK(ground.KeptState().size > 0);  // of joining
  CHECK(ground.Status() == 0);
  const uint64_t before = ground.KeptState().size;
  const std::string head = ground.Kept();
  CHECK(ground.Status() == 0);
  CHECK(ground.Kept() == head);
  for (int i = 0; i < 5; ++i) {
    ground.Act(absl::StrCat("guest-", i));
    if (i % 2 == 1) ground.Serve();
    CHECK(ground.Status() == 0);
    CHECK(ground.KeptState().size == before + static_cast<uint64_t>(i) + 1);
  }
}

TEST_CASE("A database put back to an older copy is noticed", "[integration]") {
  Ground ground;
  ground.coordinator.Stop();
  ground.Copy(ground.DatabasePath(), ground.temp.File("old.db"));
  ground.Serve();
  ground.Act("one");
  ground.Act("two");
  CHECK(ground.Status() == 0);
  const std::string kept = ground.Kept();
  ground.coordinator.Stop();
  ground.Copy(ground.temp.File("old.db"), ground.DatabasePath());
  ground.Serve();
  SECTION("as a log that shrank") { CHECK(ground.Status() == 4); }
  SECTION("as another log of the same size") {
    ground.Act("other-one");
    ground.Act("other-two");
    CHECK(ground.Status() == 4);
  }
  SECTION("as another log that has grown beyond") {
    for (int i = 0; i < 7; ++i) ground.Act(absl::StrCat("other-", i));
    CHECK(ground.Status() == 4);
    CHECK(ground.Status() == 4);  // it does not get used to it
  }
  CHECK(ground.Kept() == kept);
  // Leaving stays possible.
  CHECK(Type({"withdraw", "--yes", "--workspace", ground.workspace.root()}) == 0);
}

TEST_CASE("A coordinator that lost its log key is noticed", "[integration]") {
  Ground ground;
  const std::string kept = ground.Kept();
  ground.coordinator.Stop();
  fs::remove(ground.coordinator.data() + "/keys/log.key");
  ground.Serve();  // makes another
  CHECK(ground.Status() == 4);
  CHECK(ground.Kept() == kept);
}

TEST_CASE("A tampered record keeps the server from starting", "[integration]") {
  Ground ground;
  ground.coordinator.Stop();
  {
    REQUIRE_OK_AND_ASSIGN(const auto database, Database::Open(ground.DatabasePath()));
    REQUIRE_OK(database->ExecuteScript(
        "DROP TRIGGER log_entries_no_update; "
        "UPDATE log_entries SET leaf = replace(leaf, 'medical', 'legal') WHERE log_index >= 0;"));
  }
  REQUIRE_STATUS(coordinator::StartServer({.data = ground.coordinator.data(),
                                           .listen = "127.0.0.1:0",
                                           .enroll_listen = "127.0.0.1:0",
                                           .advertise = "localhost",
                                           .threads = 1,
                                           .free_space_floor_bytes = 0,
                                           .clock = &ground.coordinator.clock()}),
                 absl::StatusCode::kDataLoss, "LOG_DAMAGED");
  CHECK(ground.Status() == 0);  // unreachable is no accusation: status shows what it knows
}

TEST_CASE("A data directory and a workspace from before logs were signed go on", "[integration]") {
  Ground ground;
  ground.coordinator.Stop();
  {
    REQUIRE_OK_AND_ASSIGN(const auto database, Database::Open(ground.DatabasePath()));
    REQUIRE_OK(database->ExecuteScript(
        "DROP TRIGGER log_nodes_no_delete; DROP TRIGGER log_state_no_delete; "
        "DELETE FROM log_nodes; DELETE FROM log_state;"));
  }
  fs::remove(ground.coordinator.data() + "/keys/log.key");
  fs::remove_all(ground.workspace.LogDirectory());
  ground.Serve();
  CHECK(ground.Status() == 0);
  CHECK(ground.KeptState().size > 0);
  ground.Act("one");
  CHECK(ground.Status() == 0);
}

TEST_CASE("Damage of the member's own files accuses nobody", "[integration]") {
  Ground ground;
  const std::string kept = ground.Kept();
  WriteFile(ground.workspace.TreeHeadFile(), "damaged");
  CHECK(ground.Status() == 1);  // an error of its own, and no contradiction (4)
  REQUIRE_STATUS(contributor::Connect(ground.workspace), absl::StatusCode::kDataLoss,
                 "KEPT_HEAD_DAMAGED");
  CHECK(ReadFile(ground.workspace.TreeHeadFile()) == "damaged");
  WriteFile(ground.workspace.TreeHeadFile(), kept);
  CHECK(ground.Status() == 0);
}

TEST_CASE("The administrator's audit agrees with what members keep, or exits with 4",
          "[integration]") {
  Ground ground;
  const auto type = [&](const std::vector<std::string>& words) {
    return TypeLog(ground.coordinator, words);
  };
  ground.coordinator.Stop();
  ground.Copy(ground.DatabasePath(), ground.temp.File("old.db"));
  ground.Serve();
  ground.Act("one");
  REQUIRE(ground.Status() == 0);
  const std::string key = ReadFile(ground.workspace.LogKeyFile());
  const std::string pinned = key.substr(0, key.size() - 1);
  const std::string head = ground.workspace.TreeHeadFile();
  CHECK(type({}) == 0);
  CHECK(type({"--start", "1"}) == 0);
  CHECK(type({"verify"}) == 0);
  CHECK(type({"verify", "--key", pinned, "--head", head}) == 0);
  CHECK(type({"prove", "0", "--key", pinned}) == 0);
  CHECK(type({"prove", "1000"}) == 1);
  CHECK(type({"prove", "-1"}) == 2);
  CHECK(type({"verify", "--key", "junk"}) == 1);
  const NoteSigner namesake = NoteSigner::Create(pinned.substr(0, pinned.find('+'))).value();
  CHECK(type({"verify", "--key", namesake.verifier().Text()}) == 4);
  WriteFile(ground.temp.File("forged"), SignTreeHead(ground.KeptState(), namesake).value());
  CHECK(type({"verify", "--head", ground.temp.File("forged")}) == 4);
  WriteFile(ground.temp.File("junk"), "junk");
  CHECK(type({"verify", "--head", ground.temp.File("junk")}) == 1);

  ground.coordinator.Stop();
  ground.Copy(ground.temp.File("old.db"), ground.DatabasePath());
  ground.Serve();
  CHECK(type({"verify"}) == 0);                  // by itself it is a log
  CHECK(type({"verify", "--head", head}) == 4);  // but it shrank
  for (const char* guest : {"other-one", "other-two"}) ground.Act(guest);
  CHECK(type({"verify"}) == 0);
  CHECK(type({"verify", "--head", head}) == 4);  // and grew otherwise
}

TEST_CASE("A key that is not the coordinator's is not pinned", "[integration]") {
  Ground ground;
  const contributor::Workspace fresh(ground.temp.File("fresh"));
  REQUIRE_OK(fresh.Create());
  REQUIRE_OK_AND_ASSIGN(const PublicKey key, contributor::LoadCoordinatorKey(ground.workspace));
  REQUIRE_OK_AND_ASSIGN(const NoteSigner right,
                        NoteSigner::Create(absl::StrCat("kalavai/", key.Hint())));
  REQUIRE_OK_AND_ASSIGN(const NoteSigner namesake,
                        NoteSigner::Create(absl::StrCat("kalavai/", key.Hint())));
  REQUIRE_OK_AND_ASSIGN(const NoteSigner other, NoteSigner::Create("kalavai/other"));
  const TreeState state = {.size = 3, .root = Sha256Of("root")};
  const std::string head = SignTreeHead(state, right).value();
  const auto refused = absl::StatusCode::kPermissionDenied;
  const auto pin = [&](const std::string& verifier, const std::string& note) {
    return contributor::PinLog(fresh, key, verifier, note);
  };
  REQUIRE_STATUS(pin("", head), refused, "COORDINATOR_NOT_TRUSTED");
  REQUIRE_STATUS(pin(other.verifier().Text(), SignTreeHead(state, other).value()), refused,
                 "COORDINATOR_NOT_TRUSTED");
  REQUIRE_STATUS(pin(namesake.verifier().Text(), head), refused, "COORDINATOR_NOT_TRUSTED");
  REQUIRE_STATUS(pin(right.verifier().Text(), "junk"), refused, "COORDINATOR_NOT_TRUSTED");
  CHECK_FALSE(fs::exists(fresh.LogKeyFile()));
  REQUIRE_OK(pin(right.verifier().Text(), head));
  CHECK(ReadFile(fresh.TreeHeadFile()) == head);
}

TEST_CASE("Proofs are handed out for what the log holds, and for nothing else", "[integration]") {
  Ground ground;
  REQUIRE_OK_AND_ASSIGN(const auto connection, contributor::Connect(ground.workspace));
  const auto stub = v1::TransparencyLogService::NewStub(connection.channel);
  const auto size = static_cast<int64_t>(ground.KeptState().size);
  const auto inclusion = [&](int64_t index, int64_t tree_size) {
    v1::GetInclusionProofRequest request;
    request.set_leaf_index(index);
    request.set_tree_size(tree_size);
    return CallUnary(connection.address(), *stub, &Log::GetInclusionProof, request);
  };
  const auto consistency = [&](int64_t first, int64_t second) {
    v1::GetConsistencyProofRequest request;
    request.set_first_size(first);
    request.set_second_size(second);
    return CallUnary(connection.address(), *stub, &Log::GetConsistencyProof, request);
  };
  REQUIRE_OK_AND_ASSIGN(const v1::InclusionProof proof, inclusion(size - 1, size));
  CHECK(proof.entry().index() == size - 1);
  REQUIRE_OK(consistency(1, size));
  REQUIRE_OK(consistency(0, size));
  const auto invalid = absl::StatusCode::kInvalidArgument;
  constexpr int64_t kHuge = INT64_MAX;
  for (const auto& [a, b] : {std::pair<int64_t, int64_t>{-1, size}, {0, -1}, {INT64_MIN, size}}) {
    REQUIRE_STATUS(inclusion(a, b), invalid, "FIELD_INVALID");
    REQUIRE_STATUS(consistency(a, b), invalid, "FIELD_INVALID");
  }
  for (const auto& [a, b] :
       {std::pair<int64_t, int64_t>{0, size + 1}, {0, kHuge}, {kHuge, kHuge}}) {
    REQUIRE_STATUS(inclusion(a, b), invalid, "PROOF_INVALID");
    REQUIRE_STATUS(consistency(a, b), invalid, "PROOF_INVALID");
  }
  REQUIRE_STATUS(inclusion(size, size), invalid, "PROOF_INVALID");
  REQUIRE_STATUS(inclusion(0, 0), invalid, "PROOF_INVALID");
  REQUIRE_STATUS(consistency(size, size - 1), invalid, "PROOF_INVALID");
}

TEST_CASE("A receipt that is not recorded as it says is refused", "[integration]") {
  Ground ground;
  REQUIRE_OK_AND_ASSIGN(const auto connection, contributor::Connect(ground.workspace));
  const auto check = [&](const nlohmann::json& receipt) {
    return contributor::CheckReceiptRecorded(ground.workspace, connection.address(),
                                             connection.channel, receipt);
  };
  // No submission was decided here: any evidence is for another act.
  const auto stub = v1::TransparencyLogService::NewStub(connection.channel);
  v1::GetInclusionProofRequest request;
  request.set_tree_size(static_cast<int64_t>(ground.KeptState().size));
  REQUIRE_OK_AND_ASSIGN(const v1::InclusionProof proof,
                        CallUnary(connection.address(), *stub, &Log::GetInclusionProof, request));
  nlohmann::json receipt = {{"submission", "cooperatives/nordic/submissions/x"},
                            {"root_digest", std::string(64, 'a')},
                            {"state", "ADMITTED"},
                            {"log_index", 0},
                            {"leaf", proof.entry().leaf()},
                            {"tree_head", ground.Kept()},
                            {"inclusion_proof", nlohmann::json::array()}};
  REQUIRE_STATUS(check(receipt), absl::StatusCode::kDataLoss, "LOG_INCONSISTENT");
  // The right words in a leaf that is not in the log.
  receipt["leaf"] = nlohmann::json{{"action", "ADMIT_SUBMISSION"},
                                   {"index", 0},
                                   {"subject", receipt["submission"]},
                                   {"fields", {{"root_digest", receipt["root_digest"]}}}}
                        .dump();
  for (const std::string& hash : proof.hashes()) {
    receipt["inclusion_proof"].push_back(Digest::FromBytes(hash)->Hex());
  }
  REQUIRE_STATUS(check(receipt), absl::StatusCode::kDataLoss, "LOG_INCONSISTENT");
  for (const char* field : {"leaf", "tree_head", "inclusion_proof", "log_index"}) {
    INFO(field);
    nlohmann::json without = receipt;
    without.erase(field);
    CHECK_FALSE(check(without).ok());
  }
}

}  // namespace
}  // namespace kalavai
