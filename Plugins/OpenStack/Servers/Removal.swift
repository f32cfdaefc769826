import DriverHTTP
import JSON
import PluginKit

/// `destroy`: the server and what came with it, and nothing else's. Volumes made with it go by themselves
/// (`delete_on_termination`).
struct Removal {
    let cloud: Cloud
    let servers: Servers
    let lookout: Lookout
    let patience: HTTPPatience

    func run(_ server: Server) throws(DriverError) {
        do throws(DriverError) { try delete(server.id) } catch  where error.status == .notFound {}
        for id in (server.metadata[Server.Mark.addresses]?.string ?? "").split(separator: ",") {
            try withoutMissing { () throws(DriverError) in try cloud.send("DELETE", .network, "/floatingips/\(id)", patience) }
        }
        if let name = server.metadata[Server.Mark.keyPair]?.string {
            try withoutMissing { () throws(DriverError) in try cloud.send("DELETE", .compute, "/os-keypairs/\(name)", patience) }
        }
    }

    /// Waits until the server is gone, so that its room is free when this returns.
    func delete(_ id: String) throws(DriverError) {
        let since = cloud.now
        try servers.delete(id, patience)
        let (left, isOver) = try lookout.wait(id, since: since, atMost: .max, patience) { servers in
            servers.contains { $0.state == .gone || $0.status == "ERROR" && $0.taskState == nil }
        }
        guard isOver else { throw .deadline("server \(id) is still being deleted") }
        if let server = left.first, server.state != .gone {
            throw .retry("the cloud failed to delete server \(id)", native: server.fault?.words)
        }
    }

    private func withoutMissing(_ delete: () throws(DriverError) -> HTTPResponse) throws(DriverError) {
        do throws(DriverError) { _ = try delete() } catch  where error.status == .notFound {}
    }
}
