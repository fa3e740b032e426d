// A prediction of the coordinator for a person: verdict, every estimate with its interval, what
// each member wins, what would be without it; and a list of them. Pure functions.
#ifndef KALAVAI_COMMON_PREDICTION_PREDICTION_PAGE_H_
#define KALAVAI_COMMON_PREDICTION_PREDICTION_PAGE_H_

#include <string>

#include "kalavai/v1/prediction.pb.h"

namespace kalavai {

// `own` is the reader's contributor name, marked with '*'; empty for an administrator.
std::string PredictionPage(const v1::Prediction& prediction, const std::string& own);

// A line a prediction: name, time, verdict, the estimate it rests on, how many members.
std::string PredictionListPage(const v1::ListPredictionsResponse& list);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_PREDICTION_PREDICTION_PAGE_H_
