#include "common/tokenizer/tokenizer.h"

#include <array>
#include <cstddef>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/mutex.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/added_token_matcher.h"
#include "common/tokenizer/byte_pair_encoder.h"
#include "common/tokenizer/normalization.h"
#include "common/tokenizer/pre_tokenizer.h"
#include "common/tokenizer/tokenizer_definition.h"
#include "common/tokenizer/unicode_classes.h"

namespace kalavai {
namespace {

constexpr size_t kCachedPieceBytes = 48;
constexpr size_t kCachedPieces = 1 << 17;

constexpr std::array<absl::string_view, 4> kEndOfTextTokens = {"<|endoftext|>", "<|end_of_text|>",
                                                               "</s>", "<eos>"};

// What one Encode works with: the ids of pieces seen before, and memory to build in. Never changes
// a result.
struct Workspace {
  // Piece → its ids, as a range of `ids`.
  absl::flat_hash_map<std::string, std::pair<uint32_t, uint32_t>> ranges;
  std::vector<int32_t> ids;
  std::vector<int32_t> symbols;
};

std::vector<AddedTokenMatcher::Token> AddedTokens(const TokenizerDefinition& definition,
                                                  bool normalized) {
  std::vector<AddedTokenMatcher::Token> tokens;
  for (const AddedToken& token : definition.added) {
    if (token.normalized != normalized) continue;
    // Where the text is normalised before the search, so is what is searched.
    tokens.push_back({.content = normalized ? Normalize(definition, token.content) : token.content,
                      .id = token.id,
                      .strip_left = token.strip_left,
                      .strip_right = token.strip_right});
  }
  return tokens;
}

}  // namespace

struct Tokenizer::State {
  State(TokenizerDefinition read, const Digest& file_digest)
      : definition(std::move(read)),
        digest(file_digest),
        raw_tokens(AddedTokens(definition, /*normalized=*/false)),
        normalized_tokens(AddedTokens(definition, /*normalized=*/true)),
        pre_tokenizer(definition.cut_rules),
        encoder(definition.byte_ids, definition.merges) {
    for (const AddedToken& token : definition.added) {
      if (token.special) special.emplace(token.id);
    }
    for (size_t i = kEndOfTextTokens.size(); i-- > 0;) {
      for (const AddedToken& token : definition.added) {
        if (token.special && token.content == kEndOfTextTokens[i]) end_of_text = token.id;
      }
    }
  }

  std::unique_ptr<Workspace> TakeWorkspace() {
    const absl::MutexLock lock(&mutex);
    if (idle.empty()) return std::make_unique<Workspace>();
    std::unique_ptr<Workspace> workspace = std::move(idle.back());
    idle.pop_back();
    return workspace;
  }
  void ReturnWorkspace(std::unique_ptr<Workspace> workspace) {
    const absl::MutexLock lock(&mutex);
    idle.push_back(std::move(workspace));
  }

  void EncodePiece(absl::string_view piece, Workspace& workspace, std::vector<int32_t>& ids) const {
    const bool cached = piece.size() <= kCachedPieceBytes;
    if (cached) {
      const auto found = workspace.ranges.find(piece);
      if (found != workspace.ranges.end()) {
        const auto begin = workspace.ids.begin() + found->second.first;
        ids.insert(ids.end(), begin, begin + found->second.second);
        return;
      }
    }
    const size_t before = ids.size();
    MergePiece(piece, workspace, ids);
    if (!cached || workspace.ranges.size() >= kCachedPieces) return;
    workspace.ranges.emplace(piece, std::pair(static_cast<uint32_t>(workspace.ids.size()),
                                              static_cast<uint32_t>(ids.size() - before)));
    workspace.ids.insert(workspace.ids.end(), ids.begin() + static_cast<ptrdiff_t>(before),
                         ids.end());
  }

  void MergePiece(absl::string_view piece, Workspace& workspace, std::vector<int32_t>& ids) const {
    if (definition.ignore_merges) {
      const auto whole = definition.whole_pieces.find(piece);
      if (whole != definition.whole_pieces.end()) return ids.push_back(whole->second);
    }
    if (definition.alphabet == Alphabet::kBytes && definition.every_byte) {
      return encoder.Encode(piece, ids);
    }
    FindSymbols(piece, workspace.symbols);
    encoder.Merge(workspace.symbols, ids);
  }

