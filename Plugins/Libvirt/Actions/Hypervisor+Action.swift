import CLibvirt
public import JSON
public import PluginKit

extension Hypervisor {
    /// Every verb can be repeated: one that finds its work done answers that it is.
    public func action(_ verb: Verb, on id: String, arguments: JSON, _ call: Call) throws -> ActionResult {
        let machine = try machineID(id)
        return try ask(call, "\(verb) machine \(id)", isRepeatable: verb != .snapshot && verb != .migrate) { [self] connection, errand in
            let doing = Doing(verb: verb, id: machine, arguments: arguments, connection: connection, errand: errand)
            // A console is only looked at and typed on, as long as somebody likes.
            if verb == .console { return try console(doing, try ours(doing)) }
            return try busy.with(machine, errand) { try act(doing, try ours(doing)) }
        }
    }

    /// One action under way.
    struct Doing {
        var verb: Verb
        var id: MachineID
        var arguments: JSON
        var connection: Connection
        var errand: Errand

        /// An argument's whole number.
        func integer(_ name: String) throws(DriverError) -> Int? {
            guard let value = arguments[name], !value.isNull else { return nil }
            guard let number = value.int, number >= 0 else { throw .invalid("argument '\(name)' is no whole number") }
            return number
        }

        func string(_ name: String) throws(DriverError) -> String? {
            guard let value = arguments[name], !value.isNull else { return nil }
            guard let text = value.string else { throw .invalid("argument '\(name)' is no string") }
            return text
        }

        func boolean(_ name: String) throws(DriverError) -> Bool {
            guard let value = arguments[name], !value.isNull else { return false }
            guard let flag = value.bool else { throw .invalid("argument '\(name)' is not true or false") }
            return flag
        }
    }

    /// The machine, if it is ours: others are never touched.
    private func ours(_ doing: Doing) throws -> (domain: Domain, record: MachineRecord) {
        guard let domain = try doing.connection.domain(doing.id), let record = try read(domain) else {
            throw DriverError.notFound("there is no machine \(doing.id)")
        }
        guard record.isOurs else {
            throw DriverError.denied("machine '\(record.name)' was not made by Berth and is not touched")
        }
        return (domain, record)
    }

    private func act(_ doing: Doing, _ machine: (domain: Domain, record: MachineRecord)) throws -> ActionResult {
        let domain = machine.domain
        switch doing.verb {
        case .destroy:
            try discard(domain, doing.id, doing.connection)
            return .done
        case .start: try start(domain)
        case .stop: try stop(domain, doing)
        case .reboot: try reboot(domain, isForced: try doing.boolean("force"))
        case .pause: try pause(domain)
        case .unpause: try unpause(domain)
        case .suspend: try suspend(domain)
        case .resume: try resume(domain)
        case .resize: return try resize(machine, doing)
        case .snapshot: return try snapshot(domain, doing)
        case .restore: try restore(domain, doing)
        case .migrate: return try migrate(machine, doing)
        default: throw DriverError.unsupported("this driver cannot \(doing.verb)")
        }
        guard let now = try inspect(domain, doing.connection) else { return .done }
        return .machine(now)
    }
}
