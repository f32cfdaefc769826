import CLibvirt
import JSON
import PluginKit

extension Hypervisor {
    /// `{}` says where the console is. `{"op": "open"}` opens it as a stream and answers `{"session"}`; with that session,
    /// `read` (`wait_ms`, `limit`) answers `{"data", "closed"}`, `write` takes `data`, `close` ends it. Data is Base64.
    func console(_ doing: Doing, _ machine: (domain: Domain, record: MachineRecord)) throws -> ActionResult {
        switch try doing.string("op") {
        case nil:
            var answer: JSON = ["kind": "pty"]
            if let path = machine.record.console.pty { answer["path"] = .string(path) }
            if let log = machine.record.console.log { answer["log"] = .string(log) }
            return .document(answer)
        case "open":
            guard try machine.domain.isActive() else { throw DriverError.conflict("machine '\(machine.record.name)' does not run") }
            return .document(["session": .string(try consoles.open(machine.domain, doing.connection, isForced: try doing.boolean("force")))]
            )
        case "read":
            let wait = min(try doing.integer("wait_ms") ?? 0, 60_000)
            let limit = min(try doing.integer("limit") ?? 65_536, 1 << 20)
            let (data, isClosed) = try consoles.read(try session(doing), limit: limit, waitMilliseconds: Int64(wait), doing.errand)
            return .document(["data": .string(Base64.encode(data)), "closed": .bool(isClosed)])
        case "write":
            guard let text = try doing.string("data"), let data = Base64.decode(text) else {
                throw DriverError.invalid("argument 'data' is no Base64")
            }
            try consoles.write(try session(doing), data)
            return .done
        case "close":
            consoles.close(try session(doing))
            return .done
        case let other?:
            throw DriverError.invalid("argument 'op' is '\(other)', none of open, read, write, close")
        }
    }

    private func session(_ doing: Doing) throws(DriverError) -> String {
        guard let session = try doing.string("session") else { throw .invalid("argument 'session' is missing") }
        return session
    }
}
