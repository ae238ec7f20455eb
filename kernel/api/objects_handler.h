// Metadata of one object: create or update, read, delete, status (rest-api 3.1 to 3.4).
#pragma once

#include "kernel/api/call.h"
#include "kernel/objects/lifecycle.h"

namespace edgesync::api {

/// Thread-safe. `call` is authenticated and its path is valid.
class ObjectsHandler {
public:
    explicit ObjectsHandler(const Environment& environment) : environment_(environment) {}

    void put(const CallPtr& call) const;
    void get(const CallPtr& call) const;
    void remove(const CallPtr& call) const;
    void status(const CallPtr& call) const;

private:
    void publish(const CallPtr& call) const;
    void publish_small(const CallPtr& call, std::shared_ptr<objects::PublishRequest> request, std::string octets) const;
    void publish_staged(const CallPtr& call, objects::PublishRequest& request, const std::string& octets) const;
    void publish_source(const CallPtr& call, objects::PublishRequest& request) const;
    std::optional<ObjectRecord> find(const ObjectKey& key) const;

    const Environment& environment_;
};

/// "{org}/{user}", as the owner of an object is recorded.
std::string owner_of(const security::Identity& identity);

}  // namespace edgesync::api
