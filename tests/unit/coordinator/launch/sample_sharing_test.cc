// Goal: a sample is taken only from an active member, for its own domain, where there is no text,
// and never when it holds what the member reported as trained on; row and leaf go together.
// Method: real stores and blobs; a table of callers and headers that are refused; bad texts.
#include "coordinator/launch/sample_sharing.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "common/corpus/documents.h"
#include "common/corpus/probe_documents.h"
#include "tests/support/tiny_checkpoint.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

using Header = SampleSharing::Header;
constexpr char kText[] = "{\"text\":\"one\"}\n{\"text\":\"two\"}\n{\"text\":\"three\"}\n";

struct Ground {
  CooperativeFixture rows;
  std::unique_ptr<BlobStore> blobs =
      BlobStore::Open(rows.temp.File("blobs"), {.free_space_floor_bytes = 0}).value();
  TransparencyLog log{*rows.database};
  Audit audit{log, SystemClock()};
  std::vector<Digest> trained;
  std::optional<BaseSummary> base;  // none: only its tokenizer would be asked for
  LaterPhases later;
  Caller ann = {.cooperative = "nordic", .contributor = "ann"};
  SampleSharing sharing{{.database = *rows.database,
                         .blobs = *blobs,
                         .cooperatives = rows.cooperatives,
                         .audit = audit,
                         .later = later,
                         .clock = SystemClock()}};

  Ground() {
    later.find_base = [this](const std::string& cooperative) {
      REQUIRE(cooperative == "nordic");
      return base;
    };
    later.find_training_documents = [this](const std::string& contributor) {
      REQUIRE(contributor == "cooperatives/nordic/contributors/ann");
      return trained;
    };
  }

  static Header Good() {
    Header header;
    header.set_parent("cooperatives/nordic");
    header.set_format("jsonl");
    header.set_size_bytes(sizeof(kText) - 1);
    return header;
  }
};

TEST_CASE("A member shares one sample of its own domain, with its leaf", "[sample]") {
  Ground ground;
  const int64_t leaves = ground.log.Size().value();
  REQUIRE_OK_AND_ASSIGN(const ProbeTextRow row,
                        ground.sharing.Store(Ground::Good(), kText, ground.ann));
  CHECK(row.domain == "law");
  CHECK(row.contributor == "ann");
  CHECK(row.router_documents + row.evaluation_documents == 3);
  CHECK(ground.blobs->Contains(row.digest));
  CHECK(ground.log.Size().value() == leaves + 1);
  CHECK(ground.rows.cooperatives.ListProbeTexts("nordic").value().size() == 1);
  REQUIRE_STATUS(ground.sharing.Store(Ground::Good(), kText, ground.ann),
                 absl::StatusCode::kAlreadyExists, "PROBE_TEXT_EXISTS");
  CHECK(ground.log.Size().value() == leaves + 1);
}

TEST_CASE("Who may not share, and what is not a sample, is refused at the header", "[sample]") {
  const auto kDenied = absl::StatusCode::kPermissionDenied;
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  struct Case {
    const char* name;
    std::function<void(Header&, Caller&, Ground&)> change;
    absl::StatusCode code;
    const char* reason;
  };
  const std::vector<Case> cases = {
      {"an administrator", [](Header&, Caller& c, Ground&) { c = Caller{}; }, kDenied,
       "PERMISSION_DENIED"},
      {"a member of another cooperative",
       [](Header&, Caller& c, Ground&) { c.cooperative = "alpine"; }, kDenied, "PERMISSION_DENIED"},
      {"a member that left",
       [](Header&, Caller&, Ground& g) {
         REQUIRE_OK(g.rows.cooperatives.Withdraw("nordic", "ann", kNow));
       },
       kDenied, "PERMISSION_DENIED"},
      {"no cooperative", [](Header& h, Caller&, Ground&) { h.clear_parent(); }, kInvalid,
       "NAME_INVALID"},
      {"another's domain", [](Header& h, Caller&, Ground&) { h.set_domain("sea"); }, kInvalid,
       "FIELD_INVALID"},
      {"no domain of anybody's", [](Header& h, Caller&, Ground&) { h.set_domain("\xff\n"); },
       kInvalid, "FIELD_INVALID"},
      {"a public class", [](Header& h, Caller&, Ground&) { h.set_public_class(true); }, kInvalid,
       "FIELD_INVALID"},
      {"plain text", [](Header& h, Caller&, Ground&) { h.set_format("txt"); }, kInvalid,
       "FIELD_INVALID"},
      {"one byte too much",
       [](Header& h, Caller&, Ground&) { h.set_size_bytes(kSampleBytesMax + 1); }, kInvalid,
       "PROBE_TEXT_TOO_LARGE"},
      {"INT64_MAX bytes", [](Header& h, Caller&, Ground&) { h.set_size_bytes(INT64_MAX); },
       kInvalid, "PROBE_TEXT_TOO_LARGE"},
      {"a domain with text",
       [](Header&, Caller&, Ground& g) {
         REQUIRE_OK(g.rows.cooperatives.InsertProbeText({.cooperative = "nordic",
                                                         .domain = "law",
                                                         .format = "txt",
                                                         .digest = Sha256Of("law"),
                                                         .size_bytes = 3,
                                                         .router_documents = 1,
                                                         .evaluation_documents = 1},
                                                        kNow));
       },
       absl::StatusCode::kAlreadyExists, "PROBE_TEXT_EXISTS"},
      {"a cooperative that was not launched",
       [](Header& h, Caller& c, Ground& g) {
         REQUIRE_OK(
             g.rows.cooperatives.Insert({.id = "alpine", .domains = {"law"}, .create_time = kNow}));
         h.set_parent("cooperatives/alpine");
         c.cooperative = "alpine";
       },
       absl::StatusCode::kFailedPrecondition, "PHASE_MISMATCH"},
  };
  for (const Case& test : cases) {
    INFO(test.name);
    Ground ground;
    Header header = Ground::Good();
    Caller caller = ground.ann;
    test.change(header, caller, ground);
    const int64_t leaves = ground.log.Size().value();
    REQUIRE_STATUS(ground.sharing.Check(header, caller), test.code, test.reason);
    REQUIRE_STATUS(ground.sharing.Store(header, kText, caller), test.code, test.reason);
    CHECK(ground.log.Size().value() == leaves);
  }
  Ground ground;
  Header header = Ground::Good();
  header.set_domain("law");
  header.set_size_bytes(kSampleBytesMax);
  REQUIRE_OK(ground.sharing.Check(header, ground.ann));
}

