import Bus
import JSON
import Model

/// `berth call VERB [JSON]`
struct CallCommand: Command {
    static let path = ["call"]
    static let summary = "send one request to the host and print its answer"
    static let usage = "VERB [JSON]"
    static let example = "berth call provider.list '{\"limit\": 10}'"
    static let options: [OptionSpec] = [
        .value("--deadline", value: "MS", help: "milliseconds to wait for the answer (default 60000)"),
        .value("--key", value: "KEY", help: "idempotency key: the same request with it is done once"),
        .value("--as", value: "OWNER", help: "act for another account, such as uid:1000 (operators)"),
        .output,
    ]
    static let operands = 1...2

    func run(_ arguments: Arguments) async throws -> ExitCode {
        var body: JSON = .object(JSON.Object())
        if arguments.operands.count > 1 {
            do throws(JSON.ParseError) {
                body = try JSON(parsing: arguments.operands[1])
            } catch {
                throw UsageError("the body is no JSON: \(error)")
            }
        }
        var options = ClientOptions(deadline: try arguments.integer("--deadline") ?? 60_000)
        options.key = arguments.value("--key")
        options.actingFor = arguments.value("--as")
        if Terminal.isInteractive { options.progress = { Progress.show($0) } }
        let (verb, sent, given) = (arguments.operands[0], body, options)
        let answer = try await HostConnection.with(arguments) { try await $0.request(verb, sent, given) }
        Progress.clear()
        print(try arguments.output() == .json ? answer.text : answer.pretty)
        return .done
    }
}

/// One line on the terminal that is written over.
enum Progress {
    static func show(_ body: JSON) {
        let percent = body["fraction"]?.double.map { " \(Int($0 * 100)) %" } ?? ""
        Terminal.line("\(body["what"]?.string ?? "working")\(percent)")
    }

    static func clear() {
        if Terminal.isInteractive { Terminal.line("") }
    }
}
