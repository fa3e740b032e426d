// What every file of this folder needs from OpenSSL: owning handles and its error queue as a
// Status. Nothing outside common/crypto includes this header.
#ifndef KALAVAI_COMMON_CRYPTO_OPENSSL_H_
#define KALAVAI_COMMON_CRYPTO_OPENSSL_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace kalavai::openssl {

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Deleter<&BIO_free_all>>;
using MdContextPtr = std::unique_ptr<EVP_MD_CTX, Deleter<&EVP_MD_CTX_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<&EVP_PKEY_free>>;
using KeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Deleter<&EVP_PKEY_CTX_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<&X509_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Deleter<&X509_REQ_free>>;

// A read-only view of `bytes`, which must outlive it.
BioPtr ReadOnlyBio(absl::string_view bytes);
// What was written into a memory BIO.
std::string BioText(BIO* bio);

// Empties this thread's error queue and returns its reasons, "; " between them.
std::string TakeErrors();

// INTERNAL INTERNAL, for calls that fail only when OpenSSL itself does; what = "`operation`:
// reasons". Empties the queue.
absl::Status CryptoError(absl::string_view operation);

}  // namespace kalavai::openssl

#endif  // KALAVAI_COMMON_CRYPTO_OPENSSL_H_
