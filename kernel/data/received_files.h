// Writes received data into the file where its object has it, and removes the files that objects let go of (security 6). Which files those
// are is recorded (kernel/addressing/data_file.h), so that a crash at any point only repeats work.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "edgesync/sdk/log.h"
#include "kernel/addressing/data_file.h"
#include "kernel/files/data_files.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::data {

/// Thread-safe.
class ReceivedFiles {
public:
    ReceivedFiles(rules::Operations& operations, rules::Scheduler& scheduler, const files::DataFiles& files, Log& log)
        : operations_(operations), scheduler_(scheduler), files_(files), log_(log) {}

    /// What became of data that is complete. Nothing else is done to the file while `hold` lives, so it is kept until the completion is
    /// stored.
    struct Placed {
        bool is_in_file = false;
        std::shared_ptr<void> hold;
    };
    /// If the version that is being received wants its data in a file, writes it there, durably. Blocks on disk.
    /// @throws files::FileError; Error{Busy} when the file is in use just now: try again later.
    Placed place(const ObjectKey& key, InstanceId instance, std::int64_t size, const files::OctetSource& read);

    /// Whether data may be written to `uri` for this object, as far as that can be known before. @throws files::FileError
    void check(const ObjectKey& key, const std::string& uri) const { files_.check_destination(key, uri); }

    /// There may be files to remove; returns at once.
    void remove_unused();
    /// Before the store is erased: removes what only the store knows of, the files in ObjectsDataPath and those nobody needs. Files of a
    /// destinationDataUri stay: they are where the CSS's user wanted them. Blocks on disk; problems are logged.
    void remove_own(const rules::NodeContext& context);
    /// Ends; returns when nothing runs.
    void stop();

private:
    enum class Removal { Done, InUse, Failed };
    bool hold(const std::string& path);
    void release(const std::string& path);
    void run();
    bool remove_all();
    void remove_own_file(const rules::NodeContext& context, const ObjectRecord& object);
    Removal remove(const addressing::UnusedFile& file);
    Removal remove_held(const addressing::UnusedFile& file);
    void retry_later();

    rules::Operations& operations_;
    rules::Scheduler& scheduler_;
    const files::DataFiles& files_;
    Log& log_;

    std::mutex mutex_;
    std::condition_variable idle_;
    std::set<std::string> held_;  ///< Paths, without links, that are being written or removed.
    bool is_running_ = false;
    bool must_run_again_ = false;
    bool awaits_release_ = false;  ///< A file that is to be removed is being written.
    bool is_stopped_ = false;
    std::uint64_t timer_ = 0;
};

}  // namespace edgesync::data
