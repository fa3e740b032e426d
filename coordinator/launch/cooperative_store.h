// Rows of phase 1: cooperatives, their members, invitations and probe texts.
//
// Ids here are ids ("legal-de"), never resource names. Methods that change something are called
// within Database::Transact together with Audit::Append. Errors: COOPERATIVE_NOT_FOUND and
// CONTRIBUTOR_NOT_FOUND (NOT_FOUND), COOPERATIVE_EXISTS, SLOT_TAKEN and PROBE_TEXT_EXISTS
// (ALREADY_EXISTS), and those of the database. Thread-safe as Database is.
#ifndef KALAVAI_COORDINATOR_LAUNCH_COOPERATIVE_STORE_H_
#define KALAVAI_COORDINATOR_LAUNCH_COOPERATIVE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/crypto/sha256.h"
#include "common/storage/sqlite.h"
#include "coordinator/cooperative_phase.h"

namespace kalavai::coordinator {

struct CooperativeRow {
  std::string id;
  CooperativeState state = CooperativeState::kDraft;
  std::vector<std::string> domains;  // in the order given at the foundation
  int64_t freeze_depth = 0;
  int64_t chunk_tokens = 256;
  std::string charter_envelope = {};  // DSSE, JSON; "" before the launch
  absl::Time create_time;
  std::optional<absl::Time> launch_time = {};

  bool HasDomain(absl::string_view domain) const;
};

enum class ContributorState { kInvited, kActive, kWithdrawn };
absl::string_view ContributorStateName(ContributorState state);  // "INVITED", …

struct ContributorRow {
  std::string cooperative;
  std::string id;
  std::string domain;
  ContributorState state = ContributorState::kInvited;
  std::string signing_public_key = {};  // PEM; "" until enrolled
  std::optional<absl::Time> certificate_expire_time = {};
  absl::Time create_time;
};

struct InvitationRow {
  Digest secret_digest;  // SHA-256 of the secret; the secret itself is nowhere
  std::string cooperative;
  std::string contributor;
  absl::Time expire_time;
  std::optional<absl::Time> use_time = {};
};

// Text of one domain for the probe pass; its bytes are the blob `digest`.
struct ProbeTextRow {
  std::string cooperative;
  std::string domain;         // one of the charter's, or a name of its own for a public class
  bool public_class = false;  // text of the base's own ground, no member's
  std::string format;         // "jsonl" or "txt"
  Digest digest;
  int64_t size_bytes = 0;
  int64_t router_documents = 0;
  int64_t evaluation_documents = 0;
  std::string contributor = {};  // id of the member that shared it; "": the charter's
};

class CooperativeStore {
 public:
  explicit CooperativeStore(Database& database) : database_(database) {}

  // Database::Version of the rows' database.
  int64_t DatabaseVersion() const { return database_.Version(); }

  absl::Status Insert(const CooperativeRow& row);
  absl::StatusOr<CooperativeRow> Get(absl::string_view cooperative) const;
  // At most `count` rows whose id is greater than `after`, by id.
  absl::StatusOr<std::vector<CooperativeRow>> List(absl::string_view after, int64_t count) const;
  // Get, then CheckAct: the usual first line of every act.
  absl::StatusOr<CooperativeRow> GetFor(absl::string_view cooperative, CooperativeAct act) const;
  absl::Status SetLaunched(absl::string_view cooperative, absl::string_view charter_envelope,
                           absl::Time now);

  absl::Status InsertContributor(const ContributorRow& row);
  absl::StatusOr<ContributorRow> GetContributor(absl::string_view cooperative,
                                                absl::string_view contributor) const;
  // At most `count` rows whose id is greater than `after`, by id.
  absl::StatusOr<std::vector<ContributorRow>> ListContributors(absl::string_view cooperative,
                                                               absl::string_view after,
                                                               int64_t count) const;
  // INVITED -> ACTIVE.
  absl::Status Enroll(absl::string_view cooperative, absl::string_view contributor,
                      absl::string_view signing_public_key, absl::Time certificate_expire_time);
  absl::Status SetCertificateExpiry(absl::string_view cooperative, absl::string_view contributor,
                                    absl::Time expire_time);
  // -> WITHDRAWN; its unused invitations die with it.
  absl::Status Withdraw(absl::string_view cooperative, absl::string_view contributor,
                        absl::Time now);

  // Replaces earlier unused invitations of the same contributor.
  absl::Status InsertInvitation(const InvitationRow& row, absl::Time now);
  absl::StatusOr<std::optional<InvitationRow>> FindInvitation(const Digest& secret_digest) const;
  absl::Status UseInvitation(const Digest& secret_digest, absl::Time now);

  absl::Status InsertProbeText(const ProbeTextRow& row, absl::Time now);
  // A sample of `row.contributor`. PROBE_TEXT_EXISTS when its domain has probe text, or when it has
  // shared one already.
  absl::Status InsertSample(const ProbeTextRow& row, absl::Time now);
  // Of the sample that the member ever shared, whether or not it has left since.
  absl::StatusOr<std::optional<Digest>> FindSample(absl::string_view cooperative,
                                                   absl::string_view contributor) const;
  // By domain; the charter's domains and public classes alike, and the samples of members that have
  // not left.
  absl::StatusOr<std::vector<ProbeTextRow>> ListProbeTexts(absl::string_view cooperative) const;

 private:
  absl::Status ReadDomains(CooperativeRow& row) const;

  Database& database_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_LAUNCH_COOPERATIVE_STORE_H_
