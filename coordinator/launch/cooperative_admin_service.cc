#include "coordinator/launch/cooperative_admin_service.h"

#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/corpus/probe_documents.h"
#include "common/rpc/page_token.h"
#include "common/rpc/resource_name.h"
#include "common/rpc/timestamp.h"
#include "coordinator/launch/charter.h"
#include "coordinator/launch/cooperative_message.h"
#include "coordinator/launch/invitation.h"
#include "coordinator/launch/probe_text_stream.h"
#include "coordinator/launch/router_part_stream.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {
namespace {

absl::Status FieldError(absl::string_view field, std::string what, absl::string_view fix) {
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                   {.what = absl::StrCat(field, ": ", what),
                    .fix = std::string(fix),
                    .metadata = {{"field", std::string(field)}}});
}

absl::StatusOr<Digest> BaseFile(const BaseSummary& base, absl::string_view path) {
  for (const BaseSummary::File& file : base.files) {
    if (file.path == path) return file.digest;
  }
  return absl::DataLossError(absl::StrCat("the base was imported without its ", path));
}

absl::StatusOr<CooperativeRow> ReadCooperative(const v1::CreateCooperativeRequest& request,
                                               absl::Time now) {
  const v1::Cooperative& wanted = request.cooperative();
  RETURN_IF_ERROR(CheckId(request.cooperative_id(), "cooperative_id"));
  CooperativeRow row = {.id = request.cooperative_id(),
                        .domains = {wanted.domains().begin(), wanted.domains().end()},
                        .freeze_depth = wanted.freeze_depth(),
                        .chunk_tokens = wanted.chunk_tokens(),
                        .create_time = now};
  if (row.chunk_tokens == 0) row.chunk_tokens = limits::kChunkTokensDefault;
  if (row.domains.empty() || row.domains.size() > limits::kDomainsMax) {
    return FieldError(
        "domains", absl::StrCat(row.domains.size(), " found; must be 1 to ", limits::kDomainsMax),
        "name the fields of text, e.g. legal,medical");
  }
  for (const std::string& domain : row.domains) RETURN_IF_ERROR(CheckId(domain, "domains"));
  if (std::set<std::string>(row.domains.begin(), row.domains.end()).size() != row.domains.size()) {
    return FieldError("domains", "a name twice; must be unique", "leave one out");
  }
  if (row.freeze_depth < 0 || row.freeze_depth > limits::kFreezeDepthMax) {
    return FieldError(
        "freeze_depth",
        absl::StrCat(row.freeze_depth, " found; must be 0 to ", limits::kFreezeDepthMax),
        "0 trains everything");
  }
  if (row.chunk_tokens < limits::kChunkTokensMin || row.chunk_tokens > limits::kChunkTokensMax) {
    return FieldError("chunk_tokens",
                      absl::StrCat(row.chunk_tokens, " found; must be ", limits::kChunkTokensMin,
                                   " to ", limits::kChunkTokensMax),
                      "leave it out for 256");
  }
  return row;
}

// Tables name a member's specialist by the member, beside rows of these names.
absl::Status CheckContributorId(const std::string& id) {
  RETURN_IF_ERROR(CheckId(id, "contributor_id"));
  if (id != "base" && id != "fused" && id != "oracle") return absl::OkStatus();
  return FieldError("contributor_id",
                    absl::StrCat("'", id,
                                 "' found; must not be base, fused or oracle, which are "
                                 "rows of the loss matrix"),
                    "name the member, e.g. st-mary");
}

}  // namespace

absl::StatusOr<v1::Cooperative> CooperativeAdminService::Message(
    const std::string& cooperative) const {
  ASSIGN_OR_RETURN(const CooperativeRow row, parts_.cooperatives.Get(cooperative));
  ASSIGN_OR_RETURN(const auto base, parts_.later.find_base(cooperative));
  return ToMessage(row, base);
}

