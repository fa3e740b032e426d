#include "common/tokenizer/tokenizer_trainer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/tokenizer/byte_alphabet.h"
#include "common/tokenizer/normalization.h"
#include "common/tokenizer/pre_tokenizer.h"

namespace kalavai {
namespace {

constexpr int64_t kBytes = 256;
constexpr int64_t kVocabularyMax = 1'000'000;

using WordCounts = absl::flat_hash_map<std::string, int64_t>;

struct Word {
  std::vector<int32_t> symbols;
  int64_t count = 0;
};

struct Pair {
  int32_t left = 0;
  int32_t right = 0;

  friend bool operator==(const Pair&, const Pair&) = default;
  template <typename H>
  friend H AbslHashValue(H state, const Pair& pair) {
    return H::combine(std::move(state), pair.left, pair.right);
  }
};

struct Candidate {
  int64_t count = 0;  // when it was pushed; the true count may since be smaller
  Pair pair;

  // The largest count first, ties by the smaller ids: the order of the whole training.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(a.count, b.pair.left, b.pair.right) <
           std::tie(b.count, a.pair.left, a.pair.right);
  }
};

absl::StatusOr<WordCounts> CountWords(std::span<const absl::string_view> documents) {
  const PreTokenizer pre_tokenizer({CutRule::kGpt2});
  WordCounts counts;
  for (size_t i = 0; i < documents.size(); ++i) {
    const absl::Status valid = CheckUtf8(documents[i]);
    if (!valid.ok()) {
      ErrorText text = GetErrorDetail(valid)->text;
      text.what = absl::StrCat("document ", i, ": ", text.what);
      text.metadata["document"] = absl::StrCat(i);
      return MakeError(valid.code(), "TEXT_NOT_UTF8", std::move(text));
    }
    const std::string composed = NormalizeNfc(documents[i]);
    pre_tokenizer.Split(composed, [&](absl::string_view piece) {
      if (piece.size() <= kTrainedPieceBytesMax) ++counts[piece];
    });
  }
  return counts;
}

// The growing vocabulary, and the words in its terms.
class Trainer {
 public:
  Trainer(const WordCounts& counts, const TokenizerTraining& training)
      : min_frequency_(training.min_frequency) {
    for (const std::string& special : training.special_tokens) AddToken(special);
    std::vector<std::pair<uint32_t, uint8_t>> bytes;  // ids in the order of the characters
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const std::string& character = CharacterOfByte(static_cast<uint8_t>(byte));
      const auto lead = static_cast<unsigned char>(character[0]);
      const uint32_t code =
          character.size() == 1
              ? lead
              : ((lead & 0x1FU) << 6U) | (static_cast<unsigned char>(character[1]) & 0x3FU);
      bytes.emplace_back(code, static_cast<uint8_t>(byte));
    }
    std::sort(bytes.begin(), bytes.end());
    std::array<int32_t, 256> byte_ids = {};
    for (const auto& [code, byte] : bytes) byte_ids[byte] = AddToken(CharacterOfByte(byte));

    words_.reserve(counts.size());
    for (const auto& [text, count] : counts) {
      Word word{.symbols = {}, .count = count};
      for (const char c : text) word.symbols.push_back(byte_ids[static_cast<unsigned char>(c)]);
      words_.push_back(std::move(word));
    }
    for (size_t i = 0; i < words_.size(); ++i) CountPairs(i, /*only=*/-1);
    for (const auto& [pair, count] : counts_) candidates_.push({count, pair});
  }

  void Train(size_t vocabulary_size) {
    while (tokens_.size() < vocabulary_size && !candidates_.empty()) {
      const Candidate best = candidates_.top();
      candidates_.pop();
      const int64_t count = counts_[best.pair];
      if (count < min_frequency_) continue;
      if (count != best.count) {
        candidates_.push({count, best.pair});
        continue;
      }
      Merge(best.pair);
    }
  }

  // Texts by id, in the byte alphabet.
  const std::vector<std::string>& tokens() const { return tokens_; }
  const std::vector<Pair>& merges() const { return merges_; }

 private:
  int32_t AddToken(const std::string& text) {
    const auto [entry, inserted] = ids_.emplace(text, static_cast<int32_t>(tokens_.size()));
    if (inserted) tokens_.push_back(text);
    return entry->second;  // of "a"+"bc" when that spells what "ab"+"c" already does
  }

  // Adds the pairs of a word to the counts, and the word to the places of those that hold the
  // symbol `only` (-1: of all).
  void CountPairs(size_t index, int32_t only) {
    const Word& word = words_[index];
    for (size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      const Pair pair{word.symbols[i], word.symbols[i + 1]};
      counts_[pair] += word.count;
      if (only != -1 && pair.left != only && pair.right != only) continue;
      std::vector<uint32_t>& places = places_[pair];
      if (places.empty() || places.back() != index) places.push_back(static_cast<uint32_t>(index));
      if (only != -1) grown_.push_back(pair);
    }
  }

