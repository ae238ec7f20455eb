#include "edge_node.h"

#include <dlfcn.h>

#include <algorithm>
#include <future>

#include "edgesync/sdk/plugin.h"
#include "kernel/addressing/announce.h"

namespace edgesync::transport_http::test {
namespace {

constexpr std::chrono::seconds kRetryPause{2};

class StoreSettings : public FixedSettings {
public:
    StoreSettings(NodeRole role, std::string root)
        : FixedSettings(role, {{"LmdbMaxMapSizeMB", "64"}, {"LmdbMapSizeMB", "64"}, {"LmdbLogSizeMB", "2"}}), root_(std::move(root)) {}
    std::string persistence_root() const override { return root_; }

private:
    const std::string root_;
};

}  // namespace

std::uint64_t ManualScheduler::after(milliseconds delay, std::function<void()> function) {
    const std::lock_guard lock(mutex_);
    timers_.push_back({++last_, delay, std::move(function)});
    return last_;
}

void ManualScheduler::cancel(std::uint64_t handle) {
    const std::lock_guard lock(mutex_);
    std::erase_if(timers_, [handle](const Timer& timer) { return timer.handle == handle; });
}

std::size_t ManualScheduler::timers() const {
    const std::lock_guard lock(mutex_);
    return timers_.size();
}

bool ManualScheduler::work(std::function<void()> function) {
    if (!takes_work) return false;
    ++*in_progress_;
    const bool is_taken = workers_.try_post([count = in_progress_, function = std::move(function)] {
        function();
        --*count;
    });
    if (!is_taken) --*in_progress_;
    return is_taken;
}

std::optional<milliseconds> ManualScheduler::fire() {
    if (!http::test::eventually([this] { return timers() > 0 && *in_progress_ == 0; })) return std::nullopt;
    return fire_at_once();
}

std::optional<milliseconds> ManualScheduler::fire_at_once() {
    if (!http::test::eventually([this] { return timers() > 0; })) return std::nullopt;
    Timer timer;
    {
        const std::lock_guard lock(mutex_);
        timer = std::move(timers_.front());
        timers_.erase(timers_.begin());
    }
    timer.function();
    return timer.delay;
}

LoadedStore::LoadedStore(const std::string& plugin, NodeRole role)
    : plugin_(plugin), role_(role), settings_(std::make_unique<StoreSettings>(role, folder_.root())) {
    open();
}

LoadedStore::~LoadedStore() { store_->close(); }

void LoadedStore::open() {
    void* handle = ::dlopen(plugin_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw std::runtime_error(::dlerror());
    const auto* descriptor = static_cast<const PluginDescriptor*>(::dlsym(handle, kDescriptorSymbol));
    store_.reset(dynamic_cast<Store*>(descriptor->create()));
    store_->configure(*settings_, log_);
    store_->open();
}

void LoadedStore::restart() {
    store_->close();
    store_.reset();
    open();
}

rules::NodeContext EdgeNode::make_context(LoadedStore& store) {
    rules::NodeContext context;
    context.role = NodeRole::Ess;
    context.self = {"acme", "edge", "n1"};
    context.inline_limit = store->traits().inline_limit;
    context.is_storage_persistent = store->traits().is_persistent;
    context.now = [] { return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now()); };
    return context;
}

data::FetcherOptions EdgeNode::fetcher_options(const EdgeOptions& options) {
    data::FetcherOptions result;
    result.parallel_chunks = options.parallel_chunks;
    result.largest_object = options.largest_object;
    result.retry_pause = kRetryPause;
    result.verify = options.verify;
    return result;
}

EdgeNode::EdgeNode(LoadedStore& used_store, std::uint16_t css_port, EdgeOptions options)
    : store(used_store), settings(edge_settings(css_port, options.settings)), host(NodeRole::Ess, settings),
      workers(options.threads, options.queue), operations(*used_store, *this), context(make_context(used_store)),
      line(line_timers, kRetryPause,
           [this] {
               if (!registration.is_registered()) return;
               outbox.scan();
               fetcher.resume_all();
           }),
      outbox(context, operations, line_timers, line, host.log(), [this] { registration.report_unknown(); }),
      fetcher(
          context, operations, fetch_timers, line, host.log(), fetcher_options(options),
          [this](Message message) { outbox.send_message(std::move(message)); }, [this] { registration.report_unknown(); }),
      registration(context, operations, registration_timers, host.log(),
                   {[this](bool registered, const std::vector<std::string>& capabilities) { changed(registered, capabilities); }},
                   std::chrono::hours(1)) {
    transport.configure(settings, host.log());
    transport.start(host);
    outbox.set_transport(transport);
    fetcher.set_transport(transport);
    registration.set_transport(transport);
}

EdgeNode::~EdgeNode() {
    // As the node ends: no new exchanges, then the parts, then what they run on.
    transport.drain();
    line.stop();
    registration.stop();
    fetcher.stop();
    outbox.stop();
    transport.stop();
    workers.stop();
}

void EdgeNode::changed(bool registered, const std::vector<std::string>& capabilities) {
    outbox.set_registered(registered);
    transport.registration_changed(registered, capabilities);
    if (registered) {
        outbox.scan();
        fetcher.resume_all();
    }
    const std::lock_guard lock(mutex_);
    registrations_.push_back(registered);
    capabilities_ = capabilities;
}

void EdgeNode::run(rules::Effects effects) {
    for (const auto& key : effects.send) outbox.send(key);
    for (const auto& key : effects.fetch) fetcher.fetch(key);
}

std::vector<bool> EdgeNode::registrations() {
    const std::lock_guard lock(mutex_);
    return registrations_;
}

std::vector<std::string> EdgeNode::capabilities() {
    const std::lock_guard lock(mutex_);
    return capabilities_;
}

std::optional<int> EdgeNode::ticks_until(const std::function<bool()>& condition) {
    int ticks = 0;
    // A tick during an exchange does nothing, so the next one follows only after a while.
    const bool is_reached = http::test::eventually([&] {
        if (condition()) return true;
        registration_timers.fire_at_once();
        ++ticks;
        return false;
    });
    return is_reached ? std::optional(ticks) : std::nullopt;
}

bool EdgeNode::registers() {
    registration.start();
    return http::test::eventually([this] { return !registrations().empty(); });
}

HandleResult EdgeNode::announce(const Metadata& meta, const std::string& sha256) {
    Message update;
    update.command = Command::Update;
    update.meta = meta;
    update.sha256 = sha256;
    auto promise = std::make_shared<std::promise<HandleResult>>();
    auto future = promise->get_future();
    fetcher.announced(std::move(update), [promise](HandleResult result) { promise->set_value(std::move(result)); });
    if (future.wait_for(std::chrono::seconds(10)) != std::future_status::ready) throw std::runtime_error("no verdict on an announcement");
    return future.get();
}

Metadata EdgeNode::publish(const std::string& id, const std::optional<std::string>& octets, std::int32_t chunk_size) {
    ObjectRecord record;
    record.meta = announced(id, 0, octets ? static_cast<std::int64_t>(octets->size()) : 0, chunk_size);
    record.meta.origin_type = context.self.type;
    record.meta.origin_id = context.self.id;
    record.meta.no_data = !octets;
    record.status = ObjectStatus::Ready;
    record.side = Side::Sender;
    BlobRecord blob;
    if (octets) {
        blob.id = store->blobs().new_id();
        blob.owner = record.key();
        blob.state = BlobState::Published;
        blob.total = record.meta.object_size;
        blob.created = context.now();
        record.data = blob.id;
    }
    const bool is_inline = blob.total <= context.inline_limit;
    if (!is_inline) {
        const auto writer = store->blobs().create(blob.id);
        writer->write(0, std::as_bytes(std::span(*octets)));
        writer->sync();
    }
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) {
        record.meta.instance_id = record.meta.data_id = txn.next_instance_id(context.now(), 0);
        blob.instance_id = record.meta.instance_id;
        if (octets && is_inline) txn.put_small_data(blob, std::as_bytes(std::span(*octets)));
        if (octets && !is_inline) txn.put_blob(blob);
        txn.put_object(record);
        addressing::notify_update(context, txn, record, context.self, "", effects);
    });
    return record.meta;
}

