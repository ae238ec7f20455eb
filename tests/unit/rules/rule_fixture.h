// A node's rules on a real store: the in-memory plugin, loaded as the service loads it.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>

#include "edgesync/sdk/plugin.h"
#include "kernel/addressing/distribution.h"
#include "kernel/addressing/work_step.h"
#include "kernel/delivery/inbound.h"
#include "kernel/objects/lifecycle.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"

namespace edgesync::testing {

class QuietLog : public Log {
public:
    bool logs(LogLevel) const noexcept override { return false; }
    bool traces(LogLevel) const noexcept override { return false; }
    void log(LogLevel, std::string_view) noexcept override {}
    void trace(LogLevel, std::string_view) noexcept override {}
};

/// Defaults of every key; only the place of files and the role matter here.
class PlainSettings : public Settings {
public:
    PlainSettings(NodeRole role, std::string root) : role_(role), root_(std::move(root)) {}
    std::string text(std::string_view) const override { return {}; }
    bool boolean(std::string_view) const override { return false; }
    std::int64_t integer(std::string_view) const override { return 0; }
    std::vector<std::string> list(std::string_view) const override { return {}; }
    bool is_set(std::string_view) const override { return false; }
    NodeRole role() const override { return role_; }
    std::string persistence_root() const override { return root_; }

private:
    NodeRole role_;
    std::string root_;
};

/// The time as a test moves it, while threads of the parts under test look at it.
class MovedTime {
public:
    operator TimePoint() const { return TimePoint(TimePoint::duration(since_epoch_.load())); }
    MovedTime& operator+=(TimePoint::duration by) { return since_epoch_ += by.count(), *this; }
    MovedTime& operator-=(TimePoint::duration by) { return *this += -by; }
    friend TimePoint operator+(const MovedTime& time, TimePoint::duration by) { return TimePoint(time) + by; }
    friend TimePoint operator-(const MovedTime& time, TimePoint::duration by) { return TimePoint(time) - by; }

private:
    std::atomic<TimePoint::rep> since_epoch_{TimePoint(std::chrono::system_clock::now()).time_since_epoch().count()};
};

/// Neither configured nor open.
inline std::unique_ptr<Store> loaded_memory_store() {
    void* handle = ::dlopen(EDGESYNC_MEMORY_STORE, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw std::runtime_error(::dlerror());
    const auto* descriptor = static_cast<const PluginDescriptor*>(::dlsym(handle, kDescriptorSymbol));
    return std::unique_ptr<Store>(dynamic_cast<Store*>(descriptor->create()));
}

/// Runs rules and keeps their effects.
class RuleTest : public ::testing::Test, public rules::EffectsRunner {
protected:
    explicit RuleTest(NodeRole role = NodeRole::Css) {
        std::string pattern = (std::filesystem::temp_directory_path() / "edgesync-rules-XXXXXX").string();
        root_ = std::string(::mkdtemp(pattern.data())) + "/";
        settings_ = std::make_unique<PlainSettings>(role, root_);
        store_ = loaded_memory_store();
        store_->configure(*settings_, log_);
        store_->open();
        operations_ = std::make_unique<rules::Operations>(*store_, *this);
        context_.role = role;
        context_.self = role == NodeRole::Css ? NodeKey{"", "Cloud", "Cloud"} : NodeKey{"acme", "camera", "cam1"};
        context_.now = [this] { return TimePoint(now_); };
        context_.polled_protocols = {"http"};
    }
    ~RuleTest() override {
        store_->close();
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }

    void run(rules::Effects effects) override { effects_ = std::move(effects); }

    template <typename Rule>
    auto in_transaction(Rule rule) {
        using Result = decltype(rule(std::declval<WriteTransaction&>(), std::declval<rules::Effects&>()));
        if constexpr (std::is_void_v<Result>) {
            operations_->run_and_wait<rules::Done>(
                [&](WriteTransaction& txn, rules::Effects& effects) { return rule(txn, effects), rules::Done{}; });
        } else {
            return operations_->run_and_wait<Result>(rule);
        }
    }

    void register_node(const NodeKey& node, const std::string& protocol = "http") {
        in_transaction([&](WriteTransaction& txn, rules::Effects&) { txn.put_destination({node, protocol, "1.0", now_, true}); });
    }

    static Metadata metadata(const std::string& id) {
        Metadata meta;
        meta.org = "acme";
        meta.object_type = "model";
        meta.object_id = id;
        meta.consumers = 1;
        return meta;
    }

    /// Of an object that the node brings.
    static Metadata brought_by(const NodeKey& node, const std::string& id, InstanceId instance, std::int64_t size,
                               std::int32_t chunk = 10) {
        Metadata meta = metadata(id);
        meta.org = node.org;
        meta.origin_type = node.type;
        meta.origin_id = node.id;
        meta.destination_type = node.type;
        meta.destination_id = node.id;
        meta.instance_id = instance;
        meta.data_id = instance;
        meta.object_size = size;
        meta.chunk_size = chunk;
        return meta;
    }

    objects::NewData small_data(const std::string& octets) {
        objects::NewData data;
        data.is_given = true;
        data.blob = store_->blobs().new_id();
        data.octets = octets;
        data.size = static_cast<std::int64_t>(octets.size());
        return data;
    }

    objects::PublishResult publish(const Metadata& meta, const std::optional<std::string>& octets = std::nullopt) {
        objects::PublishRequest request;
        request.meta = meta;
        if (octets) request.data = small_data(*octets);
        return in_transaction(
            [&](WriteTransaction& txn, rules::Effects& effects) { return objects::publish(context_, txn, request, effects); });
    }

    HandleResult receive(const NodeKey& peer, Command command, const Metadata& meta) {
        Message message;
        message.command = command;
        message.meta = meta;
        message.protocol = "http";
        message.is_persistent = true;
        return in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
            return delivery::handle_message(context_, txn, peer, message, effects);
        });
    }

