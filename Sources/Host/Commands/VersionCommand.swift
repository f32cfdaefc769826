/// `berth version`
struct VersionCommand: Command {
    static let path = ["version"]
    static let summary = "print the version of this program and of the ABI it speaks"
    static let usage = ""
    static let example = "berth version"
    static let options: [OptionSpec] = []

    func run(_ arguments: Arguments) async throws -> ExitCode {
        print("berth \(Berth.version)")
        return .done
    }
}
