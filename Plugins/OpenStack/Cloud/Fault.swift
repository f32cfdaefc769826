import DriverHTTP
import JSON
import PluginKit

/// An answer of 400 and above, as the services write them: each has a shape of its own.
struct Fault {
    var status: Int
    var words: String
    var service: String
    var path: String

    init(_ response: HTTPResponse, from service: String, url: String) {
        status = response.status
        self.service = service
        path = "/" + url.prefix { $0 != "?" }.split(separator: "/").dropFirst(2).joined(separator: "/")
        words = Self.words(response)
    }

    /// `{"error":{"message"}}`, `{"itemNotFound":{"message"}}`, `{"NeutronError":{"message"}}`, `{"message"}`, or plain text.
    private static func words(_ response: HTTPResponse) -> String {
        guard let body = try? response.json() else { return response.excerpt }
        if let message = body["message"]?.string { return message }
        for field in body.object?.fields ?? [] {
            if let message = field.value["message"]?.string { return message }
            if let message = field.value.string { return message }
        }
        return response.excerpt
    }

    var error: DriverError {
        let native = "HTTP \(status): \(words)"
        let lower = words.lowercased()
        switch status {
        case 400: return .invalid("\(service) calls the request wrong", native: native)
        case 401: return .denied("\(service) refuses the credentials", native: native)
        case 403, 413:
            // Nova says 403 for a full quota as well as for missing rights; only its words differ.
            if lower.contains("quota") || lower.contains("exceeded") { return .exhausted("the project's quota is used up", native: native) }
            return .denied("\(service) does not allow it", native: native)
        case 404: return .notFound("\(service) does not have it: \(path)", native: native)
        case 406: return .unsupported("\(service) does not speak the version asked for", native: native)
        case 409: return .conflict("\(service): the state of things forbids it now", native: native)
        case 429: return .retry("\(service) is asked too often", native: native)
        case 503: return .retry("\(service) is overloaded or away", native: native)
        case 500...: return .retry("\(service) failed", native: native)
        default: return .broken("\(service) answers \(status)", native: native)
        }
    }
}

extension DriverError {
    init(_ error: HTTPError) {
        switch error.kind {
        case .unreachable, .tls: self = .unreachable("the cloud does not answer", native: error.message)
        case .deadline: self = .deadline("the deadline passed", native: error.message)
        case .cancelled: self = .cancelled("cancelled", native: error.message)
        case .tooLarge, .garbage: self = .broken("the cloud answers nonsense", native: error.message)
        case .invalid: self = .invalid("the address is wrong", native: error.message)
        }
    }
}

extension HTTPPatience {
    init(_ call: Call) {
        self.init(deadline: call.deadline == 0 ? .max : call.deadline) { call.isCancelled }
    }

    /// Why there is no more waiting.
    func exhausted(_ what: String) -> DriverError {
        remaining > 0 && isCancelled() ? .cancelled("the host no longer wants the answer") : .deadline(what)
    }
}
