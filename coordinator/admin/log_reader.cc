#include "coordinator/admin/log_reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/merkle_tree.h"
#include "common/crypto/tree_head.h"
#include "common/rpc/retry.h"
#include "coordinator/admin/log_audit.h"

namespace kalavai::coordinator {

void AddLogKeyFlag(CLI::App& app, std::string& key) {
  app.add_option("--key", key,
                 "verifier key NAME+ID+BASE64 to trust, as 'kalavai join' printed it (default: the "
                 "key the server names)");
}

LogReader::LogReader(AdminConnection connection, NoteVerifier verifier, TreeState head,
                     std::string note)
    : connection_(std::move(connection)),
      stub_(v1::TransparencyLogService::NewStub(connection_.channel)),
      verifier_(std::move(verifier)),
      head_(head),
      note_(std::move(note)) {}

absl::StatusOr<LogReader> LogReader::Open(const AdminFlags& flags, const std::string& key) {
  // A key that was typed is checked before anybody is asked.
  if (!key.empty()) RETURN_IF_ERROR(NoteVerifier::FromText(key).status());
  ASSIGN_OR_RETURN(AdminConnection connection, Connect(flags));
  const auto stub = v1::TransparencyLogService::NewStub(connection.channel);
  ASSIGN_OR_RETURN(v1::TreeHead head, CallUnary(connection.address, *stub, &Stub::GetTreeHead,
                                                v1::GetTreeHeadRequest()));
  absl::StatusOr<NoteVerifier> verifier =
      NoteVerifier::FromText(key.empty() ? head.verifier_key() : key);
  if (!verifier.ok()) return LogContradiction(verifier.status().message());
  const absl::StatusOr<TreeState> state = VerifyTreeHead(head.note(), *verifier);
  if (!state.ok()) {
    return LogContradiction(absl::StrCat("its tree head: ", state.status().message()));
  }
  return LogReader(std::move(connection), *std::move(verifier), *state,
                   std::move(*head.mutable_note()));
}

absl::Status LogReader::Read(Range range,
                             absl::FunctionRef<absl::Status(const v1::LogEntry&)> visit) const {
  v1::ListLogEntriesRequest request;
  for (uint64_t next = range.start; next < range.end;) {
    request.set_start_index(static_cast<int64_t>(next));
    request.set_page_size(
        static_cast<int32_t>(std::min<uint64_t>(range.end - next, limits::kPageSizeMax)));
    ASSIGN_OR_RETURN(const v1::ListLogEntriesResponse page,
                     CallUnary(connection_.address, *stub_, &Stub::ListLogEntries, request));
    if (page.entries().empty()) {
      return LogContradiction(
          absl::StrCat("leaf ", next, " is missing; the signed head says ", head_.size, " leaves"));
    }
    for (const v1::LogEntry& entry : page.entries()) {
      if (next == range.end) break;
      RETURN_IF_ERROR(visit(entry));
      ++next;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::InclusionProof> LogReader::Prove(uint64_t index) const {
  if (index >= head_.size) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                     {.what = absl::StrCat("leaf ", index, " asked for; the log has ", head_.size,
                                           " leaves, the first is 0"),
                      .fix = "'kalavai-coordinator log' shows the newest leaves and their indices",
                      .metadata = {{"field", "index"}}});
  }
  v1::GetInclusionProofRequest request;
  request.set_leaf_index(static_cast<int64_t>(index));
  request.set_tree_size(static_cast<int64_t>(head_.size));
  ASSIGN_OR_RETURN(v1::InclusionProof proof,
                   CallUnary(connection_.address, *stub_, &Stub::GetInclusionProof, request));
  std::vector<Digest> hashes;
  for (const std::string& bytes : proof.hashes()) {
    const absl::StatusOr<Digest> hash = Digest::FromBytes(bytes);
    if (!hash.ok()) return LogContradiction(hash.status().message());
    hashes.push_back(*hash);
  }
  const absl::Status included = VerifyInclusion({.index = index, .size = head_.size},
                                                LeafHash(proof.entry().leaf()), hashes, head_.root);
  if (!included.ok()) return LogContradiction(included.message());
  return proof;
}

}  // namespace kalavai::coordinator
