#include "common/crypto/key_pem.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"

namespace kalavai::openssl {
namespace {

constexpr absl::string_view kBegin = "-----BEGIN ";
constexpr absl::string_view kDashes = "-----";

using KeyInfoPtr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<&PKCS8_PRIV_KEY_INFO_free>>;

absl::string_view MustHold(KeyHalf half) {
  return half == KeyHalf::kPrivate
             ? "must be one unencrypted PEM block 'PRIVATE KEY' or 'EC PRIVATE KEY'"
             : "must be one PEM block 'PUBLIC KEY'";
}

absl::Status Encrypted() {
  return MakeError(absl::StatusCode::kInvalidArgument, "KEY_ENCRYPTED",
                   {.what = "key: a private key under a passphrase found; must be unencrypted",
                    .why = "programs that sign unattended cannot ask for a passphrase; the file's "
                           "mode protects the key",
                    .fix = "openssl pkey -in KEY -out PLAIN && chmod 600 PLAIN"});
}

absl::Status HalfMismatch(absl::string_view label, KeyHalf half) {
  const bool wants_private = half == KeyHalf::kPrivate;
  return MakeError(
      absl::StatusCode::kInvalidArgument, "KEY_HALF_MISMATCH",
      {.what = absl::StrCat("key: a PEM block '", label, "' found; ", MustHold(half)),
       .why = wants_private ? "signing needs the private half of the key"
                            : "verifying needs the public half only; keep the private one where "
                              "it is",
       .fix = wants_private ? "name the private key's file"
                            : "openssl pkey -in KEY -pubout -out PUBLIC",
       .metadata = {{"found", std::string(label)}}});
}

struct Block {
  absl::string_view label;
  absl::string_view text;  // with both boundary lines
};

// Takes the first block off `rest`. A label is quoted in messages, so it must look like one.
absl::StatusOr<Block> TakeBlock(absl::string_view& rest, KeyHalf half) {
  if (rest.empty()) return KeyInvalid("nothing found", MustHold(half));
  if (!absl::StartsWith(rest, kBegin)) {
    const bool later = absl::StrContains(rest, kBegin);
    return KeyInvalid(later             ? "text before the PEM block found"
                      : rest[0] == 0x30 ? "binary (DER) found"
                                        : "no PEM block found",
                      MustHold(half));
  }
  const size_t label_end = rest.find(kDashes, kBegin.size());
  const size_t line_end = rest.find('\n');
  if (label_end == absl::string_view::npos || line_end == absl::string_view::npos ||
      label_end > line_end || label_end - kBegin.size() > 40) {
    return KeyInvalid("a damaged BEGIN line found", MustHold(half));
  }
  const absl::string_view label = rest.substr(kBegin.size(), label_end - kBegin.size());
  for (const char c : label) {
    if (!absl::ascii_isupper(static_cast<unsigned char>(c)) &&
        !absl::ascii_isdigit(static_cast<unsigned char>(c)) && c != ' ') {
      return KeyInvalid("a damaged BEGIN line found", MustHold(half));
    }
  }
  const std::string end_line = absl::StrCat("-----END ", label, "-----");
  const size_t end = rest.find(end_line);
  if (end == absl::string_view::npos) {
    return KeyInvalid(absl::StrCat("PEM block '", label, "' without its END line found"),
                      MustHold(half));
  }
  const absl::string_view text = rest.substr(0, end + end_line.size());
  rest = absl::StripLeadingAsciiWhitespace(rest.substr(text.size()));
  return Block{.label = label, .text = text};
}

absl::Status CheckLabel(absl::string_view label, KeyHalf half) {
  if (label == "PRIVATE KEY" || label == "EC PRIVATE KEY") {
    return half == KeyHalf::kPrivate ? absl::OkStatus() : HalfMismatch(label, half);
  }
  if (label == "PUBLIC KEY") {
    return half == KeyHalf::kPublic ? absl::OkStatus() : HalfMismatch(label, half);
  }
  if (label == "ENCRYPTED PRIVATE KEY") {
    return half == KeyHalf::kPrivate ? Encrypted() : HalfMismatch(label, half);
  }
  if (absl::EndsWith(label, "CERTIFICATE")) return HalfMismatch(label, half);
  if (absl::EndsWith(label, " PRIVATE KEY") || absl::EndsWith(label, " PUBLIC KEY")) {
    return KeyKindRefused(label.substr(0, label.find(' ')));
  }
  return KeyInvalid(absl::StrCat("PEM block '", label, "' found"), MustHold(half));
}

// The structure named by `label` in all of `der`; null when it cannot be read or bytes follow it.
KeyPtr DecodeKey(absl::string_view label, absl::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  const auto size = static_cast<long>(der.size());
  KeyPtr key;
  if (label == "PUBLIC KEY") {
    key.reset(d2i_PUBKEY(nullptr, &at, size));
  } else if (label == "EC PRIVATE KEY") {
    key.reset(d2i_PrivateKey(EVP_PKEY_EC, nullptr, &at, size));
  } else if (const KeyInfoPtr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, size)); info != nullptr) {
    key.reset(EVP_PKCS82PKEY(info.get()));
  }
  return at == end ? std::move(key) : nullptr;
}

