#include "kernel/node/edge_side.h"

#include "kernel/data/source_file.h"
#include "kernel/node/signature_problem.h"

namespace edgesync::node {
namespace {

data::FetcherOptions fetcher_options(const Settings& settings, data::ReceivedFiles& files) {
    data::FetcherOptions options;
    options.files = &files;
    options.parallel_chunks = static_cast<int>(settings.integer("MaxInflightChunks"));
    options.largest_object = settings.integer("MaxObjectDataSize");
    options.verify = signature_problem;
    options.retry_pause = std::chrono::seconds(settings.integer("ESSCallSPIRetryInterval"));
    return options;
}

}  // namespace

EdgeSide::EdgeSide(const rules::NodeContext& context, rules::Operations& operations, rules::Scheduler& scheduler, const Settings& settings,
                   const files::DataFiles& files, data::ReceivedFiles& received_files, Log& log)
    : context_(context), scheduler_(scheduler),
      line_(scheduler, std::chrono::seconds(settings.integer("ESSCallSPIRetryInterval")), [this] { line_is_back(); }),
      outbox_(context, operations, scheduler, line_, log, [this] { registration_.report_unknown(); }),
      fetcher_(
          context, operations, scheduler, line_, log, fetcher_options(settings, received_files),
          [this](Message message) { outbox_.send_message(std::move(message)); }, [this] { registration_.report_unknown(); }),
      registration_(context, operations, scheduler, log,
                    {[this](bool registered, const std::vector<std::string>& capabilities) { changed(registered, capabilities); }},
                    std::chrono::hours(settings.integer("ESSPingInterval"))) {
    outbox_.set_source_opener([&files](const ObjectRecord& object) { return data::open_source(files, object); });
}

void EdgeSide::use(Transport& transport) {
    transport_ = &transport;
    outbox_.set_transport(transport);
    fetcher_.set_transport(transport);
    registration_.set_transport(transport);
}

void EdgeSide::fetch(const rules::ExchangeKey& key) {
    if (transport_ == nullptr || !transport_->traits().fetches_data) return;
    fetcher_.fetch(key);
}

void EdgeSide::resume_transfers() {
    outbox_.repeat_failures();
    if (transport_ != nullptr && transport_->traits().fetches_data) fetcher_.resume_all();
}

void EdgeSide::changed(bool registered, const std::vector<std::string>& capabilities) {
    outbox_.set_registered(registered);
    transport_->registration_changed(registered, capabilities);
    if (!registered) return;
    outbox_.scan();
    resume_transfers();
}

void EdgeSide::line_is_back() {
    if (!registration_.is_registered()) return;
    outbox_.scan();
    resume_transfers();
}

void EdgeSide::stop() {
    line_.stop();
    registration_.stop();
    fetcher_.stop();
    outbox_.stop();
}

}  // namespace edgesync::node
