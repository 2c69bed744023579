#include "edge/settings/directives.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace postern::edge {
namespace {

/// Names that people know from nginx or from looser memory, and what does the same here.
constexpr std::pair<std::string_view, std::string_view> known_elsewhere[] = {
    {"worker_processes", "workers"},
    {"pid_file", "pid"},
    {"proxy_pass", "proxy"},
    {"root", "static"},
    {"alias", "static"},
    {"error_page", "page"},
    {"set_real_ip_from", "trusted_proxies"},
    {"allow", "access"},
    {"deny", "access"},
    {"secure_link", "access"},
    {"auth_basic", "access"},
    {"keepalive", "upstream_keepalive"},
    {"client_header_buffer_size", "client_header_size"},
    {"large_client_header_buffers", "client_header_size"},
    {"client_max_header_size", "client_header_size"},
    {"proxy_set_header", "add_header"},
    {"output", "output_directory"},
    {"environ", "environment"},
    {"env", "environment"},
    {"ssl_certificate_key", "ssl_certificate"},
    {"ssl_session_timeout", "ssl_ticket_rotation"},
    {"cookie", "session_from"},
    {"referer", "session_from"},
    {"header", "session_from"},
    {"gzip_static", "precompressed"},
    {"brotli_static", "precompressed"},
    {"expires", "cache_control"},
    {"bundle_window", ""}, // nothing is near: no guess is better than a wrong one
    {"on_deactivate", ""},
};

/// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, diagonal + 1, replaced});
        }
    }
    return row.back();
}

/// Whether a directive's arguments have `word` literally; values' names are in capitals.
bool has_word(std::string_view arguments, std::string_view word) {
    constexpr std::string_view of_words = "abcdefghijklmnopqrstuvwxyz0123456789_";
    if (word.empty() || word.find_first_not_of(of_words) != std::string_view::npos)
        return false;
    const auto ends = [&](std::size_t at) {
        return at >= arguments.size() || of_words.find(arguments[at]) == std::string_view::npos;
    };
    for (std::size_t at = 0; (at = arguments.find(word, at)) != std::string_view::npos; ++at)
        if ((at == 0 || ends(at - 1)) && ends(at + word.size()))
            return true;
    return false;
}

constexpr std::size_t guessed_bytes_max = 64; // longer words are no misspelt directives

/// How many wrong letters a word of this length may have and still be taken for another.
std::size_t tolerance(std::string_view word) {
    return word.size() < 4 ? 1 : word.size() < 8 ? 2 : 3;
}

} // namespace

std::string text_of_contexts(unsigned contexts) {
    constexpr std::pair<unsigned, std::string_view> names[] = {
        {context::main, "the main part"}, {context::store, "store"},
        {context::control, "control"},    {context::lifecycle, "lifecycle"},
        {context::launcher, "launcher"},  {context::server, "server"},
        {context::location, "location"},
    };
    std::vector<std::string_view> found;
    for (const auto& [bit, name] : names)
        if ((contexts & bit) != 0)
            found.push_back(name);
    std::string out;
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (i > 0)
            out += i + 1 == found.size() ? " or " : ", ";
        out += found[i];
    }
    return out;
}

const std::vector<directive>& all_directives() {
    static const std::vector<directive> table = [] {
        std::vector<directive> all;
        for (const auto part :
             {process_directives(), session_data_directives(), dynamodb_directives(),
              traffic_directives(), session_directives(), tls_directives(), server_directives()})
            all.insert(all.end(), part.begin(), part.end());
        return all;
    }();
    return table;
}

const directive* find_directive(std::string_view name, unsigned in_context) {
    for (const directive& d : all_directives())
        if (d.name == name && (d.contexts & in_context) != 0)
            return &d;
    return nullptr;
}

std::vector<const directive*> entries_named(std::string_view name) {
    std::vector<const directive*> found;
    for (const directive& d : all_directives())
        if (d.name == name)
            found.push_back(&d);
    return found;
}

std::string_view nearest_directive(std::string_view name, unsigned in_context) {
    for (const auto& [elsewhere, here] : known_elsewhere)
        if (elsewhere == name)
            return here;
    if (const std::string_view of = directive_of_word(name); !of.empty())
        return of;
    std::vector<std::string_view> near;
    std::vector<std::string_view> far;
    for (const directive& d : all_directives())
        ((d.contexts & in_context) != 0 ? near : far).push_back(d.name);
    const std::string_view best = nearest_of(name, near);
    return best.empty() ? nearest_of(name, far) : best;
}

std::string_view directive_of_word(std::string_view word) {
    std::string_view found;
    for (const directive& d : all_directives())
        if (d.name != found && has_word(d.arguments, word)) {
            if (!found.empty())
                return {};
            found = d.name;
        }
    return found;
}

std::string_view nearest_of(std::string_view word, std::span<const std::string_view> choices) {
    if (word.size() > guessed_bytes_max)
        return {};
    std::string_view best;
    std::size_t best_distance = tolerance(word) + 1;
    for (const std::string_view choice : choices) {
        const std::size_t d = distance(word, choice);
        if (d < best_distance && d < choice.size()) {
            best = choice;
            best_distance = d;
        }
    }
    return best;
}

} // namespace postern::edge
