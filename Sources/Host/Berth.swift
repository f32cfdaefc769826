import Glibc
import Model

/// The program `berth`: finds the command, reads its options, runs it, and turns errors into exit codes.
@main
enum Berth {
    static let version = berthVersion

    /// Every command, in the order of `berth --help`.
    static let commands: [any Command.Type] = [
        VersionCommand.self
    ]

    static func main() async {
        let code = await CommandLineProgram(commands: commands).run(Array(CommandLine.arguments.dropFirst()))
        fflush(nil)
        exit(code.rawValue)
    }
}
