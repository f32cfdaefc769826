import Foundation
import JSON
import TestSupport
import Testing

extension RunningHost {
    /// A configuration with the inventory driver: a provider with room for anything, whose machines are lines in a file.
    static func shelf(_ more: String = "") throws -> String {
        """
        [host]
        name = test
        plugin-path = \(Scratch.directory)
        \(more)
        [plugin inventory]
        module = \(URL(filePath: try ExampleDrivers.inventory()).lastPathComponent)
        abi = compute/1
        [provider shelf]
        plugin = inventory
        config.file = ${state}/shelf.inventory
        config.nodes = 4
        config.cpus = 64000
        config.memory_mib = 64000000
        """
    }

    /// Waits until the scheduler takes leases for the shelf.
    func isReady() async throws {
        try await eventually("the shelf is ready; \(execution.standardError)") {
            try await call("provider.list")["providers"]?[0]?["state"] == "ready"
        }
        try await eventually("the scheduler knows the shelf's nodes") {
            try await berth("call", "lease.create", Self.tomorrow("probe", dryRun: true).text).status == .exited(0)
        }
    }

    /// A request for a lease that begins tomorrow: it is promised now and makes no machine meanwhile.
    static func tomorrow(_ name: String, dryRun: Bool = false) -> JSON {
        let start = ISO8601DateFormatter().string(from: Date(timeIntervalSinceNow: 86_400))
        var lease: JSON = [
            "name": .string(name), "kind": "advance", "start": .string(start), "duration_s": 3600,
            "groups": [["cpus": 1, "memory_mib": 64, "disk_gib": 0]],
        ]
        if dryRun { lease["dry_run"] = true }
        return lease
    }
}
