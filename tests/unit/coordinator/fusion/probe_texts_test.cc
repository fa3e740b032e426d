// Goal: registered texts become the chunks every model reads, the same at every fusion.
// Method: two small texts as blobs and a real tokenizer; a blob deleted, a text too short.
#include "coordinator/fusion/probe_texts.h"

#include <memory>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::coordinator {
namespace {

constexpr int64_t kChunkTokens = 32;

struct Texts {
  Texts() : blobs(BlobStore::Open(temp.File("blobs"), {.free_space_floor_bytes = 0}).value()) {
    testing::WriteTinyBase(temp.File("base"), 1);
  }

  ProbeTextRow Add(const std::string& domain, const std::string& text, bool public_class) {
    ProbeTextRow row;
    row.domain = domain;
    row.public_class = public_class;
    row.format = "txt";
    row.digest = blobs->PutBytes(text).value();
    return row;
  }

  absl::StatusOr<ProbeText> Load(const std::vector<ProbeTextRow>& rows) const {
    return LoadProbeText(*blobs, rows, temp.File("base") + "/tokenizer.json", kChunkTokens);
  }

  testing::TempDir temp;
  std::unique_ptr<BlobStore> blobs;
};

TEST_CASE("Every domain gives chunks of both parts, and always the same", "[fusion]") {
  Texts texts;
  // Documents of a .txt are joined up to 6,000 characters: enough text for several.
  const std::vector<ProbeTextRow> rows = {texts.Add("law", testing::TinyText(0, 200), false),
                                          texts.Add("general", testing::TinyText(1, 200), true)};
  REQUIRE_OK_AND_ASSIGN(const ProbeText probe, texts.Load(rows));
  REQUIRE(probe.domains.size() == 2);
  CHECK(probe.chunk_tokens == kChunkTokens);
  for (int32_t domain = 0; domain < 2; ++domain) {
    for (const ProbePart part : {ProbePart::kRouter, ProbePart::kEvaluation}) {
      INFO(domain << " " << NameOf(part));
      CHECK(static_cast<int64_t>(probe.ChunksOf(domain, part).size()) >= kProbeChunksMin);
    }
  }
  for (const ProbeDomain& domain : probe.domains) {
    CHECK(domain.public_class == (domain.name == "general"));
  }
  CHECK(texts.Load(rows).value().digest == probe.digest);
  CHECK(texts.Load({rows[0]}).value().digest != probe.digest);
}

TEST_CASE("Text that is gone or too short stops the fusion", "[fusion]") {
  Texts texts;
  const ProbeTextRow law = texts.Add("law", testing::TinyText(0, 200), false);
  const ProbeTextRow tiny = texts.Add("sea", "one\n\ntwo", false);
  // Two short paragraphs are one document: each part needs its own.
  REQUIRE_STATUS(texts.Load({law, tiny}), absl::StatusCode::kInvalidArgument, "TEXT_EMPTY");
  REQUIRE_OK(texts.blobs->Delete(law.digest));
  REQUIRE_STATUS(texts.Load({law}), absl::StatusCode::kNotFound, "BLOB_NOT_FOUND");
}

}  // namespace
}  // namespace kalavai::coordinator
