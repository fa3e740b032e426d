#include "coordinator/transparency/transparency_service.h"

#include <vector>

#include "absl/strings/str_cat.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/rpc/page_token.h"
#include "common/rpc/timestamp.h"
#include "coordinator/unary_handler.h"

namespace kalavai::coordinator {

grpc::ServerUnaryReactor* TransparencyService::ListLogEntries(
    grpc::CallbackServerContext* context, const v1::ListLogEntriesRequest* request,
    v1::ListLogEntriesResponse* response) {
  const auto body = [&](const Caller&) -> absl::Status {
    if (request->start_index() < 0) {
      return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                       {.what = absl::StrCat("start_index: ", request->start_index(),
                                             " found; must not be negative"),
                        .fix = "start at 0",
                        .metadata = {{"field", "start_index"}}});
    }
    ASSIGN_OR_RETURN(const int64_t count, PageSize(request->page_size()));
    ASSIGN_OR_RETURN(const std::vector<LogLeaf> leaves, log_.List(request->start_index(), count));
    int64_t bytes = 0;
    for (const LogLeaf& leaf : leaves) {
      bytes += static_cast<int64_t>(leaf.leaf.size());
      if (bytes > limits::kMessageBytesMax && response->entries_size() > 0) break;
      v1::LogEntry& entry = *response->add_entries();
      entry.set_index(leaf.index);
      entry.set_leaf(leaf.leaf);
      entry.set_leaf_hash(leaf.leaf_hash.Hex());
      *entry.mutable_time() = ToTimestamp(leaf.time);
    }
    ASSIGN_OR_RETURN(const int64_t size, log_.Size());
    response->set_log_size(size);
    return absl::OkStatus();
  };
  return HandleUnary(context, resolver_, "TransparencyLogService/ListLogEntries", body);
}

}  // namespace kalavai::coordinator
