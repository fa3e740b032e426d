#include "common/tokenizer/pre_tokenizer.h"

#include <array>
#include <cstdlib>
#include <limits>

#define PCRE2_CODE_UNIT_WIDTH 8
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include <pcre2.h>
#include <utf8proc.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"

namespace kalavai {
namespace {

constexpr size_t kJitStackFirst = 32 * 1024;
constexpr size_t kJitStackMax = 64 * 1024 * 1024;

// Unicode's White_Space, the inside of a class.
constexpr absl::string_view kWhiteSpace =
    "\\t-\\r \\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}"
    "\\x{3000}";

// As in tokenizer.json.
constexpr std::array<absl::string_view, 4> kPatterns = {
    kDigitPattern,
    kGpt2Pattern,
    // Qwen2, Qwen2.5, Qwen3.
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    // cl100k and its kin: OLMo 2.
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
};

pcre2_code* Compile(absl::string_view pattern) {
  // The table holds `\s` inside the class "[^\s" and outside of classes, nothing else.
  const std::string spelled =
      absl::StrReplaceAll(pattern, {{"[^\\s", absl::StrCat("[^", kWhiteSpace)},
                                    {"\\s", absl::StrCat("[", kWhiteSpace, "]")},
                                    {"\\S", absl::StrCat("[^", kWhiteSpace, "]")}});
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  KALAVAI_CHECK(code != nullptr, "the patterns of the table compile");
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where there is no JIT, matching is only slower
  return code;
}

}  // namespace

bool PreTokenizer::Knows(absl::string_view pattern) {
  for (const absl::string_view known : kPatterns) {
    if (known == pattern) return true;
  }
  return false;
}

PreTokenizer::PreTokenizer(const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    KALAVAI_CHECK(Knows(pattern), "only patterns of the table are compiled");
    steps_.push_back(Compile(pattern));
  }
}

PreTokenizer::~PreTokenizer() {
  for (pcre2_code* code : steps_) pcre2_code_free(code);
}

PreTokenizer::Scratch::Scratch()
    : match_(pcre2_match_data_create(1, nullptr)),
      context_(pcre2_match_context_create(nullptr)),
      stack_(pcre2_jit_stack_create(kJitStackFirst, kJitStackMax, nullptr)) {
  KALAVAI_CHECK(match_ != nullptr && context_ != nullptr, "a few bytes can be allocated");
  if (stack_ != nullptr) pcre2_jit_stack_assign(context_, nullptr, stack_);
  // The patterns are linear but for `\s+(?!\S)`, which gives back one character: a limit would
  // only refuse long texts.
  pcre2_set_match_limit(context_, std::numeric_limits<uint32_t>::max());
  pcre2_set_depth_limit(context_, std::numeric_limits<uint32_t>::max());
}

PreTokenizer::Scratch::~Scratch() {
  pcre2_match_data_free(match_);
  pcre2_match_context_free(context_);
  pcre2_jit_stack_free(stack_);
}

absl::Status PreTokenizer::Split(absl::string_view text, Scratch& scratch,
                                 absl::FunctionRef<void(absl::string_view)> visit) const {
  return SplitFrom(0, text, scratch, visit);
}

absl::Status PreTokenizer::SplitFrom(size_t step, absl::string_view text, Scratch& scratch,
                                     absl::FunctionRef<void(absl::string_view)> visit) const {
  if (text.empty()) return absl::OkStatus();
  if (step == steps_.size()) {
    visit(text);
    return absl::OkStatus();
  }
  size_t position = 0;
  while (position < text.size()) {
    const int count =
        pcre2_match(steps_[step], reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), position,
                    PCRE2_NO_UTF_CHECK, scratch.match_, scratch.context_);
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0) {
      return MakeError(absl::StatusCode::kInternal, "INTERNAL",
                       {.what = absl::StrCat("cut text into pieces: PCRE2 error ", count)});
    }
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(scratch.match_);
    const size_t begin = bounds[0];
    const size_t end = bounds[1];
    KALAVAI_CHECK(end > begin, "no pattern of the table matches nothing");
    RETURN_IF_ERROR(SplitFrom(step + 1, text.substr(position, begin - position), scratch, visit));
    RETURN_IF_ERROR(SplitFrom(step + 1, text.substr(begin, end - begin), scratch, visit));
    position = end;
  }
  return SplitFrom(step + 1, text.substr(position), scratch, visit);
}

bool IsSurelyNfc(absl::string_view text) {
  // Below U+0300 there is neither a combining mark nor a character with a canonical replacement
  // that NFC would make; the lead byte of U+0300 is 0xCC.
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0xCC) return false;
  }
  return true;
}

std::string NormalizeNfc(absl::string_view text) {
  if (IsSurelyNfc(text)) return std::string(text);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  KALAVAI_CHECK(size >= 0, "valid UTF-8 can be normalised while there is memory");
  std::string result(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
  std::free(mapped);
  return result;
}

}  // namespace kalavai
