// Goal: a bundle of either implementation verifies; a directory that was changed, and a bundle with
// two readings, are refused, each with its own reason and message.
// Method: golden bundles (tests/golden/README.md) against the column `recommended` of cases.tsv,
// all correctly signed; a tamper matrix on a freshly signed directory; statements signed here that
// break one rule each.
#include "common/crypto/model_signature.h"

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "common/base/hex.h"
#include "common/crypto/dsse.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;
using Json = nlohmann::json;

std::string Golden(absl::string_view name) {
  return absl::StrCat(KALAVAI_GOLDEN_DIR, "/model_signature/", name);
}

PublicKey GoldenKey(absl::string_view curve) {
  auto key = PublicKey::FromPem(ReadFile(Golden(absl::StrCat(curve, ".public.pem"))));
  REQUIRE_OK(key);
  return *std::move(key);
}

TEST_CASE("Bundles of the Python package and of an independent signer verify", "[crypto]") {
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    for (const char* signer : {"python", "cpp"}) {
      INFO(signer << " " << curve);
      const std::string bundle = Golden(absl::StrCat(signer, "-", curve, ".sig"));
      const auto manifest = VerifyDirectory(Golden("model"), GoldenKey(curve), bundle);
      REQUIRE_OK(manifest);
      CHECK(manifest->resources.size() == 8);
      const char* other = absl::string_view(curve) == "P-256" ? "P-384" : "P-256";
      REQUIRE_STATUS(VerifyBundle(ReadFile(bundle), GoldenKey(other)),
                     StatusCode::kPermissionDenied, "KEY_MISMATCH");
    }
  }
}

