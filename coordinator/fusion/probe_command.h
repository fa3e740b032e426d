// `kalavai-coordinator probe list` and `probe run`: probe passes as processes of their own, started
// by hand, by the server (serve --probe-jobs) or by a batch system. They read DATA/fusions only, so
// they run beside the server, and on other machines that share or were given that folder.
#ifndef KALAVAI_COORDINATOR_FUSION_PROBE_COMMAND_H_
#define KALAVAI_COORDINATOR_FUSION_PROBE_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::coordinator {

Command MakeProbeListCommand();
Command MakeProbeRunCommand();

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_PROBE_COMMAND_H_
