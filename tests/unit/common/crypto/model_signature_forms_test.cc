// Goal: every spelling of a bundle that the format leaves open is either accepted on purpose or
// refused with its reason, and no changed byte of what is signed passes.
// Method: tables of texts made from one valid bundle or statement by one change; statements are
// signed again, so that only the rule in question can refuse them; each byte of payload and
// signature changed in turn; directories with what a directory may hold.
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>

#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/crypto/model_signature.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::TempDir;
using testing::WriteFile;
using Json = nlohmann::json;

std::string Golden(absl::string_view name) {
  return absl::StrCat(KALAVAI_GOLDEN_DIR, "/model_signature/", name);
}

// One change of a text: the first `from` becomes `to`. "" as reason: accepted.
struct Change {
  const char* what;
  std::string from;
  std::string to;
  const char* reason = "SIGNATURE_MALFORMED";
};

std::string Apply(const std::string& text, const Change& change) {
  const size_t at = text.find(change.from);
  INFO(change.what);
  REQUIRE(at != std::string::npos);
  return absl::StrCat(text.substr(0, at), change.to, text.substr(at + change.from.size()));
}

struct Signed {
  SigningKey key = SigningKey::Create().value();
  std::string statement;
  std::string bundle;
  Signed() {
    const std::vector<Resource> resources = {{"a.bin", Sha256Of("a")}, {"b/c.bin", Sha256Of("c")}};
    statement = BuildStatement("m", resources).value();
    bundle = SignStatement(key, statement).value();
    REQUIRE_OK(VerifyBundle(bundle, key.public_key()));
  }
  std::string Reason(const std::string& text) const {
    return GetErrorReason(VerifyBundle(text, key.public_key()).status());
  }
};