TEST_CASE("Each golden case is accepted or refused as recommended", "[crypto]") {
  const PublicKey key = GoldenKey("P-384");
  int accepted = 0;
  int refused = 0;
  const std::string table = ReadFile(Golden("cases.tsv"));
  for (const absl::string_view line : absl::StrSplit(table, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    if (columns[0] == "case") continue;
    const auto result =
        VerifyDirectory(Golden("model"), key, Golden(absl::StrCat("cases/", columns[0], ".sig")));
    INFO(columns[0] << ": " << result.status());
    const bool accept = columns[2] == "accept";
    CHECK(result.ok() == accept);
    ++(accept ? accepted : refused);
    if (accept) continue;
    // Each for its own fault: a signature that does not verify would hide what is tested.
    const std::string reason = GetErrorReason(result.status());
    CHECK(reason != "SIGNATURE_INVALID");
    const bool mismatch =
        absl::StartsWith(columns[0], "missing-") || absl::StartsWith(columns[0], "unsigned-");
    CHECK((reason == "MANIFEST_MISMATCH") == mismatch);
    CHECK((reason == "KEY_MISMATCH") == (columns[0] == "hint-over-der"));
  }
  CHECK(accepted == 7);
  CHECK(refused == 16);
}

// A small model directory, signed.
struct SignedModel {
  TempDir dir;
  SigningKey key = SigningKey::Create().value();
  SignedModel() {
    std::filesystem::create_directories(dir.File("sub"));
    WriteFile(dir.File("config.json"), "{}");
    WriteFile(dir.File("model.safetensors"), "weights");
    WriteFile(dir.File("sub/empty"), "");
    REQUIRE_OK(SignDirectory(key, dir.path()));
  }
  absl::Status Verify() const { return VerifyDirectory(dir.path(), key.public_key()).status(); }
};

TEST_CASE("A directory signed here verifies, again after signing again", "[crypto]") {
  const SignedModel model;
  REQUIRE_OK_AND_ASSIGN(const ModelManifest first,
                        VerifyDirectory(model.dir.path(), model.key.public_key()));
  CHECK(first.subject == std::filesystem::path(model.dir.path()).filename().string());
  CHECK(first.root_digest == RootDigest(EnumerateDirectory(model.dir.path()).value()));
  REQUIRE_OK_AND_ASSIGN(const ModelManifest second,
                        SignDirectory(model.key, absl::StrCat(model.dir.path(), "/")));
  CHECK(second.root_digest == first.root_digest);
  CHECK(second.payload_digest == first.payload_digest);
  REQUIRE_OK(model.Verify());
}

TEST_CASE("The signature may lie elsewhere, or in the directory under another name", "[crypto]") {
  const SignedModel model;
  std::filesystem::remove(model.dir.File("model.sig"));
  const TempDir outside;
  for (const std::string& path : {outside.File("a.sig"), model.dir.File("sub/b.sig")}) {
    REQUIRE_OK(SignDirectory(model.key, model.dir.path(),
                             {.signature_path = path, .subject = "specialist"}));
    REQUIRE_OK_AND_ASSIGN(const ModelManifest manifest,
                          VerifyDirectory(model.dir.path(), model.key.public_key(), path));
    CHECK(manifest.subject == "specialist");
    CHECK(manifest.resources.size() == 3);
  }
}

TEST_CASE("Every change of the directory is refused and named", "[crypto]") {
  const std::map<std::string, std::function<void(const TempDir&)>> changes = {
      {"file 'model.safetensors': SHA-256",
       [](const TempDir& d) { WriteFile(d.File("model.safetensors"), "weightS"); }},
      {"file 'sub/empty': SHA-256", [](const TempDir& d) { WriteFile(d.File("sub/empty"), " "); }},
      {"file 'extra': is present", [](const TempDir& d) { WriteFile(d.File("extra"), ""); }},
      {"file 'config.json': is signed but missing",
       [](const TempDir& d) { std::filesystem::remove(d.File("config.json")); }},
      {"file 'model.safetensors': is signed",
       [](const TempDir& d) {
         std::filesystem::rename(d.File("model.safetensors"), d.File("Model.safetensors"));
       }},
      {"file 'config.json': SHA-256", [](const TempDir& d) {
         WriteFile(d.File("config.json"), "weights");
         WriteFile(d.File("model.safetensors"), "{}");
       }}};
  for (const auto& [message, change] : changes) {
    const SignedModel model;
    change(model.dir);
    const absl::Status status = model.Verify();
    REQUIRE_STATUS(status, StatusCode::kFailedPrecondition, "MANIFEST_MISMATCH");
    CHECK(absl::StartsWith(status.message(), message));
  }
}

TEST_CASE("Digests of an upload stream match as the files do", "[crypto]") {
  const SignedModel model;
  REQUIRE_OK_AND_ASSIGN(
      const ModelManifest manifest,
      VerifyBundle(ReadFile(model.dir.File("model.sig")), model.key.public_key()));
  std::map<std::string, Digest> digests;
  for (const Resource& resource : manifest.resources) digests[resource.name] = resource.digest;
  REQUIRE_OK(MatchManifest(manifest, digests));
  digests["other"] = Digest();
  REQUIRE_STATUS(MatchManifest(manifest, digests), StatusCode::kFailedPrecondition,
                 "MANIFEST_MISMATCH");
  REQUIRE_STATUS(MatchManifest(manifest, {}), StatusCode::kFailedPrecondition, "MANIFEST_MISMATCH");
}

TEST_CASE("A bundle with a changed byte of payload or signature never verifies", "[crypto]") {
  const SignedModel model;
  const Json bundle = Json::parse(ReadFile(model.dir.File("model.sig")));
  const std::string payload =
      Base64Decode(bundle["dsseEnvelope"]["payload"].get<std::string>()).value();
  for (size_t i = 0; i < payload.size(); i += 7) {
    std::string changed = payload;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    Json other = bundle;
    other["dsseEnvelope"]["payload"] = Base64Encode(changed);
    REQUIRE_STATUS(VerifyBundle(other.dump(), model.key.public_key()),
                   StatusCode::kPermissionDenied, "SIGNATURE_INVALID");
  }
  const std::string text = bundle.dump();
  for (size_t size = 0; size < text.size(); size += 13) {
    REQUIRE_STATUS(VerifyBundle(text.substr(0, size), model.key.public_key()),
                   StatusCode::kInvalidArgument, "SIGNATURE_MALFORMED");
  }
}

TEST_CASE("A correctly signed statement that breaks a rule is malformed", "[crypto]") {
  const SigningKey key = SigningKey::Create().value();
  const Resource resource = {"config.json", Sha256Of("{}")};
  const std::string good = BuildStatement("m", std::span(&resource, 1)).value();
  REQUIRE_OK(VerifyBundle(SignStatement(key, good).value(), key.public_key()));
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& s) { s["_type"] = "https://in-toto.io/Statement/v0.1"; },
      [](Json& s) { s["predicateType"] = "https://model_signing/Digests/v0.1"; },
      [](Json& s) { s["subject"].push_back(s["subject"][0]); },
      [](Json& s) { s["subject"] = Json::array(); },
      [](Json& s) { s["subject"][0]["digest"]["sha256"] = Digest().Hex(); },
      [](Json& s) { s["subject"][0].erase("digest"); },
      [](Json& s) { s["predicate"]["resources"] = Json::array(); },
      [](Json& s) { s["predicate"]["resources"][0]["algorithm"] = "blake2b"; },
      [](Json& s) { s["predicate"]["resources"][0]["name"] = "../x"; },
      [](Json& s) { s["predicate"]["resources"][0]["digest"] = 1; },
      [](Json& s) { s["predicate"]["resources"][0] = "x"; },
      [](Json& s) { s["predicate"]["serialization"]["method"] = "shards"; },
      [](Json& s) { s["predicate"]["serialization"]["hash_type"] = "blake3"; },
      [](Json& s) { s["predicate"]["serialization"]["allow_symlinks"] = true; },
      [](Json& s) { s["predicate"]["serialization"]["shard_size"] = 10; },
      [](Json& s) { s["predicate"]["serialization"]["ignore_paths"] = "x"; },
      [](Json& s) { s["predicate"].erase("serialization"); },
      [](Json& s) { s = Json::array(); }};
  for (size_t i = 0; i < changes.size(); ++i) {
    INFO("change " << i);
    Json statement = Json::parse(good);
    changes[i](statement);
    REQUIRE_STATUS(VerifyBundle(SignStatement(key, statement.dump()).value(), key.public_key()),
                   StatusCode::kInvalidArgument, "SIGNATURE_MALFORMED");
  }
}

