// Goal: what would leave is the text and nothing else, each document once, and what was trained on
// here never leaves. Method: files with other fields and repetitions; a table of bad files; lists
// of training documents, whole and damaged.
#include "contributor/sample/sample_text.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "common/corpus/document_list.h"
#include "common/corpus/probe_documents.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace kalavai::contributor {
namespace {

using testing::WriteFile;

TEST_CASE("Only the texts leave, each once, whatever the files are like", "[sample]") {
  const testing::TempDir directory;
  WriteFile(directory.File("a.jsonl"),
            "{\"text\":\"one\",\"patient\":\"secret\"}\n\n{\"id\":7,\"text\":\"zw\\u00f6lf\"}\n");
  WriteFile(directory.File("b.txt"), "one\n");
  WriteFile(directory.File("c.txt"), "three \"quoted\"\n");
  REQUIRE_OK_AND_ASSIGN(
      const SampleText sample,
      ReadSample({directory.File("a.jsonl"), directory.File("b.txt"), directory.File("c.txt")},
                 "law"));
  CHECK(sample.lines ==
        "{\"text\":\"one\"}\n{\"text\":\"zw\xc3\xb6lf\"}\n{\"text\":\"three \\\"quoted\\\"\"}\n");
  CHECK(sample.digest == Sha256Of(sample.lines));
  REQUIRE(sample.documents.size() == 3);
  CHECK(sample.router_documents + sample.evaluation_documents == 3);
  // The documents the coordinator reads are the same ones.
  REQUIRE_OK_AND_ASSIGN(const DocumentSplit split, SplitProbeText(sample.lines, "law", "jsonl"));
  CHECK(static_cast<int64_t>(split.first.size()) == sample.router_documents);
}

TEST_CASE("Bad files are refused with their reason", "[sample]") {
  const testing::TempDir directory;
  std::string large;  // of distinct documents
  while (static_cast<int64_t>(large.size()) <= kSampleBytesMax) {
    large += std::to_string(large.size()) + std::string(5000, 'x') + "\n\n";
  }
  const std::vector<std::pair<std::string, const char*>> bad = {
      {"", "TEXT_EMPTY"},
      {"  \n\n \n", "TEXT_EMPTY"},
      {"one document only", "TEXT_EMPTY"},
      {"\xff\xfe", "TEXT_NOT_UTF8"},
      {large, "PROBE_TEXT_TOO_LARGE"},
  };
  for (const auto& [text, reason] : bad) {
    INFO(reason);
    WriteFile(directory.File("bad.txt"), text);
    REQUIRE_STATUS(ReadSample({directory.File("bad.txt")}, "law"),
                   absl::StatusCode::kInvalidArgument, reason);
  }
  REQUIRE_STATUS(ReadSample({directory.File("none.txt")}, "law"), absl::StatusCode::kNotFound,
                 "FILE_NOT_FOUND");
  WriteFile(directory.File("a.pdf"), "text");
  REQUIRE_STATUS(ReadSample({directory.File("a.pdf")}, "law"), absl::StatusCode::kInvalidArgument,
                 "FILE_TYPE_UNSUPPORTED");
}

TEST_CASE("A document that was trained on here keeps the sample at home", "[sample]") {
  const testing::TempDir directory;
  const Workspace workspace(directory.path());
  std::filesystem::create_directories(workspace.TrainingDirectory());
  WriteFile(directory.File("a.jsonl"), "{\"text\":\"one\"}\n{\"text\":\"two\"}\n");
  REQUIRE_OK_AND_ASSIGN(const SampleText sample, ReadSample({directory.File("a.jsonl")}, "law"));
  CHECK_FALSE(CheckNotTrainedOn(sample, workspace).value());  // nothing is known
  WriteFile(workspace.TrainingDocumentsFile(), FormatDocumentList({MakeDocument("three")}));
  CHECK(CheckNotTrainedOn(sample, workspace).value());
  WriteFile(workspace.TrainingDocumentsFile(),
            FormatDocumentList({MakeDocument("three"), MakeDocument("two")}));
  REQUIRE_STATUS(CheckNotTrainedOn(sample, workspace), absl::StatusCode::kFailedPrecondition,
                 "PROBE_TEXT_IS_TRAINING_TEXT");
  WriteFile(workspace.TrainingDocumentsFile(), "damaged");
  REQUIRE_STATUS(CheckNotTrainedOn(sample, workspace), absl::StatusCode::kInvalidArgument,
                 "REPORT_INVALID");
}

}  // namespace
}  // namespace kalavai::contributor
