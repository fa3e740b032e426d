// OpenSSF model signing (OMS 1.0), "key" method: one file that signs every file of a model
// directory together. Signer and verifier interoperate with the Python package model-signing 1.1.
//
//   signing     ASSIGN_OR_RETURN(const ModelManifest m, SignDirectory(key, directory));
//   verifying   ASSIGN_OR_RETURN(const ModelManifest m, VerifyDirectory(directory, key));
//   coordinator ASSIGN_OR_RETURN(const ModelManifest m, VerifyBundle(bundle, enrolled_key));
//               RETURN_IF_ERROR(MatchManifest(m, digests_of_the_upload_stream));
//
// Always verify with the key enrolled for an authenticated identity, never with one the file names.
// Stricter than the reference verifier, because each of its tolerances gives one signed object two
// readings: duplicate keys or names, more than one signature, base64 of the URL-safe alphabet, a
// missing hint, signed ignore_paths (parsed, never honoured), empty manifests and names that are
// not canonical are refused. Bundles of model-signing 0.3 to 1.0.1 have the key itself, `rawBytes`,
// in place of the hint: accepted, and the key that they name is never looked at.
//
// Root digest = SHA-256 over the raw resource digests in listed order (we list by name, bytewise,
// as the specification says). For a checkpoint directory it is the canonical checkpoint hash.
// Identity of a submission = root digest or payload digest; never the bytes of the signature file,
// which is malleable. OMS has no time, audience or nonce: those are in signed files
// (submission.json).
//
// Errors, everywhere below, with the place in the message:
//   INVALID_ARGUMENT    SIGNATURE_MALFORMED  the bundle or statement breaks a rule of the format
//   PERMISSION_DENIED   KEY_MISMATCH         made with another key than the one given
//   PERMISSION_DENIED   SIGNATURE_INVALID    the signature does not verify
//   FAILED_PRECONDITION MANIFEST_MISMATCH    a file differs, is missing, or is not signed
//   INVALID_ARGUMENT    FILE_KIND_REFUSED    symlink, device, socket or FIFO in a directory
//   INVALID_ARGUMENT    NAME_INVALID         a name that a manifest may not contain
//   FAILED_PRECONDITION DIRECTORY_EMPTY      nothing to sign
// Pure functions besides reading and writing the files named; any thread.
#ifndef KALAVAI_COMMON_CRYPTO_MODEL_SIGNATURE_H_
#define KALAVAI_COMMON_CRYPTO_MODEL_SIGNATURE_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/resource_list.h"
#include "common/crypto/sha256.h"
#include "common/crypto/signing_key.h"

namespace kalavai {

struct ModelManifest {
  std::string subject;              // base name of the signed directory; informative only
  Digest root_digest;               // of `resources`, recomputed
  Digest payload_digest;            // SHA-256 of the signed statement's bytes
  std::vector<Resource> resources;  // in listed order
};

// The in-toto statement (one line of JSON) that is signed. Sorts a copy of `resources` by name;
// `ignored_name` is recorded when not empty. SIGNATURE_MALFORMED for an empty or ambiguous list.
absl::StatusOr<std::string> BuildStatement(absl::string_view subject,
                                           std::span<const Resource> resources,
                                           absl::string_view ignored_name = kModelSignatureFile);

// The whole bundle (what model.sig contains) over a statement.
absl::StatusOr<std::string> SignStatement(const SigningKey& key, absl::string_view statement);

struct SignDirectoryOptions {
  std::string signature_path = {};  // default: directory/model.sig
  std::string subject = {};         // default: base name of the directory
};
// Hashes every file, signs, writes the bundle durably and all or nothing, and returns what was
// signed. An existing signature file is replaced.
absl::StatusOr<ModelManifest> SignDirectory(const SigningKey& key, const std::string& directory,
                                            const SignDirectoryOptions& options = {});

// Checks everything that can be checked without the files: format, key, signature, statement,
// names, root digest.
absl::StatusOr<ModelManifest> VerifyBundle(absl::string_view bundle_json, const PublicKey& key);

// Both directions: every file is listed with this digest, every listed file is here.
absl::Status MatchManifest(const ModelManifest& manifest,
                           const std::map<std::string, Digest>& digests);

// VerifyBundle of the file, then MatchManifest with the directory's files. Reads every byte of the
// directory once. `bundle_path` empty: directory/model.sig. Load afterwards only what was hashed
// (blobs by digest, or the same descriptors): a file may be replaced between check and use.
absl::StatusOr<ModelManifest> VerifyDirectory(const std::string& directory, const PublicKey& key,
                                              const std::string& bundle_path = "");

}  // namespace kalavai

#endif  // KALAVAI_COMMON_CRYPTO_MODEL_SIGNATURE_H_