std::optional<ObjectRecord> EdgeNode::object(const std::string& id) {
    std::optional<ObjectRecord> found;
    store->read([&](ReadTransaction& txn) { found = txn.object({"acme", "model", id}); });
    return found;
}

std::optional<NotificationRecord> EdgeNode::notification(const std::string& id, const NodeKey& peer) {
    std::optional<NotificationRecord> found;
    store->read([&](ReadTransaction& txn) { found = txn.notification({"acme", "model", id}, peer); });
    return found;
}

std::string EdgeNode::exchange(const std::string& id) {
    for (const NodeKey& peer : {context.cloud(), context.self}) {
        if (const auto record = notification(id, peer)) return std::string(to_string(record->status));
    }
    return {};
}

std::optional<std::string> EdgeNode::data(const std::string& id) {
    std::unique_ptr<BlobReader> reader;
    store->read([&](ReadTransaction& txn) {
        const auto found = txn.object({"acme", "model", id});
        if (found && found->data) reader = txn.open_blob(*found->data);
    });
    if (!reader) return std::nullopt;
    std::string octets(static_cast<std::size_t>(reader->size()), '\0');
    for (std::size_t at = 0; at < octets.size();) {
        const auto count = reader->read(static_cast<std::int64_t>(at), std::as_writable_bytes(std::span(octets).subspan(at)));
        if (count == 0) break;
        at += count;
    }
    return octets;
}

Metadata announced(const std::string& id, InstanceId instance, std::int64_t size, std::int32_t chunk_size) {
    Metadata meta;
    meta.org = "acme";
    meta.object_type = "model";
    meta.object_id = id;
    meta.origin_type = "Cloud";
    meta.origin_id = "Cloud";
    meta.destination_type = "edge";
    meta.destination_id = "n1";
    meta.consumers = 1;
    meta.instance_id = instance;
    meta.data_id = instance;
    meta.object_size = size;
    meta.chunk_size = chunk_size;
    return meta;
}

}  // namespace edgesync::transport_http::test
