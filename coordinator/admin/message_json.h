// A message of the API as the JSON object of --format json: field names as in the .proto files,
// 64-bit integers as numbers, absent fields left out, empty lists kept. Pure.
#ifndef KALAVAI_COORDINATOR_ADMIN_MESSAGE_JSON_H_
#define KALAVAI_COORDINATOR_ADMIN_MESSAGE_JSON_H_

#include "google/protobuf/message.h"
#include "nlohmann/json.hpp"

namespace kalavai::coordinator {

nlohmann::json MessageJson(const google::protobuf::Message& message);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_MESSAGE_JSON_H_
