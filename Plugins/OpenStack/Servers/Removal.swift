import DriverHTTP
import JSON
import PluginKit

/// `destroy`: the server and what came with it, and nothing else's. Volumes made with it go by themselves
/// (`delete_on_termination`).
struct Removal {
    let cloud: Cloud
    let servers: Servers
    let patience: HTTPPatience

    func run(_ server: Server) throws(DriverError) {
        do throws(DriverError) {
            try servers.delete(server.id, patience)
        } catch  where error.status == .notFound {}
        for id in (server.metadata[Server.Mark.addresses]?.string ?? "").split(separator: ",") {
            try withoutMissing { () throws(DriverError) in try cloud.send("DELETE", .network, "/floatingips/\(id)", patience) }
        }
        if let name = server.metadata[Server.Mark.keyPair]?.string {
            try withoutMissing { () throws(DriverError) in try cloud.send("DELETE", .compute, "/os-keypairs/\(name)", patience) }
        }
    }

    private func withoutMissing(_ delete: () throws(DriverError) -> HTTPResponse) throws(DriverError) {
        do throws(DriverError) { _ = try delete() } catch  where error.status == .notFound {}
    }
}
