import CShim
import Glibc
public import JSON
public import Model
import Platform

/// What a driver says of itself that stands in no note: asked in a process of its own, since it takes running the entry.
public struct PluginDescription: Sendable {
    public var plugin: PluginSection
    public var json: JSON

    /// How long a driver may take to say who it is, in milliseconds.
    private static let patience: Int64 = 10_000

    /// Starts the program again, which loads the driver and tells.
    public init(asking inspection: PluginInspection, abi: ABIDescription, program: String = "/proc/self/exe") throws(BerthError) {
        guard inspection.state == .ready else {
            throw BerthError(.broken, "plugin \(inspection.plugin.name): \(inspection.reason ?? "not ready")")
        }
        plugin = inspection.plugin
        let nothing = ProviderSection(asking: plugin)
        let order = WorkerOrder(provider: "", inspection: inspection, abi: abi, section: nothing, lock: nil, hostVersion: berthVersion)
        let answer = try DescribeProcess.ask(order, program, within: PluginDescription.patience)
        guard let json = try? JSON(parsing: answer) else {
            throw BerthError(
                .broken, "the driver of plugin \(plugin.name) crashed or ended while it was loaded", hint: "its last words are above")
        }
        if let message = json["error"]?.string {
            throw BerthError(.broken, "\(json["step"]?.string ?? "load"): \(message)", hint: json["hint"]?.string)
        }
        self.json = json
    }

    /// A `[provider]` section with every setting that the schema names: required ones first and to fill in, the others
    /// commented out with their defaults.
    public var example: String {
        var lines = ["[provider \(plugin.name)-1]", "plugin = \(plugin.name)"]
        let schema = json["schema"].flatMap { try? JSON.Schema($0) } ?? JSON.Schema()
        for line in PluginDescription.settings(schema, prefix: "config", isRequired: true).sorted(by: { $0.isRequired && !$1.isRequired }) {
            lines.append(line.text)
        }
        return lines.joined(separator: "\n")
    }

    private static func settings(_ schema: JSON.Schema, prefix: String, isRequired: Bool) -> [(isRequired: Bool, text: String)] {
        schema.properties.flatMap { property in
            let name = "\(prefix).\(property.name)"
            let required = isRequired && schema.required.contains(property.name)
            if !property.schema.properties.isEmpty { return settings(property.schema, prefix: name, isRequired: required) }
            let types = property.schema.types.map(\.rawValue).joined(separator: " or ")
            let words = property.schema.values.map { $0.map { $0.string ?? $0.text }.joined(separator: " | ") } ?? types
            let value = property.schema.isSecret ? "@file:/run/secrets/\(property.name)" : property.schema.default.map(text) ?? ""
            let comment = [required ? "required" : nil, words.isEmpty ? nil : words, property.schema.description].compactMap { $0 }.joined(
                separator: ", ")
            return [(required, "\(required ? "" : "# ")\(name) = \(value)" + (comment.isEmpty ? "" : "   # \(comment)"))]
        }
    }

    private static func text(_ value: JSON) -> String {
        value.string ?? value.array.map { $0.map(text).joined(separator: ", ") } ?? value.text
    }
}

/// `berth describe ORDER`: loads one driver, tells who it is on descriptor 3, and ends. Started by the program itself.
public enum DescribeProcess {
    /// The order, if a program is started with these words to describe.
    public static func order(in arguments: [String]) -> String? {
        arguments.count == 3 && arguments[1] == "describe" ? arguments[2] : nil
    }

    public static func run(_ order: String) -> Never {
        _ = cshim_no_new_privileges()
        _ = cshim_die_with_parent()
        var answer: JSON
        do throws(BerthError) {
            guard let json = try? JSON(parsing: order) else { throw BerthError(.invalid, "berth describe is started by berth itself") }
            let order = try WorkerOrder(json)
            let library = try DriverLibrary(loading: order.inspection, abi: order.abi)
            let identity = library.identity
            answer = [
                "id": JSON(identity.id), "name": JSON(identity.name), "version": JSON(identity.version), "vendor": JSON(identity.vendor),
                "license": JSON(identity.license), "url": JSON(identity.url), "capabilities": JSON(library.capabilities),
                "calls": JSON(library.calls.keys.sorted()), "schema": library.schemaDocument ?? .null,
            ]
        } catch {
            answer = ["error": JSON(error.message), "hint": JSON(error.hint), "step": JSON(error.field)]
        }
        let bytes = answer.bytes
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(WorkerProcess.descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { _exit(1) }
            sent += count
        }
        _exit(0)
    }

    /// Starts one and reads its answer; past the time it is killed.
    static func ask(_ order: WorkerOrder, _ program: String, within milliseconds: Int64) throws(BerthError) -> [UInt8] {
        let (pid, answer) = try start(program, ["berth", "describe", order.json.text])
        defer {
            close(answer)
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        let deadline = Clock.monotonic + milliseconds
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= 2 << 20 {
            let left = deadline - Clock.monotonic
            guard left > 0 else {
                throw BerthError(
                    .deadline, "the driver did not say who it is within \(milliseconds / 1000) s", hint: "its entry may do no I/O")
            }
            var waits = pollfd(fd: answer, events: Int16(POLLIN), revents: 0)
            guard poll(&waits, 1, Int32(left)) > 0 else { continue }
            let count = chunk.withUnsafeMutableBytes { read(answer, $0.baseAddress, $0.count) }
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    /// The child's descriptors are gone here when this returns, so that its end is the end of the pipe.
    private static func start(_ program: String, _ arguments: [String]) throws(BerthError) -> (pid: pid_t, answer: Int32) {
        var files = Descriptors()
        let answer = try files.pipe()
        let null = try files.keep(open("/dev/null", O_RDONLY | O_CLOEXEC), "open /dev/null")
        let errors = try files.keep(fcntl(2, F_DUPFD_CLOEXEC, 4), "dup")
        var pid = pid_t()
        let failure = SpawnedWorker.withCStrings(arguments) { arguments in
            SpawnedWorker.withCStrings([]) { cshim_spawn_worker(&pid, program, arguments, $0, null, errors, errors, answer.theirs) }
        }
        guard failure == 0 else { throw BerthError(.retry, "cannot start \(program): \(describe(error: failure))") }
        return (pid, files.release(answer.ours))
    }
}
