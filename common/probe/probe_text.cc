#include "common/probe/probe_text.h"

#include <cstddef>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/corpus/chunk_selection.h"
#include "common/corpus/documents.h"
#include "common/corpus/packing.h"
#include "common/crypto/sha256.h"
#include "common/tokenizer/tokenizer.h"

namespace kalavai {
namespace {

absl::Status FieldInvalid(std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID", {.what = std::move(what)});
}

absl::Status CheckArguments(size_t domains, const ProbeTextOptions& options) {
  if (domains == 0) return FieldInvalid("probe text: no domain found; must be at least one");
  if (options.chunk_tokens < 2) {
    return FieldInvalid(
        absl::StrCat("chunk_tokens: ", options.chunk_tokens, " found; must be at least 2"));
  }
  if (options.chunks_per_part < kProbeChunksMin) {
    return FieldInvalid(absl::StrCat("chunks_per_part: ", options.chunks_per_part,
                                     " found; must be at least ", kProbeChunksMin));
  }
  return absl::OkStatus();
}

absl::Status TooLittle(const std::string& domain, ProbePart part, int64_t found,
                       int64_t chunk_tokens) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT",
      {.what = absl::StrFormat("probe text of domain '%s', %s part: %d chunks of %d tokens found; "
                               "must be at least %d",
                               domain, NameOf(part), found, chunk_tokens, kProbeChunksMin),
       .why =
           "half of the documents fit the gate, the other half judge it; figures on fewer chunks "
           "are noise",
       .fix =
           absl::StrFormat("add probe text: %d chunks a part, about %d kB a domain, are enough",
                           kProbeChunksPerPart, 2 * kProbeChunksPerPart * chunk_tokens * 4 / 1000),
       .metadata = {{"domain", domain},
                    {"part", std::string(NameOf(part))},
                    {"found", absl::StrCat(found)},
                    {"needed", absl::StrCat(kProbeChunksMin)}}});
}

int64_t BytesOf(const Tokenizer& tokenizer, std::span<const int32_t> tokens) {
  int64_t bytes = 0;
  for (const int32_t token : tokens) {
    if (!tokenizer.IsSpecial(token)) {
      bytes += static_cast<int64_t>(tokenizer.TokenBytes(token).size());
    }
  }
  return bytes;
}

absl::Status AppendPart(const Tokenizer& tokenizer, std::vector<Document> documents, int32_t domain,
                        ProbePart part, const ProbeTextOptions& options, ProbeText& probe) {
  ASSIGN_OR_RETURN(
      const TokenChunks chunks,
      SpreadChunks(tokenizer, std::move(documents), options.chunk_tokens, options.chunks_per_part));
  if (chunks.count() < kProbeChunksMin) {
    return TooLittle(probe.domains[static_cast<size_t>(domain)].name, part, chunks.count(),
                     options.chunk_tokens);
  }
  probe.tokens.insert(probe.tokens.end(), chunks.tokens.begin(), chunks.tokens.end());
  for (int64_t i = 0; i < chunks.count(); ++i) {
    probe.chunk_domain.push_back(domain);
    probe.chunk_part.push_back(part);
    probe.chunk_bytes.push_back(BytesOf(tokenizer, chunks.chunk(i)));
  }
  return absl::OkStatus();
}

