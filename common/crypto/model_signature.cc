#include "common/crypto/model_signature.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/dsse.h"
#include "common/storage/atomic_file.h"

namespace kalavai {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr char kBundleType[] = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr char kPayloadType[] = "application/vnd.in-toto+json";
constexpr char kStatementType[] = "https://in-toto.io/Statement/v1";
constexpr char kPredicateType[] = "https://model_signing/signature/v1.0";
constexpr JsonLimits kJsonLimits = {.bytes_max = limits::kModelSignatureBytesMax};

absl::Status Malformed(absl::string_view what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "SIGNATURE_MALFORMED",
                   {.what = absl::StrCat("model signature: ", what),
                    .why = "a signed object with two readings cannot be trusted",
                    .fix = "sign again with this program or model_signing 1.1.1 or newer"});
}

// The member `field` of `object`; SIGNATURE_MALFORMED unless it is there and of kind `type`.
absl::StatusOr<const Json*> Member(const Json& object, const char* field, Json::value_t type,
                                   absl::string_view where) {
  const auto found = object.is_object() ? object.find(field) : object.end();
  if (found == object.end() || found->type() != type) {
    return Malformed(absl::StrCat(where, ": field '", field, "' must be ", Json(type).type_name()));
  }
  return &*found;
}

absl::Status RequireText(const Json& object, const char* field, absl::string_view expected,
                         absl::string_view where) {
  ASSIGN_OR_RETURN(const Json* value, Member(object, field, Json::value_t::string, where));
  const auto& text = value->get_ref<const std::string&>();
  if (text == expected) return absl::OkStatus();
  return Malformed(absl::StrCat(where, ": field '", field, "' is '", text.substr(0, 100),
                                "'; must be '", expected, "'"));
}

absl::Status OnlyFields(const Json& object, std::span<const char* const> allowed,
                        absl::string_view where) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      return Malformed(absl::StrCat(where, ": unknown field '", name.substr(0, 80), "'"));
    }
  }
  return absl::OkStatus();
}

// The key hint selects, it never proves; a bundle without one, or with a certificate, is not of the
// key method.
absl::Status CheckVerificationMaterial(const Json& bundle, const PublicKey& key) {
  constexpr char kWhere[] = "verificationMaterial";
  ASSIGN_OR_RETURN(const Json* material, Member(bundle, kWhere, Json::value_t::object, "bundle"));
  constexpr std::array kFields = {"publicKey", "tlogEntries", "timestampVerificationData"};
  RETURN_IF_ERROR(OnlyFields(*material, kFields, kWhere));
  const auto entries = material->find("tlogEntries");
  if (entries != material->end() && !(entries->is_array() && entries->empty())) {
    return Malformed("tlogEntries: must be absent or empty");
  }
  ASSIGN_OR_RETURN(const Json* named,
                   Member(*material, "publicKey", Json::value_t::object, kWhere));
  // Producers before 1.1.0 put the key itself in place of a hint. It is not even read: the enrolled
  // key decides, by the signature. Never both, and never neither.
  if (named->contains("rawBytes")) {
    constexpr std::array kOlderFields = {"rawBytes", "keyDetails"};
    RETURN_IF_ERROR(OnlyFields(*named, kOlderFields, "publicKey with rawBytes"));
    for (const auto& [field, value] : named->items()) {
      RETURN_IF_ERROR(
          Member(*named, field.c_str(), Json::value_t::string, "publicKey with rawBytes").status());
    }
    return absl::OkStatus();
  }
  constexpr std::array kKeyFields = {"hint"};
  RETURN_IF_ERROR(OnlyFields(*named, kKeyFields, "publicKey"));
  ASSIGN_OR_RETURN(const Json* hint, Member(*named, "hint", Json::value_t::string, "publicKey"));
  const std::string expected = key.Hint();
  if (*hint == expected) return absl::OkStatus();
  const std::string actual = hint->get<std::string>().substr(0, 80);
  return MakeError(absl::StatusCode::kPermissionDenied, "KEY_MISMATCH",
                   {.what = absl::StrCat("model signature: key hint '", actual,
                                         "' found; must be '", expected, "'"),
                    .why = "it was made with another key than the one enrolled for the signer",
                    .fix = "sign with the key of this workspace",
                    .metadata = {{"expected", expected}, {"actual", actual}}});
}

absl::Status CheckSerialization(const Json& predicate) {
  constexpr char kWhere[] = "serialization";
  ASSIGN_OR_RETURN(const Json* serialization,
                   Member(predicate, kWhere, Json::value_t::object, "predicate"));
  RETURN_IF_ERROR(RequireText(*serialization, "method", "files", kWhere));
  RETURN_IF_ERROR(RequireText(*serialization, "hash_type", "sha256", kWhere));
  ASSIGN_OR_RETURN(const Json* symlinks,
                   Member(*serialization, "allow_symlinks", Json::value_t::boolean, kWhere));
  if (symlinks->get<bool>()) return Malformed("allow_symlinks: must be false");
  if (serialization->contains("shard_size")) return Malformed("shard_size: must be absent");
  // Parsed, never honoured: a file that a signer could exempt could be changed after signing.
  const auto ignored = serialization->find("ignore_paths");
  if (ignored == serialization->end()) return absl::OkStatus();
  const bool texts =
      ignored->is_array() && std::all_of(ignored->begin(), ignored->end(),
                                         [](const Json& path) { return path.is_string(); });
  return texts ? absl::OkStatus() : Malformed("ignore_paths: must be an array of strings");
}

