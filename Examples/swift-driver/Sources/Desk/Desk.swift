import JSON
import PluginKit

#berthDriver(Desk.self, id: "desk", version: "1.0")

/// A lab's desk as a provider: its machines are boards that somebody plugs in by hand. Each is a card, a JSON file in a
/// folder; who walks by sees what is wanted. Nothing is kept here, so a crash between two calls costs nothing.
final class Desk: Driver {
    static let description = DriverDescription(
        name: "A desk of boards", vendor: "Somebody Else", license: "Apache-2.0",
        capabilities: [.create, .start, .stop, .destroy],
        settings: [
            .string("folder", "where the cards are kept; made if it is not there", required: true),
            .integer("boards", "how many boards the desk has", default: 8, minimum: 0, maximum: 1000),
        ])

    private let cards: Cards
    private let boards: Int

    init(settings: Settings, host: Host, call: Call) throws {
        boards = try settings.integer("boards")
        cards = try Cards(in: try settings.string("folder"))
        host.info("a desk of \(boards) boards in \(cards.folder)")
    }

    func health(_ call: Call) throws { _ = try cards.names() }

    func capacity(_ call: Call) throws -> Capacity {
        let used = try cards.all()
        return Capacity(nodes: [
            Node(
                id: "desk", arch: "aarch64", total: Amounts(cpus: Double(4 * boards), memoryMiB: 4096 * boards, machines: boards),
                used: Amounts(
                    cpus: used.reduce(0) { $0 + ($1.cpus ?? 0) }, memoryMiB: used.reduce(0) { $0 + ($1.memoryMiB ?? 0) },
                    machines: used.count))
        ])
    }

    func list(_ call: Call, into machines: inout MachineWriter) throws {
        for machine in try cards.all() {
            try call.check()
            try machines.add(machine)
        }
    }

    func inspect(_ id: String, _ call: Call) throws -> Machine { try cards.read(id) }

    /// The key is the card's name: the same key finds the card that is there, whoever wrote it.
    func create(_ spec: Spec, key: String, _ call: Call) throws -> Machine {
        let id = "board-\(key)"
        if let machine = try? cards.read(id) { return machine }
        guard try cards.names().count < boards else { throw DriverError.exhausted("all \(boards) boards are taken") }
        let machine = Machine(
            id: id, state: .running, name: spec.name, key: key, cpus: spec.cpus ?? 4, memoryMiB: spec.memoryMiB ?? 4096, node: "desk",
            image: spec.image)
        try cards.write(machine)
        return machine
    }

    func action(_ verb: Verb, on id: String, arguments: JSON, _ call: Call) throws -> ActionResult {
        guard [.start, .stop, .destroy].contains(verb) else { throw DriverError.unsupported("a desk cannot \(verb)") }
        var machine = try cards.read(id)
        if verb == .destroy {
            try cards.remove(id)
            return .done
        }
        machine.state = verb == .start ? .running : .stopped
        try cards.write(machine)
        return .machine(machine)
    }
}
