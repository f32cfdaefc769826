import Foundation
import Synchronization
import TestSupport

/// This build, installed below a prefix of its own by the script behind `make install`; once a run.
enum Installation {
    /// The prefix: `bin/berth`, `include/berth/driver.h`, `lib/pkgconfig/berth-driver.pc`, …
    static func prefix() throws -> String {
        try made.withLock { made in
            if let made { return made }
            let prefix = "\(Scratch.directory)/prefix"
            let result = try Execution.run(
                "\(Repository.root)/Scripts/install", environment: ["PREFIX": prefix, "DESTDIR": "", "BUILD": Products.directory])
            guard result.status == .exited(0) else { throw NeverHappened(description: "Scripts/install: \(result.standardError)") }
            made = prefix
            return prefix
        }
    }

    private static let made = Mutex<String?>(nil)

    /// What a shell needs to use the installation as its owner would.
    static func environment() throws -> [String: String] {
        let prefix = try prefix()
        return [
            "PATH": "\(prefix)/bin:" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"),
            "PKG_CONFIG_PATH": "\(prefix)/lib/pkgconfig",
        ]
    }
}

/// A folder with a configuration, in which `berth` is run.
struct Workplace {
    let directory: TemporaryDirectory
    var environment: [String: String]

    init(_ configuration: String = "include = conf.d/*.conf\n", program: String? = nil) throws {
        directory = try TemporaryDirectory("host")
        try directory.write("plugins.conf", configuration)
        for folder in ["conf.d", "plugins", "state"] {
            try FileManager.default.createDirectory(atPath: directory(folder), withIntermediateDirectories: true)
        }
        environment = ["BERTH_CONFIG": directory("plugins.conf"), "BERTH_STATE": directory("state"), "BERTH_RUN": directory("run")]
        self.program = program ?? Products.berth
    }

    let program: String

    /// Runs `berth` to its end.
    @discardableResult
    func berth(_ words: String...) async throws -> Execution.Result {
        try await Execution(program, words, environment: environment, directory: directory.path).result(within: 120)
    }

    /// Copies a driver where the configuration looks for it.
    func install(_ module: String, as name: String? = nil) throws {
        let target = directory("plugins/\(name ?? (module as NSString).lastPathComponent)")
        try FileManager.default.copyItem(atPath: module, toPath: target)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: target)
    }

    /// Drops an example's fragment into `conf.d`.
    func dropIn(_ example: String) throws {
        let folder = "\(Repository.root)/Examples/\(example)/conf.d"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: directory("conf.d/\(name)"))
        }
    }
}
