// absl::Time <-> google.protobuf.Timestamp, to the microsecond. Pure functions.
#ifndef KALAVAI_COMMON_RPC_TIMESTAMP_H_
#define KALAVAI_COMMON_RPC_TIMESTAMP_H_

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace kalavai {

google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_RPC_TIMESTAMP_H_