TEST_CASE("Each spelling of a bundle has one answer", "[crypto]") {
  const Signed s;
  const std::string hint = s.key.public_key().Hint();
  const std::string other = SigningKey::Create()->public_key().Hint();
  const std::string upper = absl::AsciiStrToUpper(hint);
  const std::string key_text = absl::StrCat("{\"hint\":\"", hint, "\"}");
  const Change changes[] = {
      {"keyid null", "\"keyid\":\"\"", "\"keyid\":null", ""},
      {"keyid absent", ",\"keyid\":\"\"", "", ""},
      {"keyid of another key", "\"keyid\":\"\"", absl::StrCat("\"keyid\":\"", other, "\""), ""},
      {"keyid a number", "\"keyid\":\"\"", "\"keyid\":1"},
      {"tlogEntries absent", ",\"tlogEntries\":[]", "", ""},
      {"tlogEntries null", "\"tlogEntries\":[]", "\"tlogEntries\":null"},
      {"tlogEntries an object", "\"tlogEntries\":[]", "\"tlogEntries\":{}"},
      {"tlogEntries with one", "\"tlogEntries\":[]", "\"tlogEntries\":[{}]"},
      {"timestamps", "\"tlogEntries\":[]",
       R"("tlogEntries":[],"timestampVerificationData":{"rfc3161Timestamps":[]})", ""},
      {"certificate beside the key", "\"tlogEntries\"",
       R"("certificate":{"rawBytes":""},"tlogEntries")"},
      {"certificate chain beside the key", "\"tlogEntries\"",
       R"("x509CertificateChain":{"certificates":[]},"tlogEntries")"},
      {"certificate in place of the key", "\"publicKey\"", "\"certificate\""},
      {"chain in place of the key", "\"publicKey\"", "\"x509CertificateChain\""},
      {"certificate null", "\"tlogEntries\"", "\"certificate\":null,\"tlogEntries\""},
      {"no hint and no rawBytes", key_text, "{}"},
      {"publicKey null", key_text, "null"},
      {"hint null", absl::StrCat("\"", hint, "\""), "null"},
      {"hint empty", hint, "", "KEY_MISMATCH"},
      {"hint of another key", hint, other, "KEY_MISMATCH"},
      {"hint in upper case", hint, upper, "KEY_MISMATCH"},
      {"hint with a space", hint, hint + " ", "KEY_MISMATCH"},
      {"rawBytes in place of the hint", key_text, R"({"rawBytes":"AA=="})", ""},
      {"rawBytes and keyDetails", key_text,
       R"({"rawBytes":"AA==","keyDetails":"PKIX_ECDSA_P256_SHA_256"})", ""},
      {"rawBytes beside the hint", "{\"hint\"", "{\"rawBytes\":\"AA==\",\"hint\""},
      {"keyDetails beside the hint", "{\"hint\"", "{\"keyDetails\":\"x\",\"hint\""},
      {"keyDetails only", key_text, R"({"keyDetails":"PKIX_ECDSA_P256_SHA_256"})"},
      {"rawBytes null", key_text, R"({"rawBytes":null})"},
      {"rawBytes a number", key_text, R"({"rawBytes":1})"},
      {"rawBytes and more", key_text, R"({"rawBytes":"","validFor":{}})"},
      {"extra key in the bundle", "{\"mediaType\"", "{\"x\":1,\"mediaType\""},
      {"extra key in the material", "{\"publicKey\"", "{\"x\":1,\"publicKey\""},
      {"extra key in the key", "{\"hint\"", "{\"x\":1,\"hint\""},
      {"extra key in the envelope", "{\"payload\"", "{\"x\":1,\"payload\""},
      {"extra key in the signature", "{\"sig\"", "{\"x\":1,\"sig\""},
      {"mediaType twice", "{\"mediaType\"", "{\"mediaType\":\"x\",\"mediaType\""},
      {"publicKey twice", "{\"publicKey\"", "{\"publicKey\":{},\"publicKey\""},
      {"hint twice", "{\"hint\"", "{\"hint\":\"x\",\"hint\""},
      {"payload twice", "{\"payload\"", "{\"payload\":\"AA==\",\"payload\""},
      {"sig twice", "{\"sig\"", "{\"sig\":\"AA==\",\"sig\""},
      {"a key twice, once escaped", "{\"sig\"", "{\"\\u0073ig\":\"AA==\",\"sig\""},
      {"envelope and message signature", "\"dsseEnvelope\"",
       "\"messageSignature\":{},\"dsseEnvelope\""},
      {"message signature instead", "\"dsseEnvelope\"", "\"messageSignature\""},
      {"signatures an object", "\"signatures\":[{", "\"signatures\":{\"0\":{"},
      {"no signature", "\"signatures\":[{", "\"signatures\":[],\"x\":[{"},
      {"bundle v0.2", "bundle.v0.3+json", "bundle.v0.2+json"},
      {"bundle v0.3.1", "bundle.v0.3+json", "bundle.v0.3.1+json"},
      {"media type in upper case", "application/vnd.dev", "Application/vnd.dev"},
      {"payload type with a parameter", "in-toto+json\"", "in-toto+json;charset=utf-8\""},
      {"byte-order mark", "{\"mediaType\"", "\xef\xbb\xbf{\"mediaType\""},
      {"NUL before", "{\"mediaType\"", std::string("\0{\"mediaType\"", 13)},
      {"white space is free", "{\"mediaType\"", " {\n\t\"mediaType\"", ""},
  };
  for (const Change& change : changes) {
    INFO(change.what);
    CHECK(s.Reason(Apply(s.bundle, change)) == change.reason);
  }
  for (const std::string& tail :
       {std::string("x"), std::string("{}"), std::string("\0", 1), s.bundle}) {
    CHECK(s.Reason(s.bundle + tail) == "SIGNATURE_MALFORMED");
  }
  CHECK(s.Reason(s.bundle + "\n").empty());
  CHECK(s.Reason(std::string(100000, '[')) == "SIGNATURE_MALFORMED");
  CHECK(s.Reason(absl::StrCat("[", s.bundle, "]")) == "SIGNATURE_MALFORMED");
  CHECK(s.Reason("") == "SIGNATURE_MALFORMED");
}

TEST_CASE("Base64 has one spelling", "[crypto]") {
  // A payload whose base64 has characters of both alphabets and padding.
  Signed s;
  std::string statement = s.statement;
  while (true) {
    s.bundle = SignStatement(s.key, statement).value();
    const std::string text = Json::parse(s.bundle)["dsseEnvelope"]["payload"];
    if (absl::StrContains(text, "/") && absl::EndsWith(text, "=")) break;
    REQUIRE(statement.size() < s.statement.size() + 100);
    // A subject's name may hold any text; the digest is of the resources only.
    statement = absl::StrReplaceAll(statement, {{"\"name\":\"m", "\"name\":\"m?\xc3\xbf"}});
  }
  const Json good = Json::parse(s.bundle);
  REQUIRE(s.Reason(good.dump()).empty());
  for (const bool of_payload : {true, false}) {
    const auto field = [&](Json& bundle) -> Json& {
      Json& envelope = bundle["dsseEnvelope"];
      return of_payload ? envelope["payload"] : envelope["signatures"][0]["sig"];
    };
    Json read = good;
    const std::string text = field(read);
    std::vector<std::string> spellings = {text + "=", text + "\n",
                                          text + " ", " " + text,
                                          "!" + text, text.substr(0, 4) + "\n" + text.substr(4),
                                          text + "A", text + "===="};
    const std::string url = absl::StrReplaceAll(text, {{"+", "-"}, {"/", "_"}});
    if (url != text) spellings.push_back(url);
    if (absl::EndsWith(text, "=")) {  // a signature's length, and so its padding, varies
      spellings.push_back(text.substr(0, text.size() - 1));
      spellings.push_back(text + text);
    }
    for (const std::string& spelling : spellings) {
      INFO(spelling);
      Json bundle = good;
      field(bundle) = spelling;
      CHECK(s.Reason(bundle.dump()) == "SIGNATURE_MALFORMED");
    }
  }
}