    /// The data of a received version arrives.
    bool complete(const std::string& id, InstanceId instance, const std::string& octets) {
        delivery::ReceivedData data;
        data.blob = store_->blobs().new_id();
        data.octets = octets;
        data.size = static_cast<std::int64_t>(octets.size());
        return in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
            return delivery::complete_data(context_, txn, {"acme", "model", id}, instance, data, effects);
        });
    }

    /// As if these octets of a received object were here.
    void stage(const ObjectKey& key, std::vector<ByteRange> ranges) {
        in_transaction([&](WriteTransaction& txn, rules::Effects&) {
            auto object = txn.object(key);
            BlobRecord blob;
            blob.id = store_->blobs().new_id();
            blob.owner = key;
            blob.total = object->meta.object_size;
            blob.instance_id = object->meta.instance_id;
            blob.received = std::move(ranges);
            txn.put_blob(blob);
            object->staged = blob.id;
            txn.put_object(*object);
        });
    }

    /// Does the queued work until there is none.
    void do_work() {
        bool found = true;
        while (found) {
            found = in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
                const auto items = txn.claim_work(now_, std::chrono::seconds(60), 1);
                if (!items.empty()) addressing::run_work_step(context_, txn, items.front(), effects);
                return !items.empty();
            });
        }
    }

    std::optional<ObjectRecord> object(const std::string& id) {
        std::optional<ObjectRecord> found;
        store_->read([&](ReadTransaction& txn) { found = txn.object({"acme", "model", id}); });
        return found;
    }
    std::optional<DeliveryStatus> delivery_status(const std::string& id, const NodeKey& node) {
        std::optional<DeliveryRecord> found;
        store_->read([&](ReadTransaction& txn) { found = txn.delivery({"acme", "model", id}, node); });
        return found ? std::optional(found->status) : std::nullopt;
    }
    std::optional<NotificationRecord> notification(const std::string& id, const NodeKey& peer) {
        std::optional<NotificationRecord> found;
        store_->read([&](ReadTransaction& txn) { found = txn.notification({"acme", "model", id}, peer); });
        return found;
    }
    std::optional<NotificationStatus> notification_status(const std::string& id, const NodeKey& peer) {
        const auto found = notification(id, peer);
        return found ? std::optional(found->status) : std::nullopt;
    }

    const NodeKey cam1_{"acme", "camera", "cam1"};
    const NodeKey cam2_{"acme", "camera", "cam2"};
    const NodeKey lamp_{"acme", "lamp", "lamp1"};

    QuietLog log_;
    std::string root_;
    std::unique_ptr<PlainSettings> settings_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<rules::Operations> operations_;
    rules::NodeContext context_;
    rules::Effects effects_;
    MovedTime now_;
};

class EdgeRuleTest : public RuleTest {
protected:
    EdgeRuleTest() : RuleTest(NodeRole::Ess) {}
};

}  // namespace edgesync::testing