TEST_CASE("Bad text and training text leave neither row nor leaf", "[sample]") {
  Ground ground;
  const int64_t leaves = ground.log.Size().value();
  const std::vector<std::pair<std::string, const char*>> bad = {
      {"", "TEXT_EMPTY"},
      {"{\"text\":\"one\"}\n", "TEXT_EMPTY"},
      {"{\"text\":\"one\"}\n{\"text\":\"one\"}\n", "TEXT_EMPTY"},
      {"{\"text\":1}\n", "JSON_INVALID"},
      {"not JSON\n", "JSON_INVALID"},
      {"{\"text\":\"\xff\"}\n", "TEXT_NOT_UTF8"},
  };
  for (const auto& [text, reason] : bad) {
    INFO(text);
    REQUIRE_STATUS(ground.sharing.Store(Ground::Good(), text, ground.ann),
                   absl::StatusCode::kInvalidArgument, reason);
  }
  ground.trained = {MakeDocument("two").digest};
  REQUIRE_STATUS(ground.sharing.Store(Ground::Good(), kText, ground.ann),
                 absl::StatusCode::kFailedPrecondition, "PROBE_TEXT_IS_TRAINING_TEXT");
  CHECK(ground.log.Size().value() == leaves);
  CHECK_FALSE(ground.blobs->Contains(Sha256Of(kText)));
  ground.trained = {MakeDocument("four").digest};
  REQUIRE_OK(ground.sharing.Store(Ground::Good(), kText, ground.ann));
}

TEST_CASE("A sample that every fusion would refuse is refused at once", "[sample]") {
  Ground ground;
  testing::WriteTinyBase(ground.rows.temp.path(), 1);
  const std::string tokenizer = ground.rows.temp.File("tokenizer.json");
  ground.base = BaseSummary{
      .root_digest = {},
      .files = {{.path = "tokenizer.json", .digest = ground.blobs->PutFile(tokenizer).value()}}};
  const int64_t leaves = ground.log.Size().value();
  const auto status = ground.sharing.Store(Ground::Good(), kText, ground.ann);
  REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "TOO_LITTLE_TEXT");
  CHECK(GetErrorDetail(status.status())->text.metadata.at("domain") == "law");
  CHECK(ground.log.Size().value() == leaves);
  CHECK_FALSE(ground.blobs->Contains(Sha256Of(kText)));
  std::string enough;
  for (const char* const word : {"one", "two", "three"}) {
    enough += nlohmann::json({{"text", word + testing::TinyText(0, 20)}}).dump() + "\n";
  }
  REQUIRE_OK(ground.sharing.Store(Ground::Good(), enough, ground.ann));
}

TEST_CASE("A member that leaves while its sample is read leaves no text behind", "[sample]") {
  Ground ground;
  ground.later.find_training_documents = [&](const std::string&) {
    REQUIRE_OK(ground.rows.cooperatives.Withdraw("nordic", "ann", kNow));
    return std::vector<Digest>{};
  };
  REQUIRE_STATUS(ground.sharing.Store(Ground::Good(), kText, ground.ann),
                 absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED");
  CHECK_FALSE(ground.blobs->Contains(Sha256Of(kText)));
  CHECK(ground.blobs->List().value().empty());
}

}  // namespace
}  // namespace kalavai::coordinator
