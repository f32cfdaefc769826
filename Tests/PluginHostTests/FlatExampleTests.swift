import Foundation
import Platform
import TestSupport
import Testing

@testable import PluginHost

/// `Examples/flat-driver`: a C library that knows nothing of Berth, under the ABI that its own configuration declares.
@Suite("the flat example")
struct FlatExampleTests {
    @Test("is called through a worker, or in the host, as it is", arguments: Isolation.allCases)
    func called(isolation: Isolation) async throws {
        let directory = try TemporaryDirectory("strip")
        let example = "\(Repository.root)/Examples/flat-driver"
        try CCompiler.run(
            ["-std=c11", "-O2", "-fPIC", "-shared", "\(example)/strip.c", "-o", directory("libstrip.so")])
        let text = try String(contentsOfFile: "\(example)/conf.d/strip.conf", encoding: .utf8)
            .replacingOccurrences(of: "[provider rack-power]", with: "[provider rack-power]\nisolation = \(isolation.rawValue)")
        try directory.write("strip.conf", text)
        try directory.write("plugins.conf", "[host]\nplugin-path = \(directory.path)\ninclude = strip.conf\n")
        let configuration = try Configuration.load(directory("plugins.conf"), state: directory.path)
        let plugin = configuration.plugins[0]
        var surroundings = ProviderHost.Surroundings(stateDirectory: directory("state"), hostVersion: "test")
        surroundings.workerProgram = Products.berth
        // The host's own environment is the library's where it runs in the host.
        if isolation == .thread { setenv("STRIP_FILE", directory("strip"), 1) }
        let host = ProviderHost(
            configuration.providers[0], plugin: PluginInspection(plugin, in: configuration), abi: configuration.abi(plugin.abi),
            in: surroundings, listener: ProviderListener(status: { _ in }, event: { _ in }))
        host.start()
        func call(_ name: String, _ arguments: CallArgument...) async -> CallOutcome {
            await host.call(DriverCall(name, arguments, deadline: Clock.monotonic + 60_000))
        }
        #expect(await call("outlets").value == .int(8))
        #expect(await call("measure", .uint(3)).outputs == [.bool(false), .double(0)])
        #expect(await call("switch", .uint(3), .bool(true)).value == .int(0))
        #expect(await call("set_label", .uint(3), .string("node seven")).value == .int(0))
        #expect(await call("measure", .uint(3)).outputs == [.bool(true), .double(47.5)])
        #expect(await call("label", .uint(3)).value == .string("node seven"))
        #expect(await call("label", .uint(9)).value == nil, "NULL is no text")
        #expect(await call("switch", .uint(9), .bool(true)).value == .int(Int64(EINVAL)))
        #expect(await call("switch", .uint(70_000), .bool(true)).status == .invalid, "70,000 is no u16")
        await host.stop()
    }
}
