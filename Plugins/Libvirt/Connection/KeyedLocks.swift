import PluginKit
import Synchronization

/// One change at a time for each machine: a create that was left behind by its deadline ends before its repetition begins.
final class KeyedLocks: Sendable {
    private let held = Mutex<Set<MachineID>>([])
    private let signal = Signal()

    func isHeld(_ id: MachineID) -> Bool {
        held.withLock { $0.contains(id) }
    }

    func with<Result>(_ id: MachineID, _ errand: Errand, _ body: () throws -> Result) throws -> Result {
        while true {
            try errand.check()
            if signal.wait(milliseconds: 200, until: { held.withLock { $0.insert(id).inserted } }) { break }
        }
        defer { signal.notify { held.withLock { _ = $0.remove(id) } } }
        return try body()
    }
}
