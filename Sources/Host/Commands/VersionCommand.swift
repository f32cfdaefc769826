import JSON
import PluginHost

/// `berth version`
struct VersionCommand: Command {
    static let path = ["version"]
    static let summary = "print the version of this program and of the ABI it speaks"
    static let usage = "[-o json]"
    static let example = "berth version"
    static let options: [OptionSpec] = [.output]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let abi = ABIDescription.compute
        if try arguments.output() == .json {
            print(
                (["version": JSON(Berth.version), "abi": JSON(abi.title), "minor": JSON(abi.minor), "hash": JSON(abi.hashText)] as JSON)
                    .pretty)
        } else {
            print("berth \(Berth.version)\nABI \(abi.title) minor \(abi.minor), hash \(abi.hashText)")
        }
        return .done
    }
}
