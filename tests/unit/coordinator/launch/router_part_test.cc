// Goal: members read the router half of the launcher's texts, in the order of the pass, and nothing
// else of anybody.
// Method: real stores and blobs; a text, a public class and a sample; a table of callers and names
// that are refused.
#include "coordinator/launch/router_part.h"

#include <algorithm>
#include <set>

#include "nlohmann/json.hpp"

#include "common/corpus/documents.h"
#include "common/corpus/probe_documents.h"
#include "tests/unit/coordinator/cooperative_fixture.h"

namespace kalavai::coordinator {
namespace {

std::string Lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += nlohmann::json({{"text", "document " + std::to_string(i)}, {"patient", "Ann"}}).dump();
    lines += "\n";
  }
  return lines;
}

std::vector<Document> Documents(const std::string& lines) {
  return ParseDocuments(lines, "part.jsonl").value();
}

std::set<std::string> Hashes(const std::vector<Document>& documents) {
  std::set<std::string> hashes;
  for (const Document& document : documents) hashes.insert(document.digest.Hex());
  return hashes;
}

struct Ground {
  CooperativeFixture rows;
  std::unique_ptr<BlobStore> blobs =
      BlobStore::Open(rows.temp.File("blobs"), {.free_space_floor_bytes = 0}).value();
  RouterParts parts{*blobs, rows.cooperatives};
  Caller ann = {.cooperative = "nordic", .contributor = "ann"};

  Ground() {
    Add("law", false);
    Add("everything", true);
    REQUIRE_OK(rows.cooperatives.InsertSample({.cooperative = "nordic",
                                               .domain = "sea",
                                               .format = "jsonl",
                                               .digest = blobs->PutBytes(Lines(5)).value(),
                                               .size_bytes = 1,
                                               .router_documents = 1,
                                               .evaluation_documents = 1,
                                               .contributor = "bo"},
                                              kNow));
  }

  void Add(const std::string& domain, bool public_class) {
    REQUIRE_OK(rows.cooperatives.InsertProbeText(
        {.cooperative = "nordic",
         .domain = domain,
         .public_class = public_class,
         .format = "jsonl",
         .digest = blobs->PutBytes(Lines(40) + DomainLine(domain)).value(),
         .size_bytes = 1,
         .router_documents = 1,
         .evaluation_documents = 1},
        kNow));
  }
  static std::string DomainLine(const std::string& domain) {
    return "{\"text\":\"" + domain + "\"}\n";
  }

  absl::StatusOr<std::string> Read(const std::string& domain, const Caller& caller) {
    v1::ReadProbeTextRequest request;
    request.set_parent("cooperatives/nordic");
    request.set_domain(domain);
    absl::StatusOr<ProbeTextRow> row = parts.Check(request, caller);
    if (!row.ok()) return row.status();
    const auto lines = parts.Read(*row);
    if (!lines.ok()) return lines.status();
    return **lines;
  }
};

TEST_CASE("The lines are the router part, by digest, and hold nothing but text", "[rows]") {
  const std::string text = Lines(40);
  REQUIRE_OK_AND_ASSIGN(const DocumentSplit split, SplitProbeText(text, "law", "jsonl"));
  REQUIRE_OK_AND_ASSIGN(const std::string lines, RouterPartLines(text, "law", "jsonl", 1 << 20));
  const std::vector<Document> sent = Documents(lines);
  CHECK(Hashes(sent) == Hashes(split.first));
  for (const std::string& hash : Hashes(split.second)) CHECK_FALSE(Hashes(sent).contains(hash));
  CHECK(std::is_sorted(sent.begin(), sent.end(),
                       [](const Document& a, const Document& b) { return a.digest < b.digest; }));
  CHECK(lines.find("Ann") == std::string::npos);
  // As many as fit, and each whole.
  REQUIRE_OK_AND_ASSIGN(const std::string few, RouterPartLines(text, "law", "jsonl", 60));
  CHECK(few.size() <= 60);
  CHECK(lines.find(few) == 0);
  CHECK(Documents(few).size() == 2);
  CHECK(RouterPartLines(text, "law", "jsonl", 3).value().empty());
}

TEST_CASE("A member reads a domain and a public class, and no sample", "[rows]") {
  Ground ground;
  REQUIRE_OK_AND_ASSIGN(const std::string law, ground.Read("law", ground.ann));
  CHECK_FALSE(law.empty());
  REQUIRE_OK(ground.Read("everything", ground.ann).status());
  REQUIRE_STATUS(ground.Read("sea", ground.ann), absl::StatusCode::kFailedPrecondition,
                 "PROBE_TEXT_PRIVATE");
  for (const char* const domain : {"", "moon", "LAW", "law\n"}) {
    REQUIRE_STATUS(ground.Read(domain, ground.ann), absl::StatusCode::kNotFound,
                   "PROBE_TEXT_NOT_FOUND");
  }
  REQUIRE_STATUS(ground.Read(std::string(100'000, 'x'), ground.ann), absl::StatusCode::kNotFound,
                 "PROBE_TEXT_NOT_FOUND");
}

TEST_CASE("Who reads at once shares a copy, which goes with its last reader", "[rows]") {
  Ground ground;
  v1::ReadProbeTextRequest request;
  request.set_parent("cooperatives/nordic");
  request.set_domain("law");
  REQUIRE_OK_AND_ASSIGN(const ProbeTextRow row, ground.parts.Check(request, ground.ann));
  REQUIRE_OK_AND_ASSIGN(auto first, ground.parts.Read(row));
  REQUIRE_OK_AND_ASSIGN(const auto second, ground.parts.Read(row));
  CHECK(first == second);
  const std::weak_ptr<const std::string> seen = first;
  first.reset();
  CHECK_FALSE(seen.expired());
}

TEST_CASE("Nobody but an active member reads", "[rows]") {
  Ground ground;
  const Caller strangers[] = {{},  // an administrator, who has the text
                              {.cooperative = "alpine", .contributor = "ann"}};
  for (const Caller& caller : strangers) {
    REQUIRE_STATUS(ground.Read("law", caller), absl::StatusCode::kPermissionDenied,
                   "PERMISSION_DENIED");
  }
  REQUIRE_OK(ground.rows.cooperatives.Withdraw("nordic", "ann", kNow));
  REQUIRE_STATUS(ground.Read("law", ground.ann), absl::StatusCode::kPermissionDenied,
                 "PERMISSION_DENIED");
}

}  // namespace
}  // namespace kalavai::coordinator
