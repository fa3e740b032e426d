#include <filesystem>
#include <set>
#include <string>

#include "nlohmann/json.hpp"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/crypto/dsse.h"
#include "common/crypto/model_signature.h"
#include "common/storage/atomic_file.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {
namespace {

const std::string kGolden = KALAVAI_GOLDEN_DIR "/model_signature";

std::string ReadGolden(const std::string& path) {
  return ReadFileBounded(path, limits::kModelSignatureBytesMax).value();
}

const PublicKey& GoldenKey() {
  static const PublicKey& key =
      *new PublicKey(PublicKey::FromPem(ReadGolden(kGolden + "/P-384.public.pem")).value());
  return key;
}

// The statements that this key, thrown away since, has ever signed.
const std::set<Digest>& SignedPayloads() {
  static const std::set<Digest>& payloads = *[] {
    auto* digests = new std::set<Digest>;
    const auto add = [&](const std::string& path) {
      const auto bundle = nlohmann::json::parse(ReadGolden(path), nullptr, false);
      if (!bundle.is_object() || !bundle.contains("dsseEnvelope")) return;
      const auto envelope = ReadUnverifiedEnvelope(bundle["dsseEnvelope"].dump());
      if (envelope.ok()) digests->insert(Sha256Of(envelope->payload));
    };
    for (const auto& entry : std::filesystem::directory_iterator(kGolden + "/cases")) {
      add(entry.path().string());
    }
    add(kGolden + "/cpp-P-384.sig");
    add(kGolden + "/python-P-384.sig");
    return digests;
  }();
  return payloads;
}

void CheckManifest(const ModelManifest& manifest) {
  KALAVAI_CHECK(!manifest.resources.empty(), "something is signed");
  KALAVAI_CHECK(CheckResourceNames(manifest.resources).ok(), "names are canonical and unique");
  KALAVAI_CHECK(RootDigest(manifest.resources) == manifest.root_digest,
                "the root digest is that of the resources");
}

void CheckRefusal(const absl::Status& status) {
  const std::string reason = GetErrorReason(status);
  KALAVAI_CHECK(
      reason == "SIGNATURE_MALFORMED" || reason == "KEY_MISMATCH" || reason == "SIGNATURE_INVALID",
      "a refusal has its reason");
}

}  // namespace

void FuzzModelSignature(absl::string_view input) {
  const auto manifest = VerifyBundle(input, GoldenKey());
  if (!manifest.ok()) return CheckRefusal(manifest.status());
  CheckManifest(*manifest);
  KALAVAI_CHECK(SignedPayloads().contains(manifest->payload_digest),
                "only what the key signed verifies");
}

void FuzzModelStatement(absl::string_view input) {
  static const SigningKey& key = *new SigningKey(SigningKey::Create().value());
  const auto bundle = SignStatement(key, input);
  KALAVAI_CHECK(bundle.ok(), "any bytes can be signed");
  const auto manifest = VerifyBundle(*bundle, key.public_key());
  if (!manifest.ok()) {
    KALAVAI_CHECK(GetErrorReason(manifest.status()) == "SIGNATURE_MALFORMED",
                  "the signature holds, so the statement is at fault");
    return;
  }
  CheckManifest(*manifest);
  KALAVAI_CHECK(manifest->payload_digest == Sha256Of(input), "the signed bytes are these");
  const auto statement = BuildStatement(manifest->subject, manifest->resources);
  KALAVAI_CHECK(statement.ok(), "what was accepted can be said again");
  const auto again = VerifyBundle(SignStatement(key, *statement).value(), key.public_key());
  KALAVAI_CHECK(again.ok() && again->resources.size() == manifest->resources.size(),
                "and is accepted again");
}

}  // namespace kalavai::fuzz
