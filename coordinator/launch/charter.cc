#include "coordinator/launch/charter.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "common/base/errors.h"
#include "common/crypto/dsse.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {

absl::Status DomainUnknown(absl::string_view domain, const CooperativeRow& cooperative) {
  const std::string known = absl::StrJoin(cooperative.domains, ", ");
  return MakeError(absl::StatusCode::kInvalidArgument, "DOMAIN_UNKNOWN",
                   {.what = absl::StrCat("domain \"", absl::CHexEscape(domain.substr(0, 100)),
                                         "\" found; must be one of: ", known),
                    .why = "the charter names the domains that are fused and evaluated",
                    .fix = "use one of them",
                    .metadata = {{"domains", known}}});
}

std::string FormatCharter(const Charter& charter) {
  nlohmann::json probe_texts = nlohmann::json::array();
  for (const ProbeTextRow& text : charter.probe_texts) {
    probe_texts.push_back({{"domain", text.domain},
                           {"public_class", text.public_class},
                           {"sha256", text.digest.Hex()}});
  }
  const nlohmann::json body = {
      {"version", 1},
      {"cooperative", CooperativeName(charter.cooperative.id)},
      {"coordinator", charter.coordinator_id},
      {"domains", charter.cooperative.domains},
      {"freeze_depth", charter.cooperative.freeze_depth},
      {"base",
       {{"root_digest", charter.base_root_digest.Hex()},
        {"tokenizer_sha256", charter.tokenizer_digest.Hex()}}},
      {"evaluation",
       {{"chunk_tokens", charter.cooperative.chunk_tokens}, {"weighting", "equal per domain"}}},
      {"probe_texts", probe_texts},
      {"submission",
       {{"fine_tuning", "full"},
        {"frozen", "bit-equal"},
        {"quarantine",
         {"divergence not positive", "not finite", "wrong lineage", "copy of another"}}}},
      {"launch_time",
       absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", charter.launch_time, absl::UTCTimeZone())}};
  return body.dump();
}

absl::StatusOr<std::string> SignCharter(const Charter& charter, const SigningKey& key) {
  return SignEnvelope(key, kCharterType, FormatCharter(charter));
}

}  // namespace kalavai::coordinator
