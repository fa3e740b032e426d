// Goal: the charter names everything members agree on, in bytes that are the same everywhere.
// Method: the text by hand; each part changed alone; the envelope opened with the right key only.
#include "coordinator/launch/charter.h"

#include <functional>
#include <set>
#include <string>

#include "nlohmann/json.hpp"

#include "common/crypto/dsse.h"
#include "tests/support/catch.h"

namespace kalavai::coordinator {
namespace {

Charter Example() {
  Charter charter;
  charter.cooperative.id = "nordic";
  charter.cooperative.domains = {"sea", "law"};  // in the founder's order, not sorted
  charter.cooperative.freeze_depth = 1;
  charter.cooperative.chunk_tokens = 128;
  charter.coordinator_id = "c0";
  charter.base_root_digest = Sha256Of("base");
  charter.tokenizer_digest = Sha256Of("tokenizer");
  ProbeTextRow text;
  text.domain = "law";
  text.digest = Sha256Of("text");
  charter.probe_texts = {text};
  charter.launch_time = absl::FromUnixMicros(1'700'000'000'000'001);
  return charter;
}

TEST_CASE("A charter is canonical JSON with the agreed content") {
  const std::string text = FormatCharter(Example());
  const std::string expected =
      "{\"base\":{\"root_digest\":\"" + Sha256Of("base").Hex() + "\",\"tokenizer_sha256\":\"" +
      Sha256Of("tokenizer").Hex() +
      "\"},\"cooperative\":\"cooperatives/nordic\",\"coordinator\":\"c0\",\"domains\":[\"sea\","
      "\"law\"],\"evaluation\":{\"chunk_tokens\":128,\"weighting\":\"equal per domain\"},"
      "\"freeze_depth\":1,\"launch_time\":\"2023-11-14T22:13:20.000001Z\",\"probe_texts\":[{"
      "\"domain\":\"law\",\"public_class\":false,\"sha256\":\"" +
      Sha256Of("text").Hex() +
      "\"}],\"submission\":{\"fine_tuning\":\"full\",\"frozen\":\"bit-equal\",\"quarantine\":["
      "\"divergence not positive\",\"not finite\",\"wrong lineage\",\"copy of another\"]},"
      "\"version\":1}";
  CHECK(text == expected);
  CHECK(nlohmann::json::parse(text).dump() == text);
}

TEST_CASE("Whatever is changed changes the charter") {
  const std::function<void(Charter&)> changes[] = {
      [](Charter&) {},
      [](Charter& c) { c.cooperative.id = "alpine"; },
      [](Charter& c) {
        c.cooperative.domains = {"law", "sea"};
      },
      [](Charter& c) { c.cooperative.freeze_depth = 0; },
      [](Charter& c) { c.cooperative.chunk_tokens = 256; },
      [](Charter& c) { c.coordinator_id = "c1"; },
      [](Charter& c) { c.base_root_digest = Sha256Of("other"); },
      [](Charter& c) { c.tokenizer_digest = Sha256Of("other"); },
      [](Charter& c) { c.probe_texts[0].digest = Sha256Of("other"); },
      [](Charter& c) { c.probe_texts[0].public_class = true; },
      [](Charter& c) { c.probe_texts.clear(); },
      [](Charter& c) { c.launch_time += absl::Microseconds(1); },
  };
  std::set<std::string> texts;
  for (const auto& change : changes) {
    Charter charter = Example();
    change(charter);
    texts.insert(FormatCharter(charter));
  }
  CHECK(texts.size() == std::size(changes));
}

TEST_CASE("Only the coordinator's key opens the envelope, and only as a charter") {
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const SigningKey other, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const std::string envelope, SignCharter(Example(), key));
  CHECK(envelope.find('\n') == std::string::npos);
  REQUIRE_OK_AND_ASSIGN(const std::string payload,
                        VerifyEnvelope(envelope, key.public_key(), kCharterType));
  CHECK(payload == FormatCharter(Example()));
  CHECK_FALSE(VerifyEnvelope(envelope, other.public_key(), kCharterType).ok());
  CHECK_FALSE(VerifyEnvelope(envelope, key.public_key(), "application/x-receipt").ok());
}

TEST_CASE("A domain that the charter does not name is refused with those it names") {
  CooperativeRow nordic;
  nordic.domains = {"law", "sea"};
  const absl::Status status = DomainUnknown("m\non", nordic);
  REQUIRE_STATUS(status, absl::StatusCode::kInvalidArgument, "DOMAIN_UNKNOWN");
  CHECK(status.message().find("m\\non") != absl::string_view::npos);
  CHECK(status.message().find("law, sea") != absl::string_view::npos);
}

}  // namespace
}  // namespace kalavai::coordinator