  // The smallest parts of a piece, when some may have no token. What `tokenizers` does with those,
  // to the order: bytes of fallback come before the unknown token of what stood before them.
  void FindSymbols(absl::string_view piece, std::vector<int32_t>& symbols) const {
    symbols.clear();
    bool unknown = false;  // one is due
    for (size_t i = 0; i < piece.size();) {
      const bool characters = definition.alphabet == Alphabet::kCharacters;
      const size_t size = characters ? CodePointAt(piece, i).size : 1;
      const absl::string_view part = piece.substr(i, size);
      i += size;
      const int32_t id = SymbolOf(part);
      if (id >= 0) {
        if (std::exchange(unknown, false)) symbols.push_back(definition.unknown_id);
        symbols.push_back(id);
      } else if (characters && AppendFallback(part, symbols)) {
        continue;
      } else if (definition.unknown_id >= 0) {
        if (unknown && !definition.fuse_unknown) symbols.push_back(definition.unknown_id);
        unknown = true;
      }
    }
    if (unknown) symbols.push_back(definition.unknown_id);
  }

  // The id of a byte or character; -1 when it has none.
  int32_t SymbolOf(absl::string_view part) const {
    if (definition.alphabet == Alphabet::kBytes) {
      return definition.byte_ids[static_cast<unsigned char>(part[0])];
    }
    const auto known = definition.character_ids.find(CodePointAt(part, 0).value);
    return known == definition.character_ids.end() ? -1 : known->second;
  }

  // Appends the tokens of a character's bytes; false when one is missing.
  bool AppendFallback(absl::string_view character, std::vector<int32_t>& symbols) const {
    for (const char c : character) {
      if (definition.byte_ids[static_cast<unsigned char>(c)] < 0) return false;
    }
    for (const char c : character) {
      symbols.push_back(definition.byte_ids[static_cast<unsigned char>(c)]);
    }
    return true;
  }

  // A text without added tokens, normalised. `at_begin`: it begins the whole text.
  void EncodeText(absl::string_view text, bool at_begin, Workspace& workspace,
                  std::vector<int32_t>& ids) const {
    if (definition.alphabet == Alphabet::kBytes || definition.metaspace_normalizes) {
      return pre_tokenizer.Split(
          text, [&](absl::string_view piece) { EncodePiece(piece, workspace, ids); });
    }
    std::string piece = absl::StrReplaceAll(text, {{" ", kMetaSpace}});
    const bool prefix = definition.prefix == Prefix::kEachText ||
                        (definition.prefix == Prefix::kFirstText && at_begin);
    if (prefix && !absl::StartsWith(piece, kMetaSpace)) piece = absl::StrCat(kMetaSpace, piece);
    EncodePiece(piece, workspace, ids);
  }

  void EncodeInto(absl::string_view text, Workspace& workspace, std::vector<int32_t>& ids) const {
    const auto token = [&ids](int32_t id) { ids.push_back(id); };
    raw_tokens.Cut(text, token, [&](absl::string_view raw) {
      const bool as_is = !definition.metaspace_normalizes && (!definition.nfc || IsSurelyNfc(raw));
      const std::string changed = as_is ? "" : Normalize(definition, raw);
      const absl::string_view normalized = as_is ? raw : changed;
      normalized_tokens.Cut(normalized, token, [&](absl::string_view rest) {
        const bool at_begin = raw.data() == text.data() && rest.data() == normalized.data();
        EncodeText(rest, at_begin, workspace, ids);
      });
    });
  }

  const TokenizerDefinition definition;
  const Digest digest;
  const AddedTokenMatcher raw_tokens;
  const AddedTokenMatcher normalized_tokens;
  const PreTokenizer pre_tokenizer;
  const BytePairEncoder encoder;
  absl::flat_hash_set<int32_t> special;
  std::optional<int32_t> end_of_text;

