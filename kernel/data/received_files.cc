#include "kernel/data/received_files.h"

#include "kernel/files/data_uri.h"

namespace edgesync::data {
namespace {

constexpr std::size_t kPage = 100;
/// After a failure to remove.
constexpr std::chrono::milliseconds kPause = std::chrono::seconds(60);

enum class Claim { Void, New, Held };

/// The object, if this version is being received and wants its data in a file.
std::optional<ObjectRecord> awaiting(ReadTransaction& txn, const ObjectKey& key, InstanceId instance) {
    auto object = txn.object(key);
    if (!object || object->side != Side::Receiver || object->status != ObjectStatus::PartiallyReceived) return std::nullopt;
    if (object->meta.instance_id != instance || object->meta.destination_data_uri.empty()) return std::nullopt;
    return object;
}

}  // namespace

bool ReceivedFiles::hold(const std::string& path) {
    const std::lock_guard lock(mutex_);
    return held_.insert(path).second;
}

/// After writing.
void ReceivedFiles::release(const std::string& path) {
    {
        const std::lock_guard lock(mutex_);
        held_.erase(path);
        if (!awaits_release_) return;
        awaits_release_ = false;
    }
    remove_unused();
}

ReceivedFiles::Placed ReceivedFiles::place(const ObjectKey& key, InstanceId instance, std::int64_t size, const files::OctetSource& read) {
    std::optional<ObjectRecord> object;
    operations_.store().read([&](ReadTransaction& txn) { object = awaiting(txn, key, instance); });
    if (!object) return {};
    const std::string& uri = object->meta.destination_data_uri;
    files_.check_destination(key, uri);
    const std::string path = files_.real_path_of(key, uri);
    if (!hold(path)) throw Error(ErrorKind::Busy, "The file of " + key.type + "/" + key.id + " is in use");
    Placed placed;
    placed.hold = {static_cast<void*>(this), [this, path](void*) { release(path); }};
    const auto claim = operations_.run_and_wait<Claim>([&](WriteTransaction& txn, rules::Effects&) {
        const auto current = awaiting(txn, key, instance);
        if (!current) return Claim::Void;
        return addressing::claim_file(txn, *current, path) ? Claim::New : Claim::Held;
    });
    if (claim == Claim::Void) return placed;
    try {
        files_.write(key, uri, size, read);
    } catch (...) {
        if (claim == Claim::New) {
            operations_.run_and_wait<rules::Done>(
                [&](WriteTransaction& txn, rules::Effects&) { return addressing::disown_file(txn, key, path), rules::Done{}; });
        }
        throw;
    }
    // Without this a stop before the write would make somebody's file the object's to remove.
    if (claim == Claim::New) {
        operations_.run_and_wait<rules::Done>(
            [&](WriteTransaction& txn, rules::Effects&) { return addressing::mark_written(txn, path), rules::Done{}; });
    }
    placed.is_in_file = true;
    return placed;
}

void ReceivedFiles::remove_unused() {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return;
    must_run_again_ = true;
    if (is_running_) return;
    is_running_ = scheduler_.work([this] { run(); });
    if (!is_running_) retry_later();
}

/// With the lock held.
void ReceivedFiles::retry_later() {
    if (timer_ != 0 || is_stopped_) return;
    timer_ = scheduler_.after(kPause, [this] {
        {
            const std::lock_guard lock(mutex_);
            timer_ = 0;
        }
        remove_unused();
    });
}

void ReceivedFiles::run() {
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            must_run_again_ = false;
        }
        bool is_done = false;
        try {
            is_done = remove_all();
        } catch (const std::exception& error) {
            log_.log(LogLevel::Error, std::string("Cannot remove files of objects that are gone, it is tried again: ") + error.what());
        }
        const std::lock_guard lock(mutex_);
        if (must_run_again_ && !is_stopped_) continue;
        if (!is_done) retry_later();
        is_running_ = false;
        idle_.notify_all();
        return;
    }
}

/// False: some could not be removed.
bool ReceivedFiles::remove_all() {
    bool is_done = true;
    std::string cursor;
    do {
        Page<addressing::UnusedFile> page;
        operations_.store().read([&](ReadTransaction& txn) { page = addressing::unused_files(txn, cursor, kPage); });
        for (const auto& file : page.items) is_done = remove(file) != Removal::Failed && is_done;
        cursor = page.next;
    } while (!cursor.empty());
    return is_done;
}

ReceivedFiles::Removal ReceivedFiles::remove(const addressing::UnusedFile& file) {
    const std::string path = files::path_or_nothing(file.uri);
    {
        const std::lock_guard lock(mutex_);
        if (is_stopped_) return Removal::Failed;
        if (!held_.insert(path).second) {
            awaits_release_ = true;
            return Removal::InUse;
        }
    }
    Removal removal = Removal::Failed;
    try {
        removal = remove_held(file);
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, std::string("Cannot remove a file, it is tried again: ") + error.what());
    }
    const std::lock_guard lock(mutex_);
    held_.erase(path);
    return removal;
}

ReceivedFiles::Removal ReceivedFiles::remove_held(const addressing::UnusedFile& file) {
    auto removable = addressing::Removable::Nothing;
    operations_.store().read([&](ReadTransaction& txn) { removable = addressing::removable(txn, file); });
    if (removable == addressing::Removable::Nothing) return Removal::Done;
    try {
        if (removable == addressing::Removable::File) {
            files_.remove(file.owner, file.uri);
        } else {
            files_.remove_rest(file.owner, file.uri);
        }
    } catch (const files::FileError& error) {
        if (error.kind() != ErrorKind::InvalidRequest) throw;
        // It is not this node's to remove any more: a link, or outside of the folders that are configured now.
        log_.log(LogLevel::Warning, std::string("A file of an object that is gone stays: ") + error.what());
    }
    operations_.run_and_wait<rules::Done>(
        [&](WriteTransaction& txn, rules::Effects&) { return addressing::forget_file(txn, file), rules::Done{}; });
    return Removal::Done;
}

void ReceivedFiles::remove_own_file(const rules::NodeContext& context, const ObjectRecord& object) {
    Metadata elsewhere = object.meta;
    addressing::hide_own_place(context, elsewhere);
    if (object.side != Side::Receiver || elsewhere.destination_data_uri == object.meta.destination_data_uri) return;
    try {
        files_.remove(object.key(), object.meta.destination_data_uri);
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, std::string("A file of ObjectsDataPath stays: ") + error.what());
    }
}

void ReceivedFiles::remove_own(const rules::NodeContext& context) {
    try {
        remove_all();
        std::string cursor;
        do {
            Page<ObjectRecord> page;
            operations_.store().read([&](ReadTransaction& txn) { page = txn.objects("", "", cursor, kPage); });
            for (const auto& object : page.items) remove_own_file(context, object);
            cursor = page.next;
        } while (!cursor.empty());
    } catch (const std::exception& error) {
        log_.log(LogLevel::Error, std::string("Files of ObjectsDataPath stay: ") + error.what());
    }
}

void ReceivedFiles::stop() {
    std::unique_lock lock(mutex_);
    is_stopped_ = true;
    if (timer_ != 0) scheduler_.cancel(timer_);
    idle_.wait(lock, [this] { return !is_running_; });
}

}  // namespace edgesync::data
