import Bus
import Glibc
import JSON
import Model
import Platform

/// How commands reach a host: `--host`, else `BERTH_HOST`, else the socket in the run directory. Over TCP with the key file of
/// `berth keys new` (`--key-file`, `BERTH_KEY_FILE`).
enum HostConnection {
    static func endpoint(_ arguments: Arguments, socket: String = "bus") throws -> ClientEndpoint {
        let given = arguments.value("--host") ?? Places.variable("BERTH_HOST")
        var endpoint = ClientEndpoint(given ?? "ipc://\(Places(arguments).run)/\(socket)")
        guard endpoint.address.hasPrefix("tcp://") || endpoint.address.hasPrefix("ipc://") else {
            throw UsageError("--host wants ipc://PATH or tcp://ADDRESS:PORT, not '\(endpoint.address)'")
        }
        if let path = arguments.value("--key-file") ?? Places.variable("BERTH_KEY_FILE") {
            try read(path, &endpoint)
        }
        return endpoint
    }

    private static func read(_ path: String, _ endpoint: inout ClientEndpoint) throws {
        guard let bytes = try? Files.read(path), let file = try? JSON(parsing: bytes), let publicKey = file["public"]?.string,
            let secretKey = file["secret"]?.string, let host = file["host"]?.string
        else { throw UsageError("\(path) is no key file; berth keys new NAME --out FILE makes one") }
        endpoint.keys = CurveKeys(publicKey: publicKey, secretKey: secretKey)
        endpoint.hostKey = host
    }

    /// Whether a host is meant: one was named, or its lock in the run directory is held.
    static func isThere(_ arguments: Arguments) -> Bool {
        arguments.value("--host") != nil || Places.variable("BERTH_HOST") != nil || HostLock.isHeld(in: Places(arguments).run)
    }

    /// Runs `body` with a connection that is closed afterwards.
    static func with<Value: Sendable>(_ arguments: Arguments, _ body: (BusClient) async throws -> Value) async throws -> Value {
        let client = try BusClient(try endpoint(arguments))
        defer { client.close() }
        return try await body(client)
    }
}
