#include "kernel/api/json_list.h"

namespace edgesync::api {
namespace {

struct Progress {
    JsonList list;
    std::string cursor;
    bool is_at_end = false;
    PageSource source;

    void next() {
        cursor = source(cursor, list);
        is_at_end = cursor.empty();
    }
};

/// `progress` has the first visible items, or is at the end.
void answer(const Reply& reply, const std::shared_ptr<Progress>& progress) {
    if (!progress->list.has_items() && !progress->list.has_hidden()) return reply.empty(404);
    if (progress->is_at_end) {
        progress->list.close();
        return reply.send(json_answer(progress->list.take()));
    }
    HttpResponse response = json_answer("");
    response.generate = [progress, is_first = true](std::string& out) mutable {
        // The first page is there already; an exception ends the connection, so that the client sees the list is not complete.
        if (!is_first) progress->next();
        is_first = false;
        if (progress->is_at_end) progress->list.close();
        out += progress->list.take();
        return !progress->is_at_end;
    };
    reply.send(std::move(response));
}

}  // namespace

void send_list(const Environment& environment, const CallPtr& call, PageSource source) {
    auto progress = std::make_shared<Progress>();
    progress->source = std::move(source);
    progress->next();
    if (progress->list.has_items() || progress->is_at_end) return answer(call->reply, progress);
    // Nothing visible yet: go on looking where it does not hold up other connections.
    call->reply.on_worker(environment.context.scheduler, [call, progress] {
        while (!progress->list.has_items() && !progress->is_at_end) progress->next();
        answer(call->reply, progress);
    });
}

}  // namespace edgesync::api