absl::StatusOr<v1::Contributor> CooperativeAdminService::Message(const ContributorRow& row,
                                                                 const Caller& caller,
                                                                 bool with_receipt) const {
  v1::Contributor message = ToMessage(row);
  const bool entitled = caller.RequireContributor(row.cooperative, row.id).ok();
  if (!entitled || row.state != ContributorState::kWithdrawn) return message;
  ASSIGN_OR_RETURN(WithdrawalSummary withdrawal,
                   parts_.later.find_withdrawal(ContributorName(row.cooperative, row.id)));
  if (!with_receipt) withdrawal.receipt_envelope.clear();
  *message.mutable_withdrawal() = ToMessage(withdrawal);
  return message;
}

absl::Status CooperativeAdminService::Create(const v1::CreateCooperativeRequest& request,
                                             const Caller& caller) {
  ASSIGN_OR_RETURN(const CooperativeRow row, ReadCooperative(request, parts_.clock.Now()));
  return parts_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(parts_.cooperatives.Insert(row));
    return parts_.audit
        .Append(caller.Name(), "CREATE_COOPERATIVE", CooperativeName(row.id),
                {{"domains", row.domains},
                 {"freeze_depth", row.freeze_depth},
                 {"chunk_tokens", row.chunk_tokens}})
        .status();
  });
}

grpc::ServerUnaryReactor* CooperativeAdminService::CreateCooperative(
    grpc::CallbackServerContext* context, const v1::CreateCooperativeRequest* request,
    v1::Cooperative* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    RETURN_IF_ERROR(caller.RequireAdministrator());
    RETURN_IF_ERROR(Create(*request, caller));
    ASSIGN_OR_RETURN(*response, Message(request->cooperative_id()));
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/CreateCooperative",
                     body);
}

grpc::ServerUnaryReactor* CooperativeAdminService::GetCooperative(
    grpc::CallbackServerContext* context, const v1::GetCooperativeRequest* request,
    v1::Cooperative* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request->name()));
    RETURN_IF_ERROR(caller.RequireCooperative(id));
    ASSIGN_OR_RETURN(*response, Message(id));
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/GetCooperative", body);
}

grpc::ServerUnaryReactor* CooperativeAdminService::ListCooperatives(
    grpc::CallbackServerContext* context, const v1::ListCooperativesRequest* request,
    v1::ListCooperativesResponse* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    RETURN_IF_ERROR(caller.RequireAdministrator());
    constexpr absl::string_view kList = "ListCooperatives";
    ASSIGN_OR_RETURN(const std::string after, ParsePageToken(kList, request->page_token()));
    ASSIGN_OR_RETURN(const int64_t count, PageSize(request->page_size()));
    ASSIGN_OR_RETURN(const std::vector<CooperativeRow> rows,
                     parts_.cooperatives.List(after, count));
    for (const CooperativeRow& row : rows) {
      ASSIGN_OR_RETURN(const auto base, parts_.later.find_base(row.id));
      *response->add_cooperatives() = ToMessage(row, base);
    }
    if (static_cast<int64_t>(rows.size()) == count) {
      response->set_next_page_token(FormatPageToken(kList, rows.back().id));
    }
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/ListCooperatives", body);
}

grpc::ServerUnaryReactor* CooperativeAdminService::ImportCheckpoint(
    grpc::CallbackServerContext* context, const v1::ImportCheckpointRequest* request,
    v1::Cooperative* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  auto log = std::make_shared<RequestLog>("CooperativeAdmin/ImportCheckpoint");
  const auto allowed = [&]() -> absl::StatusOr<Caller> {
    ASSIGN_OR_RETURN(const Caller caller, parts_.resolver.Resolve(*context, *request));
    log->SetCaller(caller);
    RETURN_IF_ERROR(caller.RequireAdministrator());
    ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request->parent()));
    RETURN_IF_ERROR(parts_.cooperatives.GetFor(id, CooperativeAct::kImportBase).status());
    return caller;
  }();
  absl::Status status = allowed.status();
  if (status.ok()) {
    // request and response live until the reactor finishes.
    status = parts_.workers.Add([=, this, actor = allowed->Name()] {
      const auto work = [&]() -> absl::Status {
        ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request->parent()));
        RETURN_IF_ERROR(parts_.later.import_base(id, request->source_directory(), actor));
        ASSIGN_OR_RETURN(*response, Message(id));
        return absl::OkStatus();
      };
      reactor->Finish(log->End(work()));
    });
  }
  if (!status.ok()) reactor->Finish(log->End(status));
  return reactor;
}

