import CShim
import Glibc

/// What is known of a plugin without running any of its code: the loading steps up to the ELF note, each with its
/// outcome.
public struct PluginInspection: Sendable {
    public enum State: String, Sendable {
        case ready
        case disabled
        case missing
        case notADriver = "not-a-driver"
        case incompatible
        case refused
    }

    /// One loading step and how it went.
    public struct Step: Sendable, Equatable {
        public enum Outcome: String, Sendable {
            case passed, failed, skipped
        }

        /// `enabled`, `resolve`, `permissions`, `sha256`, `elf`, `note`, `abi`.
        public var name: String
        public var outcome: Outcome
        /// What was found, or why it failed and what to do.
        public var detail: String
    }

    public var plugin: PluginSection
    public var state = State.ready
    public var steps: [Step] = []
    /// Why it is not ready, with what to do about it; nil when it is.
    public var reason: String?
    /// The module's file, resolved and absolute.
    public var file: String?
    /// What the driver says of itself; absent for flat libraries.
    public var note: DriverNote?

    /// Takes the steps for one plugin. Reads files, maps nothing.
    public init(_ plugin: PluginSection, in configuration: Configuration) {
        self.plugin = plugin
        do throws(Rejection) {
            try take(configuration)
        } catch {
            state = error.state
            reason = error.reason
            steps.append(Step(name: error.step, outcome: .failed, detail: error.reason))
        }
    }

    private struct Rejection: Error {
        var step: String
        var state: State
        var reason: String

        init(_ step: String, _ state: State, _ problem: String, hint: String?) {
            self.step = step
            self.state = state
            reason = problem + (hint.map { "; \($0)" } ?? "")
        }
    }

    private mutating func passed(_ step: String, _ detail: String) { steps.append(Step(name: step, outcome: .passed, detail: detail)) }
    private mutating func skipped(_ step: String, _ detail: String) { steps.append(Step(name: step, outcome: .skipped, detail: detail)) }

    private mutating func take(_ configuration: Configuration) throws(Rejection) {
        guard plugin.isEnabled else {
            throw Rejection("enabled", .disabled, "switched off at \(plugin.location)", hint: "write enabled = yes")
        }
        let path = configuration.host.pluginPath
        let found = try resolve(path)
        let descriptor = open(found, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw Rejection("resolve", .missing, "cannot open \(found): \(describe(error: cshim_errno()))", hint: nil)
        }
        defer { Glibc.close(descriptor) }
        try checkPermissions(descriptor, found, path)
        try checkPin(descriptor, found)
        let elf = try readHeader(descriptor)
        guard plugin.style == .table else {
            skipped("note", "a flat library carries none")
            return skipped("abi", "what it lacks is found when it is loaded")
        }
        let note = try readNote(elf)
        self.note = note
        try compare(note, configuration.abi(plugin.abi))
    }

    private mutating func resolve(_ path: [String]) throws(Rejection) -> String {
        let search = PluginSearch(path: path)
        guard let found = search.find(plugin.module), let resolved = realPath(found) else {
            let other = plugin.module.hasPrefix("/") || plugin.module.contains("/") ? "" : " (or lib\(plugin.module))"
            let places = plugin.module.hasPrefix("/") ? "" : " in \(path.joined(separator: ":"))"
            let near = search.nearestName(to: plugin.module).map { "did you mean module = \($0)?" }
            throw Rejection(
                "resolve", .missing, "no file \(plugin.module)\(other)\(places)",
                hint: near ?? "install the driver, or add its folder to plugin-path in [host]")
        }
        file = resolved
        passed("resolve", found == resolved ? resolved : "\(found) is \(resolved)")
        return found
    }

    // MARK: who may have written it

