// kalavai-coordinator log, log verify and log prove: the record's signed head and newest leaves;
// everything read and hashed again; one leaf's proof in a form that other tools read.
#ifndef KALAVAI_COORDINATOR_ADMIN_LOG_COMMAND_H_
#define KALAVAI_COORDINATOR_ADMIN_LOG_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeLogCommand();
Command MakeLogVerifyCommand();
Command MakeLogProveCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_LOG_COMMAND_H_
