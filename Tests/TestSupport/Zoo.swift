import Foundation
import Synchronization

/// Drivers that each do one thing wrong, built from `Tests/Zoo/zoo.c` when a test asks.
///
///     let path = try Zoo.crashOpen.build()     // …/crash-open.so
public enum Zoo: String, CaseIterable, Sendable, CustomStringConvertible {
    // Fine, all of them.
    case good
    /// Lists `reentrant` and means it.
    case reentrant
    /// Structs longer than the host knows, their tails zero.
    case longStructZero = "long-struct-zero"

    // Never loaded.
    case noNote = "no-note"
    case wrongMajor = "wrong-major"
    case newerMinor = "newer-minor"
    /// Built for another machine: the ELF header says AArch64.
    case wrongMachine = "wrong-machine"
    /// Built against other signatures: the note carries another hash.
    case wrongSignature = "wrong-signature"

    // Refused when loaded.
    case missingSymbol = "missing-symbol"
    case missingDependency = "missing-dependency"
    case missingEntry = "missing-entry"
    case refusesHost = "refuses-host"
    case noteDisagrees = "note-disagrees"
    case shortStruct = "short-struct"
    case shortTable = "short-table"
    case emptySlot = "empty-slot"
    case longStructNonzero = "long-struct-nonzero"
    case badSchema = "bad-schema"
    case crashEntry = "crash-entry"
    case hangEntry = "hang-entry"

    // Bad in calls.
    case crashOpen = "crash-open"
    case crashList = "crash-list"
    case crashCreate = "crash-create"
    case crashHealth = "crash-health"
    case crashClose = "crash-close"
    case hangOpen = "hang-open"
    case hangList = "hang-list"
    case hangClose = "hang-close"
    /// `open` answers UNREACHABLE.
    case failsOpen = "fails-open"
    /// `list` goes on until the deadline whatever the host says.
    case ignoresCancel = "ignores-cancel"
    /// `health` answers -77.
    case unknownStatus = "unknown-status"
    case invalidUTF8 = "invalid-utf8"
    /// Every open and list leaves a megabyte, a descriptor and a thread behind.
    case leaky
    /// 200,000 events as fast as it can.
    case eventStorm = "event-storm"
    /// A thread goes on writing to the call after `list` returned.
    case writesAfterReturn = "writes-after-return"
    /// `list` calls exit(3).
    case callsExit = "calls-exit"
    /// `list` forks a child that sleeps for a minute with all descriptors open.
    case forks
    /// `list` closes descriptors 3 to 255.
    case closesDescriptors = "closes-descriptors"
    /// `list` prints half a megabyte on standard output and half on standard error.
    case printsMegabyte = "prints-megabyte"
    case garbageDocuments = "garbage-documents"
    case result100MB = "result-100mb"
    /// `list` allocates and touches memory without end.
    case memoryHog = "memory-hog"
    /// `create` with the same key makes another machine.
    case createsTwice = "creates-twice"
    /// No machine document has a key.
    case forgetsKey = "forgets-key"
    /// `inspect` of an unknown id answers some machine.
    case inventsMachines = "invents-machines"
    /// `action` answers OK to verbs that nobody knows.
    case takesAnyVerb = "takes-any-verb"
    /// Exports a function beside its entry.
    case extraExports = "extra-exports"

    public var description: String { rawValue }

    /// The driver's id, in note and descriptor.
    public var id: String { "zoo-\(rawValue)" }

    /// The path of the shared library; built once a run.
    public func build() throws -> String {
        try Zoo.workshop.build(self)
    }

    private static let workshop = Workshop()

    /// Builds under a lock: a driver takes a fifth of a second.
    private final class Workshop: Sendable {
        private let built = Mutex<[Zoo: String]>([:])

        func build(_ zoo: Zoo) throws -> String {
            try built.withLock { built in
                if let path = built[zoo] { return path }
                let path = try make(zoo, in: Scratch.directory)
                built[zoo] = path
                return path
            }
        }

        private func make(_ zoo: Zoo, in directory: String) throws -> String {
            let output = "\(directory)/\(zoo.rawValue).so"
            let name = zoo.rawValue.uppercased().replacingOccurrences(of: "-", with: "_")
            var flags = ["-DZOO_\(name)", "-DZOO_ID=\"\(zoo.id)\""]
            if zoo == .missingDependency {
                let library = "\(directory)/libzoo-dependency.so"
                try "int zoo_dependency(void) { return 0; }".write(toFile: "\(directory)/dependency.c", atomically: true, encoding: .utf8)
                try CCompiler.run(["-shared", "-fPIC", "\(directory)/dependency.c", "-Wl,-soname,libzoo-dependency.so", "-o", library])
                flags += [library]
            }
            if zoo != .extraExports { flags += ["-Wl,--version-script=\(Repository.root)/Plugins/driver.map"] }
            try CCompiler.driver(["\(Repository.root)/Tests/Zoo/zoo.c"], flags: flags, output: output)
            if zoo == .missingDependency { try FileManager.default.removeItem(atPath: "\(directory)/libzoo-dependency.so") }
            if zoo == .wrongMachine { try patch(output, at: 18, [183, 0]) }
            return output
        }

        private func patch(_ path: String, at offset: UInt64, _ bytes: [UInt8]) throws {
            let file = try FileHandle(forUpdating: URL(filePath: path))
            try file.seek(toOffset: offset)
            try file.write(contentsOf: Data(bytes))
            try file.close()
        }
    }
}
