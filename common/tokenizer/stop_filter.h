// Cuts generated text at the first stop string, without showing a part of one.
//
//   StopFilter filter({"\n\n"});
//   Show(filter.Push(piece));  …  if (filter.stopped()) break;  …  Show(filter.Finish());
//
// Text that could be the beginning of a stop string is held back until it is decided. Not
// thread-safe.
#ifndef KALAVAI_COMMON_TOKENIZER_STOP_FILTER_H_
#define KALAVAI_COMMON_TOKENIZER_STOP_FILTER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kalavai {

class StopFilter {
 public:
  // Empty strings are ignored.
  explicit StopFilter(std::vector<std::string> stops);

  // Returns the text that is certain now. Nothing after a stop string was found.
  std::string Push(absl::string_view text);
  // Returns what was held back; the generation ended otherwise than by a stop string.
  std::string Finish();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_TOKENIZER_STOP_FILTER_H_
