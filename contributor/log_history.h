// What this member knows of the coordinator's record, kept so that history cannot be rewritten
// unseen: the log's verifier key, pinned when the member joined, and the last tree head.
//
//   RETURN_IF_ERROR(CheckLogHistory(workspace, coordinator.address(), coordinator.channel));
//
// Each contact asks for the head of now, demands the pinned key's signature and a proof that the
// log of now begins with the log of then, and only then keeps the new head in place of the old:
// durably, all or nothing, one process of a workspace at a time.
//
// Errors: DATA_LOSS LOG_INCONSISTENT (exit code 4) when the log shrank, forked, changed its key or
// cannot prove itself; the kept head stays, as evidence. DATA_LOSS KEPT_HEAD_DAMAGED (exit code 1)
// when this member's own key or head is not what was kept: that accuses nobody, nothing is asked
// and nothing is written. Those of the connection as they are: a coordinator that does not answer
// is not one that lies. What is signed and hashed: docs/formats/transparency-log.md. Any thread.
#ifndef KALAVAI_CONTRIBUTOR_LOG_HISTORY_H_
#define KALAVAI_CONTRIBUTOR_LOG_HISTORY_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/channel.h"
#include "nlohmann/json.hpp"

#include "common/crypto/merkle_proof.h"
#include "common/crypto/note_key.h"
#include "common/crypto/signing_key.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

// The record as this workspace last saw and proved it.
struct KeptHead {
  NoteVerifier verifier;  // pinned
  TreeState state;        // what its note says
};

// Read from the files and verified; nothing when neither key nor head is kept (a workspace from
// before logs were signed). KEPT_HEAD_DAMAGED when one is missing or does not verify.
absl::StatusOr<std::optional<KeptHead>> ReadKeptHead(const Workspace& workspace);

// At joining: the key must be named after the coordinator's key and have signed the head; both are
// kept. PERMISSION_DENIED COORDINATOR_NOT_TRUSTED otherwise.
absl::Status PinLog(const Workspace& workspace, const PublicKey& coordinator_key,
                    absl::string_view verifier_key, absl::string_view tree_head);

// Asks, proves and keeps as above; returns what the log holds now. A workspace from before logs
// were signed pins the key that it finds, named after the coordinator's.
absl::StatusOr<TreeState> CheckLogHistory(const Workspace& workspace, const std::string& address,
                                          const std::shared_ptr<grpc::Channel>& channel);

// A verified receipt's own claim to be recorded: its leaf says what the receipt says, lies under
// the tree head that came with it, and that head and the kept one are of one log. LOG_INCONSISTENT.
absl::Status CheckReceiptRecorded(const Workspace& workspace, const std::string& address,
                                  const std::shared_ptr<grpc::Channel>& channel,
                                  const nlohmann::json& receipt);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_LOG_HISTORY_H_
