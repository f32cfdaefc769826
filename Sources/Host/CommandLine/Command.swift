/// One command of `berth`. One file each.
protocol Command: Sendable {
    /// The words that select it: `["lease", "create"]`.
    static var path: [String] { get }
    /// One line for the list of commands.
    static var summary: String { get }
    /// What follows the words: `NAME [--why]`.
    static var usage: String { get }
    /// A line that works, for `--help`.
    static var example: String { get }
    static var options: [OptionSpec] { get }
    /// How many words may follow: most commands take none.
    static var operands: ClosedRange<Int> { get }
    /// Kept out of `--help`: what the host runs itself.
    static var isHidden: Bool { get }

    init()
    func run(_ arguments: Arguments) async throws -> ExitCode
}

extension Command {
    static var operands: ClosedRange<Int> { 0...0 }
    static var isHidden: Bool { false }
    static var name: String { path.joined(separator: " ") }
}

/// What the shell sees. DESIGN: 0 done, 1 the thing failed, 2 wrong usage or configuration, 3 cannot reach the host.
enum ExitCode: Int32, Sendable {
    case done = 0
    case failed = 1
    case usage = 2
    case unreachable = 3
}

/// An option of a command.
struct OptionSpec: Sendable {
    var names: [String]
    /// What stands for its value in `--help`; nil: a switch.
    var value: String?
    var help: String
    var repeats = false

    static func flag(_ names: String..., help: String) -> OptionSpec {
        OptionSpec(names: names, value: nil, help: help)
    }

    static func value(_ names: String..., value: String, help: String, repeats: Bool = false) -> OptionSpec {
        OptionSpec(names: names, value: value, help: help, repeats: repeats)
    }

    /// Understood by every command.
    static let global: [OptionSpec] = [
        .value("--config", value: "FILE", help: "the configuration (BERTH_CONFIG; else ./plugins.conf, /etc/berth/plugins.conf)"),
        .value("--state-dir", value: "DIR", help: "where durable state lies (BERTH_STATE)"),
        .value("--run-dir", value: "DIR", help: "where the sockets are (BERTH_RUN)"),
        .value("--host", value: "ENDPOINT", help: "the host to talk to, such as ipc:///run/berth/bus"),
        .value("--key-file", value: "FILE", help: "the key for a host over TCP, from berth keys new (BERTH_KEY_FILE)"),
        .flag("-h", "--help", help: "print this"),
    ]

    /// `-o json`, `-o name`.
    static let output = OptionSpec.value("-o", "--output", value: "FORMAT", help: "table (default), json or name")
}
