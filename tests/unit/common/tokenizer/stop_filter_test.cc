// Goal: no part of a stop string is ever shown, nothing else is lost.
// Method: a table of texts cut into pieces of every size; the shown text must not depend on the
// cut.
#include "common/tokenizer/stop_filter.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("the text before the first stop string is shown, however it arrives", "[tokenizer]") {
  struct Example {
    std::vector<std::string> stops;
    std::string text;
    std::string shown;
    bool stopped;
  };
  const Example examples[] = {
      {{}, "all of it", "all of it", false},
      {{""}, "all of it", "all of it", false},
      {{"\n\n"}, "one\ntwo\n\nthree", "one\ntwo", true},
      {{"END", "EN"}, "xxENDyy", "xx", true},
      {{"aab"}, "aaab", "a", true},
      {{"stop"}, "it is sto", "it is sto", false},
      {{"later", "first"}, "a first b later", "a ", true},
  };
  for (const Example& example : examples) {
    for (size_t size = 1; size <= example.text.size(); ++size) {
      StopFilter filter(example.stops);
      std::string shown;
      for (size_t at = 0; at < example.text.size(); at += size) {
        shown += filter.Push(example.text.substr(at, size));
      }
      shown += filter.Finish();
      INFO(example.text << " in pieces of " << size);
      REQUIRE(shown == example.shown);
      REQUIRE(filter.stopped() == example.stopped);
    }
  }
}

}  // namespace
}  // namespace kalavai
