#include "kernel/packet_line/chunk_repeater.h"

#include <utility>

#include "kernel/addressing/announce.h"
#include "kernel/delivery/chunk_requests.h"
#include "kernel/packet_line/patience.h"

namespace edgesync::packet_line {
namespace {

constexpr std::size_t kPage = 256;

}  // namespace

/// nullopt: nothing is to be asked for, or the node brings it by itself.
std::optional<ChunkRepeater::Request> ChunkRepeater::request_of(ReadTransaction& txn, const NotificationRecord& record) const {
    if (record.status != NotificationStatus::GetData) return std::nullopt;
    if (context_.is_polled(addressing::protocol_of(context_, txn, record.peer))) return std::nullopt;
    const auto object = txn.object(record.object);
    if (!object || object->meta.instance_id != record.instance_id) return std::nullopt;
    Request request;
    request.exchange = {record.object, record.peer};
    request.size = object->meta.object_size;
    request.messages = delivery::first_chunk_requests(context_, txn, *object);
    request.progress.instance = record.instance_id;
    if (object->staged) {
        if (const auto blob = txn.blob(*object->staged)) {
            for (const auto& range : blob->received) request.progress.received += range.end - range.begin;
        }
    }
    if (request.messages.empty()) return std::nullopt;
    return request;
}

/// With the lock held.
bool ChunkRepeater::is_stalled(Request& request) {
    const auto now = Clock::now();
    request.progress.since = now;
    const auto before = known_.find(request.exchange);
    if (before == known_.end()) return false;
    const Progress& last = before->second;
    if (last.instance != request.progress.instance || last.received != request.progress.received) return false;
    request.progress.since = last.since;
    const auto limit = patience(context_, request.size);
    // The look itself does not come to the millisecond.
    if (now - last.since < limit - context_.resend_interval / 10) return false;
    request.progress.since = now;
    return true;
}

/// With the lock held: once for each time that it lasts.
void ChunkRepeater::note_unknown(std::size_t number) {
    const bool is_noted = std::exchange(has_noted_unknown_, number > 0);
    if (number == 0 || is_noted) return;
    log_.log(LogLevel::Warning, std::to_string(number) + " transfers more than the " + std::to_string(most_known_) +
                                    " that are watched are under way: they are asked for every " +
                                    std::to_string((kLooksPerRepetition * context_.resend_interval).count()) +
                                    " s, whether they move or not");
}

void ChunkRepeater::look() {
    std::map<rules::ExchangeKey, Progress> seen;
    std::size_t unknown = 0;
    std::string cursor;
    {
        const std::lock_guard lock(mutex_);
        ++looks_;
    }
    do {
        std::vector<Request> requests;
        std::string next;
        operations_.store().read([&](ReadTransaction& txn) {
            requests.clear();
            auto page = txn.transfers(cursor, kPage);
            for (const auto& record : page.items) {
                if (auto request = request_of(txn, record)) requests.push_back(std::move(*request));
            }
            next = std::move(page.next);
        });
        const std::lock_guard lock(mutex_);
        for (auto& request : requests) {
            const bool is_known = seen.size() < most_known_;
            if (!is_known) ++unknown;
            if (is_known ? is_stalled(request) : looks_ % kLooksPerRepetition == 0) {
                for (auto& message : request.messages) dispatcher_.send_message(request.exchange.peer, std::move(message));
            }
            if (is_known) seen.emplace(request.exchange, request.progress);
        }
        cursor = std::move(next);
    } while (!cursor.empty());
    const std::lock_guard lock(mutex_);
    known_ = std::move(seen);
    note_unknown(unknown);
}

void ChunkRepeater::repeat(const NodeKey& peer) {
    std::string cursor;
    do {
        std::vector<Request> requests;
        std::string next;
        operations_.store().read([&](ReadTransaction& txn) {
            requests.clear();
            auto page = txn.notifications_of_peer(peer, cursor, kPage);
            for (const auto& record : page.items) {
                if (auto request = request_of(txn, record)) requests.push_back(std::move(*request));
            }
            next = std::move(page.next);
        });
        for (auto& request : requests) {
            for (auto& message : request.messages) dispatcher_.send_message(peer, std::move(message));
        }
        cursor = std::move(next);
    } while (!cursor.empty());
}

}  // namespace edgesync::packet_line
