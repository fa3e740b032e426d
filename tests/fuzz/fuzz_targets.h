// The parsers of foreign bytes, each as one function that any bytes may be thrown at. It reads
// `input` with the parser and aborts (KALAVAI_CHECK) when a property of the parser does not hold:
// what was refused has its reason, what was accepted means what its header says. Each runs under
// libFuzzer (preset `fuzz`, libfuzzer_entry.cc) and over its corpus as an ordinary test
// (replay_test.cc). Pure but for fresh keys and OpenSSL's random source; any thread.
// docs/fuzzing.md says what each proves.
#ifndef KALAVAI_TESTS_FUZZ_FUZZ_TARGETS_H_
#define KALAVAI_TESTS_FUZZ_FUZZ_TARGETS_H_

#include "absl/strings/string_view.h"

namespace kalavai::fuzz {

// JSON text.
void FuzzJson(absl::string_view input);
// A safetensors file.
void FuzzSafetensorsFile(absl::string_view input);
// 8 bytes: the size of the data, little-endian; then a safetensors header.
void FuzzSafetensorsHeader(absl::string_view input);
// An OMS bundle (model.sig), verified with the P-384 key of tests/golden/model_signature.
void FuzzModelSignature(absl::string_view input);
// An in-toto statement, correctly signed here: reaches what lies behind the signature.
void FuzzModelStatement(absl::string_view input);
// A tokenizer.json; after a NUL byte, if there is one, a text to encode.
void FuzzTokenizer(absl::string_view input);
// A config.json.
void FuzzModelConfig(absl::string_view input);
// A DSSE envelope.
void FuzzEnvelope(absl::string_view input);
// A charter's JSON, correctly signed here; "@HINT@" stands for the hint of the key.
void FuzzCharter(absl::string_view input);
// An invitation code, or the JSON inside one.
void FuzzInvitation(absl::string_view input);
// PEM, or the DER of a certificate, a request or a public key.
void FuzzCertificate(absl::string_view input);
// A resource name, an upload's too.
void FuzzResourceName(absl::string_view input);
// A page token.
void FuzzPageToken(absl::string_view input);
// A member's text: after 'j' a .jsonl, after any other byte a .txt.
void FuzzDocuments(absl::string_view input);

}  // namespace kalavai::fuzz

#endif  // KALAVAI_TESTS_FUZZ_FUZZ_TARGETS_H_
