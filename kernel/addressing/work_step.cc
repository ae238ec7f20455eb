#include "kernel/addressing/work_step.h"

#include "edgesync/sdk/error.h"
#include "kernel/addressing/distribution.h"
#include "kernel/addressing/node_work.h"
#include "kernel/addressing/org_removal.h"

namespace edgesync::addressing {

using rules::Effects;
using rules::NodeContext;

void enqueue(const NodeContext& context, WriteTransaction& txn, const char* kind, const std::string& payload, Effects& effects) {
    txn.enqueue_work(kind, payload, context.at_once());
    effects.has_work = true;
}

void finish_step(WriteTransaction& txn, const WorkItem& item, bool finished, const std::string& payload, Effects& effects) {
    if (finished) {
        txn.complete_work(item.id);
        return;
    }
    // The item keeps its place in the order, so that later work about the same node or object stays behind it.
    txn.reschedule_work(item.id, item.not_before, payload);
    effects.has_work = true;
}

void run_work_step(const NodeContext& context, WriteTransaction& txn, const WorkItem& item, Effects& effects) {
    if (item.kind == kDistributeWork) return continue_distribution(context, txn, item, effects);
    if (item.kind == kWithdrawWork) return continue_withdrawal(context, txn, item, effects);
    if (item.kind == kWelcomeWork) return continue_welcome(context, txn, item, effects);
    if (item.kind == kRequeueWork) return continue_requeue(context, txn, item, effects);
    if (item.kind == kDetachWork) return continue_detach(context, txn, item, effects);
    if (item.kind == kSecondLookWork) return continue_second_look(context, txn, item, effects);
    if (item.kind == kOrgRemovalWork) return continue_org_removal(txn, item, effects);
    throw Error(ErrorKind::InvalidRequest, "Unknown kind of work '" + item.kind + "'");
}

}  // namespace edgesync::addressing
