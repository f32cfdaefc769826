import PluginHost

/// `berth abi header`
struct ABIHeaderCommand: Command {
    static let path = ["abi", "header"]
    static let summary = "print an [abi] section as C prototypes, with its hash"
    static let usage = "[NAME/REV]"
    static let example = "berth abi header compute/1"
    static let options: [OptionSpec] = []
    static let operands = 0...1

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let title = arguments.operands.first ?? ABIDescription.compute.title
        // The built-in one needs no configuration.
        if title == ABIDescription.compute.title {
            print(ABIDescription.compute.header, terminator: "")
            return .done
        }
        let configuration = try Places(arguments).load()
        guard let abi = configuration.abi(title) else {
            throw UsageError(
                "no section declares the ABI '\(title)'; known: \(configuration.abis.map { $0.title }.joined(separator: ", "))")
        }
        print(abi.header, terminator: "")
        return .done
    }
}
