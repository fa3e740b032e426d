#include "coordinator/launch/cooperative_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/rpc/resource_name.h"

namespace kalavai::coordinator {
namespace {

constexpr char kCooperativeColumns[] =
    "SELECT id, state, freeze_depth, chunk_tokens, charter_envelope, create_time, launch_time "
    "FROM cooperatives ";
constexpr char kContributorColumns[] =
    "SELECT cooperative, id, domain, state, signing_public_key, certificate_expire_time, "
    "create_time FROM contributors ";

std::optional<absl::Time> OptionalTime(Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Time(column);
}

CooperativeRow ReadCooperative(Row& row) {
  const auto state = ParseState(row.Text(1));
  KALAVAI_CHECK(state.has_value(), "the schema admits known states only");
  return {.id = row.Text(0),
          .state = *state,
          .domains = {},
          .freeze_depth = row.Int(2),
          .chunk_tokens = row.Int(3),
          .charter_envelope = row.Text(4),
          .create_time = row.Time(5),
          .launch_time = OptionalTime(row, 6)};
}

ContributorRow ReadContributor(Row& row) {
  const std::string state = row.Text(3);
  return {.cooperative = row.Text(0),
          .id = row.Text(1),
          .domain = row.Text(2),
          .state = state == "INVITED"  ? ContributorState::kInvited
                   : state == "ACTIVE" ? ContributorState::kActive
                                       : ContributorState::kWithdrawn,
          .signing_public_key = row.Text(4),
          .certificate_expire_time = OptionalTime(row, 5),
          .create_time = row.Time(6)};
}

absl::Status NotFound(absl::string_view reason, std::string name, absl::string_view fix) {
  return MakeError(absl::StatusCode::kNotFound, reason,
                   {.what = absl::StrCat(name, ": not found; must exist"),
                    .fix = std::string(fix),
                    .metadata = {{"name", name}}});
}

// A UNIQUE violation in the words of the resource.
absl::Status Exists(const absl::Status& status, absl::string_view reason, std::string name,
                    absl::string_view fix) {
  if (status.code() != absl::StatusCode::kAlreadyExists) return status;
  return MakeError(absl::StatusCode::kAlreadyExists, reason,
                   {.what = absl::StrCat(name, ": exists already; must be new"),
                    .fix = std::string(fix),
                    .metadata = {{"name", name}}});
}

}  // namespace

bool CooperativeRow::HasDomain(absl::string_view domain) const {
  return std::find(domains.begin(), domains.end(), domain) != domains.end();
}

absl::string_view ContributorStateName(ContributorState state) {
  switch (state) {
    case ContributorState::kInvited:
      return "INVITED";
    case ContributorState::kActive:
      return "ACTIVE";
    case ContributorState::kWithdrawn:
      return "WITHDRAWN";
  }
  return "";
}

absl::Status CooperativeStore::Insert(const CooperativeRow& row) {
  const absl::Status inserted = database_.Execute(
      "INSERT INTO cooperatives(id, state, freeze_depth, chunk_tokens, charter_envelope, "
      "create_time) VALUES (?1, ?2, ?3, ?4, '', ?5)",
      row.id, StateName(row.state), row.freeze_depth, row.chunk_tokens, row.create_time);
  RETURN_IF_ERROR(Exists(inserted, "COOPERATIVE_EXISTS", CooperativeName(row.id),
                         "choose another id, or use the one that exists"));
  for (size_t i = 0; i < row.domains.size(); ++i) {
    RETURN_IF_ERROR(database_.Execute(
        "INSERT INTO cooperative_domains(cooperative, position, domain) VALUES (?1, ?2, ?3)",
        row.id, i, row.domains[i]));
  }
  return absl::OkStatus();
}

absl::Status CooperativeStore::ReadDomains(CooperativeRow& row) const {
  return database_.Query(
      "SELECT domain FROM cooperative_domains WHERE cooperative = ?1 ORDER BY position",
      [&](Row& found) {
        row.domains.push_back(found.Text(0));
        return absl::OkStatus();
      },
      row.id);
}

absl::StatusOr<CooperativeRow> CooperativeStore::Get(absl::string_view cooperative) const {
  std::optional<CooperativeRow> found;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kCooperativeColumns, "WHERE id = ?1"),
      [&](Row& row) {
        found = ReadCooperative(row);
        return absl::OkStatus();
      },
      cooperative));
  if (!found.has_value()) {
    return NotFound("COOPERATIVE_NOT_FOUND", CooperativeName(cooperative),
                    "list them: kalavai-coordinator coop show");
  }
  RETURN_IF_ERROR(ReadDomains(*found));
  return *found;
}

