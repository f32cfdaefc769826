import DriverHTTP
import JSON
import PluginKit

/// Nova's servers: one method for each request that the driver makes of them.
struct Servers: Sendable {
    let cloud: Cloud

    /// `GET /servers/detail`: every server of the project, page by page.
    func each(_ patience: HTTPPatience, query: String = "", _ body: (Server) throws(DriverError) -> Void) throws(DriverError) {
        try cloud.pages(.compute, "/servers/detail?limit=1000" + query, "servers", patience) { (json) throws(DriverError) in
            try body(Server(json: json))
        }
    }

    /// `GET /servers/ID`
    func get(_ id: String, _ patience: HTTPPatience) throws(DriverError) -> Server {
        guard Self.isPlain(id) else { throw .notFound("no server has the id '\(id.prefix(64))'") }
        guard let json = try cloud.get(.compute, "/servers/\(id)", patience)["server"], json["id"]?.string != nil else {
            throw .broken("Nova's answer has no server")
        }
        let server = Server(json: json)
        // For a moment after a deletion Nova still shows what is left.
        guard server.state != .gone else { throw .notFound("server \(id) is deleted") }
        return server
    }

    /// Servers that carry the key, oldest first. The name holds it too, so that Nova can look for it.
    func find(key: String, _ patience: HTTPPatience) throws(DriverError) -> [Server] {
        var found: [Server] = []
        try each(patience, query: "&name=\(key)") { (server) throws(DriverError) in
            if server.key == key, server.state != .gone, server.taskState != "deleting" { found.append(server) }
        }
        return found.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
    }

    /// `POST /servers`
    func create(_ body: JSON, _ patience: HTTPPatience) throws(DriverError) -> String {
        let response = try cloud.send("POST", .compute, "/servers", json: ["server": body], patience)
        guard let id = try? response.json()["server"]?["id"]?.string else {
            throw .broken("Nova's answer has no server", native: response.excerpt)
        }
        return id
    }

    /// `POST /servers/ID/action`
    @discardableResult
    func act(_ id: String, _ action: JSON, _ patience: HTTPPatience) throws(DriverError) -> HTTPResponse {
        guard Self.isPlain(id) else { throw .notFound("no server has the id '\(id.prefix(64))'") }
        return try cloud.send("POST", .compute, "/servers/\(id)/action", json: action, patience)
    }

    /// `DELETE /servers/ID`
    func delete(_ id: String, _ patience: HTTPPatience) throws(DriverError) {
        guard Self.isPlain(id) else { throw .notFound("no server has the id '\(id.prefix(64))'") }
        try cloud.send("DELETE", .compute, "/servers/\(id)", patience)
    }

    /// `PUT /servers/ID/metadata/NAME`
    func mark(_ id: String, _ name: String, _ value: String, _ patience: HTTPPatience) throws(DriverError) {
        try cloud.send("PUT", .compute, "/servers/\(id)/metadata/\(name)", json: ["meta": [name: .string(value)]], patience)
    }

    /// Ids go into paths: nothing that could lead elsewhere.
    static func isPlain(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= 64
            && id.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || $0 == 0x2D || $0 == 0x5F
            }
    }
}
