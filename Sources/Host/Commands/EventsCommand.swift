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
            var after = since ?? 0
            if since == nil, follow { after = try await EventsCommand.last(client) }
            while true {
                let body: JSON = ["after": JSON(after), "topics": JSON(topics), "wait_ms": JSON(follow ? 30_000 : 0), "limit": 1000]
                let page = try await client.request("events.since", body, ClientOptions(deadline: 60_000))
                let events = page["events"]?.array ?? []
                for event in events { print(EventsCommand.line(event, output)) }
                Terminal.flush()
                after = page["next"]?.int ?? after
                if events.isEmpty && !follow { return }
            }
        }
        return .done
    }

    /// The number of the last event, by walking over what is there without printing it.
    private static func last(_ client: BusClient) async throws -> Int {
        var after = 0
        while true {
            let page: JSON
            do {
                page = try await client.request("events.since", ["after": JSON(after), "limit": 1000])
            } catch let error as BerthError where error.code == .notFound {
                // Older ones are gone; the error says from where on there are some.
                after = EventsCommand.oldest(error) ?? after + 1
                continue
            }
            let next = page["next"]?.int ?? after
            if next <= after { return after }
            after = next
        }
    }

    private static func oldest(_ error: BerthError) -> Int? {
        let words = (error.hint ?? error.message).split { !"0123456789".contains($0) }
        return words.last.flatMap { Int($0) }.map { max(0, $0 - 1) }
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
