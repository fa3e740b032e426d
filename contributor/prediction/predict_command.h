// `kalavai predict`: is it worth it? Reports two losses measured here (training/report.json), and
// with --rows the specialist's row of the loss matrix, then
// asks for a prediction over all members: verdict, three predictors with intervals, and what this
// member wins on the domains of the others (on its own it wins about nothing).
#ifndef KALAVAI_CONTRIBUTOR_PREDICTION_PREDICT_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_PREDICTION_PREDICT_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakePredictCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_PREDICTION_PREDICT_COMMAND_H_
