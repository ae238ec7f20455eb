// Everything that a plugin and the service exchange, in one object: the debugging information of this file is what scripts/record-abi
// records. A function for each interface and each record, because only what functions use counts, and each page as a whole.
#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "edgesync/sdk/http.h"
#include "edgesync/sdk/key.h"
#include "edgesync/sdk/log.h"
#include "edgesync/sdk/message.h"
#include "edgesync/sdk/network_guard.h"
#include "edgesync/sdk/object.h"
#include "edgesync/sdk/plugin.h"
#include "edgesync/sdk/settings.h"
#include "edgesync/sdk/store.h"
#include "edgesync/sdk/transport.h"

namespace edgesync::abi {

#define EDGESYNC_RECORD(TYPE) \
    EDGESYNC_EXPORT void use_##TYPE(TYPE&) {}

EDGESYNC_RECORD(PluginDescriptor)
EDGESYNC_RECORD(Plugin)
EDGESYNC_RECORD(Settings)
EDGESYNC_RECORD(SettingDeclaration)
EDGESYNC_RECORD(Log)
EDGESYNC_RECORD(Error)

EDGESYNC_RECORD(Metadata)
EDGESYNC_RECORD(Message)
EDGESYNC_RECORD(HandleResult)

EDGESYNC_RECORD(Store)
EDGESYNC_RECORD(StoreTraits)
EDGESYNC_RECORD(StoreHealth)
EDGESYNC_RECORD(ReadTransaction)
EDGESYNC_RECORD(WriteTransaction)
EDGESYNC_RECORD(BlobStore)
EDGESYNC_RECORD(BlobReader)
EDGESYNC_RECORD(BlobWriter)
EDGESYNC_RECORD(ObjectRecord)
EDGESYNC_RECORD(DeliveryRecord)
EDGESYNC_RECORD(NotificationRecord)
EDGESYNC_RECORD(DestinationRecord)
EDGESYNC_RECORD(BlobRecord)
EDGESYNC_RECORD(WorkItem)
EDGESYNC_RECORD(Entry)
EDGESYNC_RECORD(Prefetch)
EDGESYNC_RECORD(FanOut)
EDGESYNC_RECORD(FanOutStep)

EDGESYNC_RECORD(Transport)
EDGESYNC_RECORD(TransportHost)
EDGESYNC_RECORD(TransportTraits)
EDGESYNC_RECORD(DataRequest)
EDGESYNC_RECORD(PeerAnswer)
EDGESYNC_RECORD(LineHealth)
EDGESYNC_RECORD(BrokerAccount)
EDGESYNC_RECORD(DataSink)
EDGESYNC_RECORD(DataReceiver)
EDGESYNC_RECORD(OpenedData)
EDGESYNC_RECORD(PollRequest)
EDGESYNC_RECORD(PollResult)
EDGESYNC_RECORD(HttpRequest)
EDGESYNC_RECORD(HttpResponse)
EDGESYNC_RECORD(HttpResponder)
EDGESYNC_RECORD(HttpBodySink)
EDGESYNC_RECORD(HttpHandler)

class NoPlugin : public Plugin {
public:
    void configure(const Settings&, Log&) override {}
};

}  // namespace edgesync::abi

namespace edgesync {

template struct Page<DeliveryRecord>;
template struct Page<DestinationRecord>;
template struct Page<Entry>;
template struct Page<NotificationRecord>;
template struct Page<ObjectKey>;
template struct Page<ObjectRecord>;

}  // namespace edgesync

// What a plugin says of itself before any of its code runs.
EDGESYNC_PLUGIN(Store, "recorded", "1.0.0", edgesync::abi::NoPlugin);

EDGESYNC_EXPORT void use_note(edgesync_note_type&) {}
