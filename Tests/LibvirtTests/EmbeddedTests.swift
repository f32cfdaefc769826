import Foundation
import JSON
import Platform
import PluginHost
import TestSupport
import Testing

/// A kernel and an initramfs that boot in seconds under emulation; made once, from Debian's packages.
enum TinyGuest {
    static let directory = "\(Repository.root)/.build/guest"

    /// Whether it is there. Says loudly why where it cannot be made.
    static let isThere: Bool = {
        guard getuid() == 0 else { return skipped("the embedded hypervisor is tried as root") }
        guard let made = try? Execution.run("/bin/bash", ["\(Repository.root)/Tests/Stacks/libvirt/make-guest", directory]),
            made.status == .exited(0)
        else { return skipped("Tests/Stacks/libvirt/make-guest failed") }
        return true
    }()

    private static func skipped(_ why: String) -> Bool {
        print("\n*** SKIPPED: real guests: \(why)\n")
        return false
    }

    static let image = "kernel=\(directory)/vmlinuz initrd=\(directory)/initrd cmdline=\"console=ttyS0 quiet\""
}

/// Real QEMU guests of the embedded libvirt, through a worker process as the host runs it.
@Suite("libvirt, real guests", .serialized, .enabled(if: TinyGuest.isThere))
struct EmbeddedTests {
    private let directory: TemporaryDirectory
    private let host: ProviderHost
    private let root: String

    init() throws {
        directory = try TemporaryDirectory("embed")
        root = directory("lab")
        let file = try directory.write(
            "plugins.conf",
            """
            [host]
            plugin-path = \(Products.directory)
            [plugin libvirt]
            module = libvirt.so
            abi = compute/1
            [provider lab]
            plugin = libvirt
            config.uri = qemu:///embed?root=\(root)
            config.accel = tcg
            """)
        let configuration = try Configuration.load(file, state: directory.path)
        let provider = try #require(configuration.provider("lab"))
        let plugin = try #require(configuration.plugin("libvirt"))
        var surroundings = ProviderHost.Surroundings(stateDirectory: directory.path, hostVersion: "test")
        surroundings.workerProgram = Products.berth
        host = ProviderHost(
            provider, plugin: PluginInspection(plugin, in: configuration), abi: configuration.abi("compute/1"), in: surroundings,
            listener: ProviderListener(status: { _ in }, event: { _ in }))
        host.start()
    }

    private func call(_ name: String, _ arguments: [CallArgument] = []) async throws -> CallOutcome {
        let outcome = await host.call(DriverCall(name, arguments, deadline: Clock.monotonic + 120_000))
        try #require(outcome.status == .ok, "\(name): \(outcome.message ?? "") \(outcome.native ?? "") \(outcome.death ?? "")")
        return outcome
    }

    private func machines() async throws -> [JSON] {
        try await call("list").document.split(separator: UInt8(ascii: "\n")).map { try JSON(parsing: $0) }
    }

    /// The seconds that the guest says it is up, as its console log has them.
    private func uptimes(_ key: String) -> [Int] {
        let log = (try? String(contentsOfFile: "\(root)/console/\(key).log", encoding: .utf8)) ?? ""
        return log.split(whereSeparator: \.isNewline).compactMap { line in
            line.hasPrefix("berth-guest up ") ? Int(line.dropFirst(15)) : nil
        }
    }

    @Test("a guest boots, outlives a killed worker, is suspended and resumed where it was, and is destroyed without a trace")
    func life() async throws {
        let key = UUID().uuidString.lowercased()
        let spec: JSON = ["name": "guest", "cpus": 1, "memory_mib": 96, "image": .string(TinyGuest.image)]
        let made = try await JSON(parsing: call("create", [.string(key), .bytes(spec.bytes)]).document)
        let id = try #require(made["id"]?.string)
        #expect(made["key"]?.string == key)
        try await eventually("the guest says that it is up", within: 120) { uptimes(key).count > 2 }

        let worker = try #require(host.status.process)
        let before = try #require(uptimes(key).last)
        kill(worker, SIGKILL)
        try await eventually("another worker has taken over") {
            host.status.process.map { $0 != worker } ?? false && host.status.state == .ready
        }
        #expect(try await machines().map { $0["key"]?.string } == [key])
        try await eventually("the guest went on") { uptimes(key).last ?? 0 > before + 2 }
        #expect(uptimes(key) == uptimes(key).sorted(), "it was never started again")

        _ = try await call("action", [.string(id), .string("suspend"), .bytes([UInt8]("{}".utf8))])
        #expect(try await machines().first?["state"] == "suspended")
        let asleep = try #require(uptimes(key).last)
        _ = try await call("action", [.string(id), .string("resume"), .bytes([UInt8]("{}".utf8))])
        try await eventually("its clock went on from where it was") { uptimes(key).last ?? 0 > asleep + 1 }
        #expect(uptimes(key) == uptimes(key).sorted(), "it was resumed, not started")

        _ = try await call("action", [.string(id), .string("destroy"), .bytes([UInt8]("{}".utf8))])
        #expect(try await machines().isEmpty)
        #expect(!FileManager.default.fileExists(atPath: "\(root)/console/\(key).log"))
        await host.stop()
    }
}
