// Goal: news of a fusion reach who listens to it, and nobody after it has gone.
// Method: counting listeners.
#include "coordinator/fusion/fusion_watch.h"

#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

TEST_CASE("Only the listeners of the fusion are called, until they are removed", "[fusion]") {
  FusionWatch watch;
  int first = 0, second = 0, other = 0;
  const int64_t number = watch.Add("f", [&first] { ++first; });
  const int64_t again = watch.Add("f", [&second] { ++second; });
  watch.Add("g", [&other] { ++other; });
  CHECK(number != again);
  watch.Notify("f");
  CHECK(first == 1);
  CHECK(second == 1);
  CHECK(other == 0);
  watch.Remove(number);
  watch.Remove(number);  // twice does nothing
  watch.Notify("f");
  CHECK(first == 1);
  CHECK(second == 2);
  watch.Notify("nobody listens");
  CHECK(other == 0);
}

}  // namespace
}  // namespace kalavai::coordinator
