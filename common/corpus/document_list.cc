#include "common/corpus/document_list.h"

#include <set>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"

namespace kalavai {
namespace {

constexpr size_t kLineBytes = 2 * Digest::kBytes + 1;

absl::Status Invalid(size_t line, absl::string_view rule) {
  return MakeError(absl::StatusCode::kInvalidArgument, "REPORT_INVALID",
                   {.what = absl::StrCat(kTrainingDocumentsFile, ": line ", line, ": ", rule),
                    .why = "a list that can be read in two ways proves nothing",
                    .fix = "let 'kalavai submit --report-documents FILE' write it",
                    .metadata = {{"line", absl::StrCat(line)}}});
}

}  // namespace

std::string FormatDocumentList(const std::vector<Document>& documents) {
  std::set<std::string> lines;
  for (const Document& document : documents) lines.insert(document.digest.Hex());
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, line, "\n");
  return text;
}

absl::StatusOr<std::vector<Digest>> ParseDocumentList(absl::string_view text) {
  std::vector<Digest> digests;
  if (text.empty()) return Invalid(1, "missing; must be a digest");
  for (size_t line = 1; !text.empty(); ++line) {
    if (text.size() < kLineBytes || text[kLineBytes - 1] != '\n') {
      return Invalid(line, "must be 64 hexadecimal digits and a newline");
    }
    const absl::StatusOr<Digest> digest = Digest::FromHex(text.substr(0, kLineBytes - 1));
    if (!digest.ok()) return Invalid(line, "must be 64 lower-case hexadecimal digits");
    if (!digests.empty() && !(digests.back() < *digest)) {
      return Invalid(line, "must be greater than the line before");
    }
    digests.push_back(*digest);
    text.remove_prefix(kLineBytes);
  }
  return digests;
}

}  // namespace kalavai