absl::StatusOr<std::vector<CooperativeRow>> CooperativeStore::List(absl::string_view after,
                                                                   int64_t count) const {
  std::vector<CooperativeRow> rows;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kCooperativeColumns, "WHERE id > ?1 ORDER BY id LIMIT ?2"),
      [&](Row& row) {
        rows.push_back(ReadCooperative(row));
        return absl::OkStatus();
      },
      after, count));
  for (CooperativeRow& row : rows) RETURN_IF_ERROR(ReadDomains(row));
  return rows;
}

absl::StatusOr<CooperativeRow> CooperativeStore::GetFor(absl::string_view cooperative,
                                                        CooperativeAct act) const {
  ASSIGN_OR_RETURN(CooperativeRow row, Get(cooperative));
  RETURN_IF_ERROR(CheckAct(cooperative, row.state, act));
  return row;
}

absl::Status CooperativeStore::SetLaunched(absl::string_view cooperative,
                                           absl::string_view charter_envelope, absl::Time now) {
  return database_.Execute(
      "UPDATE cooperatives SET state = 'ACTIVE', charter_envelope = ?2, launch_time = ?3 "
      "WHERE id = ?1",
      cooperative, charter_envelope, now);
}

absl::Status CooperativeStore::InsertContributor(const ContributorRow& row) {
  const absl::Status inserted = database_.Execute(
      "INSERT INTO contributors(cooperative, id, domain, state, signing_public_key, "
      "certificate_expire_time, create_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      row.cooperative, row.id, row.domain, ContributorStateName(row.state), row.signing_public_key,
      row.certificate_expire_time, row.create_time);
  return Exists(inserted, "SLOT_TAKEN", ContributorName(row.cooperative, row.id),
                "choose another contributor id");
}

absl::StatusOr<ContributorRow> CooperativeStore::GetContributor(
    absl::string_view cooperative, absl::string_view contributor) const {
  std::optional<ContributorRow> found;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kContributorColumns, "WHERE cooperative = ?1 AND id = ?2"),
      [&](Row& row) {
        found = ReadContributor(row);
        return absl::OkStatus();
      },
      cooperative, contributor));
  if (!found.has_value()) {
    return NotFound("CONTRIBUTOR_NOT_FOUND", ContributorName(cooperative, contributor),
                    "list them: kalavai-coordinator members");
  }
  return *found;
}

absl::StatusOr<std::vector<ContributorRow>> CooperativeStore::ListContributors(
    absl::string_view cooperative, absl::string_view after, int64_t count) const {
  std::vector<ContributorRow> rows;
  RETURN_IF_ERROR(database_.Query(
      absl::StrCat(kContributorColumns, "WHERE cooperative = ?1 AND id > ?2 ORDER BY id LIMIT ?3"),
      [&](Row& row) {
        rows.push_back(ReadContributor(row));
        return absl::OkStatus();
      },
      cooperative, after, count));
  return rows;
}

absl::Status CooperativeStore::Enroll(absl::string_view cooperative, absl::string_view contributor,
                                      absl::string_view signing_public_key,
                                      absl::Time certificate_expire_time) {
  return database_.Execute(
      "UPDATE contributors SET state = 'ACTIVE', signing_public_key = ?3, "
      "certificate_expire_time = ?4 WHERE cooperative = ?1 AND id = ?2 AND state = 'INVITED'",
      cooperative, contributor, signing_public_key, certificate_expire_time);
}

absl::Status CooperativeStore::SetCertificateExpiry(absl::string_view cooperative,
                                                    absl::string_view contributor,
                                                    absl::Time expire_time) {
  return database_.Execute(
      "UPDATE contributors SET certificate_expire_time = ?3 WHERE cooperative = ?1 AND id = ?2",
      cooperative, contributor, expire_time);
}

absl::Status CooperativeStore::Withdraw(absl::string_view cooperative,
                                        absl::string_view contributor, absl::Time now) {
  RETURN_IF_ERROR(database_.Execute(
      "UPDATE contributors SET state = 'WITHDRAWN' WHERE cooperative = ?1 AND id = ?2", cooperative,
      contributor));
  return database_.Execute(
      "UPDATE invitations SET use_time = ?3 "
      "WHERE cooperative = ?1 AND contributor = ?2 AND use_time IS NULL",
      cooperative, contributor, now);
}

