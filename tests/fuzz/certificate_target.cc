#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/crypto/certificate.h"
#include "tests/fuzz/fuzz_targets.h"

namespace kalavai::fuzz {
namespace {

std::string Pem(absl::string_view label, absl::string_view der) {
  const std::string base64 = Base64Encode(der);
  std::string pem = absl::StrCat("-----BEGIN ", label, "-----\n");
  for (size_t i = 0; i < base64.size(); i += 64) {
    absl::StrAppend(&pem, base64.substr(i, 64), "\n");
  }
  return absl::StrCat(pem, "-----END ", label, "-----\n");
}

void CheckRefusal(const absl::Status& status) {
  const std::string reason = GetErrorReason(status);
  KALAVAI_CHECK(status.ok() || reason == "CERTIFICATE_INVALID" || absl::StartsWith(reason, "KEY_"),
                absl::StrCat("a refusal has its reason: ", status.ToString()));
}

void ReadCertificate(const std::string& pem) {
  CheckRefusal(CommonName(pem).status());
  CheckRefusal(NotBefore(pem).status());
  CheckRefusal(NotAfter(pem).status());
  CheckRefusal(PublicKeyOf(pem).status());
  CheckRefusal(SerialNumber(pem).status());
  CheckRefusal(VerifyIssuedBy(pem, pem, CertificatePurpose::kClient, absl::FromUnixSeconds(1)));
  const auto fingerprint = Fingerprint(pem);
  CheckRefusal(fingerprint.status());
  const auto chain = SplitCertificates(pem);
  CheckRefusal(chain.status());
  if (fingerprint.ok()) KALAVAI_CHECK(chain.ok() && chain->size() == 1, "one is a chain of one");
  if (!chain.ok()) return;
  KALAVAI_CHECK(!chain->empty(), "a chain has certificates");
  for (const std::string& each : *chain) {
    const auto again = SplitCertificates(each);
    KALAVAI_CHECK(again.ok() && again->size() == 1 && again->front() == each,
                  "each stands alone in its one form");
    KALAVAI_CHECK(Fingerprint(each).ok(), "each has a fingerprint");
  }
}

void ReadKey(const std::string& pem) {
  const auto key = PublicKey::FromPem(pem);
  CheckRefusal(key.status());
  if (!key.ok()) return;
  const auto again = PublicKey::FromPem(key->Pem());
  KALAVAI_CHECK(again.ok() && again->Pem() == key->Pem(), "a key has one form");
  KALAVAI_CHECK(!key->Verify("text", "no signature").ok(), "not every signature verifies");
}

}  // namespace

void FuzzCertificate(absl::string_view input) {
  const bool pem = absl::StrContains(input, "-----BEGIN");
  ReadCertificate(pem ? std::string(input) : Pem("CERTIFICATE", input));
  CheckRefusal(
      PublicKeyOfCsr(pem ? std::string(input) : Pem("CERTIFICATE REQUEST", input)).status());
  ReadKey(pem ? std::string(input) : Pem("PUBLIC KEY", input));
}

}  // namespace kalavai::fuzz
