#include "control/api/api_error.hpp"

namespace postern::control {

http_answer json_answer(unsigned status, const json& body) {
    http_answer answer;
    answer.status = status;
    answer.body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    return answer;
}

http_answer answer_of(const api_error& error) {
    json inner{{"code", error.code}, {"message", error.message}};
    if (!error.field.empty())
        inner["field"] = error.field;
    http_answer answer = json_answer(error.status, {{"error", std::move(inner)}});
    answer.headers = error.headers;
    return answer;
}

} // namespace postern::control