absl::Status AppendDomain(const Tokenizer& tokenizer, ProbeDocuments text,
                          const ProbeTextOptions& options, ProbeText& probe) {
  std::vector<Document> documents;
  for (std::string& document : text.documents) {
    documents.push_back(MakeDocument(std::move(document)));
  }
  documents = Deduplicate(std::move(documents));
  if (documents.empty()) {
    return MakeError(absl::StatusCode::kInvalidArgument, "TEXT_EMPTY",
                     {.what = absl::StrCat("probe text of domain '", text.domain,
                                           "': no document found; must be at least two"),
                      .fix = "kalavai-coordinator coop probe add",
                      .metadata = {{"domain", text.domain}}});
  }
  if (documents.size() < 2) {
    return TooLittle(text.domain, ProbePart::kEvaluation, 0, options.chunk_tokens);
  }
  DocumentSplit split = SplitByHash(std::move(documents), kProbeSplit, kRouterShare);
  const auto domain = static_cast<int32_t>(probe.domains.size());
  probe.domains.push_back({.name = text.domain,
                           .public_class = text.public_class,
                           .router_documents = static_cast<int64_t>(split.first.size()),
                           .evaluation_documents = static_cast<int64_t>(split.second.size())});
  RETURN_IF_ERROR(
      AppendPart(tokenizer, std::move(split.first), domain, ProbePart::kRouter, options, probe));
  return AppendPart(tokenizer, std::move(split.second), domain, ProbePart::kEvaluation, options,
                    probe);
}

std::string DigestOf(const ProbeText& probe) {
  Sha256 hash;
  hash.Update(absl::StrCat("kalavai/probe-text/v1;", probe.chunk_tokens, ";"));
  for (const ProbeDomain& domain : probe.domains) {
    hash.Update(
        absl::StrCat(domain.name.size(), ":", domain.name, ";", domain.public_class ? 1 : 0, ";"));
  }
  for (int64_t chunk = 0; chunk < probe.chunk_count(); ++chunk) {
    const auto index = static_cast<size_t>(chunk);
    const std::span<const int32_t> tokens = probe.Chunk(chunk);
    hash.Update(absl::StrCat(probe.chunk_domain[index], ";", NameOf(probe.chunk_part[index]), ";"));
    hash.Update({reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()});
  }
  return hash.Finish().Hex();
}

}  // namespace

absl::string_view NameOf(ProbePart part) {
  return part == ProbePart::kRouter ? "router" : "evaluation";
}

std::vector<int64_t> ProbeText::ChunksOf(int32_t domain, ProbePart part) const {
  std::vector<int64_t> chunks;
  for (size_t i = 0; i < chunk_domain.size(); ++i) {
    if (chunk_domain[i] == domain && chunk_part[i] == part) {
      chunks.push_back(static_cast<int64_t>(i));
    }
  }
  return chunks;
}

double ProbeText::BytesPerToken(int32_t domain) const {
  const std::vector<int64_t> chunks = ChunksOf(domain, ProbePart::kEvaluation);
  int64_t bytes = 0;
  for (const int64_t chunk : chunks) bytes += chunk_bytes[static_cast<size_t>(chunk)];
  return static_cast<double>(bytes) /
         static_cast<double>(chunk_tokens * static_cast<int64_t>(chunks.size()));
}

absl::StatusOr<ProbeText> BuildProbeText(const Tokenizer& tokenizer,
                                         std::span<const ProbeDocuments> texts,
                                         const ProbeTextOptions& options) {
  const auto read = [&](size_t domain) -> absl::StatusOr<ProbeDocuments> { return texts[domain]; };
  return BuildProbeText(tokenizer, texts.size(), read, options);
}

absl::StatusOr<ProbeText> BuildProbeText(
    const Tokenizer& tokenizer, size_t domains,
    const std::function<absl::StatusOr<ProbeDocuments>(size_t domain)>& read,
    const ProbeTextOptions& options) {
  RETURN_IF_ERROR(CheckArguments(domains, options));
  ProbeText probe;
  probe.chunk_tokens = options.chunk_tokens;
  absl::flat_hash_set<std::string> names;
  for (size_t domain = 0; domain < domains; ++domain) {
    ASSIGN_OR_RETURN(ProbeDocuments text, read(domain));
    if (text.domain.empty() || !names.insert(text.domain).second) {
      return FieldInvalid(absl::StrCat("domain '", text.domain, "': empty or given twice"));
    }
    RETURN_IF_ERROR(AppendDomain(tokenizer, std::move(text), options, probe));
  }
  probe.digest = DigestOf(probe);
  return probe;
}

}  // namespace kalavai
