import Bus
import Glibc
import JSON
import Model

/// `berth top`
struct TopCommand: Command {
    static let path = ["top"]
    static let summary = "watch leases and machines live, and act on them from the keyboard"
    static let usage = "[--interval TIME] [--once]"
    static let example = "berth top"
    static let options: [OptionSpec] = [
        .value("--interval", value: "TIME", help: "how often it looks (2s); what happens shows at once"),
        .flag("--once", help: "print one picture and end"),
        .value("--as", value: "OWNER", help: "act for another account (operators)"),
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let interval = try LeaseTimes.seconds(arguments.value("--interval") ?? "2s", option: "--interval")
        let owner = arguments.value("--as")
        return try await HostConnection.with(arguments) { client in
            var view = TopView()
            try await view.refresh(client, owner)
            guard !arguments.has("--once") else {
                print(view.lines(width: 400, height: 10_000).dropLast().map { TopView.plain($0) }.joined(separator: "\n"))
                return .done
            }
            guard Screen.isThere else { throw UsageError("berth top wants a terminal; for a script: berth top --once") }
            let screen = Screen()
            try await TopCommand.loop(&view, client, owner, screen, interval)
            return .done
        }
    }

    private static func loop(
        _ view: inout TopView, _ client: BusClient, _ owner: String?, _ screen: borrowing Screen, _ interval: Int
    ) async throws {
        var seen = -1
        let clock = ContinuousClock()
        var next = clock.now
        while true {
            let (width, height) = screen.size
            screen.draw(view.lines(width: width, height: height))
            // Keys at once; events four times a second; all of it each interval.
            if let key = screen.key(milliseconds: 250) {
                if view.press(key) { return }
                if let (verb, body) = view.takeOrder() { await view.carryOut(client, owner, verb, body) }
                next = clock.now
            }
            let events = try? await client.request("events.since", ["after": JSON(seen), "limit": 1], ClientOptions(deadline: 5000))
            let last = events?["next"]?.int ?? seen
            guard last != seen || clock.now >= next else { continue }
            seen = events?["last"]?.int ?? last
            next = clock.now.advanced(by: .seconds(interval))
            do {
                try await view.refresh(client, owner)
            } catch let error as BerthError {
                view.trouble = error.message
            }
        }
    }
}
