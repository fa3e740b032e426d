// A member's directory: the only place that knows where anything in it is.
//
//   WORKSPACE/                  mode 0700; --workspace DIR, by default ~/.kalavai
//     member.json               who this member is and where its coordinator answers
//     charter.json              the charter, a DSSE envelope signed by the coordinator
//     keys/signing_key.pem      P-256, 0600: signs submissions and egress receipts; never leaves
//     keys/coordinator.pub.pem  what charter, base, receipts and releases are signed with
//     tls/client.key            0600
//     tls/client.pem            the certificate chain from enrolment, leaf first
//     tls/authority.pem         the CA the coordinator's certificate must come from
//     log/verifier_key          key of the coordinator's record, pinned at joining
//     log/tree_head             the last tree head seen, a signed note; log/lock guards it
//     base/                     the canonical base, verified; base.partial/ while it arrives
//     training/                 training state, report.json (measured losses), privacy.json
//                               (audit), row.json (losses on probe text), documents.txt
//                               (digests of what was trained on; stays)
//     specialist/               the trained specialist: config.json, model.safetensors, …
//     submission/               the flat signed directory that is uploaded
//     receipts/                 what the coordinator signed for this member; withdrawal.json when
//                               it has left
//     egress/                   signed lists of every byte that left
//
//   Workspace workspace(flags->workspace);
//   ASSIGN_OR_RETURN(const Membership member, workspace.LoadMembership());   // NOT_JOINED
//   ASSIGN_OR_RETURN(const std::string base, workspace.VerifiedBase());      //
//   CHECKPOINT_NOT_FETCHED
//
// member.json is written last by `join`: without it nothing else in the directory counts. Errors
// besides those below: FILE_NOT_FOUND, FILE_TOO_LARGE, IO_ERROR, DISK_FULL, JSON_INVALID with the
// path. A value; any thread; files are replaced atomically.
#ifndef KALAVAI_CONTRIBUTOR_WORKSPACE_H_
#define KALAVAI_CONTRIBUTOR_WORKSPACE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace CLI {
class App;
}

namespace kalavai::contributor {

// member.json.
struct Membership {
  std::string coordinator;  // host:port of the listener for members
  std::string cooperative;  // cooperatives/{c}
  std::string contributor;  // cooperatives/{c}/contributors/{contributor}
  std::string domain;
  std::string base_digest;   // OMS root digest of the canonical base, 64 hex digits
  int64_t freeze_depth = 0;  // lowest blocks, with the input embedding, kept as in the base
  int64_t chunk_tokens = 0;  // of one evaluation chunk
  std::string authority_fingerprint;  // SHA-256 of the CA certificate's DER, hex

  std::string CooperativeId() const;  // "nordic"
  std::string ContributorId() const;  // "st-mary"
};

// training/report.json: what this machine measured on its own held-out text, losses in nats per
// token. Written by `train` and `train --pilot`, read by `predict` and `submit`.
struct TrainingReport {
  double base_loss = 0;
  double own_loss = 0;
  int64_t held_out_tokens = 0;
  int64_t steps = 0;   // optimizer steps behind own_loss
  bool pilot = false;  // own_loss is extrapolated from a short run
  // Of base_loss − own_loss, nats/token: sampling of the text, or a pilot's forecast error; 0 = not
  // known.
  double improvement_standard_error = 0;
  double measured_loss = 0;  // of the specialist as written, own_loss unless a pilot; 0 = not known

  // 100·(base_loss − own_loss) / base_loss, percent (design §2); may be negative.
  double DivergencePercent() const;
};

class Workspace {
 public:
  explicit Workspace(std::string root);

  const std::string& root() const { return root_; }
  std::string MemberFile() const;
  std::string CharterFile() const;
  std::string SigningKeyFile() const;
  std::string CoordinatorKeyFile() const;
  std::string TlsKeyFile() const;
  std::string TlsCertificateFile() const;
  std::string TlsAuthorityFile() const;
  std::string BaseDirectory() const;
  std::string BasePartialDirectory() const;
  std::string TrainingDirectory() const;
  std::string TrainingReportFile() const;
  std::string PrivacyReportFile() const;
  std::string MeasuredRowFile() const;     // of `predict --rows`; may be absent
  std::string GateStatisticsFile() const;  // of `statistics`; may be absent
  std::string TrainingDocumentsFile() const;
  std::string PilotDirectory() const;  // weights of `train --pilot` until a whole run has ended
  std::string SpecialistDirectory() const;
  std::string SubmissionDirectory() const;
  std::string SubmissionPartialDirectory() const;
  std::string ReceiptsDirectory() const;
  std::string WithdrawalReceiptFile() const;
  std::string EgressDirectory() const;
  std::string LogDirectory() const;
  std::string LogKeyFile() const;
  std::string TreeHeadFile() const;

  // Creates the directory and its folders, mode 0700. Idempotent.
  absl::Status Create() const;

  bool HasJoined() const;
  // FAILED_PRECONDITION NOT_JOINED when there is no member.json; JSON_INVALID when it is damaged.
  absl::StatusOr<Membership> LoadMembership() const;
  // Durable, mode 0600.
  absl::Status SaveMembership(const Membership& membership) const;

  // Whether `fetch` has put a base there; says nothing of its bytes now.
  bool HasBase() const;
  // BaseDirectory(), after reading every file again: FAILED_PRECONDITION CHECKPOINT_NOT_FETCHED
  // when there is none, BASE_MISMATCH when its root digest is not the charter's. SHA-256 over the
  // base: about a second a gigabyte.
  absl::StatusOr<std::string> VerifiedBase() const;
  // SpecialistDirectory() when it holds weights; FAILED_PRECONDITION NOT_TRAINED otherwise.
  absl::StatusOr<std::string> TrainedSpecialist() const;
  // The weights that the training report tells of: the pilot's after a pilot, else the
  // specialist's. FAILED_PRECONDITION NOT_TRAINED when there are none.
  absl::StatusOr<std::string> ReportedSpecialist() const;
  // FAILED_PRECONDITION NOT_TRAINED when there is none; MEASUREMENT_INVALID when a loss is not a
  // positive finite number.
  absl::StatusOr<TrainingReport> LoadTrainingReport() const;
  // Durable; creates training/ when missing.
  absl::Status SaveTrainingReport(const TrainingReport& report) const;

 private:
  std::string root_;
};

// ~/.kalavai, with the home directory of the passwd entry.
std::string DefaultWorkspaceRoot();

// Adds `--workspace DIR` to a command of the member; `*root` gets the default first.
void AddWorkspaceOption(CLI::App& app, std::string* root);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_WORKSPACE_H_