absl::StatusOr<std::vector<Resource>> ReadResources(const Json& predicate) {
  ASSIGN_OR_RETURN(const Json* list,
                   Member(predicate, "resources", Json::value_t::array, "predicate"));
  if (list->empty()) return Malformed("resources: must not be empty; nothing would be signed");
  std::vector<Resource> resources;
  for (const Json& entry : *list) {
    const std::string where = absl::StrCat("resources[", resources.size(), "]");
    ASSIGN_OR_RETURN(const Json* name, Member(entry, "name", Json::value_t::string, where));
    RETURN_IF_ERROR(RequireText(entry, "algorithm", "sha256", where));
    ASSIGN_OR_RETURN(const Json* hex, Member(entry, "digest", Json::value_t::string, where));
    const auto digest = Digest::FromHex(hex->get_ref<const std::string&>());
    if (!digest.ok()) return Malformed(absl::StrCat(where, ": ", digest.status().message()));
    resources.push_back({name->get<std::string>(), *digest});
  }
  const absl::Status names = CheckResourceNames(resources);
  if (!names.ok()) return Malformed(absl::StrCat("resources: ", names.message()));
  return resources;
}

// Reads the statement, the bytes of which have been verified.
absl::StatusOr<ModelManifest> ReadStatement(absl::string_view payload) {
  const auto statement = ReadJson(payload, kJsonLimits);
  if (!statement.ok()) return Malformed(absl::StrCat("payload: ", statement.status().message()));
  RETURN_IF_ERROR(RequireText(*statement, "_type", kStatementType, "statement"));
  RETURN_IF_ERROR(RequireText(*statement, "predicateType", kPredicateType, "statement"));
  ASSIGN_OR_RETURN(const Json* subjects,
                   Member(*statement, "subject", Json::value_t::array, "statement"));
  if (subjects->size() != 1) return Malformed("subject: must have exactly one element");
  const Json& subject = subjects->front();
  ASSIGN_OR_RETURN(const Json* name, Member(subject, "name", Json::value_t::string, "subject"));
  ASSIGN_OR_RETURN(const Json* digest, Member(subject, "digest", Json::value_t::object, "subject"));
  ASSIGN_OR_RETURN(const Json* root,
                   Member(*digest, "sha256", Json::value_t::string, "subject digest"));
  ASSIGN_OR_RETURN(const Json* predicate,
                   Member(*statement, "predicate", Json::value_t::object, "statement"));
  RETURN_IF_ERROR(CheckSerialization(*predicate));
  ModelManifest manifest;
  ASSIGN_OR_RETURN(manifest.resources, ReadResources(*predicate));
  manifest.subject = name->get<std::string>();
  manifest.root_digest = RootDigest(manifest.resources);
  manifest.payload_digest = Sha256Of(payload);
  if (*root != manifest.root_digest.Hex()) {
    return Malformed(absl::StrCat("subject digest: '", root->get<std::string>().substr(0, 80),
                                  "' found; must be '", manifest.root_digest.Hex(),
                                  "', the digest of the listed resources"));
  }
  return manifest;
}

absl::Status Mismatch(absl::string_view name, absl::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "MANIFEST_MISMATCH",
                   {.what = absl::StrCat("file '", name, "': ", what),
                    .why = "the signature covers exactly the files of the directory",
                    .fix = "restore the signed files, or sign the directory again",
                    .metadata = {{"name", std::string(name)}}});
}

std::string SignaturePath(const std::string& directory, const std::string& path) {
  return path.empty() ? absl::StrCat(directory, "/", kModelSignatureFile) : path;
}

std::string BaseName(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path path = fs::weakly_canonical(directory, error);
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

}  // namespace

absl::StatusOr<std::string> BuildStatement(absl::string_view subject,
                                           std::span<const Resource> resources,
                                           absl::string_view ignored_name) {
  std::vector<Resource> sorted(resources.begin(), resources.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const Resource& a, const Resource& b) { return a.name < b.name; });
  if (sorted.empty()) return Malformed("resources: must not be empty; nothing would be signed");
  RETURN_IF_ERROR(CheckResourceNames(sorted));
  RETURN_IF_ERROR(CheckResourceName(subject));
  OrderedJson list = OrderedJson::array();
  for (const Resource& resource : sorted) {
    list.push_back(OrderedJson{
        {"name", resource.name}, {"algorithm", "sha256"}, {"digest", resource.digest.Hex()}});
  }
  OrderedJson ignored = {".git", ".gitattributes", ".github", ".gitignore"};
  if (!ignored_name.empty()) ignored.push_back(std::string(ignored_name));
  OrderedJson digest = OrderedJson{{"sha256", RootDigest(sorted).Hex()}};
  OrderedJson statement;
  statement["_type"] = kStatementType;
  statement["subject"] = OrderedJson::array(
      {OrderedJson{{"name", std::string(subject)}, {"digest", std::move(digest)}}});
  statement["predicateType"] = kPredicateType;
  statement["predicate"]["serialization"] = OrderedJson{{"method", "files"},
                                                        {"hash_type", "sha256"},
                                                        {"allow_symlinks", false},
                                                        {"ignore_paths", std::move(ignored)}};
  statement["predicate"]["resources"] = std::move(list);
  return statement.dump();
}

