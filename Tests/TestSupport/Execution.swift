import Foundation

/// A program that a test runs. Killed when its owner is gone, so that nothing outlives a test that failed.
public final class Execution: @unchecked Sendable {
    // @unchecked: Foundation's Process is not Sendable; after init only isRunning, terminationStatus and kill touch it.
    private let process = Process()
    private let output: TemporaryDirectory

    public enum Status: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    public struct Result: Sendable {
        public var status: Status
        public var standardOutput: String
        public var standardError: String
    }

    /// Starts it. Standard input is empty; the environment is ours with `environment` laid over it.
    public init(_ program: String, _ arguments: [String] = [], environment: [String: String] = [:], directory: String? = nil) throws {
        output = try TemporaryDirectory("out")
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let directory { process.currentDirectoryURL = URL(filePath: directory) }
        process.standardInput = FileHandle.nullDevice
        var handles: [FileHandle] = []
        // Foundation keeps the handles for as long as it likes, and its `run` crashes at 1,360 open descriptors.
        defer { for handle in handles { try? handle.close() } }
        for (name, pipe) in [("out", \Process.standardOutput), ("err", \Process.standardError)] {
            let file = output(name)
            _ = FileManager.default.createFile(atPath: file, contents: nil)
            let handle = try FileHandle(forWritingTo: URL(filePath: file))
            process[keyPath: pipe] = handle
            handles.append(handle)
        }
        try process.run()
    }

    deinit {
        if process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    public var pid: Int32 { process.processIdentifier }
    public var isRunning: Bool { process.isRunning }
    public var standardOutput: String { text("out") }
    public var standardError: String { text("err") }

    public func send(_ signal: Int32) { kill(pid, signal) }

    /// Waits for its end without blocking a thread of the test runner.
    public func result(within seconds: Double = 60) async throws -> Result {
        do {
            try await eventually("\(process.executableURL?.path ?? "") \(process.arguments ?? []) ends", within: seconds) { !isRunning }
        } catch {
            throw NeverHappened(description: "\(error); it said: \(standardOutput.suffix(2000))\(standardError.suffix(2000))")
        }
        return finished
    }

    /// Runs a program to its end: for compilers and other quick ones.
    public static func run(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], directory: String? = nil
    ) throws -> Result {
        let execution = try Execution(program, arguments, environment: environment, directory: directory)
        execution.process.waitUntilExit()
        return execution.finished
    }

    private var finished: Result {
        let status: Status =
            process.terminationReason == .uncaughtSignal ? .signalled(process.terminationStatus) : .exited(process.terminationStatus)
        return Result(status: status, standardOutput: standardOutput, standardError: standardError)
    }

    private func text(_ name: String) -> String {
        let data = FileManager.default.contents(atPath: output(name)) ?? Data()
        return String(decoding: data, as: UTF8.self)
    }
}
