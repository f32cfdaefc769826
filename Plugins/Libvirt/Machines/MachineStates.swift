import CLibvirt
import PluginKit

/// From libvirt's states and reasons to the host's, in one place.
enum MachineStates {
    /// What a machine does, and why, where that is worth a word.
    static func state(
        _ state: Int32, reason: Int32, isSaved: Bool, isBuilding: Bool, failure: String? = nil
    ) -> (state: MachineState, message: String?) {
        if isBuilding { return (.building, nil) }
        switch virDomainState(rawValue: UInt32(bitPattern: state)) {
        case VIR_DOMAIN_RUNNING, VIR_DOMAIN_BLOCKED: return (.running, failure)
        case VIR_DOMAIN_SHUTDOWN: return (.running, "shutting down")
        case VIR_DOMAIN_PAUSED:
            return switch virDomainPausedReason(rawValue: UInt32(bitPattern: reason)) {
            case VIR_DOMAIN_PAUSED_IOERROR: (.paused, failure ?? "a disk failed")
            case VIR_DOMAIN_PAUSED_WATCHDOG: (.paused, "the watchdog fired")
            case VIR_DOMAIN_PAUSED_CRASHED: (.error, "the guest crashed")
            default: (.paused, nil)
            }
        case VIR_DOMAIN_SHUTOFF:
            if isSaved { return (.suspended, nil) }
            return switch virDomainShutoffReason(rawValue: UInt32(bitPattern: reason)) {
            case VIR_DOMAIN_SHUTOFF_CRASHED: (.stopped, "the machine's process died")
            case VIR_DOMAIN_SHUTOFF_FAILED: (.stopped, "the hypervisor could not start it")
            default: (.stopped, failure)
            }
        case VIR_DOMAIN_CRASHED: return (.error, "the guest crashed")
        case VIR_DOMAIN_PMSUSPENDED: return (.suspended, "the guest went to sleep by itself")
        default: return (.unknown, nil)
        }
    }

    /// What a lifecycle event (`virDomainEventType`) says of the machine; nil where it says nothing.
    static func state(event: Int32, detail: Int32) -> (state: MachineState, message: String?)? {
        let detail = UInt32(bitPattern: detail)
        switch virDomainEventType(rawValue: UInt32(bitPattern: event)) {
        case VIR_DOMAIN_EVENT_UNDEFINED: return (.gone, nil)
        case VIR_DOMAIN_EVENT_STARTED, VIR_DOMAIN_EVENT_RESUMED: return (.running, nil)
        case VIR_DOMAIN_EVENT_SUSPENDED:
            return detail == VIR_DOMAIN_EVENT_SUSPENDED_IOERROR.rawValue ? (.paused, "a disk failed") : (.paused, nil)
        case VIR_DOMAIN_EVENT_STOPPED:
            return switch virDomainEventStoppedDetailType(rawValue: detail) {
            case VIR_DOMAIN_EVENT_STOPPED_SAVED: (.suspended, nil)
            case VIR_DOMAIN_EVENT_STOPPED_CRASHED: (.stopped, "the machine's process died")
            case VIR_DOMAIN_EVENT_STOPPED_FAILED: (.stopped, "the hypervisor could not start it")
            default: (.stopped, nil)
            }
        case VIR_DOMAIN_EVENT_PMSUSPENDED: return (.suspended, "the guest went to sleep by itself")
        case VIR_DOMAIN_EVENT_CRASHED: return (.error, "the guest crashed")
        default: return nil
        }
    }
}
