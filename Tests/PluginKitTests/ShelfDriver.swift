import JSON
import PluginABI
import PluginKit

/// A driver that does a bit of everything.
final class ShelfDriver: Driver {
    static let description = DriverDescription(
        name: "Shelf", vendor: "Tests", license: "Apache-2.0", url: "https://example.org",
        capabilities: [.create, .destroy, .console, .events, "acme.polish"],
        settings: [
            .string("path", "where", required: true), .integer("rows", "how many", default: 2, minimum: 1), .strings("tags", "which"),
        ])

    struct Odd: Error {}

    let host: Host
    let rows: Int
    var machines: [Machine] = []
    nonisolated(unsafe) static var closed = 0

    init(settings: Settings, host: Host, call: Call) throws {
        guard try settings.string("path") != "/nowhere" else { throw DriverError.unreachable("no such shelf", native: "ENOENT") }
        rows = try settings.integer("rows")
        self.host = host
        host.info("opened")
    }

    func close() { ShelfDriver.closed += 1 }

    func health(_ call: Call) throws {
        try call.check()
        call.progress(0.5, "looking")
        if rows == 13 { throw Odd() }
    }

    func capacity(_ call: Call) throws -> Capacity {
        Capacity(nodes: [
            Node(
                id: "n1", arch: "x86_64", tags: [("gpu", "yes")], total: Amounts(cpus: 2.5, memoryMiB: 1024),
                used: Amounts(machines: machines.count))
        ])
    }

    func list(_ call: Call, into machines: inout MachineWriter) throws {
        for machine in self.machines { try machines.add(machine) }
        for index in 0..<rows {
            machines.begin("row-\(index)", .running)
            "caf\u{e9}".withCString { machines.text(.name, cString: $0) }
            machines.cpus(0.125)
            machines.memoryMiB(512)
            machines.native { $0.field("power", 7) }
            try machines.end()
        }
    }

    func inspect(_ id: String, _ call: Call) throws -> Machine {
        guard let machine = machines.first(where: { $0.id == id }) else { throw DriverError.notFound("no machine \(id)") }
        return machine
    }

    func create(_ spec: Spec, key: String, _ call: Call) throws -> Machine {
        let machine = Machine(id: "m\(machines.count)", state: .building, name: spec.name, key: key, cpus: spec.cpus)
        machines.append(machine)
        host.emit(.state(machine))
        return machine
    }

    func action(_ verb: Verb, on id: String, arguments: JSON, _ call: Call) throws -> ActionResult {
        switch verb {
        case .destroy:
            machines.removeAll { $0.id == id }
            return .done
        case .console: return .document(["url": "vnc://\(id)", "wait": arguments["wait"] ?? .null])
        case "acme.polish": return .machine(try inspect(id, call))
        default: throw DriverError.unsupported("cannot \(verb)")
        }
    }
}

/// The table of ``ShelfDriver``: what `#berthDriver` expands to, without its exported symbol, because all test targets are
/// one program.
enum Shelf {
    nonisolated(unsafe) static let plugin = DriverExport.plugin(ShelfDriver.self, id: "shelf", version: "1.2") {
        DriverExport.open(ShelfDriver.self, $0, $1, $2, $3, $4)
    }.assumingMemoryBound(to: berth_plugin_t.self)

    static var ops: berth_ops_t { plugin.pointee.ops.pointee }

    /// Opens with settings and answers status and handle.
    static func open(_ settings: String, _ host: RecordingHost) -> (status: berth_status_t, handle: OpaquePointer?) {
        var handle: OpaquePointer?
        let status = host.call { ops.open(host.host, $0, settings, settings.utf8.count, &handle) }
        return (status, handle)
    }
}
