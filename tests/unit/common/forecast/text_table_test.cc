// Goal: columns line up whatever is in them.
// Method: rows of different lengths and cells of more bytes than characters.
#include "common/forecast/text_table.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace kalavai {
namespace {

TEST_CASE("The first column is left-aligned, the others right-aligned", "[forecast]") {
  const std::vector<std::vector<std::string>> rows = {
      {"", "loss", "x"}, {"tamil", "1.5"}, {"yorùbá", "12.25", ""}};
  CHECK(FormatTable(rows) ==
        "         loss  x\n"
        "tamil     1.5\n"
        "yorùbá  12.25\n");
  CHECK(FormatTable({}).empty());
  const std::vector<std::vector<std::string>> empty_row = {{}};
  CHECK(FormatTable(empty_row) == "\n");
}

}  // namespace
}  // namespace kalavai
