// How the API says no, and JSON answers in general.
#pragma once

#include "control/http_message.hpp"

#include <boost/system/result.hpp>
#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

namespace postern::control {

using json = nlohmann::ordered_json; // fields in the order in which they are documented

/// {"error":{"code","message","field"}}: the code for programs, the message for people (what was
/// wrong, where, and what would be right), the field where there is one.
struct api_error {
    unsigned status = 400;
    std::string code;
    std::string message;
    std::string field{};
    std::vector<std::pair<std::string, std::string>> headers{};
};

template <class T>
using api_result = boost::system::result<T, api_error>;

[[nodiscard]] http_answer answer_of(const api_error& error);
/// Text from the store that is no UTF-8 is shown with replacement characters.
[[nodiscard]] http_answer json_answer(unsigned status, const json& body);

} // namespace postern::control