absl::Status CooperativeAdminService::CheckProbeText(
    const v1::AddProbeTextRequest::Header& header) const {
  ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(header.parent()));
  ASSIGN_OR_RETURN(const CooperativeRow cooperative,
                   parts_.cooperatives.GetFor(id, CooperativeAct::kAddProbeText));
  if (header.public_class()) {
    RETURN_IF_ERROR(CheckId(header.domain(), "domain"));
    if (cooperative.HasDomain(header.domain())) {
      return FieldError("domain",
                        absl::StrCat(header.domain(),
                                     " found; a public class must have a name "
                                     "that is no member's domain"),
                        "name it public");
    }
    return absl::OkStatus();
  }
  return cooperative.HasDomain(header.domain()) ? absl::OkStatus()
                                                : DomainUnknown(header.domain(), cooperative);
}

absl::StatusOr<v1::ProbeText> CooperativeAdminService::StoreProbeText(
    const v1::AddProbeTextRequest::Header& header, const std::string& text, const Caller& caller) {
  ASSIGN_OR_RETURN(const DocumentSplit split,
                   SplitProbeText(text, header.domain(), header.format()));
  ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(header.parent()));
  ProbeTextRow row = {.cooperative = id,
                      .domain = header.domain(),
                      .public_class = header.public_class(),
                      .format = header.format(),
                      .digest = {},
                      .size_bytes = static_cast<int64_t>(text.size()),
                      .router_documents = static_cast<int64_t>(split.first.size()),
                      .evaluation_documents = static_cast<int64_t>(split.second.size())};
  ASSIGN_OR_RETURN(const std::vector<ProbeTextRow> others, parts_.cooperatives.ListProbeTexts(id));
  RETURN_IF_ERROR(CheckDocumentsApart(row.domain, split, TextFiles(parts_.blobs, others)));
  ASSIGN_OR_RETURN(row.digest, parts_.blobs.PutBytes(text));
  const absl::Status changed = parts_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(CheckProbeText(header));  // the phase may have changed meanwhile
    RETURN_IF_ERROR(parts_.blobs.Size(row.digest).status());  // and the blob been collected
    RETURN_IF_ERROR(parts_.cooperatives.InsertProbeText(row, parts_.clock.Now()));
    return parts_.audit
        .Append(caller.Name(), "ADD_PROBE_TEXT", CooperativeName(id),
                {{"domain", row.domain},
                 {"public_class", row.public_class},
                 {"sha256", row.digest.Hex()}})
        .status();
  });
  RETURN_IF_ERROR(changed);
  return ToMessage(row);
}

grpc::ServerReadReactor<v1::AddProbeTextRequest>* CooperativeAdminService::AddProbeText(
    grpc::CallbackServerContext* context, v1::ProbeText* response) {
  RequestLog log("CooperativeAdmin/AddProbeText");
  absl::StatusOr<Caller> caller = parts_.resolver.ResolveStream(*context);
  if (caller.ok()) log.SetCaller(*caller);
  const absl::Status allowed = caller.ok() ? caller->RequireAdministrator() : caller.status();
  ProbeTextStream::Steps steps;
  steps.check = [this, allowed](const v1::AddProbeTextRequest::Header& header) -> absl::Status {
    RETURN_IF_ERROR(allowed);
    return CheckProbeText(header);
  };
  steps.store = [this, caller](const v1::AddProbeTextRequest::Header& header,
                               const std::string& text) -> absl::StatusOr<v1::ProbeText> {
    return StoreProbeText(header, text, *caller);
  };
  return new ProbeTextStream(std::move(log), std::move(steps), parts_.workers, response);
}

