// Goal: a cooperative comes from nothing to enrolled members, and every way to do it wrong is
// refused with its reason.
// Method: a real server in this process, real TLS on loopback, one section a wrong way; the same
// steps once more with a restart between any two of them.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/limits.h"
#include "common/crypto/certificate.h"
#include "common/crypto/dsse.h"
#include "common/crypto/merkle_tree.h"
#include "common/crypto/model_signature.h"
#include "common/rpc/retry.h"
#include "coordinator/launch/charter.h"
#include "kalavai/v1/checkpoint.grpc.pb.h"
#include "kalavai/v1/transparency.grpc.pb.h"
#include "tests/support/catch.h"
#include "tests/support/in_process_coordinator.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::testing {
namespace {

using Admin = v1::CooperativeAdmin::Stub;
using Enrollment = v1::EnrollmentService::Stub;
using Checkpoints = v1::CheckpointDistributionService::Stub;

constexpr auto kOk = absl::StatusCode::kOk;
constexpr RetryPolicy kOnce = {.attempts = 1};

v1::GetCooperativeRequest Named(const std::string& name) {
  v1::GetCooperativeRequest request;
  request.set_name(name);
  return request;
}

absl::StatusOr<v1::Cooperative> Import(InProcessCoordinator& coordinator, const std::string& name,
                                       const std::string& directory) {
  v1::ImportCheckpointRequest request;
  request.set_parent(name);
  request.set_source_directory(directory);
  return CallUnary(coordinator.address(), *coordinator.Administrator(), &Admin::ImportCheckpoint,
                   request);
}

absl::StatusOr<v1::Cooperative> Launch(InProcessCoordinator& coordinator, const std::string& name) {
  v1::LaunchCooperativeRequest request;
  request.set_name(name);
  return CallUnary(coordinator.address(), *coordinator.Administrator(), &Admin::LaunchCooperative,
                   request);
}

absl::StatusOr<v1::EnrollContributorResponse> Enroll(InProcessCoordinator& coordinator,
                                                     const std::string& secret) {
  REQUIRE_OK_AND_ASSIGN(const SigningKey tls_key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const SigningKey signing_key, SigningKey::Create());
  return CallUnary(coordinator.enroll_address(), *coordinator.Enrollment(),
                   &Enrollment::EnrollContributor, MakeEnrollment(secret, tls_key, signing_key));
}

std::string ReadRemote(const std::string& address, Checkpoints& stub, const std::string& path,
                       int64_t offset, absl::Status& status) {
  grpc::ClientContext context;
  SetDeadline(context, kCallTimeout);
  v1::ReadFileRequest request;
  request.set_name("cooperatives/nordic/checkpoints/base");
  request.set_path(path);
  request.set_read_offset(offset);
  const auto reader = stub.ReadFile(&context, request);
  std::string bytes;
  v1::ReadFileResponse piece;
  while (reader->Read(&piece)) bytes += piece.data();
  status = CallStatus(reader->Finish(), address);
  return bytes;
}

TEST_CASE("A caller without a client certificate is refused") {
  InProcessCoordinator coordinator;
  const auto stub = v1::CooperativeAdmin::NewStub(
      MakeChannel(coordinator.address(), TlsChannelCredentials(coordinator.authority_pem())));
  const auto got = CallUnary(coordinator.address(), *stub, &Admin::GetCooperative,
                             Named("cooperatives/nordic"), kOnce);
  REQUIRE(got.status().code() == absl::StatusCode::kUnavailable);
}

TEST_CASE("A certificate of another authority is refused") {
  InProcessCoordinator coordinator;
  InProcessCoordinator other;
  REQUIRE_OK_AND_ASSIGN(const auto files,
                        coordinator::LoadAdministratorFiles(
                            coordinator::DataDirectory(other.data()).AdministratorPath()));
  SECTION("shown by a caller that trusts us") {
    const auto stub = v1::CooperativeAdmin::NewStub(
        MakeChannel(coordinator.address(),
                    MutualTlsChannelCredentials(files.identity, coordinator.authority_pem())));
    const auto got = CallUnary(coordinator.address(), *stub, &Admin::GetCooperative,
                               Named("cooperatives/nordic"), kOnce);
    REQUIRE(got.status().code() == absl::StatusCode::kUnavailable);
  }
  SECTION("and a server of another authority is not trusted by the caller") {
    const auto stub = v1::CooperativeAdmin::NewStub(MakeChannel(
        coordinator.address(), MutualTlsChannelCredentials(files.identity, files.authority_pem)));
    REQUIRE_STATUS(CallUnary(coordinator.address(), *stub, &Admin::GetCooperative,
                             Named("cooperatives/nordic")),
                   absl::StatusCode::kUnavailable, "COORDINATOR_NOT_TRUSTED");
  }
}

TEST_CASE("A certificate of our authority that is in no table is refused") {
  InProcessCoordinator coordinator;
  REQUIRE_OK_AND_ASSIGN(const auto keys, coordinator::LoadCoordinatorKeys(
                                             coordinator::DataDirectory(coordinator.data())));
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const std::string csr, CreateCsr(key, "ghost"));
  REQUIRE_OK_AND_ASSIGN(const std::string certificate,
                        keys.authority.IssueClientCertificate({.csr_pem = csr,
                                                               .common_name = "ghost",
                                                               .now = coordinator.clock().Now(),
                                                               .lifetime = absl::Hours(1)}));
  REQUIRE_OK_AND_ASSIGN(const std::string pem, key.PrivatePem());
  const auto stub = v1::CooperativeAdmin::NewStub(
      MakeChannel(coordinator.address(),
                  MutualTlsChannelCredentials({pem, certificate}, coordinator.authority_pem())));
  REQUIRE_STATUS(
      CallUnary(coordinator.address(), *stub, &Admin::GetCooperative, Named("cooperatives/nordic")),
      absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED");
}

TEST_CASE("Names and figures out of range are refused at the foundation") {
  InProcessCoordinator coordinator;
  const auto admin = coordinator.Administrator();
  struct Bad {
    std::string id;
    std::vector<std::string> domains;
    int32_t freeze_depth;
    int32_t chunk_tokens;
    std::string reason;
  };
  const std::string long_id(64, 'a');
  const std::vector<Bad> table = {
      {"", {"legal"}, 0, 256, "NAME_INVALID"},
      {"Nordic", {"legal"}, 0, 256, "NAME_INVALID"},
      {"1nordic", {"legal"}, 0, 256, "NAME_INVALID"},
      {"../etc", {"legal"}, 0, 256, "NAME_INVALID"},
      {"nor dic", {"legal"}, 0, 256, "NAME_INVALID"},
      {long_id, {"legal"}, 0, 256, "NAME_INVALID"},
      {"nordic", {}, 0, 256, "FIELD_INVALID"},
      {"nordic", {"legal", "legal"}, 0, 256, "FIELD_INVALID"},
      {"nordic", {"Legal"}, 0, 256, "NAME_INVALID"},
      {"nordic", {"legal"}, -1, 256, "FIELD_INVALID"},
      {"nordic", {"legal"}, 1025, 256, "FIELD_INVALID"},
      {"nordic", {"legal"}, 0, -1, "FIELD_INVALID"},
      {"nordic", {"legal"}, 0, 15, "FIELD_INVALID"},
      {"nordic", {"legal"}, 0, 4097, "FIELD_INVALID"},
  };
  for (const Bad& bad : table) {
    v1::CreateCooperativeRequest request;
    request.set_cooperative_id(bad.id);
    for (const std::string& domain : bad.domains) {
      request.mutable_cooperative()->add_domains(domain);
    }
    request.mutable_cooperative()->set_freeze_depth(bad.freeze_depth);
    request.mutable_cooperative()->set_chunk_tokens(bad.chunk_tokens);
    INFO(bad.id << " " << bad.freeze_depth << " " << bad.chunk_tokens);
    REQUIRE_STATUS(CallUnary(coordinator.address(), *admin, &Admin::CreateCooperative, request),
                   absl::StatusCode::kInvalidArgument, bad.reason);
  }
  coordinator.FoundCooperative("nordic", {"legal"});
  v1::CreateCooperativeRequest again;
  again.set_cooperative_id("nordic");
  again.mutable_cooperative()->add_domains("legal");
  REQUIRE_STATUS(CallUnary(coordinator.address(), *admin, &Admin::CreateCooperative, again),
                 absl::StatusCode::kAlreadyExists, "COOPERATIVE_EXISTS");
  REQUIRE_STATUS(
      CallUnary(coordinator.address(), *admin, &Admin::GetCooperative, Named("cooperatives/other")),
      absl::StatusCode::kNotFound, "COOPERATIVE_NOT_FOUND");
}

TEST_CASE("A base must be a whole checkpoint, and a launch needs one") {
  InProcessCoordinator coordinator;
  coordinator.FoundCooperative("nordic", {"legal"});
  const std::string name = "cooperatives/nordic";
  REQUIRE_STATUS(Launch(coordinator, name), absl::StatusCode::kFailedPrecondition,
                 "BASE_CHECKPOINT_MISSING");
  const TempDir base;
  REQUIRE_STATUS(Import(coordinator, name, base.File("nowhere")), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
  REQUIRE_STATUS(Import(coordinator, name, "relative"), absl::StatusCode::kInvalidArgument,
                 "FIELD_INVALID");
  WriteTinyBase(base.path(), 1);
  SECTION("weights cut short") {
    const std::string weights = ReadFile(base.File("model.safetensors"));
    WriteFile(base.File("model.safetensors"), weights.substr(0, weights.size() - 1));
    REQUIRE_STATUS(Import(coordinator, name, base.path()), absl::StatusCode::kInvalidArgument,
                   "SAFETENSORS_DATA_SIZE");
  }
  SECTION("a config of another architecture") {
    WriteFile(base.File("config.json"), R"({"architectures":["LlamaForCausalLM"]})");
    REQUIRE_FALSE(Import(coordinator, name, base.path()).ok());
  }
  SECTION("a tokenizer larger than the vocabulary") {
    std::string config = ReadFile(base.File("config.json"));
    nlohmann::json object = nlohmann::json::parse(config);
    object["vocab_size"] = 16;
    WriteFile(base.File("config.json"), object.dump());
    REQUIRE_STATUS(Import(coordinator, name, base.path()), absl::StatusCode::kInvalidArgument,
                   "TOKENIZER_MISMATCH");
  }
  SECTION("no tokenizer") {
    REQUIRE(remove(base.File("tokenizer.json").c_str()) == 0);
    REQUIRE_STATUS(Import(coordinator, name, base.path()), absl::StatusCode::kInvalidArgument,
                   "CHECKPOINT_INVALID");
  }
  REQUIRE_STATUS(Launch(coordinator, name), absl::StatusCode::kFailedPrecondition,
                 "BASE_CHECKPOINT_MISSING");
}

TEST_CASE("Probe text is checked before it is registered") {
  InProcessCoordinator coordinator;
  coordinator.FoundCooperative("nordic", {"legal", "medical"});
  const std::string good = TinyText(0, 20);
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "sports", good),
                 absl::StatusCode::kInvalidArgument, "DOMAIN_UNKNOWN");
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "legal", good + "\xFF\xFE"),
                 absl::StatusCode::kInvalidArgument, "TEXT_NOT_UTF8");
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "legal", "   \n\n  \n"),
                 absl::StatusCode::kInvalidArgument, "TEXT_EMPTY");
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "legal", "one document only"),
                 absl::StatusCode::kInvalidArgument, "TEXT_EMPTY");
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "legal", "{\"text\": 1}\n", "jsonl"),
                 absl::StatusCode::kInvalidArgument, "JSON_INVALID");
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "legal", good, "pdf"),
                 absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "legal", good, "txt", true),
                 absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
  const std::string lines =
      "{\"text\": \"first\"}\n{\"text\": \"second\"}\n{\"text\": \"third\"}\n";
  REQUIRE_OK_AND_ASSIGN(const v1::ProbeText added,
                        coordinator.AddProbeText("nordic", "legal", lines, "jsonl"));
  REQUIRE(added.router_documents() + added.evaluation_documents() == 3);
  REQUIRE(added.router_documents() > 0);
  REQUIRE(added.evaluation_documents() > 0);
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "legal", lines, "jsonl"),
                 absl::StatusCode::kAlreadyExists, "PROBE_TEXT_EXISTS");
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "public", lines, "jsonl", true),
                 absl::StatusCode::kInvalidArgument, "PROBE_TEXT_OVERLAPS");
  REQUIRE_OK(coordinator.AddProbeText("nordic", "public", TinyText(1, 20), "txt", true));
}

