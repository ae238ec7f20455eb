#include "writes.h"

#include <algorithm>
#include <limits>

#include "cursor.h"

namespace edgesync::memory {

Writes::Writes(const State& before, Edit edit, MemoryBlobs& blobs, MemoryBudget& budget, InstanceId& last_issued)
    : Writes(std::make_shared<State>(before), edit, blobs, budget, last_issued) {}

Writes::Writes(std::shared_ptr<State> state, Edit edit, MemoryBlobs& blobs, MemoryBudget& budget, InstanceId& last_issued)
    : Reads<WriteTransaction>(*state, blobs), state_(std::move(state)), edit_(edit), staging_(blobs), budget_(budget),
      last_issued_(last_issued), charged_(state_->record_bytes), kept_(state_->record_bytes) {}

Writes::~Writes() { budget_.give_back(charged_ - kept_); }

std::shared_ptr<const State> Writes::finish() {
    if (out_of_space_) std::rethrow_exception(out_of_space_);
    kept_ = state_->record_bytes;
    std::erase_if(unstaged_, [&](const BlobId& id) {
        const BlobEntry* entry = state_->blobs.find(id);
        return entry && entry->record.state == BlobState::Staged;
    });
    return state_;
}

// Space that erasing frees is given back only by the commit, so that the transaction can always be undone.
void Writes::charge() {
    const std::int64_t growth = state_->record_bytes - charged_;
    if (growth <= 0) return;
    try {
        budget_.take(growth);
        charged_ += growth;
    } catch (...) {
        out_of_space_ = std::current_exception();
        throw;
    }
}

void Writes::put_object(const ObjectRecord& record) {
    state_->put(edit_, record);
    charge();
}

void Writes::erase_object(const ObjectKey& key) { state_->erase(edit_, key); }

void Writes::put_delivery(const DeliveryRecord& record) {
    state_->put(edit_, record);
    charge();
}

void Writes::erase_delivery(const ObjectKey& object, const NodeKey& node) { state_->erase_delivery(edit_, object, node); }

void Writes::erase_deliveries(const ObjectKey& object) {
    std::vector<NodeKey> nodes;
    state_->deliveries.visit_from({object, {}}, true, [&](const auto& key, const auto&) {
        if (key.first != object) return false;
        nodes.push_back(key.second);
        return true;
    });
    for (const NodeKey& node : nodes) state_->erase_delivery(edit_, object, node);
}

void Writes::put_notification(const NotificationRecord& record) {
    state_->put(edit_, record);
    charge();
}

void Writes::erase_notification(const ObjectKey& object, const NodeKey& peer) { state_->erase_notification(edit_, object, peer); }

void Writes::erase_notifications_of_object(const ObjectKey& object) {
    std::vector<NodeKey> peers;
    state_->notifications.visit_from({object, {}}, true, [&](const auto& key, const auto&) {
        if (key.first != object) return false;
        peers.push_back(key.second);
        return true;
    });
    for (const NodeKey& peer : peers) state_->erase_notification(edit_, object, peer);
}

void Writes::erase_notifications_of_peer(const NodeKey& peer) {
    std::vector<ObjectKey> objects;
    state_->peer_notifications.visit_from({peer, {}}, true, [&](const auto& key, const auto&) {
        if (key.first != peer) return false;
        objects.push_back(key.second);
        return true;
    });
    for (const ObjectKey& object : objects) state_->erase_notification(edit_, object, peer);
}

void Writes::put_destination(const DestinationRecord& record) {
    state_->put(edit_, record);
    charge();
}

void Writes::erase_destination(const NodeKey& node) { state_->erase(edit_, node); }

void Writes::put_blob(const BlobRecord& record) {
    const BlobEntry* old = state_->blobs.find(record.id);
    auto content = old && old->content ? old->content : staging_.content(record.id);
    state_->put(edit_, BlobEntry{record, std::move(content)});
    if (record.state == BlobState::Published) unstaged_.push_back(record.id);
    charge();
}

void Writes::put_small_data(const BlobRecord& record, std::span<const std::byte> octets) {
    if (static_cast<std::int64_t>(octets.size()) > kInlineLimitBytes) {
        throw Error(ErrorKind::InvalidRequest,
                    std::to_string(octets.size()) + " octets exceed the inline limit of " + std::to_string(kInlineLimitBytes));
    }
    auto content = staging_.new_content();
    try {
        content->write(0, octets);
    } catch (...) {
        out_of_space_ = std::current_exception();
        throw;
    }
    state_->put(edit_, BlobEntry{record, std::move(content)});
    charge();
}

void Writes::erase_blob(const BlobId& id) {
    state_->erase(edit_, id);
    unstaged_.push_back(id);
}

void Writes::put_entry(EntryTable table, const std::vector<std::string>& key, const std::string& value) {
    if (key.empty() || key.size() > 6) throw Error(ErrorKind::InvalidRequest, "the key of an entry has one to six parts");
    state_->put(edit_, table, key, value);
    charge();
}

void Writes::erase_entry(EntryTable table, const std::vector<std::string>& key) { state_->erase(edit_, table, key); }

InstanceId Writes::next_instance_id(TimePoint now, InstanceId floor) {
    constexpr InstanceId kLargest = std::numeric_limits<InstanceId>::max();
    if (floor == kLargest || last_issued_ == kLargest) throw Error(ErrorKind::InvalidRequest, "there is no instance id above the largest");
    last_issued_ = std::max({static_cast<InstanceId>(now.time_since_epoch().count()), last_issued_ + 1, floor + 1});
    has_issued_ = true;
    return last_issued_;
}

std::uint64_t Writes::enqueue_work(const std::string& kind, const std::string& payload, TimePoint not_before) {
    const std::uint64_t id = ++state_->last_work_id;
    state_->put(edit_, WorkItem{id, kind, payload, not_before, 0});
    charge();
    return id;
}

std::vector<WorkItem> Writes::claim_work(TimePoint now, std::chrono::seconds lease, std::size_t limit) {
    check_limit(limit);
    std::vector<WorkItem> items;
    state_->work_times.visit([&](const auto& key, Nothing) {
        if (key.first > now) return false;
        items.push_back(*state_->work.find(key.second));
        return items.size() < limit;
    });
    for (WorkItem& item : items) {
        ++item.attempts;
        WorkItem moved = item;
        moved.not_before = now + lease;
        state_->put(edit_, moved);
    }
    return items;
}

void Writes::complete_work(std::uint64_t id) { state_->erase_work(edit_, id); }

void Writes::reschedule_work(std::uint64_t id, TimePoint not_before, const std::string& payload) {
    const WorkItem* found = state_->work.find(id);
    if (!found) return;
    WorkItem item = *found;
    item.not_before = not_before;
    item.payload = payload;
    state_->put(edit_, item);
    charge();
}

}  // namespace edgesync::memory