TEST_CASE("A bundle of another shape is malformed", "[crypto]") {
  const SignedModel model;
  const std::string text = ReadFile(model.dir.File("model.sig"));
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& b) { b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.3"; },
      [](Json& b) { b["extra"] = 1; },
      [](Json& b) { b["verificationMaterial"]["certificate"] = Json::object(); },
      [](Json& b) { b["verificationMaterial"]["tlogEntries"].push_back(1); },
      [](Json& b) { b["verificationMaterial"]["publicKey"].erase("hint"); },
      [](Json& b) { b["verificationMaterial"]["publicKey"]["rawBytes"] = ""; },
      [](Json& b) { b.erase("verificationMaterial"); },
      [](Json& b) { b["dsseEnvelope"]["payloadType"] = "text/plain"; },
      [](Json& b) { b["dsseEnvelope"]["signatures"].push_back(1); },
      [](Json& b) { b.erase("dsseEnvelope"); }};
  for (size_t i = 0; i < changes.size(); ++i) {
    INFO("change " << i);
    Json bundle = Json::parse(text);
    changes[i](bundle);
    REQUIRE_STATUS(VerifyBundle(bundle.dump(), model.key.public_key()),
                   StatusCode::kInvalidArgument, "SIGNATURE_MALFORMED");
  }
}

TEST_CASE("The statement is byte for byte one that the Python package verified", "[crypto]") {
  // The signing study, section 2: three files, given here out of order.
  const std::map<std::string, std::string> files = {
      {"config.json", "70653f84a76436d200c85c88332dca6eb4ac12f77a3a904cf87c3afb532e79c3"},
      {"model.safetensors", "c8a522854264ba905de5847fdf75ead64b1b2d9071998edbd2b5ab8750652900"},
      {"submission.json", "610e89fbad7b246514c2b0c89bb72eee1fa789120beee4bb6a72cd8efe9b113e"}};
  std::vector<Resource> resources;
  for (const auto& [name, hex] : files) {
    resources.insert(resources.begin(), {name, Digest::FromHex(hex).value()});
  }
  REQUIRE_OK_AND_ASSIGN(const std::string statement,
                        BuildStatement("specialist-demo", resources, /*ignored_name=*/""));
  CHECK(statement.size() == 765);
  CHECK(Sha256Of(statement).Hex() ==
        "a2fc00fbc5410d34269faac3353539c0d27a27378ff00f39c840456a0a88f2b4");
  CHECK(Sha256Of(Pae("application/vnd.in-toto+json", statement)).Hex() ==
        "571a37d254bc5239ce3d7c68adc160acf6ec982c22507e47817a8259de191d6d");
}

TEST_CASE("Nothing and ambiguous lists are not signed", "[crypto]") {
  const TempDir dir;
  const SigningKey key = SigningKey::Create().value();
  REQUIRE_STATUS(SignDirectory(key, dir.path()), StatusCode::kFailedPrecondition,
                 "DIRECTORY_EMPTY");
  const std::vector<Resource> twice = {{"a", Digest()}, {"A", Digest()}};
  REQUIRE_STATUS(BuildStatement("m", twice), StatusCode::kInvalidArgument, "NAME_INVALID");
  CHECK_FALSE(std::filesystem::exists(dir.File("model.sig")));
}

}  // namespace
}  // namespace kalavai