grpc::ServerReadReactor<v1::AddProbeTextRequest>* CooperativeAdminService::ShareSample(
    grpc::CallbackServerContext* context, v1::ProbeText* response) {
  RequestLog log("CooperativeAdmin/ShareSample");
  absl::StatusOr<Caller> caller = parts_.resolver.ResolveStream(*context);
  if (caller.ok()) log.SetCaller(*caller);
  ProbeTextStream::Steps steps;
  steps.check = [this, caller](const v1::AddProbeTextRequest::Header& header) -> absl::Status {
    RETURN_IF_ERROR(caller.status());
    return samples_.Check(header, *caller).status();
  };
  steps.store = [this, caller](const v1::AddProbeTextRequest::Header& header,
                               const std::string& text) -> absl::StatusOr<v1::ProbeText> {
    ASSIGN_OR_RETURN(const ProbeTextRow row, samples_.Store(header, text, *caller));
    return ToMessage(row);
  };
  return new ProbeTextStream(std::move(log), std::move(steps), parts_.workers, response);
}

grpc::ServerUnaryReactor* CooperativeAdminService::ListProbeTexts(
    grpc::CallbackServerContext* context, const v1::ListProbeTextsRequest* request,
    v1::ListProbeTextsResponse* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request->parent()));
    RETURN_IF_ERROR(caller.RequireCooperative(id));
    RETURN_IF_ERROR(parts_.cooperatives.Get(id).status());
    ASSIGN_OR_RETURN(const std::vector<ProbeTextRow> rows, parts_.cooperatives.ListProbeTexts(id));
    for (const ProbeTextRow& row : rows) *response->add_probe_texts() = ToMessage(row);
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/ListProbeTexts", body);
}

// What a charter will say, without the time.
absl::StatusOr<Charter> CooperativeAdminService::DraftCharter(
    const std::string& cooperative) const {
  Charter charter;
  ASSIGN_OR_RETURN(charter.cooperative,
                   parts_.cooperatives.GetFor(cooperative, CooperativeAct::kLaunch));
  ASSIGN_OR_RETURN(const auto base, parts_.later.find_base(cooperative));
  if (!base.has_value()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "BASE_CHECKPOINT_MISSING",
                     {.what = absl::StrCat(CooperativeName(cooperative),
                                           ": no base checkpoint; must have one to be launched"),
                      .why = "every specialist starts from the cooperative's base",
                      .fix = "kalavai-coordinator base import DIRECTORY"});
  }
  charter.coordinator_id = parts_.signing_key.public_key().Hint();
  charter.base_root_digest = base->root_digest;
  ASSIGN_OR_RETURN(charter.tokenizer_digest, BaseFile(*base, "tokenizer.json"));
  ASSIGN_OR_RETURN(charter.probe_texts, parts_.cooperatives.ListProbeTexts(cooperative));
  return charter;
}

absl::Status CooperativeAdminService::CheckCharter(const Charter& charter) const {
  ASSIGN_OR_RETURN(const auto base, parts_.later.find_base(charter.cooperative.id));
  if (!base.has_value()) return absl::OkStatus();  // DraftCharter says so
  ASSIGN_OR_RETURN(const Digest config, BaseFile(*base, "config.json"));
  return CheckTextsMeasurable({.config = parts_.blobs.Path(config),
                               .tokenizer = parts_.blobs.Path(charter.tokenizer_digest)},
                              TextFiles(parts_.blobs, charter.probe_texts),
                              charter.cooperative.chunk_tokens);
}

grpc::ServerWriteReactor<v1::ReadProbeTextResponse>* CooperativeAdminService::ReadProbeText(
    grpc::CallbackServerContext* context, const v1::ReadProbeTextRequest* request) {
  RequestLog log("CooperativeAdmin/ReadProbeText");
  const auto text = [&]() -> absl::StatusOr<ProbeTextRow> {
    ASSIGN_OR_RETURN(const Caller caller, parts_.resolver.Resolve(*context, *request));
    log.SetCaller(caller);
    return router_parts_.Check(*request, caller);
  }();
  return new RouterPartStream(std::move(log), text, router_parts_, parts_.workers);
}