absl::StatusOr<std::string> SignStatement(const SigningKey& key, absl::string_view statement) {
  ASSIGN_OR_RETURN(OrderedJson envelope,
                   SignEnvelopeObject(key, kPayloadType, statement, /*keyid=*/""));
  OrderedJson bundle;
  bundle["mediaType"] = kBundleType;
  bundle["verificationMaterial"]["publicKey"]["hint"] = key.public_key().Hint();
  bundle["verificationMaterial"]["tlogEntries"] = OrderedJson::array();
  bundle["dsseEnvelope"] = std::move(envelope);
  return bundle.dump();
}

absl::StatusOr<ModelManifest> SignDirectory(const SigningKey& key, const std::string& directory,
                                            const SignDirectoryOptions& options) {
  const std::string path = SignaturePath(directory, options.signature_path);
  const std::string ignored = NameInDirectory(directory, path);
  ASSIGN_OR_RETURN(const std::vector<Resource> resources, EnumerateDirectory(directory, ignored));
  RETURN_IF_ERROR(RequireFiles(directory, resources));
  const std::string subject = options.subject.empty() ? BaseName(directory) : options.subject;
  ASSIGN_OR_RETURN(const std::string statement, BuildStatement(subject, resources, ignored));
  ASSIGN_OR_RETURN(const std::string bundle, SignStatement(key, statement));
  RETURN_IF_ERROR(WriteFileAtomically(path, bundle));
  return ReadStatement(statement);
}

absl::StatusOr<ModelManifest> VerifyBundle(absl::string_view bundle_json, const PublicKey& key) {
  const auto bundle = ReadJson(bundle_json, kJsonLimits);
  if (!bundle.ok()) return Malformed(absl::StrCat("bundle: ", bundle.status().message()));
  RETURN_IF_ERROR(RequireText(*bundle, "mediaType", kBundleType, "bundle"));
  constexpr std::array kFields = {"mediaType", "verificationMaterial", "dsseEnvelope"};
  RETURN_IF_ERROR(OnlyFields(*bundle, kFields, "bundle"));
  RETURN_IF_ERROR(CheckVerificationMaterial(*bundle, key));
  ASSIGN_OR_RETURN(const Json* object,
                   Member(*bundle, "dsseEnvelope", Json::value_t::object, "bundle"));
  ASSIGN_OR_RETURN(const UnverifiedEnvelope envelope, ReadUnverifiedEnvelopeObject(*object));
  if (envelope.payload_type != kPayloadType) {
    return Malformed(absl::StrCat("payload type: '", envelope.payload_type.substr(0, 80),
                                  "' found; must be '", kPayloadType, "'"));
  }
  RETURN_IF_ERROR(key.Verify(Pae(kPayloadType, envelope.payload), envelope.signature));
  return ReadStatement(envelope.payload);
}

absl::Status MatchManifest(const ModelManifest& manifest,
                           const std::map<std::string, Digest>& digests) {
  std::map<std::string, Digest> unsigned_files = digests;
  for (const Resource& resource : manifest.resources) {
    const auto found = unsigned_files.find(resource.name);
    if (found == unsigned_files.end()) return Mismatch(resource.name, "is signed but missing");
    if (found->second != resource.digest) {
      return Mismatch(resource.name, absl::StrCat("SHA-256 ", found->second.Hex(),
                                                  " found; must be ", resource.digest.Hex()));
    }
    unsigned_files.erase(found);
  }
  if (unsigned_files.empty()) return absl::OkStatus();
  return Mismatch(unsigned_files.begin()->first, "is present but not signed");
}

absl::StatusOr<ModelManifest> VerifyDirectory(const std::string& directory, const PublicKey& key,
                                              const std::string& bundle_path) {
  const std::string path = SignaturePath(directory, bundle_path);
  ASSIGN_OR_RETURN(const std::string json, ReadFileBounded(path, limits::kModelSignatureBytesMax));
  ASSIGN_OR_RETURN(ModelManifest manifest, VerifyBundle(json, key));
  ASSIGN_OR_RETURN(const std::vector<Resource> resources,
                   EnumerateDirectory(directory, NameInDirectory(directory, path)));
  std::map<std::string, Digest> digests;
  for (const Resource& resource : resources) digests.emplace(resource.name, resource.digest);
  RETURN_IF_ERROR(MatchManifest(manifest, digests));
  return manifest;
}

}  // namespace kalavai
