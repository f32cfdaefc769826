import Glibc
import Ledger
import Model
import PluginHost

/// Picks the command for the words given, prints help, and reports errors.
struct CommandLineProgram {
    let commands: [any Command.Type]

    func run(_ words: [String]) async -> ExitCode {
        var words = words
        // Global options may stand before the command.
        var leading: [String] = []
        while let first = words.first, first.hasPrefix("-"), !["-h", "--help", "--version"].contains(first) {
            leading.append(words.removeFirst())
            if !first.contains("="), let value = words.first { leading.append(value); words.removeFirst() }
        }
        if words.isEmpty || ["-h", "--help", "help"].contains(words[0]) {
            print(overview())
            return words.isEmpty ? .usage : .done
        }
        if words[0] == "--version" { words[0] = "version" }
        guard let command = longestMatch(words) else { return unknown(words) }
        let rest = words.dropFirst(command.path.count)
        if rest.contains("--help") || rest.contains("-h") {
            print(help(command))
            return .done
        }
        do {
            let arguments = try Arguments(leading + rest, options: command.options + OptionSpec.global)
            guard command.operands.contains(arguments.operands.count) else {
                throw UsageError("usage: berth \(command.name) \(command.usage)")
            }
            return try await command.init().run(arguments)
        } catch let error as UsageError {
            complain("\(error)\nSee: berth \(command.name) --help")
            return .usage
        } catch let error as ConfigurationErrors {
            for problem in error.problems { complain("\(problem)") }
            return .usage
        } catch let error as BerthError {
            complain(error.description)
            return error.code == .unreachable ? .unreachable : error.code == .newerLedger ? .usage : .failed
        } catch {
            complain("\(error)")
            return .failed
        }
    }

    private func longestMatch(_ words: [String]) -> (any Command.Type)? {
        commands.filter { words.starts(with: $0.path) }.max { $0.path.count < $1.path.count }
    }

    private func unknown(_ words: [String]) -> ExitCode {
        let family = commands.filter { !$0.isHidden && $0.path[0] == words[0] }
        guard family.isEmpty else {
            complain("berth \(words[0]) wants one of: " + family.compactMap { $0.path.dropFirst().first }.joined(separator: ", "))
            return .usage
        }
        let meant = nearest(words[0], among: commands.filter { !$0.isHidden }.map { $0.path[0] })
        complain("there is no command '\(words[0])'" + (meant.map { "; did you mean '\($0)'?" } ?? "") + "\nSee: berth --help")
        return .usage
    }

    private func complain(_ text: String) {
        fflush(nil)
        var text = "berth: \(text)\n"
        text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }

    private func overview() -> String {
        let shown = commands.filter { !$0.isHidden }
        let width = shown.map { $0.name.count }.max() ?? 0
        let lines = shown.map { "  \($0.name.padded(to: width))  \($0.summary)" }
        return """
            berth: a host for cloud and hypervisor drivers

            usage: berth COMMAND [OPTION]... (berth COMMAND --help tells more)

            \(lines.joined(separator: "\n"))

            Every command understands:
            \(describe(OptionSpec.global))
            """
    }

    private func help(_ command: any Command.Type) -> String {
        var text = "usage: berth \(command.name) \(command.usage)\n\n\(command.summary)\n"
        if !command.options.isEmpty { text += "\n" + describe(command.options) + "\n" }
        return text + "\n" + describe(OptionSpec.global) + "\n\nexample: \(command.example)"
    }

    private func describe(_ options: [OptionSpec]) -> String {
        let names = options.map { $0.names.joined(separator: ", ") + ($0.value.map { " \($0)" } ?? "") }
        let width = names.map(\.count).max() ?? 0
        return zip(names, options).map { "  \($0.padded(to: width))  \($1.help)" }.joined(separator: "\n")
    }
}
