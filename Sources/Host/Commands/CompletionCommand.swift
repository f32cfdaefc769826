/// `berth completion bash|zsh`
struct CompletionCommand: Command {
    static let path = ["completion"]
    static let summary = "print what a shell needs to complete commands and options"
    static let usage = "bash|zsh"
    static let example = "source <(berth completion bash)"
    static let operands = 1...1
    static let options: [OptionSpec] = []

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let completion = Completion(commands: Berth.commands)
        switch arguments.operands[0] {
        case "bash": print(completion.bash)
        case "zsh": print(completion.zsh)
        case let shell: throw UsageError("there is completion for bash and zsh, not for '\(shell)'")
        }
        return .done
    }
}

/// `berth manual`: what `make install` puts in place as `berth.1`.
struct ManualCommand: Command {
    static let path = ["manual"]
    static let summary = "print the manual page"
    static let usage = ""
    static let example = "berth manual | man -l -"
    static let options: [OptionSpec] = []
    static let isHidden = true

    func run(_ arguments: Arguments) async throws -> ExitCode {
        print(Manual(commands: Berth.commands).roff)
        return .done
    }
}
