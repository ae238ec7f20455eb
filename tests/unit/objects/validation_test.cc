#include "kernel/objects/validation.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "edgesync/sdk/error.h"

namespace edgesync::objects {
namespace {

const ObjectKey kPath{"acme", "model", "m1"};

Metadata good() {
    Metadata meta;
    meta.org = "acme";
    meta.object_type = "model";
    meta.object_id = "m1";
    return meta;
}

struct Row {
    int rule;
    NodeRole role;
    std::function<void(Metadata&, ObjectKey&, ValidationInput&)> breaks;
    std::string text;
};

std::string first_problem(const std::vector<const Row*>& rows) {
    Metadata meta = good();
    ObjectKey path = kPath;
    ValidationInput input;
    input.role = rows.front()->role;
    for (const Row* row : rows) row->breaks(meta, path, input);
    try {
        validate(meta, path, input);
        return "";
    } catch (const Error& error) {
        return error.kind() == ErrorKind::InvalidRequest ? error.what() : "wrong kind";
    }
}

PolicyService service(const std::string& version) { return {"o", "*", "s", version}; }

/// One row per rule of the object model (1.3), in its order.
const std::vector<Row>& rows() {
    using M = Metadata;
    using K = ObjectKey;
    using I = ValidationInput;
    constexpr auto css = NodeRole::Css;
    constexpr auto ess = NodeRole::Ess;
    static const std::vector<Row> table = {
        {1, css, [](M&, K& k, I&) { k.org = "a b"; }, "Organization ID (a b) contains invalid characters"},
        {2, css, [](M& m, K&, I&) { m.object_id = ""; }, "Object's meta data does not contain object's ID"},
        {3, css, [](M& m, K&, I&) { m.object_id = "m2"; }, "Object ID (m1) in the URL doesn't match the object-id (m2) in the payload"},
        {4, css, [](M& m, K& k, I&) { m.object_id = k.id = "a/b"; }, "Object ID (a/b) contains invalid characters"},
        {5, css, [](M& m, K&, I&) { m.object_type = ""; }, "Object's meta data does not contain object's type"},
        {6, css, [](M& m, K&, I&) { m.object_type = "t"; },
         "Object type (model) in the URL doesn't match the object-type (t) in the payload"},
        {7, css, [](M& m, K& k, I&) { m.object_type = k.type = "<x>"; }, "Object type (&lt;x&gt;) contains invalid characters"},
        {8, css, [](M& m, K&, I&) { m.hash_algorithm = "sha1"; },
         "Hash Algorithm (sha1) is not supported. Please use SHA1 or SHA256 if specify"},
        {9, css, [](M& m, K&, I&) { m.public_key = "?"; }, "PublicKey is not base64 encoded. Error: illegal base64 data"},
        {10, css, [](M& m, K&, I&) { m.signature = "?"; }, "Signature is not base64 encoded. Error: illegal base64 data"},
        {11, ess, [](M& m, K&, I&) { m.expiration = "2999-01-01T00:00:00Z"; }, "Object expiration is disabled on ESS"},
        {12, css, [](M& m, K&, I&) { m.expiration = "soon"; },
         "Failed to parse expiration in object's meta data. Error: 'soon' is not an RFC 3339 time"},
        {13, css, [](M& m, K&, I&) { m.expiration = "1999-01-01T00:00:00Z"; }, "Invalid expiration time in object's meta data"},
        {14, css, [](M& m, K&, I&) { m.version = "1 0"; }, "Version (1 0) contains one/some invalid characters"},
        {15, css, [](M& m, K&, I&) { m.description = "x </b1> y"; }, "Description (x &lt;/b1&gt; y) contains unsupported tags"},
        {16, css,
         [](M& m, K&, I& i) {
             m.meta_only = true;
             i.has_data = true;
             i.data_size = 1;
         },
         "Can't update data if MetaOnly is true"},
        {17, css, [](M& m, K&, I&) { m.destination_id = "n"; }, "Destination ID provided without destination type in object's meta data"},
        {18, ess, [](M& m, K&, I&) { m.destinations_list.emplace(); }, "Destinations list is not supported for ESS"},
        {19, css,
         [](M& m, K&, I&) {
             m.destination_type = "t";
             m.destinations_list.emplace();
         },
         "Both destinations list and destination type are specified"},
        {20, css, [](M& m, K&, I&) { m.destinations_list = std::vector<std::string>{"a:<b"}; },
         "Unsupported char <, > in destinationsList."},
        {21, css,
         [](M& m, K&, I&) {
             m.destination_type = "t";
             m.destination_policy.emplace();
         },
         "Both destination policy and destination type are specified"},
        {22, css,
         [](M& m, K&, I&) {
             m.destinations_list.emplace();
             m.destination_policy.emplace();
         },
         "Both destination policy and destination list are specified"},
        {23, css,
         [](M& m, K&, I&) {
             m.destination_policy.emplace().properties.push_back({"", "1", ""});
         },
         "A property in the DestinationPolicy must have a name"},
        {24, css,
         [](M& m, K&, I&) {
             m.destination_policy.emplace().services.push_back({"o", "", "s", "1"});
         },
         "A service in a DestinationPolicy must have an organization ID, architecture, service name, and version specified"},
        {25, css, [](M& m, K&, I&) { m.destination_policy.emplace().services.push_back(service("x")); },
         "A service in the DestinationPolicy has an invalid version `x`"},
        {26, css, [](M& m, K&, I&) { m.destination_type = "t t"; }, "Destination type (t t) contains invalid characters"},
        {27, css, [](M& m, K&, I&) { m.autodelete = true; }, "AutoDelete can be used only for objects with DestinationsList or DestID set"},
        {28, css,
         [](M& m, K&, I&) {
             m.inactive = true;
             m.activation_time = "1999-01-01T00:00:00Z";
         },
         "Invalid activation time in object's meta data"},
        {29, css, [](M& m, K&, I&) { m.deleted = true; }, "Object marked as deleted"},
        {30, ess, [](M& m, K&, I&) { m.destination_data_uri = "file:///x"; }, "Data URI is disabled on CSS"},
        {31, css, [](M& m, K&, I&) { m.destination_data_uri = "file://host/x"; }, "Invalid destination data URI"},
        {32, css, [](M& m, K&, I&) { m.source_data_uri = "file:///x"; }, "Data URI is disabled on CSS"},
        {33, ess,
         [](M& m, K&, I& i) {
             m.source_data_uri = "file:///x";
             i.has_data = true;
         },
         "Both source data URI and data are set"},
        {34, ess, [](M& m, K&, I&) { m.source_data_uri = "http:///x"; }, "Invalid source data URI"},
        {35, css,
         [](M& m, K&, I&) {
             m.origin_type = "a b";
             m.origin_id = "x";
         },
         "OriginType (a b) contains invalid characters"},
        {36, css, [](M& m, K&, I&) { m.org = "a b"; }, "DestOrgID (a b) contains invalid characters"},
        {37, css, [](M& m, K&, I&) { m.consumers = -2; }, "consumers (-2) must be -1 for unlimited, or a positive number"},
    };
    return table;
}

TEST(Validation, EveryRuleHasItsText) {
    for (const Row& row : rows()) EXPECT_EQ(first_problem({&row}), row.text) << "rule " << row.rule;
}

TEST(Validation, TheFirstBrokenRuleIsTheOneTold) {
    // Neighbours on one role that break different fields, so that both are broken at once.
    const std::vector<int> on_css = {2, 7, 8, 9, 10, 12, 14, 15, 17, 23, 29, 31, 35, 36, 37};
    const auto row_of = [](int rule) { return &rows()[static_cast<std::size_t>(rule - 1)]; };
    for (std::size_t first = 0; first < on_css.size(); ++first) {
        for (std::size_t second = first + 1; second < on_css.size(); ++second) {
            const Row* earlier = row_of(on_css[first]);
            EXPECT_EQ(first_problem({row_of(on_css[second]), earlier}), earlier->text) << on_css[first] << " before " << on_css[second];
        }
    }
}

TEST(Validation, GoodMetadataPassesOnBothRoles) {
    for (const NodeRole role : {NodeRole::Css, NodeRole::Ess}) {
        Metadata meta = good();
        ValidationInput input;
        input.role = role;
        EXPECT_NO_THROW(validate(meta, kPath, input));
    }
}

TEST(Validation, WhatTheRulesExemptIsAccepted) {
    const std::vector<std::function<void(Metadata&)>> accepted = {
        [](Metadata& m) { m.activation_time = "not looked at"; },
        [](Metadata& m) { m.description = "a < b and <a href=x>"; },
        [](Metadata& m) {
            m.autodelete = true;
            m.destinations_list.emplace();
        },
        [](Metadata& m) { m.destinations_list = std::vector<std::string>{"camera:cam1"}; },
        [](Metadata& m) { m.destination_data_uri = "FILE:/var/x"; },
        [](Metadata& m) { m.origin_type = "only one is given <"; },
        [](Metadata& m) { m.link = "http://anything"; },
    };
    for (std::size_t i = 0; i < accepted.size(); ++i) {
        Metadata meta = good();
        accepted[i](meta);
        EXPECT_NO_THROW(validate(meta, kPath, {})) << i;
    }
}

TEST(Validation, ListEntriesAreTypeAndId) {
    for (const char* entry : {"camera", ":x", "x:", "a:b:c", "a b:c"}) {
        Metadata meta = good();
        meta.destinations_list = std::vector<std::string>{entry};
        EXPECT_THROW(validate(meta, kPath, {}), Error) << entry;
    }
}

TEST(Validation, ListsAndTextsAreBounded) {
    Metadata many = good();
    many.destinations_list = std::vector<std::string>(10001, "a:b");
    EXPECT_THROW(validate(many, kPath, {}), Error);
    Metadata longest = good();
    longest.description = std::string(65536, 'x');
    EXPECT_NO_THROW(validate(longest, kPath, {}));
    longest.description += 'x';
    EXPECT_THROW(validate(longest, kPath, {}), Error);
}

TEST(Validation, ConsumersGetTheirMeaning) {
    const std::pair<int, int> pairs[] = {{0, 1}, {1, 1}, {5, 5}, {-1, std::numeric_limits<int>::max()}};
    for (const auto& [given, stored] : pairs) {
        Metadata meta = good();
        meta.consumers = given;
        validate(meta, kPath, {});
        EXPECT_EQ(meta.consumers, stored);
    }
}

}  // namespace
}  // namespace edgesync::objects
