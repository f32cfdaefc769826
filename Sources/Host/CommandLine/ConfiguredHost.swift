import Bus
import Glibc
import JSON
import Model

/// The host that runs with the configuration which a command is about: then it is asked, and else the command looks by itself.
enum ConfiguredHost {
    /// A connection to that host, or nil where none runs, or one with another configuration. A host that is named with `--host` is
    /// asked whatever it runs with.
    static func find(_ arguments: Arguments) async throws -> BusClient? {
        let endpoint = try HostConnection.endpoint(arguments)
        let isNamed = isNamed(arguments)
        // Where no socket is, nobody listens: a listing without a host starts no thread.
        if !isNamed, endpoint.address.hasPrefix("ipc://"), access(String(endpoint.address.dropFirst(6)), R_OK | W_OK) != 0 { return nil }
        let client = try BusClient(endpoint)
        do {
            let info = try await client.request("host.info", [:], ClientOptions(deadline: 10_000))
            let theirs = info["configuration"]?.string ?? ""
            if isNamed || isSameFile(theirs, Places(arguments).configuration) { return client }
        } catch let error as BerthError where !isNamed && error.code == .unreachable {
            // A socket that a killed host left.
        } catch {
            client.close()
            throw error
        }
        client.close()
        return nil
    }

    /// Whether the caller says which host is meant.
    static func isNamed(_ arguments: Arguments) -> Bool {
        arguments.value("--host") != nil || Places.variable("BERTH_HOST") != nil
    }

    private static func isSameFile(_ left: String, _ right: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard stat(left, &first) == 0, stat(right, &second) == 0 else { return left == right }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Every page of a list.
    static func all(_ client: BusClient, _ verb: String, _ noun: String) async throws -> [JSON] {
        var found: [JSON] = []
        var after = JSON.null
        repeat {
            let page = try await client.request(verb, ["limit": 1000, "after": after], ClientOptions(deadline: 60_000))
            found += page[noun]?.array ?? []
            after = page["next"] ?? .null
        } while !after.isNull
        return found
    }
}