  void Merge(const Pair& pair) {
    const int32_t merged = AddToken(absl::StrCat(tokens_[static_cast<size_t>(pair.left)],
                                                 tokens_[static_cast<size_t>(pair.right)]));
    // A pair can come back: after ab+c and abc+d, a+bc may spell abc anew beside d.
    if (merged_.insert(pair).second) merges_.push_back(pair);
    grown_.clear();
    const std::vector<uint32_t> places = std::move(places_[pair]);
    for (const uint32_t index : places) {
      Word& word = words_[index];
      std::vector<int32_t>& symbols = word.symbols;
      for (size_t i = 0; i + 1 < symbols.size(); ++i) {
        counts_[{symbols[i], symbols[i + 1]}] -= word.count;
      }
      size_t kept = 0;
      for (size_t i = 0; i < symbols.size(); ++kept) {
        const bool here =
            i + 1 < symbols.size() && symbols[i] == pair.left && symbols[i + 1] == pair.right;
        symbols[kept] = here ? merged : symbols[i];
        i += here ? 2 : 1;
      }
      symbols.resize(kept);
      CountPairs(index, merged);
    }
    places_.erase(pair);
    std::sort(grown_.begin(), grown_.end(), [](const Pair& a, const Pair& b) {
      return std::tie(a.left, a.right) < std::tie(b.left, b.right);
    });
    grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
    for (const Pair& each : grown_) candidates_.push({counts_[each], each});
  }

  const int64_t min_frequency_;
  std::vector<std::string> tokens_;
  absl::flat_hash_map<std::string, int32_t> ids_;
  std::vector<Pair> merges_;
  absl::flat_hash_set<Pair> merged_;  // the same
  std::vector<Word> words_;
  absl::flat_hash_map<Pair, int64_t> counts_;
  absl::flat_hash_map<Pair, std::vector<uint32_t>> places_;  // words; some no longer hold the pair
  std::priority_queue<Candidate> candidates_;
  std::vector<Pair> grown_;  // pairs whose count the merge at hand may have raised
};

std::string AddedTokensJson(const std::vector<std::string>& special_tokens) {
  std::string json;
  for (size_t id = 0; id < special_tokens.size(); ++id) {
    absl::StrAppend(
        &json, id == 0 ? "" : ",", R"({"id":)", id, R"(,"content":)",
        nlohmann::json(special_tokens[id]).dump(),
        R"(,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true})");
  }
  return json;
}

absl::Status Refuse(absl::string_view field, absl::string_view what, absl::string_view why) {
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                   {.what = absl::StrCat(field, ": ", what),
                    .why = std::string(why),
                    .fix = "",
                    .metadata = {{"field", std::string(field)}}});
}

absl::Status CheckTraining(const TokenizerTraining& training) {
  absl::flat_hash_set<std::string> seen;
  for (const std::string& special : training.special_tokens) {
    if (special.empty() || special.size() > kTrainedPieceBytesMax || !CheckUtf8(special).ok()) {
      return Refuse("special_tokens", "must be UTF-8 of 1 to 256 bytes", "");
    }
    if (BytesOfTokenText(special).size() == 1 || !seen.insert(special).second) {
      return Refuse("special_tokens", absl::StrCat("'", special, "' found twice"),
                    "every byte is a token already");
    }
  }
  const auto least = kBytes + static_cast<int64_t>(training.special_tokens.size());
  if (training.vocabulary_size < least || training.vocabulary_size > kVocabularyMax) {
    return Refuse("vocabulary_size",
                  absl::StrCat(training.vocabulary_size, " found; must be from ", least, " to ",
                               kVocabularyMax),
                  "the special tokens and the 256 bytes come first");
  }
  if (training.min_frequency < 1) {
    return Refuse("min_frequency",
                  absl::StrCat(training.min_frequency, " found; must be at least 1"), "");
  }
  return absl::OkStatus();
}

// tokenizer.json as Hugging Face's `tokenizers` writes it, but for white space; merges in the older
// of its two spellings, which every version reads.
std::string ToJson(const Trainer& trainer, const std::vector<std::string>& special_tokens) {
  constexpr absl::string_view kByteLevel =
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})";
  std::string json = absl::StrCat(
      R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)",
      AddedTokensJson(special_tokens), R"(],"normalizer":{"type":"NFC"},"pre_tokenizer":)",
      kByteLevel, R"(,"post_processor":)", kByteLevel, R"(,"decoder":)", kByteLevel,
      R"(,"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,)",
      R"("end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"vocab":{)");
  for (size_t id = 0; id < trainer.tokens().size(); ++id) {
    absl::StrAppend(&json, id == 0 ? "\n" : ",\n");
    absl::StrAppend(&json, nlohmann::json(trainer.tokens()[id]).dump(), ":", id);
  }
  absl::StrAppend(&json, "},\"merges\":[");
  for (size_t rank = 0; rank < trainer.merges().size(); ++rank) {
    const Pair& pair = trainer.merges()[rank];
    absl::StrAppend(&json, rank == 0 ? "\n" : ",\n");
    const std::string merge = absl::StrCat(trainer.tokens()[static_cast<size_t>(pair.left)], " ",
                                           trainer.tokens()[static_cast<size_t>(pair.right)]);
    absl::StrAppend(&json, nlohmann::json(merge).dump());
  }
  absl::StrAppend(&json, "]}}\n");
  return json;
}

}  // namespace

absl::StatusOr<std::string> TrainTokenizer(std::span<const absl::string_view> documents,
                                           const TokenizerTraining& training) {
  RETURN_IF_ERROR(CheckTraining(training));
  ASSIGN_OR_RETURN(const WordCounts counts, CountWords(documents));
  Trainer trainer(counts, training);
  trainer.Train(static_cast<size_t>(training.vocabulary_size));
  return ToJson(trainer, training.special_tokens);
}

absl::StatusOr<std::string> TrainTokenizer(std::span<const absl::string_view> documents,
                                           int64_t vocabulary_size) {
  return TrainTokenizer(documents, TokenizerTraining{.vocabulary_size = vocabulary_size});
}

}  // namespace kalavai