absl::Status CooperativeAdminService::Launch(const std::string& cooperative, const Caller& caller) {
  for (;;) {
    // Cutting texts takes seconds: before the transaction, and again where it finds others.
    ASSIGN_OR_RETURN(Charter checked, DraftCharter(cooperative));
    RETURN_IF_ERROR(CheckCharter(checked));
    bool same = false;
    const absl::Status written = parts_.database.Transact([&]() -> absl::Status {
      ASSIGN_OR_RETURN(Charter charter, DraftCharter(cooperative));
      same = FormatCharter(charter) == FormatCharter(checked);
      if (!same) return absl::OkStatus();
      charter.launch_time = parts_.clock.Now();
      ASSIGN_OR_RETURN(const std::string envelope, SignCharter(charter, parts_.signing_key));
      RETURN_IF_ERROR(parts_.cooperatives.SetLaunched(cooperative, envelope, charter.launch_time));
      return parts_.audit
          .Append(caller.Name(), "LAUNCH_COOPERATIVE", CooperativeName(cooperative),
                  {{"charter_sha256", Sha256Of(FormatCharter(charter)).Hex()},
                   {"base", charter.base_root_digest.Hex()}})
          .status();
    });
    RETURN_IF_ERROR(written);
    if (same) return absl::OkStatus();
  }
}

grpc::ServerUnaryReactor* CooperativeAdminService::LaunchCooperative(
    grpc::CallbackServerContext* context, const v1::LaunchCooperativeRequest* request,
    v1::Cooperative* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    RETURN_IF_ERROR(caller.RequireAdministrator());
    ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request->name()));
    RETURN_IF_ERROR(Launch(id, caller));
    ASSIGN_OR_RETURN(*response, Message(id));
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/LaunchCooperative",
                     body);
}

absl::Status CooperativeAdminService::Invite(const v1::CreateInvitationRequest& request,
                                             const Caller& caller, v1::Invitation& response) {
  ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request.parent()));
  RETURN_IF_ERROR(CheckContributorId(request.contributor_id()));
  const absl::Time now = parts_.clock.Now();
  Secret<std::string> secret = NewInvitationSecret();
  const InvitationRow invitation = {.secret_digest = InvitationSecretDigest(secret.Reveal()),
                                    .cooperative = id,
                                    .contributor = request.contributor_id(),
                                    .expire_time = now + absl::Seconds(limits::kInvitationSeconds)};
  const absl::Status changed = parts_.database.Transact([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const CooperativeRow cooperative,
                     parts_.cooperatives.GetFor(id, CooperativeAct::kInvite));
    if (!cooperative.HasDomain(request.domain())) {
      return DomainUnknown(request.domain(), cooperative);
    }
    const absl::StatusOr<ContributorRow> known =
        parts_.cooperatives.GetContributor(id, request.contributor_id());
    // Somebody who was invited and never came may be invited again, for the same domain.
    const bool again = known.ok() && known->state == ContributorState::kInvited &&
                       known->domain == request.domain();
    if (!again) {
      RETURN_IF_ERROR(parts_.cooperatives.InsertContributor({.cooperative = id,
                                                             .id = request.contributor_id(),
                                                             .domain = request.domain(),
                                                             .create_time = now}));
    }
    RETURN_IF_ERROR(parts_.cooperatives.InsertInvitation(invitation, now));
    return parts_.audit
        .Append(caller.Name(), "INVITE_CONTRIBUTOR", ContributorName(id, request.contributor_id()),
                {{"domain", request.domain()}})
        .status();
  });
  RETURN_IF_ERROR(changed);
  ASSIGN_OR_RETURN(const Digest fingerprint, Fingerprint(parts_.authority.certificate_pem()));
  const AdvertisedAddresses addresses = parts_.addresses();
  response.set_contributor(ContributorName(id, request.contributor_id()));
  response.set_domain(request.domain());
  response.set_code(FormatInvitationCode({.enroll_address = addresses.enroll,
                                          .service_address = addresses.service,
                                          .authority_fingerprint = fingerprint.Hex(),
                                          .cooperative = id,
                                          .contributor = request.contributor_id(),
                                          .secret = std::move(secret)}));
  *response.mutable_expire_time() = ToTimestamp(invitation.expire_time);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* CooperativeAdminService::CreateInvitation(
    grpc::CallbackServerContext* context, const v1::CreateInvitationRequest* request,
    v1::Invitation* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    RETURN_IF_ERROR(caller.RequireAdministrator());
    return Invite(*request, caller, *response);
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/CreateInvitation", body);
}

