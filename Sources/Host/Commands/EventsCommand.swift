import Bus
import JSON
import Model

/// `berth events`
struct EventsCommand: Command {
    static let path = ["events"]
    static let summary = "show what happened, and with --follow what happens"
    static let usage = "[--follow] [--since N] [TOPIC]..."
    static let example = "berth events --follow lease. machine."
    static let options: [OptionSpec] = [
        .flag("-f", "--follow", help: "wait for more and show it as it comes; nothing is missed"),
        .value("--since", value: "N", help: "start after event N (default: 0; with --follow: now)"),
        .output,
    ]
    static let operands = 0...32

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let (topics, follow, output) = (arguments.operands, arguments.has("-f"), try arguments.output())
        let since = try arguments.integer("--since")
        try await HostConnection.with(arguments) { client in
            var after = since ?? (follow ? -1 : 0)
            while true {
                let body: JSON = ["after": JSON(after), "topics": JSON(topics), "wait_ms": JSON(follow ? 30_000 : 0), "limit": 1000]
                let page: JSON
                do {
                    page = try await client.request("events.since", body, ClientOptions(deadline: 60_000))
                } catch let error as BerthError {
                    after = try await EventsCommand.goOn(after, error, follow: follow, maySkip: since == nil)
                    continue
                }
                let events = page["events"]?.array ?? []
                for event in events { print(EventsCommand.line(event, output)) }
                Terminal.flush()
                let next = page["next"]?.int ?? after
                if events.isEmpty && next <= after && !follow { return }
                after = next
            }
        }
        return .done
    }

    /// Where to go on after an error, if one may: a follower waits for a host that was restarted, and who did not say where to
    /// start starts at the oldest event that is kept.
    private static func goOn(_ after: Int, _ error: BerthError, follow: Bool, maySkip: Bool) async throws -> Int {
        if error.code == .notFound, maySkip, let oldest = oldest(error), oldest > after { return oldest }
        guard follow, after >= 0, [.unreachable, .retry, .busy].contains(error.code) else { throw error }
        Terminal.complain("\(error.message); waiting for the host")
        try await Task.sleep(for: .seconds(1))
        return after
    }

    /// Where to go on after a `not-found` that names the oldest event that is kept.
    static func oldest(_ error: BerthError) -> Int? {
        guard let native = error.native, native.hasPrefix("oldest=") else { return nil }
        return Int(native.dropFirst("oldest=".count)).map { max(0, $0 - 1) }
    }

    private static func line(_ event: JSON, _ output: Arguments.Output) -> String {
        switch output {
        case .json: return event.text
        case .name: return event["topic"]?.string ?? ""
        case .table:
            let seq = event["seq"]?.int.map { "\($0)" } ?? "-"
            var rest = event
            for name in ["seq", "time", "topic", "subject"] { rest[name] = nil }
            let more = rest.object?.isEmpty ?? true ? "" : "  \(rest.text)"
            return "\(seq.padded(to: 8))  \(event["time"]?.string ?? "")  \(event["topic"]?.string ?? "")\(more)"
        }
    }
}
