#include "coordinator/transparency/transparency_service.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/rpc/page_token.h"
#include "common/rpc/timestamp.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {

namespace {

absl::Status CheckNotNegative(const char* field, int64_t value) {
  if (value >= 0) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                   {.what = absl::StrCat(field, ": ", value, " found; must not be negative"),
                    .fix = "start at 0",
                    .metadata = {{"field", field}}});
}

void WriteEntry(const LogLeaf& leaf, v1::LogEntry& entry) {
  entry.set_index(leaf.index);
  entry.set_leaf(leaf.leaf);
  entry.set_leaf_hash(leaf.leaf_hash.Hex());
  *entry.mutable_time() = ToTimestamp(leaf.time);
}

template <typename Response>
void WriteHashes(const std::vector<Digest>& hashes, Response& response) {
  for (const Digest& hash : hashes) response.add_hashes(std::string(hash.bytes()));
}

}  // namespace

grpc::ServerUnaryReactor* TransparencyService::ListLogEntries(
    grpc::CallbackServerContext* context, const v1::ListLogEntriesRequest* request,
    v1::ListLogEntriesResponse* response) {
  const auto body = [&](const Caller&) -> absl::Status {
    RETURN_IF_ERROR(CheckNotNegative("start_index", request->start_index()));
    ASSIGN_OR_RETURN(const int64_t count, PageSize(request->page_size()));
    ASSIGN_OR_RETURN(const std::vector<LogLeaf> leaves,
                     log_.log().List(request->start_index(), count));
    int64_t bytes = 0;
    for (const LogLeaf& leaf : leaves) {
      bytes += static_cast<int64_t>(leaf.leaf.size());
      if (bytes > limits::kMessageBytesMax && response->entries_size() > 0) break;
      WriteEntry(leaf, *response->add_entries());
    }
    ASSIGN_OR_RETURN(const int64_t size, log_.log().Size());
    response->set_log_size(size);
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, resolver_, "TransparencyLogService/ListLogEntries", body);
}

grpc::ServerUnaryReactor* TransparencyService::GetTreeHead(grpc::CallbackServerContext* context,
                                                           const v1::GetTreeHeadRequest* request,
                                                           v1::TreeHead* response) {
  const auto body = [&](const Caller&) -> absl::Status {
    ASSIGN_OR_RETURN(*response->mutable_note(), log_.Head());
    response->set_verifier_key(log_.verifier().Text());
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, resolver_, "TransparencyLogService/GetTreeHead", body);
}

grpc::ServerUnaryReactor* TransparencyService::GetInclusionProof(
    grpc::CallbackServerContext* context, const v1::GetInclusionProofRequest* request,
    v1::InclusionProof* response) {
  const auto body = [&](const Caller&) -> absl::Status {
    RETURN_IF_ERROR(CheckNotNegative("leaf_index", request->leaf_index()));
    RETURN_IF_ERROR(CheckNotNegative("tree_size", request->tree_size()));
    ASSIGN_OR_RETURN(
        const std::vector<Digest> proof,
        log_.log().ProveInclusion({.index = static_cast<uint64_t>(request->leaf_index()),
                                   .size = static_cast<uint64_t>(request->tree_size())}));
    ASSIGN_OR_RETURN(const std::vector<LogLeaf> leaves, log_.log().List(request->leaf_index(), 1));
    WriteEntry(leaves.at(0), *response->mutable_entry());
    WriteHashes(proof, *response);
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, resolver_, "TransparencyLogService/GetInclusionProof",
                     body);
}

grpc::ServerUnaryReactor* TransparencyService::GetConsistencyProof(
    grpc::CallbackServerContext* context, const v1::GetConsistencyProofRequest* request,
    v1::ConsistencyProof* response) {
  const auto body = [&](const Caller&) -> absl::Status {
    RETURN_IF_ERROR(CheckNotNegative("first_size", request->first_size()));
    RETURN_IF_ERROR(CheckNotNegative("second_size", request->second_size()));
    ASSIGN_OR_RETURN(const std::vector<Digest> proof,
                     log_.log().ProveConsistency(static_cast<uint64_t>(request->first_size()),
                                                 static_cast<uint64_t>(request->second_size())));
    WriteHashes(proof, *response);
    return absl::OkStatus();
  };
  return HandleUnary(context, *request, resolver_, "TransparencyLogService/GetConsistencyProof",
                     body);
}

}  // namespace kalavai::coordinator
