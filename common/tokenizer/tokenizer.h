// BPE from a Hugging Face `tokenizer.json`: byte-level (GPT-NeoX/Pythia/OLMo, GPT-2, SmolLM2,
// Qwen2/2.5/3, Llama 3) and characters with byte fallback (Llama 2, Mistral, Gemma). Gives the ids
// Hugging Face's `tokenizers` 0.23.3 gives with add_special_tokens=False; what it is compared on:
// docs/formats/tokenizer.md.
//
//   ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(path));
//   ASSIGN_OR_RETURN(const std::vector<int32_t> ids, tokenizer->Encode("Bore da"));
//
// Text → added tokens cut out → normalised as the file says → pieces → bytes or characters → merges
// by rank. Thread-safe: constant after Load but for caches behind a mutex.
#ifndef KALAVAI_COMMON_TOKENIZER_TOKENIZER_H_
#define KALAVAI_COMMON_TOKENIZER_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/sha256.h"

namespace kalavai {

class Tokenizer {
 public:
  // Reads tokenizer.json, at most limits::kTokenizerBytesMax. Errors: INVALID_ARGUMENT:
  // TOKENIZER_UNSUPPORTED (metadata `component`, `found`) for a model, normaliser, pre-tokeniser,
  // post-processor or decoder outside the family: we would give other ids than the file means;
  // TOKENIZER_INVALID for a file that contradicts itself; JSON_INVALID; FILE_NOT_FOUND, IO_ERROR.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const std::string& path);
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Parse(absl::string_view tokenizer_json);

  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Added tokens that stand in the text ("<|endoftext|>") become their id, as in `tokenizers`.
  // Errors: INVALID_ARGUMENT, TEXT_NOT_UTF8, byte offset in the metadata.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text) const;

  // Returns the text of `ids`; bytes that are no UTF-8 become U+FFFD. Errors: INVALID_ARGUMENT,
  // FIELD_INVALID, for an id without a token.
  absl::StatusOr<std::string> Decode(std::span<const int32_t> ids) const;

  // Returns the bytes one token stands for, perhaps a part of a character; "" for an id without a
  // token. Lives as long as the tokenizer.
  absl::string_view TokenBytes(int32_t id) const;
  bool HasToken(int32_t id) const;
  bool IsSpecial(int32_t id) const;  // an added token marked special

  // For StreamingDecoder. Whether tokens are characters with byte fallback, not bytes; whether `id`
  // is then the token of one byte; whether the first space of a decoded text goes.
  bool DecodesByCharacters() const;
  bool IsByteFallback(int32_t id) const;
  bool DecoderStripsSpace() const;

  // One more than the largest id: a model needs at least so many embedding rows.
  int32_t VocabularySize() const;
  // Returns the id of the special token `<|endoftext|>`, `<|end_of_text|>`, `</s>` or `<eos>`, the
  // first there is. (tokenizer.json does not say which token ends a text.)
  std::optional<int32_t> EndOfTextId() const;
  // SHA-256 of the bytes of tokenizer.json.
  const Digest& digest() const;

 private:
  struct State;
  explicit Tokenizer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// Turns ids into text as they arrive; never splits a character. The texts of Push and Finish,
// joined, are Decode of all ids. (With byte fallback a run of byte tokens waits for its end: only
// then is known whether it is text.) Not thread-safe; the tokenizer must outlive it.
class StreamingDecoder {
 public:
  explicit StreamingDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // Returns the characters `id` completed, perhaps none. Errors: FIELD_INVALID.
  absl::StatusOr<std::string> Push(int32_t id);
  // Returns what is left: "", or U+FFFD for a character that never ended.
  std::string Finish();

 private:
  std::string PushCharacters(absl::string_view bytes, bool is_byte);
  std::string TakeFallbackBytes();
  std::string StripFirstSpace(std::string text);

  const Tokenizer& tokenizer_;
  std::string pending_;   // bytes that may still become a character
  bool started_ = false;  // some text was returned
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_TOKENIZER_H_
