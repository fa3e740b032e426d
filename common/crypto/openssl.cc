#include "common/crypto/openssl.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include <openssl/err.h>

#include "common/base/check.h"
#include "common/base/errors.h"

namespace kalavai::openssl {

BioPtr ReadOnlyBio(absl::string_view bytes) {
  KALAVAI_CHECK(bytes.size() < static_cast<size_t>(std::numeric_limits<int>::max()),
                "callers bound what they parse");
  BioPtr bio(BIO_new_mem_buf(bytes.empty() ? "" : bytes.data(), static_cast<int>(bytes.size())));
  KALAVAI_CHECK(bio != nullptr, "memory for a BIO");
  return bio;
}

std::string BioText(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return size <= 0 ? std::string() : std::string(data, static_cast<size_t>(size));
}

std::string TakeErrors() {
  std::string reasons;
  for (auto code = ERR_get_error(); code != 0; code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    absl::StrAppend(&reasons, reasons.empty() ? "" : "; ",
                    reason != nullptr ? reason : absl::StrCat("error ", absl::Hex(code)));
  }
  return reasons;
}

absl::Status CryptoError(absl::string_view operation) {
  return MakeError(absl::StatusCode::kInternal, "INTERNAL",
                   {.what = absl::StrCat(operation, ": ", TakeErrors())});
}

}  // namespace kalavai::openssl
