#include "edge/static/static_variant.hpp"

#include "edge/http/accept_encoding.hpp"
#include "edge/http/media_types.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <tuple>
#include <utility>

namespace postern::edge {
namespace {

/// Tools that keep a file's time on what they compress may keep whole seconds of it.
bool is_older(const struct stat& sibling, const struct stat& plain) noexcept {
    if (sibling.st_mtim.tv_nsec == 0)
        return sibling.st_mtim.tv_sec < plain.st_mtim.tv_sec;
    return std::tie(sibling.st_mtim.tv_sec, sibling.st_mtim.tv_nsec) <
           std::tie(plain.st_mtim.tv_sec, plain.st_mtim.tv_nsec);
}

struct coding {
    std::string_view name;
    const char* extension;
    unsigned weight;
};

} // namespace

std::string static_variant::etag() const {
    return fmt::format("\"{:x}-{:x}{}{}\"", file.info.st_mtime, file.info.st_size,
                       coding.empty() ? "" : "-", coding);
}

std::int64_t static_variant::modified_s() const {
    return std::min<std::int64_t>(file.info.st_mtime, ::time(nullptr));
}

static_variant choose_variant(int root, static_lookup found, const field_list& fields,
                              bool precompressed) {
    static_variant chosen;
    chosen.type = media_type_of(found.name);
    chosen.file = std::move(found.file);
    chosen.varies = precompressed && compresses_well(chosen.type);
    if (!chosen.varies)
        return chosen;
    const coding_weights weights = coding_weights_of(fields);
    coding codings[] = {{"br", ".br", weights.brotli}, {"gzip", ".gz", weights.gzip}};
    if (weights.gzip > weights.brotli)
        std::swap(codings[0], codings[1]);
    for (const coding& c : codings) {
        if (c.weight == 0 || c.weight < weights.identity)
            continue;
        auto sibling = open_beneath(root, found.name + c.extension);
        if (!sibling || !sibling->is_regular() || is_older(sibling->info, chosen.file.info))
            continue;
        chosen.file = std::move(*sibling);
        chosen.coding = c.name;
        break;
    }
    return chosen;
}

} // namespace postern::edge
