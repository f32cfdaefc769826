import Bus
import JSON

/// `berth log-level`
struct LogLevelCommand: Command {
    static let path = ["log-level"]
    static let summary = "show or set how much the running host logs"
    static let usage = "[error|warning|info|debug]"
    static let example = "berth log-level debug"
    static let options: [OptionSpec] = []
    static let operands = 0...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let body: JSON = arguments.operands.first.map { ["level": .string($0)] } ?? .object(JSON.Object())
        let answer = try await HostConnection.with(arguments) {
            try await $0.request("host.log-level", body, ClientOptions(deadline: 10_000))
        }
        print(answer["level"]?.string ?? "")
        return .done
    }
}
