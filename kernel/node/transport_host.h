// The kernel as a transport plugin sees it.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "edgesync/sdk/transport.h"
#include "kernel/data/chunked_upload.h"
#include "kernel/delivery/pending_index.h"
#include "kernel/node/data_receiver.h"
#include "kernel/rules/node_context.h"
#include "kernel/rules/operation.h"
#include "kernel/rules/scheduler.h"

namespace edgesync::node {

/// What the host delegates to; filled by the node's wiring. All outlive the transports.
struct HostParts {
    const rules::NodeContext* context = nullptr;
    rules::Operations* operations = nullptr;
    rules::Scheduler* scheduler = nullptr;
    delivery::PendingIndex* pending = nullptr;
    data::UploadDigests* digests = nullptr;
    const Settings* settings = nullptr;
    Log* log = nullptr;
    std::int64_t largest_object = 0;       ///< Bytes; 0: unlimited.
    data::ReceivedFiles* files = nullptr;  ///< CSS with ObjectsDataPath.
    std::function<bool()> is_running;
    std::function<void(const std::string& prefix, HttpHandler&)> mount;
    std::function<std::optional<NodeKey>(const HttpRequest&)> authenticate_node;
    std::function<std::pair<std::string, std::string>(const std::string& url)> credentials_for;
    /// ESS: announcements, registration answers and unknown-node reports.
    std::function<void(Message, std::function<void(HandleResult)>)> announced;
    std::function<void(const Message&)> registration_answer;
    std::function<void()> report_unknown;
    std::function<void(Message)> send_message;
    std::function<std::vector<BrokerAccount>()> broker_accounts;
    bool is_one_of_several = false;
};

class NodeTransportHost : public TransportHost {
public:
    explicit NodeTransportHost(HostParts parts) : parts_(std::move(parts)) {}

    NodeRole role() const override { return parts_.context->role; }
    NodeKey self() const override { return parts_.context->self; }
    bool is_storage_persistent() const override { return parts_.context->is_storage_persistent; }
    void handle(const NodeKey& peer, Message message, std::function<void(HandleResult)> done) override;
    std::uint64_t poll(const NodeKey& peer, const PollRequest& request, std::function<void(PollResult)> done) override;
    void cancel_poll(std::uint64_t handle) override { parts_.pending->cancel(handle); }
    OpenedData open_data(const NodeKey& peer, const ObjectKey& key, InstanceId instance, DataId data_id) override;
    std::unique_ptr<DataReceiver> receive_data(const NodeKey& peer, const DataRequest& range, std::int64_t body_length,
                                               const std::string& repr_sha256, const std::string& content_sha256) override;
    void mount(const std::string& prefix, HttpHandler& handler) override { parts_.mount(prefix, handler); }
    std::optional<NodeKey> authenticate_node(const HttpRequest& request) override { return parts_.authenticate_node(request); }
    std::pair<std::string, std::string> credentials_for(const std::string& url) override { return parts_.credentials_for(url); }
    void report_unknown() override { parts_.report_unknown(); }
    bool is_running() const override { return parts_.is_running(); }
    TimePoint now() const override { return parts_.context->now(); }
    Log& log() override { return *parts_.log; }
    const Settings& settings() const override { return *parts_.settings; }
    std::vector<BrokerAccount> broker_accounts() override { return parts_.broker_accounts(); }
    bool is_one_of_several() const override { return parts_.is_one_of_several; }
    std::optional<std::string> messaging_group(const std::string& org) override;
    void remember_messaging_group(const std::string& org, const std::string& group) override;

protected:
    const HostParts& parts() const { return parts_; }
    ReceptionParts reception_parts() const;

private:
    HostParts parts_;
};

/// The verdict that an error of the store or of a rule means for a peer.
HandleResult verdict_of(std::exception_ptr error);

}  // namespace edgesync::node
