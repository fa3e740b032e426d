// Goal: a mistake in the file of --config is answered with file and line, never passed over.
// Method: a table of texts with the words their refusal must have.
#include "common/cli/configuration_file.h"

#include "absl/strings/match.h"

#include "common/base/errors.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

struct Row {
  const char* text;
  const char* what;
  const char* fix;
};

TEST_CASE("A wrong line of a configuration is refused with its place", "[cli]") {
  CLI::App root("a test", "prog");
  std::string format;
  std::string as;
  root.add_option("--format", format)->check(CLI::IsMember({"human", "json"}));
  CLI::App* inspect = root.add_subcommand("checkpoint")->add_subcommand("inspect");
  inspect->add_option("--as", as)->check(CLI::IsMember({"format", "upload"}));
  const Row rows[] = {
      {"format json\n", "f:1: 'format json' is no entry", "flag = value"},
      {"# ok\n\nfromat = \"json\"\n", "f:3: 'fromat' is not a flag of 'prog'", "'format'"},
      {"format = \"yson\"\n", "f:1: 'yson' is not a value of 'format'", "'json'"},
      {"format = \"json\n", "f:1: the value of 'format' has no closing quote", "quote"},
      {"format =\n", "f:1: 'format' has no value", "value"},
      {"format = human\nformat = json\n", "f:2: 'format' a second time", "one"},
      {"[checkpiont.inspect]\n", "f:1: [checkpiont.inspect] is not", "'checkpoint.inspect'"},
      {"[checkpoint\n", "f:1: a section is not closed", "[command]"},
      {"[checkpoint.inspect] x\n", "f:1: text after a section's ']'", "[command]"},
      {"[checkpoint.inspect]\nas = uplaod\n", "f:2: 'uplaod' is not a value", "'upload'"},
      {"[checkpoint.inspect]\nsa = 1\n", "f:2: 'sa' is not a flag", "'as'"},
      {"format = [\n", "list is not closed", "bracket"},
      {"\xff\xfe\n", "f:1: '\\xff\\xfe' is no entry", "flag = value"},
  };
  for (const Row& row : rows) {
    const absl::Status status = CheckConfiguration(root, "f", row.text);
    INFO(row.text << " gives " << status.message());
    CHECK(GetErrorReason(status) == "USAGE");
    CHECK(absl::StrContains(status.message(), row.what));
    CHECK(absl::StrContains(GetErrorDetail(status)->text.fix, row.fix));
  }
  CHECK(CheckConfiguration(root, "f",
                           "; c\n# c\nformat = 'json' # c\n[checkpoint.inspect]\nas=upload\n")
            .ok());
  CHECK(CheckConfiguration(root, "f", "").ok());
}

}  // namespace
}  // namespace kalavai
