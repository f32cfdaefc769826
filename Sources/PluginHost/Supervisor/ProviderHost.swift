import CShim
import Glibc
import Model
import Platform
import Synchronization

/// A provider put to use: its driver in a worker process or, with `isolation = thread`, in this one; supervised,
/// started again when it dies, and quarantined when it dies too often. Each call gets exactly one answer, whatever
/// happens.
///
/// One thread a provider waits for its worker (`ProviderLoop`), so that no provider waits for another. A call goes to the
/// worker's socket from the thread that makes it; its answer comes on the provider's thread.
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
        /// How long a worker may take to get its lock and to load the driver, in milliseconds.
        public var loading: Int64 = 20_000
        /// How long a reload waits for calls that can be repeated, before it repeats them with the next worker.
        public var reloadPatience: Int64 = 10_000
        /// Back-off, quarantine and probing; the budget is the provider's own.
        var rules = SupervisorMachine.Rules()

        public init(stateDirectory: String, hostVersion: String) {
            self.stateDirectory = stateDirectory
            self.hostVersion = hostVersion
        }
    }

    public let name: String
    let surroundings: Surroundings
    let listener: ProviderListener
    /// Ends the loop's wait.
    let wakeUp: Int32
    let state: Mutex<State>
    private let thread = Mutex<OSThread?>(nil)

    /// What is configured; taken into use by the next worker.
    struct Plan: Sendable {
        var provider: ProviderSection
        var plugin: PluginInspection?
        var abi: ABIDescription?

        /// Why it cannot be put to use as it is; nil: it can.
        var obstacle: SupervisorMachine.Input? {
            guard provider.isEnabled else { return .disable }
            guard let plugin else { return .unconfigure("there is no plugin '\(provider.plugin)'; see berth plugins") }
            guard plugin.state == .ready else {
                return .unconfigure("plugin \(plugin.plugin.name) is \(plugin.state.rawValue): \(plugin.reason ?? "")")
            }
            return abi == nil ? .unconfigure("nothing declares the ABI '\(plugin.plugin.abi)'") : nil
        }
    }

    /// What the provider's thread and everybody else share.
    struct State {
        var plan: Plan
        var machine: SupervisorMachine
        var status: ProviderStatus
        var calls = CallTable()
        /// What the machine is told next, by the loop.
        var inputs: [SupervisorMachine.Input] = []
        /// The socket of the worker of now, and what it has not taken yet.
        var channel: Int32?
        var outgoing: [UInt8] = []
        /// How many calls the driver takes at a time.
        var limit = 1
        var nextID: UInt64 = 1
        /// When the loop looks at its clocks anyway: only an earlier need wakes it.
        var loopWakes = Int64.min
        /// No later than this everything is over.
        var stopBy: Int64?
        var waiters: [CheckedContinuation<Void, Never>] = []
        var isRunning = false
    }

    /// Nothing runs before `start`.
    public init(
        _ provider: ProviderSection, plugin: PluginInspection?, abi: ABIDescription?, in surroundings: Surroundings,
        listener: ProviderListener
    ) {
        name = provider.name
        self.surroundings = surroundings
        self.listener = listener
        wakeUp = cshim_eventfd()
        var rules = surroundings.rules
        rules.budget = provider.restart
        rules.canKill = provider.isolation == .process
        var machine = SupervisorMachine(rules)
        if access(surroundings.drainMark(provider.name), F_OK) == 0 { _ = machine.handle(.drain, at: 0) }
        let status = ProviderStatus(
            name: provider.name, plugin: provider.plugin, isolation: provider.isolation, state: .starting,
            since: Instant(milliseconds: Clock.real))
        state = Mutex(State(plan: Plan(provider: provider, plugin: plugin, abi: abi), machine: machine, status: status))
    }

    deinit {
        close(wakeUp)
    }

    public var status: ProviderStatus { state.withLock { $0.status } }

    /// Whether its thread and its worker are gone, or never were.
    public var isStopped: Bool { state.withLock { !$0.isRunning } }

    // MARK: life

    /// Starts the provider's thread, which starts the worker.
    public func start() {
        let isFirst = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isFirst else { return }
        mkdir(surroundings.stateDirectory, 0o700)
        mkdir("\(surroundings.stateDirectory)/providers", 0o700)
        post(.start)
        let thread = OSThread("berth/\(name)") { [self] in ProviderLoop(self).run() }
        guard thread == nil else { return self.thread.withLock { $0 = thread } }
        Log.error("the system refuses a thread for a provider", ["provider": name])
        state.withLock { $0.isRunning = false }
    }

    /// Says that it is over, without waiting: calls in flight may end, no new ones are taken, waiting ones are answered `retry`.
    public func beginStop(within milliseconds: Int64 = 5_000) {
        state.withLock { $0.stopBy = Clock.monotonic + milliseconds }
        post(.stop)
    }

    /// Lets calls in flight end, closes the driver, ends the worker (by force after `within` milliseconds) and joins the
    /// thread. Calls that wait are answered `retry`.
    public func stop(within milliseconds: Int64 = 5_000) async {
        beginStop(within: milliseconds)
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.isRunning { state.waiters.append(continuation) }
                return !state.isRunning
            }
            if isOver { continuation.resume() }
        }
        join()
    }

    /// `stop` for a thread that may block.
    public func stopAndWait(within milliseconds: Int64 = 5_000) {
        beginStop(within: milliseconds)
        join()
    }

    private func join() {
        thread.withLock { thread in
            defer { thread = nil }
            return thread
        }?.join()
    }

    // MARK: the operator

    /// The operator's word that the provider takes nothing new; kept in the state directory until `resume`.
    public func drain() {
        mkdir("\(surroundings.stateDirectory)/providers", 0o700)
        let mark = open(surroundings.drainMark(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        if mark >= 0 {
            fsync(mark)
            close(mark)
        } else {
            Log.error("the drain of a provider will not outlive this host", ["provider": name, "errno": "\(cshim_errno())"])
        }
        post(.drain)
    }

    public func resume() {
        unlink(surroundings.drainMark(name))
        post(.resume)
    }

    /// Forgets deaths and quarantine and starts again at once; a provider that is well is left alone.
    public func reset() {
        let input = state.withLock { $0.plan.obstacle ?? .reset }
        post(input)
    }

    /// Takes new settings or a changed file into use: calls in flight end, the worker is replaced, calls that can be
    /// repeated are not lost.
    public func reload(_ provider: ProviderSection, plugin: PluginInspection?, abi: ABIDescription?) {
        let input = state.withLock { state in
            state.plan = Plan(provider: provider, plugin: plugin, abi: abi)
            return state.plan.obstacle ?? .reload
        }
        post(input)
    }

    func post(_ input: SupervisorMachine.Input) {
        state.withLock { $0.inputs.append(input) }
        wake()
    }

    func wake() {
        cshim_eventfd_signal(wakeUp)
    }
}

extension ProviderHost.Surroundings {
    func lock(_ provider: String) -> String { "\(stateDirectory)/providers/\(provider).lock" }
    func drainMark(_ provider: String) -> String { "\(stateDirectory)/providers/\(provider).draining" }
}
