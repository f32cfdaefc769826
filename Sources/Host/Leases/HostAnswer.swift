import Bus
import Glibc
import JSON
import Model

/// Asking the host for something about leases: progress for a person, a refusal with its table.
enum HostAnswer {
    /// The host said no; what it explained is printed already.
    struct Refused: Error {}

    static func ask(
        _ arguments: Arguments, _ verb: String, _ body: JSON, wait: Bool = false, key: String? = nil
    ) async throws -> JSON {
        var options = ClientOptions(deadline: wait ? nil : 60_000)
        options.key = key
        options.actingFor = arguments.value("--as")
        let watches = Terminal.isInteractive && wait
        if watches {
            options.progress = { body in
                line("\(body["what"]?.string ?? "working") …")
            }
        }
        let given = options
        let answer = try await HostConnection.with(arguments) { client in
            await withCheckedContinuation { continuation in
                client.send(verb, body.bytes, given) { continuation.resume(returning: $0) }
            }
        }
        if watches { line("") }
        guard let error = answer.error else { return answer.body }
        let table = LeaseTables.refusal(answer.body)
        if !table.isEmpty, (try? arguments.output()) == .table {
            complain("berth: \(error.description)\n\(table)\n")
            throw Refused()
        }
        throw error
    }

    private static func line(_ text: String) { complain("\r\u{1B}[K\(text)") }

    static func complain(_ text: String) {
        fflush(nil)
        var text = text
        text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }

    /// Every page of a list.
    static func all(_ arguments: Arguments, _ verb: String, _ noun: String, _ body: JSON) async throws -> [JSON] {
        let limit = try arguments.integer("--limit")
        var elements: [JSON] = []
        var body = body
        while true {
            body["limit"] = JSON(min(1000, (limit ?? .max) - elements.count))
            let page = try await ask(arguments, verb, body)
            elements += page[noun]?.array ?? []
            guard let next = page["next"]?.string, elements.count < limit ?? .max else { return elements }
            body["after"] = JSON(next)
        }
    }
}
