// Texts to measure a model on, as they are named on the command line: NAME=PATH.
//
//   ASSIGN_OR_RETURN(const std::vector<NamedText> texts, ParseNamedTexts(flags.data));
//
// PATH is a .txt or .jsonl file, or a directory: then its .txt and .jsonl files, in the order of
// their names' bytes, not those of its sub-directories. Texts are named in reports, so a NAME is
// UTF-8 and occurs once.
#ifndef KALAVAI_CONTRIBUTOR_TRAINING_NAMED_TEXT_H_
#define KALAVAI_CONTRIBUTOR_TRAINING_NAMED_TEXT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kalavai::contributor {

struct NamedText {
  std::string name = {};
  std::vector<std::string> files = {};
};

// Splits at the first '='. Errors: USAGE for an entry that is not NAME=PATH and for a NAME given
// twice; FILE_NOT_FOUND; TEXT_EMPTY for a directory without such a file; IO_ERROR.
absl::StatusOr<std::vector<NamedText>> ParseNamedTexts(const std::vector<std::string>& entries);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_TRAINING_NAMED_TEXT_H_