absl::StatusOr<KeyPtr> ReadBlock(const Block& block, KeyHalf half) {
  const BioPtr bio = ReadOnlyBio(block.text);
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  if (PEM_read_bio_ex(bio.get(), &label, &header, &der, &size, PEM_FLAG_SECURE) != 1) {
    static_cast<void>(TakeErrors());
    return KeyInvalid(absl::StrCat("damaged base64 in PEM block '", block.label, "' found"),
                      MustHold(half));
  }
  const bool encrypted = absl::StrContains(header, "ENCRYPTED");
  const bool has_header = header[0] != '\0';
  KeyPtr key;
  if (!has_header) {
    key = DecodeKey(block.label,
                    absl::string_view(reinterpret_cast<char*>(der), static_cast<size_t>(size)));
  }
  OPENSSL_secure_free(label);
  OPENSSL_secure_free(header);
  OPENSSL_secure_clear_free(der, static_cast<size_t>(size));
  static_cast<void>(TakeErrors());  // OpenSSL's reasons may quote the input
  if (encrypted) return Encrypted();
  if (has_header) return KeyInvalid("header lines inside the PEM block found", MustHold(half));
  if (key == nullptr) {
    return KeyInvalid(absl::StrCat("PEM block '", block.label,
                                   "' whose content is no such key, or goes on after it, found"),
                      MustHold(half));
  }
  return key;
}

}  // namespace

absl::Status KeyInvalid(absl::string_view found, absl::string_view must) {
  static_cast<void>(TakeErrors());
  return MakeError(absl::StatusCode::kInvalidArgument, "KEY_INVALID",
                   {.what = absl::StrCat("key: ", found, "; ", must),
                    .why = "signatures are ECDSA on P-256, P-384 or P-521, keys are PEM",
                    .fix = "create a key with 'kalavai key create'"});
}

absl::Status KeyKindRefused(absl::string_view found) {
  static_cast<void>(TakeErrors());
  return MakeError(
      absl::StatusCode::kInvalidArgument, "KEY_KIND_REFUSED",
      {.what = absl::StrCat("key: ", found, " found; must be EC on P-256, P-384 or P-521"),
       .why = "the signature format knows no other key that its reference verifier takes",
       .fix = "create a key with 'kalavai key create'",
       .metadata = {{"found", std::string(found)}}});
}

absl::StatusOr<KeyPtr> ReadKeyPem(absl::string_view pem, KeyHalf half) {
  if (pem.size() > static_cast<size_t>(limits::kKeyFileBytesMax)) {
    return KeyInvalid(absl::StrCat(pem.size(), " bytes found"),
                      absl::StrCat("must be at most ", limits::kKeyFileBytesMax));
  }
  absl::string_view rest = absl::StripLeadingAsciiWhitespace(pem);
  ASSIGN_OR_RETURN(Block block, TakeBlock(rest, half));
  if (block.label == "EC PARAMETERS" && half == KeyHalf::kPrivate) {
    ASSIGN_OR_RETURN(block, TakeBlock(rest, half));
  }
  RETURN_IF_ERROR(CheckLabel(block.label, half));
  if (absl::StartsWith(rest, kBegin)) {
    return KeyInvalid("several PEM blocks found", MustHold(half));
  }
  if (!rest.empty()) return KeyInvalid("text after the PEM block found", MustHold(half));
  return ReadBlock(block, half);
}

}  // namespace kalavai::openssl
