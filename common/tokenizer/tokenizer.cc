#include "common/tokenizer/tokenizer.h"

#include <array>
#include <cstddef>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/storage/atomic_file.h"
#include "common/tokenizer/added_token_matcher.h"
#include "common/tokenizer/byte_pair_encoder.h"
#include "common/tokenizer/pre_tokenizer.h"
#include "common/tokenizer/tokenizer_definition.h"

namespace kalavai {
namespace {

constexpr size_t kCachedPieceBytes = 48;
constexpr size_t kCachedPieces = 1 << 17;

constexpr std::array<absl::string_view, 4> kEndOfTextTokens = {"<|endoftext|>", "<|end_of_text|>",
                                                               "</s>", "<eos>"};

// What one Encode works with: the ids of pieces seen before, and PCRE2's memory. Never changes a
// result.
struct Workspace {
  PreTokenizer::Scratch scratch;
  // Piece → its ids, as a range of `ids`.
  absl::flat_hash_map<std::string, std::pair<uint32_t, uint32_t>> ranges;
  std::vector<int32_t> ids;
};

using TokenList = std::vector<std::pair<std::string, int32_t>>;

TokenList AddedTokens(const TokenizerDefinition& definition, bool normalized) {
  TokenList tokens;
  for (const AddedToken& token : definition.added) {
    if (token.normalized != normalized) continue;
    // Where the text is normalised before the search, so is what is searched.
    tokens.emplace_back(normalized && definition.nfc ? NormalizeNfc(token.content) : token.content,
                        token.id);
  }
  return tokens;
}

// Calls `token` with the ids of the added tokens in `text`, `gap` with what lies between.
absl::Status CutOut(const AddedTokenMatcher& matcher, absl::string_view text,
                    absl::FunctionRef<void(int32_t)> token,
                    absl::FunctionRef<absl::Status(absl::string_view)> gap) {
  for (size_t position = 0; position < text.size();) {
    const AddedTokenMatcher::Match match = matcher.Find(text, position);
    if (match.begin > position) {
      RETURN_IF_ERROR(gap(text.substr(position, match.begin - position)));
    }
    if (match.end > match.begin) token(match.id);
    position = match.end;
  }
  return absl::OkStatus();
}

}  // namespace

struct Tokenizer::State {
  State(TokenizerDefinition definition, const Digest& file_digest)
      : nfc(definition.nfc),
        ignore_merges(definition.ignore_merges),
        digest(file_digest),
        raw_tokens(AddedTokens(definition, /*normalized=*/false)),
        normalized_tokens(AddedTokens(definition, /*normalized=*/true)),
        pre_tokenizer(definition.patterns),
        encoder(definition.byte_ids, definition.merges),
        tokens(std::move(definition.tokens)) {
    for (const AddedToken& token : definition.added) {
      if (token.special) special.emplace(token.id);
    }
    for (size_t i = kEndOfTextTokens.size(); i-- > 0;) {
      for (const AddedToken& token : definition.added) {
        if (token.special && token.content == kEndOfTextTokens[i]) end_of_text = token.id;
      }
    }
    if (!ignore_merges) return;
    for (size_t id = 0; id < tokens.size(); ++id) {
      if (!tokens[id].empty()) id_of_bytes.emplace(tokens[id], static_cast<int32_t>(id));
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
    const auto whole = ignore_merges ? id_of_bytes.find(piece) : id_of_bytes.end();
    if (whole != id_of_bytes.end()) {
      ids.push_back(whole->second);
    } else {
      encoder.Encode(piece, ids);
    }
    if (!cached || workspace.ranges.size() >= kCachedPieces) return;
    workspace.ranges.emplace(piece, std::pair(static_cast<uint32_t>(workspace.ids.size()),
                                              static_cast<uint32_t>(ids.size() - before)));
    workspace.ids.insert(workspace.ids.end(), ids.begin() + static_cast<ptrdiff_t>(before),
                         ids.end());
  }

  absl::Status EncodeInto(absl::string_view text, Workspace& workspace,
                          std::vector<int32_t>& ids) const {
    const auto token = [&ids](int32_t id) { ids.push_back(id); };
    const auto piece = [&](absl::string_view bytes) { EncodePiece(bytes, workspace, ids); };
    return CutOut(raw_tokens, text, token, [&](absl::string_view raw) {
      const bool as_is = !nfc || IsSurelyNfc(raw);
      const std::string composed = as_is ? "" : NormalizeNfc(raw);
      return CutOut(normalized_tokens, as_is ? raw : composed, token, [&](absl::string_view rest) {
        return pre_tokenizer.Split(rest, workspace.scratch, piece);
      });
    });
  }

  const bool nfc;
  const bool ignore_merges;
  const Digest digest;
  const AddedTokenMatcher raw_tokens;
  const AddedTokenMatcher normalized_tokens;
  const PreTokenizer pre_tokenizer;
  const BytePairEncoder encoder;
  const std::vector<std::string> tokens;  // bytes by id
  absl::flat_hash_set<int32_t> special;
  std::optional<int32_t> end_of_text;
  absl::flat_hash_map<std::string, int32_t> id_of_bytes;  // filled for ignore_merges only

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
  const absl::Status status = state_->EncodeInto(text, *workspace, ids);
  state_->ReturnWorkspace(std::move(workspace));
  RETURN_IF_ERROR(status);
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
  return state_->tokens[static_cast<size_t>(id)];
}

bool Tokenizer::IsSpecial(int32_t id) const { return state_->special.contains(id); }

int32_t Tokenizer::VocabularySize() const { return static_cast<int32_t>(state_->tokens.size()); }

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
  pending_.append(bytes.data(), bytes.size());
  const auto kept = static_cast<size_t>(IncompleteUtf8Suffix(pending_));
  const std::string rest = pending_.substr(pending_.size() - kept);
  pending_.resize(pending_.size() - kept);
  const std::string text = ReplaceInvalidUtf8(pending_);
  pending_ = rest;
  return text;
}

std::string StreamingDecoder::Finish() { return ReplaceInvalidUtf8(std::exchange(pending_, "")); }

}  // namespace kalavai
