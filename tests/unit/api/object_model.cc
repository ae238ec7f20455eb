#include "object_model.h"

namespace edgesync::api::model {
namespace {

constexpr const char* kNames[kActions] = {"put metadata",
                                          "put with data",
                                          "upload",
                                          "first chunk",
                                          "last chunk",
                                          "delete",
                                          "consumed",
                                          "received",
                                          "deleted",
                                          "activate",
                                          "policyreceived",
                                          "peer announces",
                                          "peer delivers",
                                          "peer deletes",
                                          "peer acks consumed",
                                          "peer acks deleted",
                                          "peer reports received",
                                          "peer reports consumed",
                                          "peer acks delete"};

bool is_received(const Object& object) {
    return !object.is_own && (object.status == "completelyReceived" || object.status == "objreceived");
}

bool accepts_data(const Object& object) {
    return object.is_own && object.status != "objdeleted" && object.status != "consumedByDest" && !object.has_no_data_flag;
}

/// Everything goes but the count of versions.
void forget(Object& object) {
    const int version = object.version;
    object = {};
    object.version = version;
}

void expect_consumers(Object& object, std::uint8_t traits) {
    object.consumers = object.remaining_consumers = object.remaining_receivers = (traits & TwoConsumers) != 0 ? 2 : 1;
}

}  // namespace

std::string to_string(const Step& step) {
    std::string text = std::string(kNames[static_cast<int>(step.action)]) + " o" + std::to_string(step.object);
    const std::pair<Trait, const char*> traits[] = {{NoData, " noData"},
                                                    {MetaOnly, " metaOnly"},
                                                    {Inactive, " inactive"},
                                                    {TwoConsumers, " consumers=2"},
                                                    {BadSignature, " badSignature"}};
    for (const auto& [trait, name] : traits) {
        if ((step.traits & trait) != 0) text += name;
    }
    return text;
}

int Model::apply(const Step& step) {
    Object& object = objects_.at(static_cast<std::size_t>(step.object));
    switch (step.action) {
        case Action::PutMetadata: return put(object, step.traits, false);
        case Action::PutData: return put(object, step.traits, true);
        case Action::Upload: return upload(object, "uploaded");
        case Action::FirstChunk: return chunk(object, 0);
        case Action::LastChunk: return chunk(object, 1);
        case Action::Delete: return remove(object);
        case Action::MarkConsumed: return mark(object, object.remaining_consumers, "objconsumed");
        case Action::MarkReceived: return mark(object, object.remaining_receivers, "objreceived");
        case Action::ConfirmDeleted: return confirm_deleted(object);
        case Action::Activate: return activate(object);
        case Action::MarkPolicyReceived: return !is_css_ ? 400 : object.exists ? 204 : 404;
        default: return peer_message(object, step), 0;
    }
}

std::optional<std::string> Model::readable_data(int index) const {
    const Object& which = object(index);
    for (const char* status : {"notReady", "verificationFailed", "partiallyreceived"}) {
        if (which.status == status) return std::nullopt;
    }
    return which.data;
}

void Model::distribute(Object& object) const {
    if (!is_css_ || !has_node_) return;
    object.delivery = object.status == "ready" && !object.is_inactive ? "delivering" : "pending";
}

void Model::take_data(Object& object, const std::string& data) const {
    object.status = object.has_bad_signature ? "verificationFailed" : "ready";
    object.data = object.has_bad_signature ? std::nullopt : std::optional(data);
    object.has_staged[0] = object.has_staged[1] = false;
    ++object.version;
    distribute(object);
}

int Model::put(Object& object, std::uint8_t traits, bool has_data) {
    const bool is_meta_only = (traits & MetaOnly) != 0;
    if (is_meta_only && has_data) return 400;
    if (object.exists && !object.is_own) return 400;
    if (object.status == "consumedByDest" && is_meta_only) return 400;
    Object next;
    next.exists = true;
    next.version = object.version;
    next.has_no_data_flag = (traits & NoData) != 0;
    next.is_inactive = (traits & Inactive) != 0;
    next.has_bad_signature = (traits & BadSignature) != 0 && !next.has_no_data_flag;
    expect_consumers(next, traits);
    if (next.has_no_data_flag) {
        next.status = "ready";
    } else if (has_data) {
        object = next;
        take_data(object, "inline");
        return object.has_bad_signature ? 500 : 204;
    } else if (is_meta_only && object.data) {
        next.status = "ready";
        next.data = object.data;
        next.has_bad_signature = object.has_bad_signature;
    } else {
        next.status = "notReady";
    }
    ++next.version;
    object = next;
    distribute(object);
    return 204;
}

int Model::upload(Object& object, const std::string& data) {
    if (!object.exists) return 404;
    if (!accepts_data(object)) return 400;
    take_data(object, data);
    return object.has_bad_signature ? 500 : 204;
}

int Model::chunk(Object& object, int which) {
    if (!object.exists) return 404;
    if (!accepts_data(object)) return 400;
    object.has_staged[which] = true;
    if (object.has_staged[0] && object.has_staged[1]) take_data(object, "abcdef");
    return 204;
}

int Model::remove(Object& object) const {
    if (!object.exists) return 404;
    if (!object.is_own && !is_css_) return 400;
    if (object.is_own && object.status == "objdeleted") return 204;
    const bool has_destination = object.is_own && object.status != "consumedByDest" && (!is_css_ || has_node_);
    if (!has_destination) return forget(object), 204;
    object.status = "objdeleted";
    object.is_deleted = true;
    object.data.reset();
    object.has_staged[0] = object.has_staged[1] = false;
    return 204;
}

int Model::mark(Object& object, int& remaining, const char* final_status) {
    if (!object.exists || !is_received(object)) return 400;
    if (remaining > 0 && --remaining == 0) object.status = final_status;
    return 204;
}

int Model::confirm_deleted(Object& object) const {
    if (!object.exists || object.is_own || object.status != "objdeleted") return 400;
    if (object.remaining_consumers > 0) --object.remaining_consumers;
    return 204;
}

int Model::activate(Object& object) const {
    if (!object.exists || !object.is_own) return 400;
    if (object.is_inactive) {
        object.is_inactive = false;
        if (object.status == "ready") distribute(object);
    }
    return 204;
}

void Model::peer_message(Object& object, const Step& step) {
    const bool is_tombstone = object.exists && !object.is_own && object.status == "objdeleted";
    switch (step.action) {
        case Action::Announce: return announce(object, step.traits);
        case Action::Deliver:
            if (object.status != "partiallyreceived") return;
            object.status = "completelyReceived";
            object.data = "delivered";
            return;
        case Action::PeerDelete: return delete_by_peer(object);
        case Action::AckConsumed:
            if (object.status == "objconsumed") forget(object);
            return;
        case Action::AckDeleted:
            if (is_tombstone && object.remaining_consumers == 0) forget(object);
            return;
        default: return report(object, step.action);
    }
}

void Model::announce(Object& object, std::uint8_t traits) {
    if (object.exists && object.is_own && object.status != "consumedByDest") return;
    Object next;
    next.exists = true;
    next.is_own = false;
    next.version = object.version + 1;
    next.has_no_data_flag = (traits & NoData) != 0;
    next.status = next.has_no_data_flag ? "completelyReceived" : "partiallyreceived";
    expect_consumers(next, traits);
    object = next;
}

void Model::delete_by_peer(Object& object) const {
    if (object.exists && object.is_own) return;
    if (!object.exists && is_css_) return;
    if (!object.exists) {
        object.exists = true;
        object.is_own = false;
        ++object.version;
    }
    object.status = "objdeleted";
    object.is_deleted = true;
    object.data.reset();
    object.remaining_consumers = object.consumers;
}

void Model::report(Object& object, Action action) const {
    if (!object.exists || !object.is_own) return;
    if (action == Action::AckDelete) {
        if (object.status == "objdeleted" && (!is_css_ || has_node_)) forget(object);
        return;
    }
    if (is_css_) {
        if (object.status == "objdeleted") return;
        const bool is_on_its_way = object.delivery == "delivering";
        if (action == Action::ReportReceived && is_on_its_way) object.delivery = "delivered";
        if (action == Action::ReportConsumed && (is_on_its_way || object.delivery == "delivered")) object.delivery = "consumed";
        return;
    }
    if (action != Action::ReportConsumed || object.status != "ready" || object.is_inactive) return;
    object.status = "consumedByDest";
    object.data.reset();
    object.has_staged[0] = object.has_staged[1] = false;
}

}  // namespace edgesync::api::model