TEST_CASE("Each rule of the statement refuses what is correctly signed", "[crypto]") {
  const Signed s;
  const std::string a = Sha256Of("a").Hex();
  const std::string root = Json::parse(s.statement)["subject"][0]["digest"]["sha256"];
  const auto name = [](const char* what, const std::string& json) {
    return Change{what, "\"name\":\"a.bin\"", absl::StrCat("\"name\":\"", json, "\"")};
  };
  const Change changes[] = {
      {"an extra key in the statement", "{\"_type\"", "{\"x\":1,\"_type\"", ""},
      {"an extra key in the predicate", "{\"serialization\"", "{\"x\":1,\"serialization\"", ""},
      {"an extra key in a resource", "{\"name\":\"a.bin\"", "{\"x\":1,\"name\":\"a.bin\"", ""},
      {"ignore_paths that name a file", "\"ignore_paths\":[", "\"ignore_paths\":[\"a.bin\",", ""},
      {"_type twice", "{\"_type\"", "{\"_type\":\"x\",\"_type\""},
      {"subject twice", "{\"name\":\"m\"", "{\"name\":\"n\",\"name\":\"m\""},
      {"digest twice", "{\"sha256\"", "{\"sha256\":\"x\",\"sha256\""},
      {"predicate twice", "\"predicate\":", "\"predicate\":{},\"predicate\":"},
      {"resources twice", "\"resources\":", "\"resources\":[],\"resources\":"},
      {"method twice", "{\"method\"", "{\"method\":\"shards\",\"method\""},
      {"a resource's name twice", "{\"name\":\"a.bin\"", "{\"name\":\"z\",\"name\":\"a.bin\""},
      {"method shards", "\"method\":\"files\"", "\"method\":\"shards\""},
      {"hash_type blake3", "\"hash_type\":\"sha256\"", "\"hash_type\":\"blake3\""},
      {"hash_type SHA256", "\"hash_type\":\"sha256\"", "\"hash_type\":\"SHA256\""},
      {"symlinks allowed", "\"allow_symlinks\":false", "\"allow_symlinks\":true"},
      {"symlinks 0", "\"allow_symlinks\":false", "\"allow_symlinks\":0"},
      {"symlinks absent", "\"allow_symlinks\":false,", ""},
      {"shard_size", "\"method\"", "\"shard_size\":10.0,\"method\""},
      {"ignore_paths of numbers", "\"ignore_paths\":[", "\"ignore_paths\":[1,"},
      {"statement v0.1", "Statement/v1", "Statement/v0.1"},
      {"predicate v0.2", "model_signing/signature/v1.0", "model_signing/signature/v0.2"},
      {"predicate of 0.2.0", "model_signing/signature/v1.0", "model_signing/Digests/v0.1"},
      {"no subject", "\"subject\":[{", "\"subject\":[],\"x\":[{"},
      {"two subjects", "\"subject\":[{", "\"subject\":[{\"name\":\"m\",\"digest\":{}},{"},
      {"subject an object", "\"subject\":[{\"name\":\"m\"",
       "\"subject\":{\"name\":\"m\"},\"x\":[{\"y\":\"m\""},
      {"root digest of nothing", root, Digest().Hex()},
      {"root digest in upper case", root, absl::AsciiStrToUpper(root)},
      {"root digest with 63 digits", root, root.substr(1)},
      {"no root digest", "\"sha256\":\"" + root, "\"sha512\":\"" + root},
      {"digest with 63 digits", a, a.substr(1)},
      {"digest with 65 digits", a, a + "0"},
      {"digest in upper case", a, absl::AsciiStrToUpper(a)},
      {"digest with a space", a, a.substr(1) + " "},
      {"digest empty", a, ""},
      {"algorithm sha512", "\"algorithm\":\"sha256\"", "\"algorithm\":\"sha512\""},
      {"no resources", "\"resources\":[", "\"resources\":[],\"x\":["},
      {"resources an object", "\"resources\":[{", "\"resources\":{\"a\":1},\"x\":[{"},
      name("a name twice", "b/c.bin"),
      name("a twin but for case", "B/C.bin"),
      name("empty", ""),
      name("dot", "."),
      name("dot dot", ".."),
      name("dot inside", "b/./a"),
      name("dot before", "./a.bin"),
      name("dot dot inside", "b/../a.bin"),
      name("dot dot before", "../a.bin"),
      name("two slashes", "b//a.bin"),
      name("slash before", "/a.bin"),
      name("absolute", "/etc/passwd"),
      name("slash after", "a.bin/"),
      name("backslash", "b\\\\a.bin"),
      name("line end", "a\\nbin"),
      name("NUL", "a.bin\\u0000"),
      name("delete", "a\\u007f"),
      name("too long", std::string(1025, 'a')),
  };
  for (const Change& change : changes) {
    INFO(change.what);
    CHECK(s.Reason(SignStatement(s.key, Apply(s.statement, change)).value()) == change.reason);
  }
  for (const std::string& payload :
       {std::string(), std::string("null"), std::string("[]"), std::string("\"x\""),
        s.statement + "x", s.statement + s.statement, "\xef\xbb\xbf" + s.statement,
        s.statement + std::string("\0", 1), std::string(100000, '['), std::string("\xff")}) {
    CHECK(s.Reason(SignStatement(s.key, payload).value()) == "SIGNATURE_MALFORMED");
  }
}

