import CLibvirt
import PluginKit

/// Tells the host what happens to machines without a call. On the event loop's thread: nothing here asks libvirt anything.
final class Reporter: Sendable {
    private let host: Host
    private let table: MachineTable
    private let busy: KeyedLocks

    init(host: Host, table: MachineTable, busy: KeyedLocks) {
        self.host = host
        self.table = table
        self.busy = busy
    }

    func machine(_ id: MachineID, _ name: String, _ happening: EventListener.Happening) {
        switch happening {
        case .lifecycle(let event, let detail): lifecycle(id, name, event, detail)
        case .rebooted: tell(id, name, .running, "rebooted")
        case .ioError(let message):
            table.put(failure: message, of: id)
            tell(id, name, .running, message)
        case .changed:
            // Our own changes are known already.
            if !busy.isHeld(id) { table.forget(id) }
        }
    }

    private func lifecycle(_ id: MachineID, _ name: String, _ event: Int32, _ detail: Int32) {
        if UInt32(bitPattern: event) == VIR_DOMAIN_EVENT_DEFINED.rawValue {
            // Somebody else made it or changed it: its XML has to be read again, which a list does.
            guard !busy.isHeld(id) else { return }
            table.forget(id)
            host.emit(.resync)
            return
        }
        guard let (state, message) = MachineStates.state(event: event, detail: detail) else { return }
        if state == .running { table.put(failure: nil, of: id) }
        tell(id, name, state, message)
        if state == .gone { table.forget(id) }
    }

    private func tell(_ id: MachineID, _ name: String, _ state: MachineState, _ message: String?) {
        let entry = table[id]
        // While it is being made, the answer of `create` speaks for it.
        if entry?.record.metadata?.isBuilding == true, state != .gone { return }
        var machine = Machine(id: id.description, state: state, name: name)
        machine.key = entry?.record.metadata?.key
        machine.message = message
        host.emit(.state(machine))
    }
}