  absl::Mutex mutex;
  std::vector<std::unique_ptr<Workspace>> idle ABSL_GUARDED_BY(mutex);
};

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Load(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFileBounded(path, limits::kTokenizerBytesMax));
  absl::StatusOr<std::unique_ptr<Tokenizer>> tokenizer = Parse(bytes);
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), path);
  return tokenizer;
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Parse(absl::string_view tokenizer_json) {
  ASSIGN_OR_RETURN(TokenizerDefinition definition, ReadTokenizerDefinition(tokenizer_json));
  return std::unique_ptr<Tokenizer>(
      new Tokenizer(std::make_unique<State>(std::move(definition), Sha256Of(tokenizer_json))));
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(absl::string_view text) const {
  RETURN_IF_ERROR(CheckUtf8(text));
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3);
  std::unique_ptr<Workspace> workspace = state_->TakeWorkspace();
  state_->EncodeInto(text, *workspace, ids);
  state_->ReturnWorkspace(std::move(workspace));
  return ids;
}

absl::StatusOr<std::string> Tokenizer::Decode(std::span<const int32_t> ids) const {
  StreamingDecoder decoder(*this);
  std::string text;
  for (const int32_t id : ids) {
    ASSIGN_OR_RETURN(const std::string characters, decoder.Push(id));
    text += characters;
  }
  return text + decoder.Finish();
}

bool Tokenizer::HasToken(int32_t id) const { return !TokenBytes(id).empty(); }

absl::string_view Tokenizer::TokenBytes(int32_t id) const {
  if (id < 0 || id >= VocabularySize()) return "";
  return state_->definition.tokens[static_cast<size_t>(id)];
}

bool Tokenizer::IsSpecial(int32_t id) const { return state_->special.contains(id); }

bool Tokenizer::IsByteFallback(int32_t id) const {
  return HasToken(id) && state_->definition.is_byte[static_cast<size_t>(id)];
}

bool Tokenizer::DecodesByCharacters() const {
  return state_->definition.alphabet == Alphabet::kCharacters;
}

bool Tokenizer::DecoderStripsSpace() const { return state_->definition.decoder_strips_space; }

int32_t Tokenizer::VocabularySize() const {
  return static_cast<int32_t>(state_->definition.tokens.size());
}

std::optional<int32_t> Tokenizer::EndOfTextId() const { return state_->end_of_text; }

const Digest& Tokenizer::digest() const { return state_->digest; }

absl::StatusOr<std::string> StreamingDecoder::Push(int32_t id) {
  const absl::string_view bytes = tokenizer_.TokenBytes(id);
  if (bytes.empty()) {
    return MakeError(
        absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
        {.what = absl::StrCat("token id: ", id, " found; must be the id of a token, 0 … ",
                              tokenizer_.VocabularySize() - 1),
         .why = "",
         .fix = "",
         .metadata = {{"field", "token_id"}, {"actual", absl::StrCat(id)}}});
  }
  if (tokenizer_.DecodesByCharacters()) return PushCharacters(bytes, tokenizer_.IsByteFallback(id));
  pending_.append(bytes.data(), bytes.size());
  const auto kept = static_cast<size_t>(IncompleteUtf8Suffix(pending_));
  const std::string rest = pending_.substr(pending_.size() - kept);
  pending_.resize(pending_.size() - kept);
  const std::string text = ReplaceInvalidUtf8(pending_);
  pending_ = rest;
  return text;
}

std::string StreamingDecoder::PushCharacters(absl::string_view bytes, bool is_byte) {
  if (is_byte) {
    pending_.append(bytes.data(), bytes.size());
    return "";
  }
  std::string text = TakeFallbackBytes();
  text.append(bytes.data(), bytes.size());
  return StripFirstSpace(std::move(text));
}

// As `tokenizers` has it: a run of byte tokens is text as a whole, or each of them is U+FFFD.
std::string StreamingDecoder::TakeFallbackBytes() {
  const std::string run = std::exchange(pending_, "");
  if (ValidUtf8Prefix(run) == static_cast<int64_t>(run.size())) return run;
  std::string replaced;
  for (size_t i = 0; i < run.size(); ++i) replaced += "\xEF\xBF\xBD";
  return replaced;
}

std::string StreamingDecoder::StripFirstSpace(std::string text) {
  if (text.empty() || std::exchange(started_, true) || !tokenizer_.DecoderStripsSpace()) {
    return text;
  }
  return text[0] == ' ' ? text.substr(1) : text;
}

std::string StreamingDecoder::Finish() {
  if (tokenizer_.DecodesByCharacters()) return StripFirstSpace(TakeFallbackBytes());
  return ReplaceInvalidUtf8(std::exchange(pending_, ""));
}

}  // namespace kalavai