TEST_CASE("No changed byte of payload or signature verifies", "[crypto]") {
  const Signed s;
  const Json good = Json::parse(s.bundle);
  const std::string payload =
      Base64Decode(good["dsseEnvelope"]["payload"].get<std::string>()).value();
  const std::string sig =
      Base64Decode(good["dsseEnvelope"]["signatures"][0]["sig"].get<std::string>()).value();
  for (size_t i = 0; i < payload.size() + sig.size(); ++i) {
    for (const int mask : {0x01, 0x20, 0x80, 0xff}) {
      Json bundle = good;
      const bool in_payload = i < payload.size();
      std::string bytes = in_payload ? payload : sig;
      char& changed = bytes[in_payload ? i : i - payload.size()];
      changed = static_cast<char>(changed ^ mask);
      (in_payload ? bundle["dsseEnvelope"]["payload"]
                  : bundle["dsseEnvelope"]["signatures"][0]["sig"]) = Base64Encode(bytes);
      INFO("byte " << i << " ^ " << mask);
      REQUIRE(s.Reason(bundle.dump()) == "SIGNATURE_INVALID");
    }
  }
  // Every character of the two texts as they stand in the file: another one is another byte string
  // or no base64.
  for (const std::string& text :
       {good["dsseEnvelope"]["payload"].get<std::string>(),
        good["dsseEnvelope"]["signatures"][0]["sig"].get<std::string>()}) {
    const size_t at = s.bundle.find(text);
    for (size_t i = 0; i < text.size(); ++i) {
      for (const char c : {'A', '/', '-', '=', '\n'}) {
        if (text[i] == c) continue;
        std::string changed = s.bundle;
        changed[at + i] = c;
        INFO("character " << i << " is " << c);
        const std::string reason = s.Reason(changed);
        REQUIRE((reason == "SIGNATURE_INVALID" || reason == "SIGNATURE_MALFORMED"));
      }
    }
  }
  for (const std::string& bytes : {std::string(), sig.substr(1), sig.substr(0, sig.size() - 1),
                                   sig + std::string("\0", 1), sig + sig, std::string(72, '\0')}) {
    Json bundle = good;
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = Base64Encode(bytes);
    REQUIRE(s.Reason(bundle.dump()) == "SIGNATURE_INVALID");
  }
}

