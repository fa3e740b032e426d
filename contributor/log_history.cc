#include "contributor/log_history.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <sys/file.h>

#include "common/base/check.h"
#include "common/base/errors.h"
#include "common/base/json_reader.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/crypto/merkle_tree.h"
#include "common/crypto/note_key.h"
#include "common/crypto/receipt.h"
#include "common/crypto/tree_head.h"
#include "common/rpc/retry.h"
#include "common/storage/atomic_file.h"
#include "common/storage/file_descriptor.h"
#include "kalavai/v1/transparency.grpc.pb.h"

namespace kalavai::contributor {
namespace {

using Stub = v1::TransparencyLogService::Stub;
constexpr mode_t kPrivateFile = 0600;

absl::Status Inconsistent(const Workspace& workspace, absl::string_view what) {
  return MakeError(
      absl::StatusCode::kDataLoss, "LOG_INCONSISTENT",
      {.what = absl::StrCat("the coordinator's record contradicts what this workspace has seen: ",
                            what),
       .why = "the record is append-only: every later tree head must begin with every earlier one; "
              "a coordinator whose history changed may have changed anything",
       .fix = absl::StrCat("stop; compare the tree head in ", workspace.TreeHeadFile(),
                           " with other members' and ask the launcher what happened"),
       .metadata = {{"kept_tree_head", workspace.TreeHeadFile()}}});
}

// The kept key and head are this member's own files: damage there accuses nobody.
absl::Status Damaged(const Workspace& workspace, const std::string& path, absl::string_view what) {
  return MakeError(
      absl::StatusCode::kDataLoss, "KEPT_HEAD_DAMAGED",
      {.what = absl::StrCat(path, ": ", what),
       .why = "without the head that this workspace kept, a rewritten record would go unnoticed",
       .fix = absl::StrCat("put ", workspace.LogDirectory(),
                           " back from a backup; without one, remove it, run 'kalavai status' and "
                           "compare size and root with another member's"),
       .metadata = {{"path", path}}});
}

std::string LogName(const PublicKey& coordinator_key) {
  return absl::StrCat("kalavai/", coordinator_key.Hint());
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

absl::StatusOr<NoteVerifier> LoadVerifier(const Workspace& workspace) {
  ASSIGN_OR_RETURN(const std::string text,
                   ReadFileBounded(workspace.LogKeyFile(), limits::kKeyFileBytesMax));
  return NoteVerifier::FromText(absl::StripAsciiWhitespace(text));
}

absl::StatusOr<TreeState> LoadHead(const Workspace& workspace, const NoteVerifier& verifier) {
  ASSIGN_OR_RETURN(const std::string note,
                   ReadFileBounded(workspace.TreeHeadFile(), limits::kNoteBytesMax));
  return VerifyTreeHead(note, verifier);
}

// One process of a workspace at a time, so that an older head never replaces a newer one.
absl::StatusOr<FileDescriptor> LockLog(const Workspace& workspace) {
  RETURN_IF_ERROR(EnsureDirectory(workspace.LogDirectory(), 0700));
  const std::string path = absl::StrCat(workspace.LogDirectory(), "/lock");
  ASSIGN_OR_RETURN(FileDescriptor lock,
                   FileDescriptor::Open(path, O_RDWR | O_CREAT | O_NOFOLLOW, kPrivateFile));
  while (flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return ErrnoError(errno, "lock", path);
  }
  return lock;
}

// A workspace from before the record was signed: the coordinator's certificate says who it is, and
// from now on the key may not change.
absl::Status PinFirst(const Workspace& workspace, const v1::TreeHead& head) {
  ASSIGN_OR_RETURN(const std::string pem,
                   ReadFileBounded(workspace.CoordinatorKeyFile(), limits::kKeyFileBytesMax));
  ASSIGN_OR_RETURN(const PublicKey key, PublicKey::FromPem(pem));
  return PinLog(workspace, key, head.verifier_key(), head.note());
}

template <typename Proof>
absl::StatusOr<std::vector<Digest>> ReadHashes(const Proof& proof) {
  std::vector<Digest> hashes;
  for (const std::string& bytes : proof.hashes()) {
    ASSIGN_OR_RETURN(hashes.emplace_back(), Digest::FromBytes(bytes));
  }
  return hashes;
}

class History {
 public:
  History(const Workspace& workspace, const std::string& address,
          const std::shared_ptr<grpc::Channel>& channel)
      : workspace_(workspace),
        address_(address),
        stub_(v1::TransparencyLogService::NewStub(channel)) {}

  // Head of now, proved and kept.
  absl::StatusOr<KeptHead> Advance() {
    ASSIGN_OR_RETURN(const FileDescriptor lock, LockLog(workspace_));
    ASSIGN_OR_RETURN(std::optional<KeptHead> kept, ReadKeptHead(workspace_));
    ASSIGN_OR_RETURN(const v1::TreeHead head,
                     CallUnary(address_, *stub_, &Stub::GetTreeHead, v1::GetTreeHeadRequest()));
    if (!kept.has_value()) {
      RETURN_IF_ERROR(PinFirst(workspace_, head));
      ASSIGN_OR_RETURN(kept, ReadKeptHead(workspace_));
      KALAVAI_CHECK(kept.has_value(), "PinLog keeps key and head");
      return *std::move(kept);
    }
    ASSIGN_OR_RETURN(const TreeState now, Verify(head.note(), kept->verifier, "its tree head"));
    RETURN_IF_ERROR(Demand(kept->state, now));
    if (kept->state == now) return *std::move(kept);
    RETURN_IF_ERROR(WriteFileAtomically(workspace_.TreeHeadFile(), head.note(), kPrivateFile));
    kept->state = now;
    return *std::move(kept);
  }

  // What a receipt without evidence says is recorded: its leaf and proof under the kept head.
  absl::StatusOr<ReceiptRecord> AskFor(const nlohmann::json& receipt, const TreeState& now) {
    ReceiptRecord recorded;
    ASSIGN_OR_RETURN(recorded.index, JsonInt(receipt, "log_index"));
    ASSIGN_OR_RETURN(recorded.tree_head,
                     ReadFileBounded(workspace_.TreeHeadFile(), limits::kNoteBytesMax));
    v1::GetInclusionProofRequest request;
    request.set_leaf_index(recorded.index);
    request.set_tree_size(static_cast<int64_t>(now.size));
    const auto answer = CallUnary(address_, *stub_, &Stub::GetInclusionProof, request);
    if (absl::IsInvalidArgument(answer.status())) {
      return Inconsistent(workspace_, absl::StrCat("the receipt's leaf ", recorded.index, ": ",
                                                   answer.status().message()));
    }
    if (!answer.ok()) return answer.status();
    recorded.leaf = answer->entry().leaf();
    absl::StatusOr<std::vector<Digest>> proof = ReadHashes(*answer);
    if (!proof.ok()) return Inconsistent(workspace_, proof.status().message());
    recorded.proof = *std::move(proof);
    return recorded;
  }

  // Both are of one log: the larger begins with the smaller.
  absl::Status Demand(const TreeState& earlier, const TreeState& later) {
    if (earlier.size > later.size) {
      return Inconsistent(
          workspace_, absl::StrCat("it shrank from ", earlier.size, " to ", later.size, " leaves"));
    }
    if (earlier.size == later.size && earlier.root != later.root) {
      return Inconsistent(workspace_, absl::StrCat("root ", later.root.Hex(), " of ", later.size,
                                                   " leaves found; must be ", earlier.root.Hex()));
    }
    v1::ConsistencyProof answer;
    if (earlier.size > 0 && earlier.size < later.size) {
      v1::GetConsistencyProofRequest request;
      request.set_first_size(static_cast<int64_t>(earlier.size));
      request.set_second_size(static_cast<int64_t>(later.size));
      auto proof = CallUnary(address_, *stub_, &Stub::GetConsistencyProof, request);
      if (absl::IsInvalidArgument(proof.status()) || absl::IsDataLoss(proof.status())) {
        return Inconsistent(workspace_, absl::StrCat("it does not prove its own tree head: ",
                                                     proof.status().message()));
      }
      if (!proof.ok()) return proof.status();
      answer = *std::move(proof);
    }
    const absl::StatusOr<std::vector<Digest>> hashes = ReadHashes(answer);
    const absl::Status proved =
        hashes.ok() ? VerifyConsistency(earlier, later, *hashes) : hashes.status();
    if (!proved.ok()) return Inconsistent(workspace_, proved.message());
    return absl::OkStatus();
  }

  absl::StatusOr<TreeState> Verify(absl::string_view note, const NoteVerifier& verifier,
                                   absl::string_view whose) {
    absl::StatusOr<TreeState> state = VerifyTreeHead(note, verifier);
    if (state.ok()) return state;
    return Inconsistent(workspace_, absl::StrCat(whose, ": ", state.status().message()));
  }

 private:
  const Workspace& workspace_;
  const std::string address_;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace

absl::Status PinLog(const Workspace& workspace, const PublicKey& coordinator_key,
                    absl::string_view verifier_key, absl::string_view tree_head) {
  const auto refuse = [](absl::string_view what) {
    return MakeError(absl::StatusCode::kPermissionDenied, "COORDINATOR_NOT_TRUSTED",
                     {.what = absl::StrCat("the coordinator's record: ", what),
                      .why = "a member keeps the key and the first tree head to notice, later, "
                             "when history changes",
                      .fix = "do not go on: tell the launcher"});
  };
  const absl::StatusOr<NoteVerifier> verifier = NoteVerifier::FromText(verifier_key);
  if (!verifier.ok()) return refuse(verifier.status().message());
  if (verifier->name() != LogName(coordinator_key)) {
    return refuse(
        absl::StrCat("key named ", verifier->name(), "; must be ", LogName(coordinator_key)));
  }
  const absl::StatusOr<TreeState> state = VerifyTreeHead(tree_head, *verifier);
  if (!state.ok()) return refuse(state.status().message());
  RETURN_IF_ERROR(EnsureDirectory(workspace.LogDirectory(), 0700));
  RETURN_IF_ERROR(WriteFileAtomically(workspace.TreeHeadFile(), tree_head, kPrivateFile));
  // Last: without the key the head counts for nothing.
  return WriteFileAtomically(workspace.LogKeyFile(), absl::StrCat(verifier->Text(), "\n"),
                             kPrivateFile);
}

absl::StatusOr<std::optional<KeptHead>> ReadKeptHead(const Workspace& workspace) {
  const bool has_key = Exists(workspace.LogKeyFile());
  const bool has_head = Exists(workspace.TreeHeadFile());
  if (!has_key && !has_head) return std::nullopt;
  if (!has_key) {
    return Damaged(workspace, workspace.LogKeyFile(),
                   "is missing beside the tree head; must hold the record's verifier key");
  }
  if (!has_head) {
    return Damaged(workspace, workspace.TreeHeadFile(),
                   "is missing beside the key; must hold the tree head last seen");
  }
  absl::StatusOr<NoteVerifier> verifier = LoadVerifier(workspace);
  if (!verifier.ok()) {
    return Damaged(workspace, workspace.LogKeyFile(), verifier.status().message());
  }
  const absl::StatusOr<TreeState> state = LoadHead(workspace, *verifier);
  if (!state.ok()) return Damaged(workspace, workspace.TreeHeadFile(), state.status().message());
  return KeptHead{.verifier = *std::move(verifier), .state = *state};
}

absl::StatusOr<TreeState> CheckLogHistory(const Workspace& workspace, const std::string& address,
                                          const std::shared_ptr<grpc::Channel>& channel) {
  ASSIGN_OR_RETURN(const KeptHead now, History(workspace, address, channel).Advance());
  return now.state;
}

absl::Status CheckReceiptRecorded(const Workspace& workspace, const std::string& address,
                                  const std::shared_ptr<grpc::Channel>& channel,
                                  const nlohmann::json& receipt) {
  const auto refuse = [&](const absl::Status& status) {
    return Inconsistent(workspace, absl::StrCat("the receipt: ", status.message()));
  };
  History history(workspace, address, channel);
  ASSIGN_OR_RETURN(const KeptHead now, history.Advance());
  const absl::StatusOr<VerdictReceipt> verdict = ReadVerdictReceipt(receipt);
  if (!verdict.ok()) return refuse(verdict.status());
  std::optional<ReceiptRecord> recorded = verdict->record;
  if (!recorded.has_value()) {
    // Signed before receipts carried evidence: the log must have it now.
    ASSIGN_OR_RETURN(recorded, history.AskFor(receipt, now.state));
  }
  const absl::Status matches = CheckReceiptLeaf(*verdict, *recorded);
  if (!matches.ok()) return refuse(matches);
  ASSIGN_OR_RETURN(const TreeState then,
                   history.Verify(recorded->tree_head, now.verifier, "the receipt's tree head"));
  const absl::Status included = CheckReceiptProof(*recorded, then);
  if (!included.ok()) return refuse(included);
  return history.Demand(then, now.state);
}

}  // namespace kalavai::contributor