TEST_CASE("A charter that no fusion could be measured by is not signed") {
  InProcessCoordinator coordinator;
  const TempDir base;
  WriteTinyBase(base.path(), 1);  // a context of 64 tokens
  const std::string name = "cooperatives/nordic";
  coordinator.FoundCooperative("nordic", {"legal"}, 0, /*chunk_tokens=*/16);
  REQUIRE_OK(Import(coordinator, name, base.path()));
  const std::string six =
      "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n"
      "{\"text\":\"d\"}\n{\"text\":\"e\"}\n{\"text\":\"f\"}\n";
  REQUIRE_OK(coordinator.AddProbeText("nordic", "legal", six, "jsonl"));
  REQUIRE_STATUS(Launch(coordinator, name), absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT");
  const auto still = CallUnary(coordinator.address(), *coordinator.Administrator(),
                               &Admin::GetCooperative, Named(name));
  REQUIRE_OK(still);
  CHECK(still->state() == v1::Cooperative::DRAFT);

  coordinator.FoundCooperative("alpine", {"legal"}, 0, /*chunk_tokens=*/65);
  REQUIRE_OK(Import(coordinator, "cooperatives/alpine", base.path()));
  REQUIRE_STATUS(Launch(coordinator, "cooperatives/alpine"), absl::StatusCode::kFailedPrecondition,
                 "CHUNK_EXCEEDS_CONTEXT");
  coordinator.FoundCooperative("baltic", {"legal"}, 0, /*chunk_tokens=*/64);
  REQUIRE_OK(Import(coordinator, "cooperatives/baltic", base.path()));
  REQUIRE_OK(Launch(coordinator, "cooperatives/baltic"));
}

TEST_CASE("An invitation makes one member, once, within a day") {
  InProcessCoordinator coordinator;
  const TempDir base;
  WriteTinyBase(base.path(), 1);
  coordinator.LaunchCooperative("nordic", {"legal", "medical"}, base.path());
  const std::string secret = SecretOf(coordinator.Invite("nordic", "st-mary", "medical"));
  const absl::Status unknown = Enroll(coordinator, "no such secret").status();
  REQUIRE_STATUS(unknown, absl::StatusCode::kPermissionDenied, "INVITATION_INVALID");

  SECTION("used twice: the same words as for an unknown one") {
    REQUIRE_OK(Enroll(coordinator, secret));
    REQUIRE(Enroll(coordinator, secret).status() == unknown);
    v1::CreateInvitationRequest again;
    again.set_parent("cooperatives/nordic");
    again.set_contributor_id("st-mary");
    again.set_domain("medical");
    REQUIRE_STATUS(CallUnary(coordinator.address(), *coordinator.Administrator(),
                             &Admin::CreateInvitation, again),
                   absl::StatusCode::kAlreadyExists, "SLOT_TAKEN");
  }
  SECTION("a name that tables give to a row of their own is refused") {
    for (const char* name : {"base", "fused", "oracle"}) {
      v1::CreateInvitationRequest request;
      request.set_parent("cooperatives/nordic");
      request.set_contributor_id(name);
      request.set_domain("legal");
      REQUIRE_STATUS(CallUnary(coordinator.address(), *coordinator.Administrator(),
                               &Admin::CreateInvitation, request),
                     absl::StatusCode::kInvalidArgument, "FIELD_INVALID");
    }
  }
  SECTION("expired: the same words") {
    coordinator.clock().Advance(absl::Seconds(limits::kInvitationSeconds));
    REQUIRE(Enroll(coordinator, secret).status() == unknown);
  }
  SECTION("replaced by a newer one: the same words") {
    const std::string newer = SecretOf(coordinator.Invite("nordic", "st-mary", "medical"));
    REQUIRE(Enroll(coordinator, secret).status() == unknown);
    REQUIRE_OK(Enroll(coordinator, newer));
  }
  SECTION("a proof by another key leaves it unused") {
    REQUIRE_OK_AND_ASSIGN(const SigningKey tls_key, SigningKey::Create());
    REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
    REQUIRE_OK_AND_ASSIGN(const SigningKey thief, SigningKey::Create());
    v1::EnrollContributorRequest request = MakeEnrollment(secret, tls_key, key);
    request.set_signing_public_key(thief.public_key().Pem());
    REQUIRE_STATUS(CallUnary(coordinator.enroll_address(), *coordinator.Enrollment(),
                             &Enrollment::EnrollContributor, request),
                   absl::StatusCode::kPermissionDenied, "SIGNATURE_INVALID");
    REQUIRE_OK(Enroll(coordinator, secret));
  }
}

TEST_CASE("A member acts for itself only, and no more once it has left") {
  InProcessCoordinator coordinator;
  const TempDir base;
  WriteTinyBase(base.path(), 1);
  coordinator.LaunchCooperative("nordic", {"legal", "medical"}, base.path());
  coordinator.LaunchCooperative("baltic", {"legal"}, base.path());
  const Member mary = coordinator.Enroll("nordic", "st-mary", "medical");
  const Member firm = coordinator.Enroll("nordic", "firm", "legal");
  const auto stub = v1::CooperativeAdmin::NewStub(mary.channel);
  const std::string address = coordinator.address();
  constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

  REQUIRE_OK(CallUnary(address, *stub, &Admin::GetCooperative, Named("cooperatives/nordic")));
  REQUIRE_STATUS(CallUnary(address, *stub, &Admin::GetCooperative, Named("cooperatives/baltic")),
                 kDenied, "PERMISSION_DENIED");
  REQUIRE_STATUS(CallUnary(address, *stub, &Admin::GetCooperative, Named("cooperatives/nothing")),
                 kDenied, "PERMISSION_DENIED");
  v1::CreateCooperativeRequest create;
  create.set_cooperative_id("mine");
  REQUIRE_STATUS(CallUnary(address, *stub, &Admin::CreateCooperative, create), kDenied,
                 "PERMISSION_DENIED");
  v1::CreateInvitationRequest invite;
  invite.set_parent("cooperatives/nordic");
  REQUIRE_STATUS(CallUnary(address, *stub, &Admin::CreateInvitation, invite), kDenied,
                 "PERMISSION_DENIED");
  v1::ImportCheckpointRequest import;
  import.set_parent("cooperatives/nordic");
  REQUIRE_STATUS(CallUnary(address, *stub, &Admin::ImportCheckpoint, import), kDenied,
                 "PERMISSION_DENIED");
  v1::DecideSubmissionRequest decide;
  REQUIRE_STATUS(CallUnary(address, *stub, &Admin::DecideSubmission, decide), kDenied,
                 "PERMISSION_DENIED");
  v1::WithdrawContributorRequest leave;
  leave.set_name(firm.name);
  REQUIRE_STATUS(CallUnary(address, *stub, &Admin::WithdrawContributor, leave), kDenied,
                 "PERMISSION_DENIED");
  leave.set_name(mary.name);
  REQUIRE_OK_AND_ASSIGN(const v1::Contributor left,
                        CallUnary(address, *stub, &Admin::WithdrawContributor, leave));
  REQUIRE(left.state() == v1::Contributor::WITHDRAWN);
  REQUIRE_STATUS(CallUnary(address, *stub, &Admin::GetCooperative, Named("cooperatives/nordic")),
                 absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED");
}

TEST_CASE("A certificate ends after 90 days unless it is renewed") {
  InProcessCoordinator coordinator;
  const TempDir base;
  WriteTinyBase(base.path(), 1);
  coordinator.LaunchCooperative("nordic", {"legal"}, base.path());
  const Member firm = coordinator.Enroll("nordic", "firm", "legal");
  const auto stub = v1::CooperativeAdmin::NewStub(firm.channel);
  const std::string address = coordinator.address();
  coordinator.clock().Advance(absl::Seconds(limits::kCertificateRenewSeconds));
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  v1::RenewCertificateRequest request;
  REQUIRE_OK_AND_ASSIGN(*request.mutable_certificate_request(), CreateCsr(key, "firm"));
  REQUIRE_OK_AND_ASSIGN(const v1::RenewCertificateResponse renewed,
                        CallUnary(address, *stub, &Admin::RenewCertificate, request));
  REQUIRE_OK_AND_ASSIGN(const auto chain, SplitCertificates(renewed.certificate_chain()));
  REQUIRE(chain.size() == 2);
  REQUIRE_OK(VerifyIssuedBy(chain[0], coordinator.authority_pem(), CertificatePurpose::kClient,
                            coordinator.clock().Now()));
  coordinator.clock().Advance(absl::Seconds(limits::kCertificateSeconds));
  REQUIRE_STATUS(CallUnary(address, *stub, &Admin::GetCooperative, Named("cooperatives/nordic")),
                 absl::StatusCode::kUnauthenticated, "UNAUTHENTICATED");
}

TEST_CASE("A port in use and a directory in use are told apart") {
  InProcessCoordinator coordinator;
  const TempDir directory;
  const std::string data = directory.File("data");
  REQUIRE_OK(coordinator::InitDataDirectory(
      {.path = data, .hosts = {"coordinator.example", "192.0.2.7"}, .now = absl::Now()}));
  REQUIRE_STATUS(coordinator::InitDataDirectory({.path = data, .hosts = {}, .now = absl::Now()}),
                 absl::StatusCode::kAlreadyExists, "DATA_DIRECTORY_EXISTS");
  coordinator::ServerOptions options;
  options.data = data;
  options.enroll_listen = "127.0.0.1:0";
  options.listen = absl::StrCat("127.0.0.1:", coordinator.server().port());
  REQUIRE_STATUS(coordinator::StartServer(options), absl::StatusCode::kFailedPrecondition,
                 "PORT_IN_USE");
  for (const char* const bad : {"", "7443", "127.0.0.1:x", "127.0.0.1:70000", ":7443"}) {
    options.listen = bad;
    REQUIRE_STATUS(coordinator::StartServer(options), absl::StatusCode::kInvalidArgument,
                   "FIELD_INVALID");
  }
  options.data = coordinator.data();
  options.listen = "127.0.0.1:0";
  REQUIRE_STATUS(coordinator::StartServer(options), absl::StatusCode::kUnavailable,
                 "DATABASE_BUSY");
  options.data = directory.path();
  REQUIRE_STATUS(coordinator::StartServer(options), absl::StatusCode::kFailedPrecondition,
                 "DATA_DIRECTORY_INVALID");
}

TEST_CASE("A restart between any two steps keeps everything") {
  InProcessCoordinator coordinator;
  const TempDir base;
  WriteTinyBase(base.path(), 1);
  const std::string name = "cooperatives/nordic";
  coordinator.FoundCooperative("nordic", {"legal", "medical"}, 1);
  coordinator.Restart();
  REQUIRE_OK(Import(coordinator, name, base.path()));
  coordinator.Restart();
  REQUIRE_OK(coordinator.AddProbeText("nordic", "legal", TinyText(0, 20)));
  coordinator.Restart();
  REQUIRE_OK_AND_ASSIGN(const v1::Cooperative launched, Launch(coordinator, name));
  coordinator.Restart();
  REQUIRE_STATUS(Launch(coordinator, name), absl::StatusCode::kFailedPrecondition,
                 "PHASE_MISMATCH");
  REQUIRE_STATUS(Import(coordinator, name, base.path()), absl::StatusCode::kFailedPrecondition,
                 "PHASE_MISMATCH");
  REQUIRE_STATUS(coordinator.AddProbeText("nordic", "medical", TinyText(1, 20)),
                 absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH");
  const std::string secret = SecretOf(coordinator.Invite("nordic", "firm", "legal"));
  coordinator.Restart();
  REQUIRE_OK_AND_ASSIGN(const SigningKey tls_key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(SigningKey signing_key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(
      const v1::EnrollContributorResponse enrolled,
      CallUnary(coordinator.enroll_address(), *coordinator.Enrollment(),
                &Enrollment::EnrollContributor, MakeEnrollment(secret, tls_key, signing_key)));
  coordinator.Restart();

  // The charter, as the member checks it.
  REQUIRE_OK_AND_ASSIGN(const PublicKey key, PublicKey::FromPem(enrolled.coordinator_public_key()));
  REQUIRE_OK_AND_ASSIGN(const std::string payload, VerifyEnvelope(launched.charter_envelope(), key,
                                                                  coordinator::kCharterType));
  const nlohmann::json charter = nlohmann::json::parse(payload);
  REQUIRE(charter.at("coordinator") == key.Hint());
  REQUIRE(charter.at("cooperative") == name);
  REQUIRE(charter.at("freeze_depth") == 1);
  REQUIRE(charter.at("base").at("root_digest") == launched.base_digest());
  REQUIRE(charter.at("probe_texts").size() == 1);
  REQUIRE(charter.at("probe_texts")[0].at("sha256") == Sha256Of(TinyText(0, 20)).Hex());

  // The base, as the member copies it.
  REQUIRE_OK_AND_ASSIGN(const std::string private_pem, tls_key.PrivatePem());
  const auto channel =
      MakeChannel(coordinator.address(),
                  MutualTlsChannelCredentials({private_pem, enrolled.certificate_chain()},
                                              coordinator.authority_pem()));
  const auto stub = v1::CheckpointDistributionService::NewStub(channel);
  v1::GetCheckpointRequest get;
  get.set_name(absl::StrCat(name, "/checkpoints/base"));
  REQUIRE_OK_AND_ASSIGN(const v1::Checkpoint checkpoint,
                        CallUnary(coordinator.address(), *stub, &Checkpoints::GetCheckpoint, get));
  REQUIRE_OK_AND_ASSIGN(const ModelManifest manifest, VerifyBundle(checkpoint.signature(), key));
  REQUIRE(manifest.root_digest.Hex() == checkpoint.root_digest());
  REQUIRE(checkpoint.root_digest() == launched.base_digest());
  absl::Status status;
  const std::string weights = ReadFile(base.File("model.safetensors"));
  REQUIRE(ReadRemote(coordinator.address(), *stub, "model.safetensors", 0, status) == weights);
  REQUIRE(status.code() == kOk);
  REQUIRE(ReadRemote(coordinator.address(), *stub, "model.safetensors", 1000, status) ==
          weights.substr(1000));
  const auto beyond = static_cast<int64_t>(weights.size()) + 1;
  ReadRemote(coordinator.address(), *stub, "model.safetensors", beyond, status);
  REQUIRE_STATUS(status, absl::StatusCode::kOutOfRange, "OFFSET_MISMATCH");
  ReadRemote(coordinator.address(), *stub, "../keys/signing.key", 0, status);
  REQUIRE_STATUS(status, absl::StatusCode::kNotFound, "FILE_NOT_FOUND");

  // The record: one leaf an act, in order, hashed as RFC 6962 says.
  const auto log = v1::TransparencyLogService::NewStub(channel);
  REQUIRE_OK_AND_ASSIGN(
      const v1::ListLogEntriesResponse entries,
      CallUnary(coordinator.address(), *log, &v1::TransparencyLogService::Stub::ListLogEntries,
                v1::ListLogEntriesRequest()));
  const std::vector<std::string> acts = {"CREATE_COOPERATIVE", "IMPORT_BASE",
                                         "ADD_PROBE_TEXT",     "LAUNCH_COOPERATIVE",
                                         "INVITE_CONTRIBUTOR", "ENROLL_CONTRIBUTOR"};
  REQUIRE(entries.entries_size() == static_cast<int>(acts.size()));
  for (int i = 0; i < entries.entries_size(); ++i) {
    const v1::LogEntry& entry = entries.entries(i);
    const nlohmann::json leaf = nlohmann::json::parse(entry.leaf());
    REQUIRE(leaf.at("action") == acts[static_cast<size_t>(i)]);
    REQUIRE(leaf.at("index") == i);
    REQUIRE(leaf.dump() == entry.leaf());
    REQUIRE(LeafHash(entry.leaf()).Hex() == entry.leaf_hash());
    REQUIRE(entry.leaf().find(secret) == std::string::npos);
  }
}

}  // namespace
}  // namespace kalavai::testing