grpc::ServerUnaryReactor* CooperativeAdminService::GetContributor(
    grpc::CallbackServerContext* context, const v1::GetContributorRequest* request,
    v1::Contributor* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    ASSIGN_OR_RETURN(const ChildName name, ParseContributorName(request->name()));
    RETURN_IF_ERROR(caller.RequireContributor(name.cooperative, name.id));
    ASSIGN_OR_RETURN(const ContributorRow row,
                     parts_.cooperatives.GetContributor(name.cooperative, name.id));
    ASSIGN_OR_RETURN(*response, Message(row, caller, /*with_receipt=*/true));
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/GetContributor", body);
}

grpc::ServerUnaryReactor* CooperativeAdminService::ListContributors(
    grpc::CallbackServerContext* context, const v1::ListContributorsRequest* request,
    v1::ListContributorsResponse* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string id, ParseCooperativeName(request->parent()));
    RETURN_IF_ERROR(caller.RequireCooperative(id));
    RETURN_IF_ERROR(parts_.cooperatives.Get(id).status());
    const std::string list = absl::StrCat("ListContributors ", id);
    ASSIGN_OR_RETURN(const std::string after, ParsePageToken(list, request->page_token()));
    ASSIGN_OR_RETURN(const int64_t count, PageSize(request->page_size()));
    ASSIGN_OR_RETURN(const std::vector<ContributorRow> rows,
                     parts_.cooperatives.ListContributors(id, after, count));
    for (const ContributorRow& row : rows) {
      ASSIGN_OR_RETURN(*response->add_contributors(), Message(row, caller, /*with_receipt=*/false));
    }
    if (static_cast<int64_t>(rows.size()) == count) {
      response->set_next_page_token(FormatPageToken(list, rows.back().id));
    }
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/ListContributors", body);
}

absl::Status CooperativeAdminService::Withdraw(const v1::WithdrawContributorRequest& request,
                                               const Caller& caller) {
  ASSIGN_OR_RETURN(const ChildName name, ParseContributorName(request.name()));
  if (request.comment().size() > limits::kCommentBytesMax) {
    return FieldError("comment", "must be at most 1,000 bytes", "shorten it");
  }
  return parts_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(
        parts_.cooperatives.GetFor(name.cooperative, CooperativeAct::kWithdraw).status());
    ASSIGN_OR_RETURN(const ContributorRow row,
                     parts_.cooperatives.GetContributor(name.cooperative, name.id));
    if (row.state == ContributorState::kWithdrawn) return absl::OkStatus();  // repeated
    if (caller.revoked) return PermissionDenied();  // revoked for another reason than leaving
    const absl::Time now = parts_.clock.Now();
    RETURN_IF_ERROR(parts_.cooperatives.Withdraw(name.cooperative, name.id, now));
    RETURN_IF_ERROR(parts_.certificates.RevokeContributor(name.cooperative, name.id, now));
    RETURN_IF_ERROR(
        parts_.later.withdraw_contributor(request.name(), caller.Name(), request.comment()));
    return parts_.audit
        .Append(caller.Name(), "WITHDRAW_CONTRIBUTOR", request.name(),
                {{"comment", request.comment()}})
        .status();
  });
}

absl::Status CooperativeAdminService::Leave(const v1::WithdrawContributorRequest& request,
                                            const Caller& caller, v1::Contributor& response) {
  ASSIGN_OR_RETURN(const ChildName name, ParseContributorName(request.name()));
  RETURN_IF_ERROR(Withdraw(request, caller));
  RETURN_IF_ERROR(parts_.later.after_withdrawal());
  ASSIGN_OR_RETURN(const ContributorRow row,
                   parts_.cooperatives.GetContributor(name.cooperative, name.id));
  ASSIGN_OR_RETURN(response, Message(row, caller, /*with_receipt=*/true));
  return absl::OkStatus();
}

