// Cuts text into the pieces within which tokens are merged, and normalises it before. For
// tokenizer.cc and tokenizer_trainer.cc.
//
// The regular expressions are a closed table: a foreign tokenizer.json chooses one, it never brings
// its own. They run in PCRE2 with `\s` spelled out as Unicode's White_Space, because PCRE2 and
// Oniguruma (Hugging Face's engine) disagree about it (U+180E).
#ifndef KALAVAI_COMMON_TOKENIZER_PRE_TOKENIZER_H_
#define KALAVAI_COMMON_TOKENIZER_PRE_TOKENIZER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace kalavai {

// `\p{N}`: what the component "Digits" with individual_digits cuts.
inline constexpr absl::string_view kDigitPattern = "\\p{N}";
// What the component "ByteLevel" with use_regex cuts (GPT-2).
inline constexpr absl::string_view kGpt2Pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

// Thread-safe: constant after construction.
class PreTokenizer {
 public:
  // Whether `pattern`, as spelled in tokenizer.json, is in the table.
  static bool Knows(absl::string_view pattern);

  // The patterns are applied in order, each to the pieces of the one before; all must be known.
  // Matches and what lies between them are pieces ("Isolated").
  explicit PreTokenizer(const std::vector<std::string>& patterns);
  ~PreTokenizer();
  PreTokenizer(const PreTokenizer&) = delete;
  PreTokenizer& operator=(const PreTokenizer&) = delete;

  // The working memory of one thread's calls; cheap beside a text, dear beside a word.
  class Scratch {
   public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

   private:
    friend class PreTokenizer;
    pcre2_real_match_data_8* match_;
    pcre2_real_match_context_8* context_;
    pcre2_real_jit_stack_8* stack_;
  };

  // Calls `visit` with each piece in order; joined they are `text`, which must be UTF-8. Errors:
  // INTERNAL, when PCRE2 runs out of memory.
  absl::Status Split(absl::string_view text, Scratch& scratch,
                     absl::FunctionRef<void(absl::string_view)> visit) const;

 private:
  absl::Status SplitFrom(size_t step, absl::string_view text, Scratch& scratch,
                         absl::FunctionRef<void(absl::string_view)> visit) const;

  std::vector<pcre2_real_code_8*> steps_;  // owned
};

// Returns `text`, which must be UTF-8, in Unicode's normalisation form C.
std::string NormalizeNfc(absl::string_view text);
// Whether every character is below U+0300, where NFC changes nothing; false says nothing.
bool IsSurelyNfc(absl::string_view text);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_PRE_TOKENIZER_H_
