// What left this machine: one signed list for every act that sends something of the member's.
//
//   RETURN_IF_ERROR(SaveEgressReceipt(workspace, member, {.act = "submit", .subject = name,
//                                                         .items = files}));
//
// A DSSE envelope by the member's own key, type kEgressType, over canonical JSON, written BEFORE
// the first byte leaves, so that nothing is ever sent that no receipt lists:
//   {"act":…,"bytes":N,"contributor":…,"coordinator":"host:port",
//    "items":[{"path":…,"sha256":hex,"size_bytes":N}],"schema":"kalavai.egress/1","subject":…,
//    "time":"…Z"}
// Kept in egress/. The member's text is among the items of one act only, "share-sample", which is
// there to send it.
#ifndef KALAVAI_CONTRIBUTOR_EGRESS_RECEIPT_H_
#define KALAVAI_CONTRIBUTOR_EGRESS_RECEIPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/crypto/sha256.h"
#include "contributor/workspace.h"

namespace kalavai::contributor {

inline constexpr char kEgressType[] = "application/vnd.kalavai.egress.v1+json";

struct EgressItem {
  std::string path;  // a file, or what a request carries ("measurement")
  int64_t size_bytes = 0;
  Digest digest;  // of exactly these bytes
};

struct Egress {
  std::string act;      // "submit", "predict", "share-sample"
  std::string subject;  // a resource name
  std::vector<EgressItem> items;
};

// A receipt that was kept, read back and verified.
struct KeptEgress {
  std::string path;         // of the receipt's file
  std::string contributor;  // resource name
  Egress egress;
};
// All of this workspace, oldest first; none: nothing was ever sent, or they are gone. Errors: those
// of VerifyEnvelope with the member's own key, JSON_INVALID for fields that are none, each with the
// file's path.
absl::StatusOr<std::vector<KeptEgress>> ListEgressReceipts(const Workspace& workspace);

// Returns the receipt's path.
absl::StatusOr<std::string> SaveEgressReceipt(const Workspace& workspace,
                                              const Membership& membership, const Egress& egress);

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_EGRESS_RECEIPT_H_
