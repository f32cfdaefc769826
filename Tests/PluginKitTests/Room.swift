import PluginKit

// Here only to see that a driver compiles; its tests come next.
#berthDriver(EmptyDriver.self, id: "empty", version: "1.0")

final class EmptyDriver: Driver {
    static let description = DriverDescription(
        name: "No machines at all", capabilities: [.create, .destroy], settings: [.string("path", "where", required: true)])

    init(settings: Settings, host: Host, call: Call) throws {
        host.info("opened with \(try settings.string("path"))")
    }

    func health(_ call: Call) throws {}
    func capacity(_ call: Call) throws -> Capacity { Capacity(nodes: []) }
    func list(_ call: Call, into machines: inout MachineWriter) throws {}
    func inspect(_ id: String, _ call: Call) throws -> Machine { throw DriverError.notFound("no machine \(id)") }
    func create(_ spec: Spec, key: String, _ call: Call) throws -> Machine { throw DriverError.exhausted("no room") }
}