TEST_CASE("The other half of a signature verifies too: it names nothing", "[crypto]") {
  const Signed s;
  Json bundle = Json::parse(s.bundle);
  Json& text = bundle["dsseEnvelope"]["signatures"][0]["sig"];
  const std::string der = Base64Decode(text.get<std::string>()).value();
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* const signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  REQUIRE(signature != nullptr);
  EC_GROUP* const group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  BIGNUM* const s_other = BN_new();
  BN_sub(s_other, EC_GROUP_get0_order(group), ECDSA_SIG_get0_s(signature));
  ECDSA_SIG_set0(signature, BN_dup(ECDSA_SIG_get0_r(signature)), s_other);
  unsigned char* bytes = nullptr;
  const int size = i2d_ECDSA_SIG(signature, &bytes);
  const std::string other(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  EC_GROUP_free(group);
  ECDSA_SIG_free(signature);
  REQUIRE(other != der);
  text = Base64Encode(other);
  REQUIRE_OK_AND_ASSIGN(const ModelManifest first, VerifyBundle(s.bundle, s.key.public_key()));
  REQUIRE_OK_AND_ASSIGN(const ModelManifest second,
                        VerifyBundle(bundle.dump(), s.key.public_key()));
  // Why a submission is known by these and never by the file's bytes.
  CHECK(first.root_digest == second.root_digest);
  CHECK(first.payload_digest == second.payload_digest);
}

TEST_CASE("A bundle in the form of older producers verifies with the enrolled key only",
          "[crypto]") {
  const auto key = PublicKey::FromPem(ReadFile(Golden("older-P-256.public.pem")));
  const auto other = PublicKey::FromPem(ReadFile(Golden("P-256.public.pem")));
  REQUIRE_OK_AND_ASSIGN(const ModelManifest manifest,
                        VerifyDirectory(Golden("model"), *key, Golden("older-P-256.sig")));
  CHECK(manifest.resources.size() == 8);
  // The key that the bundle carries is no key to trust, and another one carried does no harm.
  Json bundle = Json::parse(ReadFile(Golden("older-P-256.sig")));
  REQUIRE_STATUS(VerifyBundle(bundle.dump(), *other), absl::StatusCode::kPermissionDenied,
                 "SIGNATURE_INVALID");
  bundle["verificationMaterial"]["publicKey"]["rawBytes"] = Base64Encode(other->Pem());
  REQUIRE_OK(VerifyBundle(bundle.dump(), *key));
  REQUIRE_STATUS(VerifyBundle(bundle.dump(), *other), absl::StatusCode::kPermissionDenied,
                 "SIGNATURE_INVALID");
}

TEST_CASE("What lies in a directory beside the signed files is refused", "[crypto]") {
  struct Case {
    const char* what;
    std::function<void(const TempDir&)> change;
    const char* reason;
  };
  const Case cases[] = {
      {"nothing", [](const TempDir&) {}, ""},
      {"an empty folder", [](const TempDir& d) { fs::create_directory(d.File("empty")); }, ""},
      {"git's own", [](const TempDir& d) { WriteFile(d.File(".gitignore"), "x"); }, ""},
      {"git's own deeper", [](const TempDir& d) { WriteFile(d.File("sub/.gitignore"), "x"); },
       "MANIFEST_MISMATCH"},
      {"a link to a file", [](const TempDir& d) { fs::create_symlink("a.bin", d.File("link")); },
       "FILE_KIND_REFUSED"},
      {"a dangling link", [](const TempDir& d) { fs::create_symlink("gone", d.File("link")); },
       "FILE_KIND_REFUSED"},
      {"a link to a folder", [](const TempDir& d) { fs::create_symlink("sub", d.File("link")); },
       "FILE_KIND_REFUSED"},
      {"a signed file as a link",
       [](const TempDir& d) {
         fs::rename(d.File("a.bin"), d.File(".git"));
         fs::create_symlink(".git", d.File("a.bin"));
       },
       "FILE_KIND_REFUSED"},
      {"a second signature", [](const TempDir& d) { WriteFile(d.File("b.sig"), "{}"); },
       "MANIFEST_MISMATCH"},
      {"a twin but for case", [](const TempDir& d) { WriteFile(d.File("A.bin"), "a"); },
       "NAME_INVALID"},
      {"a name with a line end", [](const TempDir& d) { WriteFile(d.File("a\nb"), "a"); },
       "NAME_INVALID"},
      {"a dot-file", [](const TempDir& d) { WriteFile(d.File(".hidden"), ""); },
       "MANIFEST_MISMATCH"},
  };
  for (const Case& bad : cases) {
    INFO(bad.what);
    const SigningKey key = SigningKey::Create().value();
    const TempDir dir;
    fs::create_directory(dir.File("sub"));
    WriteFile(dir.File("a.bin"), "a");
    WriteFile(dir.File("sub/c.bin"), "c");
    REQUIRE_OK(SignDirectory(key, dir.path()));
    bad.change(dir);
    CHECK(GetErrorReason(VerifyDirectory(dir.path(), key.public_key()).status()) == bad.reason);
  }
}

}  // namespace
}  // namespace kalavai