// Deleting takes as long as the disk needs. A member that has left already may ask again, with the
// certificate that was revoked when it did: its receipt may have been lost on the way.
grpc::ServerUnaryReactor* CooperativeAdminService::WithdrawContributor(
    grpc::CallbackServerContext* context, const v1::WithdrawContributorRequest* request,
    v1::Contributor* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  auto log = std::make_shared<RequestLog>("CooperativeAdmin/WithdrawContributor");
  const auto allowed = [&]() -> absl::StatusOr<Caller> {
    ASSIGN_OR_RETURN(Caller caller, parts_.resolver.ResolveLeaving(*context, *request));
    log->SetCaller(caller);
    ASSIGN_OR_RETURN(const ChildName name, ParseContributorName(request->name()));
    RETURN_IF_ERROR(caller.RequireContributor(name.cooperative, name.id));
    return caller;
  }();
  absl::Status status = allowed.status();
  if (status.ok()) {
    // request and response live until the reactor finishes.
    status = parts_.workers.Add([=, this, caller = *allowed] {
      reactor->Finish(log->End(Leave(*request, caller, *response)));
    });
  }
  if (!status.ok()) reactor->Finish(log->End(status));
  return reactor;
}

absl::Status CooperativeAdminService::Renew(const v1::RenewCertificateRequest& request,
                                            const Caller& caller,
                                            v1::RenewCertificateResponse& response) {
  const absl::Time now = parts_.clock.Now();
  ASSIGN_OR_RETURN(const std::string certificate,
                   parts_.authority.IssueClientCertificate(
                       {.csr_pem = request.certificate_request(),
                        .common_name = caller.contributor,
                        .now = now,
                        .lifetime = absl::Seconds(limits::kCertificateSeconds)}));
  CertificateRow row = {.cooperative = caller.cooperative, .contributor = caller.contributor};
  ASSIGN_OR_RETURN(row.fingerprint, Fingerprint(certificate));
  ASSIGN_OR_RETURN(row.not_after, NotAfter(certificate));
  const absl::Status changed = parts_.database.Transact([&]() -> absl::Status {
    RETURN_IF_ERROR(parts_.certificates.Insert(row, now));
    RETURN_IF_ERROR(parts_.cooperatives.SetCertificateExpiry(caller.cooperative, caller.contributor,
                                                             row.not_after));
    return parts_.audit
        .Append(caller.Name(), "RENEW_CERTIFICATE", caller.Name(),
                {{"certificate", row.fingerprint.Hex()}})
        .status();
  });
  RETURN_IF_ERROR(changed);
  response.set_certificate_chain(absl::StrCat(certificate, parts_.authority.certificate_pem()));
  *response.mutable_expire_time() = ToTimestamp(row.not_after);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* CooperativeAdminService::RenewCertificate(
    grpc::CallbackServerContext* context, const v1::RenewCertificateRequest* request,
    v1::RenewCertificateResponse* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    RETURN_IF_ERROR(caller.RequireMemberOf(caller.cooperative));
    return Renew(*request, caller, *response);
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/RenewCertificate", body);
}

grpc::ServerUnaryReactor* CooperativeAdminService::DecideSubmission(
    grpc::CallbackServerContext* context, const v1::DecideSubmissionRequest* request,
    v1::DecideSubmissionResponse* response) {
  const auto body = [&](const Caller& caller) -> absl::Status {
    RETURN_IF_ERROR(caller.RequireAdministrator());
    RETURN_IF_ERROR(ParseSubmissionName(request->name()).status());
    if (request->comment().empty() || request->comment().size() > limits::kCommentBytesMax) {
      return FieldError("comment", "must be 1 to 1,000 bytes", "say who decided and why");
    }
    ASSIGN_OR_RETURN(const std::string state,
                     parts_.later.decide_submission({.name = request->name(),
                                                     .admit = request->admit(),
                                                     .comment = request->comment(),
                                                     .actor = caller.Name()}));
    response->set_name(request->name());
    response->set_state(state);
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, parts_.resolver, "CooperativeAdmin/DecideSubmission", body);
}

}  // namespace kalavai::coordinator
