import CLibvirt
import Glibc
import PluginKit

/// Start, stop and what lies between. Each looks first, so that a repetition is no error.
extension Hypervisor {
    /// What a domain does, as far as the verbs care.
    private enum Activity {
        case running, paused, saved, off

        init(_ domain: Domain) throws {
            switch virDomainState(rawValue: UInt32(bitPattern: try domain.state().state)) {
            case VIR_DOMAIN_PAUSED: self = .paused
            case VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_CRASHED: self = try domain.hasManagedSave() ? .saved : .off
            default: self = .running
            }
        }
    }

    func start(_ domain: Domain) throws {
        switch try Activity(domain) {
        case .running: return
        case .paused: try domain.unpause()
        case .saved, .off: try domain.start()
        }
    }

    /// Asks the guest, gives it time, and then cuts its power. A guest that is just booting does not hear the first ring: it is
    /// rung again.
    func stop(_ domain: Domain, _ doing: Doing) throws {
        let timeout = try doing.integer("timeout_s") ?? settings.stopTimeout
        switch try Activity(domain) {
        case .off: return
        case .saved:
            // Powered off is without its memory.
            try domain.removeManagedSave()
            return
        case .paused: try domain.unpause()
        case .running: break
        }
        let end = monotonicMilliseconds() + Int64(timeout) * 1000
        var nextRing: Int64 = 0
        var isForced = try doing.boolean("force")
        while try domain.isActive() {
            let now = monotonicMilliseconds()
            if isForced || now >= end {
                try domain.powerOff()
                return
            }
            if now >= nextRing {
                isForced = try !domain.shutDown()
                nextRing = now + 5000
            }
            try doing.errand.check()
            usleep(50_000)
        }
    }

    func reboot(_ domain: Domain, isForced: Bool) throws {
        guard try Activity(domain) == .running else { throw DriverError.conflict("machine '\(domain.name)' does not run") }
        if isForced { try domain.reset() } else { try domain.reboot() }
    }

    func pause(_ domain: Domain) throws {
        switch try Activity(domain) {
        case .paused: return
        case .running: try domain.pause()
        case .saved, .off: throw DriverError.conflict("machine '\(domain.name)' does not run")
        }
    }

    func unpause(_ domain: Domain) throws {
        switch try Activity(domain) {
        case .running: return
        case .paused: try domain.unpause()
        case .saved, .off: throw DriverError.conflict("machine '\(domain.name)' is not paused")
        }
    }

    func suspend(_ domain: Domain) throws {
        switch try Activity(domain) {
        case .saved: return
        case .running, .paused: try domain.managedSave()
        case .off: throw DriverError.conflict("machine '\(domain.name)' does not run: there is no memory to save")
        }
    }

    func resume(_ domain: Domain) throws {
        switch try Activity(domain) {
        case .running: return
        case .paused: try domain.unpause()
        case .saved: try domain.start()
        case .off: throw DriverError.conflict("machine '\(domain.name)' is not suspended")
        }
    }
}
