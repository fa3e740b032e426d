#include "coordinator/launch/cooperative_message.h"

#include "common/base/check.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/timestamp.h"

namespace kalavai::coordinator {
namespace {

v1::Cooperative::State StateMessage(CooperativeState state) {
  switch (state) {
    case CooperativeState::kDraft:
      return v1::Cooperative::DRAFT;
    case CooperativeState::kActive:
      return v1::Cooperative::ACTIVE;
    case CooperativeState::kClosed:
      return v1::Cooperative::CLOSED;
  }
  return v1::Cooperative::STATE_UNSPECIFIED;
}

v1::Contributor::State StateMessage(ContributorState state) {
  switch (state) {
    case ContributorState::kInvited:
      return v1::Contributor::INVITED;
    case ContributorState::kActive:
      return v1::Contributor::ACTIVE;
    case ContributorState::kWithdrawn:
      return v1::Contributor::WITHDRAWN;
  }
  return v1::Contributor::STATE_UNSPECIFIED;
}

}  // namespace

v1::Cooperative ToMessage(const CooperativeRow& row, const std::optional<BaseSummary>& base) {
  v1::Cooperative message;
  message.set_name(CooperativeName(row.id));
  for (const std::string& domain : row.domains) message.add_domains(domain);
  message.set_freeze_depth(static_cast<int32_t>(row.freeze_depth));
  message.set_chunk_tokens(static_cast<int32_t>(row.chunk_tokens));
  message.set_state(StateMessage(row.state));
  if (base.has_value()) {
    message.set_base_digest(base->root_digest.Hex());
    for (const BaseSummary::File& file : base->files) {
      v1::FileDigest& added = *message.add_base_files();
      added.set_path(file.path);
      added.set_size_bytes(file.size_bytes);
      added.set_sha256(file.digest.Hex());
    }
  }
  message.set_charter_envelope(row.charter_envelope);
  *message.mutable_create_time() = ToTimestamp(row.create_time);
  if (row.launch_time.has_value()) *message.mutable_launch_time() = ToTimestamp(*row.launch_time);
  return message;
}

v1::Contributor ToMessage(const ContributorRow& row) {
  v1::Contributor message;
  message.set_name(ContributorName(row.cooperative, row.id));
  message.set_domain(row.domain);
  message.set_state(StateMessage(row.state));
  message.set_signing_public_key(row.signing_public_key);
  if (row.certificate_expire_time.has_value()) {
    *message.mutable_certificate_expire_time() = ToTimestamp(*row.certificate_expire_time);
  }
  *message.mutable_create_time() = ToTimestamp(row.create_time);
  return message;
}

v1::ProbeText ToMessage(const ProbeTextRow& row) {
  v1::ProbeText message;
  message.set_domain(row.domain);
  message.set_public_class(row.public_class);
  message.set_sha256(row.digest.Hex());
  message.set_size_bytes(row.size_bytes);
  message.set_router_documents(row.router_documents);
  message.set_evaluation_documents(row.evaluation_documents);
  if (!row.contributor.empty()) {
    message.set_contributor(ContributorName(row.cooperative, row.contributor));
  }
  return message;
}

v1::Withdrawal ToMessage(const WithdrawalSummary& withdrawal) {
  v1::Withdrawal message;
  v1::Withdrawal::State state = v1::Withdrawal::STATE_UNSPECIFIED;
  const bool known = v1::Withdrawal::State_Parse(withdrawal.state, &state);
  KALAVAI_CHECK(known, "states have the same names in the API");
  message.set_state(state);
  message.set_receipt_envelope(withdrawal.receipt_envelope);
  message.set_files_deleted(withdrawal.files_deleted);
  message.set_masked_model(withdrawal.masked_model);
  message.set_fusion(withdrawal.fusion);
  message.set_model(withdrawal.model);
  message.set_outcome(withdrawal.outcome);
  message.set_comment(withdrawal.comment);
  *message.mutable_withdraw_time() = ToTimestamp(withdrawal.withdraw_time);
  return message;
}

}  // namespace kalavai::coordinator
