import Foundation
import Synchronization

/// The drivers of `Examples/`, built once a run.
public enum ExampleDrivers {
    /// Machines in a file, durable, with settings that make it slow, failing or crashing: see its schema.
    public static func inventory() throws -> String {
        try build("inventory", ["inventory.c", "shelf.c", "json.c"], in: "inventory-driver")
    }

    private static let built = Mutex<[String: String]>([:])

    private static func build(_ name: String, _ sources: [String], in folder: String) throws -> String {
        try built.withLock { built in
            if let path = built[name] { return path }
            let path = "\(Scratch.directory)/\(name).so"
            let folder = "\(Repository.root)/Examples/\(folder)"
            try CCompiler.driver(
                sources.map { "\(folder)/\($0)" }, flags: ["-O2", "-Wl,--version-script=\(folder)/driver.map"], output: path)
            built[name] = path
            return path
        }
    }
}
