import Foundation
import Model
import PluginHost

/// A small C library, built when a benchmark wants it, under an ABI that the benchmark's configuration declares: calls that
/// do nothing, echo, crash, hang, or eat memory.
final class ProbeLibrary {
    let directory: String
    let configuration: Configuration

    static let source = """
        #include <stdbool.h>
        #include <stddef.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <string.h>
        #include <unistd.h>
        typedef struct call call_t;
        struct call {
           uint32_t size, flags; uint64_t id; int64_t deadline; void *ctx;
           bool (*cancelled)(const call_t *); void (*progress)(const call_t *, double, const char *);
           bool (*write)(const call_t *, const void *, size_t);
        };
        int32_t probe(void *handle, const call_t *call, const char *id) { return handle == (void *)1 || !call || !id ? -1 : 0; }
        int32_t echo(const call_t *call, const void *data, size_t size) { return call->write(call, data, size) ? 0 : -11; }
        int32_t crash(const call_t *call) { volatile uintptr_t at = 8; *(volatile int *)at = 1; return call ? 0 : -1; }
        int32_t hang(const call_t *call) { while (call) pause(); return 0; }
        int32_t hog(const call_t *call) { while (call) memset(malloc(1 << 20), 1, 1 << 20); return 0; }
        """

    /// Providers of the library, by name, with the lines of their sections.
    init(_ providers: [(name: String, lines: String)]) throws {
        directory = try ProbeLibrary.makeDirectory()
        try ProbeLibrary.source.write(toFile: "\(directory)/probe.c", atomically: true, encoding: .utf8)
        try ProbeLibrary.compile(["-O2", "-fPIC", "-shared", "\(directory)/probe.c", "-o", "\(directory)/probe.so"])
        var text = """
            [host]
            plugin-path = \(directory)
            [abi probe/1]
            type handle = ptr
            type status = i32
            call probe = status (handle driver, ptr call, cstring id)
            call echo  = status (ptr call, bytes data)
            call crash = status (ptr call)
            call hang  = status (ptr call)
            call hog   = status (ptr call)
            [plugin probe]
            module = probe.so
            abi    = probe/1
            style  = flat

            """
        for provider in providers { text += "[provider \(provider.name)]\nplugin = probe\n\(provider.lines)\n" }
        try text.write(toFile: "\(directory)/plugins.conf", atomically: true, encoding: .utf8)
        configuration = try Configuration.load("\(directory)/plugins.conf", state: directory)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    var path: String { "\(directory)/probe.so" }

    func load() throws -> DriverLibrary {
        let plugin = configuration.plugins[0]
        guard let abi = configuration.abi(plugin.abi) else { throw BerthError(.broken, "no ABI") }
        return try DriverLibrary(loading: PluginInspection(plugin, in: configuration), abi: abi)
    }

    /// A provider put to use, with a worker of the program beside this one.
    func start(_ name: String, _ change: (inout ProviderHost.Surroundings) -> Void = { _ in }) throws -> ProviderHost {
        let plugin = configuration.plugins[0]
        guard let section = configuration.provider(name) else { throw BerthError(.notFound, "no provider \(name)") }
        var surroundings = ProviderHost.Surroundings(stateDirectory: directory, hostVersion: berthVersion)
        surroundings.workerProgram = ProbeLibrary.berth
        change(&surroundings)
        let host = ProviderHost(
            section, plugin: PluginInspection(plugin, in: configuration), abi: configuration.abi(plugin.abi), in: surroundings,
            listener: ProviderListener(status: { _ in }, event: { _ in }))
        host.start()
        return host
    }

    /// The program `berth` of the same build.
    static let berth: String = {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return (program as NSString).deletingLastPathComponent + "/berth"
    }()

    static func makeDirectory() throws -> String {
        var template = Array("/tmp/berth-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BerthError(.broken, "cannot make a directory below /tmp") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func compile(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["cc"] + arguments
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw BerthError(.broken, "cc \(arguments.joined(separator: " ")) fails") }
    }
}
