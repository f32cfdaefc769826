public import JSON
public import Model
import Synchronization

/// One open handle of a driver: builds what the ABI hands over, makes the calls, and collects what they leave.
///
/// Calls block the thread that makes them. A library that is not reentrant gets one call at a time: the caller sees to it.
public final class DriverSession: Sendable {
    public let library: DriverLibrary
    private let host: HostContext
    /// The driver's `berth_driver_t`; zero while it is not open.
    private let handle = Atomic<UInt>(0)

    public init(_ library: DriverLibrary, version: String = berthVersion, listener: DriverListener) {
        self.library = library
        host = HostContext(listener, version: version, major: library.abi.revision, minor: library.abi.minor)
    }

    /// `open`, with settings that fit the schema. A failed one needs no `close`. Nothing to do where the ABI has no `open`.
    public func open(_ settings: JSON, _ control: CallControl) -> CallOutcome {
        guard let open = library.calls["open"] else { return CallOutcome(.ok) }
        // An ABI's `open` may take no settings.
        let arguments: [CallArgument] = open.call.parameters.contains(where: \.isGiven) ? [.bytes(settings.bytes)] : []
        return invoke(open, arguments, control)
    }

    /// Makes a call with the arguments that the host does not fill in by itself (handle, host, call), in the order of the
    /// signature: `call("create", [.string(key), .bytes(spec)], control)`. What the driver's capabilities do not list is
    /// not called, unless a checker wants to see what happens.
    public func call(
        _ name: String, _ arguments: [CallArgument], _ control: CallControl, ignoringCapabilities: Bool = false
    ) -> CallOutcome {
        guard let call = library.calls[name] else {
            let known = library.abi.call(name) == nil ? "no section declares a call '\(name)'" : "the library has no '\(name)'"
            return CallOutcome(.unsupported, message: known)
        }
        if !ignoringCapabilities, let missing = library.lacks(name, arguments) {
            return CallOutcome(.unsupported, message: "the driver does not list '\(missing)' among its capabilities")
        }
        return invoke(call, arguments, control)
    }

    /// `close`; no event or log line arrives after it returns. No call may be in flight. Doing it again does nothing.
    public func close() {
        if let close = library.calls["close"], library.calls["open"] == nil || handle.load(ordering: .acquiring) != 0 {
            _ = invoke(close, [], CallControl(id: 0, deadline: .max))
        }
        handle.store(0, ordering: .releasing)
        host.close()
    }

    private func invoke(_ call: PreparedCall, _ arguments: [CallArgument], _ control: CallControl) -> CallOutcome {
        let context = CallContext.begin(control)
        let implicit = PreparedCall.Implicit(
            host: UInt(bitPattern: host.pointer), call: UInt(bitPattern: context.pointer), handle: handle.load(ordering: .acquiring))
        let returned: PreparedCall.Returned
        do throws(BerthError) {
            returned = try call.invoke(arguments, implicit)
        } catch {
            _ = context.end()
            return CallOutcome(.invalid, message: error.message)
        }
        let left = context.end()
        var outcome = CallOutcome(CallStatus(returned: returned.status))
        outcome.nanoseconds = returned.nanoseconds
        outcome.outputs = returned.outputs
        if !call.returnsStatus { outcome.value = returned.value }
        if left.isTooLarge {
            outcome.status = .broken
            outcome.message = "the driver's document has more than \(CallContext.largestDocument >> 20) MiB"
        } else if outcome.status == .ok {
            outcome.document = left.document
            if returned.handle != 0 { handle.store(returned.handle, ordering: .releasing) }
        } else {
            outcome.message = left.message
            outcome.native = left.native
            if CallStatus(rawValue: returned.status) == nil {
                outcome.message = "the driver returned the unknown status \(returned.status)" + (left.message.map { ": \($0)" } ?? "")
            }
        }
        return outcome
    }
}
