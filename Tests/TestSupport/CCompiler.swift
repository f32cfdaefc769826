import Foundation

/// The C compiler of this machine: `cc`, or what comes with Swift.
public enum CCompiler {
    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    /// Builds a driver against the repository's header.
    public static func driver(_ sources: [String], flags: [String] = [], output: String) throws {
        try run(
            ["-std=gnu11", "-O1", "-g", "-fPIC", "-shared", "-I", "\(Repository.root)/Sources/PluginABI/include"] + sources + flags
                + ["-pthread", "-o", output])
    }

    /// Runs the compiler; its complaints are the error.
    public static func run(_ arguments: [String], compiler: String = "cc") throws {
        let result = try Execution.run("/usr/bin/env", [compiler] + arguments)
        guard result.status == .exited(0) else {
            throw Failure(description: "\(compiler) \(arguments.joined(separator: " ")): \(result.standardError)")
        }
    }

    /// Whether a compiler of this name is on the machine.
    public static func exists(_ compiler: String) -> Bool {
        (try? Execution.run("/usr/bin/env", [compiler, "--version"]).status) == .exited(0)
    }
}