    private mutating func checkPermissions(_ descriptor: Int32, _ found: String, _ path: [String]) throws(Rejection) {
        let resolved = file ?? found
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Rejection("permissions", .refused, "cannot look at \(resolved)", hint: nil) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Rejection("permissions", .refused, "\(resolved) is no regular file", hint: "name a shared library")
        }
        let allowed = plugin.module.hasPrefix("/") ? [folder(of: plugin.module)] : path
        guard allowed.compactMap(realPath).contains(where: { resolved.hasPrefix($0 == "/" ? $0 : $0 + "/") }) else {
            throw Rejection(
                "permissions", .refused, "\(found) is a link out of the plugin path, to \(resolved)",
                hint: "copy the file, or add its folder to plugin-path")
        }
        try check(status, resolved, writable: S_IWGRP | S_IWOTH)
        var parent = stat()
        if stat(folder(of: resolved), &parent) == 0, parent.st_mode & S_ISVTX == 0 {
            try check(parent, folder(of: resolved), writable: S_IWOTH)
        }
        passed("permissions", "owned by uid \(status.st_uid), mode \(String(status.st_mode & 0o7777, radix: 8))")
    }

    private func check(_ status: stat, _ path: String, writable: mode_t) throws(Rejection) {
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw Rejection(
                "permissions", .refused, "\(path) belongs to uid \(status.st_uid), which is neither root nor the host's own",
                hint: "chown it")
        }
        guard status.st_mode & writable == 0 else {
            let who = status.st_mode & writable & S_IWOTH != 0 ? "everybody" : "its group"
            throw Rejection(
                "permissions", .refused, "\(path) may be written by \(who) (mode \(String(status.st_mode & 0o7777, radix: 8)))",
                hint: "chmod go-w \(path)")
        }
    }

    private mutating func checkPin(_ descriptor: Int32, _ found: String) throws(Rejection) {
        guard let pin = plugin.sha256 else { return skipped("sha256", "not pinned") }
        guard let actual = SHA256.hexadecimal(of: descriptor) else {
            throw Rejection("sha256", .refused, "cannot read \(found)", hint: nil)
        }
        guard actual == pin else {
            throw Rejection(
                "sha256", .refused, "the file's sha256 is \(actual), not the pinned one", hint: "if you trust the file, pin that instead")
        }
        passed("sha256", actual)
    }

    // MARK: what it is

    private mutating func readHeader(_ descriptor: Int32) throws(Rejection) -> ELFFile {
        do throws(ELFFile.Failure) {
            let elf = try ELFFile { offset, count in
                guard count <= 16 << 20 else { return nil }
                let bytes = [UInt8](unsafeUninitializedCapacity: count) {
                    $1 = max(0, pread(descriptor, $0.baseAddress, count, off_t(offset)))
                }
                return bytes.count == count ? bytes : nil
            }
            passed("elf", "a shared library for this machine")
            return elf
        } catch {
            switch error {
            case .notALibrary(let why): throw Rejection("elf", .notADriver, why, hint: nil)
            case .otherMachine(let why): throw Rejection("elf", .incompatible, why, hint: "install the build for this machine")
            }
        }
    }

    private mutating func readNote(_ elf: ELFFile) throws(Rejection) -> DriverNote {
        do throws(DriverNote.Failure) {
            let note = try DriverNote(of: elf)
            passed("note", "\(note.id) \(note.version) for \(note.abi)/\(note.major).\(note.minor)")
            return note
        } catch {
            switch error {
            case .absent:
                throw Rejection(
                    "note", .notADriver, "a shared library without the ELF note of a driver",
                    hint: "write BERTH_DRIVER_NOTE(\"id\", \"version\") in its source, or style = flat for a plain library")
            case .damaged(let why):
                throw Rejection("note", .notADriver, "its ELF note is damaged: \(why)", hint: "build it again with berth/driver.h")
            case .newerLayout(let layout):
                throw Rejection(
                    "note", .incompatible, "its ELF note has layout \(layout), this host reads \(DriverNote.layout)",
                    hint: "a newer Berth is needed")
            }
        }
    }

    private mutating func compare(_ note: DriverNote, _ abi: ABIDescription?) throws(Rejection) {
        guard let abi else { throw Rejection("abi", .incompatible, "no section declares \(plugin.abi)", hint: nil) }
        guard note.abi == abi.name, note.major == abi.revision else {
            throw Rejection(
                "abi", .incompatible, "it speaks \(note.abi)/\(note.major), the section says \(abi.title)",
                hint: "write abi = \(note.abi)/\(note.major), or build it for \(abi.title)")
        }
        guard note.minor <= abi.minor else {
            throw Rejection(
                "abi", .incompatible, "it needs \(abi.title) minor \(note.minor), this host knows up to \(abi.minor)",
                hint: "a newer Berth is needed, or an older driver")
        }
        guard note.hash == abi.hash(minor: note.minor) else {
            throw Rejection(
                "abi", .incompatible,
                "it was built against another \(abi.title): hash \(hexadecimal(note.hash)), here \(hexadecimal(abi.hash))",
                hint: "build it again with this host's berth/driver.h")
        }
        passed("abi", "\(abi.title), hash \(hexadecimal(note.hash))")
    }
}

/// Sixteen digits.
func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
