import Model
import Platform

/// A provider put to use: its driver in a worker process or, with `isolation = thread`, in this one; supervised,
/// started again when it dies, and quarantined when it dies too often. Each call gets exactly one answer, whatever
/// happens.
public final class ProviderHost: Sendable {
    /// What holds for every provider of a host.
    public struct Surroundings: Sendable {
        /// Holds `providers/NAME.lock`.
        public var stateDirectory: String
        /// The program that runs `worker NAME`; this one unless a test says otherwise.
        public var workerProgram = "/proc/self/exe"
        public var hostVersion: String
        /// How long past its deadline a call may take before the worker is killed, in milliseconds.
        public var grace: Int64 = 2_000

        public init(stateDirectory: String, hostVersion: String) {
            self.stateDirectory = stateDirectory
            self.hostVersion = hostVersion
        }
    }

    public let name: String

    /// Nothing runs before `start`.
    public init(
        _ provider: ProviderSection, plugin: PluginInspection?, abi: ABIDescription?, in surroundings: Surroundings,
        listener: ProviderListener
    ) {
        name = provider.name
    }

    public var status: ProviderStatus {
        ProviderStatus(name: name, plugin: "", isolation: .process, state: .starting, since: Instant(milliseconds: Clock.real))
    }

    /// Starts the provider's thread, which starts the worker.
    public func start() {}

    /// Lets calls in flight end, closes the driver, ends the worker (by force after `within` milliseconds) and joins the
    /// thread. Calls that wait are answered `retry`.
    public func stop(within milliseconds: Int64 = 5_000) async {}

    /// Hands over a call. `completion` is called exactly once, on the provider's thread or, where the provider takes no
    /// calls, on this one. Calls that find no free thread of the driver wait in order, at most to their deadline.
    @discardableResult
    public func call(_ call: DriverCall, completion: @escaping @Sendable (CallOutcome) -> Void) -> CallTicket {
        completion(CallOutcome(.unsupported))
        return CallTicket(id: 0)
    }

    public func call(_ call: DriverCall) async -> CallOutcome {
        await withCheckedContinuation { continuation in self.call(call) { continuation.resume(returning: $0) } }
    }

    /// Nobody wants the answer any more: a call that waits is answered `cancelled`, one in flight is told so and answers
    /// as its driver sees fit.
    public func cancel(_ ticket: CallTicket) {}

    /// The operator's word that the provider takes nothing new; kept in the state directory until `resume`.
    public func drain() {}
    public func resume() {}

    /// Forgets deaths and quarantine and starts again at once.
    public func reset() {}

    /// Takes new settings or a changed file into use: calls in flight end, the worker is replaced, calls that can be
    /// repeated are not lost.
    public func reload(_ provider: ProviderSection, plugin: PluginInspection?, abi: ABIDescription?) {}
}
