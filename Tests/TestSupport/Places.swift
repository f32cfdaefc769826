import Foundation
import Synchronization

/// Where the sources of this package stand.
public enum Repository {
    public static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .path
}

/// Where this build left its programs and drivers.
public enum Products {
    /// The directory of the running test program: `.build/debug`, or that of a sanitizer's scratch path.
    public static let directory: String = {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let directory = (program as NSString).deletingLastPathComponent
        if FileManager.default.fileExists(atPath: directory + "/berth") { return directory }
        return "\(Repository.root)/.build/debug"
    }()

    /// The program `berth`. Tests that run it depend on the target `Host`, so that it is built before them.
    public static var berth: String { "\(directory)/berth" }

    /// The path of a built driver: `Products.driver("Libvirt")`.
    public static func driver(_ name: String) -> String { "\(directory)/lib\(name).so" }
}

/// A directory of this run, for what several tests share; gone when the program ends.
public enum Scratch {
    public static let directory: String = {
        let directory = (try? TemporaryDirectory("run")) ?? nil
        owned.withLock { $0 = directory }
        atexit { Scratch.owned.withLock { $0 = nil } }
        return directory?.path ?? NSTemporaryDirectory()
    }()

    private static let owned = Mutex<TemporaryDirectory?>(nil)
}