absl::Status CooperativeStore::InsertInvitation(const InvitationRow& row, absl::Time now) {
  RETURN_IF_ERROR(
      database_.Execute("UPDATE invitations SET use_time = ?3 "
                        "WHERE cooperative = ?1 AND contributor = ?2 AND use_time IS NULL",
                        row.cooperative, row.contributor, now));
  return database_.Execute(
      "INSERT INTO invitations(secret_digest, cooperative, contributor, expire_time, create_time) "
      "VALUES (?1, ?2, ?3, ?4, ?5)",
      row.secret_digest, row.cooperative, row.contributor, row.expire_time, now);
}

absl::StatusOr<std::optional<InvitationRow>> CooperativeStore::FindInvitation(
    const Digest& secret_digest) const {
  std::optional<InvitationRow> found;
  RETURN_IF_ERROR(database_.Query(
      "SELECT cooperative, contributor, expire_time, use_time FROM invitations "
      "WHERE secret_digest = ?1",
      [&](Row& row) {
        found = InvitationRow{.secret_digest = secret_digest,
                              .cooperative = row.Text(0),
                              .contributor = row.Text(1),
                              .expire_time = row.Time(2),
                              .use_time = OptionalTime(row, 3)};
        return absl::OkStatus();
      },
      secret_digest));
  return found;
}

absl::Status CooperativeStore::UseInvitation(const Digest& secret_digest, absl::Time now) {
  return database_.Execute("UPDATE invitations SET use_time = ?2 WHERE secret_digest = ?1",
                           secret_digest, now);
}

absl::Status CooperativeStore::InsertProbeText(const ProbeTextRow& row, absl::Time now) {
  const absl::Status inserted = database_.Execute(
      "INSERT INTO probe_texts(cooperative, domain, public_class, format, digest, size_bytes, "
      "router_documents, evaluation_documents, create_time) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
      row.cooperative, row.domain, row.public_class, row.format, row.digest, row.size_bytes,
      row.router_documents, row.evaluation_documents, now);
  return Exists(
      inserted, "PROBE_TEXT_EXISTS",
      absl::StrCat("probe text of domain ", row.domain, " of ", CooperativeName(row.cooperative)),
      "keep it, or found another cooperative");
}

absl::Status CooperativeStore::InsertSample(const ProbeTextRow& row, absl::Time now) {
  bool has_text = false;
  RETURN_IF_ERROR(database_.Query(
      "SELECT EXISTS (SELECT 1 FROM current_probe_texts WHERE cooperative = ?1 AND domain = ?2)",
      [&](Row& found) {
        has_text = found.Bool(0);
        return absl::OkStatus();
      },
      row.cooperative, row.domain));
  const absl::Status inserted =
      has_text ? absl::AlreadyExistsError("")
               : database_.Execute(
                     "INSERT INTO shared_samples(cooperative, contributor, domain, digest, "
                     "size_bytes, router_documents, evaluation_documents, create_time) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                     row.cooperative, row.contributor, row.domain, row.digest, row.size_bytes,
                     row.router_documents, row.evaluation_documents, now);
  return Exists(
      inserted, "PROBE_TEXT_EXISTS",
      absl::StrCat("probe text of domain ", row.domain, " of ", CooperativeName(row.cooperative)),
      "share nothing: the domain is measured on the text it has");
}

absl::StatusOr<std::optional<Digest>> CooperativeStore::FindSample(
    absl::string_view cooperative, absl::string_view contributor) const {
  std::optional<Digest> found;
  RETURN_IF_ERROR(database_.Query(
      "SELECT digest FROM shared_samples WHERE cooperative = ?1 AND contributor = ?2",
      [&](Row& row) {
        found = row.Digest(0);
        return absl::OkStatus();
      },
      cooperative, contributor));
  return found;
}

absl::StatusOr<std::vector<ProbeTextRow>> CooperativeStore::ListProbeTexts(
    absl::string_view cooperative) const {
  std::vector<ProbeTextRow> rows;
  RETURN_IF_ERROR(database_.Query(
      "SELECT domain, public_class, format, digest, size_bytes, router_documents, "
      "evaluation_documents, contributor FROM current_probe_texts WHERE cooperative = ?1 "
      "ORDER BY domain",
      [&](Row& row) {
        rows.push_back({.cooperative = std::string(cooperative),
                        .domain = row.Text(0),
                        .public_class = row.Bool(1),
                        .format = row.Text(2),
                        .digest = row.Digest(3),
                        .size_bytes = row.Int(4),
                        .router_documents = row.Int(5),
                        .evaluation_documents = row.Int(6),
                        .contributor = row.Text(7)});
        return absl::OkStatus();
      },
      cooperative));
  return rows;
}

}  // namespace kalavai::coordinator
